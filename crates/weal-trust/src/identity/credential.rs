//! The membership credential: the governing body's word that a node belongs to an ecosystem.
//!
//! A W3C Verifiable Credential (Data Model 2.0) secured as a JWT (VC-JOSE-COSE section 3.1, media type
//! `vc+jwt`): the payload is the credential itself. It is checked without asking the governing body;
//! whether the membership was suspended since is read from the register and from the status list that it
//! names. For strangers the same membership is issued in the older form too ([`issue_v11`]).

use jiff::Timestamp;
use serde_json::{Value, json};

use super::did::DidKey;
use super::jws::{JwsError, JwsSigner, Purpose, Unverified, jws_sign};
use super::status::{ListKind, StatusEntry};
use super::vc::{self, CONTEXT_V2, VcError};
use crate::encoding::canonical_json;

/// The largest credential, in bytes of its compact form. It must fit into a token beside other claims.
pub const CREDENTIAL_BYTES_MAX: usize = 8 * 1024;
/// The longest id, name or DID inside, in bytes.
pub const FIELD_BYTES_MAX: usize = 512;
pub use super::vc::LEEWAY_S;

const CREDENTIAL_TYPE: &str = "WealMembershipCredential";
/// How credentials of earlier versions say where their status is.
const STATUS_TYPE: &str = "WealStandingRegister";
/// The kind under which strangers ask for a membership, unless an ecosystem names it otherwise.
pub const MEMBERSHIP_KIND: &str = "MembershipCredential";

/// What the governing body says. Times are seconds since 1970 in UTC.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Membership {
    /// The credential's own id, an IRI.
    pub id: String,
    /// The governing body's DID.
    pub issuer: String,
    /// The member's DID.
    pub subject: String,
    /// The member's short name in this ecosystem.
    pub member_name: String,
    /// The ecosystem's id, an IRI.
    pub ecosystem: String,
    pub valid_from_s: i64,
    /// The first second in which it is no longer valid.
    pub valid_until_s: i64,
    /// The entry in the governing body's register that tells whether the membership is suspended.
    pub status_id: Option<String>,
    /// The place in a status list that tells the same to everybody.
    pub status: Option<StatusEntry>,
    /// Under which kind strangers know it, beside our own.
    pub kind: Option<String>,
}

/// What the reader already knows and the credential must agree with.
#[derive(Debug, Clone, Copy)]
pub struct Expected<'a> {
    pub issuer: &'a str,
    pub subject: &'a str,
    pub ecosystem: &'a str,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CredentialError {
    #[error("the membership credential is longer than 8192 bytes")]
    TooLong,
    #[error("the membership credential is malformed: {0}")]
    Malformed(&'static str),
    #[error("the membership credential is signed with an algorithm that its key is not for")]
    WrongAlgorithm,
    #[error("the membership credential is signed with a key its issuer does not publish for assertions")]
    UnknownKey,
    #[error("the membership credential's signature does not verify")]
    BadSignature,
    #[error("the membership credential is issued by another body than the ecosystem's")]
    WrongIssuer,
    #[error("the membership credential belongs to another member")]
    WrongSubject,
    #[error("the membership credential is for another ecosystem")]
    WrongEcosystem,
    #[error("the membership credential expired {seconds} s ago; ask the governing body for a new one")]
    Expired { seconds: i64 },
    #[error("the membership credential is not valid for another {seconds} s")]
    NotYetValid { seconds: i64 },
}

impl From<JwsError> for CredentialError {
    fn from(error: JwsError) -> Self {
        match error {
            JwsError::TooLong { .. } => Self::TooLong,
            JwsError::Malformed(what) => Self::Malformed(what),
            JwsError::WrongAlgorithm => Self::WrongAlgorithm,
            JwsError::WrongType => Self::Malformed("it is of another type than vc+jwt"),
            JwsError::UnknownKey => Self::UnknownKey,
            JwsError::BadSignature => Self::BadSignature,
        }
    }
}

/// Issues a credential. `kid` is `<issuer>#<fragment>`.
pub fn issue(membership: &Membership, kid: &str, key: &dyn JwsSigner) -> Result<String, CredentialError> {
    check_shape(membership, kid)?;
    let payload = to_json(membership)?;
    let credential = jws_sign(canonical_json(&payload).as_bytes(), "vc+jwt", kid, key);
    if credential.len() > CREDENTIAL_BYTES_MAX { Err(CredentialError::TooLong) } else { Ok(credential) }
}

/// Issues the same membership in the form of data model 1.1, which more strangers read.
pub fn issue_v11(membership: &Membership, kid: &str, key: &dyn JwsSigner) -> Result<String, CredentialError> {
    check_shape(membership, kid)?;
    let kinds = membership.kind.iter().map(String::as_str).chain([CREDENTIAL_TYPE]).collect::<Vec<_>>();
    let credential = vc::NewCredential {
        profile: vc::Profile::Vc11,
        id: &membership.id,
        issuer: &membership.issuer,
        kinds: &kinds,
        subject: json!({
            "id": membership.subject,
            "memberName": membership.member_name,
            "ecosystem": membership.ecosystem,
        }),
        valid_from_s: membership.valid_from_s,
        valid_until_s: membership.valid_until_s,
        status: membership.status.as_ref(),
        context: own_context(membership.kind.as_deref()),
    };
    vc::issue(&credential, kid, key).map_err(|_| CredentialError::Malformed("not a time"))
}

/// What the credential claims. Nothing is verified yet: use it only to find the issuer's keys.
pub fn peek(credential: &str) -> Result<Membership, CredentialError> {
    read(credential).map(|(_, membership)| membership)
}

/// Verifies a credential against the governing body's published `keys`, at `now_s`.
pub fn verify(
    credential: &str,
    keys: &[DidKey],
    expected: Expected<'_>,
    now_s: i64,
) -> Result<Membership, CredentialError> {
    let (parsed, membership) = read(credential)?;
    parsed.verify(keys, Purpose::Assertion)?;
    if membership.issuer != expected.issuer {
        return Err(CredentialError::WrongIssuer);
    }
    if membership.subject != expected.subject {
        return Err(CredentialError::WrongSubject);
    }
    if membership.ecosystem != expected.ecosystem {
        return Err(CredentialError::WrongEcosystem);
    }
    match vc::check_time(Some(membership.valid_from_s), Some(membership.valid_until_s), now_s) {
        Ok(()) => Ok(membership),
        Err(VcError::NotYetValid { seconds }) => Err(CredentialError::NotYetValid { seconds }),
        Err(VcError::Expired { seconds }) => Err(CredentialError::Expired { seconds }),
        Err(_) => Err(CredentialError::Malformed("not a time")),
    }
}

fn read(credential: &str) -> Result<(Unverified<'_>, Membership), CredentialError> {
    let parsed = Unverified::parse(credential, CREDENTIAL_BYTES_MAX)?;
    parsed.require_type(&["vc+jwt"])?;
    let payload: Value = serde_json::from_slice(&parsed.payload)
        .map_err(|_| CredentialError::Malformed("the payload is not JSON"))?;
    let membership = from_json(&payload)?;
    check_shape(&membership, parsed.kid()?)?;
    Ok((parsed, membership))
}

fn check_shape(membership: &Membership, kid: &str) -> Result<(), CredentialError> {
    if !kid.strip_prefix(membership.issuer.as_str()).is_some_and(|rest| rest.starts_with('#')) {
        return Err(CredentialError::Malformed("the key is not one of the issuer's"));
    }
    if membership.valid_until_s <= membership.valid_from_s {
        return Err(CredentialError::Malformed("it ends before it begins"));
    }
    let Membership { id, issuer, subject, member_name, ecosystem, status_id, kind, status, .. } = membership;
    let mut fields = [id, issuer, subject, member_name, ecosystem]
        .into_iter()
        .chain(status_id)
        .chain(kind)
        .chain(status.as_ref().map(|status| &status.list));
    if fields.any(|field| field.is_empty() || field.len() > FIELD_BYTES_MAX) {
        return Err(CredentialError::Malformed("a field does not have 1 to 512 bytes"));
    }
    Ok(())
}

fn to_json(membership: &Membership) -> Result<Value, CredentialError> {
    let kinds = ["VerifiableCredential"].into_iter().chain(membership.kind.as_deref());
    let mut credential = json!({
        "@context": [CONTEXT_V2, own_context(membership.kind.as_deref())],
        "id": membership.id,
        "type": kinds.chain([CREDENTIAL_TYPE]).collect::<Vec<_>>(),
        "issuer": membership.issuer,
        "validFrom": time_text(membership.valid_from_s)?,
        "validUntil": time_text(membership.valid_until_s)?,
        "credentialSubject": {
            "id": membership.subject,
            "memberName": membership.member_name,
            "ecosystem": membership.ecosystem,
        },
    });
    let register = membership.status_id.as_ref().map(|id| json!({ "id": id, "type": STATUS_TYPE }));
    let list = membership.status.as_ref().map(|entry| entry.to_json(ListKind::Bitstring));
    match (register, list) {
        (Some(register), Some(list)) => credential["credentialStatus"] = json!([register, list]),
        (Some(one), None) | (None, Some(one)) => credential["credentialStatus"] = one,
        (None, None) => {}
    }
    Ok(credential)
}

/// Our own terms, in the credential itself: nobody has to fetch a context to read it.
fn own_context(kind: Option<&str>) -> Value {
    let mut context = json!({
        CREDENTIAL_TYPE: "urn:weal:MembershipCredential",
        STATUS_TYPE: "urn:weal:StandingRegister",
        "memberName": "urn:weal:memberName",
        "ecosystem": { "@id": "urn:weal:ecosystem", "@type": "@id" },
    });
    if let Some(kind) = kind {
        context[kind] = format!("urn:weal:kind:{kind}").into();
    }
    context
}

fn from_json(credential: &Value) -> Result<Membership, CredentialError> {
    let missing = CredentialError::Malformed;
    let first_context = credential.pointer("/@context/0").and_then(Value::as_str);
    if first_context != Some(CONTEXT_V2) {
        return Err(missing("it is not a credential of data model 2.0"));
    }
    let types = credential.get("type").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    let has = |wanted: &str| types.iter().any(|kind| kind.as_str() == Some(wanted));
    if !has("VerifiableCredential") || !has(CREDENTIAL_TYPE) {
        return Err(missing("it is not a membership credential"));
    }
    let text = |pointer: &str| Some(credential.pointer(pointer)?.as_str()?.to_owned());
    let issuer = text("/issuer").or_else(|| text("/issuer/id")).ok_or(missing("no issuer"))?;
    let (status_id, status) = statuses(credential.get("credentialStatus"))?;
    let others = types.iter().filter_map(Value::as_str);
    let kind = others.into_iter().find(|kind| !["VerifiableCredential", CREDENTIAL_TYPE].contains(kind));
    Ok(Membership {
        id: text("/id").ok_or(missing("no id"))?,
        issuer,
        subject: text("/credentialSubject/id").ok_or(missing("no subject"))?,
        member_name: text("/credentialSubject/memberName").ok_or(missing("no member name"))?,
        ecosystem: text("/credentialSubject/ecosystem").ok_or(missing("no ecosystem"))?,
        valid_from_s: time_seconds(text("/validFrom"))?,
        valid_until_s: time_seconds(text("/validUntil"))?,
        status_id,
        status,
        kind: kind.map(str::to_owned),
    })
}

/// The register and the place in a list that a credential names, each once at most and nothing else.
fn statuses(given: Option<&Value>) -> Result<(Option<String>, Option<StatusEntry>), CredentialError> {
    let unknown = || CredentialError::Malformed("its status is kept in a way this node does not know");
    let given = match given {
        None => &[],
        Some(Value::Array(entries)) => entries.as_slice(),
        Some(single) => std::slice::from_ref(single),
    };
    let (mut register, mut list) = (None, None);
    for entry in given {
        let text = |name: &str| entry.get(name).and_then(Value::as_str);
        if text("type") == Some(STATUS_TYPE) && register.is_none() {
            register = Some(text("id").unwrap_or_default().to_owned());
        } else if list.is_none() {
            list = Some(StatusEntry::from_json(entry).map_err(|_| unknown())?);
        } else {
            return Err(unknown());
        }
    }
    Ok((register, list))
}

fn time_text(seconds: i64) -> Result<String, CredentialError> {
    let at = Timestamp::from_second(seconds).map_err(|_| CredentialError::Malformed("not a time"))?;
    Ok(at.to_string())
}

fn time_seconds(text: Option<String>) -> Result<i64, CredentialError> {
    let text = text.ok_or(CredentialError::Malformed("validFrom or validUntil is not there"))?;
    let at: Timestamp = text.parse().map_err(|_| CredentialError::Malformed("not a time"))?;
    Ok(at.as_second())
}
