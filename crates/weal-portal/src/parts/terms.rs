//! Terms in plain words.

use maud::{Markup, html};
use weal_domain::catalogue::{Approval, Mode, Terms};
use weal_domain::compute::{BudgetRules, Loss};
use weal_domain::identity::Did;

use super::facts_list;
use crate::messages::{Messages, fill, plain};
use crate::view::Names;

/// More columns, or recipients, than this are counted.
const COLUMNS_NAMED_MAX: usize = 40;
const RECIPIENTS_NAMED_MAX: usize = 20;

pub(crate) fn terms(m: &Messages, mode: Mode, terms: &Terms, names: &Names) -> Markup {
    let words = &m.terms;
    let purposes: Vec<String> = terms.purposes.iter().map(|purpose| m.purpose(purpose)).collect();
    let bases: Vec<String> = terms.legal_bases.iter().map(|basis| m.legal_basis(basis)).collect();
    let mut items = vec![
        (words.leaves, plain(m.mode(mode).leaves)),
        (words.purpose, either(m, &purposes)),
        (words.legal_basis, either(m, &bases)),
        (words.recipients, recipients(m, &terms.recipients, names)),
        (words.roles, roles(m, terms)),
        (words.columns, columns(m, terms.columns.as_deref())),
    ];
    if let Some(filter) = &terms.row_filter {
        items.push((words.row_filter, html! { (words.row_filter_text) " " code { (filter) } }));
    }
    items.push((
        words.valid_until,
        terms.valid_until.map_or_else(|| plain(words.valid_always), |at| m.time(at)),
    ));
    if let Some(n) = terms.uses_per_day_max {
        items.push((words.uses, plain(&m.count(&words.uses_per_day, u64::from(n)))));
    }
    if let Some(budget) = terms.budget {
        items.push((words.budget, plain(&fill(words.budget_text, &[("loss", &m.loss(budget))]))));
    }
    items.extend(budget_rules(m, &terms.budget_rules));
    items.extend([
        (words.retention, plain(&m.count(&words.retention_days, u64::from(terms.retention_days)))),
        (words.disposal, plain(&terms.disposal)),
        (words.service_level, plain(&terms.service_level)),
        (words.liability, plain(&terms.liability)),
        (words.licence, plain(&terms.licence)),
        (
            words.approval,
            plain(match terms.approval {
                Approval::Automatic => words.approval_automatic,
                Approval::Steward => words.approval_steward,
            }),
        ),
    ]);
    items.retain(|(_, what)| !what.0.is_empty());
    facts_list(&items)
}

/// One, or a list of which one is to be chosen.
/// What binds questions beside the agreement's own budget.
fn budget_rules(m: &Messages, rules: &BudgetRules) -> Vec<(&'static str, Markup)> {
    let words = &m.terms;
    let shares = [(rules.member, words.budget_member), (rules.analyst, words.budget_analyst)];
    let share = |(share, text): (Option<Loss>, &str)| {
        share.map(|share| (words.budget_share, plain(&fill(text, &[("loss", &m.loss(share))]))))
    };
    let mut items: Vec<_> = shares.into_iter().filter_map(share).collect();
    if let Some(renewal) = rules.renewal {
        let days = m.count(&words.renewal_days, u64::from(renewal.every_days));
        let text = fill(words.renewal_text, &[("loss", &m.loss(renewal.loss)), ("days", &days)]);
        items.push((words.renewal, plain(&text)));
    }
    items
}

fn either(m: &Messages, names: &[String]) -> Markup {
    match names {
        [only] => plain(only),
        several => html! {
            (m.terms.any_of)
            ul { @for name in several { li { (name) } } }
        },
    }
}

fn recipients(m: &Messages, recipients: &[Did], names: &Names) -> Markup {
    if recipients.is_empty() {
        return plain(m.terms.every_member);
    }
    let named = recipients.iter().take(RECIPIENTS_NAMED_MAX);
    let mut said: Vec<String> = named.map(|did| names.title(did).to_owned()).collect();
    if recipients.len() > RECIPIENTS_NAMED_MAX {
        said.push(m.count(&m.terms.more_recipients, (recipients.len() - RECIPIENTS_NAMED_MAX) as u64));
    }
    plain(&m.list(&said))
}

fn roles(m: &Messages, terms: &Terms) -> Markup {
    let names: Vec<String> =
        terms.roles_allowed().iter().map(|role| (m.role_plural)(*role).to_owned()).collect();
    plain(&m.list(&names))
}

fn columns(m: &Messages, columns: Option<&[String]>) -> Markup {
    match columns {
        None => plain(m.terms.all_columns),
        Some(columns) => html! {
            @for (at, column) in columns.iter().take(COLUMNS_NAMED_MAX).enumerate() {
                @if at > 0 { (m.common.list_comma) }
                code { (column) }
            }
            @if columns.len() > COLUMNS_NAMED_MAX {
                " " (m.count(&m.terms.more_columns, (columns.len() - COLUMNS_NAMED_MAX) as u64))
            }
        },
    }
}
