//! # Identity
//!
//! **What this room is for:** who is speaking: the key of a node, where it is published, what it signs.
//! **Words:** member, node.
//! **What it never allows:** `ID-2` a signature counts only under EdDSA, with a key of the named signer,
//! within its time.

pub mod credential;
pub mod did;
pub mod jws;
pub mod keys;
pub mod token;
