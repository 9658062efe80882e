//! `weal members`

use weal_domain::Timestamp;
use weal_domain::catalogue::CatalogueFreshness;
use weal_domain::governance::{Member, Standing};
use weal_node::api::SetStanding;

use crate::client::segment;
use crate::compose::Setting;
use crate::failure::{Exit, Result};
use crate::members::did_of;
use crate::print::Table;
use crate::print::number::{thousands, time};

/// List the members of the ecosystem; a governing body admits and suspends them.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: weal members --admit revenue")]
pub struct Args {
    /// Admit this member, by its name or its DID.
    #[arg(long, value_name = "MEMBER")]
    admit: Option<String>,
    /// Suspend this member: nobody agrees with it or answers it from then on.
    #[arg(long, value_name = "MEMBER", conflicts_with = "admit")]
    suspend: Option<String>,
    /// Decline this application: nothing of it stays in the register.
    #[arg(long, value_name = "MEMBER", conflicts_with_all = ["admit", "suspend"])]
    decline: Option<String>,
    /// Say how fresh this node's copy of each member's catalogue is, and why it is not.
    #[arg(long, conflicts_with_all = ["admit", "suspend", "decline"])]
    catalogues: bool,
    /// Why, for the ledger and for the member.
    #[arg(long)]
    reason: Option<String>,
}

pub(super) async fn run(args: Args, setting: &Setting) -> Result<Exit> {
    let client = setting.client()?;
    if let Some(given) = args.decline {
        let did = did_of(&client, &given).await?;
        client.delete(&format!("/members/{}", segment(did.as_str())), "declining an application").await?;
        setting.terminal.answer(&did, || format!("Declined the application of {did}."));
        return Ok(Exit::Ok);
    }
    if args.catalogues {
        let fresh: Vec<CatalogueFreshness> =
            client.get("/catalogue/freshness", "looking at the catalogues").await?;
        setting.terminal.answer(&fresh, || catalogues(&fresh));
        return Ok(Exit::Ok);
    }
    let change = match (args.admit, args.suspend) {
        (Some(given), _) => Some((given, Standing::Good)),
        (None, Some(given)) => Some((given, Standing::Suspended)),
        (None, None) => None,
    };
    if let Some((given, standing)) = change {
        let did = did_of(&client, &given).await?;
        let body = SetStanding { standing, reason: args.reason };
        let path = format!("/members/{}/standing", segment(did.as_str()));
        let member: Member = client.post(&path, &body, "changing a member's standing").await?;
        setting.terminal.answer(&member, || {
            format!("{} ({}) is now {}.", member.title, member.did, words(member.standing))
        });
        return Ok(Exit::Ok);
    }
    let members: Vec<Member> = client.get("/members", "listing the members").await?;
    setting.terminal.answer(&members, || {
        let mut table = Table::new(&["member", "standing", "since", "did", "name in full"]);
        for member in &members {
            table.row([
                member.name.as_str(),
                words(member.standing),
                &time(member.since),
                member.did.as_str(),
                &member.title,
            ]);
        }
        if table.is_empty() { "No members yet.".into() } else { table.to_string() }
    });
    Ok(Exit::Ok)
}

fn catalogues(fresh: &[CatalogueFreshness]) -> String {
    if fresh.is_empty() {
        return "There is no other member whose catalogue could be read.".into();
    }
    let moment = |at: Option<Timestamp>| at.map_or_else(|| "never".to_owned(), time);
    let mut table = Table::new(&[
        "member",
        ">entries",
        "heard",
        "changed",
        "next look",
        ">failures",
        "why the last failed",
    ]);
    for one in fresh {
        table.row([
            one.member.to_string(),
            thousands(one.entries),
            moment(one.heard_at),
            moment(one.changed_at),
            one.due_at.map_or_else(|| "now".to_owned(), time),
            one.failures.to_string(),
            one.failure.clone().unwrap_or_default(),
        ]);
    }
    table.to_string()
}

fn words(standing: Standing) -> &'static str {
    match standing {
        Standing::Applied => "applied",
        Standing::Good => "in good standing",
        Standing::Suspended => "suspended",
        Standing::Left => "left",
    }
}
