//! The charter and the members' register.

use maud::{Markup, html};
use weal_domain::governance::{Charter, Standing};

use crate::messages::{Messages, fill, messages, plain, with_code};
use crate::parts::form::csrf;
use crate::parts::layout::{document, head, tabs};
use crate::parts::state::tag;
use crate::parts::table::Table;
use crate::parts::{clip, empty, facts_list, safe_href};
use crate::paths;
use crate::view::{Chrome, MemberLine, MembersView, Tone};

const MEMBERS_SHOWN_MAX: usize = 60;
const CHARTER_CHARS_MAX: usize = 20_000;

/// `GET /members`
#[must_use]
pub fn members(chrome: &Chrome, view: &MembersView) -> String {
    let m = messages(chrome.language);
    let words = &m.members;
    let title = chrome.ecosystem.as_deref().unwrap_or(words.title);
    let main = html! {
        (member_tabs(m, paths::MEMBERS))
        (head(None, title, Some(words.lead)))
        section aria-labelledby="members" {
            h2 #members { (words.register) }
            @if view.members.is_empty() {
                (empty(words.none, with_code(words.none_next)))
            } @else { (register(chrome, m, view)) }
        }
        section aria-labelledby="charter" {
            h2 #charter { (words.charter) }
            @match &view.charter {
                Some(charter) => (charter_text(m, charter, view)),
                None => (empty(words.no_charter, with_code(words.none_next))),
            }
        }
    };
    document(chrome, words.title, &main)
}

/// Who belongs here, and what is signed about it.
pub(crate) fn member_tabs(m: &Messages, current: &str) -> Markup {
    let items = [(paths::MEMBERS, m.shell.members), (paths::CREDENTIALS, m.shell.credentials)];
    tabs(m.shell.members, &items, current)
}

fn register(chrome: &Chrome, m: &Messages, view: &MembersView) -> Markup {
    let words = &m.members;
    let mut table = Table::new(words.register)
        .caption_hidden()
        .text(words.member)
        .text(words.standing)
        .text(words.since)
        .text(words.node);
    if view.may_admit {
        table = table.text(words.decision);
    }
    for line in view.members.iter().take(MEMBERS_SHOWN_MAX) {
        let mut cells = member_cells(m, line);
        if view.may_admit {
            cells.push(admit(chrome, m, line));
        }
        table.row(cells);
    }
    let hidden = view.members.len().saturating_sub(MEMBERS_SHOWN_MAX);
    html! {
        (table.render())
        @if hidden > 0 { p.hint { (m.count(&m.common.more, hidden as u64)) } }
    }
}

fn member_cells(m: &Messages, line: &MemberLine) -> Vec<Markup> {
    let words = &m.members;
    let member = &line.member;
    let (tone, standing) = match member.standing {
        Standing::Applied => (Tone::Waiting, words.applied),
        Standing::Good => (Tone::Allowed, words.good),
        Standing::Suspended => (Tone::Refused, words.suspended),
        Standing::Left => (Tone::Plain, words.left),
    };
    vec![
        html! { (member.title) @if line.own { " " (words.this_node) } " " span.sub { code { (member.name) } } },
        tag(tone, standing),
        m.day(member.since),
        html! {
            div.address {
                @match safe_href(&member.origin) {
                    Some(href) => a href=(href) rel="noreferrer" { (href.trim_start_matches("https://")) },
                    None => (member.origin),
                }
                " " span.sub { code { (member.did) } }
            }
        },
    ]
}

fn admit(chrome: &Chrome, m: &Messages, line: &MemberLine) -> Markup {
    let words = &m.members;
    html! {
        @if line.member.standing == Standing::Applied {
            form method="post" action=(paths::admit(&line.member.did)) {
                (csrf(chrome))
                button type="submit" { (words.admit) span.unseen { " " (line.member.title) } }
            }
            form method="post" action=(paths::decline(&line.member.did)) {
                (csrf(chrome))
                button.second type="submit" { (words.decline) span.unseen { " " (line.member.title) } }
            }
        } @else { (m.common.dash) }
    }
}

fn charter_text(m: &Messages, charter: &Charter, view: &MembersView) -> Markup {
    let words = &m.members;
    let purposes: Vec<String> = charter.purposes.iter().map(|purpose| m.purpose(purpose)).collect();
    let body =
        view.governing_body.as_ref().map_or(charter.governing_body.as_str(), |body| body.title.as_str());
    let version = fill(words.version_text, &[("version", &m.number(u64::from(charter.version)))]);
    let text = clip(&charter.text, CHARTER_CHARS_MAX);
    let paragraphs = text.split("\n\n").map(str::trim).filter(|paragraph| !paragraph.is_empty());
    html! {
        (facts_list(&[
            (words.charter_name, plain(&charter.name)),
            (words.governing_body, plain(body)),
            (words.version, html! { (version) " " (m.day(charter.adopted_at)) }),
            (words.purposes, html! { ul { @for purpose in &purposes { li { (purpose) } } } }),
        ]))
        div.charter { @for paragraph in paragraphs { p { (paragraph) } } }
    }
}
