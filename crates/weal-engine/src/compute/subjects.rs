//! The plan node from rows to bounded totals of groups, in one pass: [`super::bounding`] over the batches of a
//! plan. Rows go to buckets by their subject, so that a subject's rows are found together without ordering all of
//! them. Where memory is short the buckets go to disk, and come back one by one.

use std::collections::HashMap;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::pin::Pin;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, Decimal128Array, Int64Array, RecordBatch};
use arrow::compute::filter_record_batch;
use arrow::datatypes::{DataType, Field, Int64Type, Schema, SchemaRef};
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::{DFSchema, DFSchemaRef, DataFusionError, Result, exec_datafusion_err, plan_err};
use datafusion::execution::SendableRecordBatchStream;
use datafusion::execution::SpillFile;
use datafusion::execution::context::TaskContext;
use datafusion::execution::memory_pool::{MemoryConsumer, MemoryReservation};
use datafusion::logical_expr::{EmitTo, Expr, ExprSchemable, LogicalPlan, UserDefinedLogicalNodeCore};
use datafusion::physical_expr::{EquivalenceProperties, Partitioning, PhysicalExpr};
use datafusion::physical_plan::aggregates::group_values::{GroupValues, new_group_values};
use datafusion::physical_plan::aggregates::order::GroupOrdering;
use datafusion::physical_plan::execution_plan::EmissionType;
use datafusion::physical_plan::metrics::{ExecutionPlanMetricsSet, SpillMetrics};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{
    DisplayAs, DisplayFormatType, ExecutionPlan, ExecutionPlanProperties, PlanProperties, SpillManager,
};
use futures::StreamExt;
use futures::stream::{self, Peekable};
use tokio::task::JoinSet;
use weal_privacy::bounds::saturate;

use super::bounding::{Bounds, GroupTotals, Rows, Whole};
use super::functions::WIDE;
use super::plan::{SUBJECTS, total_name};
use super::tag::QueryKey;

/// Totals of bounded contributions, by keys: the keys, the subjects counted, and the totals of the parts named.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SubjectTotals {
    pub rows: LogicalPlan,
    pub columns: Columns<Expr>,
    pub how: How,
    schema: DFSchemaRef,
}

/// The columns of the rows: the subject, so many keys, and what the parts need.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Columns<E> {
    pub all: Vec<E>,
    pub keys: usize,
    /// By part, a place in `all`.
    pub values: Vec<Option<usize>>,
}

impl<E> Columns<E> {
    fn with<F>(&self, all: Vec<F>) -> Columns<F> {
        Columns { all, keys: self.keys, values: self.values.clone() }
    }
}

/// What is to be done with the rows.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct How {
    pub bounds: Bounds,
    /// Whether sums within a subject and a group may pass 64 bits.
    pub wide: bool,
    pub key: QueryKey,
}

impl SubjectTotals {
    /// `parts` are those that have a total of their own.
    pub(crate) fn new(rows: LogicalPlan, columns: Columns<Expr>, how: How, parts: &[usize]) -> Result<Self> {
        let kind = if how.wide { WIDE } else { DataType::Int64 };
        let key = |key: &Expr| key.to_field(rows.schema()).map(|(_, field)| field.as_ref().clone());
        let mut fields = columns.all[1..=columns.keys].iter().map(key).collect::<Result<Vec<_>>>()?;
        fields.push(Field::new(SUBJECTS, DataType::Int64, false));
        fields.extend(parts.iter().map(|part| Field::new(total_name(*part), kind.clone(), false)));
        let schema = DFSchema::from_unqualified_fields(fields.into(), HashMap::new())?;
        Ok(Self { rows, columns, how, schema: Arc::new(schema) })
    }
}

impl Hash for SubjectTotals {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (&self.rows, &self.columns, &self.how).hash(state);
    }
}

impl PartialOrd for SubjectTotals {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        self.how.bounds.partial_cmp(&other.how.bounds)
    }
}

impl UserDefinedLogicalNodeCore for SubjectTotals {
    fn name(&self) -> &str {
        "SubjectTotals"
    }
    fn inputs(&self) -> Vec<&LogicalPlan> {
        vec![&self.rows]
    }
    fn schema(&self) -> &DFSchemaRef {
        &self.schema
    }
    fn expressions(&self) -> Vec<Expr> {
        self.columns.all.clone()
    }
    fn fmt_for_explain(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SubjectTotals: {}", Said(&self.how.bounds))
    }
    fn with_exprs_and_inputs(&self, exprs: Vec<Expr>, inputs: Vec<LogicalPlan>) -> Result<Self> {
        let Ok([rows]) = <[LogicalPlan; 1]>::try_from(inputs) else {
            return plan_err!("SubjectTotals has one input");
        };
        Ok(Self { rows, columns: self.columns.with(exprs), ..self.clone() })
    }
    fn necessary_children_exprs(&self, _: &[usize]) -> Option<Vec<Vec<usize>>> {
        None
    }
}

/// Bounds, as plans are read by people.
struct Said<'a>(&'a Bounds);

impl fmt::Display for Said<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Bounds { groups_max, rows_per_group_max, rows_max, parts } = self.0;
        match groups_max {
            Some(most) => write!(f, "groups<={most}, ")?,
            None => f.write_str("every group, ")?,
        }
        if let Some(most) = rows_max {
            write!(f, "rows<={most}, ")?;
        }
        write!(f, "rows in each<={rows_per_group_max}, parts={parts:?}")
    }
}

#[derive(Debug)]
pub(crate) struct SubjectTotalsExec {
    rows: Arc<dyn ExecutionPlan>,
    columns: Columns<Arc<dyn PhysicalExpr>>,
    how: Arc<How>,
    properties: Arc<PlanProperties>,
}

impl SubjectTotalsExec {
    /// `exprs` are the columns of `node` in their order.
    pub(crate) fn new(
        node: &SubjectTotals,
        exprs: Vec<Arc<dyn PhysicalExpr>>,
        rows: Arc<dyn ExecutionPlan>,
    ) -> Self {
        let properties = PlanProperties::new(
            EquivalenceProperties::new(Arc::new(node.schema.as_arrow().clone())),
            Partitioning::UnknownPartitioning(1),
            EmissionType::Final,
            rows.boundedness(),
        );
        let (columns, how) = (node.columns.with(exprs), Arc::new(node.how.clone()));
        Self { rows, columns, how, properties: Arc::new(properties) }
    }
}

impl DisplayAs for SubjectTotalsExec {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SubjectTotalsExec: {}", Said(&self.how.bounds))
    }
}

impl ExecutionPlan for SubjectTotalsExec {
    fn name(&self) -> &str {
        "SubjectTotalsExec"
    }
    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }
    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        vec![&self.rows]
    }
    /// Every partition of the rows is read by a task of its own, and no row goes from one to another before.
    fn benefits_from_input_partitioning(&self) -> Vec<bool> {
        vec![false]
    }
    fn apply_expressions(
        &self,
        f: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        for expr in &self.columns.all {
            f(expr)?;
        }
        Ok(TreeNodeRecursion::Continue)
    }
    fn with_new_children(
        self: Arc<Self>,
        children: Vec<Arc<dyn ExecutionPlan>>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let Ok([rows]) = <[Arc<dyn ExecutionPlan>; 1]>::try_from(children) else {
            return plan_err!("SubjectTotalsExec has one input");
        };
        let (columns, how, properties) = (self.columns.clone(), self.how.clone(), self.properties.clone());
        Ok(Arc::new(Self { rows, columns, how, properties }))
    }
    fn execute(&self, _: usize, context: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        let inputs = 0..self.rows.output_partitioning().partition_count();
        let inputs = inputs.map(|input| self.rows.execute(input, context.clone()));
        let inputs = inputs.collect::<Result<Vec<_>>>()?;
        let (columns, how, schema) = (self.columns.clone(), self.how.clone(), self.schema());
        let work = Work { columns, how, context, schema };
        let found = async move {
            if work.how.wide { work.totals::<i128>(inputs).await } else { work.totals::<i64>(inputs).await }
        };
        Ok(Box::pin(RecordBatchStreamAdapter::new(self.schema(), stream::once(found))))
    }
}

/// A subject's bucket is the first bits of its hash.
const BUCKET_BITS: u32 = 9;
const BUCKETS: usize = 1 << BUCKET_BITS;

/// One execution.
struct Work {
    columns: Columns<Arc<dyn PhysicalExpr>>,
    how: Arc<How>,
    context: Arc<TaskContext>,
    schema: SchemaRef,
}

impl Work {
    async fn totals<S: Whole>(self, inputs: Vec<SendableRecordBatchStream>) -> Result<RecordBatch> {
        let keys = Arc::new(Schema::new(self.schema.fields()[..self.columns.keys].to_vec()));
        let mut gatherings = JoinSet::new();
        for input in inputs {
            let gathered = Gathered::<S>::new(self.how.clone(), keys.clone(), &self.context)?;
            gatherings.spawn(gathered.with(input, self.columns.clone()));
        }
        let mut all = Vec::new();
        while let Some(gathered) = gatherings.join_next().await {
            all.push(gathered.map_err(|cause| exec_datafusion_err!("{cause}"))??);
        }
        let threads = all.len();
        let Some(mut one) = all.pop() else { return plan_err!("rows have partitions") };
        for other in all {
            one.take(other)?;
        }
        let totals =
            if one.files.is_empty() { one.totals(threads).await? } else { one.totals_from_disk().await? };
        told(one.keys()?, totals, &self.schema)
    }
}

/// Rows by buckets of subjects, and the groups that they are in.
struct Gathered<S> {
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
    fn new(how: Arc<How>, keys: SchemaRef, context: &TaskContext) -> Result<Self> {
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

    async fn with(
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
    fn take(&mut self, mut other: Self) -> Result<()> {
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

    /// Adds the buckets up on so many threads.
    async fn totals(&mut self, threads: usize) -> Result<GroupTotals> {
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

    fn keys(&mut self) -> Result<Vec<ArrayRef>> {
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

/// The totals of groups that anybody was left in; without keys, of all.
fn told(keys: Vec<ArrayRef>, totals: GroupTotals, schema: &SchemaRef) -> Result<RecordBatch> {
    let anybody: BooleanArray =
        totals.subjects.iter().map(|count| Some(*count > 0 || keys.is_empty())).collect();
    let subjects: ArrayRef = Arc::new(Int64Array::from(totals.subjects));
    let mut columns = keys;
    for field in &schema.fields()[columns.len()..] {
        if field.name() == SUBJECTS {
            columns.push(subjects.clone());
            continue;
        }
        let part = (0..totals.parts.len()).find(|part| total_name(*part) == *field.name());
        let part = part.ok_or_else(|| exec_datafusion_err!("no part is called {}", field.name()))?;
        let sums = totals.parts[part].iter();
        columns.push(match field.data_type() {
            DataType::Int64 => Arc::new(Int64Array::from_iter_values(sums.map(|sum| saturate(*sum)))),
            _ => Arc::new(Decimal128Array::from_iter_values(sums.copied()).with_data_type(WIDE)),
        });
    }
    Ok(filter_record_batch(&RecordBatch::try_new(schema.clone(), columns)?, &anybody)?)
}
