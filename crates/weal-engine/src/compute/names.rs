//! Column names as people write them: `SELECT RECID` finds a column `RECID` and `select wage` a `Wage`,
//! without quotes, as long as only one column can be meant.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{
    Expr, Ident, Query, Select, SelectItem, TableAlias, TableFactor, Visit, VisitMut, Visitor, VisitorMut,
};
use weal_domain::catalogue::ProductRef;

/// The columns of every product that a question names.
pub(crate) type Columns = BTreeMap<ProductRef, BTreeSet<String>>;

/// Replaces unquoted column names in `query` by the quoted name of the only column that differs at most in
/// case. Names that the question itself gives (`AS ...`) are left alone.
pub(crate) fn settle_names(query: &mut Query, columns: &Columns) {
    let mut given = Given { columns, aliases: BTreeSet::new(), tables: BTreeMap::new() };
    let _ = Visit::visit(&*query, &mut given);
    let Given { aliases, tables, .. } = given;
    let all = columns.values().flatten().cloned().collect();
    let _ = VisitMut::visit(query, &mut Settle { all, aliases, tables });
}

/// As [`settle_names`], for a condition over one table.
pub(crate) fn settle_condition(condition: &mut Expr, all: BTreeSet<String>) {
    let _ =
        VisitMut::visit(condition, &mut Settle { all, aliases: BTreeSet::new(), tables: BTreeMap::new() });
}

/// Names every column without a name after its own text, as the analyst wrote it: `COUNT(*)` is called so in every
/// heading and sentence, whatever a plan would call it.
pub(crate) fn name_columns(query: &mut Query) {
    let _ = VisitMut::visit(query, &mut Name);
}

struct Name;

impl VisitorMut for Name {
    type Break = ();
    fn pre_visit_select(&mut self, select: &mut Select) -> ControlFlow<()> {
        for item in &mut select.projection {
            let SelectItem::UnnamedExpr(expr) = item else { continue };
            // A column by itself has its own name.
            if !matches!(expr, Expr::Identifier(_) | Expr::CompoundIdentifier(_)) {
                let alias = Ident::with_quote('"', expr.to_string());
                *item = SelectItem::ExprWithAlias { expr: expr.clone(), alias };
            }
        }
        ControlFlow::Continue(())
    }
}

/// The names that a question gives: to columns, and to tables.
struct Given<'a> {
    columns: &'a Columns,
    aliases: BTreeSet<String>,
    tables: BTreeMap<String, &'a BTreeSet<String>>,
}

impl Given<'_> {
    fn take(&mut self, alias: &TableAlias) {
        self.aliases.extend(alias.columns.iter().map(|column| column.name.value.to_lowercase()));
    }
}

impl Visitor for Given<'_> {
    type Break = ();
    fn pre_visit_select(&mut self, select: &Select) -> ControlFlow<()> {
        for item in &select.projection {
            if let SelectItem::ExprWithAlias { alias, .. } = item {
                self.aliases.insert(alias.value.to_lowercase());
            }
        }
        ControlFlow::Continue(())
    }
    fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<()> {
        for cte in query.with.iter().flat_map(|with| &with.cte_tables) {
            self.take(&cte.alias);
        }
        ControlFlow::Continue(())
    }
    fn pre_visit_table_factor(&mut self, factor: &TableFactor) -> ControlFlow<()> {
        if let TableFactor::Derived { alias: Some(alias), .. } = factor {
            self.take(alias);
        }
        if let TableFactor::Table { name, alias, .. } = factor
            && let Ok(product) = name.to_string().to_lowercase().parse::<ProductRef>()
            && let Some(columns) = self.columns.get(&product)
        {
            let called = alias.as_ref().map_or(product.product.as_str(), |alias| alias.name.value.as_str());
            self.tables.insert(called.to_lowercase(), columns);
        }
        ControlFlow::Continue(())
    }
}

struct Settle<'a> {
    all: BTreeSet<String>,
    aliases: BTreeSet<String>,
    tables: BTreeMap<String, &'a BTreeSet<String>>,
}

impl VisitorMut for Settle<'_> {
    type Break = ();
    fn pre_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        match expr {
            Expr::Identifier(ident) if !self.aliases.contains(&ident.value.to_lowercase()) => {
                settle(ident, &self.all)
            }
            Expr::CompoundIdentifier(parts) => {
                if let [.., table, column] = &mut parts[..] {
                    match self.tables.get(&table.value.to_lowercase()) {
                        Some(columns) => settle(column, columns),
                        None if self.aliases.contains(&column.value.to_lowercase()) => {}
                        None => settle(column, &self.all),
                    }
                }
            }
            _ => {}
        }
        ControlFlow::Continue(())
    }
}

fn settle(ident: &mut Ident, columns: &BTreeSet<String>) {
    if ident.quote_style.is_some() {
        return;
    }
    let mut same = columns.iter().filter(|column| column.eq_ignore_ascii_case(&ident.value));
    let found = match (columns.get(&ident.value), same.next(), same.next()) {
        (Some(exact), ..) => Some(exact),
        (None, Some(only), None) => Some(only),
        _ => None,
    };
    if let Some(column) = found {
        *ident = Ident::with_quote('"', column);
    }
}
