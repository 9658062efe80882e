//! Verifiable credentials as signed JWTs, in the two profiles of the Decentralized Claims Protocol 1.0:
//! `vc20-bssl/jwt` (data model 2.0, VC-JOSE-COSE) and `vc11-sl2021/jwt` (data model 1.1, section 6.3.1).
//!
//! Strangers' credentials: nothing in them is followed but the key of their issuer, and what is in them twice,
//! once as a claim of the token and once in the credential, must agree or the narrower of both counts.

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::did::DidDocument;
use super::jws::{JwsError, JwsSigner, Purpose, Unverified, jws_sign};
use super::status::{ListKind, StatusEntry};
use crate::encoding::canonical_json;

/// The largest credential of a stranger, in bytes of its compact form.
pub const CREDENTIAL_BYTES_MAX: usize = 64 * 1024;
/// How far the clocks of two who hear each other may differ, in seconds: of credentials and of tokens.
pub const LEEWAY_S: i64 = 30;
/// The most kinds, and statuses, of one credential.
const LIST_MAX: usize = 16;
/// The longest name of a kind, id or DID, in bytes.
const TEXT_BYTES_MAX: usize = 512;

pub(super) const CONTEXT_V1: &str = "https://www.w3.org/2018/credentials/v1";
pub(super) const CONTEXT_V2: &str = "https://www.w3.org/ns/credentials/v2";
/// What strangers call the type of a signed credential, where they call it anything.
const TYPES: [&str; 3] = ["JWT", "vc+jwt", "vc+ld+jwt"];

/// Which data model, status list and proof go together. One presentation holds credentials of one profile.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Profile {
    Vc11,
    Vc20,
}

impl Profile {
    pub const ALL: [Self; 2] = [Self::Vc11, Self::Vc20];

    /// Its alias in the protocol.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Vc11 => "vc11-sl2021/jwt",
            Self::Vc20 => "vc20-bssl/jwt",
        }
    }

    #[must_use]
    pub fn of(alias: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|profile| profile.as_str() == alias)
    }
}

/// A credential as it was read. Whether it holds is another question: see [`verify`].
#[derive(Debug, Clone, PartialEq)]
pub struct Credential {
    pub profile: Profile,
    pub id: Option<String>,
    pub issuer: String,
    /// Whom it is about: the DID that must present it.
    pub holder: String,
    /// Its types, `VerifiableCredential` left out.
    pub kinds: Vec<String>,
    /// The claims, with `id`.
    pub subject: Map<String, Value>,
    /// The latest of the moments from which it says to be valid, in seconds.
    pub valid_from_s: Option<i64>,
    /// The first second in which it is no longer valid.
    pub valid_until_s: Option<i64>,
    pub statuses: Vec<StatusEntry>,
    /// Whether it asks to be checked against a schema, which nobody here does.
    pub has_schema: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum VcError {
    #[error("the credential is too long")]
    TooLong,
    #[error("the credential is malformed: {0}")]
    Malformed(&'static str),
    #[error("the credential is signed with an algorithm that its key is not for")]
    WrongAlgorithm,
    #[error("the credential is signed with a key that its issuer does not publish for assertions")]
    UnknownKey,
    #[error("the credential's signature does not verify")]
    BadSignature,
    #[error("the credential is about somebody else")]
    WrongHolder,
    #[error("the credential expired {seconds} s ago")]
    Expired { seconds: i64 },
    #[error("the credential is not valid for another {seconds} s")]
    NotYetValid { seconds: i64 },
    #[error("the credential asks for a schema that this node does not check")]
    HasSchema,
}

impl From<JwsError> for VcError {
    fn from(error: JwsError) -> Self {
        match error {
            JwsError::TooLong { .. } => Self::TooLong,
            JwsError::Malformed(what) => Self::Malformed(what),
            JwsError::WrongAlgorithm => Self::WrongAlgorithm,
            JwsError::WrongType => Self::Malformed("it is of another type than a credential"),
            JwsError::UnknownKey => Self::UnknownKey,
            JwsError::BadSignature => Self::BadSignature,
        }
    }
}

/// What a credential says. Nothing is verified yet.
pub fn peek(signed: &str) -> Result<Credential, VcError> {
    read(signed, CREDENTIAL_BYTES_MAX).map(|(_, credential)| credential)
}

/// Verifies a credential that `holder` shows: signed by its issuer, about the holder, valid at `now_s`. Whether
/// its issuer is one to believe, and what its status lists say, is the caller's to ask.
pub fn verify(signed: &str, issuer: &DidDocument, holder: &str, now_s: i64) -> Result<Credential, VcError> {
    let credential = verify_signed(signed, CREDENTIAL_BYTES_MAX, issuer, now_s)?;
    if credential.holder != holder {
        return Err(VcError::WrongHolder);
    }
    if credential.has_schema { Err(VcError::HasSchema) } else { Ok(credential) }
}

/// Signature and validity alone, of a credential of at most `bytes_max` bytes.
pub(super) fn verify_signed(
    signed: &str,
    bytes_max: usize,
    issuer: &DidDocument,
    now_s: i64,
) -> Result<Credential, VcError> {
    let (parsed, credential) = read(signed, bytes_max)?;
    if credential.issuer != issuer.id {
        return Err(VcError::UnknownKey);
    }
    parsed.verify_of(issuer, Purpose::Assertion)?;
    check_time(credential.valid_from_s, credential.valid_until_s, now_s)?;
    Ok(credential)
}

/// Whether a time lies within a validity, with [`LEEWAY_S`] at both ends.
pub(super) fn check_time(from_s: Option<i64>, until_s: Option<i64>, now_s: i64) -> Result<(), VcError> {
    if let Some(from_s) = from_s.filter(|from_s| *from_s > now_s.saturating_add(LEEWAY_S)) {
        return Err(VcError::NotYetValid { seconds: from_s.saturating_sub(now_s) });
    }
    if let Some(until_s) = until_s.filter(|until_s| until_s.saturating_add(LEEWAY_S) <= now_s) {
        return Err(VcError::Expired { seconds: now_s.saturating_sub(until_s) });
    }
    Ok(())
}

fn read(signed: &str, bytes_max: usize) -> Result<(Unverified<'_>, Credential), VcError> {
    let parsed = Unverified::parse(signed, bytes_max)?;
    parsed.require_type_if(&TYPES)?;
    let claims: Map<String, Value> =
        serde_json::from_slice(&parsed.payload).map_err(|_| VcError::Malformed("not an object of JSON"))?;
    let credential = match claims.get("vc") {
        Some(Value::Object(inner)) => from_json(Profile::Vc11, inner, &claims)?,
        Some(_) => return Err(VcError::Malformed("`vc` is not an object")),
        None => from_json(Profile::Vc20, &claims, &claims)?,
    };
    parsed.kid_of(&credential.issuer)?;
    Ok((parsed, credential))
}

/// Reads the credential `inner` of the token's `claims`; of data model 2.0 both are the same.
fn from_json(
    profile: Profile,
    inner: &Map<String, Value>,
    claims: &Map<String, Value>,
) -> Result<Credential, VcError> {
    if profile == Profile::Vc20
        && entries(inner, "@context")?.first().and_then(Value::as_str) != Some(CONTEXT_V2)
    {
        return Err(VcError::Malformed("it is not a credential of data model 2.0"));
    }
    let kinds = entries(inner, "type")?.iter().filter_map(Value::as_str).map(str::to_owned);
    let mut kinds: Vec<String> = kinds.collect();
    // Of data model 1.1 the claim `vc` says so too, and some leave it at that.
    if profile == Profile::Vc20 && !kinds.iter().any(|kind| kind == "VerifiableCredential") {
        return Err(VcError::Malformed("its type is not `VerifiableCredential`"));
    }
    kinds.retain(|kind| kind != "VerifiableCredential");
    let issuer = inner.get("issuer").and_then(|it| it.as_str().or_else(|| it.get("id")?.as_str()));
    let issuer = agreeing(issuer, claims.get("iss"))?;
    let subject = subject(inner)?;
    // Some put the credential's own id into `sub`. What binds the holder is what the credential says.
    let holder = subject.get("id").or_else(|| claims.get("sub")).and_then(Value::as_str);
    let holder = holder.ok_or(VcError::Malformed("it has no subject"))?.to_owned();
    let id = inner.get("id").or_else(|| claims.get("jti")).and_then(Value::as_str).map(str::to_owned);
    let texts = kinds.iter().chain([&issuer, &holder]).chain(id.as_ref());
    if texts.into_iter().any(|text| text.is_empty() || text.len() > TEXT_BYTES_MAX) {
        return Err(VcError::Malformed("a name does not have 1 to 512 bytes"));
    }
    let statuses = entries(inner, "credentialStatus")?.iter().map(StatusEntry::from_json);
    let statuses = statuses
        .collect::<Result<Vec<_>, _>>()
        .map_err(|_| VcError::Malformed("its status is kept in a way this node does not know"))?;
    let starts = [time(inner, "issuanceDate")?, time(inner, "validFrom")?, seconds(claims, "nbf")?];
    let ends = [time(inner, "expirationDate")?, time(inner, "validUntil")?, seconds(claims, "exp")?];
    Ok(Credential {
        profile,
        id,
        issuer,
        holder,
        kinds,
        subject,
        valid_from_s: starts.into_iter().flatten().max(),
        valid_until_s: ends.into_iter().flatten().min(),
        statuses,
        has_schema: !entries(inner, "credentialSchema")?.is_empty(),
    })
}

/// The issuer, who stands in the credential and may stand in the token beside it, where it must be the same.
fn agreeing(inner: Option<&str>, claim: Option<&Value>) -> Result<String, VcError> {
    match (inner, claim) {
        (Some(inner), None) => Ok(inner.to_owned()),
        (Some(inner), Some(claim)) if claim == inner => Ok(inner.to_owned()),
        // Data model 1.1 lets the token's claim stand for the credential's member.
        (None, Some(Value::String(claim))) => Ok(claim.clone()),
        _ => Err(VcError::Malformed("it has no issuer, or two")),
    }
}

/// The claims about the one subject. Several are another matter than holding a credential.
fn subject(credential: &Map<String, Value>) -> Result<Map<String, Value>, VcError> {
    match entries(credential, "credentialSubject")? {
        [Value::Object(subject)] => Ok(subject.clone()),
        _ => Err(VcError::Malformed("it does not have exactly one subject")),
    }
}

/// A member that may be one value or a list of them.
fn entries<'v>(object: &'v Map<String, Value>, name: &'static str) -> Result<&'v [Value], VcError> {
    match object.get(name) {
        None | Some(Value::Null) => Ok(&[]),
        Some(Value::Array(entries)) if entries.len() > LIST_MAX => {
            Err(VcError::Malformed("a list is too long"))
        }
        Some(Value::Array(entries)) => Ok(entries),
        Some(single) => Ok(std::slice::from_ref(single)),
    }
}

fn time(object: &Map<String, Value>, name: &'static str) -> Result<Option<i64>, VcError> {
    let Some(given) = object.get(name).filter(|given| !given.is_null()) else { return Ok(None) };
    let at = given.as_str().and_then(|text| text.parse::<Timestamp>().ok());
    at.map(|at| Some(at.as_second())).ok_or(VcError::Malformed("a moment is none"))
}

/// A NumericDate of RFC 7519; a fraction is cut off.
pub(super) fn seconds(claims: &Map<String, Value>, name: &'static str) -> Result<Option<i64>, VcError> {
    let Some(given) = claims.get(name).filter(|given| !given.is_null()) else { return Ok(None) };
    let whole = given.as_i64().or_else(|| {
        let seconds = given.as_f64().filter(|seconds| (0.0..1e12).contains(seconds))?;
        #[allow(clippy::cast_possible_truncation, reason = "checked to be far below the largest")]
        Some(seconds as i64)
    });
    whole.map(Some).ok_or(VcError::Malformed("a moment is none"))
}

/// A credential to be issued. Times are seconds since 1970 in UTC.
#[derive(Debug)]
pub struct NewCredential<'a> {
    pub profile: Profile,
    /// An IRI.
    pub id: &'a str,
    pub issuer: &'a str,
    /// Its types beside `VerifiableCredential`.
    pub kinds: &'a [&'a str],
    /// The claims; `id` is the holder.
    pub subject: Value,
    pub valid_from_s: i64,
    pub valid_until_s: i64,
    pub status: Option<&'a StatusEntry>,
    /// What stands after the data model's own context.
    pub context: Value,
}

/// Issues a credential. `kid` is `<issuer>#<fragment>`.
pub fn issue(new: &NewCredential<'_>, kid: &str, key: &dyn JwsSigner) -> Result<String, VcError> {
    let moment = |seconds: i64| {
        let at = Timestamp::from_second(seconds).map_err(|_| VcError::Malformed("a moment is none"))?;
        Ok::<String, VcError>(at.to_string())
    };
    let (from, until) = (moment(new.valid_from_s)?, moment(new.valid_until_s)?);
    let kinds: Vec<&str> = ["VerifiableCredential"].into_iter().chain(new.kinds.iter().copied()).collect();
    let mut credential =
        json!({ "id": new.id, "type": kinds, "issuer": new.issuer, "credentialSubject": new.subject });
    let (context, list, typ) = match new.profile {
        Profile::Vc11 => (CONTEXT_V1, ListKind::StatusList2021, "JWT"),
        Profile::Vc20 => (CONTEXT_V2, ListKind::Bitstring, "vc+jwt"),
    };
    credential["@context"] = match new.profile {
        // Data model 2.0 knows the terms of status lists by itself.
        Profile::Vc20 if new.context.is_string() => json!([context]),
        _ => json!([context, new.context]),
    };
    if let Some(status) = new.status {
        credential["credentialStatus"] = status.to_json(list);
    }
    let payload = match new.profile {
        Profile::Vc20 => {
            credential["validFrom"] = from.into();
            credential["validUntil"] = until.into();
            credential
        }
        Profile::Vc11 => {
            credential["issuanceDate"] = from.into();
            credential["expirationDate"] = until.into();
            json!({
                "iss": new.issuer,
                "sub": new.subject.get("id"),
                "jti": new.id,
                "nbf": new.valid_from_s,
                "iat": new.valid_from_s,
                "exp": new.valid_until_s,
                "vc": credential,
            })
        }
    };
    Ok(jws_sign(canonical_json(&payload).as_bytes(), typ, kid, key))
}
