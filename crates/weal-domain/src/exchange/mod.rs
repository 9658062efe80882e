//! # Exchange
//!
//! **What this room is for:** from an agreement to bytes, through the gate and no other way.
//! **Words:** transfer, use, permit, gate.
//! **What it never allows:** `GT-1` no byte without a permit; `GT-2` a use is in the ledger before its
//! first byte leaves; `GT-3` a revoked agreement opens nothing.

mod gate;
mod permit;
pub mod transfer;

pub use gate::{Asking, Budgets, GateQuestion, GateStep, decide, simulate};
pub use permit::{
    Extract, Grant, Lookup, Matching, Metadata, Permit, Rung, Statistics, Synthetic, Training, UseId,
};
pub use transfer::{DataAddress, Transfer, TransferState};
