//! # Compute
//!
//! **What this room is for:** what a computation on protected data costs, and whether that is left.
//! **Words:** budget, loss, granted, reserved, spent.
//! **What it never allows:** `BU-1` spent plus reserved never exceeds granted; `BU-2` a reservation is
//! durable before noise is drawn and is never given back by a crash.

mod answer;

pub use answer::{Answer, AnswerColumn, Cell, ColumnRole, Preview};

use serde::{Deserialize, Serialize};

/// Privacy loss in zero-concentrated terms (Bun and Steinke 2016), exact: rho in units of 10⁻⁹ and
/// delta (of thresholds) in units of 10⁻¹⁵. Losses add; conversions into these units round up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub struct Loss {
    pub rho_nano: u64,
    #[serde(default)]
    pub delta_femto: u64,
}
