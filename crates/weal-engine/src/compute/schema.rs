//! Planning without data: the products' columns stand in for their rows.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};
use datafusion::common::config::ConfigOptions;
use datafusion::common::{Result, TableReference, plan_err};
use datafusion::execution::SessionStateDefaults;
use datafusion::functions_aggregate::{
    average::avg_udaf,
    count::count_udaf,
    grouping::grouping_udaf,
    median::median_udaf,
    min_max::{max_udaf, min_udaf},
    percentile_cont::percentile_cont_udaf,
    stddev::{stddev_pop_udaf, stddev_udaf},
    sum::sum_udaf,
    variance::{var_pop_udaf, var_samp_udaf},
};
use datafusion::functions_window::all_default_window_functions;
use datafusion::logical_expr::builder::LogicalTableSource;
use datafusion::logical_expr::planner::{ContextProvider, ExprPlanner};
use datafusion::logical_expr::{
    AggregateUDF, Expr, HigherOrderUDF, LogicalPlan, LogicalPlanBuilder, ScalarUDF, TableSource, WindowUDF,
};
use datafusion::optimizer::Analyzer;
use datafusion::sql::planner::{PlannerContext, SqlToRel};
use datafusion::sql::sqlparser::ast::{Expr as SqlExpr, Query, Statement};
use weal_domain::catalogue::{Column, ColumnKind};

use super::after::WINDOWS;
use super::functions::allowed_functions;

/// How a column stands in a product's Parquet file and in every plan over it.
pub(crate) fn data_type(kind: ColumnKind) -> DataType {
    match kind {
        ColumnKind::Boolean => DataType::Boolean,
        ColumnKind::Integer => DataType::Int64,
        ColumnKind::Float => DataType::Float64,
        ColumnKind::Text => DataType::Utf8,
        ColumnKind::Date => DataType::Date32,
        ColumnKind::Timestamp => DataType::Timestamp(TimeUnit::Microsecond, None),
    }
}

/// The schema of a product's Parquet file. Every column may hold nulls there, whatever is known of it.
pub(crate) fn schema_of<'a>(columns: impl IntoIterator<Item = &'a Column>) -> SchemaRef {
    let field = |column: &Column| Field::new(&column.name, data_type(column.kind), true);
    Arc::new(Schema::new(columns.into_iter().map(field).collect::<Vec<_>>()))
}

/// Plans `query` over the tables it may name, with types made explicit.
pub(crate) fn plan(
    query: Box<Query>,
    tables: impl IntoIterator<Item = (TableReference, SchemaRef)>,
) -> Result<LogicalPlan> {
    let context = KnownTables::of(tables);
    let plan = SqlToRel::new(&context).sql_statement_to_plan(Statement::Query(query))?;
    Analyzer::new().execute_and_check(plan, context.options(), |_, _| {})
}

/// Plans a condition over the table's columns, with types made explicit.
pub(crate) fn plan_condition(
    condition: SqlExpr,
    table: TableReference,
    schema: SchemaRef,
) -> Result<(Expr, LogicalPlan)> {
    let context = KnownTables::of([(table.clone(), schema)]);
    let source = context.get_table_source(table.clone())?;
    let scan = LogicalPlanBuilder::scan(table, source, None)?.build()?;
    let expr = SqlToRel::new(&context).sql_to_expr(condition, scan.schema(), &mut PlannerContext::new())?;
    let plan = LogicalPlanBuilder::from(scan).filter(expr)?.build()?;
    match Analyzer::new().execute_and_check(plan, context.options(), |_, _| {})? {
        LogicalPlan::Filter(filter) => Ok((filter.predicate, Arc::unwrap_or_clone(filter.input))),
        _ => plan_err!("this is no condition"),
    }
}

struct KnownTables(Vec<(TableReference, Arc<dyn TableSource>)>);

impl KnownTables {
    fn of(tables: impl IntoIterator<Item = (TableReference, SchemaRef)>) -> Self {
        let source = |schema| -> Arc<dyn TableSource> { Arc::new(LogicalTableSource::new(schema)) };
        Self(tables.into_iter().map(|(name, schema)| (name, source(schema))).collect())
    }
}

static OPTIONS: LazyLock<ConfigOptions> = LazyLock::new(ConfigOptions::default);
static PLANNERS: LazyLock<Vec<Arc<dyn ExprPlanner>>> =
    LazyLock::new(SessionStateDefaults::default_expr_planners);
/// The aggregates of private questions, by every name they go by.
pub(crate) static AGGREGATES: LazyLock<BTreeMap<&str, Arc<AggregateUDF>>> = LazyLock::new(|| {
    BTreeMap::from([
        ("count", count_udaf()),
        // Resolved by the analyzer: it is no total, but says which grouping a row belongs to.
        ("grouping", grouping_udaf()),
        ("sum", sum_udaf()),
        ("avg", avg_udaf()),
        ("mean", avg_udaf()),
        ("var", var_samp_udaf()),
        ("var_samp", var_samp_udaf()),
        ("var_pop", var_pop_udaf()),
        ("stddev", stddev_udaf()),
        ("stddev_samp", stddev_udaf()),
        ("stddev_pop", stddev_pop_udaf()),
        ("median", median_udaf()),
        ("percentile_cont", percentile_cont_udaf()),
        ("quantile_cont", percentile_cont_udaf()),
        ("min", min_udaf()),
        ("max", max_udaf()),
    ])
});
static FUNCTIONS: LazyLock<BTreeMap<String, Arc<ScalarUDF>>> = LazyLock::new(allowed_functions);

impl ContextProvider for KnownTables {
    fn get_table_source(&self, name: TableReference) -> Result<Arc<dyn TableSource>> {
        match self.0.iter().find(|(known, _)| *known == name) {
            Some((_, source)) => Ok(source.clone()),
            None => plan_err!("there is no table {name} here"),
        }
    }
    fn get_expr_planners(&self) -> &[Arc<dyn ExprPlanner>] {
        &PLANNERS
    }
    fn get_function_meta(&self, name: &str) -> Option<Arc<ScalarUDF>> {
        FUNCTIONS.get(name).cloned()
    }
    fn get_higher_order_meta(&self, _: &str) -> Option<Arc<HigherOrderUDF>> {
        None
    }
    fn get_aggregate_meta(&self, name: &str) -> Option<Arc<AggregateUDF>> {
        AGGREGATES.get(name).cloned()
    }
    fn get_window_meta(&self, name: &str) -> Option<Arc<WindowUDF>> {
        if !WINDOWS.contains(&name) {
            return None;
        }
        all_default_window_functions().into_iter().find(|function| function.name() == name)
    }
    fn get_variable_type(&self, _: &[String]) -> Option<DataType> {
        None
    }
    fn options(&self) -> &ConfigOptions {
        &OPTIONS
    }
    fn udf_names(&self) -> Vec<String> {
        FUNCTIONS.keys().cloned().collect()
    }
    fn higher_order_function_names(&self) -> Vec<String> {
        Vec::new()
    }
    fn udaf_names(&self) -> Vec<String> {
        AGGREGATES.keys().map(|name| (*name).to_owned()).collect()
    }
    fn udwf_names(&self) -> Vec<String> {
        WINDOWS.map(str::to_owned).to_vec()
    }
}
