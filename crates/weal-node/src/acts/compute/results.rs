//! An asked question's outcome, in the form its asker wants.

use std::pin::Pin;

use bytes::Bytes;
use futures::{Stream, StreamExt as _};
use weal_domain::Refusal;
use weal_exchange::{RowsFormat, batch_of_answer, print_rows, table_of_rows};

use super::Asked;
use crate::api::Answered;
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
                Answered::Statistics { answer, .. } => {
                    let batch = batch_of_answer(&answer)?;
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

impl From<weal_exchange::EncodeError> for Error {
    fn from(cause: weal_exchange::EncodeError) -> Self {
        Fault::new("printing rows", cause).into()
    }
}
