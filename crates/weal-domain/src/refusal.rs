//! A refusal is an answer: typed, with a reason a person can act on.

use serde::{Deserialize, Serialize};

use crate::catalogue::Mode;

/// What sort of answer a refusal is; each maps to one HTTP status at the edge.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RefusalKind {
    /// The words are wrong: malformed, unknown column, unsupported SQL (400).
    Invalid,
    /// Nobody has proved who is asking (401).
    Unauthenticated,
    /// Understood and not allowed (403).
    Forbidden,
    /// There is no such thing, or none this caller may know of (404).
    NotFound,
    /// Not in this state (409).
    Conflict,
    /// A size, depth or count is over its limit (413).
    TooLarge,
    /// A quota, a rate or a privacy budget is used up (429).
    Exhausted,
    /// The other side cannot be reached, or the disk is full (503).
    Unavailable,
}

/// Why something was refused, by which rule, who may change that, and what would work instead.
///
/// The text never depends on a person's data.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{reason}")]
pub struct Refusal {
    pub kind: RefusalKind,
    /// A stable, machine-readable name in kebab case, for example `agreement-revoked`.
    pub code: String,
    /// One or two sentences for a person.
    pub reason: String,
    /// The next step that helps, as a sentence; where a command does it, the command in backticks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remedy: Option<String>,
    /// The rung of the ladder that would answer the same question with less disclosure.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instead: Option<Mode>,
    /// Who may change the rule that refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub changed_by: Option<String>,
}

impl Refusal {
    pub fn new(kind: RefusalKind, code: impl Into<String>, reason: impl Into<String>) -> Self {
        Self { kind, code: code.into(), reason: reason.into(), remedy: None, instead: None, changed_by: None }
    }
    pub fn invalid(code: impl Into<String>, reason: impl Into<String>) -> Self {
        Self::new(RefusalKind::Invalid, code, reason)
    }
    pub fn forbidden(code: impl Into<String>, reason: impl Into<String>) -> Self {
        Self::new(RefusalKind::Forbidden, code, reason)
    }
    pub fn not_found(code: impl Into<String>, reason: impl Into<String>) -> Self {
        Self::new(RefusalKind::NotFound, code, reason)
    }
    pub fn conflict(code: impl Into<String>, reason: impl Into<String>) -> Self {
        Self::new(RefusalKind::Conflict, code, reason)
    }
    #[must_use]
    pub fn remedy(mut self, remedy: impl Into<String>) -> Self {
        self.remedy = Some(remedy.into());
        self
    }
    #[must_use]
    pub fn instead(mut self, mode: Mode) -> Self {
        self.instead = Some(mode);
        self
    }
    #[must_use]
    pub fn changed_by(mut self, who: impl Into<String>) -> Self {
        self.changed_by = Some(who.into());
        self
    }
}
