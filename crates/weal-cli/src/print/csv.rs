//! Answers as CSV (RFC 4180): an estimate takes three columns, its value and both ends.

use std::fmt::Write as _;

use weal_domain::compute::{Answer, Cell, ColumnRole};

#[must_use]
pub fn of_answer(answer: &Answer) -> String {
    let mut out = String::new();
    let heads = answer.columns.iter().flat_map(|column| match column.role {
        ColumnRole::Key | ColumnRole::Computed => vec![column.name.clone()],
        ColumnRole::Estimate => {
            vec![column.name.clone(), format!("{}_low", column.name), format!("{}_high", column.name)]
        }
    });
    line(&mut out, heads);
    for row in &answer.rows {
        let cells = row.iter().zip(&answer.columns).flat_map(|(cell, column)| match (cell, column.role) {
            (Cell::Key(key), _) => vec![key.clone().unwrap_or_default()],
            (Cell::Estimate { value, low, high }, _) => {
                vec![value.to_string(), low.to_string(), high.to_string()]
            }
            (Cell::Unknown, ColumnRole::Key | ColumnRole::Computed) => vec![String::new()],
            (Cell::Unknown, ColumnRole::Estimate) => vec![String::new(); 3],
        });
        line(&mut out, cells);
    }
    out
}

/// Rows as the node sends them in JSON.
#[must_use]
pub fn of_rows(columns: &[String], rows: &[Vec<serde_json::Value>]) -> String {
    let mut out = String::new();
    line(&mut out, columns.iter().cloned());
    for row in rows {
        line(&mut out, row.iter().map(text));
    }
    out
}

/// A JSON value as a cell: texts without quotation marks, nothing for null.
#[must_use]
pub fn text(value: &serde_json::Value) -> String {
    match value {
        serde_json::Value::Null => String::new(),
        serde_json::Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

fn line(out: &mut String, cells: impl Iterator<Item = String>) {
    for (index, cell) in cells.enumerate() {
        if index > 0 {
            out.push(',');
        }
        if cell.contains([',', '"', '\n', '\r']) {
            // Writing to a String cannot fail.
            let _ = write!(out, "\"{}\"", cell.replace('"', "\"\""));
        } else {
            out.push_str(&cell);
        }
    }
    out.push_str("\r\n");
}
