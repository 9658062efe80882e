//! What was released to us, printed for its asker. No permit here: these rows and answers are ours already.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::{ArrayRef, Float64Array, RecordBatch, RecordBatchOptions, StringArray};
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
/// All values of a table together, as they lie in memory before they become JSON.
pub const JSON_BYTES_MAX: usize = 16 * 1024 * 1024;
/// Rows that become JSON at once.
const ROWS_AT_ONCE: usize = 256;

/// A private answer as one batch: a text column per key, and per estimate the value with the ends of its
/// interval (`name`, `name_low`, `name_high`). The schema's metadata say the rest: what it cost, how sure the
/// intervals are, how it was protected, whether groups add up to totals, how much is withheld.
pub fn batch_of_answer(answer: &Answer) -> Result<RecordBatch, EncodeError> {
    let mut fields = Vec::new();
    let mut columns: Vec<ArrayRef> = Vec::new();
    for (at, column) in answer.columns.iter().enumerate() {
        let cells = answer.rows.iter().filter_map(|row| row.get(at));
        match column.role {
            ColumnRole::Key | ColumnRole::Computed => {
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
    Ok(RecordBatch::try_new(Arc::new(Schema::new_with_metadata(fields, about(answer)?)), columns)?)
}

/// All of an answer but its rows, as JSON by names of its own.
fn about(answer: &Answer) -> Result<HashMap<String, String>, EncodeError> {
    let said = [
        ("weal.loss", serde_json::to_string(&answer.loss)?),
        ("weal.confidence", serde_json::to_string(&answer.confidence)?),
        ("weal.protection", serde_json::to_string(&answer.protection)?),
        ("weal.totals", serde_json::to_string(&answer.totals)?),
        ("weal.withheld", serde_json::to_string(&answer.withheld)?),
    ];
    Ok(said.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
}

/// The same table with what is told about it, which Parquet and Arrow files carry; the last word on anything counts.
pub fn with_metadata(
    batch: RecordBatch,
    told: impl IntoIterator<Item = (&'static str, String)>,
) -> Result<RecordBatch, EncodeError> {
    let schema = batch.schema().as_ref().clone();
    let mut metadata = schema.metadata.clone();
    metadata.extend(told.into_iter().map(|(key, text)| (key.to_owned(), text)));
    // Not `with_schema`, which takes no other word for what is told already.
    let rows = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    let schema = Arc::new(schema.with_metadata(metadata));
    Ok(RecordBatch::try_new_with_options(schema, batch.columns().to_vec(), &rows)?)
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
    let mut rows: Vec<Vec<Value>> = Vec::new();
    let mut size = 0_usize;
    let mut batches = std::pin::pin!(batches);
    while let Some(batch) = batches.next().await {
        let batch = batch?;
        if rows.len() + batch.num_rows() > JSON_ROWS_MAX {
            return Ok(Err(too_large("too-many-rows", format!("more than {JSON_ROWS_MAX} rows"))));
        }
        // A few rows at a time: how large their values are is known before they are copied.
        for from in (0..batch.num_rows()).step_by(ROWS_AT_ONCE) {
            let some = batch.slice(from, ROWS_AT_ONCE.min(batch.num_rows() - from));
            size = size.saturating_add(slice_bytes(&some)?);
            if size > JSON_BYTES_MAX {
                return Ok(Err(too_large("too-many-bytes", format!("more than {JSON_BYTES_MAX} bytes"))));
            }
            for mut object in objects(&some)? {
                rows.push(columns.iter().map(|name| object.remove(name).unwrap_or(Value::Null)).collect());
            }
        }
    }
    Ok(Ok(JsonTable { columns, rows }))
}

fn too_large(code: &str, what: String) -> Refusal {
    Refusal::new(RefusalKind::TooLarge, code, format!("The result has {what}."))
        .remedy("Add LIMIT, or ask for --format csv or parquet, which stream.")
}

/// What the rows of a slice hold, and not what the batch behind it does.
fn slice_bytes(slice: &RecordBatch) -> Result<usize, EncodeError> {
    let mut size = 0;
    for column in slice.columns() {
        size += column.to_data().get_slice_memory_size()?;
    }
    Ok(size)
}

/// A table for people's spreadsheets, as CSV: a text that a spreadsheet would take for a formula gets an
/// apostrophe before it, for the text is a stranger's.
pub fn sheet_of_table(table: &JsonTable) -> Result<Vec<u8>, EncodeError> {
    let column = |at: usize| -> ArrayRef {
        Arc::new(table.rows.iter().map(|row| row.get(at).and_then(sheet_cell)).collect::<StringArray>())
    };
    let fields: Vec<Field> =
        table.columns.iter().map(|name| Field::new(harmless(name), DataType::Utf8, true)).collect();
    let columns: Vec<ArrayRef> = (0..fields.len()).map(column).collect();
    if columns.is_empty() {
        return Ok(Vec::new());
    }
    sheet(&RecordBatch::try_new(Arc::new(Schema::new(fields)), columns)?)
}

/// A private answer for people's spreadsheets, likewise.
pub fn sheet_of_answer(answer: &Answer) -> Result<Vec<u8>, EncodeError> {
    let batch = batch_of_answer(answer)?;
    let columns = batch.columns().iter().map(|column| match column.as_any().downcast_ref::<StringArray>() {
        Some(keys) => Arc::new(keys.iter().map(|key| key.map(harmless)).collect::<StringArray>()),
        None => Arc::clone(column),
    });
    let fields: Vec<Field> = batch
        .schema()
        .fields()
        .iter()
        .map(|field| field.as_ref().clone().with_name(harmless(field.name())))
        .collect();
    sheet(&RecordBatch::try_new(Arc::new(Schema::new(fields)), columns.collect())?)
}

fn sheet(batch: &RecordBatch) -> Result<Vec<u8>, EncodeError> {
    let mut encoder = Encoder::new(RowsFormat::Csv, &batch.schema())?;
    let mut bytes = encoder.write(batch)?;
    bytes.extend(encoder.finish()?);
    Ok(bytes)
}

/// Numbers as they are; NULL as nothing.
fn sheet_cell(value: &Value) -> Option<String> {
    match value {
        Value::Null => None,
        Value::String(text) => Some(harmless(text)),
        other => Some(other.to_string()),
    }
}

/// What spreadsheets run begins with one of these.
fn harmless(text: &str) -> String {
    if text.starts_with(['=', '+', '-', '@', '\t', '\r']) { format!("'{text}") } else { text.to_owned() }
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
