//! What a question is about, before anybody decides how to answer it.

use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::sync::LazyLock;

use datafusion::functions_aggregate::all_default_aggregate_functions;
use datafusion::sql::sqlparser::ast::{
    Expr, Function, GroupByExpr, ObjectName, Query, Select, SetExpr, TableFactor, Visit, Visitor,
};
use weal_domain::Refusal;
use weal_domain::catalogue::ProductRef;

use super::sql::parse_question;

/// What a question asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    /// Every product named, once each, in order of name.
    pub tables: Vec<ProductRef>,
    /// Whether it asks for totals (aggregates or groups) rather than rows.
    pub aggregates: bool,
}

/// Reads one `SELECT` and refuses everything else, before anything is planned.
pub fn read_question(sql: &str) -> Result<Question, Refusal> {
    look_at(&*parse_question(sql)?)
}

pub(crate) fn look_at(query: &Query) -> Result<Question, Refusal> {
    let mut look = Look { ctes: BTreeSet::new(), tables: BTreeSet::new(), aggregates: false };
    match query.visit(&mut look) {
        ControlFlow::Break(refusal) => Err(*refusal),
        ControlFlow::Continue(()) if look.tables.is_empty() => {
            Err(Refusal::invalid("no-product", "The question names no product.")
                .remedy("Name one after FROM as member.product, for example `FROM revenue.payroll`."))
        }
        ControlFlow::Continue(()) => {
            Ok(Question { tables: look.tables.into_iter().collect(), aggregates: look.aggregates })
        }
    }
}

struct Look {
    ctes: BTreeSet<String>,
    tables: BTreeSet<ProductRef>,
    aggregates: bool,
}

type Flow = ControlFlow<Box<Refusal>>;

impl Visitor for Look {
    type Break = Box<Refusal>;

    fn pre_visit_query(&mut self, query: &Query) -> Flow {
        for cte in query.with.iter().flat_map(|with| &with.cte_tables) {
            self.ctes.insert(cte.alias.name.value.to_lowercase());
        }
        let recursive = query.with.as_ref().is_some_and(|with| with.recursive);
        refuse_if(recursive, "WITH RECURSIVE", "Write the steps out as separate questions.")?;
        refuse_if(!query.locks.is_empty(), "FOR UPDATE", "Leave it out: a question changes nothing.")?;
        refuse_if(
            query.for_clause.is_some(),
            "FOR XML or JSON",
            "Choose the format of the answer when you ask.",
        )?;
        refuse_if(query.settings.is_some(), "SETTINGS", "Leave it out.")?;
        refuse_if(query.format_clause.is_some(), "FORMAT", "Choose the format of the answer when you ask.")?;
        refuse_if(!query.pipe_operators.is_empty(), "|>", "Write an ordinary SELECT.")?;
        let body =
            matches!(*query.body, SetExpr::Select(_) | SetExpr::Query(_) | SetExpr::SetOperation { .. });
        let values = matches!(*query.body, SetExpr::Values(_));
        refuse_if(!body && !values, "this statement", "Write a SELECT.")
    }

    fn pre_visit_select(&mut self, select: &Select) -> Flow {
        refuse_if(select.into.is_some(), "SELECT INTO", "Leave INTO out: a question stores nothing.")?;
        refuse_if(!select.lateral_views.is_empty(), "LATERAL VIEW", "Leave it out.")?;
        refuse_if(!select.connect_by.is_empty(), "CONNECT BY", "Leave it out.")?;
        self.aggregates |= match &select.group_by {
            GroupByExpr::All(_) => true,
            GroupByExpr::Expressions(keys, _) => !keys.is_empty(),
        };
        self.aggregates |= select.having.is_some();
        ControlFlow::Continue(())
    }

    fn pre_visit_relation(&mut self, name: &ObjectName) -> Flow {
        let parts: Vec<_> = name.0.iter().filter_map(|part| part.as_ident()).collect();
        if let [only] = parts[..]
            && self.ctes.contains(&only.value.to_lowercase())
        {
            return ControlFlow::Continue(());
        }
        let product = match parts[..] {
            [member, product] if name.0.len() == 2 => {
                format!("{}.{}", member.value.to_lowercase(), product.value.to_lowercase()).parse().ok()
            }
            _ => None,
        };
        match product {
            Some(product) => {
                self.tables.insert(product);
                ControlFlow::Continue(())
            }
            None => ControlFlow::Break(Box::new(
                Refusal::invalid("not-a-product", format!("`{name}` is not the name of a product."))
                    .remedy("Name products as member.product, for example `revenue.payroll`; `weal search` finds them."),
            )),
        }
    }

    fn pre_visit_table_factor(&mut self, factor: &TableFactor) -> Flow {
        let plain = match factor {
            TableFactor::Table { args, .. } => args.is_none(),
            TableFactor::Derived { .. } | TableFactor::NestedJoin { .. } => true,
            _ => false,
        };
        refuse_if(!plain, "a table function", "Name products after FROM, as member.product.")
    }

    fn pre_visit_expr(&mut self, expr: &Expr) -> Flow {
        if let Expr::Function(function) = expr {
            self.aggregates |= function.over.is_none() && is_aggregate(function);
        }
        ControlFlow::Continue(())
    }
}

fn refuse_if(found: bool, what: &str, remedy: &str) -> Flow {
    if found {
        let reason = format!("{what} cannot be part of a question.");
        ControlFlow::Break(Box::new(Refusal::invalid("not-a-question", reason).remedy(remedy)))
    } else {
        ControlFlow::Continue(())
    }
}

fn is_aggregate(function: &Function) -> bool {
    static NAMES: LazyLock<BTreeSet<String>> = LazyLock::new(|| {
        let all = all_default_aggregate_functions();
        let aliases = all.iter().flat_map(|f| f.aliases().iter().cloned().chain([f.name().to_owned()]));
        aliases.map(|name| name.to_lowercase()).collect()
    });
    NAMES.contains(&function.name.to_string().to_lowercase())
}
