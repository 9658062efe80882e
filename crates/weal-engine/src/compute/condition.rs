//! Row filters: conditions that an owner puts into an offer and every permit carries.

use std::collections::BTreeSet;

use datafusion::common::TableReference;
use datafusion::logical_expr::Expr;
use weal_domain::Refusal;
use weal_domain::catalogue::Column;

use super::deep::on_deep_stack;
use super::names::settle_condition;
use super::refuse::{planning, refuse_shapes};
use super::safe::safe;
use super::schema::{plan_condition, schema_of};
use super::shield::shielded_condition;
use super::sql::parse_condition;

/// Whether `filter` is a condition over `columns` that can be a row filter.
pub fn check_filter(columns: &[Column], filter: &str) -> Result<(), Refusal> {
    condition(columns, filter).map(drop)
}

/// The condition as it runs: it cannot fail, and its columns have no qualifier.
pub(crate) fn condition(columns: &[Column], filter: &str) -> Result<Expr, Refusal> {
    on_deep_stack(|| condition_here(columns, filter))
}

fn condition_here(columns: &[Column], filter: &str) -> Result<Expr, Refusal> {
    let mut parsed = parse_condition(filter)?;
    refuse_shapes(&parsed)?;
    let names: BTreeSet<String> = columns.iter().map(|column| column.name.clone()).collect();
    settle_condition(&mut parsed, names);
    let (predicate, input) = plan_condition(parsed, TableReference::bare("product"), schema_of(columns))
        .map_err(|error| planning(&error, "the product", columns, columns))?;
    shielded_condition(safe(&predicate, input.schema())?, input.schema())
}
