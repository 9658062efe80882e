//! Finding products, and one product in full.

use maud::{Markup, html};
use weal_domain::catalogue::{Classification, Column, ColumnProfile, Mode};
use weal_domain::identity::MemberName;

use crate::messages::{Messages, fill, fill_markup, messages, plain, with_code};
use crate::parts::form::error_summary;
use crate::parts::ladder::{field_id, ladder, steps};
use crate::parts::layout::{document, head, tabs};
use crate::parts::paging::paging;
use crate::parts::refusal::{Level, refusal_box};
use crate::parts::state::tag;
use crate::parts::table::Table;
use crate::parts::typical::typical;
use crate::parts::{clip, empty, facts_list, link, meter, more_links, safe_href, step_link};
use crate::paths;
use crate::view::{
    CatalogueQuery, CatalogueView, Chrome, Elsewhere, OwnProduct, OwnProductsView, ProductCard, ProductView,
    RungState, Tone,
};

/// Columns shown; the data contract has them all.
const COLUMNS_SHOWN_MAX: usize = 100;
/// A page of results is the node's choice; more than this is never drawn.
const CARDS_MAX: usize = 40;
/// Own products as cards; further ones as links.
const OWN_CARDS_MAX: usize = 16;
/// Entries of catalogues elsewhere beside the results.
const ELSEWHERE_MAX: usize = 10;
const TITLE_CHARS_MAX: usize = 200;
const DESCRIPTION_CHARS_MAX: usize = 240;
const VALUE_CHARS_MAX: usize = 60;

/// `GET /catalogue`
#[must_use]
pub fn catalogue(chrome: &Chrome, view: &CatalogueView) -> String {
    let m = messages(chrome.language);
    let words = &m.catalogue;
    let main = html! {
        (catalogue_tabs(m, paths::CATALOGUE))
        (head(None, words.title, Some(words.lead)))
        div.with-aside {
            (search(m, view))
            section aria-labelledby="results" {
                h2 #results { (m.count(&words.found, view.paging.total)) }
                @if !view.unreachable.is_empty() { (unreachable(m, view)) }
                @if view.results.is_empty() {
                    (nothing_found(m, &view.query))
                } @else {
                    ul.cards { @for product in view.results.iter().take(CARDS_MAX) { (card(m, product)) } }
                    (paging(m, view.paging, |page| paths::catalogue_page(&view.query, page)))
                }
                @if !view.elsewhere.cards.is_empty() { (elsewhere(m, &view.elsewhere)) }
            }
        }
    };
    document(chrome, words.title, &main)
}

/// Told apart from what is offered: other heading, no rungs, and links that lead away.
fn elsewhere(m: &Messages, found: &Elsewhere) -> Markup {
    let words = &m.catalogue;
    let shown = &found.cards[..found.cards.len().min(ELSEWHERE_MAX)];
    let more = found.total.saturating_sub(shown.len() as u64);
    html! {
        h2 #elsewhere { (words.elsewhere) }
        p.sub { (words.elsewhere_lead) }
        ul.cards {
            @for card in shown {
                li.card {
                    h3 {
                        @match card.address.as_deref().and_then(safe_href) {
                            Some(address) => { a href=(address) rel="noreferrer" { (clip(&card.title, TITLE_CHARS_MAX)) } }
                            None => { (clip(&card.title, TITLE_CHARS_MAX)) }
                        }
                    }
                    p.sub {
                        @match &card.publisher {
                            Some(publisher) => {
                                (fill(words.elsewhere_from, &[("publisher", publisher), ("source", &card.source)]))
                            }
                            None => { (card.source) }
                        }
                    }
                    p { (clip(&card.description, DESCRIPTION_CHARS_MAX)) }
                }
            }
        }
        @if more > 0 { p.sub { (m.count(&words.elsewhere_more, more)) } }
    }
}

fn catalogue_tabs(m: &Messages, current: &str) -> Markup {
    let items = [(paths::CATALOGUE, m.catalogue.tab_all), (paths::PRODUCTS, m.catalogue.tab_own)];
    tabs(m.shell.catalogue, &items, current)
}

fn search(m: &Messages, view: &CatalogueView) -> Markup {
    let words = &m.catalogue;
    let query = &view.query;
    let members: Vec<_> = view
        .facets
        .members
        .iter()
        .map(|facet| (facet.value.name.to_string(), facet.value.title.clone(), facet.count))
        .collect();
    let modes: Vec<_> = view
        .facets
        .modes
        .iter()
        .map(|facet| (facet.value.to_string(), m.mode(facet.value).name.to_owned(), facet.count))
        .collect();
    let classes: Vec<_> = view
        .facets
        .classes
        .iter()
        .map(|facet| (facet.value.as_str().to_owned(), m.class(facet.value).to_owned(), facet.count))
        .collect();
    html! {
        form.panel.search method="get" action=(paths::CATALOGUE) role="search" {
            div.field {
                label for="q" { (words.search_label) }
                input #q type="search" name="q" value=(query.text) aria-describedby="q-hint" autocomplete="off";
                p.hint #q-hint { (words.search_hint) }
            }
            div.facets {
                (facet(m, "member", words.facet_member, &members, query.member.as_ref().map(MemberName::as_str)))
                (facet(m, "mode", words.facet_mode, &modes, query.mode.map(Mode::as_str)))
                (facet(m, "class", words.facet_class, &classes, query.class.map(Classification::as_str)))
            }
            div.actions {
                button type="submit" { (words.search) }
                @if is_narrowed(query) { (link(paths::CATALOGUE, words.clear)) }
            }
        }
    }
}

fn facet(
    m: &Messages,
    name: &str,
    label: &str,
    options: &[(String, String, u64)],
    chosen: Option<&str>,
) -> Markup {
    html! {
        div.field {
            label for=(name) { (label) }
            select id=(name) name=(name) {
                option value="" selected[chosen.is_none()] { (m.catalogue.any) }
                @for (value, words, count) in options {
                    option value=(value) selected[chosen == Some(value.as_str())] {
                        (words) " (" (m.number(*count)) ")"
                    }
                }
            }
        }
    }
}

fn is_narrowed(query: &CatalogueQuery) -> bool {
    !query.text.is_empty() || query.member.is_some() || query.mode.is_some() || query.class.is_some()
}

fn unreachable(m: &Messages, view: &CatalogueView) -> Markup {
    let names: Vec<String> = view.unreachable.iter().map(|party| party.title.clone()).collect();
    html! {
        div.flash.attention {
            (crate::parts::state::tone_icon(Tone::Attention))
            p { (fill(m.catalogue.unreachable, &[("members", &m.list(&names))])) }
        }
    }
}

fn nothing_found(m: &Messages, query: &CatalogueQuery) -> Markup {
    let words = &m.catalogue;
    if is_narrowed(query) {
        empty(words.nothing_found, step_link(paths::CATALOGUE, words.clear))
    } else {
        empty(words.nothing_yet, link(paths::MEMBERS, words.see_members))
    }
}

fn card(m: &Messages, card: &ProductCard) -> Markup {
    let words = &m.catalogue;
    // Everybody reads the entry itself; it is no offer worth a word.
    let names = |modes: &[Mode]| {
        let offers = modes.iter().filter(|mode| **mode != Mode::Metadata);
        m.list(&offers.map(|mode| m.mode(*mode).name.to_owned()).collect::<Vec<_>>())
    };
    let (offered, held) = (names(&card.offered), names(&card.held));
    html! {
        li.card {
            h3 { a href=(paths::product(&card.owner.name, &card.product)) { (card.title) } }
            p.sub { (card.owner.title) " \u{b7} " code { (card.owner.name) "." (card.product) } }
            p { (clip(&card.description, DESCRIPTION_CHARS_MAX)) }
            div.card-foot {
                (steps(&card.offered, &card.held))
                p {
                    @if offered.is_empty() { (words.offers_nothing) }
                    @else { (fill(words.offers, &[("modes", &offered)])) }
                    @if !held.is_empty() { " " strong { (fill(words.holds, &[("modes", &held)])) } }
                }
            }
            p.sub {
                (m.class(card.classification)) " \u{b7} "
                (fill_markup(words.updated, &[("date", m.day(card.updated_at))]))
            }
        }
    }
}

/// `GET /catalogue/{member}/{product}`, and a request that was not accepted.
#[must_use]
pub fn product(chrome: &Chrome, view: &ProductView) -> String {
    let m = messages(chrome.language);
    let words = &m.product;
    let no_errors = Vec::new();
    let errors = view.draft.as_ref().map_or(&no_errors, |draft| &draft.errors);
    let asked = view.draft.as_ref().and_then(|draft| {
        let is_asked =
            |state: &RungState| matches!(state, RungState::Offered { offer, .. } if *offer == draft.offer);
        view.rungs.iter().find(|rung| is_asked(&rung.state)).map(|rung| rung.mode)
    });
    let mode_asked = asked.unwrap_or(Mode::Metadata);
    let main = html! {
        (error_summary(m, errors, |field| field_id(field, mode_asked)))
        (head(Some((paths::CATALOGUE, m.shell.catalogue)), &view.title, None))
        p.sentence { (view.description) }
        @if let Some(refusal) = view.draft.as_ref().and_then(|draft| draft.refusal.as_ref()) {
            @let mode = m.mode(mode_asked).name;
            @let what = fill(words.request_refused, &[("mode", mode), ("product", &view.title)]);
            @let href = refusal.instead.map(|mode| format!("#rung-{}", mode.rung()));
            (refusal_box(m, &what, refusal, href.as_deref(), Level::Section))
        }
        (about(m, view))
        section aria-labelledby="ladder" {
            h2 #ladder { (words.ladder) }
            p.measure { (words.ladder_lead) }
            (ladder(chrome, m, view))
        }
        @if view.own { (own_sections(m, view)) }
        (schema(m, view))
    };
    document(chrome, &crate::parts::form::titled(m, &view.title, errors), &main)
}

fn about(m: &Messages, view: &ProductView) -> Markup {
    let words = &m.product;
    let fresh = &view.freshness;
    let mut items = vec![
        (words.owner, plain(&view.owner.title)),
        (words.name, html! { code { (view.owner.name) "." (view.product) } }),
        (words.class, plain(m.class(view.classification))),
        (
            words.updated,
            html! {
                (m.time(fresh.updated_at)) ", "
                (fill(words.version, &[("version", &m.number(u64::from(fresh.version)))]))
            },
        ),
    ];
    if let Some(rows) = view.rows {
        let size = view.size_bytes.map(|bytes| m.size(bytes));
        items.push((
            words.size,
            html! {
                (m.count(&words.rows, rows)) @if let Some(size) = size { ", " (size) }
            },
        ));
    }
    if let Some(read_at) = fresh.read_at {
        let text = if fresh.reachable { words.read_fresh } else { words.read_stale };
        items.push((words.read, fill_markup(text, &[("date", m.time(read_at))])));
    }
    if !view.keywords.is_empty() {
        items.push((words.keywords, plain(&m.list(&view.keywords))));
    }
    if let Some(href) = view.contract_href.as_deref().and_then(safe_href) {
        items.push((words.contract, link(href, words.contract_link)));
    }
    facts_list(&items)
}

fn schema(m: &Messages, view: &ProductView) -> Markup {
    let words = &m.product;
    let subject = view.privacy.as_ref().map(|privacy| privacy.subject.as_str());
    let mut table = Table::new(words.schema)
        .caption_hidden()
        .text(words.column)
        .text(words.kind)
        .text(words.identifies)
        .text(words.meaning);
    for column in view.columns.iter().take(COLUMNS_SHOWN_MAX) {
        table.row(schema_row(m, column, subject));
    }
    html! {
        section aria-labelledby="schema" {
            h2 #schema { (words.schema) }
            @if view.columns.is_empty() {
                (empty(words.no_schema, link(paths::CATALOGUE, words.other_products)))
            } @else {
                (table.render())
                (hidden_columns(m, view.columns.len()))
            }
        }
    }
}

fn schema_row(m: &Messages, column: &Column, subject: Option<&str>) -> Vec<Markup> {
    let words = &m.product;
    vec![
        html! { code { (column.name) } },
        html! { (m.column_kind(column.kind)) @if column.nullable { (words.nullable) } },
        html! {
            (m.identifying(column.identifying))
            @if subject == Some(column.name.as_str()) { " " span.sub { (words.subject) } }
        },
        html! { (column.description.as_deref().unwrap_or(m.common.dash)) },
    ]
}

fn hidden_columns(m: &Messages, columns: usize) -> Markup {
    let hidden = columns.saturating_sub(COLUMNS_SHOWN_MAX);
    html! { @if hidden > 0 { p.hint { (m.count(&m.product.more_columns, hidden as u64)) } } }
}

/// What only the owner sees.
fn own_sections(m: &Messages, view: &ProductView) -> Markup {
    let words = &m.product;
    html! {
        @if let Some(budget) = &view.budget {
            section aria-labelledby="budget" {
                h2 #budget { (words.budget) }
                p.measure { (words.budget_lead) }
                (meter::meter(m, budget))
            }
        }
        @if !view.typical.is_empty() {
            section aria-labelledby="typical" {
                h2 #typical { (words.typical) }
                p.measure { (words.typical_lead) }
                (typical(m, &view.typical))
            }
        }
        section aria-labelledby="profile" {
            h2 #profile { (words.profile) }
            p.measure { (words.profile_lead) }
            @if view.profile.is_empty() {
                (empty(words.no_profile, with_code(words.no_profile_next)))
            } @else {
                (profile(m, &view.profile))
                (hidden_columns(m, view.profile.len()))
            }
        }
    }
}

fn profile(m: &Messages, profile: &[ColumnProfile]) -> Markup {
    let words = &m.product;
    let mut table = Table::new(words.profile)
        .caption_hidden()
        .text(words.column)
        .number(words.nulls)
        .number(words.distinct)
        .text(words.smallest)
        .text(words.largest);
    for column in profile.iter().take(COLUMNS_SHOWN_MAX) {
        let value = |value: &Option<String>| match value {
            Some(value) => html! { (clip(value, VALUE_CHARS_MAX)) },
            None => plain(m.common.dash),
        };
        table.row(vec![
            html! { code { (column.column) } },
            html! { (m.number(column.nulls)) },
            html! { (m.number(column.distinct)) },
            value(&column.min),
            value(&column.max),
        ]);
    }
    table.render()
}

/// `GET /products`
#[must_use]
pub fn own_products(chrome: &Chrome, view: &OwnProductsView) -> String {
    let m = messages(chrome.language);
    let words = &m.own;
    let main = html! {
        (catalogue_tabs(m, paths::PRODUCTS))
        (head(None, words.title, Some(&fill(words.lead, &[("owner", &view.owner.title)]))))
        @if view.products.is_empty() {
            (empty(words.none, with_code(words.none_next)))
        } @else {
            ul.cards {
                @for product in view.products.iter().take(OWN_CARDS_MAX) { (own_card(m, view, product)) }
            }
            (more_links(m, view.products.iter().skip(OWN_CARDS_MAX).map(|product| {
                (paths::product(&view.owner.name, &product.product), product.title.clone())
            })))
            (paging(m, view.paging, paths::products_page))
            p.hint { (with_code(words.publish_more)) }
        }
    };
    document(chrome, words.title, &main)
}

fn own_card(m: &Messages, view: &OwnProductsView, product: &OwnProduct) -> Markup {
    let words = &m.own;
    html! {
        li.card {
            h2 { a href=(paths::product(&view.owner.name, &product.product)) { (product.title) } }
            p.sub {
                code { (view.owner.name) "." (product.product) }
                " \u{b7} " (m.class(product.classification)) " \u{b7} "
                (m.count(&m.product.rows, product.rows)) ", " (m.size(product.size_bytes)) " \u{b7} "
                (fill_markup(m.catalogue.updated, &[("date", m.day(product.updated_at))]))
            }
            @if product.offers.is_empty() {
                p { (with_code(words.no_offers)) }
            } @else {
                (offers(m, product))
            }
            @if let Some(budget) = &product.budget {
                p.sub { (words.budget) }
                (meter::short(m, budget))
            }
        }
    }
}

fn offers(m: &Messages, product: &OwnProduct) -> Markup {
    let words = &m.own;
    let mut table = Table::new(fill(words.offers_of, &[("product", &product.title)]))
        .caption_hidden()
        .text(words.rung)
        .text(words.state)
        .text(words.purposes)
        .number(words.agreements);
    for offer in &product.offers {
        let purposes: Vec<String> = offer.terms.purposes.iter().map(|purpose| m.purpose(purpose)).collect();
        table.row(vec![
            html! { (m.mode(offer.mode).name) },
            match offer.withdrawn_at {
                None => tag(Tone::Allowed, words.on_offer),
                Some(at) => html! { (tag(Tone::Refused, words.withdrawn)) " " (m.day(at)) },
            },
            html! { (m.list(&purposes)) },
            html! { (m.number(offer.agreements)) },
        ]);
    }
    table.render()
}
