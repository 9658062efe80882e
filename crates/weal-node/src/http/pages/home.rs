//! What waits for the person, then what changed.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::routing::get;
use weal_domain::Timestamp;
use weal_domain::agreements::{Agreement, Negotiation, Side};
use weal_domain::catalogue::{CatalogueEntry, Mode};
use weal_domain::governance::Standing;
use weal_domain::identity::Act;
use weal_domain::ledger::Fact;
use weal_portal::view::{Decision, DecisionKind, EntryLine, HomeView, Section};
use weal_portal::{pages, paths};
use weal_store::StoredProduct;

use super::agreements::{meter_of, unstated_purpose};
use super::frame::{PageResult, Visit, page};
use super::ledger::may_read;
use super::negotiations::about;
use super::parties::{names, party, product_of, title_of};
use crate::acts::agreements::LIST_MAX;
use crate::acts::governance::Ecosystem;
use crate::fault::Result;
use crate::house::House;

/// Changes shown, and entries looked through for those this person may read.
const CHANGES_SHOWN: usize = 12;
const ENTRIES_LOOKED_AT: u64 = 200;
/// An agreement's end is a decision this long before.
const ENDS_SOON_S: i64 = 30 * 24 * 3600;
/// A product that nobody renewed for so long is asked about.
const STALE_S: u64 = 365 * 24 * 3600;
const STALE_SHOWN_MAX: u32 = 50;

pub(super) fn routes() -> Router<Arc<House>> {
    Router::new().route(paths::HOME, get(home))
}

async fn home(visit: Visit) -> PageResult {
    let chrome = visit.chrome(Section::Home).await?;
    let ecosystem = visit.house.ecosystem();
    let (entries, _) = visit.house.entries_newest(None, ENTRIES_LOOKED_AT).await?;
    let mine = entries.into_iter().filter(|(_, entry)| is_news(&entry.fact) && may_read(&visit, entry));
    let view = HomeView {
        decisions: decisions(&visit, &ecosystem).await?,
        changes: mine.take(CHANGES_SHOWN).map(|(index, entry)| EntryLine { index, entry }).collect(),
        since: None,
        names: names(&visit.house, &ecosystem),
        has_products: !visit.house.own_products(0, 1).await?.is_empty(),
        has_joined: ecosystem.credential.is_some(),
    };
    page(pages::home::home(&chrome, &view))
}

/// What a person wants to hear of: where something began or ended, not each step between.
fn is_news(fact: &Fact) -> bool {
    match fact {
        Fact::NegotiationMoved { state, .. } => {
            matches!(state.as_str(), "REQUESTED" | "FINALIZED" | "TERMINATED")
        }
        Fact::TransferMoved { .. } | Fact::BudgetReserved { .. } | Fact::UseEnded { .. } => false,
        _ => true,
    }
}

/// Everything that this person may decide, the most urgent first.
async fn decisions(visit: &Visit, ecosystem: &Ecosystem) -> Result<Vec<Decision>> {
    let house = &visit.house;
    let mut waiting = Vec::new();
    if visit.may(Act::Approve) {
        let negotiations = house.store.read("pages.home").await?.negotiations(LIST_MAX).await?;
        let ours = negotiations.iter().map(|(negotiation, _)| negotiation);
        let ours: Vec<&Negotiation> = ours.filter(|one| waits_for_steward(one)).collect();
        let entries = house.entries_about(ours.iter().map(|one| about(house, one))).await?;
        waiting.extend(ours.into_iter().map(|one| request(house, ecosystem, &entries, one)));
    }
    if visit.may(Act::Govern) && house.config.ecosystem.governs {
        let applied = ecosystem.members.values().filter(|member| member.standing == Standing::Applied);
        waiting.extend(applied.map(|member| Decision {
            kind: DecisionKind::Admission { applicant: party(house, ecosystem, &member.did) },
            since: member.since,
            due: None,
        }));
    }
    for agreement in house.agreements().await? {
        waiting.extend(about_agreement(visit, ecosystem, &agreement).await?);
    }
    if visit.may(Act::Publish) {
        waiting.extend(stale_products(visit).await?);
    }
    waiting.sort_by_key(|decision| (decision.due.is_none(), decision.due, decision.since));
    Ok(waiting)
}

/// Whether a person of this node has to say yes or no to a request.
pub(super) fn waits_for_steward(negotiation: &Negotiation) -> bool {
    use weal_domain::agreements::NegotiationState::{Accepted, Requested};
    let is_open = matches!(negotiation.state, Requested | Accepted);
    negotiation.side == Side::Provider && is_open && negotiation.waits_for_us()
}

fn request(house: &House, ecosystem: &Ecosystem, entries: &[CatalogueEntry], one: &Negotiation) -> Decision {
    let proposal = &one.proposal;
    let product = product_of(house, ecosystem, &proposal.dataset).map(|product| product.product);
    let product_title =
        product.map_or_else(|| proposal.dataset.clone(), |product| title_of(entries, &house.did, &product));
    Decision {
        kind: DecisionKind::Request {
            negotiation: one.own_pid.clone(),
            from: party(house, ecosystem, &one.peer),
            product_title,
            mode: proposal.mode.unwrap_or(Mode::Metadata),
            purpose: proposal.purpose.clone().unwrap_or_else(unstated_purpose),
        },
        since: one.talk.updated_at,
        due: None,
    }
}

/// An agreement of ours that ends soon, or whose budget does.
async fn about_agreement(
    visit: &Visit,
    ecosystem: &Ecosystem,
    agreement: &Agreement,
) -> Result<Vec<Decision>> {
    let now = visit.now();
    let product = product_of(&visit.house, ecosystem, &agreement.dataset);
    let Some(product) =
        product.filter(|_| agreement.side == Side::Consumer && agreement.in_force(now).is_ok())
    else {
        return Ok(Vec::new());
    };
    let mut found = Vec::new();
    let ends = agreement.terms.valid_until.filter(|until| seconds_to(*until, now) < ENDS_SOON_S);
    if let Some(due) = ends.filter(|_| visit.may(Act::Request)) {
        let peer = party(&visit.house, ecosystem, &agreement.provider);
        let kind =
            DecisionKind::AgreementEnds { agreement: agreement.id.clone(), product: product.clone(), peer };
        found.push(Decision { kind, since: agreement.agreed_at, due: Some(due) });
    }
    let meter = meter_of(&visit.house, agreement).await?.filter(|_| visit.may(Act::Ask));
    if let Some(meter) = meter.filter(|meter| meter.spent.rho_nano > meter.granted.rho_nano / 10 * 9) {
        let kind = DecisionKind::BudgetLow { agreement: agreement.id.clone(), product, meter };
        found.push(Decision { kind, since: agreement.agreed_at, due: None });
    }
    Ok(found)
}

async fn stale_products(visit: &Visit) -> Result<Vec<Decision>> {
    let house = &visit.house;
    let before = visit.now() - Duration::from_secs(STALE_S);
    let stale = house.store.read("pages.stale").await?.products_stale(before, STALE_SHOWN_MAX).await?;
    let decision = |stored: StoredProduct| Decision {
        kind: DecisionKind::ProductStale {
            product: stored.product.name,
            product_title: stored.product.title,
            owner: super::parties::own(house),
        },
        since: stored.product.updated_at,
        due: None,
    };
    Ok(stale.into_iter().map(decision).collect())
}

fn seconds_to(then: Timestamp, now: Timestamp) -> i64 {
    then.as_second() - now.as_second()
}
