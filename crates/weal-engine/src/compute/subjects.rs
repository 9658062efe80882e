//! The plan node from rows to bounded totals of groups, in one pass: [`super::bounding`] over the batches of a
//! plan. Where they come in the order of their subjects they are added up as they come ([`super::in_order`]); else
//! [`super::gathered`] puts them together by subject first.

use std::collections::HashMap;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use arrow::array::{ArrayRef, BooleanArray, Decimal128Array, Int64Array, RecordBatch};
use arrow::compute::filter_record_batch;
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::{DFSchema, DFSchemaRef, Result, exec_datafusion_err, plan_err};
use datafusion::execution::SendableRecordBatchStream;
use datafusion::execution::context::TaskContext;
use datafusion::logical_expr::{Expr, ExprSchemable, LogicalPlan, UserDefinedLogicalNodeCore};
use datafusion::physical_expr::{EquivalenceProperties, Partitioning, PhysicalExpr, PhysicalSortExpr};
use datafusion::physical_plan::execution_plan::{EmissionType, reset_plan_states};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{
    DisplayAs, DisplayFormatType, ExecutionPlan, ExecutionPlanProperties, PlanProperties,
};
use futures::stream;
use tokio::task::JoinSet;
use weal_privacy::bounds::saturate;

use super::bounding::{Bounds, GroupTotals, Whole};
use super::functions::WIDE;
use super::gathered::Gathered;
use super::in_order::{InOrder, ORDER, has_order, together};
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

impl Columns<Arc<dyn PhysicalExpr>> {
    /// Their values in a batch of rows.
    pub(crate) fn of(&self, batch: &RecordBatch) -> Result<Vec<ArrayRef>> {
        let array = |expr: &Arc<dyn PhysicalExpr>| expr.evaluate(batch)?.into_array(batch.num_rows());
        self.all.iter().map(array).collect()
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
    /// Whether the rows come in the order of their subjects.
    in_order: bool,
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
    ) -> Result<Self> {
        let properties = PlanProperties::new(
            EquivalenceProperties::new(Arc::new(node.schema.as_arrow().clone())),
            Partitioning::UnknownPartitioning(1),
            EmissionType::Final,
            rows.boundedness(),
        );
        let (columns, how) = (node.columns.with(exprs), Arc::new(node.how.clone()));
        Self { rows, in_order: false, columns, how, properties: Arc::new(properties) }.seen()
    }

    /// With what its rows are like.
    fn seen(self) -> Result<Self> {
        Ok(Self { in_order: are_in_order(&self.rows, &self.columns.all[0])?, ..self })
    }
}

impl DisplayAs for SubjectTotalsExec {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let order = if self.in_order { "in their order, " } else { "" };
        write!(f, "SubjectTotalsExec: {order}{}", Said(&self.how.bounds))
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
        Ok(Arc::new(Self { rows, in_order: false, columns, how, properties }.seen()?))
    }
    fn execute(&self, _: usize, context: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        let (rows, in_order, columns, how) =
            (self.rows.clone(), self.in_order, self.columns.clone(), self.how.clone());
        let work = Work { rows, in_order, columns, how, context, schema: self.schema() };
        let found = async move {
            if work.how.wide { work.totals::<i128>().await } else { work.totals::<i64>().await }
        };
        Ok(Box::pin(RecordBatchStreamAdapter::new(self.schema(), stream::once(found))))
    }
}

/// Whether rows come, as their plan says, in the order of their subjects.
fn are_in_order(rows: &Arc<dyn ExecutionPlan>, subject: &Arc<dyn PhysicalExpr>) -> Result<bool> {
    let wanted = PhysicalSortExpr::new(subject.clone(), ORDER);
    Ok(has_order(&subject.data_type(&rows.schema())?)
        && rows.equivalence_properties().ordering_satisfy([wanted])?)
}

/// One execution.
struct Work {
    rows: Arc<dyn ExecutionPlan>,
    in_order: bool,
    columns: Columns<Arc<dyn PhysicalExpr>>,
    how: Arc<How>,
    context: Arc<TaskContext>,
    schema: SchemaRef,
}

impl Work {
    async fn totals<S: Whole>(self) -> Result<RecordBatch> {
        let (keys, totals) = if self.in_order {
            match self.added_in_order::<S>().await? {
                Some(found) => found,
                None => {
                    tracing::warn!(
                        "a product's file is not in the order that it says; restore or publish it again"
                    );
                    self.gathered::<S>(&reset_plan_states(self.rows.clone())?).await?
                }
            }
        } else {
            self.gathered::<S>(&self.rows).await?
        };
        told(keys, totals, &self.schema)
    }

    fn keys(&self) -> SchemaRef {
        Arc::new(Schema::new(self.schema.fields()[..self.columns.keys].to_vec()))
    }

    /// By partition. Each is read by a task of its own.
    fn inputs(&self, rows: &Arc<dyn ExecutionPlan>) -> Result<Vec<SendableRecordBatchStream>> {
        let inputs = 0..rows.output_partitioning().partition_count();
        inputs.map(|input| rows.execute(input, self.context.clone())).collect()
    }

    /// `None` where the rows are in another order than their plan says.
    async fn added_in_order<S: Whole>(&self) -> Result<Option<(Vec<ArrayRef>, GroupTotals)>> {
        let mut additions = JoinSet::new();
        for input in self.inputs(&self.rows)? {
            let added = InOrder::<S>::new(self.how.clone(), self.keys(), &self.context)?;
            additions.spawn(added.with(input, self.columns.clone()));
        }
        let mut all = Vec::new();
        while let Some(added) = additions.join_next().await {
            match added.map_err(|cause| exec_datafusion_err!("{cause}"))?? {
                Some(added) => all.push(added),
                None => {
                    // What the others hold is given back before anything else is begun.
                    additions.shutdown().await;
                    return Ok(None);
                }
            }
        }
        together(all)
    }

    async fn gathered<S: Whole>(
        &self,
        rows: &Arc<dyn ExecutionPlan>,
    ) -> Result<(Vec<ArrayRef>, GroupTotals)> {
        let mut gatherings = JoinSet::new();
        for input in self.inputs(rows)? {
            let gathered = Gathered::<S>::new(self.how.clone(), self.keys(), &self.context)?;
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
        one.totals(threads).await
    }
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
