//! The plan node that keeps a subject in at most so many groups, or to so many values in a group.
//!
//! Its input has a tag ([`super::tag`]). Partitioned by subject and sorted by the tag, the first rows of every
//! owner are a secret random choice of what it brings; the others are dropped. DataFusion does the partitioning
//! and the sorting (on disk where memory is short).

use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use arrow::array::{AsArray, BooleanArray, Int64Array, RecordBatch};
use arrow::compute::filter_record_batch;
use arrow::datatypes::{Decimal128Type, Int64Type};
use async_trait::async_trait;
use datafusion::catalog::Session;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::{DFSchemaRef, Result, plan_err};
use datafusion::execution::SendableRecordBatchStream;
use datafusion::execution::context::{QueryPlanner, TaskContext};
use datafusion::logical_expr::physical_planning_context::PhysicalPlanningContext;
use datafusion::logical_expr::{Expr, LogicalPlan, UserDefinedLogicalNode, UserDefinedLogicalNodeCore};
use datafusion::physical_expr::{
    Distribution, LexOrdering, LexRequirement, OrderingRequirements, PhysicalExpr, PhysicalSortExpr,
};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{DisplayAs, DisplayFormatType, ExecutionPlan, PlanProperties};
use datafusion::physical_planner::{DefaultPhysicalPlanner, ExtensionPlanner, PhysicalPlanner};
use futures::StreamExt;

use super::plan::ROWS;
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

/// Plans as DataFusion does, and knows this one node more.
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
        // A filter: what is true of its input's order and partitions stays true.
        let properties = Arc::clone(input.properties());
        Self { input, how, properties }
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
    fn required_input_ordering(&self) -> Vec<Option<OrderingRequirements>> {
        let order = LexOrdering::new([PhysicalSortExpr::new_default(self.how.tag.clone())]);
        vec![order.map(|order| OrderingRequirements::new(LexRequirement::from(order)))]
    }
    fn maintains_input_order(&self) -> Vec<bool> {
        vec![true]
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
        let How { tag, most, unit, .. } = self.how.clone();
        let mut choice = Choice { most, unit, owner: None, last: None, taken: 0 };
        let kept = self.input.execute(partition, context)?.map(move |batch| {
            let batch = batch?;
            let tags = tag.evaluate(&batch)?.into_array(batch.num_rows())?;
            choice.keep(&batch, tags.as_primitive::<Decimal128Type>().values())
        });
        Ok(Box::pin(RecordBatchStreamAdapter::new(self.schema(), kept)))
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
