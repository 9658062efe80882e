//! Runs the plan of exact totals. What comes out has no noise yet, apart from the counts by which groups with
//! private keys were chosen, and never leaves this crate by itself.

use std::collections::HashMap;

use arrow::array::{ArrayRef, RecordBatch, UInt32Array};
use arrow::compute::{cast, concat_batches, take_record_batch};
use arrow::datatypes::DataType;
use arrow::row::{OwnedRow, RowConverter, SortField};
use datafusion::execution::SessionState;
use datafusion::execution::memory_pool::MemoryConsumer;
use datafusion::logical_expr::LogicalPlan;
use datafusion::physical_plan::{ExecutionPlan, execute_stream};
use futures::StreamExt;
use weal_privacy::mechanism::Thresholded;

use super::functions::totals;
use super::plan::{SUBJECTS, total};
use super::reading::Part;
use super::sides::{COUNT, LEAF};
use crate::error::Doing;
use crate::{EngineError, Fault};

/// Exact totals per group that has any rows.
#[derive(Debug, Clone)]
pub(crate) struct ExactGroups {
    pub keys: RecordBatch,
    /// Distinct subjects of each group.
    pub subjects: Vec<i64>,
    /// Per part, the total of each group.
    pub totals: Vec<Totals>,
    /// Noisy counts of subjects where a threshold has chosen the groups; the others are not here.
    pub shown: Option<Vec<i64>>,
    /// Subjects in the groups that did not pass the threshold, each once for every such group.
    pub withheld: i64,
}

/// Of one part, by group.
#[derive(Debug, Clone)]
pub(crate) enum Totals {
    Numbers(Vec<i64>),
    /// The leaves that hold anything, with how much.
    Ranks(Vec<Vec<(u32, i64)>>),
}

/// What is run for one grouping.
#[derive(Debug, Clone)]
pub(crate) struct Plans {
    pub main: LogicalPlan,
    /// Of the parts that have a plan of their own, by their places.
    pub sides: Vec<(usize, LogicalPlan)>,
    /// The number of keys, which stand first in every result.
    pub keys: usize,
    pub subject_is_key: bool,
}

pub(crate) async fn exact(
    session: &SessionState,
    plans: &Plans,
    parts: &[Part],
    choice: Choice,
) -> Result<ExactGroups, EngineError> {
    let physical = session.create_physical_plan(&plans.main).await.doing("planning a private answer")?;
    let Collected { all, shown, withheld } = collected(session, physical, choice).await?;
    let places: Vec<usize> = (0..plans.keys).collect();
    let keys = all.project(&places).doing("computing a private answer")?;
    let numbers = |name: &str| {
        let column = all.column_by_name(name).ok_or_else(|| format!("the plan has no column {name}"));
        totals(column.doing("computing a private answer")?).doing("computing a private answer")
    };
    let mut all_totals = Vec::new();
    for (i, part) in parts.iter().enumerate() {
        all_totals.push(match plans.sides.iter().find(|(place, _)| *place == i) {
            None => Totals::Numbers(numbers(&total(i, part, plans.subject_is_key))?),
            Some((_, plan)) => beside(session, plan, &keys, matches!(part, Part::Ranks(_))).await?,
        });
    }
    let subjects = numbers(SUBJECTS)?;
    Ok(ExactGroups { keys, subjects, totals: all_totals, shown: choice.threshold.map(|_| shown), withheld })
}

/// Runs a plan beside the main one, and keeps what belongs to the groups that were found there.
async fn beside(
    session: &SessionState,
    plan: &LogicalPlan,
    keys: &RecordBatch,
    ranks: bool,
) -> Result<Totals, EngineError> {
    const DOING: &str = "computing a private answer";
    let groups = Groups::of(keys)?;
    let physical = session.create_physical_plan(plan).await.doing("planning a private answer")?;
    let mut stream = execute_stream(physical, session.task_ctx()).doing(DOING)?;
    let held = MemoryConsumer::new("private ranks").register(&session.runtime_env().memory_pool);
    let (mut counts, mut leaves) = (vec![0; keys.num_rows()], vec![Vec::new(); keys.num_rows()]);
    while let Some(batch) = stream.next().await {
        let batch = batch.doing(DOING)?;
        let column =
            |name: &str| batch.column_by_name(name).ok_or_else(|| format!("the plan has no column {name}"));
        let found = totals(column(COUNT).doing(DOING)?).doing(DOING)?;
        let leaf = if ranks { totals(column(LEAF).doing(DOING)?).doing(DOING)? } else { Vec::new() };
        for (row, group) in groups.places(&batch)?.into_iter().enumerate() {
            let Some(group) = group else { continue };
            match leaf.get(row) {
                Some(&leaf) => {
                    held.try_grow(2 * size_of::<(u32, i64)>()).doing(DOING)?;
                    leaves[group].push((u32::try_from(leaf).doing(DOING)?, found[row]));
                }
                None => counts[group] = found[row],
            }
        }
    }
    Ok(if ranks { Totals::Ranks(leaves) } else { Totals::Numbers(counts) })
}

/// Where the keys of groups stand.
pub(crate) struct Groups {
    converter: Option<RowConverter>,
    types: Vec<DataType>,
    places: HashMap<OwnedRow, usize>,
}

impl Groups {
    pub(crate) fn of(keys: &RecordBatch) -> Result<Self, EngineError> {
        let types: Vec<_> = keys.columns().iter().map(|array| array.data_type().clone()).collect();
        if types.is_empty() {
            return Ok(Self { converter: None, types, places: HashMap::new() });
        }
        let fields = types.iter().map(|kind| SortField::new(kind.clone())).collect();
        let converter = RowConverter::new(fields).doing("matching groups")?;
        let rows = converter.convert_columns(keys.columns()).doing("matching groups")?;
        let places = rows.iter().enumerate().map(|(place, row)| (row.owned(), place)).collect();
        Ok(Self { converter: Some(converter), types, places })
    }

    /// For every row of `batch`, whose first columns are keys of the same kinds, its place.
    pub(crate) fn places(&self, batch: &RecordBatch) -> Result<Vec<Option<usize>>, EngineError> {
        let Some(converter) = &self.converter else {
            return Ok(vec![Some(0); batch.num_rows()]);
        };
        let same = batch.columns().iter().zip(&self.types).map(|(array, kind)| cast(array, kind));
        let same = same.collect::<Result<Vec<ArrayRef>, _>>().doing("matching groups")?;
        let rows = converter.convert_columns(&same).doing("matching groups")?;
        Ok(rows.iter().map(|row| self.places.get(&row.owned()).copied()).collect())
    }
}

/// Which groups are kept, and how many.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Choice {
    /// Where keys are private, what decides which groups show.
    pub threshold: Option<Thresholded>,
    pub groups_max: usize,
}

/// The groups that are kept, the noisy counts of subjects by which they were chosen, and the subjects of the others.
struct Collected {
    all: RecordBatch,
    shown: Vec<i64>,
    withheld: i64,
}

/// What is kept of the result, counted and charged to the engine's memory as it comes, and the noisy counts of
/// subjects. The threshold is drawn for as the groups come, each group once, and only groups that pass are
/// counted against the limit: a limit on exact groups would be passed or not by one person more or less, and
/// that it was passed is seen from outside. What follows from noisy counts says nothing that is not paid for.
async fn collected(
    session: &SessionState,
    physical: std::sync::Arc<dyn ExecutionPlan>,
    choice: Choice,
) -> Result<Collected, EngineError> {
    let schema = physical.schema();
    let held = MemoryConsumer::new("private answer").register(&session.runtime_env().memory_pool);
    let mut stream = execute_stream(physical, session.task_ctx()).doing("computing a private answer")?;
    let (mut batches, mut groups, mut shown, mut withheld) = (Vec::new(), 0, Vec::new(), 0_i64);
    while let Some(batch) = stream.next().await {
        let mut batch = batch.doing("computing a private answer")?;
        if let Some(threshold) = choice.threshold {
            let passed = passed(threshold, batch).await?;
            shown.extend(passed.shown);
            withheld = withheld.saturating_add(passed.withheld);
            batch = passed.all;
        }
        groups += batch.num_rows();
        if groups > choice.groups_max {
            return Err(Fault::new("computing a private answer", "it has too many groups").into());
        }
        // Twice, since the batches are put together into one.
        held.try_grow(2 * batch.get_array_memory_size()).doing("computing a private answer")?;
        batches.push(batch);
    }
    let all = concat_batches(&schema, &batches).doing("computing a private answer")?;
    Ok(Collected { all, shown, withheld })
}

/// The groups of a batch that may be shown, with their noisy counts.
async fn passed(threshold: Thresholded, batch: RecordBatch) -> Result<Collected, EngineError> {
    // Drawing is work for a processor, and what draws must not change threads.
    let work = tokio::task::spawn_blocking(move || {
        let subjects = batch.column_by_name(SUBJECTS).ok_or("the plan counts no subjects");
        let subjects = totals(subjects.doing("drawing noise")?).doing("drawing noise")?;
        let shown = threshold.release(&subjects).doing("drawing noise")?;
        let places = UInt32Array::from_iter_values(shown.iter().map(|&(group, _)| group as u32));
        let all = take_record_batch(&batch, &places).doing("choosing groups")?;
        let kept: i64 = shown.iter().map(|&(group, _)| subjects[group]).sum();
        let withheld = subjects.iter().sum::<i64>() - kept;
        Ok(Collected { all, shown: shown.into_iter().map(|(_, count)| count).collect(), withheld })
    });
    work.await.doing("drawing noise")?
}
