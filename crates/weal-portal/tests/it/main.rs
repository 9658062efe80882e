//! The portal's pages: drawn from sample views, checked, and written out to be looked at.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod escaping;
mod gallery;
mod samples;
mod snapshots;
mod style;
mod words;
