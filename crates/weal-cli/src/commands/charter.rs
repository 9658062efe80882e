//! `weal charter`

use std::path::PathBuf;

use weal_domain::agreements::Purpose;
use weal_domain::agreements::sentence::purpose_label;
use weal_domain::governance::Charter;
use weal_node::api::AdoptCharter;

use crate::compose::Setting;
use crate::failure::{Doing as _, Exit, Failure, Result};
use crate::print::number::time;
use crate::words;

/// Show the ecosystem's charter; a governing body adopts it.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example: weal charter --adopt charter.txt --name \"Halmere Data Commons\" --purpose fraud"
)]
pub struct Args {
    /// Adopt the text in this file.
    #[arg(long, value_name = "FILE", requires = "name", requires = "purpose")]
    adopt: Option<PathBuf>,
    /// The ecosystem's name.
    #[arg(long, requires = "adopt")]
    name: Option<String>,
    /// A purpose for which data may be shared at all: an IRI, or a word such as `fraud`. May be repeated.
    #[arg(long, requires = "adopt")]
    purpose: Vec<String>,
}

pub(super) async fn run(args: Args, setting: &Setting) -> Result<Exit> {
    let client = setting.client()?;
    let charter: Charter = match args.adopt {
        None => client.get("/charter", "reading the charter").await?,
        Some(path) => {
            let text = std::fs::read_to_string(&path).doing(format!("cannot read {}", path.display()))?;
            let name = args.name.ok_or_else(|| Failure::usage("a charter needs the ecosystem's --name"))?;
            let purposes =
                args.purpose.iter().map(|word| words::purpose(word)).collect::<Result<Vec<Purpose>>>()?;
            client.put("/charter", &AdoptCharter { name, purposes, text }, "adopting the charter").await?
        }
    };
    setting.terminal.answer(&charter, || {
        let purposes: String =
            charter.purposes.iter().map(|purpose| format!("\n  - {}", purpose_label(purpose))).collect();
        format!(
            "{}, charter version {} of {}, adopted {}\n\nData may be shared for:{purposes}\n\n{}",
            charter.name,
            charter.version,
            charter.governing_body,
            time(charter.adopted_at),
            charter.text
        )
    });
    Ok(Exit::Ok)
}
