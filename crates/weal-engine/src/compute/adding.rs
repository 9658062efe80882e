//! A seam for tests: how rows are added up by subject, on rows of their own.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use arrow::datatypes::{Schema, SchemaRef};
use datafusion::common::Result;
use datafusion::execution::SendableRecordBatchStream;
use datafusion::execution::context::TaskContext;
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::expressions::Column;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;

use super::bounding::{Bound, Bounds, GroupTotals, Rows};
use super::gathered::Gathered;
use super::in_order::{InOrder, together};
use super::subjects::{Columns, How};
use super::tag::QueryKey;
use crate::EngineError;
use crate::error::Doing;

const DOING: &str = "adding up rows";

/// What one value counts for, at least and at most.
const LOW: i64 = -5;
const HIGH: i64 = 9;

/// Limits of a subject, and partitions of rows: a subject, a key that is a text, and a whole number.
#[doc(hidden)]
#[derive(Debug, Clone)]
pub struct Adding {
    pub groups_max: Option<u32>,
    pub rows_per_group_max: u32,
    pub rows_max: Option<u32>,
}

/// By key, the subjects, and the totals of rows, values, subjects with a value, sums, and shares.
#[doc(hidden)]
pub type Added = BTreeMap<Option<String>, (i64, Vec<i128>)>;

impl Adding {
    fn how(&self) -> Arc<How> {
        let (low, high) = (LOW, HIGH);
        let parts = vec![
            Bound::Rows,
            Bound::Values,
            Bound::Present,
            Bound::Total { low, high },
            Bound::Share { low, high },
        ];
        let Self { groups_max, rows_per_group_max, rows_max } = *self;
        let bounds = Bounds { groups_max, rows_per_group_max, rows_max, parts };
        Arc::new(How { bounds, wide: false, key: QueryKey::known(7) })
    }

    /// Whatever their order.
    #[doc(hidden)]
    pub async fn gathered(&self, partitions: Vec<Vec<RecordBatch>>) -> Result<Added, EngineError> {
        let (how, context) = (self.how(), TaskContext::default());
        let mut one: Option<Gathered<i64>> = None;
        for batches in partitions.into_iter().filter(|batches| !batches.is_empty()) {
            let other = Gathered::new(how.clone(), key_of(&batches), &context).doing(DOING)?;
            let other = other.with(stream(batches), columns()).await.doing(DOING)?;
            match &mut one {
                None => one = Some(other),
                Some(one) => one.take(other).doing(DOING)?,
            }
        }
        let Some(one) = one else { return Ok(Added::new()) };
        let (keys, totals) = one.totals(2).await.doing(DOING)?;
        Ok(added(&keys, &totals))
    }

    /// `None` where they are not in the order of their subjects.
    #[doc(hidden)]
    pub async fn in_order(&self, partitions: Vec<Vec<RecordBatch>>) -> Result<Option<Added>, EngineError> {
        let (how, context) = (self.how(), TaskContext::default());
        let mut all = Vec::new();
        for batches in partitions.into_iter().filter(|batches| !batches.is_empty()) {
            let one = InOrder::<i64>::new(how.clone(), key_of(&batches), &context).doing(DOING)?;
            match one.with(stream(batches), columns()).await.doing(DOING)? {
                Some(one) => all.push(one),
                None => return Ok(None),
            }
        }
        if all.is_empty() {
            return Ok(Some(Added::new()));
        }
        let found = together(all).doing(DOING)?;
        Ok(found.map(|(keys, totals)| added(&keys, &totals)))
    }

    /// Subjects (of three groups: the second comes first in the secret order, then the third) and sums of values from 0 to
    /// 6, of rows whose subjects have these hashes; after they were added up as far as can be and written down, if so
    /// asked.
    #[doc(hidden)]
    pub fn hashed(
        &self,
        rows: &[([u64; 2], u32, i64)],
        written: bool,
    ) -> Result<(Vec<i64>, Vec<i128>), EngineError> {
        let parts = vec![Bound::Total { low: 0, high: 6 }];
        let bounds = Bounds { parts, ..self.how().bounds.clone() };
        let mut all = Rows::<i64>::of(1);
        for &(subject, group, value) in rows {
            all.subjects.push(subject);
            all.groups.push(group);
            all.rows.push(1);
            all.sums[0].push(value);
        }
        let tag = |_: [u64; 2], group: u32| u64::from((group + 2) % 3);
        if written {
            let batch = all.compacted(&bounds, &tag).into_batch(&bounds.parts).doing(DOING)?;
            all = Rows::from_batch(&batch, &bounds.parts);
        }
        let mut totals = GroupTotals::of(3, 1);
        all.add_up(&bounds, &tag, &mut totals);
        Ok((totals.subjects, totals.parts.swap_remove(0)))
    }
}

fn columns() -> Columns<Arc<dyn PhysicalExpr>> {
    let column = |place, name| Arc::new(Column::new(name, place)) as Arc<dyn PhysicalExpr>;
    let all = vec![column(0, "subject"), column(1, "key"), column(2, "value")];
    Columns { all, keys: 1, values: vec![None, Some(2), Some(2), Some(2), Some(2)] }
}

fn key_of(batches: &[RecordBatch]) -> SchemaRef {
    Arc::new(Schema::new(vec![batches[0].schema().field(1).clone()]))
}

fn stream(batches: Vec<RecordBatch>) -> SendableRecordBatchStream {
    let schema = batches[0].schema();
    Box::pin(RecordBatchStreamAdapter::new(schema, futures::stream::iter(batches.into_iter().map(Ok))))
}

fn added(keys: &[ArrayRef], totals: &GroupTotals) -> Added {
    let keys = keys[0].as_string::<i32>();
    let one = |group: usize| {
        let parts = totals.parts.iter().map(|part| part[group]).collect();
        (keys.is_valid(group).then(|| keys.value(group).to_owned()), (totals.subjects[group], parts))
    };
    (0..keys.len()).map(one).filter(|(_, (subjects, _))| *subjects > 0).collect()
}
