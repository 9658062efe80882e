//! The word that an agreement was revoked. The Dataspace Protocol has none for it: after FINALIZED a
//! negotiation cannot be terminated, and a transfer's termination reaches only who has one open.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use weal_domain::Timestamp;
use weal_domain::agreements::AgreementId;

use crate::{Message, Node, WireError};

/// The version that is written and read.
const REVOCATION_VERSION: u64 = 1;
/// The longest role and reason, in bytes.
const ROLE_BYTES_MAX: usize = 64;
const REASON_BYTES_MAX: usize = 1_000;

/// One party tells the other that it has ended their agreement for good. Who sends it stands in the token.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RevocationMessage {
    pub agreement: AgreementId,
    pub at: Timestamp,
    /// The role of the person who revoked, at the sender.
    pub role: String,
    pub reason: String,
}

impl Message for RevocationMessage {
    fn read(node: &Node<'_>) -> Result<Self, WireError> {
        if node.value("v")? != REVOCATION_VERSION {
            return Err(node.wrong("v", format!("{REVOCATION_VERSION}")));
        }
        let revocation: Self = node.whole()?;
        for (name, text, bytes_max) in
            [("role", &revocation.role, ROLE_BYTES_MAX), ("reason", &revocation.reason, REASON_BYTES_MAX)]
        {
            if text.trim().is_empty() || text.len() > bytes_max || text.chars().any(char::is_control) {
                return Err(node.wrong(name, format!("1 to {bytes_max} bytes on one line")));
            }
        }
        Ok(revocation)
    }
    fn to_value(&self) -> Value {
        crate::json::versioned(REVOCATION_VERSION, self)
    }
}
