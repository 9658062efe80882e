//! The refusal: what was refused, by which rule, who may change it, what would work instead.

use maud::{Markup, html};
use weal_domain::{Refusal, RefusalKind};

use super::facts_list;
use super::state::tone_icon;
use crate::messages::{Messages, fill, plain, with_code};
use crate::view::Tone;

/// Whether the refusal is the whole page or stands within one: it decides the headings.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Level {
    Page,
    Section,
}

/// `what` is what was refused ("Your question about Payroll"); `instead_href` does what would work.
pub(crate) fn refusal_box(
    m: &Messages,
    what: &str,
    refusal: &Refusal,
    instead_href: Option<&str>,
    level: Level,
) -> Markup {
    let words = &m.refusal;
    let mut facts = vec![
        (words.what, plain(what)),
        (words.rule, html! { (kind(m, refusal.kind)) " " code { (refusal.code) } }),
    ];
    if let Some(who) = &refusal.changed_by {
        facts.push((words.changed_by, plain(who)));
    }
    html! {
        section.refusal aria-labelledby="refusal-title" {
            div.refusal-head {
                (tone_icon(Tone::Refused))
                @match level {
                    Level::Page => h1 #refusal-title { (words.title) },
                    Level::Section => h2 #refusal-title { (words.title) },
                }
            }
            p.refusal-reason { (with_code(&refusal.reason)) }
            (facts_list(&facts))
            @if refusal.remedy.is_some() || refusal.instead.is_some() {
                div.instead {
                    @match level {
                        Level::Page => h2 { (words.instead) },
                        Level::Section => h3 { (words.instead) },
                    }
                    @if let Some(remedy) = &refusal.remedy { p { (with_code(remedy)) } }
                    @if let Some(mode) = refusal.instead.map(|mode| m.mode(mode)) {
                        p { (fill(words.instead_mode, &[("mode", mode.name), ("leaves", mode.leaves)])) }
                    }
                    @if let Some(href) = instead_href {
                        p { a.button href=(href) { (match refusal.instead {
                            Some(mode) => fill(words.instead_go, &[("mode", m.mode(mode).name)]),
                            None => words.instead_do.to_owned(),
                        }) } }
                    }
                }
            }
        }
    }
}

/// One refusal in a sentence or two, within a list.
pub(crate) fn in_line(refusal: &Refusal) -> Markup {
    html! {
        (with_code(&refusal.reason))
        @if let Some(remedy) = &refusal.remedy { " " (with_code(remedy)) }
    }
}

fn kind(m: &Messages, kind: RefusalKind) -> &'static str {
    match kind {
        RefusalKind::Invalid => m.refusal.kind_invalid,
        RefusalKind::Unauthenticated => m.refusal.kind_unauthenticated,
        RefusalKind::Forbidden => m.refusal.kind_forbidden,
        RefusalKind::NotFound => m.refusal.kind_not_found,
        RefusalKind::Conflict => m.refusal.kind_conflict,
        RefusalKind::TooLarge => m.refusal.kind_too_large,
        RefusalKind::Exhausted => m.refusal.kind_exhausted,
        RefusalKind::Unavailable => m.refusal.kind_unavailable,
    }
}
