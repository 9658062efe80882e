//! Whether a table may be about persons although nobody has said so.
//!
//! That no rule knows a column's name does not make its values harmless: a code with few rows each may be a person's,
//! in any language. Rows of such a table are offered once its owner has said that no row is about a person.

use super::{Classification, Column, ColumnKind, ColumnProfile, Mode, Product};
use crate::words::{list, number};

/// A column whose values stand in fewer rows than this each, on average, may tell persons apart.
const ROWS_OF_A_PERSON_MAX: u64 = 20;
/// Columns that a sentence names.
const COLUMNS_NAMED_MAX: usize = 3;

/// The columns that may tell persons apart, as far as a profile shows: texts and whole numbers that have few rows for
/// each of their values. What measures or dates has many values too, and is none of them.
#[must_use]
pub fn may_identify<'a>(columns: &'a [Column], profile: &[ColumnProfile], rows: u64) -> Vec<&'a str> {
    let is_code = |column: &&Column| matches!(column.kind, ColumnKind::Text | ColumnKind::Integer);
    let has_few_rows = |column: &&Column| {
        let found = profile.iter().find(|profile| profile.column == column.name);
        found.is_some_and(|found| {
            let filled = rows.saturating_sub(found.nulls);
            let differs = found.distinct > 1 || filled == 1;
            differs && filled < found.distinct.saturating_mul(ROWS_OF_A_PERSON_MAX)
        })
    };
    let found = columns.iter().filter(is_code).filter(has_few_rows);
    found.map(|column| column.name.as_str()).collect()
}

impl Product {
    /// The columns for which nobody has said whether they tell persons apart; none where the owner has named whom the
    /// rows are about, or said that they are about nobody: calling a table open says so too.
    #[must_use]
    pub fn unsettled(&self) -> Vec<&str> {
        let is_settled = self.privacy.is_some()
            || self.about_nobody
            || self.classification.is_personal()
            || self.classification == Classification::Open;
        if is_settled { Vec::new() } else { may_identify(&self.columns, &self.profile, self.rows) }
    }
}

/// The rungs on which a product is offered where its owner names none: rows only of what is about nobody.
#[must_use]
pub fn rungs_by_default(class: Classification, has_subject: bool, is_unsettled: bool) -> Vec<Mode> {
    match () {
        () if has_subject => vec![Mode::Metadata, Mode::Statistics],
        () if class.is_personal() || is_unsettled => vec![Mode::Metadata],
        () => vec![Mode::Metadata, Mode::Extract],
    }
}

/// That these columns may tell persons apart, in a sentence.
#[must_use]
pub fn may_identify_in_words(columns: &[&str], profile: &[ColumnProfile]) -> String {
    let values = |name: &str| {
        let found = profile.iter().find(|profile| profile.column == name);
        found.map_or_else(String::new, |found| format!(" ({} different values)", number(found.distinct)))
    };
    let mut named: Vec<String> =
        columns.iter().take(COLUMNS_NAMED_MAX).map(|name| format!("`{name}`{}", values(name))).collect();
    if columns.len() > COLUMNS_NAMED_MAX {
        named.push("others".to_owned());
    }
    format!("{} may tell persons apart: few rows have the same value.", list(&named, "and"))
}
