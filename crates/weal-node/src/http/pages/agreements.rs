//! Agreements: what we may use, what others may use of ours, one in full, and its end.

use std::sync::Arc;

use axum::Router;
use axum::http::StatusCode;
use axum::routing::{get, post};
use serde::Deserialize;
use weal_domain::agreements::negotiation::Turn;
use weal_domain::agreements::{
    Agreement, AgreementId, AgreementStatus, Negotiation, NegotiationState, Purpose, Side,
};
use weal_domain::catalogue::{Mode, ProductRef};
use weal_domain::identity::Act;
use weal_domain::{Refusal, RefusalKind};
use weal_portal::view::{
    AgreementLine, AgreementState, AgreementView, AgreementsView, FieldError, Happening, Language, Meter,
    RevokeView, Section, Step, UseLine,
};
use weal_portal::{pages, paths};

use super::frame::{PageResult, Path, Posted, Visit, html, page, see, status_of};
use super::one;
use super::parties::{meter, party, product_of, title_of};
use crate::acts::agreements::{agreement_account, agreement_text, agreement_unknown};
use crate::acts::governance::Ecosystem;
use crate::api::UseShown;
use crate::fault::{Error, Result};
use crate::house::House;

/// Uses listed on an agreement's page.
const USES_SHOWN_MAX: u32 = 50;

pub(super) fn routes() -> Router<Arc<House>> {
    Router::new()
        .route(paths::AGREEMENTS, get(agreements))
        .route(&one(paths::AGREEMENTS, ""), get(agreement))
        .route(&one(paths::AGREEMENTS, "/revoke"), post(revoke))
}

async fn agreements(visit: Visit) -> PageResult {
    let chrome = visit.chrome(Section::Agreements).await?;
    let ecosystem = visit.house.ecosystem();
    let mut view = AgreementsView::default();
    for agreement in visit.house.agreements().await? {
        let lines = match agreement.side {
            Side::Consumer => &mut view.held,
            Side::Provider => &mut view.given,
        };
        lines.extend(line(&visit, &ecosystem, &agreement).await?);
    }
    page(pages::agreements::agreements(&chrome, &view))
}

async fn agreement(visit: Visit, Path(id): Path<String>) -> PageResult {
    let view = view(&visit, &read_id(&id)?).await?;
    page(pages::agreements::agreement(&visit.chrome(Section::Agreements).await?, &view))
}

#[derive(Debug, Deserialize)]
struct Revocation {
    reason: String,
    #[serde(default)]
    confirm: String,
}

/// Asks once more before it ends the agreement.
async fn revoke(Path(id): Path<String>, Posted { visit, fields }: Posted<Revocation>) -> PageResult {
    let id = read_id(&id)?;
    let reason = one_line(&fields.reason);
    visit.house.require_act(&visit.session.person, Act::Revoke)?;
    if reason.is_empty() {
        let needed = FieldError::reason_needed(Language::default());
        return revoke_again(&visit, &id, fields.reason, StatusCode::BAD_REQUEST, needed).await;
    }
    if fields.confirm != "yes" {
        return confirm(&visit, &id, reason).await;
    }
    match visit.house.revoke(&visit.session.person, &id, &reason).await {
        Err(Error::Refused(refusal)) if refusal.kind == RefusalKind::Invalid => {
            let error = FieldError { field: "reason", text: refusal.reason.clone() };
            revoke_again(&visit, &id, fields.reason, status_of(&refusal), error).await
        }
        outcome => outcome.map_err(Into::into).and_then(|_| see(&paths::agreement(&id))),
    }
}

async fn revoke_again(
    visit: &Visit,
    id: &AgreementId,
    typed: String,
    status: StatusCode,
    error: FieldError,
) -> PageResult {
    let mut view = view(visit, id).await?;
    view.revoke_reason = typed;
    view.revoke_errors = vec![error];
    let text = pages::agreements::agreement(&visit.chrome(Section::Agreements).await?, &view);
    Ok(html(status, text))
}

async fn confirm(visit: &Visit, id: &AgreementId, reason: String) -> PageResult {
    let agreement = visit.house.agreement(id).await?;
    let view = RevokeView {
        id: id.clone(),
        sentence: visit.house.sentence_of(&agreement),
        peer: party(&visit.house, &visit.house.ecosystem(), agreement.peer()),
        reason,
        uses_total: visit.house.store.read("pages.revoke").await?.uses_total(id).await?,
    };
    let text = pages::agreements::revoke(&visit.chrome(Section::Agreements).await?, &view);
    Ok(html(StatusCode::OK, text))
}

fn read_id(id: &str) -> Result<AgreementId, Refusal> {
    id.parse().map_err(|_| agreement_unknown())
}

/// What was typed over several lines, as one.
pub(super) fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The purpose of a stranger's proposal that states none.
pub(super) fn unstated_purpose() -> Purpose {
    Purpose::new("urn:weal:unstated").expect("printable ASCII is an identifier")
}

// --- What the pages show -------------------------------------------------------------------------

async fn line(visit: &Visit, ecosystem: &Ecosystem, agreement: &Agreement) -> Result<Option<AgreementLine>> {
    let house = &visit.house;
    let Some(product) = product_of(house, ecosystem, &agreement.dataset) else { return Ok(None) };
    Ok(Some(AgreementLine {
        id: agreement.id.clone(),
        sentence: house.sentence_of(agreement),
        peer: party(house, ecosystem, agreement.peer()),
        product,
        mode: agreement.mode,
        state: state_of(visit, ecosystem, agreement),
        valid_until: agreement.terms.valid_until,
        uses: house.store.read("pages.line").await?.uses_total(&agreement.id).await?,
        budget: meter_of(house, agreement).await?,
    }))
}

fn state_of(visit: &Visit, ecosystem: &Ecosystem, agreement: &Agreement) -> AgreementState {
    match &agreement.status {
        AgreementStatus::Pending => AgreementState::Pending,
        AgreementStatus::Revoked { at, by, role, reason } => AgreementState::Revoked {
            at: *at,
            by: party(&visit.house, ecosystem, by),
            role: role.clone(),
            reason: reason.clone(),
        },
        AgreementStatus::InForce => match agreement.terms.valid_until {
            Some(at) if at <= visit.now() => AgreementState::Expired { at },
            _ => AgreementState::InForce,
        },
    }
}

/// The budget of an agreement: the account itself on the owner's node; on the asker's, what was granted
/// and what our own receipts say was spent.
pub(super) async fn meter_of(house: &House, agreement: &Agreement) -> Result<Option<Meter>> {
    if agreement.mode != Mode::Statistics {
        return Ok(None);
    }
    if agreement.side == Side::Provider {
        let shown = house.budget_shown(&agreement_account(&agreement.id)).await?;
        return Ok(Some(meter(&shown)));
    }
    let Some(granted) = agreement.terms.budget else { return Ok(None) };
    let mut tx = house.store.read("pages.meter").await?;
    let spent = tx.uses_summed(&agreement.id).await?.loss;
    // What a question usually costs is the owner's to say, with each preview and answer.
    Ok(Some(Meter { granted, spent, ..Meter::default() }))
}

async fn view(visit: &Visit, id: &AgreementId) -> Result<AgreementView> {
    let house = &visit.house;
    let ecosystem = house.ecosystem();
    let agreement = house.agreement(id).await?;
    let about = [(agreement.provider.clone(), agreement.dataset.clone())];
    let entries = house.entries_about(about).await?;
    let uses = house.uses(&visit.session.person, Some(id), USES_SHOWN_MAX).await?;
    let in_force = agreement.in_force(visit.now()).is_ok();
    let provider = party(house, &ecosystem, &agreement.provider);
    let is_asked = matches!(agreement.mode, Mode::Statistics | Mode::Extract);
    Ok(AgreementView {
        sentence: house.sentence_of(&agreement),
        consumer: party(house, &ecosystem, &agreement.consumer),
        product: ProductRef { member: provider.name.clone(), product: agreement.product.clone() },
        product_title: title_of(&entries, &agreement.provider, &agreement.product),
        provider,
        state: state_of(visit, &ecosystem, &agreement),
        policy_json: agreement_text(&agreement)?,
        timeline: timeline(visit, &ecosystem, &agreement).await?,
        budget: meter_of(house, &agreement).await?,
        uses: use_lines(visit, &uses).await?,
        uses_total: house.store.read("pages.uses").await?.uses_total(id).await?,
        may_ask: in_force && is_asked && agreement.side == Side::Consumer && visit.may(Act::Ask),
        may_revoke: in_force && visit.may(Act::Revoke),
        revoke_reason: String::new(),
        revoke_errors: Vec::new(),
        agreement,
    })
}

/// Our own people by name, others' by their pseudonym.
async fn use_lines(visit: &Visit, uses: &[UseShown]) -> Result<Vec<UseLine>> {
    let house = &visit.house;
    let persons = house.persons().await?;
    let name_of = |pseudonym: &str| {
        let found = persons.iter().find(|person| house.pseudonym(person) == pseudonym);
        found.map(|person| person.display_name.clone())
    };
    let line = |shown: &UseShown| {
        let receipt = &shown.receipt;
        let name = name_of(&receipt.person).filter(|_| shown.side == Side::Consumer);
        UseLine {
            at: receipt.at,
            person: name.unwrap_or_else(|| receipt.person.clone()),
            loss: receipt.loss,
            rows: None,
            refused: None,
            ledger_index: shown.ledger_index,
        }
    };
    Ok(uses.iter().map(line).collect())
}

async fn timeline(visit: &Visit, ecosystem: &Ecosystem, agreement: &Agreement) -> Result<Vec<Step>> {
    let house = &visit.house;
    let mut tx = house.store.read("pages.timeline").await?;
    let made = tx.negotiation_of(&agreement.id).await?;
    drop(tx);
    let mut steps = match made {
        Some((negotiation, _)) => negotiation_steps(house, ecosystem, &negotiation),
        None => vec![Step {
            at: agreement.agreed_at,
            actor: house.title_of(&agreement.provider),
            what: Happening::AgreementMade,
            message: None,
        }],
    };
    let first_at = house.store.read("pages.first-use").await?.uses_summed(&agreement.id).await?.first_at;
    if let Some(at) = first_at {
        let actor = house.title_of(&agreement.consumer);
        steps.push(Step { at, actor, what: Happening::FirstUse, message: None });
    }
    if let AgreementStatus::Revoked { at, by, role, reason } = &agreement.status {
        let what = Happening::AgreementRevoked { reason: reason.clone() };
        let actor = format!("{} ({})", party(house, ecosystem, by).title, role.replace('_', " "));
        steps.push(Step { at: *at, actor, what, message: None });
    }
    steps.sort_by_key(|step| step.at);
    Ok(steps)
}

/// Every message that took effect, with the state it led to.
pub(super) fn negotiation_steps(house: &House, ecosystem: &Ecosystem, one: &Negotiation) -> Vec<Step> {
    use weal_domain::agreements::negotiation::Move;
    let mut state: Option<NegotiationState> = None;
    let step = |turn: &Turn| {
        let reached = match state {
            Some(before) => before.after(turn.by, turn.message.kind()).unwrap_or(before),
            None if matches!(turn.message, Move::Offer { .. }) => NegotiationState::Offered,
            None => NegotiationState::Requested,
        };
        state = Some(reached);
        let by = if turn.by == one.side { &house.did } else { &one.peer };
        let reason = match &turn.message {
            Move::Terminate { reason, .. } => Some(one_line(reason)),
            _ => None,
        };
        Step {
            at: turn.at,
            actor: party(house, ecosystem, by).title,
            what: Happening::Negotiation { state: reached.as_str().to_owned(), reason },
            message: house.message_of(one, turn),
        }
    };
    one.turns.iter().map(step).collect()
}
