//! `weal backup` and `weal restore`

use std::path::PathBuf;

use serde::Serialize;
use weal_domain::identity::Did;
use weal_domain::words::count;
use weal_node::Restored;

use crate::compose::Setting;
use crate::failure::{Doing as _, Exit, Result};
use crate::print::number::bytes;
use crate::print::terminal::Unit;

/// Write all of the node into one file.
///
/// It holds the node's key: keep it as safe as the node itself. The node may go on running meanwhile.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: weal backup revenue-2026-05-01.tar")]
pub struct BackupArgs {
    /// The file to write.
    file: PathBuf,
}

/// Make a node's folder from a backup.
///
/// The backup does not know what was spent of privacy budgets after it was taken. A newer export of the node's
/// ledger says so; without one, all that was left of every budget counts as spent, and its owner grants anew.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example: weal restore revenue-2026-05-01.tar revenue --ledger revenue-ledger-2026-05-09"
)]
pub struct RestoreArgs {
    /// The backup to read.
    file: PathBuf,
    /// The folder to make; it must not exist yet.
    #[arg(value_name = "DIR")]
    folder: PathBuf,
    /// A newer export of the same node's ledger (`weal ledger export`), which says what was spent since.
    #[arg(long, value_name = "EXPORT")]
    ledger: Option<PathBuf>,
}

#[derive(Serialize)]
struct Done {
    file: PathBuf,
    #[serde(skip_serializing_if = "Option::is_none")]
    folder: Option<PathBuf>,
    #[serde(skip_serializing_if = "Option::is_none")]
    did: Option<Did>,
    size_bytes: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    spent_known_to: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    budgets_closed: Option<usize>,
}

pub(super) async fn backup(args: BackupArgs, setting: &Setting) -> Result<Exit> {
    let work = weal_node::backup(setting.folder().to_owned(), &args.file);
    let size_bytes = setting.terminal.progress("backing up", None, Unit::Things).during(work).await?;
    let done = Done {
        file: args.file,
        folder: None,
        did: None,
        size_bytes,
        spent_known_to: None,
        budgets_closed: None,
    };
    setting.terminal.answer(&done, || {
        format!(
            "Wrote {} ({}). It holds the node's key: keep it safe.",
            done.file.display(),
            bytes(size_bytes)
        )
    });
    Ok(Exit::Ok)
}

pub(super) async fn restore(args: RestoreArgs, setting: &Setting) -> Result<Exit> {
    let size_bytes =
        std::fs::metadata(&args.file).doing(format!("cannot read {}", args.file.display()))?.len();
    let work = weal_node::restore(&args.file, args.folder.clone(), args.ledger.as_deref());
    let restored = setting.terminal.progress("restoring", None, Unit::Things).during(work).await?;
    let done = Done {
        file: args.file,
        folder: Some(args.folder.clone()),
        did: Some(restored.did.clone()),
        size_bytes,
        spent_known_to: restored.spent_known_to,
        budgets_closed: Some(restored.budgets_closed),
    };
    setting.terminal.answer(&done, || {
        let folder = args.folder.display();
        format!(
            "Restored the node {} in {folder}, as it was at {} of its ledger.\n{}\nNext: weal serve --node {folder}",
            restored.did,
            count(restored.ledger_size, "entry", "entries"),
            budgets(&restored)
        )
    });
    Ok(Exit::Ok)
}

/// What became of the budgets.
fn budgets(restored: &Restored) -> String {
    match (restored.spent_known_to, restored.budgets_closed) {
        (Some(size), _) => format!(
            "Budgets: what the ledger of {} says was spent is spent.",
            count(size, "entry", "entries")
        ),
        (None, 0) => "Budgets: none had anything left.".to_owned(),
        (None, closed) => format!(
            "Budgets: nothing here says what was spent after the backup, so all that was left of {} counts as spent.\n\
             Restore with --ledger and a newer export of this ledger to keep the rest, or grant larger budgets with `weal budget grant`.",
            count(closed as u64, "budget", "budgets")
        ),
    }
}
