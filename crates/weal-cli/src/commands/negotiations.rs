//! `weal negotiations`

use weal_domain::agreements::sentence::purpose_label;
use weal_domain::catalogue::OfferId;
use weal_node::api::{Decision, Moment, NegotiationShown, Say};

use crate::client::segment;
use crate::compose::Setting;
use crate::failure::{Exit, Result};
use crate::print::Table;
use crate::print::number::time;

/// List negotiations, decide those that wait for us, and end or retry those that do not go on.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: weal negotiations urn:uuid:7c1f6f0e-0a31-4b55-9f2e-5a2b0a9b6d10 --approve")]
pub struct Args {
    /// Show this negotiation.
    id: Option<String>,
    /// Say yes to the request.
    #[arg(long, requires = "id", group = "say")]
    approve: bool,
    /// Say no to the request.
    #[arg(long, requires = "id", group = "say")]
    refuse: bool,
    /// Say yes to what the owner has offered instead.
    #[arg(long, requires = "id", group = "say")]
    accept: bool,
    /// Offer this instead, one of our own offers.
    #[arg(long, requires = "id", group = "say", value_name = "OFFER")]
    offer: Option<OfferId>,
    /// End it for good, with --reason.
    #[arg(long, requires = "id", requires = "reason", group = "say")]
    end: bool,
    /// Send at once what could not be delivered.
    #[arg(long, requires = "id", group = "say")]
    retry: bool,
    /// Why, for the other side and the ledger.
    #[arg(long, requires = "id")]
    reason: Option<String>,
}

impl Args {
    fn say(self) -> Option<Say> {
        let end = self.end.then_some(()).and(self.reason).map(|reason| Say::End { reason });
        let offer = self.offer.map(|offer| Say::Offer { offer });
        let short = self.accept.then_some(Say::Accept).or(self.retry.then_some(Say::Retry));
        end.or(offer).or(short)
    }
}

pub(super) async fn run(args: Args, setting: &Setting) -> Result<Exit> {
    let client = setting.client()?;
    let Some(id) = args.id.clone() else {
        let all: Vec<NegotiationShown> = client.get("/negotiations", "listing the negotiations").await?;
        setting.terminal.answer(&all, || listed(&all));
        return Ok(Exit::Ok);
    };
    let path = format!("/negotiations/{}", segment(&id));
    let shown: NegotiationShown = if args.approve || args.refuse {
        let body = Decision { approve: args.approve, reason: args.reason };
        client.post(&format!("{path}/decision"), &body, "deciding a negotiation").await?
    } else if let Some(say) = args.say() {
        client.post(&format!("{path}/say"), &say, "going on with a negotiation").await?
    } else {
        client.get(&path, "reading a negotiation").await?
    };
    setting.terminal.answer(&shown, || one(&shown));
    Ok(Exit::Ok)
}

fn listed(all: &[NegotiationShown]) -> String {
    if all.is_empty() {
        return "No negotiations yet.".into();
    }
    let mut table = Table::new(&["state", "with", "product", "mode", "waits for", "id"]);
    for one in all {
        table.row([
            one.state.as_str(),
            one.peer_title.as_deref().unwrap_or(one.peer.as_str()),
            &one.product,
            one.mode.as_str(),
            if one.waits_for_us { "us" } else { "" },
            &one.id,
        ]);
    }
    table.to_string()
}

fn one(shown: &NegotiationShown) -> String {
    let purpose = shown.purpose.as_ref().map(|purpose| format!(", for {}", purpose_label(purpose)));
    let with = shown.peer_title.as_deref().unwrap_or(shown.peer.as_str());
    let waiting =
        if shown.waits_for_us { "\nIt waits for us: decide with --approve or --refuse." } else { "" };
    let agreement = shown.agreement.as_ref().map(|id| format!("\nagreement {id}")).unwrap_or_default();
    format!(
        "{} with {with}: {} of {}{}{agreement}{waiting}\n\n{}",
        shown.state,
        shown.mode,
        shown.product,
        purpose.unwrap_or_default(),
        timeline(&shown.timeline)
    )
}

pub(super) fn timeline(moments: &[Moment]) -> Table {
    let mut table = Table::new(&["when", "who", "what"]);
    for moment in moments {
        table.row([time(moment.at), moment.by.clone(), moment.what.clone()]);
    }
    table
}
