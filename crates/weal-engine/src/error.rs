//! What can go wrong: a refusal is an answer, a fault is an incident.

use weal_domain::Refusal;

/// Either an answer that says no, or an incident of ours.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// Says what to do instead. Its text never depends on what stands in a protected row.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// Logged, never shown to the other side: its text may hold anything.
    #[error(transparent)]
    Fault(#[from] Fault),
}

impl EngineError {
    /// The refusal, if it is one.
    #[must_use]
    pub fn refusal(&self) -> Option<&Refusal> {
        match self {
            Self::Refused(refusal) => Some(refusal),
            Self::Fault(_) => None,
        }
    }
}

/// Something broke while the engine was `doing` its work.
#[derive(Debug, thiserror::Error)]
#[error("while {doing}: {source}")]
pub struct Fault {
    pub doing: &'static str,
    pub source: Box<dyn std::error::Error + Send + Sync>,
}

impl Fault {
    pub fn new(doing: &'static str, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self { doing, source: source.into() }
    }
}

/// Names what was being done, on the way from any error to a fault.
pub(crate) trait Doing<T> {
    fn doing(self, what: &'static str) -> Result<T, EngineError>;
}

impl<T, E: Into<Box<dyn std::error::Error + Send + Sync>>> Doing<T> for Result<T, E> {
    fn doing(self, what: &'static str) -> Result<T, EngineError> {
        self.map_err(|source| Fault::new(what, source).into())
    }
}
