//! Credentials about this node, as its own programs see them.

use serde::{Deserialize, Serialize};
use weal_domain::Timestamp;
use weal_domain::identity::Did;

/// The credentials that this node holds, asked for and was offered.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CredentialsShown {
    /// Newest first.
    pub credentials: Vec<CredentialShown>,
    pub requests: Vec<RequestedCredential>,
    pub offers: Vec<OfferedCredential>,
    /// What this node issued to others, the newest places in its status list first; nothing where it governs nobody.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub issued: Vec<IssuedCredential>,
}

/// One credential about this node.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CredentialShown {
    /// By which it is exported and removed.
    pub number: String,
    pub issuer: Did,
    /// By which verifiers ask for it.
    pub kinds: Vec<String>,
    /// `vc11-sl2021/jwt` or `vc20-bssl/jwt`.
    pub profile: String,
    /// `membership`, `issued` or `imported`.
    pub source: String,
    /// `good`, `revoked`, `expired`, or `unknown` where its issuer's status list cannot be had.
    pub status: String,
    pub received_at: Timestamp,
    pub expires_at: Option<Timestamp>,
}

/// What this node asked an issuer for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RequestedCredential {
    pub id: String,
    pub issuer: Did,
    /// `RECEIVED`, `ISSUED` or `REJECTED`.
    pub status: String,
    pub reason: Option<String>,
    pub asked_at: Timestamp,
}

/// What an issuer says can be had.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct OfferedCredential {
    pub issuer: Did,
    pub id: String,
    pub kind: Option<String>,
    pub reason: Option<String>,
    pub received_at: Timestamp,
}

/// What this node issued to somebody with one place in its status list.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct IssuedCredential {
    pub subject: Did,
    /// None is known of what an earlier version issued.
    pub kinds: Vec<String>,
    /// From 0.
    pub place: u32,
    /// `good`, `revoked` or `expired`.
    pub status: String,
    /// Of the last that was issued.
    pub expires_at: Option<Timestamp>,
    pub revoked_at: Option<Timestamp>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ImportCredential {
    /// As it was signed: three parts with dots between them.
    pub credential: String,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RequestCredentials {
    pub issuer: Did,
    /// Of this kind only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
}
