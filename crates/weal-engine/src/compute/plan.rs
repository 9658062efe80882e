//! The plan behind a private answer: exact totals per group, of which no subject can move more than the
//! mechanisms were told.
//!
//! filter → one row per subject and group, its totals clamped (Wilson et al. 2019, arXiv 1909.01917) →
//! at most so many groups of each subject, chosen by a secret → totals per group.
//!
//! Where the subject column is a key of the table, every row is a subject's only one and the two steps in
//! the middle have nothing to do; the same totals come out without them. That a column is a key belongs to
//! the table's schema, which is public.

use datafusion::common::{Column, Result};
use datafusion::functions_aggregate::expr_fn::{count, sum};
use datafusion::logical_expr::{Expr, Extension, LogicalPlan, LogicalPlanBuilder, ScalarUDF, cast, lit};
use weal_domain::Refusal;
use weal_domain::catalogue::PrivacyPolicy;

use super::bounding::{Bound, Bounds};
use super::choose::{ChooseGroups, Unit};
use super::functions::{ToFixed, WIDE};
use super::measure::Value;
use super::price::Contribution;
use super::reading::{Item, Part};
use super::subjects::{Columns, How, SubjectTotals};
use super::tag::QueryKey;

pub(super) const SUBJECT: &str = "subject";
pub(super) const TAG: &str = "tag";
/// Of a subject in a group.
pub(super) const ROWS: &str = "rows";
/// Of the result: distinct subjects of a group.
pub(crate) const SUBJECTS: &str = "subjects";

/// Everything that the plan depends on besides the data.
#[derive(Debug)]
pub(crate) struct Totals<'a> {
    pub policy: &'a PrivacyPolicy,
    /// The agreement's row filter, WHERE, and the lists of public keys.
    pub conditions: Vec<Expr>,
    /// What a subject's groups are chosen and its contributions bounded by.
    pub keys: &'a [Expr],
    /// Of the keys, by their places, those that the totals are by: fewer, where the totals are of other groups' bounded
    /// contributions.
    pub by: &'a [usize],
    pub parts: &'a [Part],
    /// Whether the subject column is a key of the table.
    pub subject_is_key: bool,
    /// Whether every row of the table has a subject, which belongs to its schema as well.
    pub subject_is_full: bool,
    /// Whether a subject may be in more groups than it may influence.
    pub choose: bool,
    /// The rows that the table has at most; bounds how far totals can grow.
    pub rows_max: u64,
    pub key: QueryKey,
}

impl Totals<'_> {
    /// The plan over `scan`. Its columns: the keys, [`SUBJECTS`], and for each part its [`total`].
    pub(crate) fn plan(&self, scan: LogicalPlanBuilder) -> Result<LogicalPlan, PlanError> {
        let parts =
            self.parts.iter().map(|part| Contributed::of(part, self)).collect::<Result<Vec<_>, Refusal>>()?;
        let values =
            parts.iter().enumerate().filter_map(|(i, part)| Some(part.value.clone()?.alias(value_name(i))));
        let plan = self.rows(scan, values)?;
        let plan =
            if self.subject_is_key { self.of_rows(plan, &parts)? } else { self.of_subjects(plan, &parts)? };
        Ok(plan.build()?)
    }

    /// The rows that count: their subject, their keys, and `values` of them.
    pub(super) fn rows(
        &self,
        scan: LogicalPlanBuilder,
        values: impl IntoIterator<Item = Expr>,
    ) -> Result<LogicalPlanBuilder> {
        let subject = Expr::Column(Column::new_unqualified(&self.policy.subject));
        let mut plan = scan;
        let has_subject = (!self.subject_is_full).then(|| subject.clone().is_not_null());
        for condition in self.conditions.iter().cloned().chain(has_subject) {
            plan = plan.filter(condition)?;
        }
        let keys = self.keys.iter().enumerate().map(|(i, key)| key.clone().alias(Item::Key(i).column()));
        plan.project([subject.alias(SUBJECT)].into_iter().chain(keys).chain(values))
    }

    pub(super) fn key_columns(&self) -> Vec<Expr> {
        (0..self.keys.len()).map(|i| column(&Item::Key(i).column())).collect()
    }

    fn by_columns(&self) -> Vec<Expr> {
        self.by.iter().map(|&key| column(&Item::Key(key).column())).collect()
    }

    /// One row is all that a subject has.
    fn of_rows(&self, plan: LogicalPlanBuilder, parts: &[Contributed]) -> Result<LogicalPlanBuilder> {
        let totals = parts.iter().enumerate().filter_map(|(i, part)| {
            let value = column(&value_name(i));
            match part.sort {
                Sort::Subjects | Sort::Rows | Sort::Aside => None,
                Sort::Values | Sort::Present => Some(count(value).alias(total_name(i))),
                Sort::Total | Sort::Spread => Some(sum(self.widened(part, value)).alias(total_name(i))),
            }
        });
        let totals = [count(lit(1_i64)).alias(SUBJECTS)].into_iter().chain(totals);
        plan.aggregate(self.by_columns(), totals.collect::<Vec<_>>())
    }

    fn of_subjects(&self, plan: LogicalPlanBuilder, parts: &[Contributed]) -> Result<LogicalPlanBuilder> {
        let mut all: Vec<_> = [column(SUBJECT)].into_iter().chain(self.key_columns()).collect();
        let mut values = Vec::new();
        for (i, part) in parts.iter().enumerate() {
            let value = part.value.as_ref().filter(|_| part.sort != Sort::Aside);
            values.push(value.map(|_| all.len()));
            all.extend(value.map(|_| column(&value_name(i))));
        }
        let PrivacyPolicy { groups_per_subject_max, rows_per_group_max, rows_per_subject_max, .. } =
            *self.policy;
        let how = How {
            bounds: Bounds {
                groups_max: self.choose.then_some(groups_per_subject_max),
                rows_per_group_max,
                rows_max: rows_per_subject_max,
                parts: parts.iter().map(|part| part.bound(rows_per_group_max)).collect(),
            },
            wide: parts.iter().any(|part| self.is_wide(part)),
            key: self.key.clone(),
        };
        let summed = |part: &usize| !matches!(parts[*part].sort, Sort::Subjects | Sort::Aside);
        let summed: Vec<usize> = (0..parts.len()).filter(summed).collect();
        let columns = Columns { all, keys: self.keys.len(), values };
        let node = SubjectTotals::new(plan.build()?, columns, how, &summed)?;
        let node = std::sync::Arc::new(node);
        let plan = LogicalPlanBuilder::from(LogicalPlan::Extension(Extension { node }));
        if self.by.len() == self.keys.len() {
            return Ok(plan);
        }
        let total = |name: String| sum(column(&name)).alias(name);
        let totals = [SUBJECTS.to_owned()].into_iter().chain(summed.into_iter().map(total_name));
        plan.aggregate(self.by_columns(), totals.map(total).collect::<Vec<_>>())
    }

    /// Summed over every row a table may have, this must not run over.
    fn widened(&self, part: &Contributed, value: Expr) -> Expr {
        if self.is_wide(part) { cast(value, WIDE) } else { value }
    }

    fn is_wide(&self, part: &Contributed) -> bool {
        u128::from(part.contribution.widest()) * u128::from(self.rows_max) > i64::MAX as u128
    }
}

/// At most `most` units of each owner of the rows' tags.
pub(super) fn chosen(plan: LogicalPlanBuilder, most: u32, unit: Unit) -> Result<LogicalPlanBuilder> {
    let (subject, tag) = (column(SUBJECT), column(TAG));
    let node = ChooseGroups { input: plan.build()?, subject, tag, most, unit };
    Ok(LogicalPlanBuilder::from(LogicalPlan::Extension(Extension { node: std::sync::Arc::new(node) })))
}

/// Where a part's total stands in the result of the plan.
pub(crate) fn total(part: usize, sort: &Part, subject_is_key: bool) -> String {
    match sort {
        Part::Subjects => SUBJECTS.to_owned(),
        Part::Rows if subject_is_key => SUBJECTS.to_owned(),
        _ => total_name(part),
    }
}

pub(super) fn value_name(part: usize) -> String {
    format!("v{part}")
}
pub(super) fn total_name(part: usize) -> String {
    format!("t{part}")
}

pub(super) fn column(name: &str) -> Expr {
    Expr::Column(Column::new_unqualified(name))
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sort {
    Subjects,
    Rows,
    Values,
    Present,
    Total,
    Spread,
    /// Has a plan of its own ([`super::sides`]).
    Aside,
}

/// A part as the plan computes it.
struct Contributed {
    sort: Sort,
    /// Per row, where the part needs one.
    value: Option<Expr>,
    contribution: Contribution,
}

impl Contributed {
    fn of(part: &Part, totals: &Totals<'_>) -> Result<Self, Refusal> {
        let rows_max = totals.policy.rows_per_group_max;
        let counted = Contribution { middle: 0, low: 0, high: rows_max.into() };
        let (sort, value, contribution) = match part {
            Part::Subjects => (Sort::Subjects, None, Contribution { high: 1, ..counted }),
            Part::Rows => (Sort::Rows, None, counted),
            Part::Values(expr) => (Sort::Values, Some(expr.clone()), counted),
            Part::Present(expr) => (Sort::Present, Some(expr.clone()), Contribution { high: 1, ..counted }),
            Part::Distinct(_) | Part::Ranks(_) => (Sort::Aside, None, counted),
            Part::Total(value) => (Sort::Total, Some(fixed(value)), Contribution::of_total(value, rows_max)?),
            Part::Spread(value) => {
                let contribution = Contribution::of_spread(value, rows_max)?;
                (Sort::Spread, Some(fixed(value) - lit(contribution.middle)), contribution)
            }
        };
        Ok(Self { sort, value, contribution })
    }

    /// The bounds are those of one row: what `rows_max` of them may add is a multiple of it.
    fn bound(&self, rows_max: u32) -> Bound {
        let Contribution { low, high, .. } = self.contribution;
        let (low, high) = (low / i64::from(rows_max.max(1)), high / i64::from(rows_max.max(1)));
        match self.sort {
            Sort::Subjects | Sort::Rows | Sort::Aside => Bound::Rows,
            Sort::Present => Bound::Present,
            Sort::Values => Bound::Values,
            Sort::Total => Bound::Total { low, high },
            Sort::Spread => Bound::Share { low, high },
        }
    }
}

pub(super) fn fixed(value: &Value) -> Expr {
    let to_fixed = ScalarUDF::from(ToFixed::new(value.decimals, value.low, value.high));
    to_fixed.call(vec![value.expr.clone()])
}

/// Why there is no plan.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PlanError {
    #[error(transparent)]
    Refused(#[from] Refusal),
    #[error(transparent)]
    DataFusion(#[from] datafusion::error::DataFusionError),
}
