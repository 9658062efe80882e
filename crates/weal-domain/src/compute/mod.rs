//! # Compute
//!
//! **What this room is for:** what a computation on protected data costs, and whether that is left.
//! **Words:** budget, loss, granted, reserved, spent.
//! **What it never allows:** `BU-1` spent plus reserved never exceeds granted; `BU-2` a reservation is
//! durable before noise is drawn and is never given back by a crash.

mod answer;
mod budget;
mod loss;

pub use answer::{Answer, AnswerColumn, Cell, ColumnRole, Preview};
pub use budget::Budget;
pub use loss::Loss;
