//! `weal request`

use weal_domain::InvalidName;
use weal_domain::catalogue::{Mode, ProductRef};
use weal_node::api::{RequestAgreement, Requested};

use super::offer::mode;
use crate::compose::Setting;
use crate::failure::{Exit, Failure, Result};
use crate::words;

/// Ask another member for an agreement.
///
/// The two nodes negotiate by the Dataspace Protocol. Where a steward of the other side has to decide,
/// the negotiation goes on after this command; see it with `weal negotiations`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: weal request revenue.payroll --mode statistics --purpose fraud")]
pub struct Args {
    /// The product, as it stands in SQL.
    #[arg(value_name = "MEMBER.PRODUCT", value_parser = product)]
    product: ProductRef,
    /// The rung: metadata, synthetic, statistics, matching, training, lookup or extract.
    #[arg(long, value_parser = mode)]
    mode: Mode,
    /// What for: an IRI, or a word such as `fraud`.
    #[arg(long)]
    purpose: String,
    /// What it rests on: an IRI, or a word such as `public-task`; may be left out where the offer has one.
    #[arg(long)]
    legal_basis: Option<String>,
    /// How long to wait for the other side, in seconds.
    #[arg(long, default_value_t = 10, value_name = "SECONDS")]
    wait: u64,
}

pub(super) async fn run(args: Args, setting: &Setting) -> Result<Exit> {
    let doing = format!("{} of {}", args.mode, args.product);
    let body = RequestAgreement {
        product: args.product,
        mode: args.mode,
        purpose: words::purpose(&args.purpose)?,
        legal_basis: args.legal_basis.as_deref().map(words::legal_basis).transpose()?,
        wait_ms: Some(args.wait.saturating_mul(1_000)),
    };
    let requested: Requested = setting.client()?.post("/requests", &body, &doing).await?;
    if let Some(refusal) = requested.refusal {
        return Err(Failure::refused(doing, refusal));
    }
    setting.terminal.answer(&requested, || match (&requested.agreement, &requested.sentence) {
        (Some(agreement), Some(sentence)) => format!("Agreed: {sentence}\n  agreement {}", agreement.id),
        (Some(agreement), None) => format!("Agreed.\n  agreement {}", agreement.id),
        (None, _) => format!(
            "Not decided yet: the negotiation is {}. Where the other side has it, a steward there decides: some \
             offers say so, and a second agreement about the same product always asks one.\nNext: weal negotiations {}",
            requested.negotiation.state, requested.negotiation.id
        ),
    });
    Ok(Exit::Ok)
}

pub(super) fn product(given: &str) -> Result<ProductRef, String> {
    given.parse().map_err(|cause: InvalidName| cause.rule.to_owned())
}
