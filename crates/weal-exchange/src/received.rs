//! What was released to us, printed for its asker. No permit here: these rows and answers are ours already.

use std::sync::Arc;

use arrow::array::{ArrayRef, Float64Array, RecordBatch, StringArray};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use bytes::Bytes;
use futures::{Stream, StreamExt as _};
use serde_json::{Map, Value};
use weal_domain::compute::{Answer, Cell, ColumnRole};
use weal_domain::{Refusal, RefusalKind};
use weal_wire::peer::RowsFormat;

use crate::encode::{EncodeError, Encoder};

/// Rows that are shown as JSON; more are asked for in a format that streams.
pub const JSON_ROWS_MAX: usize = 10_000;

/// A private answer as one batch: a text column per key, and per estimate the value with the ends of its
/// interval (`name`, `name_low`, `name_high`).
pub fn batch_of_answer(answer: &Answer) -> Result<RecordBatch, EncodeError> {
    let mut fields = Vec::new();
    let mut columns: Vec<ArrayRef> = Vec::new();
    for (at, column) in answer.columns.iter().enumerate() {
        let cells = answer.rows.iter().filter_map(|row| row.get(at));
        match column.role {
            ColumnRole::Key => {
                let keys = cells.map(|cell| if let Cell::Key(key) = cell { key.as_deref() } else { None });
                fields.push(Field::new(&column.name, DataType::Utf8, true));
                columns.push(Arc::new(keys.collect::<StringArray>()));
            }
            ColumnRole::Estimate => {
                let parts: [(&str, Part); 3] = [("", value), ("_low", low), ("_high", high)];
                for (suffix, part) in parts {
                    fields.push(Field::new(format!("{}{suffix}", column.name), DataType::Float64, true));
                    columns.push(Arc::new(cells.clone().map(part).collect::<Float64Array>()));
                }
            }
        }
    }
    Ok(RecordBatch::try_new(Arc::new(Schema::new(fields)), columns)?)
}

/// One number of an estimate.
type Part = fn(&Cell) -> Option<f64>;

fn value(cell: &Cell) -> Option<f64> {
    if let Cell::Estimate { value, .. } = cell { Some(*value) } else { None }
}
fn low(cell: &Cell) -> Option<f64> {
    if let Cell::Estimate { low, .. } = cell { Some(*low) } else { None }
}
fn high(cell: &Cell) -> Option<f64> {
    if let Cell::Estimate { high, .. } = cell { Some(*high) } else { None }
}

/// Rows in a format, batch by batch.
pub fn print_rows<E: std::fmt::Display + Send + 'static>(
    schema: &SchemaRef,
    batches: impl Stream<Item = Result<RecordBatch, E>> + Send + 'static,
    format: RowsFormat,
) -> Result<impl Stream<Item = Result<Bytes, std::io::Error>> + Send + 'static, EncodeError> {
    let encoder = Encoder::new(format, schema)?;
    let batches = Box::pin(batches);
    Ok(futures::stream::unfold(Some((encoder, batches)), |state| async move {
        let (mut encoder, mut batches) = state?;
        Some(match batches.next().await {
            Some(Ok(batch)) => match encoder.write(&batch) {
                Ok(chunk) => (Ok(Bytes::from(chunk)), Some((encoder, batches))),
                Err(cause) => (Err(std::io::Error::other(cause.to_string())), None),
            },
            Some(Err(cause)) => (Err(std::io::Error::other(cause.to_string())), None),
            None => (
                encoder.finish().map(Bytes::from).map_err(|cause| std::io::Error::other(cause.to_string())),
                None,
            ),
        })
    }))
}

/// A table of JSON values: the names of the columns, and the rows in their order.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct JsonTable {
    pub columns: Vec<String>,
    pub rows: Vec<Vec<Value>>,
}

/// Collects up to [`JSON_ROWS_MAX`] rows.
pub async fn table_of_rows<E>(
    schema: &SchemaRef,
    batches: impl Stream<Item = Result<RecordBatch, E>> + Send,
) -> Result<Result<JsonTable, Refusal>, E>
where
    E: From<EncodeError>,
{
    let columns: Vec<String> = schema.fields().iter().map(|field| field.name().clone()).collect();
    let mut rows = Vec::new();
    let mut batches = std::pin::pin!(batches);
    while let Some(batch) = batches.next().await {
        for object in objects(&batch?)? {
            rows.push(columns.iter().map(|name| object.get(name).cloned().unwrap_or(Value::Null)).collect());
        }
        if rows.len() > JSON_ROWS_MAX {
            return Ok(Err(Refusal::new(
                RefusalKind::TooLarge,
                "too-many-rows",
                format!("The result has more than {JSON_ROWS_MAX} rows."),
            )
            .remedy("Add LIMIT, or ask for --format csv or parquet, which stream.")));
        }
    }
    Ok(Ok(JsonTable { columns, rows }))
}

fn objects(batch: &RecordBatch) -> Result<Vec<Map<String, Value>>, EncodeError> {
    let mut writer = arrow::json::ArrayWriter::new(Vec::new());
    writer.write(batch)?;
    writer.finish()?;
    let bytes = writer.into_inner();
    if bytes.is_empty() {
        return Ok(Vec::new());
    }
    Ok(serde_json::from_slice(&bytes)?)
}
