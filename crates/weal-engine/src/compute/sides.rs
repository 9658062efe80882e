//! Totals that are no sums: how many distinct values, and how many values in each range. Each has a plan of
//! its own beside the one of [`super::plan`], with the same rows, the same choice of groups, and its own bound
//! on what a subject may bring to a group.

use datafusion::common::Result;
use datafusion::functions_aggregate::expr_fn::{count, sum};
use datafusion::logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder, ScalarUDF, lit};
use weal_domain::Refusal;
use weal_privacy::mechanism::Leaves;

use super::choose::Unit;
use super::functions::LeafOf;
use super::measure::Value;
use super::plan::{PlanError, ROWS, SUBJECT, TAG, Totals, chosen, column, fixed, value_name};
use super::price::bad_bounds;
use super::reading::Part;
use super::tag::Tag;

/// Of the result: which leaf, and how many values it holds or how many distinct values there are.
pub(crate) const LEAF: &str = "leaf";
pub(crate) const COUNT: &str = "count";

/// The leaves of the tree that a value's ranks are counted in.
pub(crate) fn leaves_of(value: &Value) -> Result<Leaves, Refusal> {
    let fixed = value.fixed()?;
    let nothing =
        || bad_bounds(weal_privacy::bounds::BoundsError::NotAnInterval { low: value.low, high: value.high });
    Leaves::of(fixed.low(), fixed.high()).ok_or_else(nothing)
}

impl Totals<'_> {
    /// The plans of all parts that have one, by their places. Their columns: the keys, for ranks [`LEAF`], and
    /// [`COUNT`].
    pub(crate) fn side_plans(
        &self,
        scan: &dyn Fn() -> Result<LogicalPlanBuilder>,
    ) -> Result<Vec<(usize, LogicalPlan)>, PlanError> {
        let mut plans = Vec::new();
        for (place, part) in self.parts.iter().enumerate() {
            let (value, unit) = match part {
                Part::Distinct(expr) => (expr.clone(), Unit::Tags),
                Part::Ranks(value) => {
                    (ScalarUDF::from(LeafOf(leaves_of(value)?)).call(vec![fixed(value)]), Unit::Rows)
                }
                _ => continue,
            };
            let name = value_name(place);
            let rows = self.rows(scan()?, [value.alias(&name)])?;
            plans.push((place, self.side_plan(rows, column(&name), unit)?.build()?));
        }
        Ok(plans)
    }

    /// Groups are chosen before anything is left out, among all groups that a subject is in: so whoever is in a group
    /// here is in it in the main plan too, and nobody's values appear or vanish with somebody else's group.
    fn side_plan(&self, rows: LogicalPlanBuilder, value: Expr, unit: Unit) -> Result<LogicalPlanBuilder> {
        let keys = self.key_columns();
        let with = |first: Vec<Expr>| first.into_iter().chain(keys.iter().cloned()).collect::<Vec<_>>();
        let mut groups = keys.clone();
        groups.push(value.clone());
        let valued = |rows: LogicalPlanBuilder| rows.filter(value.clone().is_not_null());
        let bounded = if self.subject_is_key {
            valued(rows)?
        } else {
            let mut each = with(vec![column(SUBJECT)]);
            each.push(value.clone());
            let tagged = |plan: LogicalPlanBuilder, owners: usize, of: Vec<Expr>| {
                let tag = ScalarUDF::from(Tag::new(self.key.clone(), owners)).call(of).alias(TAG);
                plan.project(each.iter().cloned().chain([column(ROWS), tag]))
            };
            let own = rows.aggregate(each.clone(), [count(lit(1_i64)).alias(ROWS)])?;
            let own = match self.choose {
                true => {
                    let by_group = tagged(own, 1, with(vec![column(SUBJECT)]))?;
                    chosen(by_group, self.policy.groups_per_subject_max, Unit::Tags)?
                }
                false => own,
            };
            let own = tagged(valued(own)?, 1 + keys.len(), each.clone())?;
            chosen(own, self.policy.rows_per_group_max, unit)?
        };
        let found = if self.subject_is_key { count(lit(1_i64)) } else { sum(column(ROWS)) };
        let found = bounded.aggregate(groups, [found.alias(COUNT)])?;
        match unit {
            Unit::Tags => found.aggregate(keys, [count(lit(1_i64)).alias(COUNT)]),
            Unit::Rows => found.project(with(vec![]).into_iter().chain([value.alias(LEAF), column(COUNT)])),
        }
    }
}
