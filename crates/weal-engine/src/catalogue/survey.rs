//! What the first pass over a text finds out.

use std::collections::BTreeSet;

use weal_domain::Refusal;
use weal_domain::catalogue::{Column, ColumnKind, Identifying};

use super::files::too_large;
use super::values::Guess;
use crate::{EngineError, EngineLimits};

/// The longest name of a column.
const COLUMN_NAME_BYTES_MAX: usize = 128;

#[derive(Debug)]
pub(crate) struct Survey {
    pub names: Vec<String>,
    pub guesses: Vec<Guess>,
    pub rows: u64,
}

impl Survey {
    /// The columns, before anybody has looked at what they mean.
    pub(crate) fn columns(&self) -> Vec<Column> {
        self.names.iter().zip(&self.guesses).map(|(name, guess)| column(name, guess.kind())).collect()
    }
}

/// A column before anything is known of its values.
pub(crate) fn column(name: &str, kind: ColumnKind) -> Column {
    Column { name: name.to_owned(), kind, nullable: true, identifying: Identifying::No, description: None }
}

pub(crate) fn check_rows(rows: u64, limits: &EngineLimits) -> Result<(), EngineError> {
    if rows > limits.rows_max {
        let reason = format!("The input has more than {} rows.", limits.rows_max);
        return Err(too_large("too-many-rows", reason).remedy("Publish it in parts.").into());
    }
    Ok(())
}

/// Names must be there, be different, and be fit for SQL, pages and logs.
pub(crate) fn check_names(file: &str, names: &[String], limits: &EngineLimits) -> Result<(), EngineError> {
    if names.len() > limits.columns_max {
        let reason = format!("`{file}` has {} columns, more than {}.", names.len(), limits.columns_max);
        return Err(too_large("too-many-columns", reason)
            .remedy("Publish fewer columns, or several products.")
            .into());
    }
    let mut seen = BTreeSet::new();
    for (column, name) in names.iter().enumerate() {
        let place = format!("`{file}`, column {}", column + 1);
        if name.is_empty() {
            let refusal = Refusal::invalid("unnamed-column", format!("{place}: the column has no name."));
            return Err(refusal.remedy("Give every column a name in the header.").into());
        }
        if name.len() > COLUMN_NAME_BYTES_MAX || name.chars().any(char::is_control) {
            let reason =
                format!("{place}: the name is longer than {COLUMN_NAME_BYTES_MAX} bytes or not printable.");
            return Err(Refusal::invalid("bad-column-name", reason)
                .remedy("Rename it. Is the header missing?")
                .into());
        }
        if !seen.insert(name) {
            let refusal =
                Refusal::invalid("duplicate-column", format!("{place}: there are two columns `{name}`."));
            return Err(refusal.remedy("Rename one of them.").into());
        }
    }
    Ok(())
}

pub(crate) fn no_rows() -> Refusal {
    Refusal::invalid("empty-input", "The input has no rows.").remedy("Publish a file that holds data.")
}
