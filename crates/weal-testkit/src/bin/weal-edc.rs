//! A node for the reference connector to talk with:
//!
//! ```text
//! weal-edc ORIGIN
//! ```
//!
//! `ORIGIN` is where the connector is reached (`http://127.0.0.1:9194`). Says where the node answers and where its
//! operator's token lies, then answers until its standard input ends. `cargo xtask conformance edc` runs both.

use std::io::Read as _;
use std::process::ExitCode;

#[tokio::main]
async fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [origin] = arguments.as_slice() else {
        eprintln!("usage: weal-edc ORIGIN");
        return ExitCode::from(2);
    };
    let node = weal_testkit::edc::Beside::start(origin).await;
    println!("{} {}", node.origin(), node.operator_token());
    // Whoever started us holds the other end, so that nobody is left behind.
    let _ = tokio::task::spawn_blocking(|| std::io::stdin().read_to_end(&mut Vec::new())).await;
    node.stop().await;
    ExitCode::SUCCESS
}
