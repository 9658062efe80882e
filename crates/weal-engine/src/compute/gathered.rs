//! Rows of a plan, put together by subject. They go to buckets by the first bits of their subject's hash, so that a
//! subject's rows are found together without ordering all of them. Where memory is short the buckets go to disk, and
//! come back one by one.

use std::pin::Pin;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use arrow::datatypes::{Int64Type, SchemaRef};
use datafusion::common::{DataFusionError, Result, exec_datafusion_err};
use datafusion::execution::context::TaskContext;
use datafusion::execution::memory_pool::{MemoryConsumer, MemoryReservation};
use datafusion::execution::{SendableRecordBatchStream, SpillFile};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_plan::SpillManager;
use datafusion::physical_plan::metrics::{ExecutionPlanMetricsSet, SpillMetrics};
use futures::StreamExt;
use futures::stream::Peekable;
use tokio::task::JoinSet;

use super::bounding::{GroupTotals, Rows, Whole};
use super::numbered::Groups;
use super::subjects::{Columns, How};

/// A subject's bucket is the first bits of its hash.
const BUCKET_BITS: u32 = 9;
const BUCKETS: usize = 1 << BUCKET_BITS;

/// Rows by buckets of subjects, and the groups that they are in.
pub(super) struct Gathered<S> {
    how: Arc<How>,
    buckets: Vec<Rows<S>>,
    groups: Groups,
    held: MemoryReservation,
    disk: SpillManager,
    files: Vec<File>,
}

/// As many files of one partition are read at once; before there are more, they are made one.
const FILES_MAX: usize = 32;

/// A file that is being read, and the numbers by which its groups go now.
type Open = (Peekable<SendableRecordBatchStream>, Option<Arc<Vec<u32>>>);

/// Buckets in their order, and the numbers by which their groups go now, where they are others.
struct File {
    file: Arc<dyn SpillFile>,
    numbers: Option<Arc<Vec<u32>>>,
}

impl<S: Whole> Gathered<S> {
    pub(super) fn new(how: Arc<How>, keys: SchemaRef, context: &TaskContext) -> Result<Self> {
        let groups = Groups::new(how.key.clone(), keys)?;
        let parts = &how.bounds.parts;
        let buckets = (0..BUCKETS).map(|_| Rows::of(parts.len())).collect();
        let held =
            MemoryConsumer::new("rows by subject").with_can_spill(true).register(context.memory_pool());
        let metrics = SpillMetrics::new(&ExecutionPlanMetricsSet::new(), 0);
        let disk = SpillManager::new(context.runtime_env(), metrics, Arc::new(Rows::<S>::schema(parts)));
        Ok(Self { how, buckets, groups, held, disk, files: Vec::new() })
    }

    pub(super) async fn with(
        mut self,
        mut input: SendableRecordBatchStream,
        columns: Columns<Arc<dyn PhysicalExpr>>,
    ) -> Result<Self> {
        while let Some(batch) = input.next().await {
            self.put(&batch?, &columns)?;
            if self.held.try_resize(self.bytes()).is_err() {
                self.spill().await?;
                self.held.try_resize(self.bytes())?;
            }
        }
        Ok(self)
    }

    fn bytes(&self) -> usize {
        self.buckets.iter().map(Rows::bytes).sum::<usize>() + self.groups.bytes()
    }

    fn put(&mut self, batch: &RecordBatch, columns: &Columns<Arc<dyn PhysicalExpr>>) -> Result<()> {
        let arrays = columns.of(batch)?;
        let subjects = self.how.key.subjects(&arrays[0])?;
        let groups = self.groups.intern(&arrays[1..=columns.keys], batch.num_rows())?;
        for (subject, group) in subjects.iter().zip(groups) {
            let bucket = &mut self.buckets[bucket_of(*subject)];
            bucket.subjects.push(*subject);
            bucket.groups.push(group as u32);
            bucket.rows.push(1);
        }
        for (part, (bound, value)) in self.how.bounds.parts.iter().zip(&columns.values).enumerate() {
            let Some(value) = value.map(|place| &arrays[place]) else { continue };
            let nulls = value.logical_nulls();
            let there = |row: usize| nulls.as_ref().is_none_or(|nulls| nulls.is_valid(row));
            if bound.counts() {
                for (row, subject) in subjects.iter().enumerate() {
                    self.buckets[bucket_of(*subject)].counts[part].push(there(row).into());
                }
            }
            if bound.sums() {
                let values = value.as_primitive::<Int64Type>().values();
                for (row, subject) in subjects.iter().enumerate() {
                    let value = if there(row) { values[row] } else { 0 };
                    self.buckets[bucket_of(*subject)].sums[part].push(S::from(value));
                }
            }
        }
        Ok(())
    }

    /// Makes room: the buckets go to disk, each added up as far as it can be. What groups there are stays in memory; where
    /// they take the most of it, spilling would only make many small files.
    async fn spill(&mut self) -> Result<()> {
        let rows: usize = self.buckets.iter().map(Rows::bytes).sum();
        if 2 * rows < self.bytes() {
            return Err(DataFusionError::ResourcesExhausted(
                "too many groups to be held in memory".to_owned(),
            ));
        }
        self.write(Vec::new()).await?;
        if self.files.len() >= FILES_MAX {
            let files = self.open()?;
            self.write(files).await?;
        }
        Ok(())
    }

    /// Writes the buckets to a new file, with what lies in `files` of each.
    async fn write(&mut self, mut files: Vec<Open>) -> Result<()> {
        let mut file = self.disk.create_in_progress_file("rows by subject")?;
        for place in 0..BUCKETS {
            let rows = self.bucket(place, &mut files).await?;
            if !rows.rows.is_empty() {
                let rows = rows.compacted(&self.how.bounds, &self.groups.order().tags());
                file.append_batch(&rows.into_batch(&self.how.bounds.parts)?)?;
            }
            tokio::task::yield_now().await;
        }
        if let Some(file) = file.finish()? {
            self.files.push(File { file, numbers: None });
        }
        Ok(())
    }

    fn open(&mut self) -> Result<Vec<Open>> {
        let files = std::mem::take(&mut self.files).into_iter();
        let open =
            |File { file, numbers }| Ok((self.disk.read_spill_as_stream(file, None)?.peekable(), numbers));
        files.map(open).collect()
    }

    /// Takes a bucket out, with what lies on disk of it.
    async fn bucket(&mut self, place: usize, files: &mut [Open]) -> Result<Rows<S>> {
        let how = self.how.clone();
        for (file, numbers) in files {
            let of_bucket = |batch: &Result<RecordBatch>| match batch {
                Ok(batch) => bucket_of(Rows::<S>::first_subject(batch)) == place,
                Err(_) => true,
            };
            while let Some(batch) = Pin::new(&mut *file).next_if(of_bucket).await {
                let rows = Rows::from_batch(&batch?, &how.bounds.parts);
                self.buckets[place].append(rows, numbers.as_ref().map(|numbers| &numbers[..]));
                if self.held.try_resize(self.bytes()).is_err() {
                    let rows = self.buckets[place].compacted(&how.bounds, &self.groups.order().tags());
                    self.buckets[place] = rows;
                    self.held.try_resize(self.bytes())?;
                }
            }
        }
        Ok(std::mem::replace(&mut self.buckets[place], Rows::of(how.bounds.parts.len())))
    }

    /// Takes over what another partition has gathered.
    pub(super) fn take(&mut self, other: Self) -> Result<()> {
        let numbers = self.groups.take(other.groups)?;
        for (own, rows) in self.buckets.iter_mut().zip(other.buckets) {
            own.append(rows, Some(&numbers));
        }
        let numbers = Some(Arc::new(numbers));
        self.files.extend(other.files.into_iter().map(|file| File { numbers: numbers.clone(), ..file }));
        // What both held covers what one has now, except for growth, which the next resize counts.
        self.held.grow(other.held.free());
        Ok(())
    }

    /// The keys of the groups, and their totals. Buckets are added up on so many threads where nothing lies on disk.
    pub(super) async fn totals(mut self, threads: usize) -> Result<(Vec<ArrayRef>, GroupTotals)> {
        if !self.files.is_empty() {
            return self.totals_from_disk().await;
        }
        let (groups, parts) = (self.groups.count(), self.how.bounds.parts.len());
        self.held.try_grow((threads + 1) * GroupTotals::bytes(groups, parts))?;
        let (keys, order) = self.groups.into_keys()?;
        let order = Arc::new(order);
        let mut shares = JoinSet::new();
        while !self.buckets.is_empty() {
            let rest = self.buckets.len().saturating_sub(BUCKETS.div_ceil(threads));
            let (share, how, order) = (self.buckets.split_off(rest), self.how.clone(), order.clone());
            shares.spawn(async move {
                let mut totals = GroupTotals::of(groups, parts);
                for bucket in share {
                    bucket.add_up(&how.bounds, &order.tags(), &mut totals);
                    tokio::task::yield_now().await;
                }
                totals
            });
        }
        let mut totals = GroupTotals::of(groups, parts);
        while let Some(share) = shares.join_next().await {
            totals.plus(&share.map_err(|cause| exec_datafusion_err!("{cause}"))?);
        }
        Ok((keys, totals))
    }

    /// The same one by one, with what lies on disk of each.
    async fn totals_from_disk(mut self) -> Result<(Vec<ArrayRef>, GroupTotals)> {
        let (groups, parts) = (self.groups.count(), self.how.bounds.parts.len());
        let summed = self.held.new_empty();
        summed.try_grow(GroupTotals::bytes(groups, parts))?;
        let (how, mut totals) = (self.how.clone(), GroupTotals::of(groups, parts));
        let mut files = self.open()?;
        for place in 0..BUCKETS {
            let bucket = self.bucket(place, &mut files).await?;
            bucket.add_up(&how.bounds, &self.groups.order().tags(), &mut totals);
            tokio::task::yield_now().await;
        }
        Ok((self.groups.into_keys()?.0, totals))
    }
}

fn bucket_of(subject: [u64; 2]) -> usize {
    (subject[0] >> (u64::BITS - BUCKET_BITS)) as usize
}
