//! From the rows of subjects to totals of groups, of which no subject moves more than the mechanisms were told.
//!
//! Rows of a subject are brought together by a sort of 128-bit numbers; each subject's rows in a group are added
//! up, cut to what it may bring there (Wilson et al. 2019, arXiv 1909.01917), and of its groups so many are kept
//! as it may influence, chosen by a secret order. Nothing here depends on the order of the rows.

use std::fmt::Debug;
use std::ops::AddAssign;
use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, Decimal128Array, Int64Array, RecordBatch, UInt32Array, UInt64Array};
use arrow::datatypes::{DataType, Decimal128Type, Field, Int64Type, Schema, UInt32Type, UInt64Type};
use arrow::error::ArrowError;

use super::functions::WIDE;

/// How a part of the answer follows from a subject's rows in a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Hash)]
pub(crate) enum Bound {
    /// The rows, as many as may count.
    Rows,
    /// Those of them that have a value.
    Values,
    /// Whether any has one.
    Present,
    /// The sum of the values, within as many times the bounds of one as rows may count.
    Total { low: i64, high: i64 },
    /// The mean of the values, times the number of them that may count. A sum that is cut would make an average
    /// wrong for a subject of many rows.
    Share { low: i64, high: i64 },
}

impl Bound {
    pub(crate) fn sums(self) -> bool {
        matches!(self, Bound::Total { .. } | Bound::Share { .. })
    }
    pub(crate) fn counts(self) -> bool {
        matches!(self, Bound::Values | Bound::Present | Bound::Share { .. })
    }

    /// What `rows_max` rows of a subject add at most, where `count` values have the sum `sum`.
    fn of(self, rows_max: u32, sum: i128, count: u32) -> i128 {
        let within = |sum: i128, low: i64, high: i64| {
            let times = |each: i64| i128::from(each) * i128::from(rows_max);
            sum.clamp(times(low), times(high))
        };
        match self {
            Bound::Rows => rows_max.into(),
            Bound::Values => rows_max.min(count).into(),
            Bound::Present => (count > 0).into(),
            Bound::Total { low, high } => within(sum, low, high),
            Bound::Share { low, high } if count <= rows_max => within(sum, low, high),
            Bound::Share { low, high } => {
                within(sum.saturating_mul(rows_max.into()) / i128::from(count), low, high)
            }
        }
    }
}

/// What a subject may bring.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Hash)]
pub(crate) struct Bounds {
    /// `None` where no subject can be in more groups than it may influence.
    pub groups_max: Option<u32>,
    pub rows_per_group_max: u32,
    /// In all its groups together.
    pub rows_max: Option<u32>,
    pub parts: Vec<Bound>,
}

impl Bounds {
    fn are_too_many(&self, groups: &[&[u128]]) -> bool {
        self.groups_max.is_some_and(|most| groups.len() > most as usize)
    }

    /// Puts a subject's groups in their secret order, and keeps as many as it may influence.
    fn choose(&self, groups: &mut Vec<&[u128]>, subject: [u64; 2], tag: Tag<'_>) {
        groups.sort_unstable_by_key(|rows| tag(subject, group(rows[0])));
        groups.truncate(self.groups_max.map_or(usize::MAX, |most| most as usize));
    }
}

/// Sums within a subject and a group: 64 bits where the plan knows that they are enough, 128 where it does not.
pub(crate) trait Whole:
    Copy + Default + AddAssign + From<i64> + Into<i128> + Debug + Send + Sync + 'static
{
    const TYPE: DataType;
    fn array(values: Vec<Self>) -> ArrayRef;
    fn values(array: &ArrayRef) -> &[Self];
}

impl Whole for i64 {
    const TYPE: DataType = DataType::Int64;
    fn array(values: Vec<Self>) -> ArrayRef {
        Arc::new(Int64Array::from(values))
    }
    fn values(array: &ArrayRef) -> &[Self] {
        array.as_primitive::<Int64Type>().values()
    }
}

impl Whole for i128 {
    const TYPE: DataType = WIDE;
    fn array(values: Vec<Self>) -> ArrayRef {
        Arc::new(Decimal128Array::from(values).with_data_type(WIDE))
    }
    fn values(array: &ArrayRef) -> &[Self] {
        array.as_primitive::<Decimal128Type>().values()
    }
}

/// The secret order of a subject's groups.
pub(crate) type Tag<'a> = &'a (dyn Fn([u64; 2], u32) -> u64 + Send + Sync);

/// Rows of subjects, some of them added up already: the subject, as a keyed hash of 128 bits, the group, and what
/// the parts need.
#[derive(Debug, Default)]
pub(crate) struct Rows<S> {
    pub subjects: Vec<[u64; 2]>,
    pub groups: Vec<u32>,
    /// How many rows one stands for. More than 2³² count as so many.
    pub rows: Vec<u32>,
    /// By part, the sum of the values; empty where it needs none.
    pub sums: Vec<Vec<S>>,
    /// By part, how many values there are; empty where it does not matter.
    pub counts: Vec<Vec<u32>>,
}

impl<S: Whole> Rows<S> {
    pub(crate) fn of(parts: usize) -> Self {
        let (sums, counts) = (vec![Vec::new(); parts], vec![Vec::new(); parts]);
        Self { subjects: Vec::new(), groups: Vec::new(), rows: Vec::new(), sums, counts }
    }

    /// Bytes of memory that are taken.
    pub(crate) fn bytes(&self) -> usize {
        let sums: usize = self.sums.iter().map(Vec::capacity).sum();
        let counts: usize = self.counts.iter().map(Vec::capacity).sum();
        self.subjects.capacity() * size_of::<[u64; 2]>()
            + (self.groups.capacity() + self.rows.capacity() + counts) * size_of::<u32>()
            + sums * size_of::<S>()
    }

    /// Takes over what another has, whose groups may go by other numbers.
    pub(crate) fn append(&mut self, mut other: Self, groups: Option<&[u32]>) {
        self.subjects.append(&mut other.subjects);
        match groups {
            Some(groups) => self.groups.extend(other.groups.into_iter().map(|group| groups[group as usize])),
            None => self.groups.append(&mut other.groups),
        }
        self.rows.append(&mut other.rows);
        self.sums.iter_mut().zip(&mut other.sums).for_each(|(own, sums)| own.append(sums));
        self.counts.iter_mut().zip(&mut other.counts).for_each(|(own, counts)| own.append(counts));
    }

    /// The places of every subject's rows, by group.
    fn each_subject(&self, mut visit: impl FnMut([u64; 2], &mut Vec<&[u128]>)) {
        let mut order: Vec<u128> = Vec::with_capacity(self.groups.len());
        for (row, (subject, group)) in self.subjects.iter().zip(&self.groups).enumerate() {
            order.push(u128::from(subject[0]) << 64 | u128::from(*group) << 32 | row as u128);
        }
        order.sort_unstable();
        let second = |row: &u128| self.subjects[place(*row)][1];
        for alike in order.chunk_by_mut(|a, b| a >> 64 == b >> 64) {
            // Different subjects share the first half of a hash once in 2⁶⁴ pairs of them.
            if alike.iter().any(|row| second(row) != second(&alike[0])) {
                alike.sort_unstable_by_key(|row| (second(row), *row));
            }
        }
        let mut groups = Vec::new();
        for own in order.chunk_by(|a, b| a >> 64 == b >> 64 && second(a) == second(b)) {
            groups.clear();
            groups.extend(own.chunk_by(|a, b| a >> 32 == b >> 32));
            visit(self.subjects[place(own[0])], &mut groups);
        }
    }

    /// Adds what every subject may bring to the totals.
    pub(crate) fn add_up(&self, bounds: &Bounds, tag: Tag<'_>, totals: &mut GroupTotals) {
        let in_group = |rows: &&[u128]| self.rows_of(rows).min(bounds.rows_per_group_max);
        self.each_subject(|subject, groups| {
            let many = bounds.are_too_many(groups);
            let rows = || groups.iter().map(|rows| u64::from(in_group(rows))).sum::<u64>();
            if many || bounds.rows_max.is_some_and(|most| rows() > most.into()) {
                bounds.choose(groups, subject, tag);
            }
            // Who has no rows left is in its groups all the same: which groups there are is decided by groups alone,
            // here and wherever values are counted in another plan.
            let mut left = bounds.rows_max.unwrap_or(u32::MAX);
            for rows in groups {
                let rows_max = in_group(&&**rows).min(left);
                if bounds.rows_max.is_some() {
                    left -= rows_max;
                }
                let at = group(rows[0]) as usize;
                totals.subjects[at] += 1;
                for (part, bound) in bounds.parts.iter().enumerate() {
                    let (sum, count) = self.of_part(part, rows);
                    totals.parts[part][at] += bound.of(rows_max, sum.into(), count);
                }
            }
        });
    }

    /// One row for every subject and group, without groups that are not chosen whatever else comes.
    pub(crate) fn compacted(&self, bounds: &Bounds, tag: Tag<'_>) -> Self {
        let mut all = Self::of(bounds.parts.len());
        self.each_subject(|subject, groups| {
            if bounds.are_too_many(groups) {
                bounds.choose(groups, subject, tag);
            }
            for rows in groups {
                all.subjects.push(subject);
                all.groups.push(group(rows[0]));
                all.rows.push(self.rows_of(rows));
                for (part, bound) in bounds.parts.iter().enumerate() {
                    let (sum, count) = self.of_part(part, rows);
                    if bound.sums() {
                        all.sums[part].push(sum);
                    }
                    if bound.counts() {
                        all.counts[part].push(count);
                    }
                }
            }
        });
        all
    }

    fn rows_of(&self, rows: &[u128]) -> u32 {
        rows.iter().fold(0, |sum: u32, row| sum.saturating_add(self.rows[place(*row)]))
    }

    fn of_part(&self, part: usize, rows: &[u128]) -> (S, u32) {
        let (mut sum, mut count) = (S::default(), 0_u32);
        if let [_, ..] = self.sums[part][..] {
            rows.iter().for_each(|row| sum += self.sums[part][place(*row)]);
        }
        if let [_, ..] = self.counts[part][..] {
            count = rows.iter().fold(0, |sum, row| sum.saturating_add(self.counts[part][place(*row)]));
        }
        (sum, count)
    }

    /// The columns of a batch of rows.
    pub(crate) fn schema(parts: &[Bound]) -> Schema {
        let column = |(place, kind): (usize, DataType)| Field::new(format!("c{place}"), kind, false);
        let fixed = [DataType::UInt64, DataType::UInt64, DataType::UInt32, DataType::UInt32];
        let sums = parts.iter().filter(|part| part.sums()).map(|_| S::TYPE);
        let counts = parts.iter().filter(|part| part.counts()).map(|_| DataType::UInt32);
        Schema::new(fixed.into_iter().chain(sums).chain(counts).enumerate().map(column).collect::<Vec<_>>())
    }

    pub(crate) fn into_batch(self, parts: &[Bound]) -> Result<RecordBatch, ArrowError> {
        let half = |half: usize| -> ArrayRef {
            Arc::new(UInt64Array::from_iter_values(self.subjects.iter().map(|subject| subject[half])))
        };
        let mut columns = vec![half(0), half(1)];
        columns.push(Arc::new(UInt32Array::from(self.groups)));
        columns.push(Arc::new(UInt32Array::from(self.rows)));
        let sums = self.sums.into_iter().zip(parts).filter(|(_, part)| part.sums());
        columns.extend(sums.map(|(sums, _)| S::array(sums)));
        let counts = self.counts.into_iter().zip(parts).filter(|(_, part)| part.counts());
        columns.extend(counts.map(|(counts, _)| Arc::new(UInt32Array::from(counts)) as ArrayRef));
        RecordBatch::try_new(Arc::new(Self::schema(parts)), columns)
    }

    /// Of a batch that [`Rows::into_batch`] made of some rows.
    pub(crate) fn first_subject(batch: &RecordBatch) -> [u64; 2] {
        [0, 1].map(|half| batch.column(half).as_primitive::<UInt64Type>().value(0))
    }

    /// The rows of a batch that [`Rows::into_batch`] made.
    pub(crate) fn from_batch(batch: &RecordBatch, parts: &[Bound]) -> Self {
        let mut all = Self::of(parts.len());
        let numbers = |place: usize| batch.column(place).as_primitive::<UInt32Type>().values().to_vec();
        let half = |place: usize| batch.column(place).as_primitive::<UInt64Type>().values();
        all.subjects = half(0).iter().zip(half(1)).map(|(first, second)| [*first, *second]).collect();
        (all.groups, all.rows) = (numbers(2), numbers(3));
        let mut next = 4..;
        let mut place = || next.next().unwrap_or_default();
        for (sums, _) in all.sums.iter_mut().zip(parts).filter(|(_, part)| part.sums()) {
            *sums = S::values(batch.column(place())).to_vec();
        }
        for (counts, _) in all.counts.iter_mut().zip(parts).filter(|(_, part)| part.counts()) {
            *counts = numbers(place());
        }
        all
    }
}

fn place(row: u128) -> usize {
    row as u32 as usize
}

fn group(row: u128) -> u32 {
    (row >> 32) as u32
}

/// Totals by group.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct GroupTotals {
    pub subjects: Vec<i64>,
    pub parts: Vec<Vec<i128>>,
}

impl GroupTotals {
    pub(crate) fn of(groups: usize, parts: usize) -> Self {
        Self { subjects: vec![0; groups], parts: vec![vec![0; groups]; parts] }
    }

    /// Bytes of memory that so many take.
    pub(crate) fn bytes(groups: usize, parts: usize) -> usize {
        groups * (size_of::<i64>() + parts * size_of::<i128>())
    }

    pub(crate) fn plus(&mut self, other: &Self) {
        self.subjects.iter_mut().zip(&other.subjects).for_each(|(own, more)| *own += more);
        for (own, more) in self.parts.iter_mut().zip(&other.parts) {
            own.iter_mut().zip(more).for_each(|(own, more)| *own += more);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOTAL: Bound = Bound::Total { low: 0, high: 6 };

    fn rows(all: &[(u64, u32, i64)]) -> Rows<i64> {
        let mut rows = Rows::of(1);
        for &(subject, group, value) in all {
            rows.subjects.push([u64::MAX, subject]);
            rows.groups.push(group);
            rows.rows.push(1);
            rows.sums[0].push(value);
        }
        rows
    }

    fn totals(rows: &Rows<i64>, bounds: &Bounds) -> GroupTotals {
        let mut totals = GroupTotals::of(3, 1);
        // The second group comes first, then the third, then the first.
        rows.add_up(bounds, &|_, group| u64::from((group + 2) % 3), &mut totals);
        totals
    }

    /// Which no data can bring about by intent: the hash has a key.
    #[test]
    fn subjects_that_share_half_a_hash_are_told_apart() {
        let rows = rows(&[(1, 0, 5), (2, 0, 7), (1, 1, 40), (2, 0, 9), (1, 0, 6), (2, 2, 1)]);
        let bounds =
            Bounds { groups_max: Some(1), rows_per_group_max: 2, rows_max: None, parts: vec![TOTAL] };
        let one = totals(&rows, &bounds);
        assert_eq!(one, GroupTotals { subjects: vec![0, 1, 1], parts: vec![vec![0, 6, 1]] });
        let mut all = totals(&rows, &Bounds { groups_max: None, ..bounds });
        assert_eq!(all, GroupTotals { subjects: vec![2, 1, 1], parts: vec![vec![11 + 12, 6, 1]] });
        all.plus(&one);
        assert_eq!(all.subjects, [2, 2, 2]);
    }

    #[test]
    fn rows_in_all_are_cut_in_the_secret_order_and_values_with_them() {
        let rows = rows(&[(1, 0, 5), (1, 0, 5), (1, 0, 5), (1, 1, 1), (1, 2, 6), (1, 2, 6)]);
        let most =
            |rows_max| Bounds { groups_max: None, rows_per_group_max: 2, rows_max, parts: vec![TOTAL] };
        assert_eq!(totals(&rows, &most(None)).parts, [vec![12, 1, 12]]);
        assert_eq!(totals(&rows, &most(Some(5))).parts, [vec![12, 1, 12]]);
        assert_eq!(totals(&rows, &most(Some(4))).parts, [vec![6, 1, 12]]);
        assert_eq!(
            totals(&rows, &most(Some(2))),
            GroupTotals { subjects: vec![1, 1, 1], parts: vec![vec![0, 1, 6]] }
        );
    }

    #[test]
    fn what_is_added_up_on_the_way_and_written_down_has_the_same_totals() {
        let rows = rows(&[(1, 0, 5), (1, 0, 9), (1, 0, 5), (1, 1, 1), (1, 2, 6), (2, 2, 8)]);
        for groups_max in [None, Some(1), Some(2)] {
            let bounds = Bounds { groups_max, rows_per_group_max: 2, rows_max: Some(3), parts: vec![TOTAL] };
            let compacted = rows.compacted(&bounds, &|_, group| u64::from((group + 2) % 3));
            assert!(compacted.rows.len() < 5);
            assert_eq!(totals(&compacted, &bounds), totals(&rows, &bounds));
            let batch = compacted.into_batch(&bounds.parts).unwrap();
            assert_eq!(totals(&Rows::from_batch(&batch, &bounds.parts), &bounds), totals(&rows, &bounds));
        }
    }
}
