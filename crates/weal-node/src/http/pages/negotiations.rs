//! Negotiations (room: agreements): those that wait for a steward, and how each came about.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::routing::{get, post};
use serde::Deserialize;
use weal_domain::agreements::{Agreement, Conclusion, LegalBasis, Negotiation, NegotiationState, Side};
use weal_domain::catalogue::{
    Approval, CatalogueEntry, Mode, ProductName, ProductRef, Terms, name_made_of, parse_dataset,
};
use weal_domain::identity::{Act, Did};
use weal_domain::{Refusal, RefusalKind};
use weal_portal::view::{FieldError, NegotiationLine, NegotiationView, NegotiationsView, Section};
use weal_portal::{pages, paths};

use super::agreements::{negotiation_steps, one_line, unstated_purpose};
use super::frame::{NoFields, PageResult, Path, Posted, Visit, html, page, see, status_of};
use super::home::waits_for_steward;
use super::one;
use super::parties::{party, title_of};
use crate::acts::agreements::LIST_MAX;
use crate::acts::governance::Ecosystem;
use crate::fault::{Error, Result};
use crate::house::House;

const TOLD_WAIT: Duration = Duration::from_secs(2);

pub(super) fn routes() -> Router<Arc<House>> {
    Router::new()
        .route(paths::NEGOTIATIONS, get(negotiations))
        .route(&one(paths::NEGOTIATIONS, ""), get(negotiation))
        .route(&one(paths::NEGOTIATIONS, "/approve"), post(approve))
        .route(&one(paths::NEGOTIATIONS, "/refuse"), post(refuse))
}

async fn negotiations(visit: Visit) -> PageResult {
    let chrome = visit.chrome(Section::Agreements).await?;
    let ecosystem = visit.house.ecosystem();
    let found = visit.house.store.read("pages.negotiations").await?.negotiations(LIST_MAX).await?;
    let entries = visit.house.entries_about(found.iter().map(|(one, _)| about(&visit.house, one))).await?;
    let mut view = NegotiationsView::default();
    for (one, _) in &found {
        let lines = if waits_for_steward(one) { &mut view.waiting } else { &mut view.others };
        lines.push(line(&visit.house, &ecosystem, &entries, one));
    }
    page(pages::negotiations::negotiations(&chrome, &view))
}

async fn negotiation(visit: Visit, Path(id): Path<String>) -> PageResult {
    let view = view(&visit, &id).await?;
    page(pages::negotiations::negotiation(&visit.chrome(Section::Agreements).await?, &view))
}

async fn approve(Path(id): Path<String>, Posted { visit, .. }: Posted<NoFields>) -> PageResult {
    decide(&visit, &id, true, String::new()).await
}

#[derive(Debug, Deserialize)]
struct Reason {
    reason: String,
}

async fn refuse(Path(id): Path<String>, Posted { visit, fields }: Posted<Reason>) -> PageResult {
    decide(&visit, &id, false, fields.reason).await
}

async fn decide(visit: &Visit, id: &str, is_approved: bool, typed: String) -> PageResult {
    let reason = Some(one_line(&typed)).filter(|reason| !reason.is_empty());
    match visit.house.decide_request(&visit.session.person, id, is_approved, reason).await {
        Ok(_) => {
            until_told(visit, id).await?;
            see(&paths::negotiation(id))
        }
        Err(Error::Refused(refusal)) if refusal.kind == RefusalKind::Invalid && !is_approved => {
            let mut view = view(visit, id).await?;
            view.refuse_reason = typed;
            view.refuse_errors = vec![FieldError { field: "reason", text: refusal.reason.clone() }];
            let text = pages::negotiations::negotiation(&visit.chrome(Section::Agreements).await?, &view);
            Ok(html(status_of(&refusal), text))
        }
        Err(cause) => Err(cause.into()),
    }
}

/// A decision takes effect when the other side has heard it, so the page waits for that a little.
async fn until_told(visit: &Visit, id: &str) -> Result<()> {
    let told = || async {
        let is_on_its_way = visit.house.negotiation(id).await?.talk.awaiting_ack.is_some();
        Ok((!is_on_its_way).then_some(()))
    };
    visit.house.wakers.until(id, TOLD_WAIT, told).await.map(|_| ())
}

// --- What the pages show -------------------------------------------------------------------------

fn line(
    house: &House,
    ecosystem: &Ecosystem,
    entries: &[CatalogueEntry],
    one: &Negotiation,
) -> NegotiationLine {
    NegotiationLine {
        id: one.own_pid.clone(),
        side: one.side,
        peer: party(house, ecosystem, &one.peer),
        product_title: product_of(house, ecosystem, entries, one).1,
        mode: one.proposal.mode.unwrap_or(Mode::Metadata),
        purpose: one.proposal.purpose.clone().unwrap_or_else(unstated_purpose),
        state: one.state.as_str().to_owned(),
        due: None,
        updated_at: one.talk.updated_at,
    }
}

async fn view(visit: &Visit, id: &str) -> Result<NegotiationView> {
    let house = &visit.house;
    let one = house.negotiation(id).await?;
    let ecosystem = house.ecosystem();
    let entries = house.entries_about([about(house, &one)]).await?;
    let (product, product_title) = product_of(house, &ecosystem, &entries, &one);
    let proposal = &one.proposal;
    let is_over = one.state == NegotiationState::Finalized;
    Ok(NegotiationView {
        id: one.own_pid.clone(),
        side: one.side,
        peer: party(house, &ecosystem, &one.peer),
        sentence: sentence(house, &ecosystem, &one, &product_title).await?,
        product,
        product_title,
        mode: proposal.mode.unwrap_or(Mode::Metadata),
        purpose: proposal.purpose.clone().unwrap_or_else(unstated_purpose),
        legal_basis: proposal.legal_basis.clone().unwrap_or_else(unstated_basis),
        terms: proposal.terms.clone().unwrap_or_else(unstated_terms),
        state: one.state.as_str().to_owned(),
        timeline: negotiation_steps(house, &ecosystem, &one),
        due: None,
        may_decide: waits_for_steward(&one) && visit.may(Act::Approve),
        agreement: one.agreement.clone().filter(|_| is_over),
        refusal: house.refusal_of(&one),
        refuse_reason: String::new(),
        refuse_errors: Vec::new(),
    })
}

/// The dataset that is negotiated about, and whose it is.
pub(super) fn about(house: &House, one: &Negotiation) -> (Did, String) {
    let provider = if one.side == Side::Provider { &house.did } else { &one.peer };
    (provider.clone(), one.proposal.dataset.clone())
}

fn product_of(
    house: &House,
    ecosystem: &Ecosystem,
    entries: &[CatalogueEntry],
    one: &Negotiation,
) -> (ProductRef, String) {
    let provider = if one.side == Side::Provider { &house.did } else { &one.peer };
    let member = party(house, ecosystem, provider).name;
    let known = entries.iter().find(|entry| entry.did == *provider && entry.dataset == one.proposal.dataset);
    let product = known.map_or_else(|| named(&one.proposal.dataset), |entry| entry.product.clone());
    let title = title_of(entries, provider, &product);
    (ProductRef { member, product }, title)
}

/// A name for a dataset that no catalogue shows.
fn named(dataset: &str) -> ProductName {
    let own = parse_dataset(dataset).map(|(_, product)| product).ok();
    let made = own.or_else(|| name_made_of(dataset));
    made.unwrap_or_else(|| "unnamed".parse().expect("a lower-case word is a product name"))
}

/// What the agreement says, or what the one on the table would.
async fn sentence(house: &House, ecosystem: &Ecosystem, one: &Negotiation, title: &str) -> Result<String> {
    if let Some(id) = &one.agreement {
        return Ok(house.sentence_of(&house.agreement(id).await?));
    }
    let proposed = one.proposal.terms.clone().and_then(|terms| proposed(house, one, terms).ok());
    let (peer, mode) =
        (party(house, ecosystem, &one.peer).title, one.proposal.mode.unwrap_or(Mode::Metadata));
    Ok(proposed
        .map_or_else(|| format!("{peer}: {mode}, {title}."), |agreement| house.sentence_of(&agreement)))
}

fn proposed(house: &House, one: &Negotiation, terms: Terms) -> Result<Agreement, Refusal> {
    let (provider, consumer) = match one.side {
        Side::Provider => (house.did.clone(), one.peer.clone()),
        Side::Consumer => (one.peer.clone(), house.did.clone()),
    };
    let unnamed = |cause: weal_domain::InvalidName| Refusal::invalid("pid", cause.to_string());
    Agreement::conclude(Conclusion {
        id: one.own_pid.parse().map_err(unnamed)?,
        side: one.side,
        provider,
        consumer,
        dataset: one.proposal.dataset.clone(),
        product: named(&one.proposal.dataset),
        mode: one.proposal.mode.unwrap_or(Mode::Metadata),
        terms,
        policy: one.proposal.policy.clone(),
        agreed_at: one.talk.updated_at,
    })
}

fn unstated_basis() -> LegalBasis {
    LegalBasis::new("urn:weal:unstated").expect("printable ASCII is an identifier")
}

/// What a stranger's proposal binds to beyond its policy: nothing.
fn unstated_terms() -> Terms {
    Terms {
        purposes: Vec::new(),
        legal_bases: Vec::new(),
        recipients: Vec::new(),
        roles: Vec::new(),
        columns: None,
        row_filter: None,
        valid_until: None,
        uses_per_day_max: None,
        budget: None,
        budget_rules: Default::default(),
        service_level: String::new(),
        liability: String::new(),
        licence: String::new(),
        retention_days: 0,
        disposal: String::new(),
        approval: Approval::Steward,
    }
}
