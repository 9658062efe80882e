//! The commands, one file each.

mod agreements;
mod ask;
mod backup;
mod budget;
mod catalogue;
mod charter;
mod credentials;
mod init;
mod join;
mod keys;
mod ledger;
mod members;
mod negotiations;
mod offer;
mod person;
mod products;
mod propose;
pub mod publish;
mod request;
mod revoke;
mod search;
mod serve;
mod status;
mod token;
mod uses;
mod verify;

use std::path::PathBuf;

use clap::{Parser, Subcommand};

use crate::compose::Setting;
use crate::demo;
use crate::failure::{Exit, Result};

pub use ask::{beside, loss_of_epsilon, percent, rows_table, statistics};
pub use budget::share_spent;
pub use offer::{offer_of, standard_terms};
pub use search::words as search_words;
pub use verify::{LedgerVerdict, Verdict, verify_folders};

const EXIT_CODES: &str = "\
Exit codes:
   0  done
   1  it failed, or a check found something wrong
   2  the command line is wrong
   3  refused: the node or the other side says no, and why
   4  the node does not answer
  64  weal.toml or the environment is wrong

Example: weal demo";

const EVERYWHERE: &str = "For every command";

/// Share data with the least disclosure that answers the question.
///
/// Every command speaks for one node, whose folder is the current one, --node DIR or WEAL_NODE.
#[derive(Debug, Parser)]
#[command(name = "weal", version, after_help = EXIT_CODES, max_term_width = 100, disable_help_subcommand = true)]
pub struct Cli {
    /// The node's folder.
    #[arg(
        long,
        global = true,
        env = "WEAL_NODE",
        default_value = ".",
        value_name = "DIR",
        hide_env_values = true,
        help_heading = EVERYWHERE
    )]
    pub node: PathBuf,
    /// Print JSON on standard output, and words for people on standard error.
    #[arg(long, global = true, help_heading = EVERYWHERE)]
    pub json: bool,
    #[command(subcommand)]
    pub command: Command,
}

/// What each does stands above its arguments.
#[derive(Debug, Subcommand)]
pub enum Command {
    Demo(demo::Args),
    Init(init::Args),
    Serve(serve::Args),
    Status(status::Args),
    Join(join::Args),
    Keys(keys::Args),
    Members(members::Args),
    Charter(charter::Args),
    Credentials(credentials::Args),
    Person(person::Args),
    Token(token::Args),
    Publish(Box<publish::Args>),
    Products(products::Args),
    Offer(offer::Args),
    Search(search::Args),
    Catalogue(catalogue::Args),
    Request(request::Args),
    Propose(propose::Args),
    Negotiations(negotiations::Args),
    Agreements(agreements::Args),
    Ask(ask::Args),
    Uses(uses::Args),
    Budget(budget::Args),
    Revoke(revoke::Args),
    Verify(verify::Args),
    Ledger(ledger::Args),
    Backup(backup::BackupArgs),
    Restore(backup::RestoreArgs),
}

impl Command {
    pub async fn run(self, setting: &Setting) -> Result<Exit> {
        match self {
            Command::Demo(args) => demo::run(args, setting).await,
            Command::Init(args) => init::run(args, setting).await,
            Command::Serve(args) => serve::run(&args, setting).await,
            Command::Status(args) => status::run(&args, setting).await,
            Command::Join(args) => join::run(args, setting).await,
            Command::Keys(args) => keys::run(args, setting).await,
            Command::Members(args) => members::run(args, setting).await,
            Command::Charter(args) => charter::run(args, setting).await,
            Command::Credentials(args) => credentials::run(args, setting).await,
            Command::Person(args) => person::run(args, setting).await,
            Command::Token(args) => token::run(args, setting).await,
            Command::Publish(args) => publish::run(*args, setting).await,
            Command::Products(args) => products::run(args, setting).await,
            Command::Offer(args) => offer::run(args, setting).await,
            Command::Search(args) => search::run(args, setting).await,
            Command::Catalogue(args) => catalogue::run(args, setting).await,
            Command::Request(args) => request::run(args, setting).await,
            Command::Propose(args) => propose::run(args, setting).await,
            Command::Negotiations(args) => negotiations::run(args, setting).await,
            Command::Agreements(args) => agreements::run(args, setting).await,
            Command::Ask(args) => ask::run(args, setting).await,
            Command::Uses(args) => uses::run(args, setting).await,
            Command::Budget(args) => budget::run(args, setting).await,
            Command::Revoke(args) => revoke::run(args, setting).await,
            Command::Verify(args) => verify::run(args, setting).await,
            Command::Ledger(args) => ledger::run(args, setting).await,
            Command::Backup(args) => backup::backup(args, setting).await,
            Command::Restore(args) => backup::restore(args, setting).await,
        }
    }
}
