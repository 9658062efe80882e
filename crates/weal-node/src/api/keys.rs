//! The node's keys, as its own programs see them.

use serde::{Deserialize, Serialize};
use weal_domain::Timestamp;

/// Every key of the node, oldest first.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct KeysShown {
    pub keys: Vec<KeyShown>,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct RotateKey {
    /// The key that signs was stolen: it is not published any more once the next one signs.
    pub stolen: bool,
}

/// One key of the node.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct KeyShown {
    /// Its fragment in the DID document: `key-1`.
    pub key: String,
    /// JWK thumbprint, RFC 7638.
    pub thumbprint: String,
    /// `published` before it signs, `signs`, `verifies` after that, `retired` when it is not published any more.
    pub state: String,
    pub published_at: Timestamp,
    pub signs_from: Timestamp,
    pub retires_at: Option<Timestamp>,
}
