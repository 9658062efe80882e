//! Conditions and keys that cannot fail.
//!
//! What an analyst writes runs over rows they may not see, so a run-time error (a division by zero, a text
//! that is no number) would be a message from one of these rows. Only expressions known here run at all, and
//! each is rewritten so that it gives NULL, or the end of its type, where SQL would raise an error. Should one
//! be overlooked, [`super::shield`] stands behind it.

use arrow::datatypes::DataType;
use datafusion::common::{Column, DFSchema, ScalarValue};
use datafusion::logical_expr::expr::{Between, BinaryExpr, Case, InList, Like, ScalarFunction, TryCast};
use datafusion::logical_expr::{Expr, ExprSchemable, Operator, ScalarUDF};
use weal_domain::Refusal;

use super::convert::{Convert, MICROS_PER_DAY, canonical, convertible, in_calendar};
use super::dates::TRUNCATED_AT;
use super::functions::{Rounding, Saturating, allowed_functions};
use super::said::{in_sql, kind, plainly};
use super::texts::Concat;

/// Rewrites `expr`, whose types are explicit, over the columns of `schema`. Column names lose their
/// qualifier: there is one table.
pub(crate) fn safe(expr: &Expr, schema: &DFSchema) -> Result<Expr, Refusal> {
    let same = |expr: &Expr| safe(expr, schema);
    let boxed = |expr: &Expr| safe(expr, schema).map(Box::new);
    Ok(match expr {
        Expr::Column(column) => Expr::Column(Column::new_unqualified(&column.name)),
        Expr::Literal(value, _) => constant(value)?,
        Expr::Alias(alias) => same(&alias.expr)?,
        Expr::Not(inner) => Expr::Not(boxed(inner)?),
        Expr::IsNull(inner) => Expr::IsNull(boxed(inner)?),
        Expr::IsNotNull(inner) => Expr::IsNotNull(boxed(inner)?),
        Expr::IsTrue(inner) => Expr::IsTrue(boxed(inner)?),
        Expr::IsFalse(inner) => Expr::IsFalse(boxed(inner)?),
        Expr::IsUnknown(inner) => Expr::IsUnknown(boxed(inner)?),
        Expr::IsNotTrue(inner) => Expr::IsNotTrue(boxed(inner)?),
        Expr::IsNotFalse(inner) => Expr::IsNotFalse(boxed(inner)?),
        Expr::IsNotUnknown(inner) => Expr::IsNotUnknown(boxed(inner)?),
        Expr::Between(Between { expr, negated, low, high }) => {
            Expr::Between(Between::new(boxed(expr)?, *negated, boxed(low)?, boxed(high)?))
        }
        Expr::InList(InList { expr, list, negated }) => {
            let list = list.iter().map(same).collect::<Result<_, _>>()?;
            Expr::InList(InList::new(boxed(expr)?, list, *negated))
        }
        Expr::Like(like) => safe_like(like, schema)?,
        Expr::Case(case) => safe_case(case, schema)?,
        Expr::Cast(cast) => safe_cast(&cast.expr, cast.field.data_type(), schema)?,
        Expr::TryCast(cast) => safe_cast(&cast.expr, cast.field.data_type(), schema)?,
        Expr::Negative(inner) => arithmetic(
            &Expr::Literal(ScalarValue::Int64(Some(0)), None),
            Operator::Minus,
            inner,
            expr,
            schema,
        )?,
        Expr::BinaryExpr(binary) => safe_binary(binary, expr, schema)?,
        Expr::ScalarFunction(call) => safe_call(call, schema)?,
        Expr::AggregateFunction(_) => {
            return Err(unsupported(
                "an aggregate inside another expression",
                "Put aggregates in the SELECT list, each by itself.",
            ));
        }
        Expr::WindowFunction(_) => {
            return Err(unsupported(
                "OVER (a window function) inside another expression",
                "Put it in the SELECT list.",
            ));
        }
        Expr::Exists(_) | Expr::InSubquery(_) | Expr::ScalarSubquery(_) | Expr::SetComparison(_) => {
            return Err(unsupported(
                "a subquery in a condition",
                "Ask the inner question first and write its answer as values: IN (...).",
            ));
        }
        Expr::SimilarTo(_) => return Err(unsupported("SIMILAR TO", "Use LIKE.")),
        Expr::Placeholder(_) => return Err(unsupported("a placeholder", "Write the value itself.")),
        other => {
            return Err(unsupported(
                &format!("`{}`", in_sql(other)),
                "Write it with columns, values, comparisons and CASE.",
            ));
        }
    })
}

/// `whole` is the expression that `binary` is.
fn safe_binary(binary: &BinaryExpr, whole: &Expr, schema: &DFSchema) -> Result<Expr, Refusal> {
    let BinaryExpr { left, op, right } = binary;
    match op {
        Operator::Plus | Operator::Minus | Operator::Multiply | Operator::Divide | Operator::Modulo => {
            arithmetic(left, *op, right, whole, schema)
        }
        Operator::StringConcat => {
            let parts = vec![as_text(left, schema)?, as_text(right, schema)?];
            Ok(ScalarUDF::from(Concat::Operator).call(parts))
        }
        _ if allowed_operator(*op) => {
            let boxed = |expr: &Expr| safe(expr, schema).map(Box::new);
            Ok(Expr::BinaryExpr(BinaryExpr::new(boxed(left)?, *op, boxed(right)?)))
        }
        _ => Err(unsupported(
            &format!("the operator {op}"),
            "Use comparisons, AND, OR, NOT, IN, LIKE and CASE.",
        )),
    }
}

/// Refuses a part of a question that has no private form.
pub(crate) fn unsupported(what: &str, instead: &str) -> Refusal {
    let mut letters = what.chars();
    let what: String = letters.next().into_iter().flat_map(char::to_uppercase).chain(letters).collect();
    let reason = format!("{what} cannot be used in private statistics or row filters.");
    Refusal::invalid("unsupported-sql", reason).remedy(instead)
}

pub(crate) fn type_of(expr: &Expr, schema: &DFSchema) -> Result<DataType, Refusal> {
    expr.get_type(schema).map_err(|error| {
        unsupported("an expression of unknown type", "Simplify it.").remedy(plainly(&error.strip_backtrace()))
    })
}

fn allowed_operator(op: Operator) -> bool {
    matches!(
        op,
        Operator::Eq | Operator::NotEq | Operator::Lt | Operator::LtEq | Operator::Gt | Operator::GtEq
    ) || matches!(op, Operator::And | Operator::Or | Operator::IsDistinctFrom | Operator::IsNotDistinctFrom)
}

/// The longest text that may stand in a question. It may come out once for every row.
const TEXT_BYTES_MAX: usize = 1 << 10;

/// A constant of a kind that is known, in its canonical type.
fn constant(value: &ScalarValue) -> Result<Expr, Refusal> {
    let long = value.try_as_str().flatten().is_some_and(|text| text.len() > TEXT_BYTES_MAX);
    if long {
        return Err(unsupported("a text of more than 1,024 bytes", "Write a shorter one."));
    }
    let kind = canonical(&value.data_type()).ok_or_else(|| {
        unsupported(
            &format!("a constant that is a {}", kind(&value.data_type())),
            "Write numbers, texts, true, false, or dates as DATE '2026-01-31'.",
        )
    })?;
    in_kind(value, &kind)
}

/// The constant in another type; what is none of it, or no date of the calendar, is refused.
fn in_kind(value: &ScalarValue, to: &DataType) -> Result<Expr, Refusal> {
    let cast = if value.data_type() == *to { Ok(value.clone()) } else { value.cast_to(to) };
    let good = cast.ok().filter(|cast| match cast {
        ScalarValue::Date32(Some(day)) => in_calendar(i64::from(*day)),
        ScalarValue::TimestampMicrosecond(Some(moment), _) => in_calendar(moment.div_euclid(MICROS_PER_DAY)),
        _ => true,
    });
    good.map(|cast| Expr::Literal(cast, None)).ok_or_else(|| {
        Refusal::invalid("bad-constant", format!("`{value}` is no {}.", one_in_words(to)))
            .remedy("Compare a column with constants of its own kind.")
    })
}

/// A cast gives NULL for what it cannot cast; of a constant that is known now, and refused.
fn safe_cast(inner: &Expr, to: &DataType, schema: &DFSchema) -> Result<Expr, Refusal> {
    let from = type_of(inner, schema)?;
    let pair = canonical(&from).zip(canonical(to)).filter(|(from, to)| convertible(from, to));
    let Some((from, to)) = pair else {
        return Err(unsupported(
            &format!("a CAST from {} to {}", kind(&from), kind(to)),
            "Cast to BIGINT, DOUBLE, VARCHAR or BOOLEAN, and to DATE or TIMESTAMP from texts and dates.",
        ));
    };
    let inner = safe(inner, schema)?;
    if let Expr::Literal(value, _) = &inner {
        return in_kind(value, &to);
    }
    Ok(converted(inner, &from, to))
}

/// An expression that is safe already, as another type.
pub(crate) fn safe_cast_of(expr: Expr, schema: &DFSchema, to: DataType) -> Result<Expr, Refusal> {
    let from = type_of(&expr, schema)?;
    match canonical(&from).filter(|from| *from == to || convertible(from, &to)) {
        Some(from) => Ok(converted(expr, &from, to)),
        None => Err(unsupported(&format!("a {} where a {} should be", kind(&from), kind(&to)), "Use CAST.")),
    }
}

fn converted(inner: Expr, from: &DataType, to: DataType) -> Expr {
    let widening = matches!(from, DataType::Int64 | DataType::Boolean) && to == DataType::Float64;
    match () {
        () if *from == to => inner,
        () if widening => try_cast(inner, to),
        () => ScalarUDF::from(Convert { to }).call(vec![inner]),
    }
}

fn as_text(expr: &Expr, schema: &DFSchema) -> Result<Expr, Refusal> {
    safe_cast(expr, &DataType::Utf8, schema)
}

const LIKE_BYTES_MAX: usize = 512;

fn safe_like(like: &Like, schema: &DFSchema) -> Result<Expr, Refusal> {
    // A pattern becomes a regular expression, which may be too large to build: not when a row is met.
    let pattern = safe(&like.pattern, schema)?;
    let short = matches!(&pattern, Expr::Literal(pattern, _)
        if pattern.try_as_str().flatten().is_none_or(|pattern| pattern.len() <= LIKE_BYTES_MAX));
    if !short || like.escape_char.is_some() {
        return Err(unsupported(
            "LIKE with a computed or very long pattern or an ESCAPE",
            "Write the pattern as a short text.",
        ));
    }
    let expr = Box::new(safe(&like.expr, schema)?);
    Ok(Expr::Like(Like::new(like.negated, expr, Box::new(pattern), None, like.case_insensitive)))
}

fn safe_case(case: &Case, schema: &DFSchema) -> Result<Expr, Refusal> {
    let boxed = |expr: &Expr| safe(expr, schema).map(Box::new);
    let branches = case.when_then_expr.iter().map(|(when, then)| Ok((boxed(when)?, boxed(then)?)));
    Ok(Expr::Case(Case::new(
        case.expr.as_deref().map(boxed).transpose()?,
        branches.collect::<Result<_, Refusal>>()?,
        case.else_expr.as_deref().map(boxed).transpose()?,
    )))
}

/// Arithmetic on numbers. Floats cannot fail; integers saturate and give NULL where they divide by zero.
fn arithmetic(
    left: &Expr,
    op: Operator,
    right: &Expr,
    whole: &Expr,
    schema: &DFSchema,
) -> Result<Expr, Refusal> {
    let result = type_of(whole, schema)?;
    if !result.is_numeric() || matches!(result, DataType::Decimal128(..) | DataType::Decimal256(..)) {
        let what = format!("arithmetic on {}", in_words(&result));
        return Err(unsupported(
            &what,
            "Compute with numbers; write dates as DATE '2026-01-31' and compare them.",
        ));
    }
    let (left, right) = (safe(left, schema)?, safe(right, schema)?);
    if result.is_floating() {
        let (left, right) = (try_cast(left, DataType::Float64), try_cast(right, DataType::Float64));
        let float = Expr::BinaryExpr(BinaryExpr::new(Box::new(left), op, Box::new(right)));
        return Ok(if result == DataType::Float64 { float } else { try_cast(float, result) });
    }
    let function = match op {
        Operator::Plus => Saturating::Plus,
        Operator::Minus => Saturating::Minus,
        Operator::Multiply => Saturating::Times,
        Operator::Divide => Saturating::Divide,
        _ => Saturating::Modulo,
    };
    let args = vec![try_cast(left, DataType::Int64), try_cast(right, DataType::Int64)];
    let integer = ScalarUDF::from(function).call(args);
    Ok(if result == DataType::Int64 { integer } else { try_cast(integer, result) })
}

pub(crate) fn try_cast(expr: Expr, to: DataType) -> Expr {
    match &expr {
        Expr::Literal(value, _) if value.data_type() == to => expr,
        Expr::TryCast(cast) if *cast.field.data_type() == to => expr,
        _ => Expr::TryCast(TryCast::new(Box::new(expr), to)),
    }
}

fn safe_call(call: &ScalarFunction, schema: &DFSchema) -> Result<Expr, Refusal> {
    let name = call.func.name();
    if !allowed_functions().contains_key(name) {
        return Err(unknown_function(name));
    }
    refuse_bad_arguments(name, &call.args)?;
    let args = call.args.iter().map(|arg| safe(arg, schema)).collect::<Result<_, _>>()?;
    Ok(Expr::ScalarFunction(ScalarFunction::new_udf(call.func.clone(), args)))
}

pub(crate) fn unknown_function(name: &str) -> Refusal {
    let known: Vec<_> = allowed_functions().into_keys().collect();
    let instead = match name {
        "now" | "current_date" | "current_timestamp" | "current_time" | "today" => {
            "Write the date itself: DATE '2026-01-31'.".into()
        }
        "approx_median" | "approx_percentile_cont" | "percentile_disc" => {
            "Use MEDIAN(x) or PERCENTILE_CONT(0.9) WITHIN GROUP (ORDER BY x).".into()
        }
        "approx_distinct" => "Use COUNT(DISTINCT x).".into(),
        _ => format!(
            "Use COUNT, SUM, AVG, VAR_POP, STDDEV, MEDIAN, PERCENTILE_CONT, MIN, MAX, and of functions {}.",
            known.join(", ")
        ),
    };
    unsupported(&format!("the function {name}"), &instead)
}

/// Arguments that could make a call fail must be constants, and good ones.
fn refuse_bad_arguments(name: &str, args: &[Expr]) -> Result<(), Refusal> {
    const PARTS: [&str; 12] = [
        "year", "quarter", "month", "week", "day", "hour", "minute", "second", "dow", "doy", "isodow",
        "isoyear",
    ];
    let text = |arg: &Expr| match arg {
        Expr::Literal(value, _) => value.try_as_str().flatten().map(str::to_lowercase),
        _ => None,
    };
    let good = match name {
        "date_part" => args.first().and_then(text).is_some_and(|part| PARTS.contains(&part.as_str())),
        "date_trunc" => args.first().and_then(text).is_some_and(|part| TRUNCATED_AT.contains(&part.as_str())),
        "substr" | "left" | "right" => args[1..].iter().all(is_small_count),
        "round" => args.get(1).is_none_or(|places| matches!(places, Expr::Literal(..))),
        _ => true,
    };
    if good {
        return Ok(());
    }
    let instead = match name {
        "date_part" | "date_trunc" => format!("Name a part of a date: {}.", TRUNCATED_AT.join(", ")),
        _ => "Write the numbers out; they must be whole and not negative.".to_owned(),
    };
    Err(unsupported(&format!("the function {name} with these arguments"), &instead))
}

fn is_small_count(arg: &Expr) -> bool {
    let value = match arg {
        Expr::Literal(value, _) => value,
        Expr::Cast(cast) => return is_small_count(&cast.expr),
        _ => return false,
    };
    let count = value.cast_to(&DataType::Int64);
    matches!(count, Ok(ScalarValue::Int64(Some(count))) if (0..=1_000_000).contains(&count))
}

fn in_words(data_type: &DataType) -> &'static str {
    match data_type {
        DataType::Date32 | DataType::Date64 | DataType::Timestamp(..) => "dates",
        DataType::Interval(_) | DataType::Duration(_) => "intervals",
        DataType::Boolean => "booleans",
        DataType::Decimal128(..) | DataType::Decimal256(..) => "such large numbers",
        _ => "texts",
    }
}

fn one_in_words(data_type: &DataType) -> &'static str {
    match data_type {
        DataType::Date32 | DataType::Date64 => "date; write it as 2026-01-31",
        DataType::Timestamp(..) => "timestamp; write it as 2026-01-31T12:00:00",
        DataType::Boolean => "true or false",
        other if other.is_integer() => "whole number",
        other if other.is_numeric() => "number",
        _ => "such value",
    }
}

/// The rounding function that a call is, if it is one.
pub(crate) fn rounding(call: &ScalarFunction) -> Option<Rounding> {
    Rounding::ALL
        .into_iter()
        .find(|rounding| datafusion::logical_expr::ScalarUDFImpl::name(rounding) == call.name())
}
