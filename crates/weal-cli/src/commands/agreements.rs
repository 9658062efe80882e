//! `weal agreements`

use weal_domain::agreements::sentence::purpose_label;
use weal_domain::agreements::{Agreement, AgreementStatus};
use weal_domain::governance::Member;
use weal_node::api::AgreementShown;

use super::negotiations::timeline;
use super::uses::table;
use crate::client::segment;
use crate::compose::Setting;
use crate::failure::{Exit, Result};
use crate::print::Table;
use crate::print::number::time;

/// List agreements, or show one.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: weal agreements")]
pub struct Args {
    /// Show this agreement: terms in plain words, timeline, budget, uses.
    id: Option<String>,
}

pub(super) async fn run(args: Args, setting: &Setting) -> Result<Exit> {
    let client = setting.client()?;
    let Some(id) = args.id else {
        let all: Vec<Agreement> = client.get("/agreements", "listing the agreements").await?;
        let members: Vec<Member> = client.get("/members", "listing the members").await?;
        setting.terminal.answer(&all, || listed(&all, &members));
        return Ok(Exit::Ok);
    };
    let shown: AgreementShown =
        client.get(&format!("/agreements/{}", segment(&id)), "reading an agreement").await?;
    setting.terminal.answer(&shown, || one(&shown));
    Ok(Exit::Ok)
}

/// Products as they stand in SQL, where the owner is a member we know.
fn listed(all: &[Agreement], members: &[Member]) -> String {
    if all.is_empty() {
        return "No agreements yet; ask for one with `weal request`.".into();
    }
    let mut table = Table::new(&["state", "we are", "product", "mode", "purpose", "agreed", "id"]);
    for agreement in all {
        table.row([
            state(&agreement.status).to_owned(),
            agreement.side.as_str().to_owned(),
            match members.iter().find(|member| member.did == agreement.provider) {
                Some(owner) => format!("{}.{}", owner.name, agreement.product),
                None => agreement.dataset.clone(),
            },
            agreement.mode.to_string(),
            purpose_label(&agreement.purpose),
            time(agreement.agreed_at),
            agreement.id.to_string(),
        ]);
    }
    table.to_string()
}

fn state(status: &AgreementStatus) -> &'static str {
    match status {
        AgreementStatus::Pending => "pending",
        AgreementStatus::InForce => "in force",
        AgreementStatus::Revoked { .. } => "revoked",
    }
}

pub(super) fn one(shown: &AgreementShown) -> String {
    let agreement = &shown.agreement;
    let status = match &agreement.status {
        AgreementStatus::Revoked { at, by, role, reason } => {
            // The timeline knows members by their titles.
            let last = shown.timeline.iter().rfind(|moment| moment.at == *at);
            let by = last.map_or_else(|| format!("{by} ({role})"), |moment| moment.by.clone());
            format!("Revoked {} by {by}: {reason}", time(*at))
        }
        _ if shown.in_force => "In force.".to_owned(),
        AgreementStatus::Pending => "Not in force yet.".to_owned(),
        AgreementStatus::InForce => "No longer in force: its time is over.".to_owned(),
    };
    let mut parts = vec![format!("{}\n{status}\n{}", shown.sentence, agreement.id)];
    if let Some(budget) = &shown.budget {
        parts.push(super::budget::table(std::slice::from_ref(budget)).to_string());
    }
    parts.push(timeline(&shown.timeline).to_string());
    if !shown.uses.is_empty() {
        parts.push(table(&shown.uses).to_string());
    }
    parts.iter().map(|part| part.trim_end()).collect::<Vec<_>>().join("\n\n")
}
