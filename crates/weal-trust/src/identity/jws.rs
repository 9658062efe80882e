//! Compact JSON Web Signatures (RFC 7515): we sign with EdDSA (RFC 8037); of others ES256 (RFC 7518) is read
//! too, where their DID document names a key on P-256.
//!
//! The verifier chooses: the key comes from the caller by `kid`, the kind of the key fixes the algorithm, and
//! whatever else the header claims (`jwk`, `x5u`, ...) is never followed.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::did::{DidDocument, DidKey};
use super::keys::{NodeKey, VerifyingKey};
use crate::encoding::{base64url, from_base64url};

/// The largest signed document (a register, a policy bundle), in bytes of its compact form.
pub const JWS_BYTES_MAX: usize = 1024 * 1024;
/// The largest decoded header, in bytes.
pub const HEADER_BYTES_MAX: usize = 2048;

/// Why a signed document is not accepted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum JwsError {
    #[error("longer than {bytes_max} bytes")]
    TooLong { bytes_max: usize },
    #[error("malformed: {0}")]
    Malformed(&'static str),
    #[error("signed with an algorithm that its key is not for, or that is not accepted")]
    WrongAlgorithm,
    #[error("of another type than expected")]
    WrongType,
    #[error("signed with a key that the signer does not publish for this purpose")]
    UnknownKey,
    #[error("the signature does not verify")]
    BadSignature,
}

/// What a signature must be made for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    Authentication,
    Assertion,
    /// What self-issued tokens of the Decentralized Claims Protocol are signed for.
    Invocation,
    /// What our own nodes' tokens are signed for: documents of earlier versions name no invocation.
    AuthenticationOrInvocation,
}

/// Whoever signs for a node: its key. What stands in for it in a conformance test is in weal-testkit.
pub trait JwsSigner: Send + Sync + std::fmt::Debug {
    /// The half that is published; it says the algorithm.
    fn verifying(&self) -> VerifyingKey;
    fn jws_signature(&self, message: &[u8]) -> Vec<u8>;
}

impl JwsSigner for NodeKey {
    fn verifying(&self) -> VerifyingKey {
        self.public().into()
    }
    fn jws_signature(&self, message: &[u8]) -> Vec<u8> {
        self.sign(message).to_vec()
    }
}

/// Signs `payload`. `typ` names the kind of document, so that one kind can never pass for another;
/// `kid` is `<did>#<fragment>`.
#[must_use]
pub fn jws_sign(payload: &[u8], typ: &str, kid: &str, key: &dyn JwsSigner) -> String {
    let header = Header {
        alg: key.verifying().algorithm().to_owned(),
        typ: Some(typ.to_owned()),
        kid: Some(kid.to_owned()),
        crit: None,
    };
    let header = serde_json::to_vec(&header).expect("strings always serialise");
    let mut jws = format!("{}.{}", base64url(&header), base64url(payload));
    let signature = key.jws_signature(jws.as_bytes());
    jws.push('.');
    jws.push_str(&base64url(&signature));
    jws
}

/// The payload of a signed document of kind `typ`, if one of `keys` made it for an assertion. Which
/// member's keys those are is the caller's to know: take them from the DID document of the signer.
pub fn jws_verify(jws: &str, typ: &str, keys: &[DidKey]) -> Result<Vec<u8>, JwsError> {
    let parsed = Unverified::parse(jws, JWS_BYTES_MAX)?;
    parsed.require_type(&[typ])?;
    parsed.verify(keys, Purpose::Assertion)?;
    Ok(parsed.payload)
}

#[derive(Debug, Serialize, Deserialize)]
struct Header {
    alg: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    typ: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    kid: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    crit: Option<Value>,
}

/// A well-formed compact JWS whose signature nobody has checked yet.
#[derive(Debug)]
pub(super) struct Unverified<'a> {
    signing_input: &'a str,
    alg: String,
    kid: Option<String>,
    typ: Option<String>,
    pub(super) payload: Vec<u8>,
    signature: Vec<u8>,
}

impl<'a> Unverified<'a> {
    pub(super) fn parse(jws: &'a str, bytes_max: usize) -> Result<Self, JwsError> {
        if jws.len() > bytes_max {
            return Err(JwsError::TooLong { bytes_max });
        }
        let three = JwsError::Malformed("not three parts separated by dots");
        let (signing_input, signature) = jws.rsplit_once('.').ok_or(three.clone())?;
        let (header, payload) = signing_input.split_once('.').ok_or(three.clone())?;
        if payload.contains('.') {
            return Err(three);
        }
        let decode = |part| from_base64url(part).map_err(|_| JwsError::Malformed("not base64url"));
        let header = decode(header)?;
        if header.len() > HEADER_BYTES_MAX {
            return Err(JwsError::Malformed("the header is longer than 2048 bytes"));
        }
        let header: Header =
            serde_json::from_slice(&header).map_err(|_| JwsError::Malformed("the header is not JSON"))?;
        if !["EdDSA", "ES256"].contains(&header.alg.as_str()) {
            return Err(JwsError::WrongAlgorithm);
        }
        // RFC 7515 section 4.1.11: an extension that must be understood, and we understand none.
        if header.crit.is_some() {
            return Err(JwsError::Malformed("the header demands an extension"));
        }
        let (payload, signature) = (decode(payload)?, decode(signature)?);
        Ok(Self { signing_input, alg: header.alg, kid: header.kid, typ: header.typ, payload, signature })
    }

    /// The key that the header names.
    pub(super) fn kid(&self) -> Result<&str, JwsError> {
        self.kid.as_deref().ok_or(JwsError::Malformed("the header names no key"))
    }

    /// The key's absolute id, where the header names one as `<did>#<fragment>` or `#<fragment>`; refuses
    /// another's than `did`.
    pub(super) fn kid_of(&self, did: &str) -> Result<Option<String>, JwsError> {
        let Some(kid) = &self.kid else { return Ok(None) };
        let absolute = if kid.starts_with('#') { format!("{did}{kid}") } else { kid.clone() };
        let own = absolute.strip_prefix(did).is_some_and(|rest| rest.starts_with('#'));
        if own { Ok(Some(absolute)) } else { Err(JwsError::Malformed("the key is not one of the issuer's")) }
    }

    /// Types are media types, so case does not count (RFC 7515 section 4.1.9).
    pub(super) fn require_type(&self, accepted: &[&str]) -> Result<(), JwsError> {
        let given = self.typ.as_deref().ok_or(JwsError::WrongType)?;
        let given = given.strip_prefix("application/").unwrap_or(given);
        let known = accepted.iter().any(|typ| typ.eq_ignore_ascii_case(given));
        if known { Ok(()) } else { Err(JwsError::WrongType) }
    }

    /// As [`Unverified::require_type`], for strangers, who may leave the type out.
    pub(super) fn require_type_if(&self, accepted: &[&str]) -> Result<(), JwsError> {
        if self.typ.is_none() { Ok(()) } else { self.require_type(accepted) }
    }

    pub(super) fn verify(&self, keys: &[DidKey], purpose: Purpose) -> Result<(), JwsError> {
        let kid = self.kid()?;
        self.verify_with(keys.iter().find(|key| key.id == kid && serves(key, purpose)))
    }

    /// With the key of the signer's document that the header names, or with its only one where it names none.
    pub(super) fn verify_of(&self, document: &DidDocument, purpose: Purpose) -> Result<(), JwsError> {
        let key = match self.kid_of(&document.id)? {
            Some(kid) => document.keys.iter().find(|key| key.id == kid),
            None => document.sole_key(),
        };
        self.verify_with(key.filter(|key| serves(key, purpose)))
    }

    fn verify_with(&self, key: Option<&DidKey>) -> Result<(), JwsError> {
        let key = key.ok_or(JwsError::UnknownKey)?;
        if key.key.algorithm() != self.alg {
            return Err(JwsError::WrongAlgorithm);
        }
        key.key.verify(self.signing_input.as_bytes(), &self.signature).map_err(|_| JwsError::BadSignature)
    }
}

fn serves(key: &DidKey, purpose: Purpose) -> bool {
    let DidKey { purposes, .. } = key;
    match purpose {
        Purpose::Authentication => purposes.authentication,
        Purpose::Assertion => purposes.assertion,
        Purpose::Invocation => purposes.invocation,
        Purpose::AuthenticationOrInvocation => purposes.authentication || purposes.invocation,
    }
}
