//! From a planned question to the few things that a private answer is made of. Whatever is not recognised
//! here is refused by name, before any data is read.

use std::collections::BTreeMap;

use arrow::datatypes::{DataType, Field};
use datafusion::common::{Column, TableReference};
use datafusion::logical_expr::{Aggregate, Expr, GroupingSet, LogicalPlan};
use weal_domain::catalogue::{Column as ProductColumn, PrivacyPolicy};
use weal_domain::{Refusal, RefusalKind};

use super::after::{After, read_above};
use super::derived::{Derived, derived};
use super::groupings::{GROUPING, with_groupings};
use super::measure::Value;
use super::parts::{Fraction, Parts, together};
use super::prepare::Grouping;
use super::relation::{Subject, relation};
use super::safe::{safe, type_of, unsupported};
use super::said::in_sql;
use super::shield::shielded;

/// A key may be a computed text for every row of a batch, so their number bounds the memory they take.
pub(crate) const KEYS_MAX: usize = 16;
/// The loss is shared between them: with more, each would say nothing.
pub(crate) const AGGREGATES_MAX: usize = 64;
const SETS_MAX: usize = 32;

/// What a question asks.
#[derive(Debug, Clone)]
pub(crate) struct Reading {
    pub rows: Rows,
    /// The columns that keys and parts are over, and what is known of them.
    pub described: Vec<ProductColumn>,
    /// What the question calls them, where they are no product's own.
    pub called: BTreeMap<String, String>,
    pub policy: PrivacyPolicy,
    /// WHERE, made safe.
    pub filter: Option<Expr>,
    /// GROUP BY, made safe.
    pub keys: Vec<Expr>,
    /// Of the keys, in their order, as the question writes them.
    pub key_names: Vec<String>,
    /// Of the keys, in their order, as they are released.
    pub key_types: Vec<DataType>,
    /// The groupings that are asked for, by places in `keys`: one, unless it says ROLLUP, CUBE or GROUPING SETS.
    pub sets: Vec<Vec<usize>>,
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

/// What the totals are of.
#[derive(Debug, Clone)]
pub(crate) enum Rows {
    /// A product's own table.
    Table(TableReference),
    /// Steps over tables; see [`super::relation`].
    Steps(LogicalPlan),
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
    /// Subjects that have a row where this is not NULL.
    Present(Expr),
    /// Distinct values of this that are not NULL, at most `rows_per_group_max` brought by each subject.
    Distinct(Expr),
    /// How many values lie in each range of a tree of ranges, at most `rows_per_group_max` of each subject.
    Ranks(Value),
}

/// An aggregate of the question, by the places of its parts.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Estimate {
    Count {
        part: usize,
    },
    /// With a `count`, `part` is a spread, and the sum is what the average is made of: their quotient is the average.
    Sum {
        part: usize,
        count: Option<usize>,
    },
    Average {
        spread: usize,
        count: usize,
    },
    /// `square` is the spread of squared distances; the `sample` variance, or its `root`.
    Variance {
        square: usize,
        spread: usize,
        count: usize,
        sample: bool,
        root: bool,
    },
    Quantile {
        ranks: usize,
        fraction: Fraction,
    },
}

impl Estimate {
    /// The parts that it follows from; the first weighs most.
    pub(crate) fn parts(&self) -> Vec<usize> {
        match *self {
            Estimate::Count { part } | Estimate::Sum { part, count: None } => vec![part],
            Estimate::Sum { part, count: Some(count) } => vec![part, count],
            Estimate::Average { spread, count } => vec![spread, count],
            Estimate::Variance { square, spread, count, .. } => vec![square, spread, count],
            Estimate::Quantile { ranks, .. } => vec![ranks],
        }
    }

    /// The same over parts that stand elsewhere.
    pub(crate) fn over(self, now_at: impl Fn(usize) -> usize) -> Self {
        match self {
            Estimate::Count { part } => Estimate::Count { part: now_at(part) },
            Estimate::Sum { part, count } => Estimate::Sum { part: now_at(part), count: count.map(now_at) },
            Estimate::Average { spread, count } => {
                Estimate::Average { spread: now_at(spread), count: now_at(count) }
            }
            Estimate::Variance { square, spread, count, sample, root } => {
                let (square, spread, count) = (now_at(square), now_at(spread), now_at(count));
                Estimate::Variance { square, spread, count, sample, root }
            }
            Estimate::Quantile { ranks, fraction } => Estimate::Quantile { ranks: now_at(ranks), fraction },
        }
    }
}

/// A column of the answer: the n-th key, the n-th estimate, the n-th arithmetic over estimates, which has an
/// interval, or the n-th of what else is computed from released values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Item {
    Key(usize),
    Estimate(usize),
    Derived(usize),
    Computed(usize),
}

impl Item {
    /// The name of the released column that holds it.
    pub(crate) fn column(self) -> String {
        match self {
            Item::Key(i) => format!("k{i}"),
            Item::Estimate(i) => format!("e{i}"),
            Item::Derived(i) => format!("d{i}"),
            Item::Computed(i) => format!("c{i}"),
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

pub(crate) fn read(plan: &LogicalPlan, subject: Subject<'_>) -> Result<Reading, Refusal> {
    let (above, aggregate) = split(plan)?;
    let reading = read_aggregate(aggregate, subject)?;
    let read = read_outputs(above, aggregate, &reading.key_types, &reading.sets)?;
    let Above { key_names, derived, outputs, after } = read;
    Ok(Reading { key_names, derived, outputs, after, ..reading })
}

/// What is done with what is released.
#[derive(Debug, Clone, Default)]
pub(crate) struct Above {
    pub key_names: Vec<String>,
    pub derived: Vec<Derived>,
    pub outputs: Vec<(String, Item)>,
    pub after: After,
}

/// Reads the nodes above the totals of `aggregate`, the topmost first. Its keys are of these types, and its groupings
/// have these of them.
pub(crate) fn read_outputs(
    above: Vec<&LogicalPlan>,
    aggregate: &Aggregate,
    key_types: &[DataType],
    sets: &[Vec<usize>],
) -> Result<Above, Refusal> {
    let keys = key_types.len();
    let mut read = Above::default();
    // Where there are several groupings, a column of DataFusion's own stands between keys and aggregates.
    let own = usize::from(matches!(aggregate.group_expr[..], [Expr::GroupingSet(_)]));
    let (mut columns, mut released) = (Vec::new(), Vec::new());
    for (i, (qualifier, field)) in aggregate.schema.iter().enumerate() {
        let (item, kind) = match i.checked_sub(keys + own) {
            _ if i >= keys && i < keys + own => (GROUPING.to_owned(), DataType::Int64),
            None => (Item::Key(i).column(), key_types[i].clone()),
            Some(estimate) => (Item::Estimate(estimate).column(), DataType::Float64),
        };
        let stands_for = Expr::Column(Column::new_unqualified(&item));
        columns.push((Column::new(qualifier.cloned(), field.name()), stands_for));
        released.push(Field::new(item, kind, true));
    }
    for (place, node) in above.into_iter().rev().enumerate() {
        read_above(node, &mut columns, &mut read.after)?;
        // What says GROUPING stands directly above the aggregate.
        if place == 0 && own > 0 {
            for (_, expr) in &mut columns {
                *expr = with_groupings(std::mem::take(expr), sets, keys)?;
            }
        }
    }
    for (column, expr) in columns {
        let item = read.item(&expr)?;
        read.outputs.push((column.name, item));
    }
    read.key_names = key_names(aggregate, &read.outputs);
    read.after.make_safe(released)?;
    Ok(read)
}

/// What the keys are called: as the answer's columns are, and those that it does not show by their text.
fn key_names(aggregate: &Aggregate, outputs: &[(String, Item)]) -> Vec<String> {
    let keys = match &aggregate.group_expr[..] {
        [Expr::GroupingSet(sets)] => sets.distinct_expr(),
        keys => keys.iter().collect(),
    };
    let shown = |key: usize| outputs.iter().find(|(_, item)| *item == Item::Key(key));
    let named = keys.into_iter().enumerate();
    named.map(|(key, expr)| shown(key).map_or_else(|| in_sql(expr), |(name, _)| name.clone())).collect()
}

/// What stands above the outermost aggregate, the topmost first, and the aggregate.
pub(crate) fn split(plan: &LogicalPlan) -> Result<(Vec<&LogicalPlan>, &Aggregate), Refusal> {
    let mut above = Vec::new();
    let mut node = plan;
    loop {
        let below = match node {
            LogicalPlan::Aggregate(aggregate) => return Ok((above, aggregate)),
            LogicalPlan::Projection(projection) => &projection.input,
            LogicalPlan::Filter(filter) => &filter.input,
            LogicalPlan::Sort(sort) => &sort.input,
            LogicalPlan::Limit(limit) => &limit.input,
            LogicalPlan::Window(window) => &window.input,
            LogicalPlan::SubqueryAlias(alias) => &alias.input,
            LogicalPlan::TableScan(_) => return Err(rows_asked()),
            other => return Err(unknown_node(other)),
        };
        above.push(node);
        node = below;
    }
}

impl Reading {
    pub(crate) fn keys_of(&self, grouping: &Grouping) -> Vec<Expr> {
        grouping.keys.iter().map(|&key| self.keys[key].clone()).collect()
    }
}

impl Above {
    /// What stands in a column of the answer.
    fn item(&mut self, expr: &Expr) -> Result<Item, Refusal> {
        if let Some(item) = plain_item(expr) {
            return Ok(item);
        }
        if self.derived.len() + self.after.computed.len() == AGGREGATES_MAX {
            return Err(too_wide());
        }
        match derived(expr) {
            Ok(derived) if !derived.estimates().is_empty() => {
                self.derived.push(derived);
                Ok(Item::Derived(self.derived.len() - 1))
            }
            _ => {
                self.after.computed.push(expr.clone());
                Ok(Item::Computed(self.after.computed.len() - 1))
            }
        }
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

fn rows_asked() -> Refusal {
    Refusal::forbidden("rows-not-covered", "The agreement covers private statistics, and this asks for rows.")
        .remedy("Ask for totals: COUNT, SUM, AVG or MEDIAN, with GROUP BY if you like.")
}

pub(crate) fn unknown_node(node: &LogicalPlan) -> Refusal {
    let (what, instead) = match node {
        LogicalPlan::Distinct(_) => ("DISTINCT", "Use GROUP BY."),
        LogicalPlan::Join(_) => {
            ("a join of what was released", "Join the products themselves, or the answers.")
        }
        LogicalPlan::Union(_) => ("UNION, INTERSECT or EXCEPT", "Ask the parts one by one."),
        LogicalPlan::Window(_) => {
            ("OVER (a window function) over rows", "Use GROUP BY first: windows work on what was released.")
        }
        LogicalPlan::Limit(_) | LogicalPlan::Sort(_) => {
            ("LIMIT in an inner SELECT", "Put LIMIT at the end of the question.")
        }
        LogicalPlan::Aggregate(_) => (
            "an aggregate of an answer",
            "Group the inner SELECT by the subject as well, or compute with the answer.",
        ),
        LogicalPlan::Values(_) | LogicalPlan::EmptyRelation(_) => {
            ("VALUES or no table", "Name one product after FROM.")
        }
        _ => ("this kind of query", "Write SELECT ... FROM one product WHERE ... GROUP BY ..."),
    };
    unsupported(what, instead)
}

fn read_aggregate(aggregate: &Aggregate, subject: Subject<'_>) -> Result<Reading, Refusal> {
    let relation = relation(&aggregate.input, subject)?;
    let (asked, sets) = groupings(&aggregate.group_expr)?;
    if asked.len() > KEYS_MAX || sets.len() > SETS_MAX || aggregate.aggr_expr.len() > AGGREGATES_MAX {
        return Err(too_wide());
    }
    let mut keys = Vec::new();
    for key in asked {
        let over_rows = relation.over_rows(key)?;
        if relation.tells_subjects_apart(&over_rows) {
            return Err(groups_of_one(&in_sql(key), subject.name));
        }
        keys.push(shielded(safe(&over_rows, relation.schema())?, relation.schema())?);
    }
    let Some(policy) = relation.policy.clone() else {
        return Err(unsupported("totals of public values alone", "Name a product after FROM."));
    };
    let mut parts = Parts { parts: Vec::new(), relation: &relation, policy: &policy };
    let estimates =
        aggregate.aggr_expr.iter().map(|expr| parts.estimate(expr)).collect::<Result<Vec<_>, _>>();
    let estimates = estimates.map_err(|refusal| relation.in_words(refusal, subject.name))?;
    let (parts, estimates) = together(parts.parts, estimates);
    let key_types = keys.iter().map(|key| type_of(key, relation.schema())).collect::<Result<_, _>>()?;
    let called = relation.called(subject.name);
    Ok(Reading {
        rows: match relation.rows {
            LogicalPlan::TableScan(scan) if relation.is_table => Rows::Table(scan.table_name),
            steps => Rows::Steps(steps),
        },
        called,
        described: relation.described,
        policy,
        filter: relation.conditions.into_iter().reduce(Expr::and),
        keys,
        key_names: Vec::new(),
        key_types,
        sets,
        parts,
        estimates,
        derived: Vec::new(),
        outputs: Vec::new(),
        after: After::default(),
    })
}

/// Groups of one subject each are never shown: known from the text alone, so nothing is read or charged to say so.
fn groups_of_one(key: &str, subject: &str) -> Refusal {
    let reason = format!(
        "Each group by `{key}` would be one subject, and groups of so few are never shown: the answer would be empty."
    );
    Refusal::invalid("groups-of-one", reason).remedy(format!(
        "Leave `{key}` out of GROUP BY; to count subjects write COUNT(DISTINCT {subject}). What each has in all can be \
         asked about from outside: SELECT AVG(n) FROM (SELECT {subject}, COUNT(*) AS n FROM ... GROUP BY {subject})."
    ))
}

/// The keys of a GROUP BY, each once, and which of them each grouping has.
fn groupings(group: &[Expr]) -> Result<(Vec<&Expr>, Vec<Vec<usize>>), Refusal> {
    let [Expr::GroupingSet(sets)] = group else {
        return Ok((group.iter().collect(), vec![(0..group.len()).collect()]));
    };
    let keys = sets.distinct_expr();
    let all: Vec<Vec<&Expr>> = match sets {
        GroupingSet::Rollup(of) => (0..=of.len()).rev().map(|count| of[..count].iter().collect()).collect(),
        GroupingSet::Cube(of) if of.len() > KEYS_MAX => return Err(too_wide()),
        GroupingSet::Cube(of) => {
            let chosen = |mask: usize| (0..of.len()).filter(move |place| mask >> place & 1 == 1);
            (0..1_usize << of.len())
                .rev()
                .map(|mask| chosen(mask).map(|place| &of[place]).collect())
                .collect()
        }
        GroupingSet::GroupingSets(sets) => sets.iter().map(|set| set.iter().collect()).collect(),
    };
    let place = |key: &Expr| keys.iter().position(|known| *known == key);
    let places = all.iter().map(|set| set.iter().filter_map(|key| place(key)).collect());
    Ok((keys.clone(), places.collect()))
}

pub(crate) fn too_wide() -> Refusal {
    let reason = format!(
        "A private question groups by at most {KEYS_MAX} keys in at most {SETS_MAX} ways and asks for at most {AGGREGATES_MAX} totals."
    );
    Refusal::new(RefusalKind::TooLarge, "question-too-wide", reason).remedy("Ask several questions.")
}
