//! Groups whose keys are public knowledge: found without looking at the data, and all shown.

use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, Date32Array, Float64Array, Int64Array, RecordBatch,
    RecordBatchOptions, StringArray, TimestampMicrosecondArray, UInt32Array,
};
use arrow::compute::{concat, filter_record_batch, take, take_record_batch};
use arrow::datatypes::{Field, Schema};
use arrow::row::{RowConverter, SortField};
use datafusion::common::utils::normalize_float_zero;
use datafusion::common::{Column, DFSchema, ScalarValue};
use datafusion::execution::SessionState;
use datafusion::logical_expr::utils::split_conjunction_owned;
use datafusion::logical_expr::{Expr, lit};
use weal_domain::catalogue::{Column as ProductColumn, ColumnKind, PrivacyPolicy};
use weal_domain::{Refusal, RefusalKind};

use super::reading::Item;
use super::said::plainly;
use crate::catalogue::values;

/// Groups whose keys are worked out at once, and what all values of one key may take together.
const GROUPS_AT_ONCE: usize = 1024;
const KEY_BYTES_MAX: usize = 16 << 20;

/// All groups of a question, known beforehand.
#[derive(Debug, Clone)]
pub(crate) struct PublicGroups {
    /// One row per group; its columns are the keys, named as [`Item::column`]s. Without keys: one row, no column.
    pub keys: RecordBatch,
    /// That every column of the keys has a value on its list.
    pub condition: Option<Expr>,
}

/// The groups of `keys`, if the owner has declared every column in them public.
///
/// Conditions that look at these columns alone narrow the list; everything else in the question does not.
pub(crate) fn public_groups(
    keys: &[Expr],
    conditions: &[Expr],
    (columns, policy): (&[ProductColumn], &PrivacyPolicy),
    session: &SessionState,
    groups_max: usize,
) -> Result<Option<PublicGroups>, Refusal> {
    let used: BTreeSet<&str> =
        keys.iter().flat_map(|key| key.column_refs()).map(|column| column.name.as_str()).collect();
    if keys.is_empty() {
        return Ok(Some(PublicGroups { keys: one_group(), condition: None }));
    }
    if used.is_empty() || used.iter().any(|name| !policy.public_keys.contains_key(*name)) {
        return Ok(None);
    }
    let mut lists = Vec::new();
    for name in &used {
        let kind = columns.iter().find(|column| column.name == *name).map(|column| column.kind);
        lists.push((*name, typed(name, kind, &policy.public_keys[*name])?));
    }
    let combinations = combinations(&lists, groups_max)?;
    let schema = DFSchema::try_from(combinations.schema()).map_err(broken)?;
    let mut kept = combinations;
    for condition in conditions.iter().cloned().flat_map(split_conjunction_owned) {
        if condition.column_refs().iter().all(|column| used.contains(column.name.as_str())) {
            let verdict = evaluate(&condition, &schema, &kept, session)?;
            let verdict = verdict.as_boolean_opt().ok_or_else(|| broken("a condition that is no boolean"))?;
            kept = filter_record_batch(
                &kept,
                &verdict.iter().map(|yes| Some(yes == Some(true))).collect::<BooleanArray>(),
            )
            .map_err(broken)?;
        }
    }
    let mut fields = Vec::new();
    let mut arrays = Vec::new();
    for (i, key) in keys.iter().enumerate() {
        let array = evaluate(key, &schema, &kept, session)?;
        fields.push(Field::new(Item::Key(i).column(), array.data_type().clone(), true));
        arrays.push(array);
    }
    let options = RecordBatchOptions::new().with_row_count(Some(kept.num_rows()));
    let keys =
        RecordBatch::try_new_with_options(Arc::new(Schema::new(fields)), arrays, &options).map_err(broken)?;
    let on_a_list = lists.into_iter().map(|(name, list)| Ok(column(name).in_list(literals(&list)?, false)));
    let condition = on_a_list.collect::<Result<Vec<_>, Refusal>>()?.into_iter().reduce(Expr::and);
    Ok(Some(PublicGroups { keys: distinct(&keys)?, condition }))
}

fn one_group() -> RecordBatch {
    let options = RecordBatchOptions::new().with_row_count(Some(1));
    RecordBatch::try_new_with_options(Arc::new(Schema::empty()), Vec::new(), &options)
        .expect("a batch without columns needs nothing but its row count")
}

fn column(name: &str) -> Expr {
    Expr::Column(Column::new_unqualified(name))
}

fn literals(list: &ArrayRef) -> Result<Vec<Expr>, Refusal> {
    (0..list.len()).map(|i| ScalarValue::try_from_array(list, i).map(lit).map_err(broken)).collect()
}

/// The owner's list in the column's own type.
fn typed(name: &str, kind: Option<ColumnKind>, list: &[String]) -> Result<ArrayRef, Refusal> {
    fn all<T>(list: &[String], read: impl Fn(&str) -> Option<T>) -> Option<Vec<T>> {
        list.iter().map(|text| read(text)).collect()
    }
    let array: Option<ArrayRef> = match kind {
        None => None,
        Some(ColumnKind::Text) => Some(Arc::new(StringArray::from_iter_values(list))),
        Some(ColumnKind::Integer) => {
            all(list, values::integer).map(|list| Arc::new(Int64Array::from(list)) as _)
        }
        Some(ColumnKind::Float) => {
            all(list, values::float).map(|list| Arc::new(Float64Array::from(list)) as _)
        }
        Some(ColumnKind::Boolean) => {
            all(list, values::boolean).map(|list| Arc::new(BooleanArray::from(list)) as _)
        }
        Some(ColumnKind::Date) => all(list, values::date).map(|list| Arc::new(Date32Array::from(list)) as _),
        Some(ColumnKind::Timestamp) => {
            all(list, values::timestamp).map(|list| Arc::new(TimestampMicrosecondArray::from(list)) as _)
        }
    };
    array.ok_or_else(|| {
        Refusal::invalid(
            "bad-public-keys",
            format!("The owner's list of public keys of `{name}` does not fit the column."),
        )
        .remedy("Ask the owner to correct the list.")
        .changed_by("the owner's steward")
    })
}

/// Every combination of the lists' values, one column each.
fn combinations(lists: &[(&str, ArrayRef)], groups_max: usize) -> Result<RecordBatch, Refusal> {
    let total = lists.iter().try_fold(1_usize, |total, (_, list)| total.checked_mul(list.len()));
    let total = total.filter(|&total| total <= groups_max).ok_or_else(|| {
        let reason = format!("The public keys of this question make more than {groups_max} groups.");
        Refusal::new(RefusalKind::TooLarge, "too-many-groups", reason).remedy("Group by fewer columns.")
    })?;
    let (mut fields, mut arrays, mut repeat) = (Vec::new(), Vec::new(), total);
    for (name, list) in lists {
        repeat /= list.len().max(1);
        let places = (0..total).map(|i| (i / repeat.max(1) % list.len()) as u32);
        arrays.push(take(list, &UInt32Array::from_iter_values(places), None).map_err(broken)?);
        fields.push(Field::new(*name, list.data_type().clone(), true));
    }
    RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays).map_err(broken)
}

fn evaluate(
    expr: &Expr,
    schema: &DFSchema,
    batch: &RecordBatch,
    session: &SessionState,
) -> Result<ArrayRef, Refusal> {
    let physical = session.create_physical_expr(expr.clone(), schema).map_err(broken)?;
    // In steps, so that what grows is noticed before it has grown.
    let (mut arrays, mut bytes) = (Vec::new(), 0);
    for start in (0..batch.num_rows().max(1)).step_by(GROUPS_AT_ONCE) {
        let rows = GROUPS_AT_ONCE.min(batch.num_rows() - start);
        let part = batch.slice(start, rows);
        let array = physical.evaluate(&part).and_then(|value| value.into_array(rows)).map_err(broken)?;
        bytes += array.get_array_memory_size();
        if bytes > KEY_BYTES_MAX {
            let reason = "The groups of this question have keys that are too long.";
            return Err(Refusal::new(RefusalKind::TooLarge, "too-many-groups", reason)
                .remedy("Group by the columns themselves."));
        }
        arrays.push(array);
    }
    let all = concat(&arrays.iter().map(|array| array.as_ref()).collect::<Vec<_>>()).map_err(broken)?;
    // Groups that are found know one zero.
    Ok(normalize_float_zero(&all))
}

fn distinct(batch: &RecordBatch) -> Result<RecordBatch, Refusal> {
    let fields =
        batch.schema().fields().iter().map(|field| SortField::new(field.data_type().clone())).collect();
    let rows = RowConverter::new(fields)
        .and_then(|converter| converter.convert_columns(batch.columns()))
        .map_err(broken)?;
    let mut seen = HashSet::new();
    let first = (0..batch.num_rows()).filter(|&i| seen.insert(rows.row(i))).map(|i| i as u32);
    take_record_batch(batch, &UInt32Array::from_iter_values(first)).map_err(broken)
}

/// Nothing here has seen data, so the text may be shown.
fn broken(error: impl std::fmt::Display) -> Refusal {
    Refusal::invalid(
        "public-keys-failed",
        format!("The groups cannot be worked out: {}.", plainly(&error.to_string())),
    )
    .remedy("Group by the columns themselves.")
}
