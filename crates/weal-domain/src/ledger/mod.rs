//! # Ledger
//!
//! **What this room is for:** what must be remembered of every act, so that outsiders can verify it.
//! **Words:** entry, fact, receipt, checkpoint.
//! **What it never allows:** `LE-1` an entry, once sealed, is never changed or removed; `LE-2` no personal
//! data in an entry: persons are pseudonyms, questions are digests.

mod describe;
mod entry;

pub use describe::{describe, describe_naming};
pub use entry::{Actor, ENTRY_VERSION, Entry, Fact, Receipt};
