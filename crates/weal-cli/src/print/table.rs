//! Columns that line up, for a terminal.

use std::fmt;

use weal_domain::compute::{Answer, Cell};

use super::number::{decimal, decimals_for, interval, places_of};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Align {
    Left,
    Right,
}

/// A table of short texts under headings.
#[derive(Debug, Clone, Default)]
pub struct Table {
    heads: Vec<(String, Align)>,
    rows: Vec<Vec<String>>,
}

impl Table {
    /// A heading that begins with `>` makes its column align right.
    #[must_use]
    pub fn new(heads: &[&str]) -> Self {
        let heads = heads.iter().map(|head| match head.strip_prefix('>') {
            Some(head) => (head.to_owned(), Align::Right),
            None => ((*head).to_owned(), Align::Left),
        });
        Self { heads: heads.collect(), rows: Vec::new() }
    }

    pub fn row(&mut self, cells: impl IntoIterator<Item = impl Into<String>>) {
        let mut cells: Vec<String> = cells.into_iter().map(|cell| plain(&cell.into())).collect();
        cells.resize(self.heads.len(), String::new());
        self.rows.push(cells);
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// An answer with its intervals. In an estimate column the `±` of all rows stand under each other.
    #[must_use]
    pub fn of_answer(answer: &Answer) -> Self {
        let columns: Vec<Vec<String>> =
            (0..answer.columns.len()).map(|index| column(answer, index)).collect();
        let heads = answer.columns.iter().enumerate().map(|(index, column)| {
            let number = answer.rows.iter().any(|row| matches!(row.get(index), Some(Cell::Estimate { .. })));
            (column.name.clone(), if number { Align::Right } else { Align::Left })
        });
        let mut table = Self { heads: heads.collect(), rows: Vec::new() };
        for row in 0..answer.rows.len() {
            table.row(columns.iter().map(|column| column[row].clone()));
        }
        table
    }
}

/// One column of an answer as texts of which the estimates all have the same number of decimal places.
fn column(answer: &Answer, index: usize) -> Vec<String> {
    let cells = || answer.rows.iter().map(move |row| row.get(index).unwrap_or(&Cell::Unknown));
    let totals = answer.rows.iter().map(|row| answer.is_total(row));
    let estimates = cells().filter_map(|cell| match cell {
        Cell::Estimate { value, low, high } => Some((*value, (value - low).max(high - value))),
        _ => None,
    });
    let whole = estimates.clone().all(|(value, half)| places_of(value, half) == 0);
    let finest = estimates.map(|(_, half)| half).fold(f64::INFINITY, f64::min);
    let places = if whole { 0 } else { decimals_for(finest) };
    let width = cells()
        .filter_map(|cell| match cell {
            Cell::Estimate { value, low, high } => {
                Some(decimal((value - low).max(high - value), places).len())
            }
            _ => None,
        })
        .max()
        .unwrap_or(0);
    cells()
        .zip(totals)
        .map(|(cell, is_total)| match cell {
            Cell::Key(Some(text)) => text.clone(),
            Cell::Key(None) if is_total => "(all)".to_owned(),
            Cell::Key(None) => "(none)".to_owned(),
            Cell::Unknown => "unknown".to_owned(),
            Cell::Estimate { value, low, high } => {
                let (below, above) = (value - low, high - value);
                if (below - above).abs() > 0.1 * below.max(above) {
                    return interval(*value, *low, *high);
                }
                format!("{} ± {:>width$}", decimal(*value, places), decimal(below.max(above), places))
            }
        })
        .collect()
}

/// Without line breaks and other control characters: a cell cannot draw outside its place.
fn plain(text: &str) -> String {
    text.chars().map(|sign| if sign.is_control() { ' ' } else { sign }).collect()
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let widths: Vec<usize> = self
            .heads
            .iter()
            .enumerate()
            .map(|(index, (head, _))| {
                let cells = self.rows.iter().map(|row| row[index].chars().count());
                cells.chain([head.chars().count()]).max().unwrap_or(0)
            })
            .collect();
        let heads: Vec<String> = self.heads.iter().map(|(head, _)| head.clone()).collect();
        let rule: Vec<String> = widths.iter().map(|width| "─".repeat(*width)).collect();
        for row in [&heads, &rule].into_iter().chain(&self.rows) {
            let mut line = String::new();
            for ((cell, width), (_, align)) in row.iter().zip(&widths).zip(&self.heads) {
                let gap = " ".repeat(width - cell.chars().count());
                match align {
                    Align::Left => line.push_str(&format!("{cell}{gap}  ")),
                    Align::Right => line.push_str(&format!("{gap}{cell}  ")),
                }
            }
            writeln!(f, "{}", line.trim_end())?;
        }
        Ok(())
    }
}
