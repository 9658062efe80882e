//! Pages that say something and stand in no room: a refusal, not found, a fault, accessibility.

use maud::{Markup, html};
use weal_domain::RefusalKind;

use crate::messages::{Messages, fill_markup, messages};
use crate::parts::layout::{document, head};
use crate::parts::link;
use crate::parts::refusal::{Level, refusal_box};
use crate::paths;
use crate::view::{Chrome, FaultView, RefusalView};

/// What an act answers with when it refuses and there is no form to show it in.
#[must_use]
pub fn refusal(chrome: &Chrome, view: &RefusalView) -> String {
    let m = messages(chrome.language);
    let instead = view.instead_href.as_deref().and_then(crate::parts::safe_href);
    let main = html! {
        (refusal_box(m, &view.what, &view.refusal, instead, Level::Page))
        p.measure { (m.refusal.nothing_lost) }
        p.actions {
            @if view.refusal.kind == RefusalKind::Unauthenticated { (link(paths::SIGN_IN, m.sign_in.submit)) }
            (way_home(chrome, m))
        }
    };
    document(chrome, m.refusal.title, &main)
}

/// Nothing here, or nothing this reader may know of.
#[must_use]
pub fn not_found(chrome: &Chrome) -> String {
    let m = messages(chrome.language);
    let words = &m.not_found;
    let main = html! {
        (head(None, words.title, Some(words.lead)))
        p.actions { (link(paths::CATALOGUE, words.search)) (way_home(chrome, m)) }
    };
    document(chrome, words.title, &main)
}

/// An incident.
#[must_use]
pub fn fault(chrome: &Chrome, view: &FaultView) -> String {
    let m = messages(chrome.language);
    let words = &m.fault;
    let main = html! {
        (head(None, words.title, Some(words.lead)))
        p.measure { (fill_markup(words.id, &[("id", html! { code { (view.id) } })])) }
        p.actions { (way_home(chrome, m)) }
    };
    document(chrome, words.title, &main)
}

fn way_home(chrome: &Chrome, m: &Messages) -> Markup {
    html! {
        @if chrome.person.is_some() { (link(paths::HOME, m.not_found.home)) }
        @else { (link(paths::SIGN_IN, m.sign_in.submit)) }
    }
}

/// `GET /accessibility`
#[must_use]
pub fn accessibility(chrome: &Chrome) -> String {
    let m = messages(chrome.language);
    let words = &m.accessibility;
    let main = html! {
        (head(None, words.title, Some(words.lead)))
        @for (heading, text) in words.sections {
            section { h2 { (heading) } @for paragraph in *text { p.measure { (paragraph) } } }
        }
    };
    document(chrome, words.title, &main)
}
