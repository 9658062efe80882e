//! What waits for me, then what changed.

use maud::{Markup, html};
use weal_domain::identity::Act;

use crate::messages::{Messages, fill, fill_markup, messages};
use crate::parts::facts::fact;
use crate::parts::layout::{document, head};
use crate::parts::state::tag;
use crate::parts::{empty, entry_link, link, step_link};
use crate::paths;
use crate::view::{Chrome, Decision, DecisionKind, HomeView, Tone};

/// The count above the list tells all; whoever has more than this decides the first ones first.
const DECISIONS_SHOWN_MAX: usize = 30;
const CHANGES_SHOWN_MAX: usize = 30;
const DAY_SECONDS: i64 = 86_400;

/// `GET /`
#[must_use]
pub fn home(chrome: &Chrome, view: &HomeView) -> String {
    let m = messages(chrome.language);
    let words = &m.home;
    let count = view.decisions.len() as u64;
    let lead = (count > 0).then(|| m.count(&words.waiting_count, count));
    let main = html! {
        (head(None, words.title, lead.as_deref()))
        @if view.decisions.is_empty() {
            (nothing_waits(m, view))
        } @else {
            @let shown = view.decisions.iter().take(DECISIONS_SHOWN_MAX);
            ol.decisions { @for decision in shown { (waiting(chrome, m, decision)) } }
        }
        (changes(chrome, m, view))
    };
    document(chrome, words.title, &main)
}

fn nothing_waits(m: &Messages, view: &HomeView) -> Markup {
    let words = &m.home;
    let (text, next) = if !view.has_joined {
        (words.not_joined, link(paths::MEMBERS, words.see_members))
    } else if !view.has_products {
        (
            words.no_products,
            html! {
                (step_link(paths::CATALOGUE, words.find)) (link(paths::PRODUCTS, words.how_to_publish))
            },
        )
    } else {
        (words.nothing_waits, step_link(paths::CATALOGUE, words.find))
    };
    empty(text, html! { (next) })
}

fn waiting(chrome: &Chrome, m: &Messages, decision: &Decision) -> Markup {
    let said = say(m, &decision.kind);
    let soon = decision.due.is_some_and(|due| due.as_second() - chrome.now.as_second() < DAY_SECONDS);
    html! {
        li.decision {
            div.decision-words {
                h2 { a href=(said.href) { (said.title) } }
                p { (said.detail) }
            }
            div.clock {
                @if let Some(due) = decision.due {
                    (tag(if soon { Tone::Attention } else { Tone::Waiting }, &m.left(chrome.now, due)))
                    p.hint { (fill_markup(m.home.due, &[("date", m.time(due))])) }
                } @else {
                    p.hint { (fill_markup(m.home.since, &[("date", m.time(decision.since))])) }
                }
            }
        }
    }
}

struct Said {
    title: String,
    detail: String,
    href: String,
}

fn say(m: &Messages, kind: &DecisionKind) -> Said {
    let words = &m.home;
    match kind {
        DecisionKind::Request { negotiation, from, product_title, mode, purpose } => {
            let values = [
                ("from", from.title.as_str()),
                ("about", m.mode(*mode).about),
                ("product", product_title),
                ("purpose", &m.purpose(purpose)),
            ];
            Said {
                title: fill(words.request, &values),
                detail: fill(words.request_detail, &values),
                href: paths::negotiation(negotiation),
            }
        }
        DecisionKind::Admission { applicant } => Said {
            title: fill(words.admission, &[("from", &applicant.title)]),
            detail: words.admission_detail.to_owned(),
            href: paths::MEMBERS.to_owned(),
        },
        DecisionKind::AgreementEnds { agreement, product, peer } => {
            let values = [("product", product.to_string()), ("peer", peer.title.clone())];
            let values = values.each_ref().map(|(key, value)| (*key, value.as_str()));
            Said {
                title: fill(words.ends, &values),
                detail: fill(words.ends_detail, &values),
                href: paths::agreement(agreement),
            }
        }
        DecisionKind::BudgetLow { agreement, product, meter } => Said {
            title: fill(words.budget_low, &[("product", &product.to_string())]),
            detail: fill(
                words.budget_low_detail,
                &[("spent", &m.loss(meter.spent)), ("granted", &m.loss(meter.granted))],
            ),
            href: paths::agreement(agreement),
        },
        DecisionKind::ProductStale { product, product_title, owner } => Said {
            title: fill(words.stale, &[("product", product_title)]),
            detail: fill(words.stale_detail, &[("name", product.as_str())]),
            href: paths::product(&owner.name, product),
        },
    }
}

fn changes(chrome: &Chrome, m: &Messages, view: &HomeView) -> Markup {
    let words = &m.home;
    let may_read = chrome.may(Act::ReadLedger);
    html! {
        section aria-labelledby="changes" {
            h2 #changes {
                @match view.since {
                    Some(since) => (fill_markup(words.changed_since, &[("date", m.time(since))])),
                    None => (words.changed),
                }
            }
            @if view.changes.is_empty() {
                (empty(words.no_changes, link(paths::CATALOGUE, words.find)))
            } @else {
                ol.changes {
                    @for line in view.changes.iter().take(CHANGES_SHOWN_MAX) {
                        li {
                            p { (fact(m, &line.entry, &view.names)) }
                            p.when { (m.time(line.entry.at)) br; (entry_link(chrome, m, line.index)) }
                        }
                    }
                }
                @if may_read { p { (link(paths::LEDGER, words.see_ledger)) } }
            }
        }
    }
}
