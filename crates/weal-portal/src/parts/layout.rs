//! The whole document around a page's own content.

use maud::{DOCTYPE, Markup, html};
use weal_domain::identity::{Act, Role};

use super::form::csrf;
use super::state::{mark, tone_icon};
use crate::messages::{Messages, fill, fill_markup, messages};
use crate::paths;
use crate::style;
use crate::view::{Chrome, Section};

/// A full HTML document. `title` is the page's own, without the node's name.
pub(crate) fn document(chrome: &Chrome, title: &str, main: &Markup) -> String {
    let m = messages(chrome.language);
    html! {
        (DOCTYPE)
        html lang=(m.lang) dir=(m.dir) {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                meta name="referrer" content="same-origin";
                title { (title) " \u{2013} " (chrome.node_title) }
                link rel="stylesheet" href=(style::css_path());
                link rel="icon" type="image/svg+xml" href=(style::icon_path());
            }
            body {
                a.skip href="#main" { (m.shell.skip) }
                (header(chrome, m))
                main #main tabindex="-1" {
                    @if let Some(flash) = &chrome.flash {
                        div.flash .(super::state::tone_class(flash.tone)) role="status" {
                            (tone_icon(flash.tone)) p { (flash.text) }
                        }
                    }
                    (main)
                }
                (footer(chrome, m))
            }
        }
    }
    .into_string()
}

fn header(chrome: &Chrome, m: &Messages) -> Markup {
    html! {
        header.top {
            div.bar {
                a.brand href=(paths::HOME) {
                    (mark())
                    span.brand-words {
                        span.brand-node { (chrome.node_title) }
                        @if let Some(ecosystem) = &chrome.ecosystem {
                            " " span.brand-in { (fill(m.shell.in_ecosystem, &[("ecosystem", ecosystem)])) }
                        }
                    }
                }
                @if let Some(person) = &chrome.person {
                    div.who {
                        p {
                            span.who-name { (person.display_name) }
                            " " span.who-roles { (roles(m, &person.roles)) }
                        }
                        form method="post" action=(paths::SIGN_OUT) {
                            (csrf(chrome))
                            button.quiet type="submit" { (m.shell.sign_out) }
                        }
                    }
                }
            }
            @if chrome.person.is_some() {
                nav.sections aria-label=(m.shell.sections) {
                    ul {
                        @for (section, href, words) in sections(chrome, m) {
                            @let current = (chrome.section == Some(section)).then_some("true");
                            li { a href=(href) aria-current=[current] { (words) } }
                        }
                    }
                }
            }
        }
    }
}

/// The sections that this reader can use.
fn sections(chrome: &Chrome, m: &Messages) -> Vec<(Section, &'static str, &'static str)> {
    let mut sections = vec![
        (Section::Home, paths::HOME, m.shell.home),
        (Section::Catalogue, paths::CATALOGUE, m.shell.catalogue),
        (Section::Ask, paths::ASK, m.shell.ask),
        (Section::Agreements, paths::AGREEMENTS, m.shell.agreements),
        (Section::Ledger, paths::LEDGER, m.shell.ledger),
        (Section::Members, paths::MEMBERS, m.shell.members),
    ];
    sections.retain(|(section, ..)| match section {
        Section::Ask => chrome.may(Act::Ask),
        Section::Ledger => chrome.may(Act::ReadLedger),
        _ => true,
    });
    sections
}

fn roles(m: &Messages, roles: &[Role]) -> String {
    let names: Vec<String> = roles.iter().map(|role| m.role(*role).to_owned()).collect();
    m.list(&names)
}

fn footer(chrome: &Chrome, m: &Messages) -> Markup {
    let footer = &chrome.footer;
    let size = m.count(&m.shell.footer_entries, footer.ledger_size);
    html! {
        footer.bottom {
            div.bar {
                p {
                    @if footer.checkpoint_short.is_empty() {
                        (size)
                    } @else {
                        (fill_markup(m.shell.footer_checkpoint, &[
                            ("entries", html! { (size) }),
                            ("checkpoint", html! { code { (footer.checkpoint_short) } }),
                        ]))
                    }
                }
                ul {
                    li { a href=(paths::ACCESSIBILITY) { (m.shell.accessibility) } }
                    li { (fill(m.shell.version, &[("version", &footer.version)])) }
                }
            }
        }
    }
}

/// A page's beginning: where it belongs, its one `h1`, and a first sentence.
pub(crate) fn head(back: Option<(&str, &str)>, title: &str, lead: Option<&str>) -> Markup {
    html! {
        div.head {
            @if let Some((href, text)) = back { p.back { a href=(href) { (text) } } }
            h1 { (title) }
            @if let Some(lead) = lead { p.lead { (lead) } }
        }
    }
}

/// Pages that belong together, one of which is this one.
pub(crate) fn tabs(label: &str, items: &[(&str, &str)], current: &str) -> Markup {
    html! {
        nav.tabs aria-label=(label) {
            ul {
                @for (href, text) in items {
                    li { a href=(href) aria-current=[(*href == current).then_some("page")] { (text) } }
                }
            }
        }
    }
}
