//! Runs the plan of exact totals. What comes out has no noise yet and never leaves this crate by itself.

use arrow::array::RecordBatch;
use arrow::compute::concat_batches;
use datafusion::execution::SessionState;
use datafusion::execution::memory_pool::MemoryConsumer;
use datafusion::logical_expr::LogicalPlan;
use datafusion::physical_plan::{ExecutionPlan, execute_stream};
use futures::StreamExt;

use super::functions::totals;
use super::plan::{SUBJECTS, total};
use super::reading::Part;
use crate::error::Doing;
use crate::{EngineError, Fault};

/// The most groups of at least the owner's minimum size that one question may find.
const GROUPS_FOUND_MAX: usize = 1 << 20;

/// Exact totals per group that has any rows.
#[derive(Debug, Clone)]
pub(crate) struct ExactGroups {
    pub keys: RecordBatch,
    /// Distinct subjects of each group.
    pub subjects: Vec<i64>,
    /// Per part, the total of each group.
    pub totals: Vec<Vec<i64>>,
}

pub(crate) async fn exact(
    session: &SessionState,
    plan: &LogicalPlan,
    parts: &[Part],
    keys: usize,
    subject_is_key: bool,
) -> Result<ExactGroups, EngineError> {
    let physical = session.create_physical_plan(plan).await.doing("planning a private answer")?;
    let all = collected(session, physical).await?;
    let places: Vec<usize> = (0..keys).collect();
    let numbers = |name: &str| {
        let column = all.column_by_name(name).ok_or_else(|| format!("the plan has no column {name}"));
        totals(column.doing("computing a private answer")?).doing("computing a private answer")
    };
    let parts = parts.iter().enumerate().map(|(i, part)| numbers(&total(i, part, subject_is_key)));
    Ok(ExactGroups {
        keys: all.project(&places).doing("computing a private answer")?,
        subjects: numbers(SUBJECTS)?,
        totals: parts.collect::<Result<_, _>>()?,
    })
}

/// All of the result, counted and charged to the engine's memory as it comes.
async fn collected(
    session: &SessionState,
    physical: std::sync::Arc<dyn ExecutionPlan>,
) -> Result<RecordBatch, EngineError> {
    let schema = physical.schema();
    let held = MemoryConsumer::new("private answer").register(&session.runtime_env().memory_pool);
    let mut stream = execute_stream(physical, session.task_ctx()).doing("computing a private answer")?;
    let (mut batches, mut groups) = (Vec::new(), 0);
    while let Some(batch) = stream.next().await {
        let batch = batch.doing("computing a private answer")?;
        groups += batch.num_rows();
        if groups > GROUPS_FOUND_MAX {
            return Err(Fault::new("computing a private answer", "it has too many groups").into());
        }
        // Twice, since the batches are put together into one.
        held.try_grow(2 * batch.get_array_memory_size()).doing("computing a private answer")?;
        batches.push(batch);
    }
    concat_batches(&schema, &batches).doing("computing a private answer")
}
