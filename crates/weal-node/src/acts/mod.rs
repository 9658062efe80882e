//! The acts, one module per room. An act loads, decides with the pure rules, and saves state, ledger
//! entries and outgoing messages in one transaction; then it rings the driver's bell.

pub mod agreements;
pub mod catalogue;
pub mod compute;
pub mod exchange;
pub mod governance;
pub mod identity;
pub mod ledger;

mod deliver;

use sha2::Digest as _;

/// SHA-256 in lower-case hex.
pub(crate) fn sha256_hex(bytes: impl AsRef<[u8]>) -> String {
    sha2::Sha256::digest(bytes.as_ref()).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// SHA-256 of a value's JSON, for ledgers.
pub(crate) fn json_sha256(value: &impl serde::Serialize) -> Result<String, crate::fault::Fault> {
    serde_json::to_vec(value)
        .map(sha256_hex)
        .map_err(|cause| crate::fault::Fault::new("printing JSON", cause))
}
