//! Tables that stay readable at 320 pixels: each row becomes a card, each cell names its column.
//!
//! The explicit roles keep a table a table for screen readers when the style sheet shows it as cards.

use maud::{Markup, html};

#[derive(Debug)]
pub(crate) struct Table {
    caption: String,
    caption_hidden: bool,
    scrolls: bool,
    columns: Vec<(String, bool)>,
    rows: Vec<Vec<Markup>>,
}

impl Table {
    pub(crate) fn new(caption: impl Into<String>) -> Self {
        Self {
            caption: caption.into(),
            caption_hidden: false,
            scrolls: false,
            columns: Vec::new(),
            rows: Vec::new(),
        }
    }

    /// A heading right above already says what the caption says.
    pub(crate) fn caption_hidden(mut self) -> Self {
        self.caption_hidden = true;
        self
    }

    /// Will often be wider than the page: a named region that scrolls within itself, by keyboard too.
    pub(crate) fn scrolls(mut self) -> Self {
        self.scrolls = true;
        self
    }

    pub(crate) fn text(mut self, label: impl Into<String>) -> Self {
        self.columns.push((label.into(), false));
        self
    }

    pub(crate) fn number(mut self, label: impl Into<String>) -> Self {
        self.columns.push((label.into(), true));
        self
    }

    /// One cell per column; the first names the row.
    pub(crate) fn row(&mut self, cells: Vec<Markup>) {
        self.rows.push(cells);
    }

    pub(crate) fn render(&self) -> Markup {
        let region = self.scrolls.then_some("region");
        let label = self.scrolls.then_some(&self.caption);
        let stop = self.scrolls.then_some("0");
        html! { div.scroll role=[region] tabindex=[stop] aria-label=[label] { (self.table()) } }
    }

    fn table(&self) -> Markup {
        html! {
            table role="table" {
                caption.unseen[self.caption_hidden] { (self.caption) }
                thead role="rowgroup" {
                    tr role="row" {
                        @for (label, number) in &self.columns {
                            th.number[*number] role="columnheader" scope="col" { (label) }
                        }
                    }
                }
                tbody role="rowgroup" { @for row in &self.rows { (self.line(row)) } }
            }
        }
    }

    fn line(&self, row: &[Markup]) -> Markup {
        html! {
            tr role="row" {
                @for (at, (cell, (label, number))) in row.iter().zip(&self.columns).enumerate() {
                    @if at == 0 {
                        th.number[*number] role="rowheader" scope="row" data-label=(label) { div { (cell) } }
                    } @else {
                        td.number[*number] role="cell" data-label=(label) { div { (cell) } }
                    }
                }
            }
        }
    }
}
