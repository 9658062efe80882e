//! Everything that touches the rows of a product, and the only floor that knows DataFusion.
//!
//! [`Engine`] is the door: it takes a product in (`ingest`), streams the rows that a permit allows
//! (`rows`), answers private questions (`preview`, `answer`) and runs ordinary SQL over files that are
//! already ours (`query`). One module is one room; see ARCHITECTURE.md.

pub mod catalogue;
pub mod compute;
pub mod exchange;

mod calendar;
mod engine;
mod error;
mod limits;
mod scan;

/// Totals without noise, for this crate's own tests.
#[doc(hidden)]
pub mod exact {
    pub use crate::compute::{Added, Adding, ExactAnswer, ExactPart, Held, steps};
}

pub use catalogue::{Format, Ingested, Proposal};
pub use compute::{
    Covered, Heard, PermitFor, Permitted, Question, Split, SplitPart, Turn, check_filter, explained,
    read_question, same_question, split_between_owners,
};
pub use engine::{Engine, Source};
pub use error::{EngineError, Fault};
pub use exchange::RowStream;
pub use limits::EngineLimits;
