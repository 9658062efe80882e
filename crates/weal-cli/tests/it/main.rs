//! The command line, from outside.

mod demo;
mod exits;
mod help;
mod own_node;
mod population;
mod print;
mod verify;
mod words;

use std::process::{Command, Output};

/// The binary, away from the environment of whoever runs the tests.
fn weal(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_weal"));
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("WEAL_")) {
        command.env_remove(name);
    }
    command.args(arguments).stdin(std::process::Stdio::null());
    command
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
