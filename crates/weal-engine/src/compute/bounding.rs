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
    #[inline]
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

/// What a subject has brought to its groups, each named by a `G`.
pub(crate) trait Brought<G> {
    fn group(&self, of: G) -> u32;
    fn rows(&self, of: G) -> u32;
    /// Of a part, the sum of the values and how many there are.
    fn part(&self, part: usize, of: G) -> (i128, u32);
}

impl Bounds {
    fn are_too_many<G>(&self, groups: &[G]) -> bool {
        self.groups_max.is_some_and(|most| groups.len() > most as usize)
    }

    /// Whether a subject brings more than may count in all its groups together, so that they must be chosen from.
    pub(crate) fn are_exceeded<G: Copy>(&self, by: &impl Brought<G>, groups: &[G]) -> bool {
        let rows = || groups.iter().map(|group| u64::from(self.rows_in(by, *group))).sum::<u64>();
        self.are_too_many(groups) || self.rows_max.is_some_and(|most| rows() > most.into())
    }

    fn rows_in<G>(&self, by: &impl Brought<G>, group: G) -> u32 {
        by.rows(group).min(self.rows_per_group_max)
    }

    /// Puts a subject's groups in their secret order, and keeps as many as it may influence.
    pub(crate) fn choose<G: Copy>(
        &self,
        of: &impl Brought<G>,
        groups: &mut Vec<G>,
        tag: impl Fn(u32) -> u64,
    ) {
        groups.sort_by_cached_key(|group| tag(of.group(*group)));
        groups.truncate(self.groups_max.map_or(usize::MAX, |most| most as usize));
    }

    /// Adds what a subject may bring to the totals of its groups, which were chosen in their secret order if it
    /// brings too much.
    pub(crate) fn bring<G: Copy>(&self, from: &impl Brought<G>, groups: &[G], totals: &mut GroupTotals) {
        // Who has no rows left is in its groups all the same: which groups there are is decided by groups alone,
        // here and wherever values are counted in another plan.
        let mut left = self.rows_max.unwrap_or(u32::MAX);
        for &group in groups {
            let rows_max = self.rows_in(from, group).min(left);
            if self.rows_max.is_some() {
                left -= rows_max;
            }
            let at = from.group(group) as usize;
            totals.subjects[at] += 1;
            for (part, (bound, totals)) in self.parts.iter().zip(&mut totals.parts).enumerate() {
                let (sum, count) = from.part(part, group);
                totals[at] += bound.of(rows_max, sum, count);
            }
        }
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
    /// Empty where it is told by their order whose they are.
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

    /// Forgets the first so many rows.
    pub(crate) fn forget(&mut self, rows: usize) {
        self.groups.drain(..rows);
        self.rows.drain(..rows);
        self.sums.iter_mut().filter(|sums| !sums.is_empty()).for_each(|sums| drop(sums.drain(..rows)));
        self.counts
            .iter_mut()
            .filter(|counts| !counts.is_empty())
            .for_each(|counts| drop(counts.drain(..rows)));
    }

    /// Takes what these rows of another say, apart from their subjects.
    pub(crate) fn copy(&mut self, other: &Self, rows: &[usize]) {
        self.groups.extend(rows.iter().map(|row| other.groups[*row]));
        self.rows.extend(rows.iter().map(|row| other.rows[*row]));
        for (own, sums) in self.sums.iter_mut().zip(&other.sums).filter(|(_, sums)| !sums.is_empty()) {
            own.extend(rows.iter().map(|row| sums[*row]));
        }
        for (own, counts) in
            self.counts.iter_mut().zip(&other.counts).filter(|(_, counts)| !counts.is_empty())
        {
            own.extend(rows.iter().map(|row| counts[*row]));
        }
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
        self.each_subject(|subject, groups| {
            if bounds.are_exceeded(self, groups) {
                bounds.choose(self, groups, |group| tag(subject, group));
            }
            bounds.bring(self, groups, totals);
        });
    }

    /// One row for every subject and group, without groups that are not chosen whatever else comes.
    pub(crate) fn compacted(&self, bounds: &Bounds, tag: Tag<'_>) -> Self {
        let mut all = Self::of(bounds.parts.len());
        self.each_subject(|subject, groups| {
            if bounds.are_too_many(groups) {
                bounds.choose(self, groups, |group| tag(subject, group));
            }
            for &rows in &*groups {
                all.subjects.push(subject);
                all.groups.push(self.group(rows));
                all.rows.push(self.rows(rows));
                for (part, bound) in bounds.parts.iter().enumerate() {
                    let (sum, count) = self.added_up(part, rows);
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

    fn added_up(&self, part: usize, rows: &[u128]) -> (S, u32) {
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

/// Groups as the places of their rows.
impl<S: Whole> Brought<&[u128]> for Rows<S> {
    fn group(&self, rows: &[u128]) -> u32 {
        group(rows[0])
    }
    fn rows(&self, rows: &[u128]) -> u32 {
        rows.iter().fold(0, |sum: u32, row| sum.saturating_add(self.rows[place(*row)]))
    }
    fn part(&self, part: usize, rows: &[u128]) -> (i128, u32) {
        let (sum, count) = self.added_up(part, rows);
        (sum.into(), count)
    }
}

/// Groups as the place of their only row.
impl<S: Whole> Brought<usize> for Rows<S> {
    fn group(&self, row: usize) -> u32 {
        self.groups[row]
    }
    fn rows(&self, row: usize) -> u32 {
        self.rows[row]
    }
    fn part(&self, part: usize, row: usize) -> (i128, u32) {
        let sum = self.sums[part].get(row).map_or(0, |sum| (*sum).into());
        (sum, self.counts[part].get(row).copied().unwrap_or_default())
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

    /// Makes room for groups that have come.
    pub(crate) fn grow(&mut self, groups: usize) {
        self.subjects.resize(groups, 0);
        self.parts.iter_mut().for_each(|part| part.resize(groups, 0));
    }

    pub(crate) fn plus(&mut self, other: &Self) {
        self.subjects.iter_mut().zip(&other.subjects).for_each(|(own, more)| *own += more);
        for (own, more) in self.parts.iter_mut().zip(&other.parts) {
            own.iter_mut().zip(more).for_each(|(own, more)| *own += more);
        }
    }

    /// The same where the other's groups go by these numbers here.
    pub(crate) fn plus_numbered(&mut self, other: &Self, groups: &[u32]) {
        let numbers = || groups.iter().map(|group| *group as usize);
        numbers().zip(&other.subjects).for_each(|(at, more)| self.subjects[at] += more);
        for (own, more) in self.parts.iter_mut().zip(&other.parts) {
            numbers().zip(more).for_each(|(at, more)| own[at] += more);
        }
    }
}
