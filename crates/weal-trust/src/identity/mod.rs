//! # Identity
//!
//! **What this room is for:** who is speaking: the key of a node, where it is published, what it signs.
//! **Words:** member, node.
//! **What it never allows:** `ID-2` a signature counts only under the algorithm of its key, which the document of
//! the named signer publishes for this purpose (EdDSA; of others also ES256), within its time.

pub mod credential;
pub mod did;
pub mod jws;
pub mod keys;
pub mod presentation;
pub mod status;
pub mod token;
pub mod vc;
