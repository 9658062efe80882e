//! The command line, from outside.

mod demo;
mod exits;
mod help;
mod own_node;
mod population;
mod print;
mod verify;
mod words;

use std::net::TcpListener;
use std::process::{Command, Output};
use std::sync::atomic::{AtomicU16, Ordering};

/// The binary, away from the environment of whoever runs the tests.
fn weal(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_weal"));
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("WEAL_")) {
        command.env_remove(name);
    }
    command.args(arguments).stdin(std::process::Stdio::null());
    command
}

/// A port of loopback, held. It lies below those that Linux gives to outgoing connections and to whoever asks for any
/// (from 32,768 on) and is given once, so that it is nobody else's when it is let go and a node takes it.
fn port() -> TcpListener {
    const FIRST: u16 = 20_000;
    const COUNT: u16 = 12_000;
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let begin = u16::try_from(std::process::id() % u32::from(COUNT)).unwrap_or_default();
    loop {
        let next = NEXT.fetch_add(1, Ordering::Relaxed);
        assert!(next < COUNT, "no port of loopback from {FIRST} on is free");
        if let Ok(held) = TcpListener::bind(("127.0.0.1", FIRST + (begin + next) % COUNT)) {
            return held;
        }
    }
}

fn run(arguments: &[&str]) -> Output {
    weal(arguments).output().expect("the binary runs")
}

fn out(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn err(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}
