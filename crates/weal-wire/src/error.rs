//! What is wrong with a document, where, and what to send instead.

use weal_domain::{Refusal, RefusalKind};

/// The longest excerpt of somebody else's text that an error repeats, in characters.
const EXCERPT_CHARS_MAX: usize = 80;

/// A document that is not what it should be. The text may be shown to whoever sent it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WireError {
    #[error("the document has {size_bytes} bytes and at most {limit_bytes} are read")]
    TooLarge { size_bytes: usize, limit_bytes: usize },
    #[error("the document is nested deeper than {limit} levels")]
    TooDeep { limit: usize },
    #[error("the document has more than {limit} {what}")]
    TooMany { what: &'static str, limit: usize },
    #[error("this is not valid {format}: {problem}")]
    Syntax { format: &'static str, problem: String },
    #[error("`{at}` is missing")]
    Missing { at: String },
    #[error("`{at}` is not {expected}")]
    Wrong { at: String, expected: String },
}

impl WireError {
    pub(crate) fn wrong(at: impl Into<String>, expected: impl Into<String>) -> Self {
        Self::Wrong { at: at.into(), expected: expected.into() }
    }

    /// The next step for whoever sent the document.
    #[must_use]
    pub fn remedy(&self) -> String {
        match self {
            Self::TooLarge { limit_bytes, .. } => {
                format!("Send at most {limit_bytes} bytes; ask for less, or page through it.")
            }
            Self::TooDeep { limit } => format!("Nest objects and arrays at most {limit} levels deep."),
            Self::TooMany { what, limit } => format!("Send at most {limit} {what} in one document."),
            Self::Syntax { format, .. } => format!("Send one complete {format} document in UTF-8."),
            Self::Missing { at } => format!("Add `{at}` and send it again."),
            Self::Wrong { at, expected } => format!("Make `{at}` {expected} and send it again."),
        }
    }

    /// The stable, machine-readable name of this error.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::TooLarge { .. } => "document-too-large",
            Self::TooDeep { .. } => "document-too-deep",
            Self::TooMany { .. } => "document-too-many",
            Self::Syntax { .. } => "document-unreadable",
            Self::Missing { .. } => "member-missing",
            Self::Wrong { .. } => "member-wrong",
        }
    }
}

impl From<WireError> for Refusal {
    fn from(error: WireError) -> Refusal {
        let kind = match error {
            WireError::TooLarge { .. } | WireError::TooDeep { .. } | WireError::TooMany { .. } => {
                RefusalKind::TooLarge
            }
            _ => RefusalKind::Invalid,
        };
        let mut reason = error.to_string();
        if let Some(first) = reason.get(..1) {
            reason = first.to_uppercase() + &reason[1..] + ".";
        }
        Refusal::new(kind, error.code(), reason).remedy(error.remedy())
    }
}

/// Somebody else's text, short enough to repeat in an error and without control characters.
pub(crate) fn excerpt(text: &str) -> String {
    let mut short: String =
        text.chars().take(EXCERPT_CHARS_MAX).map(|c| if c.is_control() { ' ' } else { c }).collect();
    if text.chars().nth(EXCERPT_CHARS_MAX).is_some() {
        short.push('…');
    }
    short
}
