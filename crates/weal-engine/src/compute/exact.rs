//! Runs the plan of exact totals. What comes out has no noise yet, apart from the counts by which groups with
//! private keys were chosen, and never leaves this crate by itself.

use arrow::array::{RecordBatch, UInt32Array};
use arrow::compute::{concat_batches, take_record_batch};
use datafusion::execution::SessionState;
use datafusion::execution::memory_pool::MemoryConsumer;
use datafusion::logical_expr::LogicalPlan;
use datafusion::physical_plan::{ExecutionPlan, execute_stream};
use futures::StreamExt;
use weal_privacy::mechanism::Thresholded;

use super::functions::totals;
use super::plan::{SUBJECTS, total};
use super::reading::Part;
use crate::error::Doing;
use crate::{EngineError, Fault};

/// Exact totals per group that has any rows.
#[derive(Debug, Clone)]
pub(crate) struct ExactGroups {
    pub keys: RecordBatch,
    /// Distinct subjects of each group.
    pub subjects: Vec<i64>,
    /// Per part, the total of each group.
    pub totals: Vec<Vec<i64>>,
    /// Noisy counts of subjects where a threshold has chosen the groups; the others are not here.
    pub shown: Option<Vec<i64>>,
}

pub(crate) async fn exact(
    session: &SessionState,
    plan: &LogicalPlan,
    parts: &[Part],
    keys: usize,
    subject_is_key: bool,
    choice: Choice,
) -> Result<ExactGroups, EngineError> {
    let physical = session.create_physical_plan(plan).await.doing("planning a private answer")?;
    let (all, shown) = collected(session, physical, choice).await?;
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
        shown: choice.threshold.map(|_| shown),
    })
}

/// Which groups are kept, and how many.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Choice {
    /// Where keys are private, what decides which groups show.
    pub threshold: Option<Thresholded>,
    pub groups_max: usize,
}

/// What is kept of the result, counted and charged to the engine's memory as it comes, and the noisy counts of
/// subjects. The threshold is drawn for as the groups come, each group once, and only groups that pass are
/// counted against the limit: a limit on exact groups would be passed or not by one person more or less, and
/// that it was passed is seen from outside. What follows from noisy counts says nothing that is not paid for.
async fn collected(
    session: &SessionState,
    physical: std::sync::Arc<dyn ExecutionPlan>,
    choice: Choice,
) -> Result<(RecordBatch, Vec<i64>), EngineError> {
    let schema = physical.schema();
    let held = MemoryConsumer::new("private answer").register(&session.runtime_env().memory_pool);
    let mut stream = execute_stream(physical, session.task_ctx()).doing("computing a private answer")?;
    let (mut batches, mut groups, mut shown) = (Vec::new(), 0, Vec::new());
    while let Some(batch) = stream.next().await {
        let mut batch = batch.doing("computing a private answer")?;
        if let Some(threshold) = choice.threshold {
            let counts;
            (batch, counts) = passed(threshold, batch).await?;
            shown.extend(counts);
        }
        groups += batch.num_rows();
        if groups > choice.groups_max {
            return Err(Fault::new("computing a private answer", "it has too many groups").into());
        }
        // Twice, since the batches are put together into one.
        held.try_grow(2 * batch.get_array_memory_size()).doing("computing a private answer")?;
        batches.push(batch);
    }
    Ok((concat_batches(&schema, &batches).doing("computing a private answer")?, shown))
}

/// The groups of a batch that may be shown, with their noisy counts.
async fn passed(threshold: Thresholded, batch: RecordBatch) -> Result<(RecordBatch, Vec<i64>), EngineError> {
    // Drawing is work for a processor, and what draws must not change threads.
    let work = tokio::task::spawn_blocking(move || {
        let subjects = batch.column_by_name(SUBJECTS).ok_or("the plan counts no subjects");
        let subjects = totals(subjects.doing("drawing noise")?).doing("drawing noise")?;
        let shown = threshold.release(&subjects).doing("drawing noise")?;
        let places = UInt32Array::from_iter_values(shown.iter().map(|&(group, _)| group as u32));
        let kept = take_record_batch(&batch, &places).doing("choosing groups")?;
        Ok((kept, shown.into_iter().map(|(_, count)| count).collect()))
    });
    work.await.doing("drawing noise")?
}
