//! The rules of Commonweal, pure.
//!
//! Nothing here waits, reads a clock, draws a random number or touches the outside: time, chance and
//! everything stored are arguments. A function of this crate answers with a value or with a
//! [`Refusal`], and could run in a simulator without a runtime.
//!
//! One module is one *room*; the same name stands on every other floor (see ARCHITECTURE.md).

pub mod agreements;
pub mod catalogue;
pub mod citizens;
pub mod compute;
pub mod exchange;
pub mod governance;
pub mod identity;
pub mod ledger;
pub mod words;

mod conversation;
mod names;
mod refusal;
mod turns;

pub use conversation::{Conversation, Event, Notice};
pub use jiff::Timestamp;
/// A day, without a time zone.
pub use jiff::civil::Date;
pub use names::InvalidName;
pub use refusal::{Refusal, RefusalKind};
pub use turns::Mark;
