//! `weal propose`

use weal_domain::catalogue::OfferId;
use weal_node::api::{NegotiationShown, Propose};

use crate::compose::Setting;
use crate::failure::{Exit, Result};
use crate::{members, words};

/// Send an offer of ours to a member that has not asked for it.
///
/// It becomes an agreement when the member accepts it: with `weal negotiations ID --accept` at a node of this
/// kind, or as its own connector does it.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Example: weal propose urn:uuid:0b5e1c9e-51f1-4c0f-8d4f-0c1d8f0f8a11 education --purpose fraud")]
pub struct Args {
    /// One of our offers; `weal products PRODUCT` lists them.
    offer: OfferId,
    /// The member it is for: its name or its DID; `weal members` lists both.
    member: String,
    /// What for: an IRI, or a word such as `fraud`.
    #[arg(long)]
    purpose: String,
    /// What it rests on: an IRI, or a word such as `public-task`; may be left out where the offer has one.
    #[arg(long)]
    legal_basis: Option<String>,
    /// Where a connector of another kind listens as a consumer; it must lie under the member's own origin.
    #[arg(long, value_name = "URL")]
    callback: Option<String>,
}

pub(super) async fn run(args: Args, setting: &Setting) -> Result<Exit> {
    let client = setting.client()?;
    let doing = format!("proposing {} to {}", args.offer, args.member);
    let body = Propose {
        offer: args.offer,
        member: members::did_of(&client, &args.member).await?,
        purpose: words::purpose(&args.purpose)?,
        legal_basis: args.legal_basis.as_deref().map(words::legal_basis).transpose()?,
        callback: args.callback,
    };
    let shown: NegotiationShown = client.post("/negotiations", &body, &doing).await?;
    setting.terminal.answer(&shown, || {
        let with = shown.peer_title.as_deref().unwrap_or(shown.peer.as_str());
        format!(
            "On its way to {with}, who may accept it: {} of {}.\nNext: weal negotiations {}",
            shown.mode, shown.product, shown.id
        )
    });
    Ok(Exit::Ok)
}
