//! Asking: a question in SQL, what it would cost, and the answer.

use maud::{Markup, html};
use weal_domain::Refusal;
use weal_domain::catalogue::Mode;
use weal_domain::compute::ColumnRole;

use crate::messages::{Messages, fill, messages, plain, with_code};
use crate::parts::answer::{answer, rows};
use crate::parts::form::{Field, csrf, error_of, error_summary, hidden, titled};
use crate::parts::layout::{document, head};
use crate::parts::refusal::{Level, refusal_box};
use crate::parts::state::tone_icon;
use crate::parts::table::Table;
use crate::parts::{empty, facts_list, link, meter, step_link};
use crate::paths;
use crate::view::{AskOutcome, AskView, Chrome, HeldProduct, PreviewView, Tone};

const EXAMPLES_SHOWN_MAX: usize = 4;
const HELD_SHOWN_MAX: usize = 12;
const COLUMNS_SHOWN_MAX: usize = 120;
const EXAMPLE_BYTES_MAX: usize = 600;
/// Agreements in the choice; the agreements page leads to every other.
const OPTIONS_MAX: usize = 100;
const SQL_CHARS_MAX: usize = 20_000;

/// `GET /ask`, and what `POST /ask` answers with.
#[must_use]
pub fn ask(chrome: &Chrome, view: &AskView) -> String {
    let m = messages(chrome.language);
    let words = &m.ask;
    let title = match view.outcome {
        AskOutcome::None => words.title,
        AskOutcome::Preview(_) => words.title_preview,
        AskOutcome::Answer(_) | AskOutcome::Rows(_) => words.title_answer,
        AskOutcome::Refused(_) => words.title_refused,
    };
    let main = html! {
        (error_summary(m, &view.errors, str::to_owned))
        (head(None, words.title, Some(words.lead)))
        @if view.held.is_empty() {
            (empty(words.none_held, step_link(paths::CATALOGUE, m.agreements.find)))
        } @else {
            div.with-aside.aside-after {
                (question(chrome, m, view))
                (held(m, view))
            }
        }
        (outcome(chrome, m, view))
    };
    document(chrome, &titled(m, title, &view.errors), &main)
}

fn chosen(view: &AskView) -> Option<&HeldProduct> {
    view.chosen
        .as_ref()
        .and_then(|id| view.held.iter().find(|held| held.agreement == *id))
        .or_else(|| view.held.first())
}

/// What can be chosen: the chosen one is always among them.
fn options(view: &AskView) -> impl Iterator<Item = &HeldProduct> {
    let chosen = chosen(view).map(|held| &held.agreement);
    view.held
        .iter()
        .enumerate()
        .filter(move |(at, held)| *at < OPTIONS_MAX || chosen == Some(&held.agreement))
        .map(|(_, held)| held)
}

fn question(chrome: &Chrome, m: &Messages, view: &AskView) -> Markup {
    let words = &m.ask;
    let chosen = chosen(view).map(|held| &held.agreement);
    let agreement = Field {
        id: "agreement",
        label: words.agreement,
        hint: Some(words.agreement_hint),
        error: error_of(&view.errors, "agreement"),
    };
    let sql = Field {
        id: "sql",
        label: words.sql,
        hint: Some(words.sql_hint),
        error: error_of(&view.errors, "sql"),
    };
    html! {
        form.panel.ask method="post" action={ (paths::ASK) "#outcome" } {
            (csrf(chrome))
            (hidden("once", &view.once))
            (agreement.render(|ties| html! {
                select #agreement name="agreement" required
                    aria-describedby=[&ties.described_by] aria-invalid=[ties.invalid] {
                    @for held in options(view) {
                        option value=(held.agreement) selected[chosen == Some(&held.agreement)] {
                            (held.product) ": " (held_for(m, held))
                        }
                    }
                }
            }))
            (sql.render(|ties| html! {
                // A line end right after the tag is not part of the text: one of ours saves one of theirs.
                textarea.sql #sql name="sql" rows="10" required maxlength=(SQL_CHARS_MAX)
                    spellcheck="false" autocapitalize="none" autocomplete="off"
                    aria-describedby=[&ties.described_by] aria-invalid=[ties.invalid] { "\n" (view.sql) }
            }))
            p.actions {
                button.second type="submit" name="act" value="preview" { (words.preview) }
                button type="submit" name="act" value="ask" { (words.ask) }
            }
            p.hint { (words.buttons_hint) }
        }
    }
}

/// The chosen one first, then the others.
fn listed(view: &AskView) -> impl Iterator<Item = &HeldProduct> {
    let chosen = chosen(view);
    let others =
        view.held.iter().filter(move |held| chosen.is_none_or(|chosen| chosen.agreement != held.agreement));
    chosen.into_iter().chain(others).take(HELD_SHOWN_MAX)
}

/// What may be asked about, under which purpose, with questions that work.
fn held(m: &Messages, view: &AskView) -> Markup {
    let words = &m.ask;
    let chosen = chosen(view).map(|held| &held.agreement);
    html! {
        section.aside aria-labelledby="held" {
            h2 #held { (words.held) }
            @for held in listed(view) {
                details.held open[chosen == Some(&held.agreement)] {
                    summary {
                        code { (held.product) } " "
                        span.sub { (held_for(m, held)) }
                    }
                    (held_product(m, held, chosen == Some(&held.agreement)))
                }
            }
            @if view.held.len() > HELD_SHOWN_MAX { p { (link(paths::AGREEMENTS, words.all_held)) } }
        }
    }
}

/// "Private statistics, for preventing and finding fraud"
fn held_for(m: &Messages, held: &HeldProduct) -> String {
    fill(m.ask.held_for, &[("mode", m.mode(held.mode).name), ("purpose", &m.purpose(&held.purpose))])
}

/// The chosen one in full; another with what tells it apart, and the way to choose it.
fn held_product(m: &Messages, held: &HeldProduct, is_chosen: bool) -> Markup {
    let words = &m.ask;
    html! {
        (facts_list(&[
            (words.owner, plain(&held.owner.title)),
            (words.purpose, plain(&m.purpose(&held.purpose))),
            (words.legal_basis, plain(&m.legal_basis(&held.legal_basis))),
            (words.until, held.valid_until.map_or_else(|| plain(m.terms.valid_always), |at| m.day(at))),
        ]))
        @if let Some(budget) = &held.budget { (meter::short(m, budget)) }
        @if is_chosen { (examples(m, held)) (columns(m, held)) }
        p.actions {
            @if !is_chosen { (link(&paths::ask_under(&held.agreement), words.choose)) }
            (link(&paths::agreement(&held.agreement), m.ladder.see_agreement))
        }
    }
}

fn examples(m: &Messages, held: &HeldProduct) -> Markup {
    let words = &m.ask;
    let short = held.examples.iter().filter(|example| example.len() <= EXAMPLE_BYTES_MAX);
    let shown: Vec<&String> = short.take(EXAMPLES_SHOWN_MAX).collect();
    html! {
        @if !shown.is_empty() {
            h3 { (words.examples) }
            ul.examples {
                @for example in shown {
                    li {
                        pre.code { code { (example) } }
                        p { a href=(paths::ask_example(&held.agreement, example)) { (words.use_example) } }
                    }
                }
            }
        }
    }
}

fn columns(m: &Messages, held: &HeldProduct) -> Markup {
    let hidden = held.columns.len().saturating_sub(COLUMNS_SHOWN_MAX);
    html! {
        h3 { (m.ask.columns) }
        ul.columns {
            @for column in held.columns.iter().take(COLUMNS_SHOWN_MAX) {
                li { code { (column.name) } " " span.sub { (m.column_kind(column.kind)) } }
            }
            @if hidden > 0 { li { (m.count(&m.terms.more_columns, hidden as u64)) } }
        }
    }
}

fn outcome(chrome: &Chrome, m: &Messages, view: &AskView) -> Markup {
    let told = match &view.outcome {
        AskOutcome::None => return html! {},
        AskOutcome::Preview(given) => preview(chrome, m, view, given),
        AskOutcome::Answer(given) => answer(chrome, m, given),
        AskOutcome::Rows(given) => rows(chrome, m, given),
        AskOutcome::Refused(refusal) => {
            return html! { div.outcome #outcome tabindex="-1" { (refused(m, view, refusal)) } };
        }
    };
    html! { section.outcome #outcome tabindex="-1" aria-labelledby="outcome-title" { (told) } }
}

fn refused(m: &Messages, view: &AskView, refusal: &Refusal) -> Markup {
    let held = chosen(view);
    let what = held.map_or_else(
        || m.ask.refused_any.to_owned(),
        |held| fill(m.ask.refused_what, &[("product", &held.title)]),
    );
    let href = held.map(|held| paths::rung(&held.product, refusal.instead));
    html! {
        (refusal_box(m, &what, refusal, href.as_deref(), Level::Section))
        p.measure { (m.ask.refused_free) }
    }
}

fn preview(chrome: &Chrome, m: &Messages, view: &AskView, given: &PreviewView) -> Markup {
    let words = &m.ask;
    let preview = &given.preview;
    let loss = m.loss(preview.loss);
    html! {
        h2 #outcome-title { (words.preview_title) }
        p.flash.waiting { (tone_icon(Tone::Waiting)) span { (words.preview_nothing_asked) } }
        p.sentence { (fill(words.preview_cost, &[("loss", &loss)])) }
        @if let Some(cut) = &preview.cut { p.measure { (cut.said) } }
        @for sentence in &preview.explanation { p.measure { (with_code(sentence)) } }
        (expected(m, given))
        @if let Some(from) = preview.shown_from { p.measure { (m.count(&words.shown_from, from)) } }
        @if !preview.advice.is_empty() {
            h3 { (words.sharper) }
            ul.measure { @for advice in &preview.advice { li { (with_code(&advice.said)) } } }
        }
        @if let Some(budget) = &given.budget { h3 { (words.budget) } (meter::change(m, budget)) }
        @if let Some(held) = chosen(view) {
            @let ask = match held.mode {
                Mode::Statistics => fill(words.ask_for_cost, &[("loss", &loss)]),
                _ => words.ask.to_owned(),
            };
            form method="post" action={ (paths::ASK) "#outcome" } {
                (csrf(chrome))
                (hidden("once", &view.once))
                (hidden("agreement", held.agreement.as_str()))
                (hidden("sql", &view.sql))
                p.actions {
                    button type="submit" name="act" value="ask" { (ask) }
                    a href="#sql" { (words.change) }
                }
            }
        }
    }
}

/// How exact each number would be.
fn expected(m: &Messages, given: &PreviewView) -> Markup {
    let words = &m.ask;
    let mut table = Table::new(words.expected).text(words.expected_column).text(words.expected_width);
    let estimates = given.preview.columns.iter().filter(|column| column.role == ColumnRole::Estimate);
    for (column, half_width) in estimates.zip(&given.preview.half_widths) {
        let width = match half_width {
            Some(width) => {
                plain(&fill(words.plus_minus, &[("width", &m.decimal(*width, decimals_for(*width)))]))
            }
            None => plain(words.depends),
        };
        table.row(vec![html! { code { (column.name) } }, width]);
    }
    html! { @if !given.preview.half_widths.is_empty() { (table.render()) } }
}

/// Two figures are enough to say how wide an interval is.
fn decimals_for(width: f64) -> usize {
    if width >= 10.0 {
        0
    } else if width >= 1.0 {
        1
    } else {
        2
    }
}
