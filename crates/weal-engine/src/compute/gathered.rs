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
use datafusion::logical_expr::EmitTo;
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_plan::SpillManager;
use datafusion::physical_plan::aggregates::group_values::{GroupValues, new_group_values};
use datafusion::physical_plan::aggregates::order::GroupOrdering;
use datafusion::physical_plan::metrics::{ExecutionPlanMetricsSet, SpillMetrics};
use futures::StreamExt;
use futures::stream::Peekable;
use tokio::task::JoinSet;

use super::bounding::{GroupTotals, Rows, Whole};
use super::subjects::{Columns, How};
use super::tag::QueryKey;

/// A subject's bucket is the first bits of its hash.
const BUCKET_BITS: u32 = 9;
const BUCKETS: usize = 1 << BUCKET_BITS;

/// Rows by buckets of subjects, and the groups that they are in.
pub(super) struct Gathered<S> {
    how: Arc<How>,
    buckets: Vec<Rows<S>>,
    groups: Option<Box<dyn GroupValues>>,
    /// By key and group, a keyed hash of the key.
    hashes: Vec<Vec<u64>>,
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
        let hashes = vec![Vec::new(); keys.fields().len()];
        let groups = match keys.fields().is_empty() {
            true => None,
            false => Some(new_group_values(keys, &GroupOrdering::None)?),
        };
        let parts = &how.bounds.parts;
        let buckets = (0..BUCKETS).map(|_| Rows::of(parts.len())).collect();
        let held =
            MemoryConsumer::new("rows by subject").with_can_spill(true).register(context.memory_pool());
        let metrics = SpillMetrics::new(&ExecutionPlanMetricsSet::new(), 0);
        let disk = SpillManager::new(context.runtime_env(), metrics, Arc::new(Rows::<S>::schema(parts)));
        Ok(Self { how, buckets, groups, hashes, held, disk, files: Vec::new() })
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
        let hashes: usize = self.hashes.iter().map(|hashes| hashes.capacity() * size_of::<u64>()).sum();
        let groups = self.groups.as_ref().map_or(0, |groups| groups.size());
        self.buckets.iter().map(Rows::bytes).sum::<usize>() + hashes + groups
    }

    fn put(&mut self, batch: &RecordBatch, columns: &Columns<Arc<dyn PhysicalExpr>>) -> Result<()> {
        let array = |expr: &Arc<dyn PhysicalExpr>| expr.evaluate(batch)?.into_array(batch.num_rows());
        let arrays = columns.all.iter().map(array).collect::<Result<Vec<_>>>()?;
        let subjects = self.how.key.subjects(&arrays[0])?;
        let groups = self.intern(&arrays[1..=columns.keys], batch.num_rows())?;
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

    /// The numbers of the groups of these keys; the hashes of groups that were not known are kept.
    fn intern(&mut self, keys: &[ArrayRef], rows: usize) -> Result<Vec<usize>> {
        let Some(groups) = &mut self.groups else { return Ok(vec![0; rows]) };
        let (known, mut numbers) = (groups.len(), Vec::with_capacity(rows));
        groups.intern(keys, &mut numbers)?;
        if u32::try_from(groups.len()).is_err() {
            return Err(DataFusionError::ResourcesExhausted("more than 2^32 groups".to_owned()));
        }
        if groups.len() > known {
            for (place, (key, hashes)) in keys.iter().zip(&mut self.hashes).enumerate() {
                let of_rows = self.how.key.column(place + 1, key)?;
                hashes.resize(groups.len(), 0);
                numbers.iter().zip(of_rows).for_each(|(&number, hash)| hashes[number] = hash);
            }
        }
        Ok(numbers)
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
                let rows = rows.compacted(&self.how.bounds, &tag(&self.how.key, &self.hashes));
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
                    let rows = self.buckets[place].compacted(&how.bounds, &tag(&how.key, &self.hashes));
                    self.buckets[place] = rows;
                    self.held.try_resize(self.bytes())?;
                }
            }
        }
        Ok(std::mem::replace(&mut self.buckets[place], Rows::of(how.bounds.parts.len())))
    }

    /// Takes over what another partition has gathered.
    pub(super) fn take(&mut self, mut other: Self) -> Result<()> {
        let numbers = match &mut other.groups {
            None => vec![0],
            Some(groups) => {
                let count = groups.len();
                let keys = groups.emit(EmitTo::All)?;
                self.intern(&keys, count)?.into_iter().map(|number| number as u32).collect()
            }
        };
        for (own, rows) in self.buckets.iter_mut().zip(other.buckets) {
            own.append(rows, Some(&numbers));
        }
        let numbers = Some(Arc::new(numbers));
        self.files.extend(other.files.into_iter().map(|file| File { numbers: numbers.clone(), ..file }));
        // What both held covers what one has now, except for growth, which the next resize counts.
        self.held.grow(other.held.free());
        Ok(())
    }

    fn group_count(&self) -> usize {
        self.groups.as_ref().map_or(1, |groups| groups.len())
    }

    /// Adds the buckets up, on so many threads where nothing lies on disk.
    pub(super) async fn totals(&mut self, threads: usize) -> Result<GroupTotals> {
        if !self.files.is_empty() {
            return self.totals_from_disk().await;
        }
        let (groups, parts) = (self.group_count(), self.how.bounds.parts.len());
        self.held.try_grow((threads + 1) * GroupTotals::bytes(groups, parts))?;
        let hashes = Arc::new(std::mem::take(&mut self.hashes));
        let mut shares = JoinSet::new();
        while !self.buckets.is_empty() {
            let rest = self.buckets.len().saturating_sub(BUCKETS.div_ceil(threads));
            let (share, how, hashes) = (self.buckets.split_off(rest), self.how.clone(), hashes.clone());
            shares.spawn(async move {
                let mut totals = GroupTotals::of(groups, parts);
                for bucket in share {
                    bucket.add_up(&how.bounds, &tag(&how.key, &hashes), &mut totals);
                    tokio::task::yield_now().await;
                }
                totals
            });
        }
        let mut totals = GroupTotals::of(groups, parts);
        while let Some(share) = shares.join_next().await {
            totals.plus(&share.map_err(|cause| exec_datafusion_err!("{cause}"))?);
        }
        Ok(totals)
    }

    /// Adds the buckets up one by one, with what lies on disk of each.
    async fn totals_from_disk(&mut self) -> Result<GroupTotals> {
        let (groups, parts) = (self.group_count(), self.how.bounds.parts.len());
        let summed = self.held.new_empty();
        summed.try_grow(GroupTotals::bytes(groups, parts))?;
        let (how, mut totals) = (self.how.clone(), GroupTotals::of(groups, parts));
        let mut files = self.open()?;
        for place in 0..BUCKETS {
            let bucket = self.bucket(place, &mut files).await?;
            bucket.add_up(&how.bounds, &tag(&how.key, &self.hashes), &mut totals);
            tokio::task::yield_now().await;
        }
        Ok(totals)
    }

    pub(super) fn keys(&mut self) -> Result<Vec<ArrayRef>> {
        self.groups.as_mut().map_or_else(|| Ok(Vec::new()), |groups| groups.emit(EmitTo::All))
    }
}

fn bucket_of(subject: [u64; 2]) -> usize {
    (subject[0] >> (u64::BITS - BUCKET_BITS)) as usize
}

/// The secret order of a subject's groups.
fn tag<'a>(key: &'a QueryKey, hashes: &'a [Vec<u64>]) -> impl Fn([u64; 2], u32) -> u64 + Send + Sync + 'a {
    |subject, group| key.tag(subject[0], hashes.iter().map(|hashes| hashes[group as usize]))
}
