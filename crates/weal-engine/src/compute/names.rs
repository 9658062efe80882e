//! Column names as people write them: `SELECT RECID` finds a column `RECID` and `select wage` a `Wage`,
//! without quotes, as long as only one column can be meant.

use std::collections::BTreeSet;
use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{Expr, Ident, Query, SelectItem, Visit, VisitMut, Visitor, VisitorMut};

/// Replaces unquoted column names in `query` by the quoted name of the only column that differs at most in
/// case. Names that the question itself gives (`AS ...`) are left alone.
pub(crate) fn settle_names(query: &mut Query, columns: &BTreeSet<String>) {
    let mut given = Given(BTreeSet::new());
    let _ = Visit::visit(&*query, &mut given);
    let _ = VisitMut::visit(query, &mut Settle { columns, given: given.0 });
}

pub(crate) fn settle_condition(condition: &mut Expr, columns: &BTreeSet<String>) {
    let _ = VisitMut::visit(condition, &mut Settle { columns, given: BTreeSet::new() });
}

struct Given(BTreeSet<String>);

impl Visitor for Given {
    type Break = ();
    fn pre_visit_select(&mut self, select: &datafusion::sql::sqlparser::ast::Select) -> ControlFlow<()> {
        for item in &select.projection {
            if let SelectItem::ExprWithAlias { alias, .. } = item {
                self.0.insert(alias.value.to_lowercase());
            }
        }
        ControlFlow::Continue(())
    }
}

struct Settle<'a> {
    columns: &'a BTreeSet<String>,
    given: BTreeSet<String>,
}

impl Settle<'_> {
    fn settle(&self, ident: &mut Ident) {
        if ident.quote_style.is_some() {
            return;
        }
        let mut same = self.columns.iter().filter(|column| column.eq_ignore_ascii_case(&ident.value));
        let exact = self.columns.get(&ident.value);
        let found = match (exact, same.next(), same.next()) {
            (Some(exact), ..) => Some(exact),
            (None, Some(only), None) => Some(only),
            _ => None,
        };
        if let Some(column) = found {
            *ident = Ident::with_quote('"', column);
        }
    }
}

impl VisitorMut for Settle<'_> {
    type Break = ();
    fn pre_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        match expr {
            Expr::Identifier(ident) if !self.given.contains(&ident.value.to_lowercase()) => {
                self.settle(ident)
            }
            Expr::CompoundIdentifier(parts) => {
                if let Some(last) = parts.last_mut() {
                    self.settle(last);
                }
            }
            _ => {}
        }
        ControlFlow::Continue(())
    }
}
