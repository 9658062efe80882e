//! The answer to a private question, as it travels, is shown and is kept.

use serde::{Deserialize, Serialize};

use super::{Drawing, Loss, Release};

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
    /// Whether groups fit the totals over them, where the question asks for both.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub totals: Option<TotalsFit>,
    /// What is missing because groups were too small to be shown, for each grouping with private keys.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub withheld: Vec<Withheld>,
    /// How its numbers were drawn, where the question asks for them as they were.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub drawing: Option<Drawing>,
}

impl Answer {
    /// Whether a row is a total over other rows, as far as the row tells: groups that add up to totals are public, and
    /// no public key is empty.
    #[must_use]
    pub fn is_total(&self, row: &[Cell]) -> bool {
        let keys = row.iter().zip(&self.columns).filter(|(_, column)| column.role == ColumnRole::Key);
        self.totals == Some(TotalsFit::Exact) && keys.into_iter().any(|(cell, _)| *cell == Cell::Key(None))
    }
}

/// What one grouping does not show.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Withheld {
    /// What it groups by.
    pub keys: Vec<String>,
    /// Subjects in groups that are not shown, each counted once for every such group: an estimate.
    pub subjects: Cell,
}

/// Whether the counts and sums of groups are those of the totals over them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TotalsFit {
    /// They add up to them exactly.
    Exact,
    /// They were left as they were released, since their true numbers do not add up, or not in one way.
    Apart,
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

/// More was asked for than the owner allows for one question, which is then asked at what is allowed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LossCut {
    pub asked: Loss,
    pub allowed: Loss,
    /// In a plain sentence that names both.
    pub said: String,
}

/// What a question will cost and how exact it will be, computed without reading any data.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Preview {
    pub loss: Loss,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cut: Option<LossCut>,
    pub columns: Vec<AnswerColumn>,
    /// Per estimate column: half the width of its interval, where it does not depend on the data.
    pub half_widths: Vec<Option<f64>>,
    /// Groups of fewer subjects than about this are not shown; `None` where the groups are public.
    pub shown_from: Option<u64>,
    pub explanation: Vec<String>,
    /// What would make the answer sharper, and how much.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub advice: Vec<Advice>,
    /// The noise that the answer will be made with, for whoever keeps accounts.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub releases: Vec<Release>,
    /// How its numbers will be drawn, where the question asks for them as they are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub drawing: Option<Drawing>,
}

/// One setting that could be another, with what that would do.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Advice {
    pub change: Change,
    /// Whose bounds, where bounds are changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub column: Option<String>,
    /// In a plain sentence.
    pub said: String,
    /// As those of the preview, after the change.
    pub half_widths: Vec<Option<f64>>,
}

/// What is changed for a sharper answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Change {
    /// More of the budget is spent, as much as the owner allows for one question.
    Loss,
    /// A subject counts in one group only.
    Groups,
    /// Each number is asked for in a question of its own.
    Alone,
    /// The owner makes the bounds of a column narrower.
    Bounds,
}
