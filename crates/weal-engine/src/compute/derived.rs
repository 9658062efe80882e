//! Arithmetic over released numbers: post-processing, at no further cost. It is done in floating point, so
//! that `COUNT(*) / 3` is a third and not its whole part.

use std::collections::BTreeMap;

use arrow::datatypes::DataType;
use datafusion::common::ScalarValue;
use datafusion::logical_expr::expr::{BinaryExpr, ScalarFunction};
use datafusion::logical_expr::{Expr, Operator};
use weal_domain::Refusal;

use super::functions::{ROUND_PLACES_MAX, round_to};
use super::reading::Item;
use super::safe::unsupported;

/// A number and the interval around it; `None` where nothing can be said.
pub(crate) type Estimated = Option<Triple>;
/// A value, and the ends of its interval.
pub(crate) type Triple = (f64, f64, f64);

/// How deep an expression may nest.
const DEPTH_MAX: usize = 32;

/// An expression over the estimates of an answer.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Derived {
    Number(f64),
    /// The n-th estimate.
    Estimate(usize),
    Negated(Box<Derived>),
    Magnitude(Box<Derived>),
    /// To so many decimal places.
    Rounded(Box<Derived>, i64),
    /// Down to a whole number, or up.
    Floor(Box<Derived>),
    Ceiling(Box<Derived>),
    /// Nothing, where it comes to this number: `NULLIF(x, 0)`.
    Unless(Box<Derived>, f64),
    Least(Box<[Derived; 2]>),
    Greatest(Box<[Derived; 2]>),
    Plus(Box<[Derived; 2]>),
    Minus(Box<[Derived; 2]>),
    Times(Box<[Derived; 2]>),
    Over(Box<[Derived; 2]>),
}

/// Reads an expression over the columns of what is released.
pub(crate) fn derived(expr: &Expr) -> Result<Derived, Refusal> {
    Ok(read(expr, DEPTH_MAX)?.folded())
}

fn read(expr: &Expr, depth: usize) -> Result<Derived, Refusal> {
    let Some(depth) = depth.checked_sub(1) else {
        return Err(unsupported("an expression nested so deeply", "Simplify it."));
    };
    let one = |expr: &Expr| Ok::<_, Refusal>(Box::new(read(expr, depth)?));
    match expr {
        Expr::Alias(alias) => read(&alias.expr, depth),
        Expr::Cast(cast) if is_number(cast.field.data_type()) => read(&cast.expr, depth),
        Expr::TryCast(cast) if is_number(cast.field.data_type()) => read(&cast.expr, depth),
        Expr::Column(column) => match Item::named(&column.name) {
            Some(Item::Estimate(place)) => Ok(Derived::Estimate(place)),
            _ => Err(unsupported(
                "a key inside an expression of the SELECT list",
                "Group by the expression, and select it as a key.",
            )),
        },
        Expr::Literal(value, _) => number(value).map(Derived::Number),
        Expr::Negative(inner) => Ok(Derived::Negated(one(inner)?)),
        Expr::BinaryExpr(BinaryExpr { left, op, right }) => {
            let pair = Box::new([read(left, depth)?, read(right, depth)?]);
            match op {
                Operator::Plus => Ok(Derived::Plus(pair)),
                Operator::Minus => Ok(Derived::Minus(pair)),
                Operator::Multiply => Ok(Derived::Times(pair)),
                Operator::Divide => Ok(Derived::Over(pair)),
                other => Err(not_here(&format!("`{other}`"))),
            }
        }
        Expr::ScalarFunction(call) => match (call.name(), &call.args[..]) {
            ("abs", [inner]) => Ok(Derived::Magnitude(one(inner)?)),
            ("round", [inner]) => Ok(Derived::Rounded(one(inner)?, 0)),
            ("round", [inner, places]) => Ok(Derived::Rounded(one(inner)?, places_of(call, places)?)),
            ("floor", [inner]) => Ok(Derived::Floor(one(inner)?)),
            ("ceil", [inner]) => Ok(Derived::Ceiling(one(inner)?)),
            ("nullif", [inner, never]) => match read(never, depth)?.folded() {
                Derived::Number(never) => Ok(Derived::Unless(one(inner)?, never)),
                _ => Err(not_here("`nullif` of two aggregates")),
            },
            ("least", [first, others @ ..]) => others.iter().try_fold(read(first, depth)?, |least, other| {
                Ok(Derived::Least(Box::new([least, read(other, depth)?])))
            }),
            ("greatest", [first, others @ ..]) => {
                others.iter().try_fold(read(first, depth)?, |most, other| {
                    Ok(Derived::Greatest(Box::new([most, read(other, depth)?])))
                })
            }
            (other, _) => Err(not_here(&format!("`{other}`"))),
        },
        _ => Err(not_here("this expression")),
    }
}

fn not_here(what: &str) -> Refusal {
    unsupported(
        &format!("{what} around aggregates in the SELECT list"),
        "Use +, -, *, /, ABS and ROUND, or compute with the answer.",
    )
}

fn is_number(kind: &DataType) -> bool {
    kind.is_floating() || kind.is_integer()
}

fn number(value: &ScalarValue) -> Result<f64, Refusal> {
    match value.cast_to(&DataType::Float64) {
        Ok(ScalarValue::Float64(Some(number))) if is_number(&value.data_type()) && number.is_finite() => {
            Ok(number)
        }
        _ => Err(not_here("what is no number")),
    }
}

fn places_of(call: &ScalarFunction, places: &Expr) -> Result<i64, Refusal> {
    let whole = match places {
        Expr::Literal(ScalarValue::Int64(Some(places)), _) => Some(*places),
        Expr::Negative(inner) => match inner.as_ref() {
            Expr::Literal(ScalarValue::Int64(Some(places)), _) => places.checked_neg(),
            _ => None,
        },
        _ => None,
    };
    let places = whole.filter(|places| (-ROUND_PLACES_MAX..=ROUND_PLACES_MAX).contains(places));
    let remedy =
        format!("Round to between -{ROUND_PLACES_MAX} and {ROUND_PLACES_MAX} places, written as a number.");
    places.ok_or_else(|| unsupported(&format!("this `{}`", call.name()), &remedy))
}

impl Derived {
    /// The estimates that it is made of, each once.
    pub(crate) fn estimates(&self) -> Vec<usize> {
        let mut found = Vec::new();
        self.gather(&mut found);
        found.sort_unstable();
        found.dedup();
        found
    }

    fn gather(&self, found: &mut Vec<usize>) {
        match self {
            Derived::Number(_) => {}
            Derived::Estimate(place) => found.push(*place),
            Derived::Negated(inner)
            | Derived::Magnitude(inner)
            | Derived::Rounded(inner, _)
            | Derived::Floor(inner)
            | Derived::Ceiling(inner)
            | Derived::Unless(inner, _) => inner.gather(found),
            Derived::Plus(pair)
            | Derived::Minus(pair)
            | Derived::Times(pair)
            | Derived::Over(pair)
            | Derived::Least(pair)
            | Derived::Greatest(pair) => pair.iter().for_each(|one| one.gather(found)),
        }
    }

    /// With what is constant computed.
    fn folded(self) -> Self {
        match self.weighted() {
            Some(Weighted { constant, weights }) if weights.is_empty() => Derived::Number(constant),
            _ => self,
        }
    }

    /// The weight of each estimate, where it is a weighted sum of them.
    pub(crate) fn weights(&self) -> Option<BTreeMap<usize, f64>> {
        self.weighted().map(|weighted| weighted.weights)
    }

    fn weighted(&self) -> Option<Weighted> {
        Some(match self {
            Derived::Number(number) => Weighted { constant: *number, weights: BTreeMap::new() },
            Derived::Estimate(place) => Weighted { constant: 0.0, weights: BTreeMap::from([(*place, 1.0)]) },
            Derived::Negated(inner) => inner.weighted()?.times(-1.0),
            Derived::Plus(pair) => pair[0].weighted()?.plus(pair[1].weighted()?),
            Derived::Minus(pair) => pair[0].weighted()?.plus(pair[1].weighted()?.times(-1.0)),
            Derived::Times(pair) => match (pair[0].weighted()?, pair[1].weighted()?) {
                (factor, sum) | (sum, factor) if factor.weights.is_empty() => sum.times(factor.constant),
                _ => return None,
            },
            Derived::Over(pair) => {
                let divisor = pair[1].weighted().filter(|divisor| divisor.weights.is_empty())?;
                pair[0].weighted()?.times(1.0 / divisor.constant)
            }
            Derived::Magnitude(_) | Derived::Rounded(..) | Derived::Floor(_) | Derived::Ceiling(_) => {
                return None;
            }
            Derived::Unless(..) | Derived::Least(_) | Derived::Greatest(_) => return None,
        })
    }

    /// Its value, and an interval that holds the true one wherever those of `estimate` hold theirs (Moore 1966).
    pub(crate) fn of(&self, estimate: &dyn Fn(usize) -> Estimated) -> Estimated {
        // An estimate that stands twice in a sum moves both places alike, which intervals alone do not know.
        let result = match self.weighted() {
            Some(weighted) => weighted.of(estimate),
            None => self.of_parts(estimate),
        };
        result.filter(|(value, low, high)| value.is_finite() && low.is_finite() && high.is_finite())
    }

    fn of_parts(&self, estimate: &dyn Fn(usize) -> Estimated) -> Estimated {
        match self {
            Derived::Number(number) => Some((*number, *number, *number)),
            Derived::Estimate(place) => estimate(*place),
            Derived::Negated(inner) => inner.of(estimate).map(|(value, low, high)| (-value, -high, -low)),
            Derived::Magnitude(inner) => inner.of(estimate).map(|(value, low, high)| {
                let least = if low <= 0.0 && high >= 0.0 { 0.0 } else { low.abs().min(high.abs()) };
                (value.abs(), least, low.abs().max(high.abs()))
            }),
            Derived::Rounded(inner, places) => {
                let round = |x: f64| round_to(x, *places);
                inner.of(estimate).map(|(value, low, high)| (round(value), round(low), round(high)))
            }
            Derived::Floor(inner) => {
                inner.of(estimate).map(|(value, low, high)| (value.floor(), low.floor(), high.floor()))
            }
            Derived::Ceiling(inner) => {
                inner.of(estimate).map(|(value, low, high)| (value.ceil(), low.ceil(), high.ceil()))
            }
            Derived::Unless(inner, never) => inner.of(estimate).filter(|(value, ..)| value != never),
            // Each end follows from the same ends, since both functions only rise.
            Derived::Least(pair) => both(pair, estimate, |a, b| (a.0.min(b.0), a.1.min(b.1), a.2.min(b.2))),
            Derived::Greatest(pair) => {
                both(pair, estimate, |a, b| (a.0.max(b.0), a.1.max(b.1), a.2.max(b.2)))
            }
            Derived::Plus(pair) => both(pair, estimate, |a, b| (a.0 + b.0, a.1 + b.1, a.2 + b.2)),
            Derived::Minus(pair) => both(pair, estimate, |a, b| (a.0 - b.0, a.1 - b.2, a.2 - b.1)),
            Derived::Times(pair) => both(pair, estimate, |a, b| {
                let (low, high) = ends(a, b, |x, y| x * y);
                (a.0 * b.0, low, high)
            }),
            Derived::Over(pair) => {
                let divisor = pair[1].of(estimate)?;
                // A divisor that may be 0 leaves the quotient anywhere.
                if divisor.1 <= 0.0 && divisor.2 >= 0.0 {
                    return None;
                }
                let dividend = pair[0].of(estimate)?;
                let (low, high) = ends(dividend, divisor, |x, y| x / y);
                Some((dividend.0 / divisor.0, low, high))
            }
        }
    }
}

/// A sum of estimates, each times its weight, and a constant.
#[derive(Debug)]
struct Weighted {
    constant: f64,
    weights: BTreeMap<usize, f64>,
}

impl Weighted {
    fn plus(mut self, other: Self) -> Self {
        for (place, weight) in other.weights {
            *self.weights.entry(place).or_default() += weight;
        }
        Self { constant: self.constant + other.constant, weights: self.weights }
    }

    fn times(mut self, factor: f64) -> Self {
        self.weights.values_mut().for_each(|weight| *weight *= factor);
        Self { constant: self.constant * factor, weights: self.weights }
    }

    fn of(&self, estimate: &dyn Fn(usize) -> Estimated) -> Estimated {
        let mut sum = (self.constant, self.constant, self.constant);
        for (place, weight) in &self.weights {
            let (value, low, high) = estimate(*place)?;
            let (low, high) = if *weight < 0.0 { (high, low) } else { (low, high) };
            sum = (sum.0 + weight * value, sum.1 + weight * low, sum.2 + weight * high);
        }
        Some(sum)
    }
}

fn both(
    pair: &[Derived; 2],
    estimate: &dyn Fn(usize) -> Estimated,
    combine: impl Fn(Triple, Triple) -> Triple,
) -> Estimated {
    Some(combine(pair[0].of(estimate)?, pair[1].of(estimate)?))
}

/// The least and the greatest of an operation that is monotonous in each of its operands.
fn ends(a: Triple, b: Triple, operation: impl Fn(f64, f64) -> f64) -> (f64, f64) {
    let corners = [(a.1, b.1), (a.1, b.2), (a.2, b.1), (a.2, b.2)].map(|(x, y)| operation(x, y));
    (corners.into_iter().fold(f64::INFINITY, f64::min), corners.into_iter().fold(f64::NEG_INFINITY, f64::max))
}
