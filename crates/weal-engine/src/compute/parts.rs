//! From the aggregates of a question to the totals they are made of.

use datafusion::common::{DFSchema, ScalarValue};
use datafusion::logical_expr::Expr;
use datafusion::logical_expr::expr::AggregateFunction;
use weal_domain::Refusal;
use weal_domain::catalogue::PrivacyPolicy;

use super::measure::{Value, squared_distance, value};
use super::reading::{Estimate, Part};
use super::relation::Relation;
use super::safe::{safe, unsupported};
use super::said::in_sql;
use super::shield::shielded;

/// The shares of rows below MIN and above MAX: what one row alone decides cannot be told.
pub(crate) const EXTREME: f64 = 0.01;

/// The totals found so far, each once.
pub(crate) struct Parts<'a> {
    pub parts: Vec<Part>,
    pub relation: &'a Relation,
    pub policy: &'a PrivacyPolicy,
}

impl Parts<'_> {
    fn schema(&self) -> &DFSchema {
        self.relation.schema()
    }

    pub(crate) fn estimate(&mut self, expr: &Expr) -> Result<Estimate, Refusal> {
        let call = match expr {
            Expr::AggregateFunction(call) => call,
            Expr::Alias(alias) => return self.estimate(&alias.expr),
            other => {
                return Err(unsupported(
                    &format!("`{}` as an aggregate", in_sql(other)),
                    "Use COUNT, SUM, AVG, VAR, STDDEV, MEDIAN or PERCENTILE_CONT.",
                ));
            }
        };
        let name = call.func.name();
        let ordered = name == "percentile_cont";
        if (!ordered && !call.params.order_by.is_empty()) || call.params.null_treatment.is_some() {
            return Err(unsupported("ORDER BY or IGNORE NULLS inside an aggregate", "Leave it out."));
        }
        let (arg, more) = match &call.params.args[..] {
            [arg] if !ordered => (arg, None),
            [arg, fraction] if ordered => (arg, Some(fraction)),
            _ => {
                return Err(unsupported(
                    "an aggregate of several columns",
                    "Give each aggregate one expression; write PERCENTILE_CONT(0.9) WITHIN GROUP (ORDER BY x).",
                ));
            }
        };
        let arg = self.relation.over_rows(arg)?;
        if call.params.distinct {
            return self.distinct(call, &arg);
        }
        match name {
            "count" => Ok(Estimate::Count { part: self.count(call, &arg)? }),
            "sum" => {
                let value = self.value(call, &arg)?;
                Ok(Estimate::Sum { part: self.place(Part::Total(value)), count: None })
            }
            "avg" => {
                let (spread, count) = self.mean(self.value(call, &arg)?);
                Ok(Estimate::Average { spread, count })
            }
            "var" | "var_pop" | "stddev" | "stddev_pop" => {
                let plain = value(&arg, self.schema(), self.policy)?;
                let square = squared_distance(&plain, self.policy)?;
                let square = self.sheltered(call, square)?;
                let (spread, count) = self.mean(self.sheltered(call, plain)?);
                let square = self.place(Part::Spread(square));
                let (sample, root) = (!name.ends_with("_pop"), name.starts_with("stddev"));
                Ok(Estimate::Variance { square, spread, count, sample, root })
            }
            "median" => self.quantile(call, &arg, 0.5),
            "min" => self.quantile(call, &arg, EXTREME),
            "max" => self.quantile(call, &arg, 1.0 - EXTREME),
            "percentile_cont" => {
                let fraction = fraction(more)?;
                let descending = call.params.order_by.first().is_some_and(|sort| !sort.asc);
                self.quantile(call, &arg, if descending { 1.0 - fraction } else { fraction })
            }
            other => Err(super::safe::unknown_function(other)),
        }
    }

    fn mean(&mut self, value: Value) -> (usize, usize) {
        let count = self.count_of(value.expr.clone());
        (self.place(Part::Spread(value)), count)
    }

    fn quantile(&mut self, call: &AggregateFunction, arg: &Expr, fraction: f64) -> Result<Estimate, Refusal> {
        let value = self.value(call, arg)?;
        Ok(Estimate::Quantile { ranks: self.place(Part::Ranks(value)), fraction: Fraction(fraction) })
    }

    fn distinct(&mut self, call: &AggregateFunction, arg: &Expr) -> Result<Estimate, Refusal> {
        let of_subject = self.relation.is_subject(arg);
        if call.func.name() != "count" {
            return Err(unsupported(
                "DISTINCT inside an aggregate other than COUNT",
                "Leave DISTINCT out, or use COUNT(DISTINCT x).",
            ));
        }
        if of_subject && call.params.filter.is_none() {
            return Ok(Estimate::Count { part: self.place(Part::Subjects) });
        }
        let counted = safe(arg, self.schema())?;
        let counted = shielded(self.relation.filtered(call, counted)?, self.schema())?;
        // Every distinct subject is brought by one subject, however many rows it has.
        let part = if of_subject { Part::Present(counted) } else { Part::Distinct(counted) };
        Ok(Estimate::Count { part: self.place(part) })
    }

    fn count(&mut self, call: &AggregateFunction, arg: &Expr) -> Result<usize, Refusal> {
        let constant = matches!(arg, Expr::Literal(value, _) if !value.is_null());
        if constant && call.params.filter.is_none() {
            return Ok(self.rows());
        }
        let counted = safe(arg, self.schema())?;
        let counted = shielded(self.relation.filtered(call, counted)?, self.schema())?;
        Ok(self.count_of(counted))
    }

    /// That a column has no nulls belongs to the table's schema, which is public.
    fn count_of(&mut self, counted: Expr) -> usize {
        let columns = &self.relation.described;
        let always = match &counted {
            Expr::Column(column) => columns.iter().any(|known| known.name == column.name && !known.nullable),
            _ => false,
        };
        if always { self.rows() } else { self.place(Part::Values(counted)) }
    }

    /// With one row per subject and group, rows are subjects; unless fewer rows than groups count.
    fn rows(&mut self) -> usize {
        let PrivacyPolicy { groups_per_subject_max, rows_per_group_max, rows_per_subject_max, .. } =
            self.policy;
        let in_each = rows_per_subject_max.is_none_or(|rows| rows >= *groups_per_subject_max);
        let single = *rows_per_group_max == 1 && in_each;
        self.place(if single { Part::Subjects } else { Part::Rows })
    }

    fn value(&self, call: &AggregateFunction, arg: &Expr) -> Result<Value, Refusal> {
        self.sheltered(call, value(arg, self.schema(), self.policy)?)
    }

    fn sheltered(&self, call: &AggregateFunction, mut value: Value) -> Result<Value, Refusal> {
        value.expr = shielded(self.relation.filtered(call, value.expr)?, self.schema())?;
        Ok(value)
    }

    fn place(&mut self, part: Part) -> usize {
        match self.parts.iter().position(|known| *known == part) {
            Some(place) => place,
            None => {
                self.parts.push(part);
                self.parts.len() - 1
            }
        }
    }
}

/// With the sums of which the average is asked for as well made of what the average is made of: one total less
/// shares the loss, and SUM over COUNT is AVG.
pub(crate) fn together(mut parts: Vec<Part>, mut estimates: Vec<Estimate>) -> (Vec<Part>, Vec<Estimate>) {
    for place in (0..parts.len()).rev() {
        let Part::Total(value) = &parts[place] else { continue };
        let spread_of = |part: &Part| matches!(part, Part::Spread(spread) if spread == value);
        let Some(spread) = parts.iter().position(spread_of) else { continue };
        let averaged = |estimate: &Estimate| match *estimate {
            Estimate::Average { spread: of, count } | Estimate::Variance { spread: of, count, .. }
                if of == spread =>
            {
                Some(count)
            }
            _ => None,
        };
        let Some(count) = estimates.iter().find_map(averaged) else { continue };
        for estimate in &mut estimates {
            if *estimate == (Estimate::Sum { part: place, count: None }) {
                *estimate = Estimate::Sum { part: spread, count: Some(count) };
            }
        }
        parts.remove(place);
        let moved = |old: usize| if old > place { old - 1 } else { old };
        for estimate in &mut estimates {
            *estimate = estimate.over(moved);
        }
    }
    (parts, estimates)
}

/// A share of rows, from 0 to 1.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Fraction(pub f64);

fn fraction(expr: Option<&Expr>) -> Result<f64, Refusal> {
    let number = match expr {
        Some(Expr::Literal(value, _)) => match value.cast_to(&arrow::datatypes::DataType::Float64) {
            Ok(ScalarValue::Float64(number)) => number,
            _ => None,
        },
        Some(Expr::Cast(cast)) => return fraction(Some(&cast.expr)),
        _ => None,
    };
    number.filter(|number| (0.0..=1.0).contains(number)).ok_or_else(|| {
        unsupported("a percentile that is no number from 0 to 1", "Write it out, for example 0.9 or 0.25.")
    })
}
