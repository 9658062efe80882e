//! The engine from outside: what it takes in, what it lets out, what it answers and what it refuses.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
#![allow(clippy::too_many_lines, reason = "tables of cases")]

mod answers;
mod bad_input;
mod bounded;
mod extract;
mod given;
mod ingest;
mod never_fails;
mod oracle;
mod query;
mod question;
mod real_data;
mod refusals;
mod rewriting;
