//! # Catalogue
//!
//! **What this room is for:** saying what data there is, how far it may be used and on which rung.
//! **Words:** product, offer, mode, classification, subject column.
//! **What it never allows:** `CA-1` a catalogue entry for a personal product carries no value of any person.
//! **Its other floors:** see the rooms-by-floors table in ARCHITECTURE.md.

mod check;
mod docs;
mod foreign;
mod index;
mod ladder;
mod mode;
mod offer;
mod particulars;
mod persons;
mod product;
mod search;
mod terms;
mod words;

pub use check::{check_offer, dataset_id, is_part_of, is_part_of_any, name_made_of, parse_dataset};
pub use docs::{Bits, Docs, number_at, place_of};
pub use foreign::{ForeignEntry, foreign_words};
pub use index::{Gathered, Hit, Hits, Known, Slice};
pub use ladder::{RungStanding, RungView, ladder, suggest_instead};
pub use mode::Mode;
pub use offer::{Approval, Offer, OfferId, Terms};
pub use particulars::{Contact, Particulars, Theme, WebAddress};
pub use persons::{may_identify, may_identify_in_words, rungs_by_default};
pub use product::{
    Bounds, Classification, Column, ColumnKind, ColumnProfile, DatasetId, Identifying, PrivacyPolicy,
    Product, ProductName,
};
pub use search::{CatalogueEntry, CatalogueFreshness, Facet, Facets, Holder, Query};
pub use terms::{Plan, Span, TERMS_VERSION, WantedWord, dictionary_word, near, terms_of};

pub use crate::names::ProductRef;
