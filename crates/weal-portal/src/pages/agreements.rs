//! Agreements: what we may use, what others may use of ours, and one agreement in full.

use maud::{Markup, html};
use weal_domain::agreements::Side;
use weal_domain::catalogue::{Mode, ProductRef};
use weal_domain::identity::Act;

use crate::messages::{Messages, code_in_words, fill, fill_markup, messages, plain};
use crate::parts::form::{Field, csrf, error_of, error_summary, hidden, reason, titled};
use crate::parts::layout::{document, head, tabs};
use crate::parts::state::tag;
use crate::parts::table::Table;
use crate::parts::terms::terms;
use crate::parts::timeline::timeline;
use crate::parts::{clip, empty, entry_link, facts_list, link, meter, more_links, step_link};
use crate::paths;
use crate::view::{
    AgreementLine, AgreementState, AgreementView, AgreementsView, Chrome, Names, RevokeView, Tone, UseLine,
};

const POLICY_CHARS_MAX: usize = 12_000;
/// Agreements as cards; further ones as links.
const CARDS_MAX: usize = 14;
/// Uses listed on an agreement's page; the ledger has them all.
const USES_SHOWN_MAX: usize = 50;

/// `GET /agreements`
#[must_use]
pub fn agreements(chrome: &Chrome, view: &AgreementsView) -> String {
    let m = messages(chrome.language);
    let words = &m.agreements;
    let main = html! {
        (agreement_tabs(m, paths::AGREEMENTS))
        (head(None, words.title, Some(words.lead)))
        section aria-labelledby="held" {
            h2 #held { (words.held) }
            @if view.held.is_empty() {
                (empty(words.none_held, step_link(paths::CATALOGUE, words.find)))
            } @else { (lines(m, &view.held)) }
        }
        section aria-labelledby="given" {
            h2 #given { (words.given) }
            @if view.given.is_empty() {
                (empty(words.none_given, link(paths::PRODUCTS, words.see_products)))
            } @else { (lines(m, &view.given)) }
        }
    };
    document(chrome, words.title, &main)
}

pub(crate) fn agreement_tabs(m: &Messages, current: &str) -> Markup {
    let items = [(paths::AGREEMENTS, m.shell.agreements), (paths::NEGOTIATIONS, m.shell.negotiations)];
    tabs(m.shell.agreements, &items, current)
}

fn lines(m: &Messages, lines: &[AgreementLine]) -> Markup {
    html! {
        ul.cards { @for line in lines.iter().take(CARDS_MAX) { (agreement_card(m, line)) } }
        (more_links(m, lines.iter().skip(CARDS_MAX).map(|line| {
            (paths::agreement(&line.id), title(m, line.mode, &line.product))
        })))
    }
}

fn agreement_card(m: &Messages, line: &AgreementLine) -> Markup {
    let words = &m.agreements;
    html! {
        li.card {
            div.card-head {
                h3 { a href=(paths::agreement(&line.id)) { (title(m, line.mode, &line.product)) } }
                (state_tag(m, &line.state))
            }
            p { (line.sentence) }
            @if let Some(budget) = &line.budget { (meter::short(m, budget)) }
            p.sub {
                (line.peer.title) " \u{b7} " (m.count(&words.uses_count, line.uses))
                @if let Some(until) = line.valid_until {
                    " \u{b7} " (fill_markup(words.until, &[("date", m.day(until))]))
                }
            }
        }
    }
}

fn title(m: &Messages, mode: Mode, product: &ProductRef) -> String {
    fill(m.agreements.line_title, &[("mode", m.mode(mode).name), ("product", &product.to_string())])
}

fn state_tag(m: &Messages, state: &AgreementState) -> Markup {
    let words = &m.agreements;
    match state {
        AgreementState::Pending => tag(Tone::Waiting, words.pending),
        AgreementState::InForce => tag(Tone::Allowed, words.in_force),
        AgreementState::Expired { .. } => tag(Tone::Plain, words.expired),
        AgreementState::Revoked { .. } => tag(Tone::Refused, words.revoked),
    }
}

/// `GET /agreements/{id}`, and a revocation that was not accepted.
#[must_use]
pub fn agreement(chrome: &Chrome, view: &AgreementView) -> String {
    let m = messages(chrome.language);
    let words = &m.agreements;
    let agreement = &view.agreement;
    let title = title(m, agreement.mode, &view.product);
    let main = html! {
        (error_summary(m, &view.revoke_errors, str::to_owned))
        (head(Some((paths::AGREEMENTS, m.shell.agreements)), &title, None))
        p.sentence { (view.sentence) }
        p.state { (state_tag(m, &view.state)) span { (state_words(m, &view.state)) } }
        @if view.may_ask { p.actions { (step_link(&paths::ask_under(&agreement.id), words.ask)) } }
        (parties(m, view))
        @if let Some(budget) = &view.budget {
            section aria-labelledby="budget" { h2 #budget { (words.budget) } (meter::meter(m, budget)) }
        }
        (uses(chrome, m, view))
        section aria-labelledby="terms" {
            h2 #terms { (words.terms) }
            details {
                summary { (words.terms_open) }
                (terms(m, agreement.mode, &agreement.terms, &Names::of(&[&view.provider, &view.consumer])))
            }
        }
        section aria-labelledby="timeline" { h2 #timeline { (words.timeline) } (timeline(m, &view.timeline)) }
        @if view.may_revoke { (revoke_form(chrome, m, view)) }
        section aria-labelledby="policy" {
            h2 #policy { (words.policy) }
            details {
                summary { (words.policy_open) }
                pre.code { code { (clip(&view.policy_json, POLICY_CHARS_MAX)) } }
            }
        }
    };
    document(chrome, &titled(m, &title, &view.revoke_errors), &main)
}

fn state_words(m: &Messages, state: &AgreementState) -> Markup {
    let words = &m.agreements;
    match state {
        AgreementState::Pending => plain(words.pending_text),
        AgreementState::InForce => plain(words.in_force_text),
        AgreementState::Expired { at } => fill_markup(words.expired_text, &[("date", m.time(*at))]),
        AgreementState::Revoked { at, by, role, reason } => fill_markup(
            words.revoked_text,
            &[
                ("date", m.time(*at)),
                ("by", plain(&by.title)),
                ("role", plain(&m.role_named(role))),
                ("reason", plain(reason)),
            ],
        ),
    }
}

fn parties(m: &Messages, view: &AgreementView) -> Markup {
    let words = &m.agreements;
    let agreement = &view.agreement;
    let product = paths::product(&view.provider.name, &view.product.product);
    facts_list(&[
        (words.provider, plain(&view.provider.title)),
        (words.consumer, plain(&view.consumer.title)),
        (words.product, link(&product, &view.product_title)),
        (words.purpose, plain(&m.purpose(&agreement.purpose))),
        (words.legal_basis, plain(&m.legal_basis(&agreement.legal_basis))),
        (words.agreed, m.time(agreement.agreed_at)),
        (
            words.valid_until,
            agreement.terms.valid_until.map_or_else(|| plain(m.terms.valid_always), |at| m.time(at)),
        ),
        (words.id, html! { code { (agreement.id) } }),
    ])
}

fn uses(chrome: &Chrome, m: &Messages, view: &AgreementView) -> Markup {
    let words = &m.agreements;
    html! {
        section aria-labelledby="uses" {
            h2 #uses { (words.uses) }
            @if view.uses.is_empty() {
                @if view.may_ask {
                    (empty(words.no_uses, link(&paths::ask_under(&view.agreement.id), words.ask)))
                } @else {
                    (empty(words.no_uses, link(paths::AGREEMENTS, words.all_agreements)))
                }
            } @else {
                p { (m.count(&words.uses_total, view.uses_total)) }
                (uses_table(chrome, m, &view.uses))
                @if chrome.may(Act::ReadLedger) && view.uses_total > view.uses.len().min(USES_SHOWN_MAX) as u64 {
                    p { (link(&paths::ledger_page(Some(crate::view::FactGroup::Uses), 1), words.all_uses)) }
                }
            }
        }
    }
}

fn uses_table(chrome: &Chrome, m: &Messages, uses: &[UseLine]) -> Markup {
    let words = &m.agreements;
    let mut table = Table::new(words.uses)
        .caption_hidden()
        .text(words.use_when)
        .text(words.use_who)
        .text(words.use_result)
        .number(words.use_cost)
        .text(words.use_proof);
    for line in uses.iter().take(USES_SHOWN_MAX) {
        table.row(vec![
            m.time(line.at),
            html! { (line.person) },
            match (&line.refused, line.rows) {
                (Some(code), _) => {
                    html! { (tag(Tone::Refused, words.use_refused)) " " (code_in_words(code)) }
                }
                (None, Some(rows)) => {
                    html! { (tag(Tone::Allowed, words.use_answered)) " " (m.count(&m.product.rows, rows)) }
                }
                (None, None) => tag(Tone::Allowed, words.use_answered),
            },
            html! { (m.loss(line.loss)) },
            entry_link(chrome, m, line.ledger_index),
        ]);
    }
    table.render()
}

fn revoke_form(chrome: &Chrome, m: &Messages, view: &AgreementView) -> Markup {
    let words = &m.agreements;
    let field = Field {
        id: "reason",
        label: words.revoke_reason,
        hint: Some(words.revoke_reason_hint),
        error: error_of(&view.revoke_errors, "reason"),
    };
    let peer = match view.agreement.side {
        Side::Provider => &view.consumer,
        Side::Consumer => &view.provider,
    };
    html! {
        section aria-labelledby="revoke" {
            h2 #revoke { (words.revoke) }
            p.measure { (fill(words.revoke_lead, &[("peer", &peer.title)])) }
            form.panel method="post" action=(paths::revoke(&view.agreement.id)) {
                (csrf(chrome))
                (reason(&field, &view.revoke_reason))
                button.grave type="submit" { (words.revoke_go) }
                p.hint { (words.revoke_hint) }
            }
        }
    }
}

/// The second step of a revocation.
#[must_use]
pub fn revoke(chrome: &Chrome, view: &RevokeView) -> String {
    let m = messages(chrome.language);
    let words = &m.agreements;
    let main = html! {
        (head(Some((&paths::agreement(&view.id), words.back)), words.confirm_title, None))
        p.sentence { (view.sentence) }
        ul.measure {
            li { (fill(words.confirm_at_once, &[("peer", &view.peer.title)])) }
            li { (m.count(&words.confirm_uses, view.uses_total)) }
            li { (words.confirm_for_good) }
        }
        (facts_list(&[(words.revoke_reason, plain(&view.reason))]))
        form method="post" action=(paths::revoke(&view.id)) {
            (csrf(chrome))
            (hidden("reason", &view.reason))
            (hidden("confirm", "yes"))
            p.actions {
                button.grave type="submit" { (words.confirm_go) }
                (link(&paths::agreement(&view.id), words.confirm_keep))
            }
        }
    };
    document(chrome, words.confirm_title, &main)
}
