//! What planning finds wrong with a question, in words for the person who asked it. Planning sees no data,
//! so its texts may be shown.

use std::ops::ControlFlow;

use datafusion::common::SchemaError;
use datafusion::error::DataFusionError;
use datafusion::sql::sqlparser::ast::{
    BinaryOperator, Expr, Query, SetExpr, SetOperator, SetQuantifier, UnaryOperator, Value, Visit, Visitor,
};
use weal_domain::Refusal;
use weal_domain::catalogue::Column;

use super::after::WINDOWS;
use super::functions::allowed_functions;
use super::safe::{unknown_function, unsupported};
use super::said::plainly;
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
                let said = plainly(&other.to_string());
                Refusal::invalid("sql-not-understood", format!("{said}.")).remedy("Name each column once.")
            }
        },
        other => {
            let text = other.strip_backtrace();
            if ["match any signature", "coerce", "common argument type", "Cannot automatically convert"]
                .iter()
                .any(|said| text.contains(said))
            {
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
            if text.contains("must appear in the GROUP BY clause") {
                let column =
                    text.split('"').nth(1).and_then(|name| name.rsplit('.').next()).unwrap_or("a column");
                let reason = format!(
                    "`{column}` stands there by itself, and is neither grouped by nor inside an aggregate."
                );
                return Refusal::invalid("sql-not-understood", reason)
                    .remedy("Put it into GROUP BY, or inside an aggregate: COUNT, SUM, AVG.");
            }
            if text.contains("require unique expression names") {
                return Refusal::invalid(
                    "sql-not-understood",
                    "Two columns of one SELECT have the same name.",
                )
                .remedy("Give one of them another with AS.");
            }
            if text.contains("non-boolean predicate") {
                let reason = "A condition does not come to true or false.";
                return Refusal::invalid("sql-not-understood", reason)
                    .remedy("Compare something after WHERE, HAVING, ON or FILTER: wage > 100.");
            }
            let mut text = plainly(&text);
            for table in product.split([' ', ',']).filter(|word| word.contains('.')) {
                text = text.replace(&format!("{table}."), "");
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

/// Refuses a question that divides by a zero which stands in its text: it would be NULL in every row, and charged.
pub(crate) fn refuse_zero_divisors(query: &impl Visit) -> Result<(), Refusal> {
    match query.visit(&mut ZeroDivisors) {
        ControlFlow::Break(refusal) => Err(*refusal),
        ControlFlow::Continue(()) => Ok(()),
    }
}

struct ZeroDivisors;

impl Visitor for ZeroDivisors {
    type Break = Box<Refusal>;
    fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<Box<Refusal>> {
        match expr {
            Expr::BinaryOp { op, right, .. } if divides(op) && constant(right) == Some(0.0) => {
                let reason = format!("`{expr}` divides by zero, so it has no value in any row.");
                let refusal = Refusal::invalid("zero-divisor", reason);
                ControlFlow::Break(Box::new(refusal.remedy("Divide by another number. Nothing was charged.")))
            }
            _ => ControlFlow::Continue(()),
        }
    }
}

fn divides(op: &BinaryOperator) -> bool {
    use BinaryOperator::{Divide, DuckIntegerDivide, Modulo, MyIntegerDivide};
    matches!(op, Divide | Modulo | DuckIntegerDivide | MyIntegerDivide)
}

/// The value of an expression of numbers alone.
fn constant(expr: &Expr) -> Option<f64> {
    match expr {
        Expr::Nested(inner) | Expr::Cast { expr: inner, .. } => constant(inner),
        Expr::Value(value) => match &value.value {
            Value::Number(number, _) => number.to_string().parse().ok(),
            _ => None,
        },
        Expr::UnaryOp { op: UnaryOperator::Minus, expr } => constant(expr).map(|number| -number),
        Expr::UnaryOp { op: UnaryOperator::Plus, expr } => constant(expr),
        Expr::BinaryOp { left, op, right } => {
            let (left, right) = (constant(left)?, constant(right)?);
            match op {
                BinaryOperator::Plus => Some(left + right),
                BinaryOperator::Minus => Some(left - right),
                BinaryOperator::Multiply => Some(left * right),
                _ => None,
            }
        }
        _ => None,
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
