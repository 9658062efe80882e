//! A node for the public test kit of the Dataspace Protocol to test:
//!
//! ```text
//! weal-tck KIT PROPERTIES
//! ```
//!
//! `KIT` is the address at which the kit will listen (`127.0.0.1:8083`). What the kit must be told is written
//! to the file `PROPERTIES`; then the node answers until its standard input ends. `cargo xtask conformance dsp`
//! runs both.

use std::io::Read as _;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

#[tokio::main]
async fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [kit, properties] = arguments.as_slice() else { return usage() };
    let Ok(kit) = kit.parse::<SocketAddr>() else { return usage() };
    let properties = PathBuf::from(properties);
    let node = weal_testkit::tck::Tested::start(kit).await;
    if let Err(cause) = std::fs::write(&properties, node.properties()) {
        eprintln!("{}: {cause}", properties.display());
        return ExitCode::FAILURE;
    }
    println!("ready: {}", node.origin());
    // Whoever started us holds the other end, so that nobody is left behind.
    let _ = tokio::task::spawn_blocking(|| std::io::stdin().read_to_end(&mut Vec::new())).await;
    node.stop().await;
    ExitCode::SUCCESS
}

fn usage() -> ExitCode {
    eprintln!("usage: weal-tck KIT-ADDRESS PROPERTIES-FILE");
    ExitCode::from(2)
}
