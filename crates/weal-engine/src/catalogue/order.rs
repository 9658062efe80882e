//! A product's file in the order of its subjects: so that a question finds a person's rows together.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use datafusion::execution::{SendableRecordBatchStream, SessionState};
use datafusion::physical_plan::execute_stream;
use futures::StreamExt;
use parquet::file::metadata::KeyValue;
use tokio::runtime::Handle;
use weal_domain::catalogue::Column;

use super::ingest::Wanted;
use super::write::{NewFile, ORDERED_BY_KEY};
use crate::compute::{has_order, schema_of};
use crate::error::Doing;
use crate::exchange::failed;
use crate::scan::{about, footer, in_order_of, read_at_once, scan};
use crate::{EngineError, Fault};

const DOING: &str = "putting a product's rows in order";

/// Writes the file anew with its rows in the order of `column`, unless they are, or the column is of a kind that has
/// no order; how many bytes it has then. What does not fit into memory is sorted on disk.
pub(crate) async fn put_in_order(
    mut session: SessionState,
    file: &Path,
    columns: &[Column],
    column: &str,
) -> Result<u64, EngineError> {
    let about = about(file).await?;
    let schema = schema_of(columns);
    let can_be = schema.field_with_name(column).is_ok_and(|field| has_order(field.data_type()));
    if !can_be || about.is_in_order_of(column) {
        return Ok(std::fs::metadata(file).doing("measuring the file")?.len());
    }
    read_at_once(&mut session, about.batch_rows());
    let rows = scan(file, schema, None).and_then(|rows| rows.sort([in_order_of(column)]));
    let plan = rows.and_then(|rows| rows.build()).doing(DOING)?;
    let physical = session.create_physical_plan(&plan).await.doing(DOING)?;
    let rows = execute_stream(physical, session.task_ctx()).doing(DOING)?;
    let (file, column, wanted) = (file.to_owned(), column.to_owned(), Wanted::default());
    let still_wanted = wanted.flag();
    // Writing is work for a processor and a disk.
    tokio::task::spawn_blocking(move || write(&file, rows, &column, &still_wanted)).await.doing(DOING)?
}

fn write(
    file: &Path,
    mut rows: SendableRecordBatchStream,
    column: &str,
    wanted: &AtomicBool,
) -> Result<u64, EngineError> {
    let known = known(file)?;
    let mut sorted = NewFile::create(file, rows.schema())?;
    while let Some(batch) = Handle::current().block_on(rows.next()) {
        sorted.write(&batch.map_err(|cause| failed(cause, DOING))?)?;
        if !wanted.load(Ordering::Relaxed) {
            return Err(Fault::new(DOING, "given up by its caller").into());
        }
    }
    sorted.finish(known.into_iter().chain([KeyValue::new(ORDERED_BY_KEY.to_owned(), column.to_owned())]))
}

/// What `ingest` wrote about the file into it, which the order of its rows does not change.
fn known(file: &Path) -> Result<Vec<KeyValue>, EngineError> {
    let metadata = footer(file)?;
    let pairs = metadata.metadata().file_metadata().key_value_metadata();
    let ours = |pair: &&KeyValue| pair.key.starts_with("weal.") && pair.key != ORDERED_BY_KEY;
    Ok(pairs.into_iter().flatten().filter(ours).cloned().collect())
}
