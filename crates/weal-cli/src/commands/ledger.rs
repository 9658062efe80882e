//! `weal ledger`

use std::path::PathBuf;

use weal_domain::words::count;

use crate::compose::Setting;
use crate::failure::{Exit, Result};
use crate::print::terminal::Unit;

/// Export this node's ledger.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: weal ledger export ledger-2026")]
pub struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    /// Write a folder that anyone can verify offline with `weal verify FOLDER`.
    #[command(after_help = "Example: weal ledger export ledger-2026")]
    Export {
        /// The folder to make.
        #[arg(value_name = "DIR")]
        folder: PathBuf,
    },
}

#[derive(serde::Serialize)]
struct Exported {
    folder: PathBuf,
    entries: u64,
}

pub(super) async fn run(args: Args, setting: &Setting) -> Result<Exit> {
    let What::Export { folder } = args.what;
    let progress = setting.terminal.progress("exporting the ledger", None, Unit::Things);
    let entries = progress.during(weal_node::export_ledger(setting.folder().to_owned(), &folder)).await?;
    let exported = Exported { folder, entries };
    setting.terminal.answer(&exported, || {
        let folder = exported.folder.display();
        let entries = count(entries, "entry", "entries");
        format!("Exported {entries} to {folder}.\nNext: weal verify {folder}")
    });
    Ok(Exit::Ok)
}
