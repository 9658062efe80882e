//! The ladder: seven rungs, from the catalogue entry to rows. Which are offered, which you hold, what
//! would leave the owner's node on each, and what stands between you and it.

use maud::{Markup, html};
use weal_domain::catalogue::{Approval, Mode, OfferId, Terms};
use weal_domain::identity::Act;

use super::form::{Field, csrf, error_of, hidden, select};
use super::refusal::in_line;
use super::state::{open_tag, tag};
use super::terms::terms;
use super::{link, step_link};
use crate::messages::{Messages, fill, fill_markup, plain};
use crate::paths;
use crate::view::{Chrome, ProductView, RungState, Tone};

pub(crate) fn ladder(chrome: &Chrome, m: &Messages, view: &ProductView) -> Markup {
    html! {
        ol.ladder {
            @for mode in Mode::LADDER {
                @let state = view.rungs.iter().find(|rung| rung.mode == mode).map(|rung| &rung.state);
                (rung(chrome, m, view, mode, state.unwrap_or(&RungState::NotOffered)))
            }
        }
    }
}

fn rung(chrome: &Chrome, m: &Messages, view: &ProductView, mode: Mode, state: &RungState) -> Markup {
    let words = m.mode(mode);
    let (class, tag) = standing(m, view, mode, state);
    html! {
        li.rung .(class) #{ "rung-" (mode.rung()) } {
            span.rung-number aria-hidden="true" { (mode.rung()) }
            div.rung-body {
                div.rung-head {
                    h3 { (words.name) " " span.jargon { "(" (words.jargon) ")" } }
                    (tag)
                }
                dl.facts {
                    div { dt { (m.ladder.leaves) } dd { (words.leaves) } }
                    div { dt { (m.ladder.between) } dd { (between(m, view, mode, state)) } }
                }
                (next(chrome, m, view, mode, state))
            }
        }
    }
}

/// The catalogue entry is read by whoever reads this page; no agreement is needed for it.
fn is_read_now(mode: Mode, state: &RungState) -> bool {
    mode == Mode::Metadata && !matches!(state, RungState::Held { .. })
}

/// The rung's class and its tag.
fn standing(m: &Messages, view: &ProductView, mode: Mode, state: &RungState) -> (&'static str, Markup) {
    let words = &m.ladder;
    match state {
        _ if is_read_now(mode, state) => ("held", tag(Tone::Allowed, words.reading)),
        RungState::NotOffered => ("absent", tag(Tone::Plain, words.not_offered)),
        RungState::Offered { .. } if view.own => ("offered", tag(Tone::Allowed, words.you_offer)),
        RungState::Offered { .. } => ("offered", open_tag(words.offered)),
        RungState::Closed { .. } => ("closed", tag(Tone::Refused, words.closed)),
        RungState::Waiting { .. } => ("waiting", tag(Tone::Waiting, words.waiting)),
        RungState::Held { .. } => ("held", tag(Tone::Allowed, words.held)),
    }
}

fn between(m: &Messages, view: &ProductView, mode: Mode, state: &RungState) -> Markup {
    let words = &m.ladder;
    match state {
        _ if is_read_now(mode, state) => plain(words.between_reading),
        RungState::NotOffered if view.own => plain(words.between_own_absent),
        RungState::NotOffered => plain(&fill(words.between_absent, &[("owner", &view.owner.title)])),
        RungState::Offered { .. } if view.own => plain(words.between_own),
        RungState::Offered { terms, .. } => match terms.approval {
            Approval::Automatic => plain(words.between_automatic),
            Approval::Steward => plain(&fill(words.between_steward, &[("owner", &view.owner.title)])),
        },
        RungState::Closed { why } => in_line(why),
        RungState::Waiting { since, .. } => fill_markup(
            words.between_waiting,
            &[("owner", plain(&view.owner.title)), ("date", m.time(*since))],
        ),
        RungState::Held { valid_until: Some(until), .. } => {
            fill_markup(words.between_held_until, &[("date", m.day(*until))])
        }
        RungState::Held { valid_until: None, .. } => plain(words.between_held),
    }
}

fn next(chrome: &Chrome, m: &Messages, view: &ProductView, mode: Mode, state: &RungState) -> Markup {
    let words = &m.ladder;
    match state {
        RungState::NotOffered | RungState::Closed { .. } => html! {},
        _ if is_read_now(mode, state) => html! {},
        RungState::Waiting { negotiation, .. } => {
            html! { p { (link(&paths::negotiation(negotiation), words.see_negotiation)) } }
        }
        RungState::Held { agreement, .. } => html! {
            p.actions {
                @if matches!(mode, Mode::Statistics | Mode::Extract) {
                    (step_link(&paths::ask_under(agreement), words.ask))
                }
                (link(&paths::agreement(agreement), words.see_agreement))
            }
        },
        RungState::Offered { terms: offered, .. } if view.own || !chrome.may(Act::Request) => html! {
            details { summary { (words.terms) } (terms(m, mode, offered, &view.names)) }
            @if !view.own { p.hint { (words.may_not_request) } }
        },
        RungState::Offered { offer, terms: offered } => request(chrome, m, view, mode, offer, offered),
    }
}

/// The request form; open where it was sent and is to be mended.
fn request(
    chrome: &Chrome,
    m: &Messages,
    view: &ProductView,
    mode: Mode,
    offer: &OfferId,
    offered: &Terms,
) -> Markup {
    let words = &m.ladder;
    let draft = view.draft.as_ref().filter(|draft| draft.offer == *offer);
    let errors = draft.map_or(&[][..], |draft| &draft.errors);
    let purposes: Vec<_> =
        offered.purposes.iter().map(|purpose| (purpose.to_string(), m.purpose(purpose))).collect();
    let bases: Vec<_> =
        offered.legal_bases.iter().map(|basis| (basis.to_string(), m.legal_basis(basis))).collect();
    let (purpose_id, basis_id) = (field_id("purpose", mode), field_id("legal_basis", mode));
    let purpose = Field {
        id: &purpose_id,
        label: words.purpose,
        hint: Some(words.purpose_hint),
        error: error_of(errors, "purpose"),
    };
    let basis = Field {
        id: &basis_id,
        label: words.legal_basis,
        hint: Some(words.legal_basis_hint),
        error: error_of(errors, "legal_basis"),
    };
    let chosen = draft.and_then(|draft| draft.purpose.as_ref()).map(|purpose| purpose.as_str());
    let chosen_basis = draft.and_then(|draft| draft.legal_basis.as_ref()).map(|basis| basis.as_str());
    html! {
        details open[draft.is_some()] {
            summary { (words.terms) }
            (terms(m, mode, offered, &view.names))
        }
        details.request open[draft.is_some()] {
            summary { (fill(words.ask_for, &[("mode", m.mode(mode).name)])) }
            form method="post" action=(paths::REQUEST) {
                (csrf(chrome))
                (hidden("once", &view.once))
                (hidden("offer", offer.as_str()))
                (hidden("member", view.owner.name.as_str()))
                (hidden("product", view.product.as_str()))
                (select(&purpose, "purpose", m.form.choose, &purposes, chosen))
                (select(&basis, "legal_basis", m.form.choose, &bases, chosen_basis))
                button type="submit" { (words.send) }
                p.hint { (words.send_hint) }
            }
        }
    }
}

/// The id of a field of the request form of one rung; there may be several such forms on a page.
pub(crate) fn field_id(field: &str, mode: Mode) -> String {
    format!("{field}-{}", mode.rung())
}

/// Seven small steps, for cards: which are offered and which are held. Words must stand beside it.
pub(crate) fn steps(offered: &[Mode], held: &[Mode]) -> Markup {
    html! {
        svg.steps viewBox="0 0 104 24" width="104" height="24" aria-hidden="true" focusable="false" {
            @for mode in Mode::LADDER {
                @let rung = u32::from(mode.rung());
                @let class = step_class(mode, offered, held);
                rect .(class) x=(1 + (rung - 1) * 15) y=(20 - rung * 2) width="11" height=(2 + rung * 2) {}
            }
        }
    }
}

fn step_class(mode: Mode, offered: &[Mode], held: &[Mode]) -> &'static str {
    if held.contains(&mode) {
        "step-held"
    } else if offered.contains(&mode) {
        "step-offered"
    } else {
        "step-absent"
    }
}
