//! Keys, signatures, credentials, the Merkle ledger and its proofs: what an auditor reads.
//!
//! An auditor can read this crate alone: it depends on nothing else of ours, opens no file and no
//! connection, reads no clock and draws no random number. What it verifies, it verifies from the bytes
//! it is given.
//!
//! Two rooms stand here. *Identity* answers who is speaking: [`keys`], [`did`], [`jws`], [`token`],
//! [`credential`], and what strangers show of themselves: [`vc`], [`presentation`], [`status`]. *Ledger* answers whether something was remembered and never changed: [`seal`]
//! turns an entry into a leaf, [`merkle`] leaves into a tree, [`note`] and [`checkpoint`] sign its root,
//! [`cosignature`] lets another node witness it, [`proof`] hands one entry's evidence to anyone,
//! [`tiles`] serves the tree over HTTP, and [`export`] with [`receipts`] verifies whole ledgers offline and
//! answers with [`findings`].

mod identity;
mod ledger;

pub mod encoding;

pub use identity::{credential, did, jws, keys, presentation, status, token, vc};
pub use ledger::{checkpoint, cosignature, export, findings, merkle, note, proof, receipts, seal, tiles};
