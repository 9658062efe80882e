//! A node for a public test kit to test:
//!
//! ```text
//! weal-tck PART KIT PROPERTIES
//! ```
//!
//! `PART` says which kit, and of which role: `dsp`, `dcp-verifier`, `dcp-holder` or `dcp-issuer`. `KIT` is the address
//! at which the kit will listen (`127.0.0.1:8083`). What the kit must be told is written to the file `PROPERTIES`;
//! then the node answers until its standard input ends. `cargo xtask conformance dsp` and `dcp` run both.

use std::io::Read as _;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use weal_testkit::dcp::{self, Role};
use weal_testkit::tck;

#[tokio::main]
async fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [part, kit, properties] = arguments.as_slice() else { return usage() };
    let Ok(kit) = kit.parse::<SocketAddr>() else { return usage() };
    let properties = PathBuf::from(properties);
    if part == "dsp" {
        let node = tck::Tested::start(kit).await;
        if let Err(code) = tell(&properties, &node.properties(), &node.origin()) {
            return code;
        }
        until_input_ends().await;
        node.stop().await;
        return ExitCode::SUCCESS;
    }
    let Some(role) = part.strip_prefix("dcp-").and_then(Role::named) else { return usage() };
    let node = dcp::Tested::start(role, kit).await;
    if let Err(code) = tell(&properties, &node.properties(), &node.origin()) {
        return code;
    }
    until_input_ends().await;
    println!("asked: {}", node.stop().await);
    ExitCode::SUCCESS
}

fn tell(file: &Path, properties: &str, origin: &str) -> Result<(), ExitCode> {
    if let Err(cause) = std::fs::write(file, properties) {
        eprintln!("{}: {cause}", file.display());
        return Err(ExitCode::FAILURE);
    }
    println!("ready: {origin}");
    Ok(())
}

/// Whoever started us holds the other end, so that nobody is left behind.
async fn until_input_ends() {
    let _ = tokio::task::spawn_blocking(|| std::io::stdin().read_to_end(&mut Vec::new())).await;
}

fn usage() -> ExitCode {
    eprintln!("usage: weal-tck PART KIT-ADDRESS PROPERTIES-FILE");
    ExitCode::from(2)
}
