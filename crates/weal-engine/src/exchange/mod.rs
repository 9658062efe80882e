//! # Exchange, on the engine's floor
//!
//! Rows on their way out, as far as a permit goes.

use std::pin::Pin;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use datafusion::common::Column;
use datafusion::error::DataFusionError;
use datafusion::execution::SendableRecordBatchStream;
use datafusion::logical_expr::Expr;
use datafusion::physical_plan::execute_stream;
use futures::{Stream, StreamExt};
use weal_domain::catalogue::Product;
use weal_domain::exchange::{Extract, Permit};
use weal_domain::{Refusal, RefusalKind};

use crate::compute::{condition, schema_of};
use crate::error::Doing;
use crate::scan::{about, in_order_of, read_at_once, scan};
use crate::{Engine, EngineError, Fault, Source};

/// Rows in batches, read as they are asked for. Dropping it ends the work behind it.
pub struct RowStream {
    pub schema: SchemaRef,
    pub batches: Pin<Box<dyn Stream<Item = Result<RecordBatch, EngineError>> + Send>>,
}

impl std::fmt::Debug for RowStream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RowStream").field("schema", &self.schema).finish_non_exhaustive()
    }
}

impl RowStream {
    pub(crate) fn of(
        stream: SendableRecordBatchStream,
        doing: &'static str,
        failed: fn(DataFusionError, &'static str) -> EngineError,
    ) -> Self {
        let schema = stream.schema();
        let batches = stream.map(move |batch| batch.map_err(|error| failed(error, doing)));
        Self { schema, batches: Box::pin(batches) }
    }
}

/// As [`failed`], of a question over rows that the asker may read: what they cannot be computed with is the question's.
pub(crate) fn uncomputable(error: DataFusionError, doing: &'static str) -> EngineError {
    use arrow::error::ArrowError::{
        ArithmeticOverflow, CastError, ComputeError, DivideByZero, InvalidArgumentError, ParseError,
    };
    let why = match error.find_root() {
        DataFusionError::ArrowError(cause, _) => match cause.as_ref() {
            cause @ (ArithmeticOverflow(_)
            | CastError(_)
            | ComputeError(_)
            | DivideByZero
            | InvalidArgumentError(_)
            | ParseError(_)) => cause.to_string(),
            _ => return failed(error, doing),
        },
        DataFusionError::Execution(why) => why.clone(),
        _ => return failed(error, doing),
    };
    Refusal::invalid("not-computable", format!("The rows cannot be computed with as the question says: {why}"))
        .remedy("Use TRY_CAST for texts that may be no numbers, NULLIF(x, 0) for a divisor that may be zero, or leave such rows out with WHERE.")
        .into()
}

/// Too little memory or disk is an answer; everything else an incident.
pub(crate) fn failed(error: DataFusionError, doing: &'static str) -> EngineError {
    match error.find_root() {
        DataFusionError::ResourcesExhausted(_) => Refusal::new(
            RefusalKind::Unavailable,
            "out-of-memory",
            "The node has too little memory left for this.",
        )
        .remedy("Try again later, or with fewer rows or groups at once.")
        .into(),
        _ => Fault::new(doing, error).into(),
    }
}

impl Engine {
    /// The rows of a product that a permit allows, as a stream in bounded memory: the permit's columns in the
    /// product's order, in the order of their values where the subject is not among them, and the rows that satisfy its row filter. Neither other columns nor, where whole
    /// row groups can be told apart, other rows are read from the file.
    pub async fn rows(
        &self,
        permit: &Permit<Extract>,
        product: &Product,
        source: &Source,
    ) -> Result<RowStream, EngineError> {
        let grant = permit.grant();
        if grant.product != product.name {
            return Err(Fault::new("checking a permit", "it is for another product").into());
        }
        let being_read = self.begin_reading(&source.file);
        let columns = permitted(product, grant.columns.as_deref())?;
        let mut plan = scan(&source.file, schema_of(&product.columns), None).doing("planning an extract")?;
        if let Some(filter) = &grant.row_filter {
            plan = plan.filter(condition(&product.columns, filter)?).doing("planning an extract")?;
        }
        let mut plan = plan.project(columns).doing("planning an extract")?;
        if hides_subject(product, grant.columns.as_deref()) {
            // The file is in the order of the subjects, which would show whose rows are the same person's.
            let shown: Vec<_> =
                plan.schema().columns().into_iter().map(|column| in_order_of(&column.name)).collect();
            plan = plan.sort(shown).doing("planning an extract")?;
        }
        let plan = plan.build().doing("planning an extract")?;
        let mut session = self.session();
        // One reader keeps the rows in the order of the file, and little of it in memory.
        session.config_mut().options_mut().execution.target_partitions = 1;
        read_at_once(&mut session, about(&source.file).await?.batch_rows());
        let physical = session.create_physical_plan(&plan).await.doing("planning an extract")?;
        let stream = execute_stream(physical, session.task_ctx()).doing("starting an extract")?;
        let mut rows = RowStream::of(stream, "reading an extract", failed);
        rows.batches = Box::pin(rows.batches.inspect(move |_| {
            let _ = &being_read;
        }));
        Ok(rows)
    }
}

/// Whether rows leave without the column that tells persons apart.
fn hides_subject(product: &Product, columns: Option<&[String]>) -> bool {
    let subject = product.privacy.as_ref().map(|policy| &policy.subject);
    subject.zip(columns).is_some_and(|(subject, columns)| !columns.contains(subject))
}

fn permitted(product: &Product, columns: Option<&[String]>) -> Result<Vec<Expr>, Refusal> {
    let names = product.columns.iter().map(|column| column.name.as_str());
    let chosen: Vec<_> =
        names.filter(|name| columns.is_none_or(|columns| columns.iter().any(|c| c == name))).collect();
    let missing = columns.into_iter().flatten().find(|name| !chosen.contains(&name.as_str()));
    if let Some(name) = missing {
        let reason = format!(
            "The agreement names a column `{name}` that version {} of the product does not have.",
            product.version
        );
        return Err(Refusal::conflict("column-gone", reason)
            .remedy("Request a new agreement for the product as it is now.")
            .changed_by("the owner's steward"));
    }
    // An alias takes the inner name of the table off.
    Ok(chosen.into_iter().map(|name| Expr::Column(Column::new_unqualified(name)).alias(name)).collect())
}
