//! The short-lived token with which one node says to another who it is: a JWT (RFC 7519). It is a self-issued
//! token of the Decentralized Claims Protocol 1.0 (section 4.3), which may carry a membership credential beside.
//!
//! A token is for one listener (`aud`), lives at most [`LIFETIME_S_MAX`], and is used once: the caller
//! remembers `jti` until `exp` plus [`LEEWAY_S`] and refuses it the second time.

use serde::{Deserialize, Deserializer, Serialize, de::Error as _};

use super::did::{DidDocument, DidKey};
use super::jws::{JwsError, JwsSigner, Purpose, Unverified, jws_sign};
pub use super::vc::LEEWAY_S;

/// The longest life of a token, in seconds. Ours live a minute; strangers' ten, with some seconds for a clock
/// that is read twice.
pub const LIFETIME_S_MAX: i64 = 660;
/// The largest token, in bytes. It must hold a membership credential.
pub const TOKEN_BYTES_MAX: usize = 16 * 1024;
/// The longest token id, in bytes.
pub const JTI_BYTES_MAX: usize = 128;
/// The longest access token inside, in bytes. Others put a signed token of theirs there.
pub const ACCESS_BYTES_MAX: usize = 8 * 1024;

/// What a token says. Times are seconds since 1970 in UTC.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claims {
    /// The DID of the node that speaks.
    pub iss: String,
    /// The same DID: a node speaks only for itself.
    pub sub: String,
    /// The DID of the node spoken to.
    #[serde(deserialize_with = "one_audience")]
    pub aud: String,
    #[serde(deserialize_with = "whole_seconds")]
    pub iat: i64,
    #[serde(deserialize_with = "whole_seconds")]
    pub exp: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nbf: Option<i64>,
    /// Unique to this token, so that a second showing is noticed.
    pub jti: String,
    /// The speaker's membership credential, a JWT of its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub membership: Option<String>,
    /// What opens the speaker's credentials to the node spoken to, and to nobody else. Opaque.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<String>,
}

/// What a token claims before anything is verified: enough to tell whether its issuer's keys are worth
/// fetching, and to fetch the right ones.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Peeked {
    pub issuer: String,
    /// The key that it names, absolute; a stranger's may name none.
    pub kid: Option<String>,
    pub audience: String,
    /// The membership credential that comes with it; it is signed by another and can be verified first.
    pub membership: Option<String>,
    /// What opens the speaker's credentials, or, in a verifier's token, the listener's own.
    pub access: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    #[error("the token is longer than 16384 bytes")]
    TooLong,
    #[error("the token is malformed: {0}")]
    Malformed(&'static str),
    #[error("the token is signed with an algorithm that its key is not for")]
    WrongAlgorithm,
    #[error("the token is signed with a key that its issuer does not publish for authentication")]
    UnknownKey,
    #[error("the token's signature does not verify")]
    BadSignature,
    #[error("the token is addressed to another node")]
    WrongAudience,
    #[error("the token expired {seconds} s ago")]
    Expired { seconds: i64 },
    #[error("the token is not valid for another {seconds} s; compare the clocks of both nodes")]
    NotYetValid { seconds: i64 },
    #[error("the token is made to live {seconds} s, and at most 660 s are accepted")]
    LivesTooLong { seconds: i64 },
}

impl From<JwsError> for TokenError {
    fn from(error: JwsError) -> Self {
        match error {
            JwsError::TooLong { .. } => Self::TooLong,
            JwsError::Malformed(what) => Self::Malformed(what),
            JwsError::WrongAlgorithm => Self::WrongAlgorithm,
            JwsError::WrongType => Self::Malformed("it is of another type than JWT"),
            JwsError::UnknownKey => Self::UnknownKey,
            JwsError::BadSignature => Self::BadSignature,
        }
    }
}

/// Makes a token. `kid` is `<iss>#<fragment>`. Refuses claims that [`verify`] would refuse anywhere.
pub fn sign(claims: &Claims, kid: &str, key: &dyn JwsSigner) -> Result<String, TokenError> {
    check_shape(claims)?;
    if !kid.strip_prefix(claims.iss.as_str()).is_some_and(|rest| rest.starts_with('#')) {
        return Err(TokenError::Malformed("the key is not one of the issuer's"));
    }
    let payload = serde_json::to_vec(claims).expect("strings and integers always serialise");
    let token = jws_sign(&payload, "JWT", kid, key);
    if token.len() > TOKEN_BYTES_MAX { Err(TokenError::TooLong) } else { Ok(token) }
}

/// Who the token claims to come from. Nothing is verified yet.
pub fn peek(token: &str) -> Result<Peeked, TokenError> {
    let (parsed, claims) = read(token)?;
    let kid = parsed.kid_of(&claims.iss)?;
    let Claims { iss, aud, membership, token, .. } = claims;
    Ok(Peeked { issuer: iss, kid, audience: aud, membership, access: token })
}

/// Verifies a token against the issuer's published `keys`, for the listener `expected_aud`, at `now_s`.
/// Whether `jti` was seen before is the caller's to know.
pub fn verify(token: &str, keys: &[DidKey], expected_aud: &str, now_s: i64) -> Result<Claims, TokenError> {
    let (parsed, claims) = read(token)?;
    parsed.verify(keys, Purpose::AuthenticationOrInvocation)?;
    check_now(claims, expected_aud, now_s)
}

/// Verifies a token as the Decentralized Claims Protocol asks (section 4.3.3): by a key that the issuer's
/// document names for invocation, or by its only key where the token names none.
pub fn verify_self_issued(
    token: &str,
    issuer: &DidDocument,
    expected_aud: &str,
    now_s: i64,
) -> Result<Claims, TokenError> {
    let (parsed, claims) = read(token)?;
    if claims.iss != issuer.id {
        return Err(TokenError::UnknownKey);
    }
    parsed.verify_of(issuer, Purpose::Invocation)?;
    check_now(claims, expected_aud, now_s)
}

fn check_now(claims: Claims, expected_aud: &str, now_s: i64) -> Result<Claims, TokenError> {
    if claims.aud != expected_aud {
        return Err(TokenError::WrongAudience);
    }
    let from = claims.nbf.map_or(claims.iat, |nbf| nbf.max(claims.iat));
    if from > now_s.saturating_add(LEEWAY_S) {
        return Err(TokenError::NotYetValid { seconds: from.saturating_sub(now_s) });
    }
    if claims.exp.saturating_add(LEEWAY_S) <= now_s {
        return Err(TokenError::Expired { seconds: now_s.saturating_sub(claims.exp) });
    }
    Ok(claims)
}

fn read(token: &str) -> Result<(Unverified<'_>, Claims), TokenError> {
    let parsed = Unverified::parse(token, TOKEN_BYTES_MAX)?;
    parsed.require_type_if(&["JWT"])?;
    let claims: Claims = serde_json::from_slice(&parsed.payload)
        .map_err(|_| TokenError::Malformed("the claims iss, sub, aud, iat, exp, jti are not all there"))?;
    // A presentation has most of a token's claims, and whoever was shown one must not call with it.
    let other: Other = serde_json::from_slice(&parsed.payload).unwrap_or_default();
    if other.vc.is_some() || other.vp.is_some() {
        return Err(TokenError::Malformed("it is a credential or a presentation"));
    }
    check_shape(&claims)?;
    parsed.kid_of(&claims.iss)?;
    Ok((parsed, claims))
}

/// What only documents of other kinds claim.
#[derive(Debug, Default, Deserialize)]
struct Other {
    vc: Option<serde::de::IgnoredAny>,
    vp: Option<serde::de::IgnoredAny>,
}

/// What must hold of any token, whoever reads it and whenever.
fn check_shape(claims: &Claims) -> Result<(), TokenError> {
    if claims.iss != claims.sub {
        return Err(TokenError::Malformed("issuer and subject differ"));
    }
    if claims.jti.is_empty() || claims.jti.len() > JTI_BYTES_MAX {
        return Err(TokenError::Malformed("the token id does not have 1 to 128 bytes"));
    }
    if claims.token.as_ref().is_some_and(|access| access.is_empty() || access.len() > ACCESS_BYTES_MAX) {
        return Err(TokenError::Malformed("the access token does not have 1 to 8192 bytes"));
    }
    let seconds = claims.exp.saturating_sub(claims.iat);
    if seconds <= 0 {
        return Err(TokenError::Malformed("it expires before it is issued"));
    }
    if seconds > LIFETIME_S_MAX { Err(TokenError::LivesTooLong { seconds }) } else { Ok(()) }
}

/// `aud` is a string, or by RFC 7519 a list; a list of one means the same, a longer one is not for us.
fn one_audience<'de, D: Deserializer<'de>>(from: D) -> Result<String, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Audience {
        One(String),
        List([String; 1]),
    }
    match Audience::deserialize(from)? {
        Audience::One(aud) | Audience::List([aud]) => Ok(aud),
    }
}

/// NumericDate allows fractions; only times a clock could show are accepted.
fn whole_seconds<'de, D: Deserializer<'de>>(from: D) -> Result<i64, D::Error> {
    let seconds = i64::deserialize(from)?;
    if (0..=SECONDS_MAX).contains(&seconds) { Ok(seconds) } else { Err(D::Error::custom("not a time")) }
}

/// The year 9999, in seconds since 1970.
const SECONDS_MAX: i64 = 253_402_300_799;
