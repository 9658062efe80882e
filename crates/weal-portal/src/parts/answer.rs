//! The answer: a chart and a table with intervals, how it was protected, what it cost, how to cite it.

use maud::{Markup, html};
use weal_domain::agreements::{AgreementId, Purpose};
use weal_domain::compute::{Answer, Cell, ColumnRole};

use super::chart::{BARS_MAX, CHARTS_MAX, Chart, bars_of, compared};
use super::table::Table;
use super::{clip, entry_link, facts_list, link, meter, safe_href};
use crate::messages::{Messages, fill, plain, with_code};
use crate::paths;
use crate::view::{AnswerPart, AnswerView, Chrome, Export, ExportFormat, ReceiptRef, RowsView};

/// Cells in the table; the export has them all.
const CELLS_SHOWN_MAX: usize = 360;
const CELL_CHARS_MAX: usize = 80;

pub(crate) fn answer(chrome: &Chrome, m: &Messages, view: &AnswerView) -> Markup {
    let words = &m.answer;
    let given = &view.answer;
    html! {
        h2 #outcome-title { (words.title) }
        @if given.rows.is_empty() {
            p.measure { (words.no_groups) }
        } @else {
            (charts(m, view))
            (table(m, view))
        }
        h3 { (words.protected) }
        @for sentence in &given.protection { p.measure { (with_code(sentence)) } }
        h3 { (words.cost) }
        @if let Some(cut) = &view.cut { p.measure { (cut) } }
        p.measure { (fill(words.cost_text, &[("loss", &m.loss(given.loss))])) }
        @if let Some(budget) = &view.budget { (meter::change(m, budget)) }
        (cite(m, &[
            ("owner", &view.owner.title),
            ("title", &view.title),
            ("asker", &chrome.node_title),
            ("date", &m.date_time(view.asked_at)),
            ("use", view.receipt.use_id.as_str()),
            ("confidence", &confidence(m, given)),
        ], words.cite_statistics))
        @if view.parts.is_empty() {
            (receipt(chrome, m, Some(&view.receipt), &view.agreement, &view.purpose))
        }
        @for part in &view.parts { (owner_part(chrome, m, part)) }
        (exports(m, &view.exports))
    }
}

/// What one of several owners charged, and where the proof of it is.
fn owner_part(chrome: &Chrome, m: &Messages, part: &AnswerPart) -> Markup {
    let words = &m.answer;
    html! {
        h3 { (fill(words.owner_part, &[("owner", &part.owner.title), ("title", &part.title)])) }
        @if let Some(cut) = &part.cut { p.measure { (cut) } }
        p.measure { (fill(words.cost_text, &[("loss", &m.loss(part.loss))])) }
        @if let Some(budget) = &part.budget { (meter::change(m, budget)) }
        (receipt_facts(chrome, m, Some(&part.receipt), &part.agreement, &part.purpose))
    }
}

/// One chart per estimate, where there is something to compare.
fn charts(m: &Messages, view: &AnswerView) -> Markup {
    let given = &view.answer;
    let estimates =
        given.columns.iter().enumerate().filter(|(_, column)| column.role == ColumnRole::Estimate);
    let groups = compared(given).count();
    let source = fill(
        m.answer.source,
        &[("owner", &view.owner.title), ("title", &view.title), ("date", &m.date(view.asked_at))],
    );
    html! {
        @if groups > 1 {
            div.charts {
                @for (at, column) in estimates.take(CHARTS_MAX) {
                    (Chart {
                        id: format!("chart-{at}"),
                        title: fill(m.answer.chart_title, &[("column", &column.name), ("title", &view.title)]),
                        unit: unit(view, at),
                        source: &source,
                        decimals: decimals(given, at),
                        bars: bars_of(m, given, at),
                        more: groups.saturating_sub(BARS_MAX),
                    }.render(m))
                }
            }
        }
    }
}

fn unit(view: &AnswerView, column: usize) -> Option<&str> {
    view.units.get(column).and_then(Option::as_deref)
}

fn confidence(m: &Messages, answer: &Answer) -> String {
    fill(m.common.percent, &[("n", &m.decimal(answer.confidence * 100.0, 0))])
}

/// Decimals of a column: none where its narrowest interval is wider than ten either way.
fn decimals(answer: &Answer, column: usize) -> usize {
    let narrowest = answer
        .rows
        .iter()
        .filter_map(|row| match row.get(column) {
            Some(Cell::Estimate { low, high, .. }) => Some((high - low) / 2.0),
            _ => None,
        })
        .fold(f64::INFINITY, f64::min);
    match narrowest {
        width if width >= 5.0 => 0,
        width if width >= 0.5 => 1,
        _ => 2,
    }
}

fn table(m: &Messages, view: &AnswerView) -> Markup {
    let words = &m.answer;
    let given = &view.answer;
    let decimals: Vec<usize> = (0..given.columns.len()).map(|column| decimals(given, column)).collect();
    let shown = (CELLS_SHOWN_MAX / given.columns.len().max(1)).max(1).min(given.rows.len());
    let caption = fill(words.table_caption, &[("confidence", &confidence(m, given))]);
    let mut table = Table::new(caption).scrolls();
    for (at, column) in given.columns.iter().enumerate() {
        let label = match unit(view, at) {
            Some(unit) => fill(words.with_unit, &[("column", &column.name), ("unit", unit)]),
            None => column.name.clone(),
        };
        table = match column.role {
            ColumnRole::Key | ColumnRole::Computed => table.text(label),
            ColumnRole::Estimate => table.number(label),
        };
    }
    for row in &given.rows[..shown] {
        let empty = if given.is_total(row) { m.answer.all } else { m.answer.no_key };
        table
            .row(row.iter().zip(&decimals).map(|(each, decimals)| cell(m, each, *decimals, empty)).collect());
    }
    html! {
        (table.render())
        @if shown < given.rows.len() { p.hint { (m.count(&words.more_rows, (given.rows.len() - shown) as u64)) } }
    }
}

fn cell(m: &Messages, cell: &Cell, decimals: usize, empty: &str) -> Markup {
    match cell {
        Cell::Key(Some(key)) => html! { (clip(key, CELL_CHARS_MAX)) },
        Cell::Key(None) => html! { em { (empty) } },
        Cell::Unknown => html! { em { (m.answer.unknown) } },
        Cell::Estimate { value, low, high } => {
            let ends = [("low", m.decimal(*low, decimals)), ("high", m.decimal(*high, decimals))];
            let interval = fill(m.answer.interval, &ends.each_ref().map(|(name, end)| (*name, end.as_str())));
            html! { (m.decimal(*value, decimals)) " " span.interval { (interval) } }
        }
    }
}

/// Rows that were released whole.
pub(crate) fn rows(chrome: &Chrome, m: &Messages, view: &RowsView) -> Markup {
    let words = &m.answer;
    let shown = (CELLS_SHOWN_MAX / view.columns.len().max(1)).max(1).min(view.rows.len());
    let mut table = Table::new(fill(words.rows_caption, &[("title", &view.title)])).scrolls();
    for column in &view.columns {
        table = table.text(column.as_str());
    }
    for row in &view.rows[..shown] {
        table.row(
            row.iter()
                .map(|value| match value {
                    Some(value) => html! { (clip(value, CELL_CHARS_MAX)) },
                    None => html! { em { (words.no_value) } },
                })
                .collect(),
        );
    }
    let total = view.total.unwrap_or(view.rows.len() as u64);
    html! {
        h2 #outcome-title { (words.rows_title) }
        p {
            (m.count(&m.product.rows, total))
            @if (shown as u64) < total { ". " (m.count(&words.rows_shown, shown as u64)) }
        }
        @if view.rows.is_empty() { p.measure { (words.no_rows) } } @else { (table.render()) }
        (cite(m, &[
            ("owner", &view.owner.title),
            ("title", &view.title),
            ("asker", &chrome.node_title),
            ("date", &m.date_time(view.asked_at)),
            ("use", view.receipt.as_ref().map_or("", |receipt| receipt.use_id.as_str())),
        ], words.cite_rows))
        (receipt(chrome, m, view.receipt.as_ref(), &view.agreement, &view.purpose))
        (exports(m, &view.exports))
    }
}

fn cite(m: &Messages, values: &[(&str, &str)], text: &str) -> Markup {
    html! { h3 { (m.answer.cite) } blockquote.cite { p { (fill(text, values)) } } }
}

/// Under which agreement, for what, and where both ledgers have it.
fn receipt(
    chrome: &Chrome,
    m: &Messages,
    receipt: Option<&ReceiptRef>,
    agreement: &AgreementId,
    purpose: &Purpose,
) -> Markup {
    html! { h3 { (m.answer.receipt) } (receipt_facts(chrome, m, receipt, agreement, purpose)) }
}

fn receipt_facts(
    chrome: &Chrome,
    m: &Messages,
    receipt: Option<&ReceiptRef>,
    agreement: &AgreementId,
    purpose: &Purpose,
) -> Markup {
    let words = &m.answer;
    let mut items = vec![
        (words.receipt_agreement, link(&paths::agreement(agreement), words.agreement)),
        (words.receipt_purpose, plain(&m.purpose(purpose))),
    ];
    if let Some(receipt) = receipt {
        let owner_entry = fill(m.common.entry, &[("index", &m.number(receipt.owner_index))]);
        items.push((words.receipt_ours, entry_link(chrome, m, receipt.ledger_index)));
        items.push((words.receipt_theirs, plain(&owner_entry)));
        items.push((words.receipt_use, html! { code { (receipt.use_id) } }));
    }
    facts_list(&items)
}

fn exports(m: &Messages, exports: &[Export]) -> Markup {
    let words = &m.answer;
    html! {
        @if !exports.is_empty() {
            h3 { (words.export) }
            ul.exports {
                @for export in exports {
                    @if let Some(href) = safe_href(&export.href) {
                        li { a href=(href) download { (match export.format {
                            ExportFormat::Csv => words.csv,
                            ExportFormat::Json => words.json,
                            ExportFormat::Parquet => words.parquet,
                        }) } }
                    }
                }
            }
        }
    }
}
