//! The one UNION ALL of a question that puts rows of several owners together, taken out of its text.

use std::collections::{BTreeMap, BTreeSet};
use std::mem::replace;
use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::helpers::attached_token::AttachedToken;
use datafusion::sql::sqlparser::ast::{
    Cte, Ident, ObjectName, Query, SelectItem, SetExpr, SetOperator, SetQuantifier, TableFactor, Visit,
    VisitMut, Visitor, VisitorMut, With,
};
use weal_domain::Refusal;
use weal_domain::catalogue::ProductRef;
use weal_domain::identity::MemberName;

use super::super::sql::parse_question;

/// What stands in the question where its rows come from. No product is called so.
pub(super) const ROWS: &str = "rows of several owners";

/// A question, and where its rows come from.
#[derive(Debug)]
pub(super) struct Union {
    /// The question over [`ROWS`].
    pub outer: Box<Query>,
    /// What the UNION ALL stacks, in its order.
    pub selections: Vec<Selection>,
}

/// One SELECT of the UNION ALL, with the WITH that it needs.
#[derive(Debug, Clone)]
pub(super) struct Selection {
    pub query: Box<Query>,
    pub member: MemberName,
    pub products: BTreeSet<ProductRef>,
}

/// Takes the UNION ALL out of a question about products of several owners.
pub(super) fn taken_apart(mut outer: Box<Query>) -> Result<Union, Refusal> {
    let mut named = Named::default();
    if Visit::visit(&*outer, &mut named).is_break() {
        return Err(Refusal::invalid("named-twice", "WITH gives one name twice.").remedy("Name each once."));
    }
    let mut find = Find { named: &named, found: Vec::new(), stand_in: stand_in()? };
    let _ = VisitMut::visit(&mut *outer, &mut find);
    let Ok([stacked]) = <[Vec<SetExpr>; 1]>::try_from(find.found) else { return Err(not_stacked()) };
    if Relations::of(&*outer).iter().any(|name| product(name).is_some()) {
        return Err(not_stacked());
    }
    let selections = stacked.into_iter().map(|body| selection(body, &named)).collect::<Result<_, _>>()?;
    Ok(Union { outer, selections })
}

fn selection(body: SetExpr, named: &Named) -> Result<Selection, Refusal> {
    let products = products_in(&body, named);
    let mut members = products.iter().map(|product| product.member.clone());
    let member = members.next().ok_or_else(not_stacked)?;
    if members.any(|other| other != member) {
        return Err(not_stacked());
    }
    if stars(&body) {
        let reason = "`*` stands in a UNION ALL of products of several owners.";
        return Err(Refusal::invalid("columns-not-named", reason)
            .remedy("Name the columns in each SELECT: two owners need not have theirs in the same order."));
    }
    let mut query = parse_question("SELECT 1 FROM one.product")?;
    query.body = Box::new(body);
    let with_token = AttachedToken::empty();
    query.with = Some(With { with_token, recursive: false, cte_tables: named.all.clone() });
    prune(&mut query);
    Ok(Selection { query, member, products })
}

fn stand_in() -> Result<SetExpr, Refusal> {
    let text = format!("SELECT * FROM {}", Ident::with_quote('"', ROWS));
    Ok(*parse_question(&text)?.body)
}

fn not_stacked() -> Refusal {
    let reason = "The question puts products of several owners together otherwise than by one UNION ALL.";
    Refusal::invalid("owners-not-stacked", reason).remedy(
        "Write `SELECT ... FROM (SELECT ... FROM one.product UNION ALL SELECT ... FROM other.product) AS both \
         GROUP BY ...`. Rows of different owners are never joined.",
    )
}

/// What is said WITH names.
#[derive(Debug, Default)]
struct Named {
    all: Vec<Cte>,
    /// Places in `all`, by names in small letters.
    by_name: BTreeMap<String, usize>,
}

impl Visitor for Named {
    type Break = ();
    fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<()> {
        for cte in query.with.iter().flat_map(|with| &with.cte_tables) {
            if self.by_name.insert(called(&cte.alias.name), self.all.len()).is_some() {
                return ControlFlow::Break(());
            }
            self.all.push(cte.clone());
        }
        ControlFlow::Continue(())
    }
}

fn called(name: &Ident) -> String {
    name.value.to_lowercase()
}

/// The tables that something names, as they are written.
#[derive(Debug, Default)]
struct Relations(Vec<ObjectName>);

impl Visitor for Relations {
    type Break = ();
    fn pre_visit_relation(&mut self, name: &ObjectName) -> ControlFlow<()> {
        self.0.push(name.clone());
        ControlFlow::Continue(())
    }
}

impl Relations {
    fn of(what: &impl Visit) -> Vec<ObjectName> {
        let mut found = Relations::default();
        let _ = what.visit(&mut found);
        found.0
    }
}

/// The name of what a WITH may name.
fn short(name: &ObjectName) -> Option<String> {
    match &name.0[..] {
        [only] => only.as_ident().map(called),
        _ => None,
    }
}

fn product(name: &ObjectName) -> Option<ProductRef> {
    match &name.0[..] {
        [member, product] => {
            format!("{}.{}", called(member.as_ident()?), called(product.as_ident()?)).parse().ok()
        }
        _ => None,
    }
}

/// The products that something is about, by whatever names.
fn products_in(what: &impl Visit, named: &Named) -> BTreeSet<ProductRef> {
    let (mut found, mut seen) = (BTreeSet::new(), BTreeSet::new());
    let mut open = Relations::of(what);
    while let Some(name) = open.pop() {
        match short(&name).and_then(|name| named.by_name.get(&name)) {
            Some(place) if seen.insert(*place) => open.extend(Relations::of(&*named.all[*place].query)),
            Some(_) => {}
            None => found.extend(product(&name)),
        }
    }
    found
}

/// Leaves out of WITH what nothing names any more.
fn prune(query: &mut Query) {
    let Some(mut with) = query.with.take() else { return };
    let mut needed: BTreeSet<String> = Relations::of(&*query).iter().filter_map(short).collect();
    // What is named later may name what stands before it.
    for cte in with.cte_tables.iter().rev() {
        if needed.contains(&called(&cte.alias.name)) {
            needed.extend(Relations::of(&*cte.query).iter().filter_map(short));
        }
    }
    with.cte_tables.retain(|cte| needed.contains(&called(&cte.alias.name)));
    query.with = Some(with).filter(|with| !with.cte_tables.is_empty());
}

/// Finds each UNION ALL whose parts are of several members, and puts the stand-in in its place.
struct Find<'a> {
    named: &'a Named,
    found: Vec<Vec<SetExpr>>,
    stand_in: SetExpr,
}

impl VisitorMut for Find<'_> {
    type Break = ();
    fn pre_visit_query(&mut self, query: &mut Query) -> ControlFlow<()> {
        if !matches!(*query.body, SetExpr::SetOperation { .. }) {
            return ControlFlow::Continue(());
        }
        let products = products_in(&*query.body, self.named);
        let members: BTreeSet<_> = products.iter().map(|product| &product.member).collect();
        if members.len() > 1 {
            let mut stacked = Vec::new();
            unstack(replace(&mut *query.body, self.stand_in.clone()), &mut stacked);
            self.found.push(stacked);
        }
        ControlFlow::Continue(())
    }
    /// Nothing above needs what only the parts of the UNION ALL did.
    fn post_visit_query(&mut self, query: &mut Query) -> ControlFlow<()> {
        prune(query);
        ControlFlow::Continue(())
    }
}

fn unstack(body: SetExpr, parts: &mut Vec<SetExpr>) {
    match body {
        SetExpr::SetOperation { op: SetOperator::Union, set_quantifier: SetQuantifier::All, left, right } => {
            unstack(*left, parts);
            unstack(*right, parts);
        }
        other => parts.push(other),
    }
}

/// Whether it selects all columns of a product, whatever they are.
fn stars(body: &SetExpr) -> bool {
    let select = match body {
        SetExpr::Select(select) => select,
        SetExpr::Query(query) => return stars(&query.body),
        _ => return false,
    };
    let is_star =
        |item: &SelectItem| matches!(item, SelectItem::Wildcard(_) | SelectItem::QualifiedWildcard(..));
    let is_product =
        |factor: &TableFactor| matches!(factor, TableFactor::Table { name, .. } if product(name).is_some());
    let mut from = select.from.iter().flat_map(|table| {
        std::iter::once(&table.relation).chain(table.joins.iter().map(|join| &join.relation))
    });
    select.projection.iter().any(is_star) && from.any(is_product)
}
