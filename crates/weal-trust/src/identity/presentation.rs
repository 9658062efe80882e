//! Verifiable presentations as signed JWTs: credentials that their holder shows to one verifier.
//!
//! A presentation holds credentials of one profile (Decentralized Claims Protocol 1.0, homogeneity). In the form
//! of data model 1.1 they are texts in the claim `vp`; in that of 2.0 the token is the presentation, and each
//! credential an enveloped one (VC-JOSE-COSE).

use serde_json::{Map, Value, json};

use super::did::DidDocument;
use super::jws::{JwsSigner, Purpose, Unverified, jws_sign};
use super::vc::{CONTEXT_V1, CONTEXT_V2, Profile, VcError, check_time, seconds};

/// The largest presentation, in bytes of its compact form.
pub const PRESENTATION_BYTES_MAX: usize = 512 * 1024;
/// The most credentials in one presentation.
pub const CREDENTIALS_MAX: usize = 16;

/// What strangers call the type of a signed presentation, where they call it anything.
const TYPES: [&str; 3] = ["JWT", "vp+jwt", "vp+ld+jwt"];
const ENVELOPE: [&str; 2] = ["data:application/vc+jwt,", "data:application/vc+ld+jwt,"];

/// Who shows what to whom, and when: seconds since 1970 in UTC.
#[derive(Debug)]
pub struct NewPresentation<'a> {
    pub profile: Profile,
    pub id: &'a str,
    pub holder: &'a str,
    /// The verifier's DID: nobody else may take it for theirs.
    pub audience: &'a str,
    /// Signed credentials, all of the profile.
    pub credentials: &'a [String],
    pub now_s: i64,
    pub valid_s: i64,
}

/// Signs a presentation. `kid` is `<holder>#<fragment>`.
#[must_use]
pub fn sign(new: &NewPresentation<'_>, kid: &str, key: &dyn JwsSigner) -> String {
    let mut payload = json!({
        "iss": new.holder,
        "sub": new.holder,
        "aud": new.audience,
        "jti": new.id,
        "nbf": new.now_s,
        "iat": new.now_s,
        "exp": new.now_s.saturating_add(new.valid_s),
    });
    match new.profile {
        Profile::Vc11 => {
            payload["vp"] = json!({
                "@context": [CONTEXT_V1],
                "id": new.id,
                "type": ["VerifiablePresentation"],
                "holder": new.holder,
                "verifiableCredential": new.credentials,
            });
            jws_sign(payload.to_string().as_bytes(), "JWT", kid, key)
        }
        Profile::Vc20 => {
            let enveloped = |signed: &String| {
                json!({
                    "@context": CONTEXT_V2,
                    "id": format!("{}{signed}", ENVELOPE[0]),
                    "type": "EnvelopedVerifiableCredential",
                })
            };
            payload["@context"] = json!([CONTEXT_V2]);
            payload["id"] = new.id.into();
            payload["type"] = json!(["VerifiablePresentation"]);
            payload["holder"] = new.holder.into();
            payload["verifiableCredential"] = new.credentials.iter().map(enveloped).collect();
            jws_sign(payload.to_string().as_bytes(), "vp+jwt", kid, key)
        }
    }
}

/// The signed credentials in a presentation that `holder` made for `audience`, valid at `now_s`. None of them is
/// verified by this.
pub fn verify(
    signed: &str,
    holder: &DidDocument,
    audience: &str,
    now_s: i64,
) -> Result<Vec<String>, VcError> {
    let parsed = Unverified::parse(signed, PRESENTATION_BYTES_MAX)?;
    parsed.require_type_if(&TYPES)?;
    parsed.verify_of(holder, Purpose::Authentication)?;
    let claims: Map<String, Value> =
        serde_json::from_slice(&parsed.payload).map_err(|_| VcError::Malformed("not an object of JSON"))?;
    let inner = match claims.get("vp") {
        Some(Value::Object(inner)) => inner,
        // A list of presentations in one token, as some write it, is taken where it has one.
        Some(Value::Array(list)) => match list.as_slice() {
            [Value::Object(inner)] => inner,
            _ => return Err(VcError::Malformed("`vp` is not one presentation")),
        },
        Some(_) => return Err(VcError::Malformed("`vp` is not an object")),
        None => &claims,
    };
    let holders = [claims.get("iss"), inner.get("holder"), claims.get("holder")];
    let says_holder =
        |given: &Value| given.as_str().or_else(|| given.get("id")?.as_str()) == Some(&holder.id);
    if !holders.into_iter().flatten().all(says_holder) {
        return Err(VcError::WrongHolder);
    }
    let is_for_us = match claims.get("aud") {
        Some(Value::String(aud)) => aud == audience,
        Some(Value::Array(list)) => matches!(list.as_slice(), [only] if only == audience),
        _ => false,
    };
    if !is_for_us {
        return Err(VcError::Malformed("it was made for another verifier"));
    }
    check_time(seconds(&claims, "nbf")?, seconds(&claims, "exp")?, now_s)?;
    if !names(inner.get("type"), "VerifiablePresentation") {
        return Err(VcError::Malformed("it is not a presentation"));
    }
    credentials(inner.get("verifiableCredential"))
}

fn names(types: Option<&Value>, wanted: &str) -> bool {
    match types {
        Some(Value::Array(types)) => types.iter().any(|one| one == wanted),
        Some(single) => single == wanted,
        None => false,
    }
}

fn credentials(given: Option<&Value>) -> Result<Vec<String>, VcError> {
    let given = match given {
        None | Some(Value::Null) => &[],
        Some(Value::Array(list)) if list.len() > CREDENTIALS_MAX => {
            return Err(VcError::Malformed("more than 16 credentials"));
        }
        Some(Value::Array(list)) => list.as_slice(),
        Some(single) => std::slice::from_ref(single),
    };
    let signed = |one: &Value| match one {
        Value::String(signed) => Some(signed.clone()),
        Value::Object(enveloped) => {
            let id = enveloped.get("id").and_then(Value::as_str)?;
            ENVELOPE.iter().find_map(|start| id.strip_prefix(start)).map(str::to_owned)
        }
        _ => None,
    };
    let all: Option<Vec<String>> = given.iter().map(signed).collect();
    all.ok_or(VcError::Malformed("a credential in it is not a signed token"))
}
