//! `weal status`

use weal_domain::words::count;
use weal_node::api::NodeInfo;

use crate::compose::Setting;
use crate::failure::{Exit, Result};
use crate::print::number::bytes;

/// Say how the node does.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: weal status --node revenue")]
pub struct Args {}

pub(super) async fn run(_args: &Args, setting: &Setting) -> Result<Exit> {
    let node: NodeInfo = setting.client()?.get("/node", "reading the node's state").await?;
    setting.terminal.answer(&node, || words(&node));
    Ok(Exit::Ok)
}

fn words(node: &NodeInfo) -> String {
    let ecosystem = match (&node.ecosystem, node.governs, node.admitted) {
        (Some(name), true, _) => format!("{name}, as its governing body"),
        (Some(name), false, true) => format!("{name}, as a member in good standing"),
        (Some(name), false, false) => format!("{name}, not admitted yet"),
        (None, true, _) => "governs; adopt a charter with `weal charter --adopt FILE`".into(),
        (None, false, _) => "none yet; join one with `weal join DID`".into(),
    };
    let memory = node.resident_bytes.map_or_else(|| "unknown".to_owned(), bytes);
    format!(
        "{} ({})\n  did        {}\n  portal     {}\n  ecosystem  {ecosystem}\n  ledger     {}\n  memory     \
         {memory}\n  started    in {} ms\n  version    {}",
        node.title,
        node.name,
        node.did,
        node.origin,
        count(node.ledger_size, "entry", "entries"),
        node.started_in_ms,
        node.version,
    )
}
