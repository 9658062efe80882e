//! `weal uses`

use weal_node::api::UseShown;

use crate::client::segment;
use crate::compose::Setting;
use crate::failure::{Exit, Result};
use crate::print::Table;
use crate::print::number::{loss, thousands, time};

/// List what was done under our agreements.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: weal uses --limit 20")]
pub struct Args {
    /// Only uses of this agreement.
    #[arg(long, value_name = "ID")]
    agreement: Option<String>,
    /// The most uses to list, newest first.
    #[arg(long, default_value_t = 100, value_name = "N")]
    limit: u32,
}

pub(super) async fn run(args: Args, setting: &Setting) -> Result<Exit> {
    let mut path = format!("/uses?limit={}", args.limit);
    if let Some(id) = args.agreement {
        path.push_str(&format!("&agreement={}", segment(&id)));
    }
    let uses: Vec<UseShown> = setting.client()?.get(&path, "listing the uses").await?;
    setting.terminal.answer(&uses, || {
        if uses.is_empty() { "Nothing was used yet.".into() } else { table(&uses).to_string() }
    });
    Ok(Exit::Ok)
}

pub(super) fn table(uses: &[UseShown]) -> Table {
    let mut table =
        Table::new(&["when", "we are", "with", "product", "mode", "cost", ">entry", "agreement", "use"]);
    for one in uses {
        let receipt = &one.receipt;
        let peer = match one.side {
            weal_domain::agreements::Side::Provider => &receipt.consumer,
            weal_domain::agreements::Side::Consumer => &receipt.provider,
        };
        let cost = if receipt.loss.is_zero() { String::new() } else { loss(receipt.loss) };
        table.row([
            time(receipt.at),
            one.side.as_str().to_owned(),
            one.peer_title.clone().unwrap_or_else(|| peer.to_string()),
            receipt.product.to_string(),
            receipt.mode.to_string(),
            cost,
            thousands(one.ledger_index),
            match &one.revoked {
                Some(revoked) => format!("revoked {} by {}", time(revoked.at), revoked.by),
                None => "stands".to_owned(),
            },
            receipt.use_id.to_string(),
        ]);
    }
    table
}
