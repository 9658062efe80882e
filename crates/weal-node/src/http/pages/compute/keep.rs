//! The last answers, kept in memory for their askers: asking again would cost the budget again.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use axum::body::Body;
use axum::http::header;
use axum::response::IntoResponse;
use serde_json::Value;
use weal_domain::Refusal;
use weal_domain::compute::{Answer, Cell};
use weal_domain::exchange::UseId;
use weal_domain::identity::AccountName;
use weal_exchange::{JsonTable, RowsFormat, sheet_of_answer, sheet_of_table};
use weal_portal::paths;
use weal_portal::view::{Export, ExportFormat};

use super::super::frame::{PageResult, Path, Visit};
use super::super::once::Forms;
use crate::acts::compute::Asked;
use crate::api::Answered;
use crate::fault::{Error, Fault};

const ANSWERS_MAX: usize = 32;
/// All answers together, as JSON; the newest one is kept whatever its size, which `table_of_rows` limits.
const ANSWERS_BYTES_MAX: usize = 64 * 1024 * 1024;

/// The newest answers of this run of the node, each for the account that asked, and the forms they came of.
#[derive(Debug, Default)]
pub struct Answers {
    kept: Mutex<VecDeque<Kept>>,
    /// Questions that were asked by a form.
    pub(super) asked: Forms<UseId>,
}

/// An answer with the question it belongs to.
#[derive(Debug, Clone)]
pub(super) struct Kept {
    pub(super) account: AccountName,
    pub(super) use_id: UseId,
    /// As it stood in the form.
    pub(super) agreement: String,
    pub(super) sql: String,
    pub(super) answered: Answered,
}

impl Answers {
    /// Keeps an answer; the oldest make room.
    pub(super) fn keep(&self, new: Kept) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.push_back(new);
        let mut bytes: usize = kept.iter().map(|one| size_bytes(&one.answered)).sum();
        while kept.len() > 1 && (kept.len() > ANSWERS_MAX || bytes > ANSWERS_BYTES_MAX) {
            bytes -= kept.pop_front().map_or(0, |oldest| size_bytes(&oldest.answered));
        }
    }

    /// The answer of a use, for nobody but its asker.
    pub(super) fn of(&self, account: &AccountName, use_id: &str) -> Result<Kept, Refusal> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let found = kept.iter().find(|one| one.account == *account && one.use_id.as_str() == use_id);
        found.cloned().ok_or_else(gone)
    }
}

/// About what an answer takes in memory.
fn size_bytes(answered: &Answered) -> usize {
    let cells = |rows: &[Vec<Value>]| -> usize {
        rows.iter().flatten().map(|value| size_of::<Value>() + value.as_str().map_or(0, str::len)).sum()
    };
    let of_answer = |answer: &Answer| -> usize {
        let keys = |cell: &Cell| if let Cell::Key(Some(key)) = cell { key.len() } else { 0 };
        answer.rows.iter().flatten().map(|cell| size_of::<Cell>() + keys(cell)).sum()
    };
    match answered {
        Answered::Preview { .. } | Answered::PreviewOfOwners { .. } => 0,
        Answered::Statistics { answer, .. } => of_answer(answer),
        Answered::StatisticsOfOwners { answer, owners } => {
            of_answer(answer) + owners.iter().map(|owner| size_bytes(&owner.answered)).sum::<usize>()
        }
        Answered::Rows { rows, .. } => cells(rows),
    }
}

fn gone() -> Refusal {
    Refusal::not_found("answer-gone", "This answer is no longer kept here.")
        .remedy("The last answers are kept until the node stops; the receipt stays in the ledger.")
}

/// Where the answer of a use can be taken home.
pub(super) fn exports(use_id: &UseId, is_answer: bool) -> Vec<Export> {
    let all = [ExportFormat::Csv, ExportFormat::Json, ExportFormat::Parquet];
    let given = all.into_iter().filter(|format| is_answer || *format != ExportFormat::Parquet);
    given.map(|format| Export { format, href: paths::answer_export(use_id, format) }).collect()
}

/// `GET /ask/{use}/answer.{csv,json,parquet}`
pub(super) async fn export(visit: Visit, Path((use_id, file)): Path<(String, String)>) -> PageResult {
    let format = file.strip_prefix("answer.").ok_or_else(gone)?;
    let answered = visit.house.doors.answers.of(&visit.session.person.account, &use_id)?.answered;
    let (media_type, body) = match (format, &answered) {
        ("json", _) => ("application/json", Body::from(json(&answered)?)),
        ("csv", Answered::Rows { columns, rows, .. }) => {
            let table = JsonTable { columns: columns.clone(), rows: rows.clone() };
            (RowsFormat::Csv.media_type(), sheet_of_table(&table).map_err(Error::from)?.into())
        }
        ("csv", Answered::Statistics { answer, .. } | Answered::StatisticsOfOwners { answer, .. }) => {
            (RowsFormat::Csv.media_type(), sheet_of_answer(answer).map_err(Error::from)?.into())
        }
        ("parquet", Answered::Statistics { .. } | Answered::StatisticsOfOwners { .. }) => {
            let format = RowsFormat::Parquet;
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
