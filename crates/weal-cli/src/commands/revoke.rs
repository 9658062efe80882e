//! `weal revoke`

use weal_node::api::{AgreementShown, Revoke};

use crate::client::segment;
use crate::compose::Setting;
use crate::failure::{Exit, Result};

/// End an agreement at once.
///
/// From this moment on every question and every open stream under it is refused.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Example: weal revoke urn:uuid:5d1d7f36-9d0b-4f54-a1c5-9e1f7b1d2c3a --reason \"the inquiry is closed\"")]
pub struct Args {
    /// The agreement's id; `weal agreements` lists them.
    agreement: String,
    /// Why, for the other side and the ledger.
    #[arg(long)]
    reason: String,
}

pub(super) async fn run(args: Args, setting: &Setting) -> Result<Exit> {
    let path = format!("/agreements/{}/revoke", segment(&args.agreement));
    let shown: AgreementShown =
        setting.client()?.post(&path, &Revoke { reason: args.reason }, "revoking an agreement").await?;
    setting.terminal.answer(&shown, || super::agreements::one(&shown));
    Ok(Exit::Ok)
}
