//! From a planned question to the few things that a private answer is made of. Whatever is not recognised
//! here is refused by name, before any data is read.

use arrow::datatypes::{DataType, Field, Schema};
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{Column, DFSchema, ScalarValue};
use datafusion::logical_expr::expr::{AggregateFunction, Case, Sort};
use datafusion::logical_expr::{Aggregate, Expr, LogicalPlan};
use weal_domain::catalogue::{Column as ProductColumn, PrivacyPolicy};
use weal_domain::{Refusal, RefusalKind};

use super::derived::{Derived, derived};
use super::measure::{Value, value};
use super::safe::{safe, unsupported};
use super::shield::{shielded, shielded_condition};

/// A key may be a computed text for every row of a batch, so their number bounds the memory they take.
const KEYS_MAX: usize = 16;
/// The loss is shared between them: with more, each would say nothing.
const AGGREGATES_MAX: usize = 64;

/// What a question asks of one product.
#[derive(Debug, Clone)]
pub(crate) struct Reading {
    /// WHERE, made safe.
    pub filter: Option<Expr>,
    /// GROUP BY, made safe.
    pub keys: Vec<Expr>,
    /// The totals that are needed, each once.
    pub parts: Vec<Part>,
    /// How each aggregate of the question follows from the parts.
    pub estimates: Vec<Estimate>,
    /// What is computed from the estimates.
    pub derived: Vec<Derived>,
    /// The SELECT list: names and what stands there.
    pub outputs: Vec<(String, Item)>,
    pub after: After,
}

/// One exact total per group, to be released with noise.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Part {
    /// Distinct subjects.
    Subjects,
    /// Rows, at most `rows_per_group_max` of each subject.
    Rows,
    /// Rows where this is not NULL, at most as many of each subject.
    Values(Expr),
    /// The sum of each subject's clamped total.
    Total(Value),
    /// The sum of each subject's distance from the middle of the bounds, for averages.
    Spread(Value),
}

/// An aggregate of the question, by the places of its parts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Estimate {
    Count { part: usize },
    Sum { part: usize },
    Average { spread: usize, count: usize },
}

/// A column of the answer: the n-th key, the n-th estimate, or the n-th of what is computed from these.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Item {
    Key(usize),
    Estimate(usize),
    Derived(usize),
}

/// What is done with released values, at no further cost. Expressions are over [`Item::column`]s.
#[derive(Debug, Clone, Default)]
pub(crate) struct After {
    pub having: Option<Expr>,
    pub sort: Vec<Sort>,
    pub skip: usize,
    pub fetch: Option<usize>,
}

impl Item {
    /// The name of the released column that holds it.
    pub(crate) fn column(self) -> String {
        match self {
            Item::Key(i) => format!("k{i}"),
            Item::Estimate(i) => format!("e{i}"),
            Item::Derived(i) => format!("d{i}"),
        }
    }

    /// What a released column of this name holds.
    pub(crate) fn named(column: &str) -> Option<Self> {
        let place = column.get(1..)?.parse().ok()?;
        match column.as_bytes().first()? {
            b'k' => Some(Item::Key(place)),
            b'e' => Some(Item::Estimate(place)),
            _ => None,
        }
    }
}

/// What the reading needs to know of the product.
pub(crate) struct Subject<'a> {
    pub policy: &'a PrivacyPolicy,
    pub columns: &'a [ProductColumn],
}

pub(crate) fn read(plan: &LogicalPlan, subject: &Subject<'_>) -> Result<Reading, Refusal> {
    let mut above = Vec::new();
    let mut node = plan;
    let aggregate = loop {
        match node {
            LogicalPlan::Aggregate(aggregate) => break aggregate,
            LogicalPlan::Projection(projection) => {
                above.push(node);
                node = &projection.input;
            }
            LogicalPlan::Filter(filter) => {
                above.push(node);
                node = &filter.input;
            }
            LogicalPlan::Sort(sort) => {
                above.push(node);
                node = &sort.input;
            }
            LogicalPlan::Limit(limit) => {
                above.push(node);
                node = &limit.input;
            }
            LogicalPlan::TableScan(_) => return Err(rows_asked()),
            other => return Err(unknown_node(other)),
        }
    };
    let mut reading = read_aggregate(aggregate, subject)?;
    let keys = aggregate.group_expr.len();
    let mut columns: Vec<(Column, Expr)> = Vec::new();
    for (i, (qualifier, field)) in aggregate.schema.iter().enumerate() {
        let item = if i < keys { Item::Key(i) } else { Item::Estimate(i - keys) };
        columns.push((
            Column::new(qualifier.cloned(), field.name()),
            Expr::Column(Column::new_unqualified(item.column())),
        ));
    }
    for node in above.into_iter().rev() {
        read_above(node, &mut columns, &mut reading.after)?;
    }
    make_safe(&mut reading.after, aggregate)?;
    // `sum(revenue.payroll.wage)` is called `sum(wage)`.
    let table =
        aggregate.input.schema().iter().find_map(|(qualifier, _)| qualifier).map(|table| format!("{table}."));
    for (column, expr) in columns {
        let name = table.as_ref().map_or_else(|| column.name.clone(), |table| column.name.replace(table, ""));
        let item = reading.item(&expr)?;
        reading.outputs.push((name, item));
    }
    Ok(reading)
}

impl Reading {
    /// What stands in a column of the answer.
    fn item(&mut self, expr: &Expr) -> Result<Item, Refusal> {
        if let Some(item) = plain_item(expr) {
            return Ok(item);
        }
        let derived = derived(expr)?;
        if derived.estimates().is_empty() {
            return Err(unsupported("a constant in the SELECT list", "Select keys and aggregates."));
        }
        if self.derived.len() == AGGREGATES_MAX {
            return Err(too_wide());
        }
        self.derived.push(derived);
        Ok(Item::Derived(self.derived.len() - 1))
    }
}

/// A key or an aggregate by itself.
fn plain_item(expr: &Expr) -> Option<Item> {
    match expr {
        Expr::Alias(alias) => plain_item(&alias.expr),
        Expr::Cast(cast) => plain_item(&cast.expr),
        Expr::Column(column) => Item::named(&column.name),
        _ => None,
    }
}

/// What runs after the release must not fail either: the answer would be lost and its cost not.
fn make_safe(after: &mut After, aggregate: &Aggregate) -> Result<(), Refusal> {
    let keys = aggregate.group_expr.len();
    let mut fields = Vec::new();
    for (i, field) in aggregate.schema.fields().iter().enumerate() {
        let (item, kind) = match i.checked_sub(keys) {
            None => (Item::Key(i), field.data_type().clone()),
            Some(estimate) => (Item::Estimate(estimate), DataType::Float64),
        };
        fields.push(Field::new(item.column(), kind, true));
    }
    let schema =
        DFSchema::try_from(Schema::new(fields)).map_err(|_| unsupported("these columns", "Select fewer."))?;
    let sound = |expr: &Expr| shielded(safe(expr, &schema)?, &schema);
    after.having = after.having.as_ref().map(sound).transpose()?;
    for sort in &mut after.sort {
        sort.expr = sound(&sort.expr)?;
    }
    Ok(())
}

fn rows_asked() -> Refusal {
    Refusal::forbidden("rows-not-covered", "The agreement covers private statistics, and this asks for rows.")
        .remedy("Ask for totals: COUNT, SUM or AVG, with GROUP BY if you like.")
}

fn unknown_node(node: &LogicalPlan) -> Refusal {
    let (what, instead) = match node {
        LogicalPlan::Distinct(_) => ("DISTINCT", "Use GROUP BY."),
        LogicalPlan::Join(_) => ("a join", "Ask one product at a time and join the answers."),
        LogicalPlan::Union(_) => ("UNION, INTERSECT or EXCEPT", "Ask the parts one by one."),
        LogicalPlan::Window(_) => ("OVER (window functions)", "Use GROUP BY."),
        LogicalPlan::Subquery(_) | LogicalPlan::SubqueryAlias(_) => (
            "a SELECT inside FROM or WITH",
            "Write its conditions into WHERE and its expressions into the one SELECT.",
        ),
        LogicalPlan::Values(_) | LogicalPlan::EmptyRelation(_) => {
            ("VALUES or no table", "Name one product after FROM.")
        }
        _ => ("this kind of query", "Write SELECT ... FROM one product WHERE ... GROUP BY ..."),
    };
    unsupported(what, instead)
}

fn read_aggregate(aggregate: &Aggregate, subject: &Subject<'_>) -> Result<Reading, Refusal> {
    let mut node = aggregate.input.as_ref();
    let mut conditions = Vec::new();
    loop {
        match node {
            LogicalPlan::Filter(filter) => {
                let schema = filter.input.schema();
                conditions.push(shielded_condition(safe(&filter.predicate, schema)?, schema)?);
                node = &filter.input;
            }
            // A name for the product: `FROM revenue.payroll p`.
            LogicalPlan::SubqueryAlias(alias) if matches!(*alias.input, LogicalPlan::TableScan(_)) => {
                node = &alias.input
            }
            LogicalPlan::TableScan(scan) if scan.filters.is_empty() && scan.fetch.is_none() => break,
            LogicalPlan::Projection(_) | LogicalPlan::Aggregate(_) => {
                return Err(unsupported(
                    "a SELECT inside FROM or WITH",
                    "Write its conditions into WHERE and its expressions into the one SELECT.",
                ));
            }
            other => return Err(unknown_node(other)),
        }
    }
    let schema = aggregate.input.schema();
    let mut keys = Vec::new();
    for key in &aggregate.group_expr {
        if matches!(key, Expr::GroupingSet(_)) {
            return Err(unsupported("ROLLUP, CUBE or GROUPING SETS", "Ask for each grouping by itself."));
        }
        keys.push(shielded(safe(key, schema)?, schema)?);
    }
    if keys.len() > KEYS_MAX || aggregate.aggr_expr.len() > AGGREGATES_MAX {
        return Err(too_wide());
    }
    let mut parts = Parts { parts: Vec::new(), subject, schema };
    let estimates = aggregate.aggr_expr.iter().map(|expr| parts.estimate(expr)).collect::<Result<_, _>>()?;
    let filter = conditions.into_iter().reduce(Expr::and);
    Ok(Reading {
        filter,
        keys,
        parts: parts.parts,
        estimates,
        derived: Vec::new(),
        outputs: Vec::new(),
        after: After::default(),
    })
}

fn too_wide() -> Refusal {
    let reason = format!(
        "A private question groups by at most {KEYS_MAX} keys and asks for at most {AGGREGATES_MAX} totals."
    );
    Refusal::new(RefusalKind::TooLarge, "question-too-wide", reason).remedy("Ask several questions.")
}

struct Parts<'a> {
    parts: Vec<Part>,
    subject: &'a Subject<'a>,
    schema: &'a DFSchema,
}

impl Parts<'_> {
    fn estimate(&mut self, expr: &Expr) -> Result<Estimate, Refusal> {
        let call = match expr {
            Expr::AggregateFunction(call) => call,
            Expr::Alias(alias) => return self.estimate(&alias.expr),
            other => {
                return Err(unsupported(
                    &format!("`{}` as an aggregate", other.variant_name()),
                    "Use COUNT, SUM or AVG.",
                ));
            }
        };
        if !call.params.order_by.is_empty() || call.params.null_treatment.is_some() {
            return Err(unsupported("ORDER BY or IGNORE NULLS inside an aggregate", "Leave it out."));
        }
        let [arg] = &call.params.args[..] else {
            return Err(unsupported(
                "an aggregate of several columns",
                "Give each aggregate one expression.",
            ));
        };
        if call.params.distinct {
            return self.distinct(call, arg);
        }
        match call.func.name() {
            "count" => Ok(Estimate::Count { part: self.count(call, arg)? }),
            "sum" => {
                let value = self.value(call, arg)?;
                Ok(Estimate::Sum { part: self.place(Part::Total(value)) })
            }
            "avg" => {
                let value = self.value(call, arg)?;
                let count = self.count_of(value.expr.clone());
                let spread = self.place(Part::Spread(value));
                Ok(Estimate::Average { spread, count })
            }
            other => Err(super::safe::unknown_function(other)),
        }
    }

    fn distinct(&mut self, call: &AggregateFunction, arg: &Expr) -> Result<Estimate, Refusal> {
        let subject = &self.subject.policy.subject;
        let of_subject = matches!(arg, Expr::Column(column) if column.name == *subject);
        if call.func.name() == "count" && of_subject && call.params.filter.is_none() {
            return Ok(Estimate::Count { part: self.place(Part::Subjects) });
        }
        let remedy = format!(
            "Only COUNT(DISTINCT {subject}) can be asked; use GROUP BY to see the values of another column."
        );
        Err(unsupported("DISTINCT inside an aggregate", &remedy))
    }

    fn count(&mut self, call: &AggregateFunction, arg: &Expr) -> Result<usize, Refusal> {
        let constant = matches!(arg, Expr::Literal(value, _) if !value.is_null());
        if constant && call.params.filter.is_none() {
            return Ok(self.rows());
        }
        let counted = safe(arg, self.schema)?;
        let counted = shielded(self.filtered(call, counted)?, self.schema)?;
        Ok(self.count_of(counted))
    }

    /// That a column has no nulls belongs to the table's schema, which is public.
    fn count_of(&mut self, counted: Expr) -> usize {
        let columns = self.subject.columns;
        let always = match &counted {
            Expr::Column(column) => columns.iter().any(|known| known.name == column.name && !known.nullable),
            _ => false,
        };
        if always { self.rows() } else { self.place(Part::Values(counted)) }
    }

    /// With one row per subject and group, rows are subjects.
    fn rows(&mut self) -> usize {
        let single = self.subject.policy.rows_per_group_max == 1;
        self.place(if single { Part::Subjects } else { Part::Rows })
    }

    fn value(&self, call: &AggregateFunction, arg: &Expr) -> Result<Value, Refusal> {
        let mut value = value(arg, self.schema, self.subject.policy)?;
        value.expr = shielded(self.filtered(call, value.expr)?, self.schema)?;
        Ok(value)
    }

    /// `FILTER (WHERE ...)`: rows outside count as NULL.
    fn filtered(&self, call: &AggregateFunction, expr: Expr) -> Result<Expr, Refusal> {
        match &call.params.filter {
            None => Ok(expr),
            Some(filter) => {
                let branch = (Box::new(safe(filter, self.schema)?), Box::new(expr));
                Ok(Expr::Case(Case::new(None, vec![branch], None)))
            }
        }
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

/// Follows one node above the aggregate; `columns` is what its output columns stand for.
fn read_above(
    node: &LogicalPlan,
    columns: &mut Vec<(Column, Expr)>,
    after: &mut After,
) -> Result<(), Refusal> {
    match node {
        LogicalPlan::Projection(projection) => {
            let mut next = Vec::new();
            for (expr, (qualifier, field)) in projection.expr.iter().zip(projection.schema.iter()) {
                next.push((Column::new(qualifier.cloned(), field.name()), substitute(expr, columns)?));
            }
            *columns = next;
        }
        LogicalPlan::Filter(filter)
            if after.having.is_none() && after.sort.is_empty() && after.fetch.is_none() =>
        {
            after.having = Some(substitute(&filter.predicate, columns)?);
        }
        LogicalPlan::Sort(sort) if after.fetch.is_none() => {
            let substituted = sort
                .expr
                .iter()
                .map(|sort| Ok(Sort::new(substitute(&sort.expr, columns)?, sort.asc, sort.nulls_first)));
            after.sort = substituted.collect::<Result<_, Refusal>>()?;
        }
        LogicalPlan::Limit(limit) if after.fetch.is_none() && after.skip == 0 => {
            after.skip = limit.skip.as_deref().map_or(Ok(0), whole_number)?;
            after.fetch = limit.fetch.as_deref().map(whole_number).transpose()?;
        }
        other => return Err(unknown_node(other)),
    }
    Ok(())
}

fn whole_number(expr: &Expr) -> Result<usize, Refusal> {
    match expr {
        Expr::Literal(ScalarValue::Int64(Some(number)), _) => usize::try_from(*number).ok(),
        _ => None,
    }
    .ok_or_else(|| unsupported("a computed LIMIT or OFFSET", "Write a whole number."))
}

fn substitute(expr: &Expr, columns: &[(Column, Expr)]) -> Result<Expr, Refusal> {
    let replaced = expr.clone().transform(|expr| match &expr {
        Expr::Column(column) => {
            let found = columns.iter().find(|(known, _)| known == column);
            Ok(found.map_or_else(|| Transformed::no(expr.clone()), |(_, to)| Transformed::yes(to.clone())))
        }
        _ => Ok(Transformed::no(expr)),
    });
    replaced.map(|done| done.data).map_err(|_| unsupported("this expression", "Simplify it."))
}
