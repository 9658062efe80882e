//! The command line of Commonweal.
//!
//! One file of `commands` is one command. A command speaks to the running node through [`client`] and
//! prints through [`print`](mod@print); [`compose`] picks both. [`demo`] is the main job of the whole
//! project, played through on this machine.

pub mod client;
pub mod commands;
pub mod compose;
pub mod demo;
pub mod failure;
pub mod members;
pub mod print;
pub mod words;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::Parser as _;

use commands::Cli;
use compose::Setting;

/// Runs one command line and says how it ended.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let cli = match Cli::try_parse_from(arguments) {
        Ok(cli) => cli,
        Err(cause) => {
            // Help and version are printed the same way and end well.
            let _ = cause.print();
            return ExitCode::from(if cause.use_stderr() { 2 } else { 0 });
        }
    };
    compose::choose_tls();
    let setting = Setting::new(cli.node, cli.json);
    let ended = compose::block_on(cli.command.run(&setting)).and_then(|ended| ended);
    match ended {
        Ok(exit) => exit.into(),
        Err(failure) => {
            setting.terminal.note(failure.words());
            if setting.terminal.is_json() {
                setting.terminal.answer(&failure.json(), String::new);
            }
            failure.exit().into()
        }
    }
}

/// The whole command line, for help texts and tests.
#[must_use]
pub fn command() -> clap::Command {
    <Cli as clap::CommandFactory>::command()
}
