//! Negotiations: how a request becomes an agreement or does not (room: agreements).

use maud::{Markup, html};
use weal_domain::agreements::Side;

use super::agreements::agreement_tabs;
use crate::messages::{Messages, fill, fill_markup, messages, plain};
use crate::parts::form::{Field, csrf, error_of, error_summary, reason, titled};
use crate::parts::layout::{document, head};
use crate::parts::refusal::{Level, refusal_box};
use crate::parts::state::tag;
use crate::parts::terms::terms;
use crate::parts::timeline::{negotiation_state, negotiation_tone, timeline};
use crate::parts::{empty, facts_list, link, more_links, step_link};
use crate::paths;
use crate::view::{Chrome, Names, NegotiationLine, NegotiationView, NegotiationsView, Tone};

/// Negotiations as cards; further ones as links.
const CARDS_MAX: usize = 20;

/// `GET /negotiations`
#[must_use]
pub fn negotiations(chrome: &Chrome, view: &NegotiationsView) -> String {
    let m = messages(chrome.language);
    let words = &m.negotiations;
    let main = html! {
        (agreement_tabs(m, paths::NEGOTIATIONS))
        (head(None, words.title, Some(words.lead)))
        section aria-labelledby="waiting" {
            h2 #waiting { (words.waiting) }
            @if view.waiting.is_empty() {
                (empty(words.none_waiting, link(paths::AGREEMENTS, words.see_agreements)))
            } @else { (lines(chrome, m, &view.waiting)) }
        }
        section aria-labelledby="others" {
            h2 #others { (words.others) }
            @if view.others.is_empty() {
                (empty(words.none_others, step_link(paths::CATALOGUE, m.agreements.find)))
            } @else { (lines(chrome, m, &view.others)) }
        }
    };
    document(chrome, words.title, &main)
}

fn lines(chrome: &Chrome, m: &Messages, lines: &[NegotiationLine]) -> Markup {
    let words = &m.negotiations;
    html! {
        ul.cards {
            @for line in lines.iter().take(CARDS_MAX) {
                li.card {
                    div.card-head {
                        h3 { a href=(paths::negotiation(&line.id)) { (line_title(m, line)) } }
                        (tag(negotiation_tone(&line.state), &negotiation_state(m, &line.state)))
                    }
                    p { (wants(m, line)) }
                    p.sub {
                        @if let Some(due) = line.due { (m.left(chrome.now, due)) " \u{b7} " }
                        (fill_markup(words.moved, &[("date", m.time(line.updated_at))]))
                    }
                }
            }
        }
        (more_links(m, lines.iter().skip(CARDS_MAX).map(|line| {
            (paths::negotiation(&line.id), line_title(m, line))
        })))
    }
}

fn line_title(m: &Messages, line: &NegotiationLine) -> String {
    title(m, line.side, &line.peer.title, &line.product_title)
}

fn wants(m: &Messages, line: &NegotiationLine) -> String {
    fill(m.negotiations.wants, &[("mode", m.mode(line.mode).name), ("purpose", &m.purpose(&line.purpose))])
}

fn title(m: &Messages, side: Side, peer: &str, product: &str) -> String {
    let text = match side {
        Side::Provider => m.negotiations.they_ask,
        Side::Consumer => m.negotiations.we_ask,
    };
    fill(text, &[("peer", peer), ("product", product)])
}

/// `GET /negotiations/{id}`, and a decision that was not accepted.
#[must_use]
pub fn negotiation(chrome: &Chrome, view: &NegotiationView) -> String {
    let m = messages(chrome.language);
    let words = &m.negotiations;
    let title = title(m, view.side, &view.peer.title, &view.product_title);
    let main = html! {
        (error_summary(m, &view.refuse_errors, str::to_owned))
        (head(Some((paths::NEGOTIATIONS, m.shell.negotiations)), &title, None))
        p.sentence { (view.sentence) }
        p.state {
            (tag(negotiation_tone(&view.state), &negotiation_state(m, &view.state)))
            @if let Some(due) = view.due { span { (m.left(chrome.now, due)) ", " (m.time(due)) } }
        }
        @if let Some(agreement) = &view.agreement {
            p.actions { (step_link(&paths::agreement(agreement), words.see_agreement)) }
        }
        @if let Some(refusal) = &view.refusal {
            @let what = fill(words.refused_what, &[("product", &view.product_title)]);
            @let href = paths::rung(&view.product, refusal.instead);
            (refusal_box(m, &what, refusal, Some(&href), Level::Section))
        }
        // Who asks, in full, before the decision: titles alone can be taken for one another.
        @if view.may_decide { p.sub { code { (view.peer.name) } " " code { (view.peer.did) } } }
        @if view.may_decide { (decide(chrome, m, view)) }
        (facts_list(&[
            (words.peer, html! {
                (view.peer.title) " " span.sub { code { (view.peer.name) } " " code { (view.peer.did) } }
            }),
            (words.product, link(&paths::rung(&view.product, None), &view.product_title)),
            (words.mode, html! { (m.mode(view.mode).name) ": " (m.mode(view.mode).leaves) }),
            (words.purpose, plain(&m.purpose(&view.purpose))),
            (words.legal_basis, plain(&m.legal_basis(&view.legal_basis))),
            (words.id, html! { code { (view.id) } }),
        ]))
        section aria-labelledby="terms" {
            h2 #terms { (m.agreements.terms) }
            details {
                summary { (m.agreements.terms_open) }
                (terms(m, view.mode, &view.terms, &Names::of(&[&view.peer])))
            }
        }
        section aria-labelledby="timeline" { h2 #timeline { (m.agreements.timeline) } (timeline(m, &view.timeline)) }
    };
    document(chrome, &titled(m, &title, &view.refuse_errors), &main)
}

fn decide(chrome: &Chrome, m: &Messages, view: &NegotiationView) -> Markup {
    let words = &m.negotiations;
    let field = Field {
        id: "reason",
        label: words.refuse_reason,
        hint: Some(words.refuse_reason_hint),
        error: error_of(&view.refuse_errors, "reason"),
    };
    html! {
        section aria-labelledby="decide" {
            h2 #decide { (words.decide) }
            div.two {
                form.panel method="post" action=(paths::approve(&view.id)) {
                    h3 { (tag(Tone::Allowed, words.approve)) }
                    p { (fill(words.approve_says, &[("peer", &view.peer.title)])) }
                    (csrf(chrome))
                    button type="submit" { (words.approve_go) }
                }
                form.panel method="post" action=(paths::refuse(&view.id)) {
                    h3 { (tag(Tone::Refused, words.refuse)) }
                    (csrf(chrome))
                    (reason(&field, &view.refuse_reason))
                    button.grave type="submit" { (words.refuse_go) }
                }
            }
        }
    }
}
