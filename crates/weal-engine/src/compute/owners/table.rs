//! The answers of several owners as one table: read, checked, and matched by the keys of their groups.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, RecordBatch, RecordBatchOptions, StringArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, Schema};
use weal_domain::compute::{Answer, Cell, ColumnRole, Drawing};
use weal_domain::{Refusal, RefusalKind};

use super::super::reading::Item;
use super::super::release::{FORMING, written};
use super::combine::{Stand, Stood};
use super::split::Split;
use super::told::Heard;
use crate::EngineError;
use crate::error::Doing;

/// The keys of a group, as they are shown.
pub(super) type Key = Vec<Option<String>>;

/// All groups of all owners.
#[derive(Debug)]
pub(super) struct Table<'a> {
    pub keys: Vec<Key>,
    owners: Vec<Owner<'a>>,
}

/// What one owner gave.
#[derive(Debug)]
struct Owner<'a> {
    drawing: &'a Drawing,
    groups: BTreeMap<Key, Vec<f64>>,
    /// Whether there may be groups that were cut off.
    is_cut: bool,
}

impl Owner<'_> {
    fn stand(&self, key: &Key) -> Stand<'_> {
        let stood = match self.groups.get(key) {
            Some(numbers) => Stood::Here(numbers),
            None if self.is_cut => Stood::Cut,
            None if self.drawing.threshold.is_some() => Stood::Hidden,
            None => Stood::Nobody,
        };
        Stand { drawing: self.drawing, stood }
    }
}

impl<'a> Table<'a> {
    /// Reads what owners sent. They are other nodes: nothing is believed of its form.
    pub(super) fn of(split: &Split, heard: &[Heard<'a>]) -> Result<Self, EngineError> {
        let mut owners = Vec::new();
        for one in heard {
            owners.push(read(split, one.answer)?.ok_or_else(|| unreadable(one.member))?);
        }
        let keys: BTreeSet<&Key> = owners.iter().flat_map(|owner| owner.groups.keys()).collect();
        let keys = keys.into_iter().cloned().collect();
        Ok(Self { keys, owners })
    }

    /// What every owner has in a group, in their order.
    pub(super) fn stands(&self, key: &Key) -> Vec<Stand<'_>> {
        self.owners.iter().map(|owner| owner.stand(key)).collect()
    }

    /// The keys as values of their types.
    pub(super) fn typed(&self, types: &[DataType]) -> Result<RecordBatch, EngineError> {
        let columns = (0..types.len()).map(|at| self.keys.iter().map(|key| key[at].as_deref()).collect());
        let arrays = typed(columns, types)?;
        let fields: Vec<Field> = types
            .iter()
            .enumerate()
            .map(|(at, kind)| Field::new(Item::Key(at).column(), kind.clone(), true))
            .collect();
        let options = RecordBatchOptions::new().with_row_count(Some(self.keys.len()));
        RecordBatch::try_new_with_options(Arc::new(Schema::new(fields)), arrays, &options).doing(FORMING)
    }
}

fn typed(
    columns: impl Iterator<Item = StringArray>,
    types: &[DataType],
) -> Result<Vec<ArrayRef>, EngineError> {
    columns.zip(types).map(|(column, kind)| cast(&column, kind).doing(FORMING)).collect()
}

/// An owner's answer, where it is one to the question that it was asked.
fn read<'a>(split: &Split, answer: &'a Answer) -> Result<Option<Owner<'a>>, EngineError> {
    let keys = split.key_types.len();
    let Some(drawing) = &answer.drawing else { return Ok(None) };
    let roles: Vec<ColumnRole> = answer.columns.iter().map(|column| column.role).collect();
    let expected = [vec![ColumnRole::Key; keys], vec![ColumnRole::Estimate; split.numbers]].concat();
    if roles != expected || drawing.numbers.len() != split.numbers || !is_sound(drawing) {
        return Ok(None);
    }
    // Without keys all rows are one group, and everybody has it: an owner that sends none would pass for one whose
    // public groups leave it out, and be missing from the total unseen.
    if keys == 0 && answer.rows.len() != 1 {
        return Ok(None);
    }
    let (mut texts, mut numbers): (Vec<Vec<Option<&str>>>, Vec<Vec<f64>>) =
        (vec![Vec::new(); keys], Vec::new());
    for row in &answer.rows {
        if row.len() != roles.len() {
            return Ok(None);
        }
        let mut own = Vec::with_capacity(split.numbers);
        for (at, cell) in row.iter().enumerate() {
            match cell {
                Cell::Key(key) if at < keys => texts[at].push(key.as_deref()),
                Cell::Estimate { value, .. } if at >= keys && value.is_finite() => own.push(*value),
                _ => return Ok(None),
            }
        }
        numbers.push(own);
    }
    // The same value may be written in two ways where its kind differs between owners: 1 and 1.0.
    let given: Vec<StringArray> = texts.into_iter().map(StringArray::from).collect();
    let nulls: Vec<usize> = given.iter().map(Array::null_count).collect();
    let values = typed(given.into_iter(), &split.key_types)?;
    if values.iter().map(|array| array.null_count()).ne(nulls) {
        return Ok(None);
    }
    let shown = written(&values)?;
    let is_cut = numbers.len() as u64 >= drawing.groups_max;
    let mut groups = BTreeMap::new();
    for (row, numbers) in numbers.into_iter().enumerate() {
        let key: Key = shown.iter().map(|column| column[row].clone()).collect();
        if groups.insert(key, numbers).is_some() {
            return Ok(None);
        }
    }
    Ok(Some(Owner { drawing, groups, is_cut }))
}

fn is_sound(drawing: &Drawing) -> bool {
    let scales = drawing.numbers.iter().flat_map(|drawn| [drawn.scale, drawn.unit]);
    let scales = scales.chain(drawing.threshold.iter().map(|threshold| threshold.scale));
    let ends = drawing.numbers.iter().all(|drawn| {
        let all = [drawn.middle, drawn.low, drawn.high, drawn.least, drawn.most];
        all.iter().all(|end| end.is_finite()) && drawn.low <= drawn.high && drawn.least <= drawn.most
    });
    ends && scales.into_iter().all(|scale| scale.is_finite() && scale >= 0.0)
}

fn unreadable(member: &str) -> EngineError {
    let reason = format!("{member} sent an answer that cannot be put together with the others.");
    EngineError::Refused(
        Refusal::new(RefusalKind::Unavailable, "answer-not-as-drawn", reason)
            .remedy(
                "It was charged, and is given again for nothing. Ask its operator which version they run.",
            )
            .changed_by("the owner's operator"),
    )
}
