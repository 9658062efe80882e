//! Runs the plan of exact totals. What comes out has no noise yet and never leaves this crate by itself.

use arrow::array::RecordBatch;
use arrow::compute::concat_batches;
use datafusion::execution::SessionState;
use datafusion::logical_expr::LogicalPlan;
use datafusion::physical_plan::collect;

use super::functions::totals;
use super::plan::{SUBJECTS, total};
use super::reading::Part;
use crate::EngineError;
use crate::error::Doing;

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
    let schema = physical.schema();
    let batches = collect(physical, session.task_ctx()).await.doing("computing a private answer")?;
    let all = concat_batches(&schema, &batches).doing("computing a private answer")?;
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
