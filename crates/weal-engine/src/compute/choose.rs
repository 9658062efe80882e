//! The plan node that keeps a subject in at most so many groups, or to so many values in a group.
//!
//! Its input has a tag ([`super::tag`]). In the order of the tags the first rows of every owner are a secret
//! random choice of what it brings; the others are dropped. DataFusion brings the rows of a subject together.
//! Most subjects bring no more than they may, so only the rows of the others are put in order. Where memory is
//! short, DataFusion sorts them all, on disk.

use std::collections::HashMap;
use std::fmt;
use std::hash::{BuildHasherDefault, Hash, Hasher};
use std::sync::{Arc, Mutex, PoisonError};

use arrow::array::{AsArray, BooleanArray, Int64Array, RecordBatch};
use arrow::buffer::ScalarBuffer;
use arrow::compute::filter_record_batch;
use arrow::datatypes::{Decimal128Type, Int64Type, SchemaRef};
use async_trait::async_trait;
use datafusion::catalog::Session;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::{DFSchemaRef, Result, exec_err, plan_err};
use datafusion::execution::SendableRecordBatchStream;
use datafusion::execution::context::{QueryPlanner, TaskContext};
use datafusion::execution::memory_pool::MemoryConsumer;
use datafusion::logical_expr::physical_planning_context::PhysicalPlanningContext;
use datafusion::logical_expr::{Expr, LogicalPlan, UserDefinedLogicalNode, UserDefinedLogicalNodeCore};
use datafusion::physical_expr::{
    Distribution, EquivalenceProperties, LexOrdering, PhysicalExpr, PhysicalSortExpr,
};
use datafusion::physical_plan::execution_plan::EmissionType;
use datafusion::physical_plan::sorts::sort::SortExec;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::streaming::{PartitionStream, StreamingTableExec};
use datafusion::physical_plan::{DisplayAs, DisplayFormatType, ExecutionPlan, PlanProperties};
use datafusion::physical_planner::{DefaultPhysicalPlanner, ExtensionPlanner, PhysicalPlanner};
use futures::{StreamExt, TryStreamExt, stream};

use super::plan::ROWS;
use super::subjects::{SubjectTotals, SubjectTotalsExec};
use super::tag::owner_half;

/// What is counted of an owner.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Hash)]
pub(crate) enum Unit {
    /// Different tags. Two groups of a subject share one with a probability of 2⁻⁶³.
    Tags,
    /// As many as the column [`ROWS`] says; the last row that is kept is cut down to what is left.
    Rows,
}

/// Keeps at most `most` units of every owner; the columns are named by expressions over the input.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ChooseGroups {
    pub input: LogicalPlan,
    pub subject: Expr,
    pub tag: Expr,
    pub most: u32,
    pub unit: Unit,
}

impl Hash for ChooseGroups {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (&self.input, &self.subject, &self.tag, self.most, self.unit).hash(state);
    }
}

impl PartialOrd for ChooseGroups {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        (self.most, self.unit).partial_cmp(&(other.most, other.unit))
    }
}

impl UserDefinedLogicalNodeCore for ChooseGroups {
    fn name(&self) -> &str {
        "ChooseGroups"
    }
    fn inputs(&self) -> Vec<&LogicalPlan> {
        vec![&self.input]
    }
    fn schema(&self) -> &DFSchemaRef {
        self.input.schema()
    }
    fn expressions(&self) -> Vec<Expr> {
        vec![self.subject.clone(), self.tag.clone()]
    }
    fn fmt_for_explain(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ChooseGroups: at most {} of each {} by {}", self.most, self.subject, self.tag)
    }
    fn with_exprs_and_inputs(&self, exprs: Vec<Expr>, inputs: Vec<LogicalPlan>) -> Result<Self> {
        match (<[Expr; 2]>::try_from(exprs), <[LogicalPlan; 1]>::try_from(inputs)) {
            (Ok([subject, tag]), Ok([input])) => {
                Ok(Self { input, subject, tag, most: self.most, unit: self.unit })
            }
            _ => plan_err!("ChooseGroups has two expressions and one input"),
        }
    }
    fn necessary_children_exprs(&self, _: &[usize]) -> Option<Vec<Vec<usize>>> {
        None
    }
}

/// Plans as DataFusion does, and knows two nodes more.
#[derive(Debug)]
pub(crate) struct Planner;

#[async_trait]
impl QueryPlanner for Planner {
    async fn create_physical_plan(
        &self,
        plan: &LogicalPlan,
        session: &dyn Session,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let planner = DefaultPhysicalPlanner::with_extension_planners(vec![Arc::new(Planner)]);
        planner.create_physical_plan(plan, session).await
    }
}

#[async_trait]
impl ExtensionPlanner for Planner {
    async fn plan_extension(
        &self,
        planner: &dyn PhysicalPlanner,
        node: &dyn UserDefinedLogicalNode,
        logical_inputs: &[&LogicalPlan],
        physical_inputs: &[Arc<dyn ExecutionPlan>],
        session: &dyn Session,
        planning: &PhysicalPlanningContext,
    ) -> Result<Option<Arc<dyn ExecutionPlan>>> {
        if let Some(node) = node.as_any().downcast_ref::<SubjectTotals>() {
            let schema = logical_inputs[0].schema();
            let exprs = node.columns.all.iter();
            let exprs = exprs.map(|expr| planner.create_physical_expr(expr, schema, session, planning));
            let rows = physical_inputs[0].clone();
            return Ok(Some(Arc::new(SubjectTotalsExec::new(node, exprs.collect::<Result<_>>()?, rows)?)));
        }
        let Some(node) = node.as_any().downcast_ref::<ChooseGroups>() else {
            return Ok(None);
        };
        let schema = logical_inputs[0].schema();
        let subject = planner.create_physical_expr(&node.subject, schema, session, planning)?;
        let tag = planner.create_physical_expr(&node.tag, schema, session, planning)?;
        let how = How { subject, tag, most: node.most, unit: node.unit };
        Ok(Some(Arc::new(ChooseGroupsExec::new(physical_inputs[0].clone(), how))))
    }
}

/// What to keep.
#[derive(Debug, Clone)]
struct How {
    subject: Arc<dyn PhysicalExpr>,
    tag: Arc<dyn PhysicalExpr>,
    most: u32,
    unit: Unit,
}

#[derive(Debug)]
struct ChooseGroupsExec {
    input: Arc<dyn ExecutionPlan>,
    how: How,
    properties: Arc<PlanProperties>,
}

impl ChooseGroupsExec {
    fn new(input: Arc<dyn ExecutionPlan>, how: How) -> Self {
        // Rows stay in their partitions, in whatever order.
        let of_input = input.properties();
        let properties = PlanProperties::new(
            EquivalenceProperties::new(input.schema()),
            of_input.output_partitioning().clone(),
            EmissionType::Final,
            of_input.boundedness,
        );
        Self { input, how, properties: Arc::new(properties) }
    }
}

impl DisplayAs for ChooseGroupsExec {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let How { subject, tag, most, .. } = &self.how;
        write!(f, "ChooseGroupsExec: most={most}, subject={subject}, tag={tag}")
    }
}

impl ExecutionPlan for ChooseGroupsExec {
    fn name(&self) -> &str {
        "ChooseGroupsExec"
    }
    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }
    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        vec![&self.input]
    }
    fn required_input_distribution(&self) -> Vec<Distribution> {
        vec![Distribution::KeyPartitioned(vec![self.how.subject.clone()])]
    }
    fn apply_expressions(
        &self,
        f: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        f(&self.how.subject)?;
        f(&self.how.tag)
    }
    fn with_new_children(
        self: Arc<Self>,
        children: Vec<Arc<dyn ExecutionPlan>>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        match <[Arc<dyn ExecutionPlan>; 1]>::try_from(children) {
            Ok([input]) => Ok(Arc::new(Self::new(input, self.how.clone()))),
            Err(_) => plan_err!("ChooseGroupsExec has one input"),
        }
    }
    fn execute(&self, partition: usize, context: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        let (input, how) = (self.input.execute(partition, context.clone())?, self.how.clone());
        let chosen = stream::once(chosen(input, how, context)).try_flatten();
        Ok(Box::pin(RecordBatchStreamAdapter::new(self.schema(), chosen)))
    }
}

/// The rows that are kept: chosen in memory, or after a sort where they do not fit.
async fn chosen(
    mut input: SendableRecordBatchStream,
    how: How,
    context: Arc<TaskContext>,
) -> Result<SendableRecordBatchStream> {
    let schema = input.schema();
    let held = MemoryConsumer::new("choice of groups").with_can_spill(true).register(context.memory_pool());
    let mut batches = Vec::new();
    while let Some(batch) = input.next().await {
        let batch = batch?;
        let bytes = batch.get_array_memory_size() + batch.num_rows() * ROW_BYTES;
        let fits = held.try_grow(bytes).is_ok();
        batches.push(batch);
        if !fits {
            held.free();
            let all = stream::iter(batches.into_iter().map(Ok)).chain(input);
            let all = Box::pin(RecordBatchStreamAdapter::new(schema.clone(), all));
            return sorted(all, how, context);
        }
    }
    let mut tags = Vec::new();
    for batch in &batches {
        let of_batch = how.tag.evaluate(batch)?.into_array(batch.num_rows())?;
        tags.push(of_batch.as_primitive::<Decimal128Type>().values().clone());
    }
    let over = over(&batches, &tags, &how)?;
    let kept = batches.into_iter().zip(tags).enumerate().map(move |(place, (batch, tags))| {
        let _held = &held;
        over.keep(place as u32, &batch, &tags)
    });
    Ok(Box::pin(RecordBatchStreamAdapter::new(schema, stream::iter(kept))))
}

/// What choosing takes for a row, besides the row itself: its tag, and its owner in the count.
const ROW_BYTES: usize = 48;

/// The rows of owners that bring more than they may, in the order of their tags.
fn over(batches: &[RecordBatch], tags: &[ScalarBuffer<i128>], how: &How) -> Result<Over> {
    let mut brought: HashMap<u64, u64, Hashed> = HashMap::default();
    for (batch, tags) in batches.iter().zip(tags) {
        let counts = counts_of(batch, how.unit)?;
        for (row, &tag) in tags.iter().enumerate() {
            *brought.entry(owner_half(tag)).or_default() += counts.as_ref().map_or(1, |counts| counts[row]);
        }
    }
    let most = u64::from(how.most);
    brought.retain(|_, units| *units > most);
    let mut rows = Vec::new();
    if !brought.is_empty() {
        for (place, (batch, tags)) in batches.iter().zip(tags).enumerate() {
            let counts = counts_of(batch, how.unit)?;
            for (row, &tag) in tags.iter().enumerate() {
                if brought.contains_key(&owner_half(tag)) {
                    let count = counts.as_ref().map_or(1, |counts| counts[row]);
                    rows.push((tag, (place as u32, row as u32), count));
                }
            }
        }
    }
    rows.sort_unstable();
    let mut choice = Choice::of(how);
    let kept = rows.into_iter().map(|(tag, place, count)| {
        let kept = match how.unit {
            Unit::Tags => i64::from(choice.keeps_tag(tag)),
            Unit::Rows => choice.kept_of(tag, count as i64),
        };
        (place, kept)
    });
    Ok(Over { kept: kept.collect(), owners: brought, unit: how.unit })
}

fn counts_of(batch: &RecordBatch, unit: Unit) -> Result<Option<Vec<u64>>> {
    if unit == Unit::Tags {
        return Ok(None);
    }
    let counts = batch.column(batch.schema().index_of(ROWS)?).as_primitive::<Int64Type>().values();
    Ok(Some(counts.iter().map(|&count| count.max(0).unsigned_abs()).collect()))
}

/// What is kept of the rows of owners that bring too much; all rows of others are.
struct Over {
    /// By batch and row, how many units.
    kept: HashMap<(u32, u32), i64>,
    owners: HashMap<u64, u64, Hashed>,
    unit: Unit,
}

impl Over {
    fn keep(&self, place: u32, batch: &RecordBatch, tags: &[i128]) -> Result<RecordBatch> {
        if self.owners.is_empty() {
            return Ok(batch.clone());
        }
        let of_row = |(row, tag): (usize, &i128)| {
            let over = self.owners.contains_key(&owner_half(*tag));
            over.then(|| self.kept.get(&(place, row as u32)).copied().unwrap_or(0))
        };
        let kept: Vec<Option<i64>> = tags.iter().enumerate().map(of_row).collect();
        let keep: BooleanArray = kept.iter().map(|kept| Some(*kept != Some(0))).collect();
        let mut columns = batch.columns().to_vec();
        if self.unit == Unit::Rows {
            let rows = batch.schema().index_of(ROWS)?;
            let counts = batch.column(rows).as_primitive::<Int64Type>().values();
            let cut = kept.iter().zip(counts).map(|(kept, &count)| Some(kept.unwrap_or(count)));
            columns[rows] = Arc::new(cut.collect::<Int64Array>());
        }
        Ok(filter_record_batch(&RecordBatch::try_new(batch.schema(), columns)?, &keep)?)
    }
}

/// Owners are keyed hashes already.
type Hashed = BuildHasherDefault<Itself>;

#[derive(Debug, Default)]
struct Itself(u64);

impl Hasher for Itself {
    fn finish(&self) -> u64 {
        self.0
    }
    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }
    fn write_u64(&mut self, owner: u64) {
        // An owner has 63 bits; spread over 64, since tables look at both ends.
        self.0 = owner.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }
}

/// All rows by way of DataFusion's sort, which goes to disk where memory is short.
fn sorted(
    all: SendableRecordBatchStream,
    how: How,
    context: Arc<TaskContext>,
) -> Result<SendableRecordBatchStream> {
    let schema = all.schema();
    let rest: Arc<dyn PartitionStream> =
        Arc::new(Rest { schema: schema.clone(), stream: Mutex::new(Some(all)) });
    let table = StreamingTableExec::try_new(schema.clone(), vec![rest], None, None, false, None)?;
    let order = LexOrdering::new([PhysicalSortExpr::new_default(how.tag.clone())]);
    let Some(order) = order else { return plan_err!("a choice has a tag") };
    let mut choice = Choice::of(&how);
    let kept = SortExec::new(order, Arc::new(table)).execute(0, context)?.map(move |batch| {
        let batch = batch?;
        let tags = how.tag.evaluate(&batch)?.into_array(batch.num_rows())?;
        choice.keep(&batch, tags.as_primitive::<Decimal128Type>().values())
    });
    Ok(Box::pin(RecordBatchStreamAdapter::new(schema, kept)))
}

/// A stream that is read once.
struct Rest {
    schema: SchemaRef,
    stream: Mutex<Option<SendableRecordBatchStream>>,
}

impl fmt::Debug for Rest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Rest")
    }
}

impl PartitionStream for Rest {
    fn schema(&self) -> &SchemaRef {
        &self.schema
    }
    fn execute(&self, _: Arc<TaskContext>) -> SendableRecordBatchStream {
        let stream = self.stream.lock().unwrap_or_else(PoisonError::into_inner).take();
        let gone = || exec_err!("rows are read once");
        let none = || -> SendableRecordBatchStream {
            Box::pin(RecordBatchStreamAdapter::new(self.schema.clone(), stream::iter([gone()])))
        };
        stream.unwrap_or_else(none)
    }
}

/// How many units the owner at hand has taken so far.
struct Choice {
    most: u32,
    unit: Unit,
    owner: Option<u64>,
    last: Option<i128>,
    taken: u64,
}

impl Choice {
    fn of(how: &How) -> Self {
        Self { most: how.most, unit: how.unit, owner: None, last: None, taken: 0 }
    }

    fn keep(&mut self, batch: &RecordBatch, tags: &[i128]) -> Result<RecordBatch> {
        match self.unit {
            Unit::Tags => {
                let keep = tags.iter().map(|&tag| Some(self.keeps_tag(tag)));
                Ok(filter_record_batch(batch, &keep.collect::<BooleanArray>())?)
            }
            Unit::Rows => {
                let place = batch.schema().index_of(ROWS)?;
                let counts = batch.column(place).as_primitive::<Int64Type>().values();
                let kept = tags.iter().zip(counts).map(|(&tag, &count)| self.kept_of(tag, count));
                let kept: Int64Array = kept.map(Some).collect();
                let keep: BooleanArray = kept.values().iter().map(|&count| Some(count > 0)).collect();
                let mut columns = batch.columns().to_vec();
                columns[place] = Arc::new(kept);
                Ok(filter_record_batch(&RecordBatch::try_new(batch.schema(), columns)?, &keep)?)
            }
        }
    }

    fn begin(&mut self, tag: i128) {
        let owner = Some(owner_half(tag));
        if self.owner != owner {
            (self.owner, self.last, self.taken) = (owner, None, 0);
        }
    }

    fn keeps_tag(&mut self, tag: i128) -> bool {
        self.begin(tag);
        if self.last != Some(tag) {
            self.last = Some(tag);
            self.taken += 1;
        }
        self.taken <= self.most.into()
    }

    fn kept_of(&mut self, tag: i128, count: i64) -> i64 {
        self.begin(tag);
        let left = u64::from(self.most).saturating_sub(self.taken);
        let kept = count.max(0).unsigned_abs().min(left);
        self.taken += kept;
        kept as i64
    }
}
