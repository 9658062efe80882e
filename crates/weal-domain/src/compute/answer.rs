//! The answer to a private question, as it travels, is shown and is kept.

use serde::{Deserialize, Serialize};

use super::{Loss, Release};

/// A table of keys and estimates, with what it cost and how it was protected.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Answer {
    pub columns: Vec<AnswerColumn>,
    pub rows: Vec<Vec<Cell>>,
    pub loss: Loss,
    /// Confidence of every interval, for example 0.95.
    pub confidence: f64,
    /// How it was protected, in plain sentences.
    pub protection: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AnswerColumn {
    pub name: String,
    pub role: ColumnRole,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ColumnRole {
    /// A grouping key.
    Key,
    /// A noisy number.
    Estimate,
    /// Computed from released values, without an interval; its cells are written as [`Cell::Key`]s are.
    Computed,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cell {
    /// `None` is SQL's NULL, a group of its own.
    Key(Option<String>),
    /// `value` lies within `low..=high` of the bounded truth with the answer's confidence.
    Estimate { value: f64, low: f64, high: f64 },
    /// Nothing that could be said safely (an average over a noisy count near zero).
    Unknown,
}

/// What a question will cost and how exact it will be, computed without reading any data.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Preview {
    pub loss: Loss,
    pub columns: Vec<AnswerColumn>,
    /// Per estimate column: half the width of its interval, where it does not depend on the data.
    pub half_widths: Vec<Option<f64>>,
    /// Groups of fewer subjects than about this are not shown; `None` where the groups are public.
    pub shown_from: Option<u64>,
    pub explanation: Vec<String>,
    /// The noise that the answer will be made with, for whoever keeps accounts.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub releases: Vec<Release>,
}
