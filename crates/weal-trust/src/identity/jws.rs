//! Compact JSON Web Signatures (RFC 7515) with EdDSA (RFC 8037) and nothing else.
//!
//! The verifier chooses: the algorithm is fixed, the key comes from the caller by `kid`, and whatever
//! else the header claims (`jwk`, `x5u`, ...) is never followed.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::did::DidKey;
use super::keys::NodeKey;
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
    #[error("signed with an algorithm other than EdDSA")]
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
}

/// Signs `payload`. `typ` names the kind of document, so that one kind can never pass for another;
/// `kid` is `<did>#<fragment>`.
#[must_use]
pub fn jws_sign(payload: &[u8], typ: &str, kid: &str, key: &NodeKey) -> String {
    let header =
        Header { alg: "EdDSA".to_owned(), typ: Some(typ.to_owned()), kid: Some(kid.to_owned()), crit: None };
    let header = serde_json::to_vec(&header).expect("strings always serialise");
    let mut jws = format!("{}.{}", base64url(&header), base64url(payload));
    let signature = key.sign(jws.as_bytes());
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
    pub(super) kid: String,
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
        if header.alg != "EdDSA" {
            return Err(JwsError::WrongAlgorithm);
        }
        // RFC 7515 section 4.1.11: an extension that must be understood, and we understand none.
        if header.crit.is_some() {
            return Err(JwsError::Malformed("the header demands an extension"));
        }
        let kid = header.kid.ok_or(JwsError::Malformed("the header names no key"))?;
        let (payload, signature) = (decode(payload)?, decode(signature)?);
        Ok(Self { signing_input, kid, typ: header.typ, payload, signature })
    }

    /// Types are media types, so case does not count (RFC 7515 section 4.1.9).
    pub(super) fn require_type(&self, accepted: &[&str]) -> Result<(), JwsError> {
        let given = self.typ.as_deref().ok_or(JwsError::WrongType)?;
        let given = given.strip_prefix("application/").unwrap_or(given);
        let known = accepted.iter().any(|typ| typ.eq_ignore_ascii_case(given));
        if known { Ok(()) } else { Err(JwsError::WrongType) }
    }

    pub(super) fn verify(&self, keys: &[DidKey], purpose: Purpose) -> Result<(), JwsError> {
        let serves = |key: &DidKey| match purpose {
            Purpose::Authentication => key.purposes.authentication,
            Purpose::Assertion => key.purposes.assertion,
        };
        let key = keys.iter().find(|key| key.id == self.kid && serves(key)).ok_or(JwsError::UnknownKey)?;
        key.key.verify(self.signing_input.as_bytes(), &self.signature).map_err(|_| JwsError::BadSignature)
    }
}
