//! What stands after FROM and WHERE, as rows that each belong to one subject.
//!
//! Every step from the products' tables up to here computes a subject's rows from the same subject's rows and
//! public values, and from nothing else, or is refused by name. So whatever the steps do, removing a subject
//! removes its rows and changes no others, and the bounds of the totals above (one row per subject and group,
//! clamped) hold. What such a step puts out is described as a product is: which column is the subject, which
//! bounds and public keys its columns have. They are worked out anew at every step that makes new columns.

use std::collections::BTreeMap;

use arrow::datatypes::DataType;
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::common::{Column, DFSchema};
use datafusion::logical_expr::expr::{AggregateFunction, Case};
use datafusion::logical_expr::utils::split_conjunction;
use datafusion::logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder};
use weal_domain::Refusal;
use weal_domain::catalogue::{Column as ProductColumn, PrivacyPolicy};

use super::inner::{among, distinct, grouped, stacked, values};
use super::joins::joined;
use super::reading::unknown_node;
use super::safe::{safe, type_of, unsupported};
use super::shield::shielded_condition;
use super::tables::Tables;

/// Of one expression once the steps are written into each other.
const NODES_MAX: usize = 4_096;

/// Rows, and what the columns that the question sees are made of.
#[derive(Debug, Clone)]
pub(crate) struct Relation {
    /// Where the rows come from: a product's own table, or steps over it and others. Each table stands in it as a
    /// scan of its schema, since the data are not here yet.
    pub rows: LogicalPlan,
    /// Whether `rows` is a product's table itself.
    pub is_table: bool,
    /// The rows that count, made safe.
    pub conditions: Vec<Expr>,
    /// What each visible column stands for, over the columns of `rows`.
    pub columns: Vec<(Column, Expr)>,
    /// The columns of `rows`, described as a product's are.
    pub described: Vec<ProductColumn>,
    /// What the question calls those columns of `rows` that are no product's own.
    pub names: BTreeMap<String, String>,
    /// The owner's limits, with subject, bounds and public keys of the columns of `rows`; of public rows, which
    /// nobody is the subject of, `None`.
    pub policy: Option<PrivacyPolicy>,
}

/// What the reading needs to know of the products.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Subject<'a> {
    pub tables: &'a Tables,
    /// What the subject is called, for what is refused.
    pub name: &'a str,
}

/// Reads the plan below an aggregate.
pub(crate) fn relation(plan: &LogicalPlan, subject: Subject<'_>) -> Result<Relation, Refusal> {
    match plan {
        LogicalPlan::TableScan(scan) if scan.filters.is_empty() && scan.fetch.is_none() => {
            let table = subject.tables.of_scan(&scan.table_name).ok_or_else(|| unknown_node(plan))?;
            Ok(Relation {
                rows: plan.clone(),
                is_table: true,
                conditions: Vec::new(),
                columns: own_columns(&scan.projected_schema),
                described: table.columns.clone(),
                names: BTreeMap::new(),
                policy: table.policy.clone(),
            })
        }
        LogicalPlan::SubqueryAlias(alias) => Ok(relation(&alias.input, subject)?.named(&alias.schema)),
        LogicalPlan::Filter(filter) => {
            let mut below = relation(&filter.input, subject)?;
            for condition in split_conjunction(&filter.predicate) {
                below = match condition {
                    Expr::InSubquery(inner) => among(below, inner, subject)?,
                    condition => below.where_it_holds(condition)?,
                };
            }
            Ok(below)
        }
        LogicalPlan::Projection(projection) => {
            let below = relation(&projection.input, subject)?;
            let columns = names_of(&projection.schema).zip(&projection.expr);
            let columns = columns.map(|(name, expr)| Ok((name, below.over_rows(expr)?)));
            let columns = columns.collect::<Result<_, Refusal>>()?;
            Ok(Relation { columns, ..below })
        }
        LogicalPlan::Aggregate(aggregate) => grouped(aggregate, subject),
        LogicalPlan::Distinct(inner) => distinct(inner, subject),
        LogicalPlan::Join(join) => joined(join, subject),
        LogicalPlan::Union(union) => stacked(union, subject),
        LogicalPlan::Values(list) => values(list),
        // The order of rows means nothing to totals.
        LogicalPlan::Sort(sort) if sort.fetch.is_none() => relation(&sort.input, subject),
        other => Err(unknown_node(other)),
    }
}

impl Relation {
    /// An expression over the visible columns, over those of `rows`.
    pub(crate) fn over_rows(&self, expr: &Expr) -> Result<Expr, Refusal> {
        substitute(expr, &self.columns)
    }

    pub(crate) fn schema(&self) -> &DFSchema {
        self.rows.schema()
    }

    /// `FILTER (WHERE ...)` of an aggregate: rows outside count as NULL. `expr` is safe already.
    pub(crate) fn filtered(&self, call: &AggregateFunction, expr: Expr) -> Result<Expr, Refusal> {
        let Some(filter) = &call.params.filter else { return Ok(expr) };
        let filter = safe(&self.over_rows(filter)?, self.schema())?;
        Ok(Expr::Case(Case::new(None, vec![(Box::new(filter), Box::new(expr))], None)))
    }

    /// What the question calls the columns of `rows`: by their names where it sees them, else by those that they had.
    /// What is called by nothing is the subject, which goes along unseen.
    pub(crate) fn called(&self, subject: &str) -> BTreeMap<String, String> {
        let mut called = self.names.clone();
        called.extend(self.columns.iter().filter_map(|(name, expr)| match expr {
            Expr::Column(own) if !self.is_table => Some((own.name.clone(), name.name.clone())),
            _ => None,
        }));
        called.values_mut().filter(|name| name.is_empty()).for_each(|name| subject.clone_into(name));
        called
    }

    /// A refusal with the names that the question gives to columns.
    pub(crate) fn in_words(&self, refusal: Refusal, subject: &str) -> Refusal {
        let called = self.called(subject);
        let told = |text: String| {
            let parts = text.split('`').enumerate().map(|(place, part)| match called.get(part) {
                Some(name) if place % 2 == 1 => name.as_str(),
                _ => part,
            });
            parts.collect::<Vec<_>>().join("`")
        };
        Refusal { reason: told(refusal.reason), remedy: refusal.remedy.map(told), ..refusal }
    }

    fn where_it_holds(mut self, condition: &Expr) -> Result<Self, Refusal> {
        let condition = safe(&self.over_rows(condition)?, self.schema())?;
        let condition = shielded_condition(condition, self.schema())?;
        self.conditions.push(condition);
        Ok(self)
    }

    /// The rows that count, as a plan.
    pub(crate) fn kept(&self) -> datafusion::common::Result<LogicalPlanBuilder> {
        let mut plan = LogicalPlanBuilder::from(self.rows.clone());
        for condition in &self.conditions {
            plan = plan.filter(condition.clone())?;
        }
        Ok(plan)
    }

    /// Whether an expression over `rows` is the subject itself.
    pub(crate) fn is_subject(&self, expr: &Expr) -> bool {
        let subject = self.policy.as_ref().map(|policy| policy.subject.as_str());
        matches!(expr, Expr::Column(column) if Some(column.name.as_str()) == subject)
    }

    /// Whether a key over `rows` has another value for every subject, so that its groups are of one subject each: the
    /// subject itself, written as it is or as a text or another number.
    pub(crate) fn tells_subjects_apart(&self, key: &Expr) -> bool {
        let is_public = self.policy.as_ref().is_some_and(|own| own.public_keys.contains_key(&own.subject));
        let keeps_apart = |from: &Expr, to: &DataType| {
            let is_whole = type_of(from, self.schema()).is_ok_and(|from| from.is_integer());
            matches!(to, DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View)
                || (is_whole && to.is_numeric())
        };
        match key {
            Expr::Alias(alias) => self.tells_subjects_apart(&alias.expr),
            Expr::Cast(cast) if keeps_apart(&cast.expr, cast.field.data_type()) => {
                self.tells_subjects_apart(&cast.expr)
            }
            Expr::TryCast(cast) if keeps_apart(&cast.expr, cast.field.data_type()) => {
                self.tells_subjects_apart(&cast.expr)
            }
            _ => !is_public && self.is_subject(key),
        }
    }

    /// The same columns under the names of `schema`.
    fn named(self, schema: &DFSchema) -> Self {
        let columns = names_of(schema).zip(self.columns).map(|(name, (_, expr))| (name, expr)).collect();
        Self { columns, ..self }
    }
}

/// How a plan calls the columns that it puts out.
pub(crate) fn names_of(schema: &DFSchema) -> impl Iterator<Item = Column> + '_ {
    schema.iter().map(|(qualifier, field)| Column::new(qualifier.cloned(), field.name()))
}

/// Columns that stand for themselves.
pub(crate) fn own_columns(schema: &DFSchema) -> Vec<(Column, Expr)> {
    let own = |name: &Column| Expr::Column(Column::new_unqualified(&name.name));
    names_of(schema).map(|name| (name.clone(), own(&name))).collect()
}

/// `expr` with columns replaced by what they stand for, and without names.
pub(crate) fn substitute(expr: &Expr, columns: &[(Column, Expr)]) -> Result<Expr, Refusal> {
    let known: BTreeMap<&Column, &Expr> = columns.iter().map(|(name, expr)| (name, expr)).collect();
    let replaced = expr.clone().transform_up(|expr| match expr {
        Expr::Column(column) => Ok(match known.get(&column) {
            Some(&stands_for) => Transformed::yes(stands_for.clone()),
            None => Transformed::no(Expr::Column(column)),
        }),
        Expr::Alias(alias) => Ok(Transformed::yes(*alias.expr)),
        other => Ok(Transformed::no(other)),
    });
    let replaced = replaced.map_err(|_| unsupported("this expression", "Simplify it."))?.data;
    let mut nodes = 0_usize;
    // It ends in `Ok`, since each step does.
    let _ = replaced.apply(|_| {
        nodes += 1;
        Ok(if nodes > NODES_MAX { TreeNodeRecursion::Stop } else { TreeNodeRecursion::Continue })
    });
    if nodes > NODES_MAX {
        let what = "an expression that grows so much when subqueries are written into it";
        return Err(unsupported(what, "Simplify the inner SELECT."));
    }
    Ok(replaced)
}
