//! A fault is an incident: logged once, with an opaque id that the person is given; never its text.

use weal_domain::Refusal;

/// Something broke that nobody asking did wrong.
#[derive(Debug, thiserror::Error)]
#[error("{doing}: {cause}")]
pub struct Fault {
    /// What the node was doing, in our words.
    pub doing: &'static str,
    pub cause: String,
}

impl Fault {
    pub fn new(doing: &'static str, cause: impl std::fmt::Display) -> Self {
        Self { doing, cause: cause.to_string() }
    }
}

/// How an act fails: with an answer, or with an incident.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(transparent)]
    Refused(#[from] Refusal),
    #[error(transparent)]
    Fault(#[from] Fault),
}

pub type Result<T, E = Error> = std::result::Result<T, E>;

impl From<weal_store::StoreError> for Error {
    /// What an asker can do something about is an answer; the rest is an incident.
    fn from(cause: weal_store::StoreError) -> Self {
        use weal_domain::RefusalKind::Unavailable;
        use weal_store::StoreError;
        match cause {
            StoreError::Full => {
                tracing::error!("the disk that holds the database is full");
                Refusal::new(
                    Unavailable,
                    "disk-full",
                    "This node's disk is full, so nothing new can be recorded.",
                )
                .remedy("Nothing was lost. Its operator must free some space; then try again.")
                .changed_by("the operator of this node")
                .into()
            }
            StoreError::Busy | StoreError::Unreachable { .. } => {
                tracing::warn!(%cause, "the store is not available");
                Refusal::new(
                    Unavailable,
                    "store-unavailable",
                    "This node's database does not answer just now.",
                )
                .remedy("Nothing was lost. Try again in a minute.")
                .into()
            }
            StoreError::Conflict { what } => Refusal::conflict(
                "changed-meanwhile",
                format!("The {what} was changed by someone else meanwhile."),
            )
            .remedy("Look at it again and repeat what you did.")
            .into(),
            StoreError::Missing { what } => {
                Refusal::not_found("not-found", format!("There is no such {what}.")).into()
            }
            other => {
                let source = std::error::Error::source(&other).map(ToString::to_string).unwrap_or_default();
                Fault::new("using the store", format!("{other} {source}")).into()
            }
        }
    }
}

impl From<weal_engine::EngineError> for Error {
    fn from(cause: weal_engine::EngineError) -> Self {
        match cause {
            weal_engine::EngineError::Refused(refusal) => Error::Refused(refusal),
            weal_engine::EngineError::Fault(fault) => Fault::new("using the query engine", fault).into(),
        }
    }
}
