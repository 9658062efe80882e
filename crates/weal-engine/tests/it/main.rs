//! The engine from outside: what it takes in, what it lets out, what it answers and what it refuses.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
#![allow(clippy::too_many_lines, reason = "tables of cases")]

mod accounted;
mod advice;
mod answers;
#[path = "../../../weal-privacy/tests/it/auditor.rs"]
mod auditor;
mod audits;
mod bad_input;
mod bounded;
mod by_subject;
mod dialect;
mod extract;
#[allow(dead_code, reason = "the oracle's part is for the example that writes questions")]
#[path = "../generated/mod.rs"]
mod generated;
mod given;
mod ingest;
mod joins;
mod never_fails;
mod oracle;
mod owners;
mod query;
mod question;
mod real_data;
mod refusals;
mod rewriting;
mod sensitivity;
mod totals;
mod wording;
