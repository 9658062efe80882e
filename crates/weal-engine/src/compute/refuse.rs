//! What planning finds wrong with a question, in words for the person who asked it. Planning sees no data,
//! so its texts may be shown.

use std::ops::ControlFlow;

use datafusion::common::SchemaError;
use datafusion::error::DataFusionError;
use datafusion::sql::sqlparser::ast::{Expr, Query, SetExpr, SetOperator, SetQuantifier, Visit, Visitor};
use weal_domain::Refusal;
use weal_domain::catalogue::Column;

use super::after::WINDOWS;
use super::functions::allowed_functions;
use super::safe::{unknown_function, unsupported};
use super::schema::AGGREGATES;

/// `covered` are the columns of `product` that may be asked about, `all` those it has.
pub(crate) fn planning(
    error: &DataFusionError,
    product: &str,
    covered: &[Column],
    all: &[Column],
) -> Refusal {
    match error.find_root() {
        DataFusionError::SchemaError(schema, _) => match schema.as_ref() {
            SchemaError::FieldNotFound { field, .. } => no_column(&field.name, product, covered, all),
            other => {
                Refusal::invalid("sql-not-understood", format!("{other}.")).remedy("Name each column once.")
            }
        },
        other => {
            let text = other.strip_backtrace();
            if text.contains("match any signature") || text.contains("coerce") {
                let reason = "A function or an operator is given values of a kind that it cannot take.";
                return Refusal::invalid("wrong-kind", reason).remedy(
                    "Sum and average numbers; compare values of the same kind; use CAST where needed.",
                );
            }
            if text.contains("to grouping function is not in grouping columns") {
                let reason = "GROUPING is asked of something that the question does not group by.";
                return Refusal::invalid("sql-not-understood", reason)
                    .remedy("Give it keys as they stand in GROUP BY: GROUPING(region).");
            }
            let text = text.trim_start_matches("Error during planning: ").lines().next().unwrap_or_default();
            let text = text.trim_end_matches('.');
            Refusal::invalid("sql-not-understood", format!("The question cannot be understood: {text}."))
                .remedy("Correct it and ask again.")
        }
    }
}

fn no_column(name: &str, product: &str, covered: &[Column], all: &[Column]) -> Refusal {
    let names: Vec<_> = covered.iter().take(30).map(|column| format!("`{}`", column.name)).collect();
    let may = format!("You can ask about {}.", names.join(", "));
    let known = |columns: &[Column]| columns.iter().any(|column| column.name == name);
    if known(all) && !known(covered) {
        return Refusal::forbidden(
            "column-not-covered",
            format!("The agreement does not cover the column `{name}`."),
        )
        .remedy(may)
        .changed_by("the owner's steward, in an agreement that covers it");
    }
    Refusal::invalid("no-such-column", format!("There is no column `{name}` in {product}.")).remedy(may)
}

/// Refuses what a private question cannot hold, where the parsed text tells more than the plan will.
pub(crate) fn refuse_shapes(query: &impl Visit) -> Result<(), Refusal> {
    match query.visit(&mut Shapes) {
        ControlFlow::Break(refusal) => Err(*refusal),
        ControlFlow::Continue(()) => Ok(()),
    }
}

struct Shapes;

impl Visitor for Shapes {
    type Break = Box<Refusal>;
    fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<Box<Refusal>> {
        let plain = |query: &SetExpr| match query {
            SetExpr::SetOperation { op, set_quantifier, .. } => {
                *op == SetOperator::Union && *set_quantifier == SetQuantifier::All
            }
            _ => true,
        };
        if !plain(&query.body) {
            let what = "UNION without ALL, INTERSECT or EXCEPT";
            return ControlFlow::Break(Box::new(unsupported(
                what,
                "Use UNION ALL, or ask the parts one by one.",
            )));
        }
        ControlFlow::Continue(())
    }
    fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<Box<Refusal>> {
        let refusal = match expr {
            Expr::Function(function) => {
                let name = function.name.to_string().to_lowercase();
                let window = function.over.is_some() && WINDOWS.contains(&name.as_str());
                let known = window || AGGREGATES.contains_key(name.as_str());
                if known || allowed_functions().contains_key(&name) {
                    return ControlFlow::Continue(());
                }
                unknown_function(&name)
            }
            Expr::Subquery(_) | Expr::Exists { .. } => unsupported(
                "a subquery in an expression",
                "Use IN (SELECT ...) of the subject, or ask the inner question first and write its answer.",
            ),
            _ => return ControlFlow::Continue(()),
        };
        ControlFlow::Break(Box::new(refusal))
    }
}
