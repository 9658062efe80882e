//! Who is calling: from a bearer token to a member this node believes.

use std::collections::HashMap;
use std::sync::Mutex;

use weal_domain::identity::{Did, MemberName};
use weal_domain::{Refusal, RefusalKind, Timestamp};

use crate::fault::Result;
use crate::house::House;

/// Token ids remembered until they expire.
const TOKENS_MAX: usize = 1_000_000;

/// A peer whose token and membership were checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    pub did: Did,
    pub name: MemberName,
}

/// The ids of tokens seen, so that none works twice. It lives in memory: a token issued before this
/// node started is refused, so nothing old can be replayed after a restart either.
#[derive(Debug)]
pub struct TokenMemory {
    started_s: i64,
    seen: Mutex<HashMap<(String, String), i64>>,
}

impl TokenMemory {
    #[must_use]
    pub fn new(started: Timestamp) -> Self {
        Self { started_s: started.as_second(), seen: Mutex::default() }
    }

    /// Remembers a token, or refuses it as replayed.
    fn remember(&self, claims: &weal_trust::token::Claims, now_s: i64) -> std::result::Result<(), Refusal> {
        if claims.iat < self.started_s {
            return Err(unauthenticated("token-too-old", "This token was made before this node started."));
        }
        let mut seen = self.seen.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if seen.len() >= TOKENS_MAX {
            seen.retain(|_, exp| *exp + weal_trust::token::LEEWAY_S >= now_s);
        }
        if seen.len() >= TOKENS_MAX {
            return Err(Refusal::new(
                RefusalKind::Exhausted,
                "too-many-tokens",
                "Too many requests at once.",
            ));
        }
        let fresh = seen.insert((claims.iss.clone(), claims.jti.clone()), claims.exp).is_none();
        if fresh { Ok(()) } else { Err(unauthenticated("token-replayed", "This token was already used.")) }
    }
}

/// One answer for every way in which a caller is not who they say.
fn unauthenticated(code: &str, reason: &str) -> Refusal {
    Refusal::new(RefusalKind::Unauthenticated, code, reason)
        .remedy("Send a fresh token, signed by a key in your DID document, with your membership credential.")
}

impl House {
    /// The peer behind a bearer token: signature by a key in its DID document, this node as audience, not
    /// expired, not seen before.
    pub async fn authenticate_node(&self, bearer: &str) -> Result<(Did, Option<String>)> {
        let now = self.clock.now();
        let invalid = |_| unauthenticated("token-invalid", "The bearer token is not valid here.");
        let peeked = weal_trust::token::peek(bearer).map_err(invalid)?;
        let peer = Did::new(peeked.issuer)
            .map_err(|_| unauthenticated("token-invalid", "The token's issuer is not a DID."))?;
        if peer == self.did {
            return Err(unauthenticated("token-invalid", "This node does not call itself.").into());
        }
        let mut document = self.peers.document(&peer, now).await?;
        if document.key(&peeked.kid).is_none() {
            document = self.peers.fetch_document(&peer, now).await?;
        }
        let claims = weal_trust::token::verify(bearer, &document.keys, self.did.as_str(), now.as_second())
            .map_err(|cause| {
                unauthenticated("token-invalid", &format!("The bearer token is not valid here: {cause}."))
            })?;
        self.doors.tokens.remember(&claims, now.as_second())?;
        Ok((peer, claims.membership))
    }

    /// The member behind a bearer token: an authenticated node whose credential the governing body signed
    /// and whom the register, as this node last saw it, does not call suspended.
    pub async fn authenticate_member(&self, bearer: &str) -> Result<Caller> {
        let (did, membership) = self.authenticate_node(bearer).await?;
        let credential = membership.ok_or_else(|| {
            unauthenticated("membership-missing", "The token carries no membership credential.")
        })?;
        self.check_membership(&did, &credential).await
    }
}
