//! Asking: a question in SQL, what it would cost, its answer, and the answer to take home.

use std::sync::Arc;

use axum::Router;
use axum::extract::Query;
use axum::http::StatusCode;
use axum::routing::get;
use serde::Deserialize;
use weal_domain::Refusal;
use weal_domain::agreements::AgreementId;
use weal_domain::catalogue::ProductRef;
use weal_portal::view::{AskOutcome, AskView, FieldError, HeldProduct, Section};
use weal_portal::{pages, paths};

use super::frame::{PageResult, Posted, Visit, html, page, status_of};
use crate::api::Ask;
use crate::fault::{Error, Result};
use crate::house::House;

mod held;
mod keep;
mod outcome;

pub use keep::Answers;

pub(super) fn routes() -> Router<Arc<House>> {
    Router::new()
        .route(paths::ASK, get(form).post(ask))
        .route(&format!("{}/{{use_id}}/{{file}}", paths::ASK), get(keep::export))
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
}

async fn form(visit: Visit, Query(question): Query<Question>) -> PageResult {
    let chrome = visit.chrome(Section::Ask).await?;
    let held = held::held(&visit).await?;
    page(pages::compute::ask(&chrome, &view(question, held, AskOutcome::None)))
}

async fn ask(Posted { visit, fields }: Posted<Question>) -> PageResult {
    let before = held::held(&visit).await?;
    let asked = run(&visit, &fields, &before).await;
    let (status, outcome) = match asked {
        Ok(outcome) => (StatusCode::OK, outcome),
        Err(Error::Refused(refusal)) => (status_of(&refusal), AskOutcome::Refused(refusal)),
        Err(fault) => return Err(fault.into()),
    };
    // Read again: what was asked has changed what is left.
    let view = view(fields, held::held(&visit).await?, outcome);
    let status = if view.errors.is_empty() { status } else { StatusCode::BAD_REQUEST };
    Ok(html(status, pages::compute::ask(&visit.chrome(Section::Ask).await?, &view)))
}

fn view(question: Question, held: Vec<HeldProduct>, outcome: AskOutcome) -> AskView {
    let is_empty = question.sql.trim().is_empty() && !question.act.is_empty();
    let empty = FieldError { field: "sql", text: "Write the question you want to ask.".to_owned() };
    AskView {
        chosen: question.agreement.parse().ok(),
        sql: question.sql,
        errors: if is_empty { vec![empty] } else { Vec::new() },
        outcome,
        held,
    }
}

async fn run(visit: &Visit, question: &Question, held: &[HeldProduct]) -> Result<AskOutcome> {
    if question.sql.trim().is_empty() {
        return Ok(AskOutcome::None);
    }
    let ask = Ask {
        sql: question.sql.clone(),
        preview: question.act == "preview",
        loss: None,
        format: None,
        agreement: agreement_for(question, held)?.map(|id| id.to_string()),
    };
    let asked = visit.house.ask(&visit.session.person, &ask).await?;
    let answered = visit.house.answered(asked).await?;
    outcome::outcome(visit, answered, held).await
}

/// The chosen agreement, where the question is about its product and no other; a question about several
/// products finds an agreement for each.
fn agreement_for(question: &Question, held: &[HeldProduct]) -> Result<Option<AgreementId>, Refusal> {
    let Some(chosen) = held.iter().find(|held| held.agreement.as_str() == question.agreement) else {
        return Ok(None);
    };
    let tables: Vec<ProductRef> = weal_engine::read_question(&question.sql)?.tables;
    Ok((tables == [chosen.product.clone()]).then(|| chosen.agreement.clone()))
}
