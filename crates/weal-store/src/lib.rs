//! The only SQL: one file per room, on SQLite (embedded, the default) or PostgreSQL (by URL), with one
//! set of queries for both.
//!
//! An act opens a transaction, calls the rooms' methods on it and commits:
//!
//! ```ignore
//! let mut tx = store.write("agreements.revoke").await?;
//! tx.put_agreement(&agreement, &policy_sha256).await?;
//! tx.append(&[entry], &mut entropy, &signer).await?;
//! tx.commit().await?;
//! ```
//!
//! Writers of one database run one after another, so a rule that reads and then writes needs no lock of
//! its own. Readers see one moment and never wait. Whatever is stored as JSON carries a version.

mod agreements;
mod backup;
mod catalogue;
mod compute;
mod credentials;
mod error;
mod exchange;
mod flush;
mod governance;
mod identity;
mod ledger;
mod migrate;
mod open;
mod outbox;
mod tx;

/// How commits become durable, for this crate's own tests.
#[doc(hidden)]
pub mod durability {
    pub use crate::flush::Flush;
}

pub use catalogue::{
    ForeignPiece, ForeignPlace, ForeignSource, LookRead, PageEnd, PeerFreshness, Said, ShownTexts, ShownTo,
    StoredProduct, Written,
};
pub use compute::{
    ANSWER_KEPT_BYTES_MAX, ANSWERS_KEPT_MAX, AnswerKey, BUDGET_EVENTS_READ_MAX, Overdrawn, Reservation,
};
pub use credentials::{CredentialOffer, CredentialRequest, HeldCredential, Issuance, IssuedPlace};
pub use error::StoreError;
pub use exchange::{StoredUse, UsesSummed};
pub use governance::{Membership, SignedRegister};
pub use identity::{ApiToken, SIGN_IN_FAILURES_KEPT, Session, SignInFailures, SignInKey, SignInKind};
pub use ledger::{ENTRIES_READ_MAX, SealedEntry, Signer, StoredCheckpoint};
pub use migrate::SCHEMA_VERSION;
pub use open::{OpenOptions, Store, sqlite_url};
pub use outbox::{Job, NewJob, Take};
pub use tx::Tx;
