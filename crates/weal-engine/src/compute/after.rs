//! What is done with released values, at no further cost: HAVING, window functions, expressions, ORDER BY, LIMIT.
//!
//! All of it runs as an ordinary plan over the table of what was released, and nothing of it sees anything
//! else. It must not fail either: the answer would be lost and its cost not.

use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, UInt32Array};
use arrow::compute::concat_batches;
use arrow::datatypes::{DataType, Field, Schema, UInt32Type};
use arrow::{array::AsArray, record_batch::RecordBatchOptions};
use datafusion::catalog::MemTable;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{Column, DFSchema, ScalarValue};
use datafusion::datasource::provider_as_source;
use datafusion::error::DataFusionError;
use datafusion::execution::SessionState;
use datafusion::logical_expr::expr::{Cast, Sort, WindowFunction};
use datafusion::logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder, WindowFunctionDefinition, cast};
use datafusion::physical_plan::collect;
use weal_domain::Refusal;

use super::reading::{Item, unknown_node};
use super::relation::{names_of, substitute};
use super::safe::{safe, type_of, unsupported};
use super::shield::shielded;

/// Which row of the released table a row comes from.
const ROW: &str = "row";
/// What a window computes, before it has its name.
const COMPUTED: &str = "computed";
/// Window functions of one question; each keeps a column of the whole answer.
const WINDOWS_MAX: usize = 16;
/// What windows may compute besides totals.
pub(crate) const WINDOWS: [&str; 11] = [
    "row_number",
    "rank",
    "dense_rank",
    "percent_rank",
    "cume_dist",
    "ntile",
    "lag",
    "lead",
    "first_value",
    "last_value",
    "nth_value",
];
/// Totals that windows may compute.
const WINDOW_TOTALS: [&str; 5] = ["count", "sum", "avg", "min", "max"];

/// Expressions are over [`Item::column`]s, and those after the windows over [`window_name`]s as well.
#[derive(Debug, Clone, Default)]
pub(crate) struct After {
    pub having: Option<Expr>,
    pub windows: Vec<Expr>,
    /// Conditions on what the windows computed.
    pub qualify: Option<Expr>,
    pub sort: Vec<Sort>,
    pub skip: usize,
    pub fetch: Option<usize>,
    /// Columns of the answer that are neither keys nor estimates, nor arithmetic on estimates.
    pub computed: Vec<Expr>,
}

fn window_name(place: usize) -> String {
    format!("w{place}")
}

fn column(name: &str) -> Expr {
    Expr::Column(Column::new_unqualified(name))
}

/// Follows one node above the aggregate; `columns` is what its output columns stand for.
pub(crate) fn read_above(
    node: &LogicalPlan,
    columns: &mut Vec<(Column, Expr)>,
    after: &mut After,
) -> Result<(), Refusal> {
    match node {
        LogicalPlan::Projection(projection) => {
            let next = projection.expr.iter().zip(names_of(&projection.schema));
            let next = next.map(|(expr, name)| Ok((name, substitute(expr, columns)?)));
            *columns = next.collect::<Result<_, Refusal>>()?;
        }
        LogicalPlan::SubqueryAlias(alias) => {
            let next = names_of(&alias.schema).zip(std::mem::take(columns));
            *columns = next.map(|(name, (_, expr))| (name, expr)).collect();
        }
        LogicalPlan::Filter(filter) if after.fetch.is_none() && after.skip == 0 => {
            let condition = substitute(&filter.predicate, columns)?;
            let place = if after.windows.is_empty() { &mut after.having } else { &mut after.qualify };
            *place = Some(place.take().map_or(condition.clone(), |first| first.and(condition)));
        }
        LogicalPlan::Window(window)
            if after.fetch.is_none() && after.skip == 0 && after.qualify.is_none() =>
        {
            let inputs = columns.len();
            for (expr, name) in window.window_expr.iter().zip(names_of(&window.schema).skip(inputs)) {
                if after.windows.len() == WINDOWS_MAX {
                    return Err(unsupported("so many window functions", "Ask several questions."));
                }
                let computed = column(&window_name(after.windows.len()));
                after.windows.push(substitute(expr, &columns[..inputs])?);
                columns.push((name, computed));
            }
        }
        LogicalPlan::Sort(sort) if after.fetch.is_none() => {
            let substituted = sort
                .expr
                .iter()
                .map(|sort| Ok(Sort::new(substitute(&sort.expr, columns)?, sort.asc, sort.nulls_first)));
            after.sort = substituted.collect::<Result<_, Refusal>>()?;
        }
        LogicalPlan::Limit(limit) if after.fetch.is_none() && after.skip == 0 => {
            after.skip = limit.skip.as_deref().map_or(Ok(0), whole_number)?;
            after.fetch = limit.fetch.as_deref().map(whole_number).transpose()?;
        }
        LogicalPlan::Filter(_) | LogicalPlan::Window(_) | LogicalPlan::Limit(_) | LogicalPlan::Sort(_) => {
            return Err(unsupported(
                "a condition, a window or a second LIMIT after LIMIT",
                "Put LIMIT at the end of the question.",
            ));
        }
        other => return Err(unknown_node(other)),
    }
    Ok(())
}

fn whole_number(expr: &Expr) -> Result<usize, Refusal> {
    match expr {
        Expr::Literal(ScalarValue::Int64(Some(number)), _) => usize::try_from(*number).ok(),
        _ => None,
    }
    .ok_or_else(|| unsupported("a computed LIMIT or OFFSET", "Write a whole number."))
}

impl After {
    /// Whether rows stay as they were released.
    pub(crate) fn is_nothing(&self) -> bool {
        let conditions = self.having.is_none() && self.qualify.is_none() && self.windows.is_empty();
        conditions
            && self.sort.is_empty()
            && self.skip == 0
            && self.fetch.is_none()
            && self.computed.is_empty()
    }

    /// Makes every expression one that cannot fail. `fields` are those of the released table.
    pub(crate) fn make_safe(&mut self, mut fields: Vec<Field>) -> Result<(), Refusal> {
        let schema = |fields: &[Field]| {
            DFSchema::try_from(Schema::new(fields.to_vec()))
                .map_err(|_| unsupported("these columns", "Select fewer."))
        };
        let sound =
            |expr: &Expr, schema: &DFSchema| shielded(safe(&with_small_counts(expr)?, schema)?, schema);
        let released = schema(&fields)?;
        self.having = self.having.as_ref().map(|having| sound(having, &released)).transpose()?;
        for (place, window) in self.windows.iter_mut().enumerate() {
            *window = safe_window(window, &released)?;
            let kind = match type_of(window, &released)? {
                DataType::UInt64 => DataType::Int64,
                other => other,
            };
            fields.push(Field::new(window_name(place), kind, true));
        }
        let all = schema(&fields)?;
        self.qualify = self.qualify.as_ref().map(|qualify| sound(qualify, &all)).transpose()?;
        for sort in &mut self.sort {
            sort.expr = sound(&sort.expr, &all)?;
        }
        for computed in &mut self.computed {
            *computed = sound(computed, &all)?;
        }
        Ok(())
    }

    fn plan(&self, released: LogicalPlanBuilder, keys: usize) -> Result<LogicalPlan, DataFusionError> {
        let mut plan = released;
        if let Some(having) = &self.having {
            plan = plan.filter(having.clone())?;
        }
        // One by one, since windows of one node must have one order.
        for (place, window) in self.windows.iter().enumerate() {
            let before = plan.schema().columns();
            plan = plan.window([window.clone().alias(COMPUTED)])?;
            let counted =
                plan.schema().field_with_unqualified_name(COMPUTED)?.data_type() == &DataType::UInt64;
            let computed = if counted { cast(column(COMPUTED), DataType::Int64) } else { column(COMPUTED) };
            let kept = before.into_iter().map(Expr::Column);
            plan = plan.project(kept.chain([computed.alias(window_name(place))]))?;
        }
        if let Some(qualify) = &self.qualify {
            plan = plan.filter(qualify.clone())?;
        }
        let computed = self.computed.iter().enumerate();
        let computed = computed.map(|(place, expr)| expr.clone().alias(Item::Computed(place).column()));
        let sort =
            self.sort.iter().enumerate().map(|(place, sort)| sort.expr.clone().alias(format!("s{place}")));
        let keys: Vec<_> = (0..keys).map(|key| Item::Key(key).column()).collect();
        let shown = [column(ROW)].into_iter().chain(keys.iter().map(|key| column(key)));
        plan = plan.project(shown.chain(sort).chain(computed).collect::<Vec<_>>())?;
        let asked = self.sort.iter().enumerate();
        let asked =
            asked.map(|(place, sort)| Sort::new(column(&format!("s{place}")), sort.asc, sort.nulls_first));
        let then = keys.iter().map(|key| Sort::new(column(key), true, false));
        // Rows of the same keys stand as they were released, so that the order never depends on threads.
        let last = [Sort::new(column(ROW), true, false)];
        plan.sort(asked.chain(then).chain(last).collect::<Vec<_>>())?.limit(self.skip, self.fetch)?.build()
    }

    /// The rows that are left, in their order, by their places in `released`, and what was computed for each.
    pub(crate) async fn run(
        &self,
        released: &RecordBatch,
        keys: usize,
        session: &SessionState,
    ) -> Result<(Vec<usize>, Vec<ArrayRef>), DataFusionError> {
        let mut fields: Vec<_> = released.schema().fields().iter().cloned().collect();
        fields.push(Arc::new(Field::new(ROW, DataType::UInt32, false)));
        let rows: ArrayRef = Arc::new(UInt32Array::from_iter_values(0..released.num_rows() as u32));
        let columns = released.columns().iter().cloned().chain([rows]).collect();
        let options = RecordBatchOptions::new().with_row_count(Some(released.num_rows()));
        let schema = Arc::new(Schema::new(fields));
        let table = RecordBatch::try_new_with_options(schema.clone(), columns, &options)?;
        let table = MemTable::try_new(schema, vec![vec![table]])?;
        let scan = LogicalPlanBuilder::scan("released", provider_as_source(Arc::new(table)), None)?;
        let plan = session.optimize(&self.plan(scan, keys)?)?;
        let physical = session.query_planner().create_physical_plan(&plan, session).await?;
        let schema = physical.schema();
        let all = concat_batches(&schema, &collect(physical, session.task_ctx()).await?)?;
        let places = all.column(0).as_primitive::<UInt32Type>().values();
        let computed = all.columns()[1 + keys + self.sort.len()..].to_vec();
        Ok((places.iter().map(|&row| row as usize).collect(), computed))
    }
}

/// Ranks and row numbers are 64-bit integers here; planning took them for unsigned ones, which meet others only
/// as decimals.
fn with_small_counts(expr: &Expr) -> Result<Expr, Refusal> {
    let smaller = expr.clone().transform_up(|expr| match expr {
        Expr::Cast(cast)
            if matches!(cast.field.data_type(), DataType::Decimal128(20, 0) | DataType::UInt64) =>
        {
            Ok(Transformed::yes(Expr::Cast(Cast::new(cast.expr, DataType::Int64))))
        }
        other => Ok(Transformed::no(other)),
    });
    Ok(smaller.map_err(|_| unsupported("this expression", "Simplify it."))?.data)
}

/// A window function over released values: no more than is known not to fail.
fn safe_window(expr: &Expr, schema: &DFSchema) -> Result<Expr, Refusal> {
    let window = match expr {
        Expr::Alias(alias) => return safe_window(&alias.expr, schema),
        Expr::WindowFunction(window) => window,
        _ => return Err(unsupported("this window function", "Simplify it.")),
    };
    let name = window.fun.name();
    let known = match window.fun {
        WindowFunctionDefinition::AggregateUDF(_) => WINDOW_TOTALS.contains(&name),
        WindowFunctionDefinition::WindowUDF(_) => WINDOWS.contains(&name),
    };
    let params = &window.params;
    if !known || params.distinct || params.filter.is_some() {
        let instead = format!("Use {}, {}.", WINDOW_TOTALS.join(", "), WINDOWS.join(", "));
        return Err(unsupported(&format!("the window function {name} in this form"), &instead));
    }
    let sound = |expr: &Expr| match expr {
        // Offsets and counts must stay constants.
        Expr::Literal(..) => Ok(expr.clone()),
        _ => shielded(safe(expr, schema)?, schema),
    };
    let all = |exprs: &[Expr]| exprs.iter().map(sound).collect::<Result<Vec<_>, Refusal>>();
    let mut safe = WindowFunction::clone(window);
    safe.params.args = all(&params.args)?;
    safe.params.partition_by = all(&params.partition_by)?;
    for sort in &mut safe.params.order_by {
        sort.expr = sound(&sort.expr)?;
    }
    Ok(Expr::WindowFunction(Box::new(safe)))
}
