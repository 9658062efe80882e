//! The last answers, kept in memory for their askers: asking again would cost the budget again.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use axum::body::Body;
use axum::extract::Path;
use axum::http::header;
use axum::response::IntoResponse;
use serde_json::Value;
use weal_domain::Refusal;
use weal_domain::exchange::UseId;
use weal_domain::identity::AccountName;
use weal_exchange::RowFormat;
use weal_portal::paths;
use weal_portal::view::{Export, ExportFormat};

use super::super::frame::{PageResult, Visit};
use crate::acts::compute::Asked;
use crate::api::Answered;
use crate::fault::Fault;

const ANSWERS_MAX: usize = 32;
/// An answer of more cells is shown and not kept.
const CELLS_MAX: usize = 50_000;

/// The newest answers of this run of the node, each for the account that asked.
#[derive(Debug, Default)]
pub struct Answers(Mutex<VecDeque<Kept>>);

#[derive(Debug)]
struct Kept {
    account: AccountName,
    use_id: UseId,
    answered: Answered,
}

impl Answers {
    /// Keeps an answer in the place of the oldest; false where it is too large to keep.
    pub(super) fn keep(&self, account: &AccountName, use_id: &UseId, answered: Answered) -> bool {
        if cells(&answered) > CELLS_MAX {
            return false;
        }
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.push_back(Kept { account: account.clone(), use_id: use_id.clone(), answered });
        while kept.len() > ANSWERS_MAX {
            kept.pop_front();
        }
        true
    }

    /// The answer of a use, for nobody but its asker.
    fn of(&self, account: &AccountName, use_id: &str) -> Option<Answered> {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let found = kept.iter().find(|one| one.account == *account && one.use_id.as_str() == use_id);
        found.map(|one| one.answered.clone())
    }
}

fn cells(answered: &Answered) -> usize {
    match answered {
        Answered::Preview { .. } => 0,
        Answered::Statistics { answer, .. } => answer.rows.iter().map(Vec::len).sum(),
        Answered::Rows { rows, .. } => rows.iter().map(Vec::len).sum(),
    }
}

/// Where the answer of a use can be taken home.
pub(super) fn exports(use_id: &UseId, is_answer: bool) -> Vec<Export> {
    let all = [ExportFormat::Csv, ExportFormat::Json, ExportFormat::Parquet];
    let given = all.into_iter().filter(|format| is_answer || *format != ExportFormat::Parquet);
    given.map(|format| Export { format, href: paths::answer_export(use_id, format) }).collect()
}

/// `GET /ask/{use}/answer.{csv,json,parquet}`
pub(super) async fn export(visit: Visit, Path((use_id, file)): Path<(String, String)>) -> PageResult {
    let gone = || {
        Refusal::not_found("answer-gone", "This answer is no longer kept here.")
            .remedy("The last answers are kept until the node stops; the receipt stays in the ledger.")
    };
    let format = file.strip_prefix("answer.").ok_or_else(gone)?;
    let answered = visit.house.doors.answers.of(&visit.session.person.account, &use_id).ok_or_else(gone)?;
    let (media_type, body) = match (format, &answered) {
        ("json", _) => ("application/json", Body::from(json(&answered)?)),
        ("csv", Answered::Rows { columns, rows, .. }) => {
            (RowFormat::Csv.media_type(), csv(columns, rows).into())
        }
        ("csv" | "parquet", Answered::Statistics { .. }) => {
            let format: RowFormat = format.parse()?;
            let asked = Asked::Done(Box::new(answered));
            (format.media_type(), Body::from_stream(visit.house.answered_as(asked, format).await?))
        }
        _ => return Err(gone().into()),
    };
    let headers = [
        (header::CONTENT_TYPE, media_type.to_owned()),
        (header::CONTENT_DISPOSITION, format!("attachment; filename=\"answer.{format}\"")),
        (header::CACHE_CONTROL, "private, no-store".to_owned()),
    ];
    Ok((headers, body).into_response())
}

fn json(answered: &Answered) -> Result<Vec<u8>, Fault> {
    serde_json::to_vec_pretty(answered).map_err(|cause| Fault::new("printing an answer", cause))
}

/// A value as a table shows it; `None` is SQL's NULL.
pub(super) fn text_of(value: &Value) -> Option<String> {
    match value {
        Value::Null => None,
        Value::String(text) => Some(text.clone()),
        other => Some(other.to_string()),
    }
}

/// RFC 4180; a NULL is an empty field, an empty text a quoted one.
fn csv(columns: &[String], rows: &[Vec<Value>]) -> String {
    let mut out = String::new();
    let mut line = |fields: &mut dyn Iterator<Item = Option<String>>| {
        let fields: Vec<String> = fields.map(|field| field.map(quoted).unwrap_or_default()).collect();
        out.push_str(&fields.join(","));
        out.push_str("\r\n");
    };
    line(&mut columns.iter().map(|name| Some(name.clone())));
    for row in rows {
        line(&mut row.iter().map(text_of));
    }
    out
}

fn quoted(field: String) -> String {
    if field.is_empty() || field.contains(['"', ',', '\r', '\n']) {
        format!("\"{}\"", field.replace('"', "\"\""))
    } else {
        field
    }
}
