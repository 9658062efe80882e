//! The ledger in plain words, and the proof of one entry.

use maud::{Markup, html};

use crate::messages::{Messages, fill, messages, plain, with_code};
use crate::parts::facts::{actor, fact};
use crate::parts::layout::{document, head};
use crate::parts::paging::paging;
use crate::parts::state::{tag, tone_class, tone_icon};
use crate::parts::table::Table;
use crate::parts::{clip, empty, facts_list, link};
use crate::paths;
use crate::view::{CheckpointView, Chrome, EntryCheck, EntryView, FactGroup, LedgerView, Tone};

/// A page of entries is the node's choice; more than this is never drawn.
const ENTRIES_SHOWN_MAX: usize = 100;
const BODY_CHARS_MAX: usize = 12_000;

/// `GET /ledger?kind=&page=`
#[must_use]
pub fn ledger(chrome: &Chrome, view: &LedgerView) -> String {
    let m = messages(chrome.language);
    let words = &m.ledger;
    let main = html! {
        (head(None, words.title, Some(words.lead)))
        (filter(m, view.filter.kind))
        section aria-labelledby="entries" {
            h2 #entries { (m.count(&words.entries, view.paging.total)) }
            @if view.entries.is_empty() {
                @if view.filter.kind.is_some() { (empty(words.none_of_kind, link(paths::LEDGER, words.all))) }
                @else { (empty(words.none, link(paths::CATALOGUE, m.home.find))) }
            } @else {
                (entries(m, view))
                (paging(m, view.paging, |page| paths::ledger_page(view.filter.kind, page)))
            }
        }
        @if let Some(checkpoint) = &view.checkpoint { (checkpoint_section(m, checkpoint)) }
    };
    document(chrome, words.title, &main)
}

fn filter(m: &Messages, chosen: Option<FactGroup>) -> Markup {
    let words = &m.ledger;
    html! {
        nav.tabs aria-label=(words.filter) {
            ul {
                @for kind in std::iter::once(None).chain(FactGroup::ALL.map(Some)) {
                    @let current = (chosen == kind).then_some("page");
                    @let name = kind.map_or(words.all, |kind| group_name(m, kind));
                    li { a href=(paths::ledger_page(kind, 1)) aria-current=[current] { (name) } }
                }
            }
        }
    }
}

fn group_name(m: &Messages, group: FactGroup) -> &'static str {
    match group {
        FactGroup::Uses => m.ledger.uses,
        FactGroup::Agreements => m.ledger.agreements,
        FactGroup::Catalogue => m.ledger.catalogue,
        FactGroup::Governance => m.ledger.governance,
        FactGroup::House => m.ledger.house,
    }
}

fn entries(m: &Messages, view: &LedgerView) -> Markup {
    let words = &m.ledger;
    let mut table = Table::new(words.title)
        .caption_hidden()
        .number(words.index)
        .text(words.what)
        .text(words.when)
        .text(words.who);
    for line in view.entries.iter().take(ENTRIES_SHOWN_MAX) {
        table.row(vec![
            html! { a href=(paths::entry(line.index)) { span.unseen { (words.entry) " " } (m.number(line.index)) } },
            fact(m, &line.entry, &view.names),
            m.time(line.entry.at),
            actor(m, &line.entry, &view.names),
        ]);
    }
    table.render()
}

fn checkpoint_section(m: &Messages, checkpoint: &CheckpointView) -> Markup {
    let words = &m.ledger;
    html! {
        section aria-labelledby="checkpoint" {
            h2 #checkpoint { (words.checkpoint) }
            p.measure { (words.checkpoint_lead) }
            (facts_list(&[
                (words.origin, html! { code { (checkpoint.origin) } }),
                (words.size, plain(&m.count(&words.entries, checkpoint.size))),
                (words.root, html! { code { (checkpoint.root) } }),
            ]))
            details {
                summary { (words.note_open) }
                pre.code { code { (checkpoint.note) } }
            }
        }
    }
}

/// `GET /ledger/{index}`
#[must_use]
pub fn entry(chrome: &Chrome, view: &EntryView) -> String {
    let m = messages(chrome.language);
    let words = &m.ledger;
    let title = fill(words.entry_title, &[("index", &m.number(view.index))]);
    let main = html! {
        (head(Some((paths::LEDGER, m.shell.ledger)), &title, None))
        p.sentence { (fact(m, &view.entry, &view.names)) }
        (facts_list(&[
            (words.when, m.time(view.entry.at)),
            (words.who, actor(m, &view.entry, &view.names)),
            (words.about, plain(group_name(m, FactGroup::of(&view.entry.fact)))),
        ]))
        (proof(m, view))
        section aria-labelledby="body" {
            h2 #body { (words.body) }
            p.measure { (words.body_lead) }
            details {
                summary { (words.body_open) }
                pre.code { code { (clip(&view.body, BODY_CHARS_MAX)) } }
            }
        }
    };
    document(chrome, &title, &main)
}

fn proof(m: &Messages, view: &EntryView) -> Markup {
    let words = &m.ledger;
    html! {
        section aria-labelledby="proof" {
            h2 #proof { (words.proof) }
            p.measure { (words.proof_lead) }
            @if let Some(check) = &view.check { (checked(m, check, view)) }
            @match &view.checkpoint {
                None => (empty(words.no_checkpoint, link(&paths::entry(view.index), words.look_again))),
                Some(checkpoint) => {
                    div.actions {
                        form method="get" action={ (paths::entry(view.index)) "#proof" } {
                            (crate::parts::form::hidden("check", "1"))
                            button type="submit" { (words.check) }
                        }
                        a href=(paths::proof(view.index)) download { (words.download) }
                    }
                    p.hint { (words.download_hint) }
                    (figures(m, view, checkpoint))
                }
            }
        }
    }
}

fn figures(m: &Messages, view: &EntryView, checkpoint: &CheckpointView) -> Markup {
    let words = &m.ledger;
    html! {
        details open[view.check.is_some()] {
            summary { (words.figures) }
            (facts_list(&[
                (words.index, plain(&m.number(view.index))),
                (words.commitment, html! { code { (view.commitment) } }),
                (words.leaf, html! { code { (view.leaf_hash) } }),
                (words.path, html! {
                    @if view.path.is_empty() { (words.path_empty) }
                    ol.path { @for hash in &view.path { li { code { (hash) } } } }
                }),
                (words.root, html! { code { (checkpoint.root) } }),
                (words.size, plain(&m.count(&words.entries, checkpoint.size))),
            ]))
            pre.code { code { (checkpoint.note) } }
        }
    }
}

fn checked(m: &Messages, check: &EntryCheck, view: &EntryView) -> Markup {
    let words = &m.ledger;
    let holds = check.commitment_holds && check.path_holds && check.signature_holds;
    let tone = if holds { Tone::Allowed } else { Tone::Refused };
    let steps = [
        (check.commitment_holds, words.check_commitment),
        (check.path_holds, words.check_path),
        (check.signature_holds, words.check_signature),
    ];
    html! {
        div.checked .(tone_class(tone)) role="status" {
            h3 { (tone_icon(tone)) (if holds { words.holds } else { words.fails }) }
            ul {
                @for (ok, text) in steps {
                    li { (if ok { tag(Tone::Allowed, words.ok) } else { tag(Tone::Refused, words.not_ok) }) " " (text) }
                }
            }
            p { (words.computed) " " code { (check.computed_root) } }
            @if !holds { p { (with_code(&fill(words.fails_next, &[("index", &m.number(view.index))]))) } }
        }
    }
}
