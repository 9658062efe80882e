//! The portal's pages: drawn from sample views, checked, and written out to be looked at.

mod escaping;
mod gallery;
mod samples;
mod snapshots;
mod style;
mod words;
