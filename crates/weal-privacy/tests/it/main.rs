//! Tests of the mathematics of privacy. OpenDP's randomness cannot be seeded, so every statistical test
//! states how often it fails by chance: all of them together less than once in 10⁷ runs.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod accountant;
mod auditor;
mod audits;
mod combining;
mod conversions;
mod defect;
mod exact;
mod integers;
mod noise;
mod ranks;
mod sampler;
mod thresholds;
mod totals;
