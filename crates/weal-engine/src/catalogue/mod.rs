//! # Catalogue, on the engine's floor
//!
//! Taking data in: reading what an owner has, judging it row by row, profiling it, and writing the one
//! canonical Parquet file that everything else reads.

mod csv_in;
mod files;
mod ingest;
mod ndjson_in;
mod order;
mod pages;
mod parquet_in;
mod profile;
mod propose;
mod receive;
mod survey;
pub(crate) mod values;
mod write;

pub(crate) use ingest::ingest;
pub(crate) use order::put_in_order;
pub use profile::DISTINCT_EXACT_MAX;
pub(crate) use write::{ORDERED_BY_KEY, ROW_TEXT_BYTES_KEY, UNIQUE_COLUMNS_KEY};

use std::collections::BTreeMap;
use std::path::PathBuf;

use weal_domain::catalogue::{Classification, Column, ColumnProfile, PrivacyPolicy};

/// What an input is, where its name does not say so.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Format {
    Csv,
    NdJson,
    Parquet,
}

/// What publishing found out.
#[derive(Debug, Clone, PartialEq)]
pub struct Ingested {
    pub columns: Vec<Column>,
    pub profile: Vec<ColumnProfile>,
    pub rows: u64,
    /// Of the Parquet file.
    pub size_bytes: u64,
    /// Of the input's bytes, lower-case hex; of a folder, of its `sha256sum` lines in order of name.
    pub content_sha256: String,
    pub file: PathBuf,
    pub proposal: Proposal,
}

/// What the owner is asked to confirm or change.
#[derive(Debug, Clone, PartialEq)]
pub struct Proposal {
    pub subject: Option<String>,
    pub classification: Classification,
    pub privacy: Option<PrivacyPolicy>,
    /// Columns with few values. They become public keys only if the owner says that the list is public
    /// knowledge; they are never part of `privacy` here.
    pub public_keys: BTreeMap<String, Vec<String>>,
    /// Why, in sentences for the owner, warnings among them.
    pub reasons: Vec<String>,
}
