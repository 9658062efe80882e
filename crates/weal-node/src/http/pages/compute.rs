//! Asking: a question in SQL, what it would cost, its answer, and the answer to take home.

use std::sync::Arc;

use axum::Router;
use axum::http::StatusCode;
use axum::routing::{get, post};
use serde::Deserialize;
use weal_domain::exchange::UseId;
use weal_portal::view::{AskOutcome, AskView, FieldError, HeldProduct, Language, Section};
use weal_portal::{pages, paths};

use super::frame::{
    PageResult, Path, Posted, Query, Unpainted, Visit, form_broken, html, page, see, status_of,
};
use super::once::{Came, is_number};
use super::one;
use crate::acts::sha256_hex;
use crate::api::Ask;
use crate::fault::{Error, Result};
use crate::house::House;

mod held;
mod keep;
mod outcome;

pub use keep::Answers;
use keep::Kept;

pub(super) fn routes() -> Router<Arc<House>> {
    Router::new()
        .route(paths::ASK, get(form))
        .route(&one(paths::ASK, ""), get(answer))
        .route(&format!("{}/{{use_id}}/{{file}}", paths::ASK), get(keep::export))
}

/// Asking takes as long as the owners and their rows take; who is asked has limits of its own.
pub(super) fn ask_routes() -> Router<Arc<House>> {
    Router::new().route(paths::ASK, post(ask))
}

#[derive(Debug, Default, Deserialize)]
struct Question {
    #[serde(default)]
    agreement: String,
    #[serde(default)]
    sql: String,
    /// `preview` or `ask`: which of the two buttons was pressed.
    #[serde(default)]
    act: String,
    /// The form's own number: the same form sent twice asks once.
    #[serde(default)]
    once: String,
}

async fn form(visit: Visit, Query(question): Query<Question>) -> PageResult {
    let chrome = visit.chrome(Section::Ask).await?;
    let held = held::held(&visit).await?;
    page(pages::compute::ask(&chrome, &view(&visit, question, held, AskOutcome::None)?))
}

/// `GET /ask/{use}`: an answer that was given, as often as its asker wants to see it.
async fn answer(visit: Visit, Path(use_id): Path<String>) -> PageResult {
    let chrome = visit.chrome(Section::Ask).await?;
    let Kept { answered, agreement, sql, .. } =
        visit.house.doors.answers.of(&visit.session.person.account, &use_id)?;
    let held = held::held(&visit).await?;
    let outcome = outcome::outcome(&visit, answered, &held).await?;
    let question = Question { agreement, sql, ..Question::default() };
    page(pages::compute::ask(&chrome, &view(&visit, question, held, outcome)?))
}

async fn ask(Posted { visit, fields }: Posted<Question>) -> PageResult {
    let before = held::held(&visit).await?;
    let asked = match fields.act.as_str() {
        _ if fields.sql.trim().is_empty() => Ok(AskOutcome::None),
        "preview" => preview(&visit, &fields, &before).await,
        _ => match ask_once(&visit, &fields, &before).await? {
            Ok(use_id) => return see(&paths::answer(&use_id)),
            Err(cause) => match &*cause {
                Error::Refused(refusal) => Err(refusal.clone().into()),
                Error::Fault(_) => return Err(Unpainted::shared(cause)),
            },
        },
    };
    let (status, outcome) = match asked {
        Ok(outcome) => (StatusCode::OK, outcome),
        Err(Error::Refused(refusal)) => (status_of(&refusal), AskOutcome::Refused(refusal)),
        Err(fault) => return Err(fault.into()),
    };
    // Read again: a refusal may have ended what was held.
    let view = view(&visit, fields, held::held(&visit).await?, outcome)?;
    let status = if view.errors.is_empty() { status } else { StatusCode::BAD_REQUEST };
    Ok(html(status, pages::compute::ask(&visit.chrome(Section::Ask).await?, &view)))
}

fn view(visit: &Visit, question: Question, held: Vec<HeldProduct>, outcome: AskOutcome) -> Result<AskView> {
    let is_empty = question.sql.trim().is_empty() && !question.act.is_empty();
    Ok(AskView {
        chosen: question.agreement.parse().ok(),
        sql: question.sql,
        once: visit.house.entropy.token()?,
        errors: if is_empty { vec![FieldError::sql_needed(Language::default())] } else { Vec::new() },
        outcome,
        held,
    })
}

async fn preview(visit: &Visit, question: &Question, held: &[HeldProduct]) -> Result<AskOutcome> {
    let ask = ask_of(visit, question, held, true)?;
    let asked = visit.house.ask(&visit.session.person, &ask).await?;
    let answered = visit.house.answered(asked).await?;
    outcome::outcome(visit, answered, held).await
}

/// Asks what the form asks, once however often it is sent, and keeps the answer for its asker.
async fn ask_once(visit: &Visit, question: &Question, held: &[HeldProduct]) -> Result<Came<UseId>> {
    if !is_number(&question.once) {
        return Ok(Err(Arc::new(form_broken().into())));
    }
    let ask = match ask_of(visit, question, held, false) {
        Ok(ask) => ask,
        Err(cause) => return Ok(Err(Arc::new(cause))),
    };
    let key = sha256_hex(format!("{}\n{}\n{}", question.once, question.agreement, question.sql));
    let (house, person) = (Arc::clone(&visit.house), visit.session.person.clone());
    let (agreement, sql) = (question.agreement.clone(), question.sql.clone());
    let coming = visit.house.doors.answers.asked.once(&visit.session.person.account, key, async move {
        let answered =
            async { house.answered(house.ask(&person, &ask).await?).await }.await.map_err(Arc::new)?;
        let use_id = outcome::use_of(&answered).map_err(|refusal| Arc::new(refusal.into()))?;
        let kept = Kept { account: person.account, use_id: use_id.clone(), agreement, sql, answered };
        house.doors.answers.keep(kept);
        Ok(use_id)
    });
    Ok(coming.await)
}

/// What the form asks. A chosen agreement is used where the question is about its product and no other; a
/// question about several products finds an agreement for each.
fn ask_of(visit: &Visit, question: &Question, held: &[HeldProduct], preview: bool) -> Result<Ask> {
    let tables = weal_engine::read_question(&question.sql)?.tables;
    if !tables.is_empty() && tables.iter().all(|table| table.member == visit.house.config.node.name) {
        return Err(outcome::own_rows().into());
    }
    let chosen = held.iter().find(|held| held.agreement.as_str() == question.agreement);
    let agreement = chosen.filter(|chosen| tables == [chosen.product.clone()]);
    Ok(Ask {
        sql: question.sql.clone(),
        preview,
        loss: None,
        format: None,
        agreement: agreement.map(|held| held.agreement.to_string()),
    })
}
