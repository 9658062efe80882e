//! What this node shows of itself: the access to its credentials, made for one verifier, and the presentation
//! that a verifier gets for it (Decentralized Claims Protocol 1.0, section 5).

use std::collections::BTreeMap;

use subtle::ConstantTimeEq as _;
use weal_domain::identity::Did;
use weal_domain::{Refusal, RefusalKind};
use weal_store::HeldCredential;
use weal_trust::encoding::{base64url, from_base64url};
use weal_trust::keys::NodeKey;
use weal_trust::presentation::{CREDENTIALS_MAX, NewPresentation};
use weal_trust::token::Claims;
use weal_trust::vc::{self, Profile};
use weal_wire::dcp::{PresentationResponseMessage, Scope};

use crate::acts::sha256_hex;
use crate::fault::{Fault, Result};
use crate::house::House;
use crate::peers::Status;

/// How long the access in a token lasts: the verifier asks while its caller waits.
const ACCESS_S: i64 = 120;
/// How long a token of this node lives.
const TOKEN_S: i64 = 60;
/// How long a presentation is good: for the verifier that asked, at once.
const PRESENTATION_S: i64 = 120;
/// The most scopes that an access names one by one.
const SCOPES_MAX: usize = 16;

/// What a verifier may see.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Granted(pub(crate) Vec<Scope>);

impl Granted {
    fn covers(&self, held: &HeldCredential, id: Option<&str>) -> bool {
        self.0.iter().any(|scope| is_in(scope, held, id))
    }
}

fn is_in(scope: &Scope, held: &HeldCredential, id: Option<&str>) -> bool {
    match scope {
        Scope::Kind(kind) => held.kinds.contains(kind),
        Scope::Id(wanted) => id == Some(wanted.as_str()),
    }
}

/// One answer for every access that opens nothing: forged, another's, or late.
fn no_access() -> Refusal {
    Refusal::new(
        RefusalKind::Unauthenticated,
        "access-invalid",
        "The access token in your token does not open this node's credentials to you.",
    )
    .remedy("Send the one from the token of the request that you are verifying, while it is fresh.")
}

impl House {
    /// A self-issued token for `audience` with the access to credentials of these scopes.
    pub fn self_issued_token(&self, audience: &Did, scopes: &[String]) -> Result<String> {
        if scopes.len() > SCOPES_MAX {
            return Err(Refusal::invalid("scopes-many", format!("At most {SCOPES_MAX} scopes.")).into());
        }
        self.token_to(audience, None, Some(self.access_token(audience, scopes)))
    }

    /// A token for one request to `audience`, signed by this node's key, good for a minute.
    pub(crate) fn token_to(
        &self,
        audience: &Did,
        membership: Option<String>,
        token: Option<String>,
    ) -> Result<String> {
        let iat = self.clock.now().as_second();
        let own = self.did.to_string();
        let jti = self.entropy.urn()?;
        let (iss, sub, aud) = (own.clone(), own, audience.to_string());
        let claims = Claims { iss, sub, aud, iat, exp: iat + TOKEN_S, nbf: None, jti, membership, token };
        let (kid, signer) = self.signer();
        weal_trust::token::sign(&claims, &kid, &*signer)
            .map_err(|cause| Fault::new("signing a token", cause).into())
    }

    /// What opens this node's credentials of these scopes to `audience` for a moment. Nothing is kept of it; only
    /// this node can make it, and it is worth nothing in anybody else's token.
    pub(crate) fn access_token(&self, audience: &Did, scopes: &[String]) -> String {
        let until_s = self.clock.now().as_second() + ACCESS_S;
        let scopes = base64url(scopes.join("\n").as_bytes());
        let mark = access_mark(&self.key(), audience, until_s, &scopes);
        format!("{until_s}.{scopes}.{mark}")
    }

    /// What an access grants to the verifier that shows it, or says it is.
    pub(crate) fn granted(&self, verifier: &Did, access: Option<&str>) -> Result<Granted, Refusal> {
        let now = self.clock.now();
        let mut parts = access.unwrap_or_default().splitn(3, '.');
        let (until, scopes) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
        let mark = parts.next().unwrap_or_default();
        let until_s: i64 = until.parse().map_err(|_| no_access())?;
        let made_by = |key: &NodeKey| {
            bool::from(access_mark(key, verifier, until_s, scopes).as_bytes().ct_eq(mark.as_bytes()))
        };
        if until_s <= now.as_second() || !self.keys.usable(now).iter().any(|key| made_by(key)) {
            return Err(no_access());
        }
        let text = from_base64url(scopes).ok().and_then(|bytes| String::from_utf8(bytes).ok());
        Ok(Granted(text.unwrap_or_default().lines().filter_map(Scope::of).collect()))
    }

    /// The presentations for a verifier: one for each profile, of what it asks for and may see. What it may not see
    /// is left out without a word.
    pub(crate) async fn present(
        &self,
        verifier: &Did,
        granted: &Granted,
        wanted: &[String],
    ) -> Result<PresentationResponseMessage> {
        let wanted: Vec<Scope> = wanted.iter().filter_map(|scope| Scope::of(scope)).collect();
        let now = self.clock.now();
        let held = self.store.read("identity.present").await?.held_credentials().await?;
        // The governing body's come first.
        let mut chosen: BTreeMap<(bool, String, Vec<String>), (Profile, String)> = BTreeMap::new();
        for one in held.iter().filter(|one| one.expires_at.is_none_or(|at| now < at)) {
            let Ok(credential) = vc::peek(&one.signed) else { continue };
            let id = credential.id.as_deref();
            if !granted.covers(one, id) || !wanted.iter().any(|scope| is_in(scope, one, id)) {
                continue;
            }
            // As far as it is known: a verifier looks for itself, and waits meanwhile.
            if self.status_seen(&one.issuer, &credential.statuses) == Status::Set {
                continue;
            }
            let is_others = self.ecosystem().governing_body.as_ref() != Some(&one.issuer);
            let place = (is_others, one.issuer.to_string(), one.kinds.clone());
            let preferred = credential.profile.as_str() == self.config.identity.presented_profile;
            // Newest first: an older one of the same takes its place only with the preferred profile.
            match chosen.get(&place) {
                Some((profile, _)) if !preferred || *profile == credential.profile => {}
                _ => {
                    chosen.insert(place, (credential.profile, one.signed.clone()));
                }
            }
        }
        let (kid, signer) = self.signer();
        let mut presentation = Vec::new();
        for profile in Profile::ALL {
            let of_profile = chosen.values().filter(|(of, _)| *of == profile);
            let of_profile = of_profile.map(|(_, signed)| signed.clone()).take(CREDENTIALS_MAX);
            let credentials: Vec<String> = of_profile.collect();
            if credentials.is_empty() {
                continue;
            }
            let new = NewPresentation {
                profile,
                id: &self.entropy.urn()?,
                holder: self.did.as_str(),
                audience: verifier.as_str(),
                credentials: &credentials,
                now_s: now.as_second(),
                valid_s: PRESENTATION_S,
            };
            presentation.push(weal_trust::presentation::sign(&new, &kid, &*signer).into());
        }
        Ok(PresentationResponseMessage { presentation })
    }
}

/// Only a key of this node makes it.
fn access_mark(key: &NodeKey, audience: &Did, until_s: i64, scopes: &str) -> String {
    let signed = format!("weal-access-v1\n{audience}\n{until_s}\n{scopes}");
    sha256_hex(key.sign(signed.as_bytes()))
}
