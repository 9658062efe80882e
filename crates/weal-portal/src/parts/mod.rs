//! What pages are made of: each part is a function from plain values to markup.

pub(crate) mod answer;
pub(crate) mod chart;
pub(crate) mod facts;
pub(crate) mod form;
pub(crate) mod ladder;
pub(crate) mod layout;
pub(crate) mod meter;
pub(crate) mod paging;
pub(crate) mod refusal;
pub(crate) mod state;
pub(crate) mod table;
pub(crate) mod terms;
pub(crate) mod timeline;
pub(crate) mod typical;

use maud::{Markup, html};
use weal_domain::identity::Act;

use crate::messages::{Messages, fill};
use crate::paths;
use crate::view::Chrome;

/// A link's address, only where following it is harmless: a path of this node, or http(s).
///
/// Addresses that peers send us end up in `href`, where `javascript:` would run.
pub(crate) fn safe_href(given: &str) -> Option<&str> {
    // Browsers drop tabs and line ends from addresses and read a backslash as a slash.
    if given.bytes().any(|b| b.is_ascii_control() || b == b'\\') {
        return None;
    }
    let own = given.starts_with('/') && !given.starts_with("//");
    let web = given.starts_with("https://") || given.starts_with("http://");
    (own || web).then_some(given)
}

/// A text cut to `chars_max` characters, with an ellipsis where it was cut.
pub(crate) fn clip(text: &str, chars_max: usize) -> std::borrow::Cow<'_, str> {
    match text.char_indices().nth(chars_max) {
        None => text.into(),
        Some((end, _)) => format!("{}…", text[..end].trim_end()).into(),
    }
}

/// A list of terms and what they are, as rows on wide screens and stacked on narrow ones.
pub(crate) fn facts_list(items: &[(&str, Markup)]) -> Markup {
    html! {
        dl.facts {
            @for (term, what) in items { div { dt { (term) } dd { (what) } } }
        }
    }
}

/// Nothing here yet: says so, and what to do next.
pub(crate) fn empty(text: &str, next: Markup) -> Markup {
    html! { div.empty { p { (text) } p.next { (next) } } }
}

pub(crate) fn link(href: &str, text: &str) -> Markup {
    html! { a href=(href) { (text) } }
}

/// A link that looks like what it is: the next step.
pub(crate) fn step_link(href: &str, text: &str) -> Markup {
    html! { a.button href=(href) { (text) } }
}

/// A ledger entry by its number: a link for those who may read the ledger.
pub(crate) fn entry_link(chrome: &Chrome, m: &Messages, index: u64) -> Markup {
    let text = fill(m.common.entry, &[("index", &m.number(index))]);
    html! { @if chrome.may(Act::ReadLedger) { (link(&paths::entry(index), &text)) } @else { (text) } }
}

/// What does not fit as cards: plain links, so that nothing is out of reach and the page stays light.
pub(crate) fn more_links(m: &Messages, links: impl Iterator<Item = (String, String)>) -> Markup {
    const LINKS_MAX: usize = 120;
    const TEXT_CHARS_MAX: usize = 80;
    let links: Vec<(String, String)> = links.collect();
    html! {
        @if !links.is_empty() {
            ul.more {
                @for (href, text) in links.iter().take(LINKS_MAX) {
                    li { a href=(href) { (clip(text, TEXT_CHARS_MAX)) } }
                }
            }
        }
        @if links.len() > LINKS_MAX { p.hint { (m.count(&m.common.more, (links.len() - LINKS_MAX) as u64)) } }
    }
}
