//! A seam for tests: totals before noise, which nothing else may see.

use arrow::array::Array;
use arrow::util::display::{ArrayFormatter, FormatOptions};
use datafusion::physical_plan::displayable;
use weal_domain::Refusal;
use weal_domain::catalogue::{PrivacyPolicy, Product};
use weal_domain::identity::MemberName;

use super::answer::{File, Run, keep_order_of};
use super::exact::{ExactGroups, Totals as Found};
use super::measure::Value;
use super::prepare::{Asked, Prepared, prepare};
use super::price::Contribution;
use super::reading::{Estimate, Part};
use super::tables::Covered;
use super::tag::QueryKey;
use crate::error::Doing;
use crate::scan::about;
use crate::{Engine, EngineError, Source};

/// What a test needs to hold the plan against an oracle: totals before noise, and what was claimed of them.
#[doc(hidden)]
#[derive(Debug, Clone, PartialEq)]
pub struct ExactAnswer {
    /// Keys as they are shown, distinct subjects, totals (of ranks, the number of values); in order of keys. Groups
    /// of all groupings, each with the keys of its own.
    pub groups: Vec<(Vec<Option<String>>, i64, Vec<i64>)>,
    /// Of ranks, the leaves that hold anything: keys, part, leaf and number of values.
    pub leaves: Vec<(Vec<Option<String>>, usize, u32, i64)>,
    /// L0: the most groups one subject may change, in each grouping.
    pub groups_per_subject_max: u32,
    /// Linf of each total.
    pub per_group_max: Vec<u64>,
    /// L2 of each total, squared, in the cells that are released: of ranks, every level of the tree has its own.
    pub l2_squared_max: Vec<u128>,
    /// What each total is of.
    pub parts: Vec<ExactPart>,
    /// The places of the totals that each aggregate of the question follows from, in the order of the question.
    pub aggregates: Vec<Vec<usize>>,
    /// The optimised plan of the first grouping's sums and counts.
    pub plan: String,
}

/// One total, as an oracle must know it to compute the same.
#[doc(hidden)]
#[derive(Debug, Clone, PartialEq)]
pub struct ExactPart {
    /// `subjects`, `rows`, `values`, `total`, `spread`, `present`, `distinct` or `ranks`.
    pub kind: &'static str,
    /// The values' bounds and places, where there are values.
    pub value: Option<(f64, f64, u8)>,
    /// Subtracted from each value.
    pub middle: i64,
    /// What a subject's own total is clamped to.
    pub low: i64,
    pub high: i64,
}

impl ExactPart {
    fn of(part: &Part, rows_max: u32) -> Result<Self, Refusal> {
        let counted = |kind, high: u32| Self { kind, value: None, middle: 0, low: 0, high: high.into() };
        let valued = |kind, value: &Value, contribution: Contribution| {
            let Contribution { middle, low, high } = contribution;
            Self { kind, value: Some((value.low, value.high, value.decimals)), middle, low, high }
        };
        Ok(match part {
            Part::Subjects => counted("subjects", 1),
            Part::Rows => counted("rows", rows_max),
            Part::Values(_) => counted("values", rows_max),
            Part::Total(value) => valued("total", value, Contribution::of_total(value, rows_max)?),
            Part::Spread(value) => valued("spread", value, Contribution::of_spread(value, rows_max)?),
            Part::Present(_) => counted("present", 1),
            Part::Distinct(_) => counted("distinct", rows_max),
            Part::Ranks(value) => {
                Self { value: Some((value.low, value.high, value.decimals)), ..counted("ranks", rows_max) }
            }
        })
    }
}

/// A product as a test holds it: where its rows are, and which of them an agreement would cover.
#[doc(hidden)]
#[derive(Debug, Clone, Copy)]
pub struct Held<'a> {
    pub product: &'a Product,
    pub source: &'a Source,
    pub row_filter: Option<&'a str>,
}

impl ExactAnswer {
    /// Exact totals: for tests only, since nothing here is private. `key` stands for the query's secret;
    /// `general` takes the way of tables whose subject column is no key.
    #[doc(hidden)]
    pub async fn of(
        engine: &Engine,
        sql: &str,
        (product, source): (&Product, &Source),
        row_filter: Option<&str>,
        how: (u8, bool),
    ) -> Result<ExactAnswer, EngineError> {
        Self::of_all(engine, sql, &[Held { product, source, row_filter }], how).await
    }

    /// The same of a question about several products.
    #[doc(hidden)]
    pub async fn of_all(
        engine: &Engine,
        sql: &str,
        held: &[Held<'_>],
        (key, general): (u8, bool),
    ) -> Result<ExactAnswer, EngineError> {
        let prepared = prepared(engine, sql, held)?;
        let (files, mut session) = (files(held).await?, engine.session());
        keep_order_of(&files, &mut session);
        let run = || Run { files: &files, general, key: QueryKey::known(key) };
        let first = &prepared.groupings[0];
        let plan = session.optimize(&engine.plans(&prepared, first, run())?.main).doing("planning")?;
        let (mut groups, mut leaves) = (Vec::new(), Vec::new());
        for grouping in &prepared.groupings {
            let exact = engine.exact_groups(&prepared, grouping, run(), &session, None).await?;
            // What is below the owner's minimum is as if nobody were there.
            let least = if grouping.public.is_none() { prepared.policy.group_size_min.into() } else { 0 };
            let large = exact.subjects.iter().enumerate().filter(|(_, subjects)| **subjects >= least);
            for (group, subjects) in large {
                let keys = shown_keys(&exact, group)?;
                let mut totals = Vec::new();
                for (part, total) in exact.totals.iter().enumerate() {
                    totals.push(match total {
                        Found::Numbers(numbers) => numbers[group],
                        Found::Ranks(ranks) => {
                            let of_leaf = |&(leaf, count): &(u32, i64)| (keys.clone(), part, leaf, count);
                            leaves.extend(ranks[group].iter().map(of_leaf));
                            ranks[group].iter().map(|(_, count)| count).sum()
                        }
                    });
                }
                groups.push((keys, *subjects, totals));
            }
        }
        groups.sort();
        leaves.sort();
        let sensitivities = || first.price.noise.iter().map(|noise| noise.sensitivity());
        let mut per_group_max: Vec<u64> = sensitivities().map(|claimed| claimed.per_group()).collect();
        let mut l2_squared_max: Vec<u128> = sensitivities().map(|claimed| claimed.l2_squared()).collect();
        let PrivacyPolicy { groups_per_subject_max, rows_per_group_max, .. } = prepared.policy;
        if first.price.threshold.is_some() {
            per_group_max.insert(0, 1);
            l2_squared_max.insert(0, groups_per_subject_max.into());
        }
        let parts = prepared.reading.parts.iter().map(|part| ExactPart::of(part, rows_per_group_max));
        Ok(ExactAnswer {
            groups,
            leaves,
            groups_per_subject_max,
            per_group_max,
            l2_squared_max,
            parts: parts.collect::<Result<_, _>>()?,
            aggregates: prepared.reading.estimates.iter().map(Estimate::parts).collect(),
            plan: plan.display_indent().to_string(),
        })
    }
}

/// The steps by which the totals of a question are computed.
#[doc(hidden)]
pub async fn steps(engine: &Engine, sql: &str, held: &[Held<'_>]) -> Result<String, EngineError> {
    let (prepared, files, mut session) = (prepared(engine, sql, held)?, files(held).await?, engine.session());
    keep_order_of(&files, &mut session);
    let run = Run { files: &files, general: false, key: QueryKey::known(0) };
    let plans = engine.plans(&prepared, &prepared.groupings[0], run)?;
    let physical = session.create_physical_plan(&plans.main).await.doing("planning")?;
    Ok(displayable(&*physical).indent(false).to_string())
}

fn prepared(engine: &Engine, sql: &str, held: &[Held<'_>]) -> Result<Prepared, EngineError> {
    let member: MemberName = "owner".parse().doing("naming a member")?;
    let covered = held.iter().map(|held| Covered { product: held.product.clone(), columns: None });
    let covered: Vec<Covered> = covered.collect();
    let asked = Asked { products: &covered, member: &member, loss: None };
    Ok(prepare(sql, asked, &engine.session(), engine.limits().groups_max)?)
}

async fn files<'a>(held: &'a [Held<'a>]) -> Result<Vec<File<'a>>, EngineError> {
    let mut files = Vec::new();
    for Held { source, row_filter, .. } in held {
        files.push(File { source, row_filter: *row_filter, about: about(&source.file).await? });
    }
    Ok(files)
}

fn shown_keys(exact: &ExactGroups, group: usize) -> Result<Vec<Option<String>>, EngineError> {
    let options = FormatOptions::default().with_null("NULL");
    let mut keys = Vec::new();
    for array in exact.keys.columns() {
        let formatter = ArrayFormatter::try_new(array, &options).doing("showing a key")?;
        keys.push(array.is_valid(group).then(|| formatter.value(group).to_string()));
    }
    Ok(keys)
}
