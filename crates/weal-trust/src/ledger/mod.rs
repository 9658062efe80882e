//! # Ledger
//!
//! **What this room is for:** proving that an entry was remembered, and that nothing was changed since.
//! **Words:** entry, receipt, checkpoint.
//! **What it never allows:** `LE-1` an entry, once sealed, is never changed or removed unseen; `LE-3` a
//! leaf says nothing of its entry to anyone without the entry's nonce.

pub mod checkpoint;
pub mod cosignature;
pub mod export;
pub mod findings;
pub mod merkle;
pub mod note;
pub mod proof;
pub mod receipts;
pub mod seal;
pub mod tiles;
