//! From one question to a question for each owner, and to what is done with their answers.

use std::collections::{BTreeMap, BTreeSet};

use arrow::datatypes::{DataType, Field, Schema};
use datafusion::common::{Column, DFSchema, TableReference};
use datafusion::logical_expr::expr::AggregateFunction;
use datafusion::logical_expr::utils::split_conjunction;
use datafusion::logical_expr::{Aggregate, Expr, LogicalPlan};
use datafusion::sql::sqlparser::ast::Ident;
use datafusion::sql::unparser::expr_to_sql;
use weal_domain::Refusal;
use weal_domain::catalogue::{Column as ProductColumn, ColumnKind, Identifying, ProductRef};
use weal_domain::identity::MemberName;

use super::super::deep::on_deep_stack;
use super::super::names::{Columns, name_columns, settle_names};
use super::super::options::Options;
use super::super::question::look_at;
use super::super::reading::{AGGREGATES_MAX, Above, KEYS_MAX, read_outputs, split, too_wide, unknown_node};
use super::super::refuse::{planning, refuse_shapes, refuse_zero_divisors};
use super::super::relation::{names_of, substitute};
use super::super::safe::{safe, unsupported};
use super::super::said::in_sql;
use super::super::schema::{plan, schema_of};
use super::super::sql::parse_with_options;
use super::union::{ROWS, Selection, Union, taken_apart};

/// What the rows of one owner are called in the question to it.
const STACKED: &str = "stacked";

/// A question over products of several owners, as each is asked its part.
#[derive(Debug, Clone)]
pub struct Split {
    parts: Vec<SplitPart>,
    /// Of the keys, as they are released.
    pub(super) key_types: Vec<DataType>,
    /// How each aggregate follows from the numbers of each owner.
    pub(super) totals: Vec<Total>,
    /// How many numbers each owner gives for a group.
    pub(super) numbers: usize,
    pub(super) above: Above,
}

/// The question to one owner.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SplitPart {
    pub member: MemberName,
    pub products: Vec<ProductRef>,
    /// Asks for keys and totals, the numbers as they are drawn.
    pub sql: String,
}

/// An aggregate by the places of its numbers, which every owner gives in the same order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Total {
    Count {
        at: usize,
    },
    Sum {
        at: usize,
    },
    /// The sum of distances from a middle at `at`, the count behind it.
    Average {
        at: usize,
    },
    /// Squares, distances and count, from `at` on.
    Variance {
        at: usize,
        sample: bool,
        root: bool,
    },
}

impl Total {
    fn of(name: &str, at: usize) -> Option<(Self, usize)> {
        let variance = |sample, root| (Total::Variance { at, sample, root }, 3);
        Some(match name {
            "count" => (Total::Count { at }, 1),
            "sum" => (Total::Sum { at }, 1),
            "avg" => (Total::Average { at }, 2),
            "var" | "var_samp" => variance(true, false),
            "var_pop" => variance(false, false),
            "stddev" | "stddev_samp" => variance(true, true),
            "stddev_pop" => variance(false, true),
            _ => return None,
        })
    }
}

impl Split {
    /// One for each owner, in the order of the question.
    #[must_use]
    pub fn parts(&self) -> &[SplitPart] {
        &self.parts
    }
}

/// Splits a question between the owners of its products; `None` where there is one owner. `columns` are those of each
/// product, as far as its agreement covers them. Nothing is asked of anybody.
pub fn split_between_owners(
    sql: &str,
    columns: &BTreeMap<ProductRef, Vec<ProductColumn>>,
) -> Result<Option<Split>, Refusal> {
    on_deep_stack(|| split_here(sql, columns))
}

fn split_here(
    sql: &str,
    columns: &BTreeMap<ProductRef, Vec<ProductColumn>>,
) -> Result<Option<Split>, Refusal> {
    let (query, options) = parse_with_options(sql)?;
    let members: BTreeSet<_> = look_at(&query)?.tables.into_iter().map(|product| product.member).collect();
    if members.len() < 2 {
        return Ok(None);
    }
    options.refuse_withheld()?;
    refuse_shapes(&query)?;
    refuse_zero_divisors(&query)?;
    let Union { mut outer, mut selections } = taken_apart(query)?;
    name_columns(&mut outer);
    let stacked = stacked(&mut selections, columns)?;
    let known = stacked.described();
    let rows = ProductRef { member: selections[0].member.clone(), product: stand_in_product()? };
    let names = stacked.fields.iter().map(|field| field.name().clone()).collect();
    settle_names(&mut outer, &Columns::from([(rows, names)]));
    let schema = Schema::new(stacked.fields.clone());
    let planned = plan(outer, [(TableReference::bare(ROWS), schema.into())])
        .map_err(|error| planning(&error, "the UNION ALL", &known, &known))?;
    let (above, aggregate) = split(&planned).map_err(|_| no_totals())?;
    let asked = Asked::of(aggregate, &stacked)?;
    let key_types: Vec<DataType> =
        (0..asked.keys.len()).map(|key| aggregate.schema.field(key).data_type().clone()).collect();
    let above = read_outputs(above, aggregate, &key_types, &[])?;
    let parts = parts_of(&selections, &options, &asked, &stacked);
    Ok(Some(Split { parts, key_types, totals: asked.totals, numbers: asked.numbers, above }))
}

fn stand_in_product() -> Result<weal_domain::catalogue::ProductName, Refusal> {
    "rows".parse().map_err(|_| no_totals())
}

/// The columns of the stacked rows: what the question calls them, and what the questions to owners do.
struct Stacked {
    fields: Vec<Field>,
    called: Vec<String>,
}

impl Stacked {
    fn described(&self) -> Vec<ProductColumn> {
        let column = |field: &Field| ProductColumn {
            name: field.name().clone(),
            kind: ColumnKind::Text,
            nullable: true,
            identifying: Identifying::No,
            description: None,
        };
        self.fields.iter().map(column).collect()
    }

    /// As the questions to owners have them.
    fn schema(&self) -> Result<DFSchema, Refusal> {
        let fields = self.fields.iter().zip(&self.called);
        let fields = fields.map(|(field, name)| Field::new(name, field.data_type().clone(), true));
        DFSchema::try_from(Schema::new(fields.collect::<Vec<_>>()))
            .map_err(|_| unsupported("a UNION ALL with these columns", "Give each column a name of its own."))
    }
}

/// Plans each SELECT over its own products, settles its names, and finds the columns that all have in common.
fn stacked(
    selections: &mut [Selection],
    columns: &BTreeMap<ProductRef, Vec<ProductColumn>>,
) -> Result<Stacked, Refusal> {
    let mut fields: Vec<Field> = Vec::new();
    for (place, selection) in selections.iter_mut().enumerate() {
        let known = |product: &ProductRef| columns.get(product).cloned().unwrap_or_default();
        let tables: Vec<_> = selection.products.iter().map(|product| (product, known(product))).collect();
        let names = tables.iter().map(|(product, columns)| {
            ((*product).clone(), columns.iter().map(|column| column.name.clone()).collect())
        });
        settle_names(&mut selection.query, &names.collect());
        let schemas = tables.iter().map(|(product, columns)| {
            (TableReference::partial(product.member.as_str(), product.product.as_str()), schema_of(columns))
        });
        let planned = plan(selection.query.clone(), schemas).map_err(|error| {
            let about: Vec<String> = tables.iter().map(|(product, _)| product.to_string()).collect();
            let all: Vec<ProductColumn> = tables.iter().flat_map(|(_, columns)| columns.clone()).collect();
            planning(&error, &about.join(" and "), &all, &all)
        })?;
        let own: Vec<Field> = planned.schema().fields().iter().map(|field| field.as_ref().clone()).collect();
        fields = match place {
            0 => own,
            _ => common(&fields, &own, &selection.member)?,
        };
    }
    let is_plain = |name: &str| {
        let mut bytes = name.bytes();
        bytes.next().is_some_and(|first| first.is_ascii_lowercase())
            && bytes.all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
    };
    let alike = |name: &str| fields.iter().filter(|field| field.name() == name).count();
    let called = fields.iter().enumerate().map(|(place, field)| match field.name() {
        name if is_plain(name) && alike(name) == 1 => name.clone(),
        _ => format!("column {place}"),
    });
    Ok(Stacked { called: called.collect(), fields })
}

/// The columns of two SELECTs, stacked: in their order, under the names of the first.
fn common(one: &[Field], other: &[Field], member: &MemberName) -> Result<Vec<Field>, Refusal> {
    if one.len() != other.len() {
        let reason = "The SELECTs of the UNION ALL have different numbers of columns.";
        return Err(Refusal::invalid("columns-differ", reason).remedy("Select the same columns in each."));
    }
    let is_number = |kind: &DataType| matches!(kind, DataType::Int64 | DataType::Float64);
    let pairs = one.iter().zip(other).map(|(one, other)| {
        let kind = match (one.data_type(), other.data_type()) {
            (kind, same) if kind == same => kind.clone(),
            (DataType::Null, kind) | (kind, DataType::Null) => kind.clone(),
            (number, same) if is_number(number) && is_number(same) => DataType::Float64,
            _ => {
                let reason =
                    format!("`{}` and what stands there of {member} are of different kinds.", one.name());
                return Err(Refusal::invalid("columns-differ", reason)
                    .remedy("Use CAST, so that the same kind stands in each SELECT."));
            }
        };
        Ok(Field::new(one.name(), kind, true))
    });
    pairs.collect()
}

/// What each owner is asked, over the columns of the stacked rows.
struct Asked {
    keys: Vec<String>,
    conditions: Vec<String>,
    /// Each once.
    aggregates: Vec<String>,
    totals: Vec<Total>,
    numbers: usize,
}

impl Asked {
    fn of(aggregate: &Aggregate, stacked: &Stacked) -> Result<Self, Refusal> {
        let schema = stacked.schema()?;
        let below = Below::of(&aggregate.input, stacked)?;
        if aggregate.group_expr.len() > KEYS_MAX || aggregate.aggr_expr.len() > AGGREGATES_MAX {
            return Err(too_wide());
        }
        let mut asked = Asked {
            keys: Vec::new(),
            conditions: below
                .conditions
                .iter()
                .map(|each| written(each, &schema))
                .collect::<Result<_, _>>()?,
            aggregates: Vec::new(),
            totals: Vec::new(),
            numbers: 0,
        };
        for key in &aggregate.group_expr {
            if matches!(key, Expr::GroupingSet(_)) {
                return Err(not_over_owners("ROLLUP, CUBE or GROUPING SETS", "Ask each grouping by itself."));
            }
            asked.keys.push(written(&below.over_rows(key)?, &schema)?);
        }
        let mut places = BTreeMap::new();
        for expr in &aggregate.aggr_expr {
            let (name, text) = aggregate_text(expr, &below, &schema)?;
            let known = places.get(&text).copied();
            let at = known.unwrap_or(asked.numbers);
            let (total, width) = Total::of(&name, at).ok_or_else(|| not_added(&name))?;
            if known.is_none() {
                places.insert(text.clone(), at);
                asked.aggregates.push(text);
                asked.numbers += width;
            }
            asked.totals.push(total);
        }
        Ok(asked)
    }
}

/// An aggregate's name, and its text as an owner is asked for it.
fn aggregate_text(expr: &Expr, below: &Below, schema: &DFSchema) -> Result<(String, String), Refusal> {
    let call = match expr {
        Expr::Alias(alias) => return aggregate_text(&alias.expr, below, schema),
        Expr::AggregateFunction(call) => call,
        other => {
            return Err(unsupported(&format!("`{}` as an aggregate", in_sql(other)), "Simplify it."));
        }
    };
    let name = call.func.name();
    if call.params.distinct {
        return Err(not_over_owners(
            "DISTINCT inside an aggregate",
            "No owner can tell which of its values another has as well. Ask each owner by itself.",
        ));
    }
    let plain = call.params.order_by.is_empty() && call.params.null_treatment.is_none();
    if !plain || Total::of(name, 0).is_none() {
        return Err(not_added(name));
    }
    let whole = below.over_rows(expr)?;
    if let Expr::AggregateFunction(AggregateFunction { params, .. }) = &whole {
        for inner in params.args.iter().chain(params.filter.as_deref()) {
            safe(inner, schema)?;
        }
    }
    Ok((name.to_owned(), sql_of(&whole)?))
}

/// An expression over the stacked rows, as SQL, where it is one of a private question.
fn written(expr: &Expr, schema: &DFSchema) -> Result<String, Refusal> {
    safe(expr, schema)?;
    sql_of(expr)
}

fn sql_of(expr: &Expr) -> Result<String, Refusal> {
    let text = expr_to_sql(expr);
    text.map(|text| text.to_string())
        .map_err(|_| not_over_owners("this expression", "Put it inside each SELECT of the UNION ALL."))
}

/// What stands between the stacked rows and the totals.
struct Below {
    /// What each visible column is, over the stacked rows.
    columns: Vec<(Column, Expr)>,
    conditions: Vec<Expr>,
}

impl Below {
    fn of(plan: &LogicalPlan, stacked: &Stacked) -> Result<Self, Refusal> {
        match plan {
            LogicalPlan::TableScan(scan) if scan.filters.is_empty() && scan.fetch.is_none() => {
                let own = |name: &String| Expr::Column(Column::new_unqualified(name));
                let columns = names_of(&scan.projected_schema).zip(stacked.called.iter().map(own));
                Ok(Self { columns: columns.collect(), conditions: Vec::new() })
            }
            LogicalPlan::SubqueryAlias(alias) => {
                let below = Self::of(&alias.input, stacked)?;
                let columns =
                    names_of(&alias.schema).zip(below.columns).map(|(name, (_, expr))| (name, expr));
                Ok(Self { columns: columns.collect(), conditions: below.conditions })
            }
            LogicalPlan::Filter(filter) => {
                let mut below = Self::of(&filter.input, stacked)?;
                for condition in split_conjunction(&filter.predicate) {
                    below.conditions.push(below.over_rows(condition)?);
                }
                Ok(below)
            }
            LogicalPlan::Projection(projection) => {
                let below = Self::of(&projection.input, stacked)?;
                let columns = names_of(&projection.schema).zip(&projection.expr);
                let columns = columns.map(|(name, expr)| Ok((name, below.over_rows(expr)?)));
                let columns = columns.collect::<Result<_, Refusal>>()?;
                Ok(Self { columns, ..below })
            }
            // The order of rows means nothing to totals.
            LogicalPlan::Sort(sort) if sort.fetch.is_none() => Self::of(&sort.input, stacked),
            LogicalPlan::Aggregate(_) | LogicalPlan::Distinct(_) | LogicalPlan::Join(_) => {
                Err(not_over_owners(
                    "a step that brings rows of several owners together",
                    "Put GROUP BY the subject, DISTINCT and joins inside each SELECT of the UNION ALL.",
                ))
            }
            other => Err(unknown_node(other)),
        }
    }

    fn over_rows(&self, expr: &Expr) -> Result<Expr, Refusal> {
        substitute(expr, &self.columns)
    }
}

/// The question to each owner.
fn parts_of(selections: &[Selection], options: &Options, asked: &Asked, stacked: &Stacked) -> Vec<SplitPart> {
    let options = options.clone().drawn().printed();
    let keys = asked.keys.iter().enumerate().map(|(place, key)| format!("{key} AS k{place}"));
    let totals = asked.aggregates.iter().enumerate().map(|(place, total)| format!("{total} AS t{place}"));
    let list: Vec<String> = keys.chain(totals).collect();
    let called: Vec<String> =
        stacked.called.iter().map(|name| Ident::with_quote('"', name).to_string()).collect();
    let mut tail = String::new();
    if !asked.conditions.is_empty() {
        tail.push_str(&format!(" WHERE {}", asked.conditions.join(" AND ")));
    }
    if !asked.keys.is_empty() {
        let places: Vec<String> = (1..=asked.keys.len()).map(|place| place.to_string()).collect();
        tail.push_str(&format!(" GROUP BY {}", places.join(", ")));
    }
    let mut parts: Vec<(MemberName, Vec<&Selection>)> = Vec::new();
    for selection in selections {
        match parts.iter_mut().find(|(member, _)| *member == selection.member) {
            Some((_, own)) => own.push(selection),
            None => parts.push((selection.member.clone(), vec![selection])),
        }
    }
    let part = |(member, own): (MemberName, Vec<&Selection>)| {
        let products: BTreeSet<_> =
            own.iter().flat_map(|selection| selection.products.iter().cloned()).collect();
        let rows: Vec<String> = own.iter().map(|selection| selection_text(selection)).collect();
        let rows = rows.join(" UNION ALL ");
        let sql = format!(
            "SELECT {options} {} FROM ({rows}) AS {STACKED} ({}){tail}",
            list.join(", "),
            called.join(", ")
        );
        SplitPart { member, products: products.into_iter().collect(), sql }
    };
    parts.into_iter().map(part).collect()
}

/// Its text as part of a UNION ALL.
fn selection_text(selection: &Selection) -> String {
    match selection.query.with {
        Some(_) => format!("({})", selection.query),
        None => selection.query.to_string(),
    }
}

fn no_totals() -> Refusal {
    Refusal::invalid("owners-without-totals", "Over products of several owners only totals can be asked privately.").remedy(
        "Put the UNION ALL after FROM, and COUNT, SUM or AVG with GROUP BY around it: \
         `SELECT region, COUNT(*) FROM (SELECT region FROM one.product UNION ALL SELECT region FROM other.product) \
         AS both GROUP BY region`.",
    )
}

fn not_over_owners(what: &str, instead: &str) -> Refusal {
    let mut letters = what.chars();
    let what: String = letters.next().into_iter().flat_map(char::to_uppercase).chain(letters).collect();
    let reason = format!("{what} cannot be used over products of several owners.");
    Refusal::invalid("not-over-owners", reason).remedy(instead)
}

/// What no two releases can be added to.
fn not_added(name: &str) -> Refusal {
    let what = name.to_uppercase();
    not_over_owners(
        &what,
        "It cannot be worked out from what each owner releases. Use COUNT, SUM, AVG, VAR or STDDEV; for a quantile \
         count who lies below, `SUM(CASE WHEN x < 1000 THEN 1 ELSE 0 END)`; or ask each owner by itself.",
    )
}
