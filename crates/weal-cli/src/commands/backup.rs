//! `weal backup` and `weal restore`

use std::path::PathBuf;

use serde::Serialize;
use weal_domain::identity::Did;

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
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: weal restore revenue-2026-05-01.tar revenue")]
pub struct RestoreArgs {
    /// The backup to read.
    file: PathBuf,
    /// The folder to make; it must not exist yet.
    #[arg(value_name = "DIR")]
    folder: PathBuf,
}

#[derive(Serialize)]
struct Done {
    file: PathBuf,
    #[serde(skip_serializing_if = "Option::is_none")]
    folder: Option<PathBuf>,
    #[serde(skip_serializing_if = "Option::is_none")]
    did: Option<Did>,
    size_bytes: u64,
}

pub(super) async fn backup(args: BackupArgs, setting: &Setting) -> Result<Exit> {
    let work = weal_node::backup(setting.folder().to_owned(), &args.file);
    let size_bytes = setting.terminal.progress("backing up", None, Unit::Things).during(work).await?;
    let done = Done { file: args.file, folder: None, did: None, size_bytes };
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
    let work = weal_node::restore(&args.file, args.folder.clone());
    let did = setting.terminal.progress("restoring", None, Unit::Things).during(work).await?;
    let done =
        Done { file: args.file, folder: Some(args.folder.clone()), did: Some(did.clone()), size_bytes };
    setting.terminal.answer(&done, || {
        let folder = args.folder.display();
        format!("Restored the node {did} in {folder}.\nNext: weal serve --node {folder}")
    });
    Ok(Exit::Ok)
}
