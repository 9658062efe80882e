//! An asked question's outcome, in the form its asker wants.

use std::pin::Pin;

use bytes::Bytes;
use futures::{Stream, StreamExt as _};
use serde::Serialize;
use weal_domain::Refusal;
use weal_domain::catalogue::ProductRef;
use weal_domain::compute::{Answer, Loss};
use weal_domain::identity::MemberName;
use weal_domain::ledger::Receipt;
use weal_exchange::{RowsFormat, batch_of_answer, print_rows, table_of_rows, with_metadata};

use super::Asked;
use crate::api::{Answered, OwnerPart};
use crate::fault::{Error, Fault, Result};
use crate::house::House;

type Chunks = Pin<Box<dyn Stream<Item = Result<Bytes, std::io::Error>> + Send>>;

impl House {
    /// The outcome as one value; rows up to a limit.
    pub async fn answered(&self, asked: Asked) -> Result<Answered> {
        match asked {
            Asked::Done(answered) => Ok(*answered),
            Asked::Rows { rows, agreements, receipts, files } => {
                let batches = rows.batches.map(|batch| batch.map_err(Error::from));
                let table = table_of_rows(&rows.schema, batches).await??;
                drop(files);
                Ok(Answered::Rows { agreements, columns: table.columns, rows: table.rows, receipts })
            }
        }
    }

    /// The outcome as bytes that stream.
    pub async fn answered_as(&self, asked: Asked, format: RowsFormat) -> Result<Chunks> {
        match asked {
            Asked::Done(answered) => match *answered {
                answered @ (Answered::Statistics { .. } | Answered::StatisticsOfOwners { .. }) => {
                    let (answer, told) = told(&answered)?;
                    let batch = with_metadata(batch_of_answer(answer)?, told)?;
                    let batches = futures::stream::iter([Ok::<_, Error>(batch.clone())]);
                    Ok(Box::pin(print_rows(&batch.schema(), batches, format)?))
                }
                _ => Err(Refusal::invalid("preview-is-json", "A preview is not a table.")
                    .remedy("Leave the format out.")
                    .into()),
            },
            Asked::Rows { rows, files, .. } => {
                // The received files live until the last row has been read from them.
                let batches = rows.batches.map(move |batch| {
                    let _held = &files;
                    batch
                });
                Ok(Box::pin(print_rows(&rows.schema, batches, format)?))
            }
        }
    }
}

/// An answer, and what the metadata of its file tells: where several owners stand behind it, who they are, what each
/// was asked and charged, and its receipt.
fn told(answered: &Answered) -> Result<(&Answer, Vec<(&'static str, String)>)> {
    match answered {
        Answered::Statistics { answer, cut, .. } => {
            Ok((answer, cut.iter().map(|cut| (CUT_KEY, cut.said.clone())).collect()))
        }
        Answered::StatisticsOfOwners { answer, owners } => {
            let told = owners.iter().map(OwnerTold::of).collect::<Vec<_>>();
            let told = serde_json::to_string(&told).map_err(weal_exchange::EncodeError::from)?;
            Ok((answer, vec![(OWNERS_KEY, told)]))
        }
        _ => Err(Fault::new("printing an answer", "it has no table").into()),
    }
}

/// Keys of a file's metadata, beside those of every answer: that more was asked for than the owner allows, and who
/// the owners are.
const CUT_KEY: &str = "weal.cut";
const OWNERS_KEY: &str = "weal.owners";

/// One owner of an answer, without its own numbers.
#[derive(Debug, Serialize)]
struct OwnerTold<'a> {
    member: &'a MemberName,
    title: &'a str,
    products: &'a [ProductRef],
    sql: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    agreement: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    receipt: Option<&'a Receipt>,
    #[serde(skip_serializing_if = "Option::is_none")]
    budget_left_before: Option<Loss>,
    #[serde(skip_serializing_if = "Option::is_none")]
    budget_left_after: Option<Loss>,
}

impl<'a> OwnerTold<'a> {
    fn of(owner: &'a OwnerPart) -> Self {
        let OwnerPart { member, title, products, sql, answered } = owner;
        let told = Self {
            member,
            title,
            products,
            sql,
            agreement: None,
            receipt: None,
            budget_left_before: None,
            budget_left_after: None,
        };
        match &**answered {
            Answered::Statistics { agreement, receipt, budget_before, budget_after, .. } => Self {
                agreement: Some(agreement),
                receipt: Some(receipt),
                budget_left_before: Some(budget_before.left),
                budget_left_after: Some(budget_after.left),
                ..told
            },
            _ => told,
        }
    }
}

impl From<weal_exchange::EncodeError> for Error {
    fn from(cause: weal_exchange::EncodeError) -> Self {
        Fault::new("printing rows", cause).into()
    }
}
