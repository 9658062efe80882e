//! Status lists: one bit for every credential of an issuer, published for everybody, so that looking up one
//! tells the issuer nothing about whose it is.
//!
//! Sources: Bitstring Status List 1.0 (W3C) for credentials of data model 2.0, and its draft of 2023,
//! StatusList2021, for those of 1.1. The list is itself a credential that the issuer signs.

use std::io::{Read as _, Write as _};

use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use serde_json::{Value, json};

use super::did::DidDocument;
use super::jws::JwsSigner;
use super::vc::{self, NewCredential, Profile, VcError};
use crate::encoding::{base64, base64url, from_base64url};

/// The fewest bits that a list may have: fewer would tell whose bit was looked up (section 6.1).
pub const BITS_MIN: u32 = 131_072;
/// The most bytes of a list that are unpacked: a small text must not become a large memory.
pub const LIST_BYTES_MAX: usize = 1024 * 1024;
/// The most bytes of a signed list that are read: a list of random bits does not compress.
pub const SIGNED_BYTES_MAX: usize = 2 * 1024 * 1024;
/// The longest address of a list, in bytes.
const URL_BYTES_MAX: usize = 512;

/// The two forms in which the same list is published.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ListKind {
    /// Of data model 2.0.
    Bitstring,
    /// Of data model 1.1.
    StatusList2021,
}

impl ListKind {
    #[must_use]
    pub fn profile(self) -> Profile {
        match self {
            Self::Bitstring => Profile::Vc20,
            Self::StatusList2021 => Profile::Vc11,
        }
    }
    fn entry_type(self) -> &'static str {
        match self {
            Self::Bitstring => "BitstringStatusListEntry",
            Self::StatusList2021 => "StatusList2021Entry",
        }
    }
    fn credential_type(self) -> &'static str {
        match self {
            Self::Bitstring => "BitstringStatusListCredential",
            Self::StatusList2021 => "StatusList2021Credential",
        }
    }
    fn subject_type(self) -> &'static str {
        match self {
            Self::Bitstring => "BitstringStatusList",
            Self::StatusList2021 => "StatusList2021",
        }
    }
    /// The bitstring says by its prefix that it is base64url (Multibase); StatusList2021 is base64.
    fn text(self, packed: &[u8]) -> String {
        match self {
            Self::Bitstring => format!("u{}", base64url(packed)),
            Self::StatusList2021 => base64(packed),
        }
    }
}

/// Where a credential's bit stands, and what it means when it is set.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct StatusEntry {
    /// The address of the list.
    pub list: String,
    pub index: u32,
    /// `revocation` or `suspension`: what is set is not good. Others are passed over by readers.
    pub purpose: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum StatusError {
    #[error("the status entry is of a kind this node does not know, or incomplete")]
    UnknownEntry,
    #[error("the status list is not what its issuer signs: {0}")]
    Malformed(&'static str),
    #[error("the status list has fewer than 131072 bits")]
    TooShort,
    #[error("the status list is larger than 1048576 bytes")]
    TooLarge,
    #[error("the status list has no bit of this number")]
    OutOfRange,
}

impl From<VcError> for StatusError {
    fn from(_: VcError) -> Self {
        Self::Malformed("the credential around it does not verify")
    }
}

impl StatusEntry {
    /// The `credentialStatus` of a credential.
    #[must_use]
    pub fn to_json(&self, kind: ListKind) -> Value {
        json!({
            "id": format!("{}#{}", self.list, self.index),
            "type": kind.entry_type(),
            "statusPurpose": self.purpose,
            "statusListIndex": self.index.to_string(),
            "statusListCredential": self.list,
        })
    }

    /// Reads one entry of either kind. The list's address and the index are all that is used of it.
    pub fn from_json(entry: &Value) -> Result<Self, StatusError> {
        let text = |name: &str| entry.get(name).and_then(Value::as_str);
        let known = [ListKind::Bitstring, ListKind::StatusList2021];
        let kind = text("type").filter(|kind| known.iter().any(|one| one.entry_type() == *kind));
        kind.ok_or(StatusError::UnknownEntry)?;
        // A list of statuses of more than one bit is another thing.
        if entry.get("statusSize").is_some_and(|size| size != 1) {
            return Err(StatusError::UnknownEntry);
        }
        let index = match entry.get("statusListIndex") {
            Some(Value::String(digits)) if digits.bytes().all(|byte| byte.is_ascii_digit()) => {
                digits.parse().ok()
            }
            Some(Value::Number(number)) => number.as_u64().and_then(|index| u32::try_from(index).ok()),
            _ => None,
        };
        let list = text("statusListCredential").filter(|url| !url.is_empty() && url.len() <= URL_BYTES_MAX);
        let purpose = text("statusPurpose").filter(|purpose| purpose.len() <= URL_BYTES_MAX);
        match (index, list, purpose) {
            (Some(index), Some(list), Some(purpose)) => {
                Ok(Self { list: list.to_owned(), index, purpose: purpose.to_owned() })
            }
            _ => Err(StatusError::UnknownEntry),
        }
    }
}

/// The bits, the first of a byte being its highest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatusList {
    bits: Vec<u8>,
    /// What a set bit means.
    purpose: String,
}

impl StatusList {
    /// A list of `bits` bits, none set, and of [`BITS_MIN`] at least.
    #[must_use]
    pub fn new(bits: u32, purpose: &str) -> Self {
        let bytes = usize::try_from(bits.max(BITS_MIN).div_ceil(8)).unwrap_or(LIST_BYTES_MAX);
        Self { bits: vec![0; bytes.min(LIST_BYTES_MAX)], purpose: purpose.to_owned() }
    }

    #[must_use]
    pub fn purpose(&self) -> &str {
        &self.purpose
    }

    pub fn set(&mut self, index: u32) -> Result<(), StatusError> {
        let byte = usize::try_from(index / 8).ok().and_then(|byte| self.bits.get_mut(byte));
        *byte.ok_or(StatusError::OutOfRange)? |= 0x80 >> (index % 8);
        Ok(())
    }

    /// Whether a bit is set; a bit that is not there is an error and never "not set".
    pub fn is_set(&self, index: u32) -> Result<bool, StatusError> {
        let byte = usize::try_from(index / 8).ok().and_then(|byte| self.bits.get(byte));
        Ok(byte.ok_or(StatusError::OutOfRange)? & (0x80 >> (index % 8)) != 0)
    }

    /// Packed with gzip, as `encodedList`.
    #[must_use]
    pub fn encode(&self, kind: ListKind) -> String {
        let mut packer = GzEncoder::new(Vec::new(), Compression::default());
        let packed = packer.write_all(&self.bits).and_then(|()| packer.finish());
        kind.text(&packed.expect("a vector takes every byte"))
    }

    /// Unpacks `encodedList` of either form, and what has the alphabet of the other.
    pub fn decode(encoded: &str, purpose: &str) -> Result<Self, StatusError> {
        // Gzip begins with 1f8b, in base64 with `H4sI`: a prefix cannot be taken for a part of it.
        let packed = encoded.strip_prefix('u').unwrap_or(encoded).trim_end_matches('=');
        let packed = from_base64url(&packed.replace('+', "-").replace('/', "_"))
            .map_err(|_| StatusError::Malformed("`encodedList` is not base64url or base64"))?;
        let mut bits = Vec::new();
        let limit = u64::try_from(LIST_BYTES_MAX).unwrap_or(u64::MAX) + 1;
        let unpacked = GzDecoder::new(packed.as_slice()).take(limit).read_to_end(&mut bits);
        unpacked.map_err(|_| StatusError::Malformed("`encodedList` is not gzip"))?;
        if bits.len() > LIST_BYTES_MAX {
            return Err(StatusError::TooLarge);
        }
        if bits.len().saturating_mul(8) < usize::try_from(BITS_MIN).unwrap_or(usize::MAX) {
            return Err(StatusError::TooShort);
        }
        Ok(Self { bits, purpose: purpose.to_owned() })
    }

    /// The list as its issuer publishes it at `url`, valid from `now_s` for `valid_s` seconds.
    pub fn sign(
        &self,
        kind: ListKind,
        url: &str,
        kid: &str,
        key: &dyn JwsSigner,
        (now_s, valid_s): (i64, i64),
    ) -> Result<String, VcError> {
        let issuer = kid.split('#').next().unwrap_or_default();
        let credential = NewCredential {
            profile: kind.profile(),
            id: url,
            issuer,
            kinds: &[kind.credential_type()],
            subject: json!({
                "id": format!("{url}#list"),
                "type": kind.subject_type(),
                "statusPurpose": self.purpose,
                "encodedList": self.encode(kind),
            }),
            valid_from_s: now_s,
            valid_until_s: now_s.saturating_add(valid_s),
            status: None,
            context: json!("https://w3id.org/vc/status-list/2021/v1"),
        };
        vc::issue(&credential, kid, key)
    }

    /// As [`StatusList::verify`], for the list that a credential names by its address: one of the same issuer with
    /// another address is another list.
    pub fn verify_at(signed: &str, issuer: &DidDocument, url: &str, now_s: i64) -> Result<Self, StatusError> {
        let credential = vc::verify_signed(signed, SIGNED_BYTES_MAX, issuer, now_s)?;
        if credential.id.is_some_and(|id| id.starts_with("http") && id != url) {
            return Err(StatusError::Malformed("it is the list of another address"));
        }
        Self::verify(signed, issuer, now_s)
    }

    /// Reads a signed list of either form, by the keys in its issuer's document and of nobody else.
    pub fn verify(signed: &str, issuer: &DidDocument, now_s: i64) -> Result<Self, StatusError> {
        let credential = vc::verify_signed(signed, SIGNED_BYTES_MAX, issuer, now_s)?;
        let known = [ListKind::Bitstring, ListKind::StatusList2021];
        if !known.iter().any(|kind| credential.kinds.iter().any(|one| one == kind.credential_type())) {
            return Err(StatusError::Malformed("it is another credential"));
        }
        let text = |name: &str| credential.subject.get(name).and_then(Value::as_str);
        let encoded = text("encodedList").ok_or(StatusError::Malformed("no `encodedList`"))?;
        let purpose = text("statusPurpose").ok_or(StatusError::Malformed("no `statusPurpose`"))?;
        Self::decode(encoded, purpose)
    }
}
