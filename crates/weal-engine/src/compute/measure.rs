//! What is summed: an expression over bounded columns, with the bounds that follow for it.
//!
//! Interval arithmetic (Moore 1966) over what the owner declared: every column is clamped to its public
//! bounds first, so the result lies within bounds that are public too.

use arrow::datatypes::DataType;
use datafusion::common::{DFSchema, ScalarValue};
use datafusion::logical_expr::expr::{BinaryExpr, Case, ScalarFunction};
use datafusion::logical_expr::{Expr, Operator, ScalarUDF};
use weal_domain::Refusal;
use weal_domain::catalogue::{Bounds, PrivacyPolicy};
use weal_privacy::bounds::{BoundsError, DECIMALS_MAX, FixedPoint, PER_GROUP_MAX};

use super::functions::{Clamp, Rounding};
use super::price::bad_bounds;
use super::safe::{rounding, safe, try_cast, type_of, unsupported};
use super::said::in_sql;

/// An expression that can be summed privately.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Value {
    /// A number, or NULL for a row that does not count.
    pub expr: Expr,
    pub low: f64,
    pub high: f64,
    pub decimals: u8,
}

impl Value {
    pub(crate) fn fixed(&self) -> Result<FixedPoint, Refusal> {
        FixedPoint::new(self.decimals, self.low, self.high).map_err(|error| {
            Refusal::invalid("bounds-too-wide", format!("This cannot be summed privately: {error}."))
                .remedy("Sum a narrower expression.")
                .changed_by("the owner's steward")
        })
    }
}

/// Reads `expr`, whose types are explicit, as something to sum.
pub(crate) fn value(expr: &Expr, schema: &DFSchema, policy: &PrivacyPolicy) -> Result<Value, Refusal> {
    let measure = Measure { schema, policy };
    let mut value = match unwrapped(expr) {
        // A column needs no arithmetic: it is clamped when it becomes fixed point.
        Expr::Column(column) => {
            let bounds = measure.bounds(&column.name)?;
            Value {
                expr: safe(unwrapped(expr), schema)?,
                low: bounds.low,
                high: bounds.high,
                decimals: bounds.decimals,
            }
        }
        other => measure.value(other)?,
    };
    fitted(&mut value, policy)?;
    Ok(value)
}

/// The square of the distance of `value`, clamped, from the middle of its bounds: what variances are made of.
pub(crate) fn squared_distance(value: &Value, policy: &PrivacyPolicy) -> Result<Value, Refusal> {
    let (low, high) = (value.low, value.high);
    let clamped = ScalarUDF::from(Clamp::new(low, high)).call(vec![value.expr.clone()]);
    let middle = Expr::Literal(ScalarValue::Float64(Some(middle_of(low, high))), None);
    let distance = Expr::BinaryExpr(BinaryExpr::new(Box::new(clamped), Operator::Minus, Box::new(middle)));
    let square =
        Expr::BinaryExpr(BinaryExpr::new(Box::new(distance.clone()), Operator::Multiply, Box::new(distance)));
    let farthest = (high - low) / 2.0;
    let decimals = (2 * value.decimals).min(DECIMALS_MAX);
    let mut square = bounded(square, 0.0, farthest * farthest, decimals)?;
    fitted(&mut square, policy)?;
    Ok(square)
}

pub(crate) fn middle_of(low: f64, high: f64) -> f64 {
    low + (high - low) / 2.0
}

/// With as many of its decimal places as the integers that are summed can hold.
fn fitted(value: &mut Value, policy: &PrivacyPolicy) -> Result<(), Refusal> {
    let widest = value.low.abs().max(value.high.abs());
    let rows = f64::from(policy.rows_per_group_max);
    let fits = |decimals: u8| widest * rows * 10_f64.powi(decimals.into()) <= PER_GROUP_MAX as f64;
    let most = (0..=value.decimals.min(DECIMALS_MAX)).rev().find(|&places| fits(places));
    value.decimals = most.unwrap_or(0);
    value.fixed()?;
    if most.is_none() {
        return Err(bad_bounds(BoundsError::TooMuchPerGroup { per_group: (widest * rows) as u128 }));
    }
    Ok(())
}

/// Without the casts between numbers that planning put around it, and without names.
fn unwrapped(expr: &Expr) -> &Expr {
    match expr {
        Expr::Alias(alias) => unwrapped(&alias.expr),
        Expr::Cast(cast) if cast.field.data_type().is_floating() => unwrapped(&cast.expr),
        Expr::TryCast(cast) if cast.field.data_type().is_floating() => unwrapped(&cast.expr),
        other => other,
    }
}

struct Measure<'a> {
    schema: &'a DFSchema,
    policy: &'a PrivacyPolicy,
}

impl Measure<'_> {
    fn bounds(&self, column: &str) -> Result<Bounds, Refusal> {
        self.policy.bounds.get(column).copied().ok_or_else(|| {
            let known: Vec<_> = self.policy.bounds.keys().map(|name| format!("`{name}`")).collect();
            let known = if known.is_empty() { "no column".to_owned() } else { known.join(", ") };
            let reason = format!(
                "The owner has declared no bounds for `{column}`, so it cannot be summed or averaged."
            );
            Refusal::invalid("bounds-missing", reason)
                .remedy(format!("Use COUNT, or a column with bounds: {known}."))
                .changed_by("the owner's steward, by declaring public bounds")
        })
    }

    /// The expression as a float within an interval.
    fn value(&self, expr: &Expr) -> Result<Value, Refusal> {
        match unwrapped(expr) {
            Expr::Column(column) => self.column(&column.name, expr),
            Expr::Literal(value, _) => literal(value),
            Expr::Cast(cast) => self.cast(&cast.expr, cast.field.data_type()),
            Expr::TryCast(cast) => self.cast(&cast.expr, cast.field.data_type()),
            Expr::Negative(inner) => {
                let Value { expr, low, high, decimals } = self.value(inner)?;
                let zero = Expr::Literal(ScalarValue::Float64(Some(0.0)), None);
                let expr = Expr::BinaryExpr(BinaryExpr::new(Box::new(zero), Operator::Minus, Box::new(expr)));
                bounded(expr, -high, -low, decimals)
            }
            // Its own type, not that of a cast around it: between integers it divides without a remainder.
            whole @ Expr::BinaryExpr(binary) => self.binary(binary, whole),
            Expr::Case(case) => self.case(case),
            Expr::ScalarFunction(call) => self.call(call),
            other => Err(no_bounds(other)),
        }
    }

    fn column(&self, name: &str, expr: &Expr) -> Result<Value, Refusal> {
        let bounds = self.bounds(name)?;
        let column = safe(unwrapped(expr), self.schema)?;
        let clamped = ScalarUDF::from(Clamp::new(bounds.low, bounds.high)).call(vec![column]);
        bounded(clamped, bounds.low, bounds.high, bounds.decimals)
    }

    fn cast(&self, inner: &Expr, to: &DataType) -> Result<Value, Refusal> {
        if type_of(inner, self.schema)? == DataType::Boolean {
            return bounded(try_cast(safe(inner, self.schema)?, DataType::Float64), 0.0, 1.0, 0);
        }
        let value = self.value(inner)?;
        if to.is_integer() { rounded(Rounding::Trunc, value) } else { Err(no_bounds(inner)) }
    }

    fn binary(&self, binary: &BinaryExpr, whole: &Expr) -> Result<Value, Refusal> {
        let (left, right) = (self.value(&binary.left)?, self.value(&binary.right)?);
        let (low, high, decimals) = match binary.op {
            Operator::Plus => {
                (left.low + right.low, left.high + right.high, left.decimals.max(right.decimals))
            }
            Operator::Minus => {
                (left.low - right.high, left.high - right.low, left.decimals.max(right.decimals))
            }
            Operator::Multiply => {
                let (low, high) = hull(corners(&left, &right, |a, b| a * b));
                (low, high, (left.decimals + right.decimals).min(DECIMALS_MAX))
            }
            Operator::Divide if right.low == right.high && right.low != 0.0 => {
                let (low, high) = hull(corners(&left, &right, |a, b| a / b));
                (low, high, (left.decimals + DIVISION_DECIMALS).min(DECIMALS_MAX))
            }
            Operator::Divide => {
                let refusal = unsupported(
                    "a division by something that may be zero",
                    "Divide by a number, or sum both and divide the answers.",
                );
                return Err(refusal);
            }
            op => {
                return Err(unsupported(
                    &format!("the operator {op} in a sum"),
                    "Use +, -, * and division by a number.",
                ));
            }
        };
        let expr = Expr::BinaryExpr(BinaryExpr::new(Box::new(left.expr), binary.op, Box::new(right.expr)));
        let value = bounded(expr, low, high, decimals)?;
        // Between integers SQL divides without a remainder.
        let whole_numbers = binary.op == Operator::Divide && type_of(whole, self.schema)?.is_integer();
        if whole_numbers { rounded(Rounding::Trunc, value) } else { Ok(value) }
    }

    fn case(&self, case: &Case) -> Result<Value, Refusal> {
        let mut branches = Vec::new();
        let mut expr = case.clone();
        for (when, then) in &mut expr.when_then_expr {
            **when = safe(when, self.schema)?;
            **then = self.branch(then, &mut branches)?;
        }
        if let Some(on) = &mut expr.expr {
            **on = safe(on, self.schema)?;
        }
        if let Some(otherwise) = &mut expr.else_expr {
            **otherwise = self.branch(otherwise, &mut branches)?;
        }
        joined(Expr::Case(expr), &branches)
    }

    /// One possible result; NULL is one without bounds.
    fn branch(&self, expr: &Expr, branches: &mut Vec<Value>) -> Result<Expr, Refusal> {
        if let Expr::Literal(value, _) = unwrapped(expr)
            && value.is_null()
        {
            return Ok(Expr::Literal(ScalarValue::Float64(None), None));
        }
        let value = self.value(expr)?;
        branches.push(value.clone());
        Ok(value.expr)
    }

    fn call(&self, call: &ScalarFunction) -> Result<Value, Refusal> {
        if let (Some(rounding), [inner]) = (rounding(call), &call.args[..]) {
            return rounded(rounding, self.value(inner)?);
        }
        let mut branches = Vec::new();
        let args =
            call.args.iter().map(|arg| self.branch(arg, &mut branches)).collect::<Result<Vec<_>, _>>()?;
        let expr = call.func.call(args);
        match call.name() {
            "coalesce" | "nvl" | "greatest" | "least" => joined(expr, &branches),
            "nullif" => joined(expr, &branches[..branches.len().min(1)]),
            _ => Err(no_bounds(&Expr::ScalarFunction(call.clone()))),
        }
    }
}

/// Decimal places that a division by a number keeps.
const DIVISION_DECIMALS: u8 = 4;

fn bounded(expr: Expr, low: f64, high: f64, decimals: u8) -> Result<Value, Refusal> {
    if low.is_finite() && high.is_finite() {
        return Ok(Value { expr, low, high, decimals });
    }
    Err(Refusal::invalid("bounds-too-wide", "The sum's bounds are beyond all numbers.")
        .remedy("Sum a narrower expression."))
}

/// One of several values: bounds around all of them.
fn joined(expr: Expr, branches: &[Value]) -> Result<Value, Refusal> {
    let ends = branches.iter().flat_map(|branch| [branch.low, branch.high]);
    let decimals = branches.iter().map(|branch| branch.decimals).max();
    let Some(decimals) = decimals else {
        return Err(unsupported("a sum of NULL alone", "Sum a column."));
    };
    let (low, high) = hull(ends);
    bounded(expr, low, high, decimals)
}

fn rounded(rounding: Rounding, value: Value) -> Result<Value, Refusal> {
    let expr = ScalarUDF::from(rounding).call(vec![value.expr]);
    let (low, high) = match rounding {
        Rounding::Abs if value.low <= 0.0 && value.high >= 0.0 => (0.0, value.high.max(-value.low)),
        _ => hull([rounding.of(value.low), rounding.of(value.high)]),
    };
    let decimals = if rounding == Rounding::Abs { value.decimals } else { 0 };
    bounded(expr, low, high, decimals)
}

fn literal(value: &ScalarValue) -> Result<Value, Refusal> {
    let number = match value.cast_to(&DataType::Float64) {
        Ok(ScalarValue::Float64(Some(number))) if value.data_type().is_numeric() && number.is_finite() => {
            number
        }
        _ => return Err(unsupported(&format!("a sum of {value}"), "Sum numbers.")),
    };
    let places = |places: &u8| {
        let scaled = number * 10_f64.powi(i32::from(*places));
        (scaled - scaled.round()).abs() < 1e-6
    };
    let decimals = (0..DECIMALS_MAX).find(places).unwrap_or(DECIMALS_MAX);
    bounded(Expr::Literal(ScalarValue::Float64(Some(number)), None), number, number, decimals)
}

fn corners(left: &Value, right: &Value, op: impl Fn(f64, f64) -> f64) -> [f64; 4] {
    [op(left.low, right.low), op(left.low, right.high), op(left.high, right.low), op(left.high, right.high)]
}

fn hull(ends: impl IntoIterator<Item = f64>) -> (f64, f64) {
    ends.into_iter()
        .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), end| (low.min(end), high.max(end)))
}

fn no_bounds(expr: &Expr) -> Refusal {
    let what = match expr {
        Expr::ScalarFunction(call) => format!("a sum of the function {}", call.name()),
        other => format!("a sum of `{}`", in_sql(other)),
    };
    unsupported(&what, "Sum columns with bounds, numbers, +, -, *, CASE, COALESCE, NULLIF, ABS and ROUND.")
}
