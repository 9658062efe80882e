//! Rows that come in the order of their subjects, added up as they come: nothing has to be brought together, and no
//! more is held than one subject's groups and the totals.
//!
//! That the rows are in order is not believed but seen: within a partition each subject comes after the one before,
//! and no two partitions share more than the subject at which one ends and the next begins. Where it is not so, nothing
//! that was added up is used.

use std::cmp::Ordering;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch, UInt64Array, make_comparator};
use arrow::compute::kernels::partition::partition;
use arrow::compute::{SortOptions, concat, take};
use arrow::datatypes::{DataType, Int64Type, SchemaRef};
use datafusion::common::Result;
use datafusion::execution::SendableRecordBatchStream;
use datafusion::execution::context::TaskContext;
use datafusion::execution::memory_pool::{MemoryConsumer, MemoryReservation};
use datafusion::physical_expr::PhysicalExpr;
use futures::StreamExt;

use super::bounding::{GroupTotals, Rows, Whole};
use super::numbered::Groups;
use super::subjects::{Columns, How};

/// The order in which files are kept.
pub(crate) const ORDER: SortOptions = SortOptions { descending: false, nulls_first: true };

/// Whether subjects of this kind are told apart by comparing them as they are by hashing them. Floating-point numbers
/// are not: zero is two of them in an order.
pub(crate) fn has_order(kind: &DataType) -> bool {
    kind.is_integer() || kind.is_temporal() || matches!(kind, DataType::Utf8 | DataType::Boolean)
}

/// One partition's rows.
pub(super) struct InOrder<S> {
    how: Arc<How>,
    groups: Groups,
    totals: GroupTotals,
    /// What the subjects of the batch at hand brought, a row for each group of a subject, one subject after the other.
    /// Between batches, of the last one alone: it may go on.
    open: Rows<S>,
    /// By group, the subject that was last seen in it, and the row of `open`.
    seen: Vec<(u64, u32)>,
    /// How many subjects have been seen.
    subjects: u64,
    /// What the first subject and the last one brought: other partitions may have more of them.
    ends: Rows<S>,
    /// The first subject and the last one.
    span: Option<[ArrayRef; 2]>,
    held: MemoryReservation,
}

/// Where what one subject brought begins: among the rows of a batch, unless before, and in [`InOrder::open`].
struct Begin {
    row: Option<usize>,
    open: usize,
}

impl<S: Whole> InOrder<S> {
    pub(super) fn new(how: Arc<How>, keys: SchemaRef, context: &TaskContext) -> Result<Self> {
        let parts = how.bounds.parts.len();
        Ok(Self {
            groups: Groups::new(how.key.clone(), keys)?,
            totals: GroupTotals::of(0, parts),
            open: Rows::of(parts),
            seen: Vec::new(),
            subjects: 0,
            ends: Rows::of(parts),
            span: None,
            held: MemoryConsumer::new("rows in the order of subjects").register(context.memory_pool()),
            how,
        })
    }

    /// `None` where the rows are in another order.
    pub(super) async fn with(
        mut self,
        mut input: SendableRecordBatchStream,
        columns: Columns<Arc<dyn PhysicalExpr>>,
    ) -> Result<Option<Self>> {
        while let Some(batch) = input.next().await {
            if !self.put(&batch?, &columns)? {
                return Ok(None);
            }
            self.held.try_resize(self.bytes())?;
        }
        self.end()?;
        Ok(Some(self))
    }

    fn bytes(&self) -> usize {
        self.groups.bytes()
            + GroupTotals::bytes(self.totals.subjects.capacity(), self.how.bounds.parts.len())
            + self.seen.capacity() * size_of::<(u64, u32)>()
            + self.open.bytes()
            + self.ends.bytes()
    }

    fn put(&mut self, batch: &RecordBatch, columns: &Columns<Arc<dyn PhysicalExpr>>) -> Result<bool> {
        if batch.num_rows() == 0 {
            return Ok(true);
        }
        let arrays = columns.of(batch)?;
        let Some(starts) = self.starts(&arrays[0])? else { return Ok(false) };
        let numbers = self.groups.intern(&arrays[1..=columns.keys], batch.num_rows())?;
        self.totals.grow(self.groups.count());
        self.seen.resize(self.groups.count(), (0, 0));
        let (begins, places) = self.placed(&starts, &numbers);
        for (part, value) in columns.values.iter().enumerate() {
            if let Some(value) = value.map(|place| &arrays[place]) {
                self.add_values(part, value, &places);
            }
        }
        self.bring(&begins, &arrays[0])?;
        let (first, last) = (arrays[0].slice(0, 1), arrays[0].slice(batch.num_rows() - 1, 1));
        let first = self.span.take().map_or(first, |[first, _]| first);
        self.span = Some([alone(&first)?, alone(&last)?]);
        Ok(true)
    }

    /// The rows at which a subject begins; `None` where one does not come after the one before.
    fn starts(&self, subjects: &ArrayRef) -> Result<Option<Vec<usize>>> {
        let mut starts = Vec::new();
        match &self.span {
            None => starts.push(0),
            Some([_, last]) => match make_comparator(last, subjects, ORDER)?(0, 0) {
                Ordering::Less => starts.push(0),
                Ordering::Equal => {}
                Ordering::Greater => return Ok(None),
            },
        }
        let compare = make_comparator(subjects, subjects, ORDER)?;
        for run in partition(std::slice::from_ref(subjects))?.ranges().into_iter().skip(1) {
            if compare(run.start - 1, run.start) != Ordering::Less {
                return Ok(None);
            }
            starts.push(run.start);
        }
        Ok(Some(starts))
    }

    /// Makes a row of `open` for every group of every subject: where the subjects begin, that of the batch before among
    /// them, and the place in `open` of each row of the batch.
    fn placed(&mut self, starts: &[usize], numbers: &[usize]) -> (Vec<Begin>, Vec<u32>) {
        let mut begins = Vec::with_capacity(starts.len() + 1);
        begins.extend(self.span.as_ref().map(|_| Begin { row: None, open: 0 }));
        let mut places = Vec::with_capacity(numbers.len());
        let before = starts.first().copied().unwrap_or(numbers.len());
        self.place(&numbers[..before], &mut places);
        for (at, &row) in starts.iter().enumerate() {
            self.subjects += 1;
            begins.push(Begin { row: Some(row), open: self.open.rows.len() });
            let end = starts.get(at + 1).copied().unwrap_or(numbers.len());
            self.place(&numbers[row..end], &mut places);
        }
        (begins, places)
    }

    /// The same for rows of the subject at hand.
    fn place(&mut self, numbers: &[usize], places: &mut Vec<u32>) {
        for &number in numbers {
            let (subject, place) = &mut self.seen[number];
            if *subject != self.subjects {
                (*subject, *place) = (self.subjects, self.open.rows.len() as u32);
                self.open.groups.push(number as u32);
                self.open.rows.push(0);
            }
            let rows = &mut self.open.rows[*place as usize];
            *rows = rows.saturating_add(1);
            places.push(*place);
        }
    }

    /// Adds the values of a part to the rows of `open` that are theirs.
    fn add_values(&mut self, part: usize, value: &ArrayRef, places: &[u32]) {
        let bound = self.how.bounds.parts[part];
        let nulls = value.logical_nulls();
        let there = |row: usize| nulls.as_ref().is_none_or(|nulls| nulls.is_valid(row));
        let rows = self.open.rows.len();
        if bound.counts() {
            let counts = &mut self.open.counts[part];
            counts.resize(rows, 0);
            for (row, place) in places.iter().enumerate() {
                let count = &mut counts[*place as usize];
                *count = count.saturating_add(there(row).into());
            }
        }
        if bound.sums() {
            let values = value.as_primitive::<Int64Type>().values();
            let sums = &mut self.open.sums[part];
            sums.resize(rows, S::default());
            for (row, place) in places.iter().enumerate() {
                if there(row) {
                    sums[*place as usize] += S::from(values[row]);
                }
            }
        }
    }

    /// Adds up all subjects but the last, which may go on.
    fn bring(&mut self, begins: &[Begin], subjects: &ArrayRef) -> Result<()> {
        let (mut groups, mut exceeding) = (Vec::new(), Vec::new());
        let before = self.subjects - begins.len() as u64;
        for (at, pair) in begins.windows(2).enumerate() {
            groups.clear();
            groups.extend(pair[0].open..pair[1].open);
            if before == 0 && at == 0 {
                let first =
                    self.span.as_ref().map_or_else(|| subjects.slice(0, 1), |[first, _]| first.clone());
                let subject = self.how.key.subjects(&first)?[0];
                self.put_aside(subject, &groups);
            } else if self.how.bounds.are_exceeded(&self.open, &groups) {
                exceeding.push(at);
            } else {
                self.how.bounds.bring(&self.open, &groups, &mut self.totals);
            }
        }
        self.bring_chosen(begins, &exceeding, subjects)?;
        let last = begins.last().map_or(0, |begin| begin.open);
        if last > 0 {
            self.open.forget(last);
            for (place, group) in self.open.groups.iter().enumerate() {
                self.seen[*group as usize].1 = place as u32;
            }
        }
        Ok(())
    }

    /// The same of those who bring too much. Hashes take time, so nobody else's are computed.
    fn bring_chosen(&mut self, begins: &[Begin], exceeding: &[usize], subjects: &ArrayRef) -> Result<()> {
        if exceeding.is_empty() {
            return Ok(());
        }
        let rows = exceeding.iter().map(|at| begins[*at].row.unwrap_or_default() as u64);
        let mut hashes =
            self.how.key.subjects(&take(subjects, &UInt64Array::from_iter_values(rows), None)?)?;
        if let (None, Some([_, last])) = (begins[exceeding[0]].row, &self.span) {
            hashes[0] = self.how.key.subjects(last)?[0];
        }
        let tags = self.groups.order().tags();
        for (at, subject) in exceeding.iter().zip(hashes) {
            let mut groups: Vec<usize> = (begins[*at].open..begins[at + 1].open).collect();
            self.how.bounds.choose(&self.open, &mut groups, |group| tags(subject, group));
            self.how.bounds.bring(&self.open, &groups, &mut self.totals);
        }
        Ok(())
    }

    fn put_aside(&mut self, subject: [u64; 2], groups: &[usize]) {
        self.ends.subjects.extend(groups.iter().map(|_| subject));
        self.ends.copy(&self.open, groups);
    }

    /// The last subject is one of the ends.
    fn end(&mut self) -> Result<()> {
        let Some([_, last]) = &self.span else { return Ok(()) };
        let subject = self.how.key.subjects(last)?[0];
        let groups: Vec<usize> = (0..self.open.rows.len()).collect();
        self.put_aside(subject, &groups);
        Ok(())
    }
}

/// The keys of the groups of all partitions, and their totals; `None` where partitions share more than ends.
pub(super) fn together<S: Whole>(all: Vec<InOrder<S>>) -> Result<Option<(Vec<ArrayRef>, GroupTotals)>> {
    let spans: Vec<&[ArrayRef; 2]> = all.iter().filter_map(|one| one.span.as_ref()).collect();
    if !are_apart(&spans)? {
        return Ok(None);
    }
    let mut all = all.into_iter();
    let Some(mut one) = all.next() else { return Ok(None) };
    for other in all {
        let numbers = one.groups.take(other.groups)?;
        one.totals.grow(one.groups.count());
        one.totals.plus_numbered(&other.totals, &numbers);
        one.ends.append(other.ends, Some(&numbers));
        // What both held covers what one has now, except for growth.
        one.held.grow(other.held.free());
        one.held.try_resize(one.bytes())?;
    }
    one.totals.grow(one.groups.count());
    one.ends.add_up(&one.how.bounds, &one.groups.order().tags(), &mut one.totals);
    Ok(Some((one.groups.into_keys()?.0, one.totals)))
}

/// Whether each ends before the next begins, or with the subject with which it begins.
fn are_apart(spans: &[&[ArrayRef; 2]]) -> Result<bool> {
    if spans.is_empty() {
        return Ok(true);
    }
    let [first, last] = [0, 1].map(|end| spans.iter().map(|span| span[end].as_ref()).collect::<Vec<_>>());
    let (first, last) = (concat(&first)?, concat(&last)?);
    let (by_first, by_last) =
        (make_comparator(&first, &first, ORDER)?, make_comparator(&last, &last, ORDER)?);
    let mut places: Vec<usize> = (0..spans.len()).collect();
    places.sort_by(|&a, &b| by_first(a, b).then_with(|| by_last(a, b)));
    let compare = make_comparator(&last, &first, ORDER)?;
    Ok(places.windows(2).all(|pair| compare(pair[0], pair[1]) != Ordering::Greater))
}

/// One value that keeps no batch alive.
fn alone(value: &ArrayRef) -> Result<ArrayRef> {
    Ok(concat(&[value.as_ref()])?)
}
