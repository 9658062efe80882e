//! # Compute, on the engine's floor
//!
//! Reading questions, pricing them, and answering them so that no person's row can be told from the answer.

use weal_domain::Refusal;
use weal_domain::catalogue::{Column, ProductRef};

/// What a question asks for, before anybody decides how to answer it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    /// Every product named, once each, in order of name.
    pub tables: Vec<ProductRef>,
    /// Whether it asks for totals (aggregates or groups) rather than rows.
    pub aggregates: bool,
}

/// Reads one `SELECT` and refuses everything else.
pub fn read_question(sql: &str) -> Result<Question, Refusal> {
    let _ = sql;
    Err(Refusal::invalid("unfinished", "The engine is not finished."))
}

/// Whether `filter` is a condition over `columns` that can be a row filter.
pub fn check_filter(columns: &[Column], filter: &str) -> Result<(), Refusal> {
    let _ = (columns, filter);
    Err(Refusal::invalid("unfinished", "The engine is not finished."))
}
