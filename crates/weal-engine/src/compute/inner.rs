//! The steps of an inner SELECT that make new rows: totals of each subject, lists, and others ([`super::joins`] has
//! the joins). Each puts out a [`Relation`] whose rows again belong to one subject each.

use std::collections::BTreeMap;

use arrow::datatypes::DataType;
use datafusion::common::{Column, JoinType, Result as Planned};
use datafusion::functions_aggregate::expr_fn::{count, count_distinct, max, min, sum};
use datafusion::logical_expr::expr::InSubquery;
use datafusion::logical_expr::{
    Aggregate, Distinct, Expr, LogicalPlan, LogicalPlanBuilder, Union, Values, cast, lit,
};
use weal_domain::Refusal;
use weal_domain::catalogue::{Bounds, Column as ProductColumn, ColumnKind, Identifying, PrivacyPolicy};

use super::functions::WIDE;
use super::measure::{Value, value};
use super::plan::{SUBJECT, column, fixed};
use super::relation::{Relation, Subject, names_of, own_columns, relation};
use super::safe::{safe, safe_cast_of, try_cast, type_of, unsupported};
use super::said::{in_sql, plainly};
use super::shield::shielded;

/// A column of what a step puts out.
#[derive(Debug, Clone)]
pub(super) struct Made {
    /// How the question calls it.
    pub called: Column,
    /// Over the rows of the step below.
    pub expr: Expr,
    pub kind: DataType,
    pub nullable: bool,
    pub bounds: Option<Bounds>,
    pub public: Option<Vec<String>>,
}

impl Made {
    /// A column that is computed row by row.
    pub(super) fn of(called: Column, expr: &Expr, below: &Relation) -> Result<Self, Refusal> {
        let plain = if let Expr::Column(column) = expr { Some(column.name.as_str()) } else { None };
        let known = plain.and_then(|name| below.described.iter().find(|column| column.name == name));
        let policy = below.policy.as_ref();
        let public = plain.and_then(|name| policy?.public_keys.get(name).cloned());
        let bounds =
            policy.and_then(|policy| value(expr, below.schema(), policy).ok()).map(|value| bounds(&value));
        let safe = shielded(safe(expr, below.schema())?, below.schema())?;
        let kind = type_of(&safe, below.schema())?;
        Ok(Self {
            called,
            kind,
            expr: safe,
            nullable: known.is_none_or(|known| known.nullable),
            bounds,
            public,
        })
    }
}

fn bounds(value: &Value) -> Bounds {
    Bounds { low: value.low, high: value.high, decimals: value.decimals }
}

pub(super) fn broken(error: impl std::fmt::Display) -> Refusal {
    unsupported("this inner SELECT", "Write it more simply.").remedy(plainly(&error.to_string()))
}

/// The private rows below, or a refusal.
fn policy_of(below: &Relation) -> Result<&PrivacyPolicy, Refusal> {
    below
        .policy
        .as_ref()
        .ok_or_else(|| unsupported("a step over public values alone", "Put the product itself after FROM."))
}

/// What the columns come to, once they stand in `rows` as [`SUBJECT`] and [`name_of`].
pub(super) fn put_out(
    rows: LogicalPlan,
    made: Vec<Made>,
    subject_at: Option<usize>,
    like: Option<&PrivacyPolicy>,
) -> Relation {
    let (mut columns, mut described) = (Vec::new(), Vec::new());
    let (mut known, mut public_keys, mut names) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
    for (place, made) in made.into_iter().enumerate() {
        let name = name_of(place, subject_at);
        names.insert(name.clone(), made.called.name.clone());
        columns.push((made.called, column(&name)));
        if let Some(kind) = kind_of(&made.kind) {
            described.push(ProductColumn {
                name: name.clone(),
                kind,
                nullable: made.nullable,
                identifying: Identifying::No,
                description: None,
            });
        }
        known.extend(made.bounds.map(|bounds| (name.clone(), bounds)));
        public_keys.extend(made.public.map(|public| (name, public)));
    }
    let policy = like.map(|like| PrivacyPolicy {
        subject: SUBJECT.to_owned(),
        bounds: known,
        public_keys,
        ..like.clone()
    });
    Relation { rows, is_table: false, conditions: Vec::new(), columns, described, names, policy }
}

/// How a step calls the column at `place`.
fn name_of(place: usize, subject_at: Option<usize>) -> String {
    if subject_at == Some(place) { SUBJECT.to_owned() } else { format!("c{place}") }
}

/// The columns of a step, under their names.
pub(super) fn named(made: &[Made], subject_at: Option<usize>) -> Vec<Expr> {
    let named = made.iter().enumerate();
    named.map(|(place, made)| made.expr.clone().alias(name_of(place, subject_at))).collect()
}

fn kind_of(kind: &DataType) -> Option<ColumnKind> {
    Some(match kind {
        DataType::Boolean => ColumnKind::Boolean,
        DataType::Int64 => ColumnKind::Integer,
        DataType::Float64 => ColumnKind::Float,
        DataType::Utf8 => ColumnKind::Text,
        DataType::Date32 => ColumnKind::Date,
        DataType::Timestamp(..) => ColumnKind::Timestamp,
        _ => return None,
    })
}

/// `SELECT ... GROUP BY subject, ...`: one row for each subject and group, computed from the subject's own rows.
pub(super) fn grouped(aggregate: &Aggregate, subject: Subject<'_>) -> Result<Relation, Refusal> {
    let below = relation(&aggregate.input, subject)?;
    let policy = policy_of(&below)?.clone();
    let mut names = names_of(&aggregate.schema);
    let mut made = Vec::new();
    let mut subject_at = None;
    for (place, key) in aggregate.group_expr.iter().enumerate() {
        let key = below.over_rows(key)?;
        if below.is_subject(&key) {
            subject_at = Some(place);
        }
        made.push(Made::of(names.next().unwrap_or_else(|| Column::new_unqualified("")), &key, &below)?);
    }
    let Some(subject_at) = subject_at else {
        return Err(unsupported(
            "an aggregate of an answer",
            &format!("Group the inner SELECT by `{}` as well, or compute with the answer.", subject.name),
        ));
    };
    let keys = named(&made, Some(subject_at));
    let mut totals = Vec::new();
    for (expr, name) in aggregate.aggr_expr.iter().zip(names) {
        let place = made.len();
        let (one, of) = own_total(expr, (name, place), &below, &policy)?;
        made.push(one);
        totals.extend(of);
    }
    let by = (0..keys.len()).map(|place| column(&name_of(place, Some(subject_at))));
    let put = by.chain(named(&made, Some(subject_at)).split_off(keys.len())).collect::<Vec<_>>();
    let rows = below.kept().and_then(|kept| kept.aggregate(keys, totals)?.project(put)?.build());
    Ok(put_out(rows.map_err(broken)?, made, Some(subject_at), Some(&policy)))
}

/// A subject's own total, with the bounds that follow for it from those of its rows, of which as many count as
/// the owner says; and the totals that it is computed from.
///
/// Sums are of integers. One of floating-point numbers depends on how the rows come together, and so on the rows of
/// others: a comparison of it could turn for many subjects where one goes.
fn own_total(
    expr: &Expr,
    (called, place): (Column, usize),
    below: &Relation,
    policy: &PrivacyPolicy,
) -> Result<(Made, Vec<Expr>), Refusal> {
    let call = match expr {
        Expr::AggregateFunction(call) => call,
        Expr::Alias(alias) => return own_total(&alias.expr, (called, place), below, policy),
        other => {
            return Err(unsupported(&format!("`{}` in an inner SELECT", in_sql(other)), "Simplify it."));
        }
    };
    let instead = "Use COUNT, SUM, AVG, MIN or MAX of one expression there.";
    let (name, params) = (call.func.name(), &call.params);
    let ([arg], true) = (&params.args[..], params.order_by.is_empty() && params.null_treatment.is_none())
    else {
        return Err(unsupported("this aggregate in an inner SELECT", instead));
    };
    if params.distinct && name != "count" {
        return Err(unsupported("DISTINCT inside an aggregate other than COUNT", "Leave DISTINCT out."));
    }
    let arg = below.over_rows(arg)?;
    let rows = f64::from(policy.rows_per_group_max);
    let counted = Bounds { low: 0.0, high: rows, decimals: 0 };
    let plain = |arg: &Expr| shielded(below.filtered(call, safe(arg, below.schema())?)?, below.schema());
    let (total, number) = (format!("t{place}"), format!("n{place}"));
    let measured = |arg: &Expr| -> Result<(Expr, Value), Refusal> {
        let value = value(arg, below.schema(), policy)?;
        value.fixed()?;
        Ok((shielded(below.filtered(call, fixed(&value))?, below.schema())?, value))
    };
    let as_float = |name: &str| try_cast(column(name), DataType::Float64);
    let unit = |of: &Value| lit(10_f64.powi(of.decimals.into()));
    let mut totals = Vec::new();
    let (expr, kind, nullable, bounds) = match name {
        "count" if params.distinct => (count_distinct(plain(&arg)?), DataType::Int64, false, Some(counted)),
        "count" => (count(plain(&arg)?), DataType::Int64, false, Some(counted)),
        "sum" => {
            let (expr, of) = measured(&arg)?;
            let (low, high) = (of.low.min(of.low * rows), of.high.max(of.high * rows));
            totals.push(sum(cast(expr, WIDE)).alias(&total));
            let sum = as_float(&total) / unit(&of);
            (sum, DataType::Float64, true, Some(Bounds { low, high, decimals: of.decimals }))
        }
        "avg" => {
            let (expr, of) = measured(&arg)?;
            totals.push(sum(cast(expr.clone(), WIDE)).alias(&total));
            totals.push(count(expr).alias(&number));
            let mean = as_float(&total) / (unit(&of) * as_float(&number));
            (mean, DataType::Float64, true, Some(Bounds { decimals: of.decimals + 2, ..self::bounds(&of) }))
        }
        "min" | "max" => {
            let of = value(&arg, below.schema(), policy).ok();
            let expr = plain(&arg)?;
            let kind = type_of(&expr, below.schema())?;
            let expr = if name == "min" { min(expr) } else { max(expr) };
            (expr, kind, true, of.map(|of| self::bounds(&of)))
        }
        _ => return Err(unsupported(&format!("{name} in an inner SELECT"), instead)),
    };
    let expr = if totals.is_empty() {
        totals.push(expr.alias(&total));
        column(&total)
    } else {
        expr
    };
    Ok((Made { called, expr, kind, nullable, bounds, public: None }, totals))
}

/// `SELECT DISTINCT subject, ...`.
pub(super) fn distinct(distinct: &Distinct, subject: Subject<'_>) -> Result<Relation, Refusal> {
    let Distinct::All(input) = distinct else {
        return Err(unsupported("DISTINCT ON", "Use GROUP BY."));
    };
    let below = relation(input, subject)?;
    let policy = policy_of(&below)?.clone();
    let (mut made, mut subject_at) = (Vec::new(), None);
    for (place, (name, expr)) in below.columns.iter().enumerate() {
        if below.is_subject(expr) {
            subject_at = Some(place);
        }
        made.push(Made::of(name.clone(), expr, &below)?);
    }
    if subject_at.is_none() {
        let instead = format!("Select `{}` there as well, or use GROUP BY.", subject.name);
        return Err(unsupported("DISTINCT without the subject", &instead));
    }
    let rows = project(&below, &made, subject_at).and_then(|rows| rows.distinct()?.build());
    Ok(put_out(rows.map_err(broken)?, made, subject_at, Some(&policy)))
}

fn project(below: &Relation, made: &[Made], subject_at: Option<usize>) -> Planned<LogicalPlanBuilder> {
    below.kept()?.project(named(made, subject_at))
}

/// `VALUES ...`: a table that the question brings along, which is about nobody.
pub(super) fn values(list: &Values) -> Result<Relation, Refusal> {
    let rows = LogicalPlan::Values(list.clone());
    for expr in list.values.iter().flatten() {
        safe(expr, list.schema.as_ref())?;
    }
    let columns = own_columns(&list.schema);
    Ok(Relation {
        rows,
        is_table: false,
        conditions: Vec::new(),
        columns,
        described: Vec::new(),
        names: BTreeMap::new(),
        policy: None,
    })
}

/// `x IN (SELECT ...)`: of the subject among subjects, or of anything among public values.
pub(super) fn among(below: Relation, inner: &InSubquery, subject: Subject<'_>) -> Result<Relation, Refusal> {
    let list = relation(&inner.subquery.subquery, subject)?;
    let expr = below.over_rows(&inner.expr)?;
    let Some((_, listed)) = list.columns.first().filter(|_| list.columns.len() == 1) else {
        return Err(unsupported("IN with several columns", "Select one column there."));
    };
    let public = list.policy.is_none();
    let of_subject = below.is_subject(&expr) && list.is_subject(listed);
    if !public && !of_subject {
        let what = "IN (SELECT ...) of something else than the subject";
        let instead = format!("Write `{0} IN (SELECT {0} ...)`, or list the values.", subject.name);
        return Err(unsupported(what, &instead));
    }
    if public && inner.negated {
        return Err(unsupported(
            "NOT IN (SELECT ...) of public values",
            "Write NOT IN with the values themselves.",
        ));
    }
    policy_of(&below)?;
    let listed = shielded(safe(listed, list.schema())?, list.schema())?;
    let kind = type_of(&listed, list.schema())?;
    let expr = safe_cast_of(safe(&expr, below.schema())?, below.schema(), kind)?;
    let expr = shielded(expr, below.schema())?;
    let join_type = if inner.negated { JoinType::LeftAnti } else { JoinType::LeftSemi };
    let planned = || -> Planned<LogicalPlan> {
        let own = list.kept()?.project([listed.alias(LISTED)])?;
        let own = own.filter(column(LISTED).is_not_null())?.build()?;
        below.kept()?.join_on(own, join_type, [expr.eq(column(LISTED))])?.build()
    };
    let rows = planned().map_err(broken)?;
    // What was the table itself is so no more, but its columns are the same.
    Ok(Relation { rows, is_table: false, conditions: Vec::new(), ..below })
}

/// The only column of the rows of an IN list.
const LISTED: &str = "listed";

/// `UNION ALL` of subjects' rows.
pub(super) fn stacked(union: &Union, subject: Subject<'_>) -> Result<Relation, Refusal> {
    let kinds: Vec<DataType> = union.schema.fields().iter().map(|field| field.data_type().clone()).collect();
    let names: Vec<Column> = names_of(&union.schema).collect();
    let (mut plan, mut all): (Option<LogicalPlanBuilder>, Vec<Made>) = (None, Vec::new());
    let mut policy = None;
    for input in &union.inputs {
        let below = relation(input, subject)?;
        let own = policy_of(&below)?.clone();
        let mut made = Vec::new();
        for ((name, kind), (_, expr)) in names.iter().zip(&kinds).zip(&below.columns) {
            let mut each = Made::of(name.clone(), expr, &below)?;
            each.expr = safe_cast_of(each.expr, below.schema(), kind.clone())?;
            each.kind = kind.clone();
            made.push(each);
        }
        made.push(Made::of(Column::new_unqualified(""), &column(&own.subject), &below)?);
        let last = made.len() - 1;
        let rows = project(&below, &made, Some(last)).map_err(broken)?;
        plan = Some(match plan {
            None => rows,
            Some(plan) => plan.union(rows.build().map_err(broken)?).map_err(broken)?,
        });
        all = if all.is_empty() { made } else { all.into_iter().zip(made).map(either).collect() };
        policy = Some(own);
    }
    let Some(plan) = plan else { return Err(unsupported("an empty UNION", "Name a product.")) };
    let last = all.len() - 1;
    Ok(put_out(plan.build().map_err(broken)?, all, Some(last), policy.as_ref()))
}

/// A column of which a value may come from either.
fn either((one, other): (Made, Made)) -> Made {
    let bounds = one.bounds.zip(other.bounds).map(|(one, other)| Bounds {
        low: one.low.min(other.low),
        high: one.high.max(other.high),
        decimals: one.decimals.max(other.decimals),
    });
    let public = one.public.zip(other.public).map(|(mut one, other)| {
        one.extend(other);
        one.sort();
        one.dedup();
        one
    });
    Made { nullable: one.nullable || other.nullable, bounds, public, ..one }
}
