//! The plan node that keeps a subject in at most so many groups.
//!
//! Its input has one row per subject and group, with a tag ([`super::tag`]). Partitioned by the tag's
//! subject and sorted by the tag, the first rows of every subject are a secret random choice of its groups;
//! the others are dropped. DataFusion does the partitioning and the sorting (on disk where memory is short).

use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use arrow::array::{AsArray, BooleanArray, RecordBatch};
use arrow::compute::filter_record_batch;
use arrow::datatypes::Decimal128Type;
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

use super::tag::subject_half;

/// Keeps at most `groups_max` rows of every subject; the columns are named by expressions over the input.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ChooseGroups {
    pub input: LogicalPlan,
    pub subject: Expr,
    pub tag: Expr,
    pub groups_max: u32,
}

impl Hash for ChooseGroups {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (&self.input, &self.subject, &self.tag, self.groups_max).hash(state);
    }
}

impl PartialOrd for ChooseGroups {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        self.groups_max.partial_cmp(&other.groups_max)
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
        write!(f, "ChooseGroups: at most {} of each {} by {}", self.groups_max, self.subject, self.tag)
    }
    fn with_exprs_and_inputs(&self, exprs: Vec<Expr>, inputs: Vec<LogicalPlan>) -> Result<Self> {
        match (<[Expr; 2]>::try_from(exprs), <[LogicalPlan; 1]>::try_from(inputs)) {
            (Ok([subject, tag]), Ok([input])) => {
                Ok(Self { input, subject, tag, groups_max: self.groups_max })
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
        Ok(Some(Arc::new(ChooseGroupsExec::new(physical_inputs[0].clone(), subject, tag, node.groups_max))))
    }
}

#[derive(Debug)]
struct ChooseGroupsExec {
    input: Arc<dyn ExecutionPlan>,
    subject: Arc<dyn PhysicalExpr>,
    tag: Arc<dyn PhysicalExpr>,
    groups_max: u32,
    properties: Arc<PlanProperties>,
}

impl ChooseGroupsExec {
    fn new(
        input: Arc<dyn ExecutionPlan>,
        subject: Arc<dyn PhysicalExpr>,
        tag: Arc<dyn PhysicalExpr>,
        groups_max: u32,
    ) -> Self {
        // A filter: what is true of its input's order and partitions stays true.
        let properties = Arc::clone(input.properties());
        Self { input, subject, tag, groups_max, properties }
    }
}

impl DisplayAs for ChooseGroupsExec {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "ChooseGroupsExec: groups_max={}, subject={}, tag={}",
            self.groups_max, self.subject, self.tag
        )
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
        vec![Distribution::KeyPartitioned(vec![self.subject.clone()])]
    }
    fn required_input_ordering(&self) -> Vec<Option<OrderingRequirements>> {
        let order = LexOrdering::new([PhysicalSortExpr::new_default(self.tag.clone())]);
        vec![order.map(|order| OrderingRequirements::new(LexRequirement::from(order)))]
    }
    fn maintains_input_order(&self) -> Vec<bool> {
        vec![true]
    }
    fn apply_expressions(
        &self,
        f: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        f(&self.subject)?;
        f(&self.tag)
    }
    fn with_new_children(
        self: Arc<Self>,
        children: Vec<Arc<dyn ExecutionPlan>>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        match <[Arc<dyn ExecutionPlan>; 1]>::try_from(children) {
            Ok([input]) => {
                Ok(Arc::new(Self::new(input, self.subject.clone(), self.tag.clone(), self.groups_max)))
            }
            Err(_) => plan_err!("ChooseGroupsExec has one input"),
        }
    }
    fn execute(&self, partition: usize, context: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        let (tag, mut choice) =
            (self.tag.clone(), Choice { groups_max: self.groups_max, subject: None, taken: 0 });
        let kept = self.input.execute(partition, context)?.map(move |batch| {
            let batch = batch?;
            let tags = tag.evaluate(&batch)?.into_array(batch.num_rows())?;
            choice.keep(&batch, tags.as_primitive::<Decimal128Type>().values())
        });
        Ok(Box::pin(RecordBatchStreamAdapter::new(self.schema(), kept)))
    }
}

/// How many groups the subject at hand has taken so far.
struct Choice {
    groups_max: u32,
    subject: Option<u64>,
    taken: u32,
}

impl Choice {
    fn keep(&mut self, batch: &RecordBatch, tags: &[i128]) -> Result<RecordBatch> {
        let mut keep = Vec::with_capacity(tags.len());
        for &tag in tags {
            let subject = Some(subject_half(tag));
            if self.subject != subject {
                (self.subject, self.taken) = (subject, 0);
            }
            keep.push(self.taken < self.groups_max);
            self.taken = self.taken.saturating_add(1);
        }
        Ok(filter_record_batch(batch, &BooleanArray::from(keep))?)
    }
}
