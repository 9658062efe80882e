//! Who is calling: from a bearer token to a member this node believes.
//!
//! A caller that proved nothing yet makes this node fetch nothing but what it would fetch anyway: for a
//! member's door, documents of those whom the governing body vouches for; for the governing body's door,
//! its own. Applicants are looked up unknown, and callers who want to present what makes them members, and only
//! so many.

use weal_domain::identity::{Did, MemberName};
use weal_domain::{Refusal, RefusalKind};
use weal_trust::credential;
use weal_trust::token::{Claims, Peeked};

use super::documents::{Age, Asker};
use super::presented::not_presented;
use crate::fault::Result;
use crate::house::House;
use crate::http::{ClientAddress, Counted};

/// Callers that nobody knows, to be looked up for one address in a minute.
const STRANGERS_PER_ADDRESS_MAX: u32 = 30;

/// A peer whose token and membership were checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    pub did: Did,
    pub name: MemberName,
}

/// One answer for every way in which a caller is not who they say.
pub(super) fn unauthenticated(code: &str, reason: &str) -> Refusal {
    Refusal::new(RefusalKind::Unauthenticated, code, reason)
        .remedy("Send a fresh token, signed by a key in your DID document, with your membership credential.")
}

/// By which rules a token is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    /// Between nodes of ours, whose earlier versions publish keys for authentication alone.
    Own,
    /// As the Decentralized Claims Protocol has it.
    SelfIssued,
}

fn not_valid() -> Refusal {
    unauthenticated("token-invalid", "The bearer token is not valid here.")
}

/// What a token says before it is verified.
struct Claimed<'t> {
    bearer: &'t str,
    peer: Did,
    peeked: Peeked,
}

impl House {
    /// The member behind a bearer token: a node whose credential the governing body signed, in its token or in
    /// what it presents, that holds the key its DID names, and whom neither the register nor a status list, as
    /// this node last saw them, calls suspended.
    pub async fn authenticate_member(&self, bearer: &str) -> Result<Caller> {
        let claimed = self.claimed(bearer)?;
        let presents = claimed.peeked.access.is_some();
        match claimed.peeked.membership.as_deref() {
            // Verified with keys that are here already, so nobody but a member makes us look anybody up.
            Some(credential) if !presents || self.is_of_our_body(credential) => {
                let membership = self.verify_credential(&claimed.peer, credential).await?;
                self.authenticate(&claimed, Asker::Member, Form::Own).await?;
                self.caller_of(&claimed.peer, &membership).await
            }
            _ if presents => {
                let asker = self.asker_of(&claimed.peer);
                // Whom nobody vouches for is only heard where somebody else than the governing body is believed.
                if asker == Asker::Stranger && self.config.identity.trusted_issuers.is_empty() {
                    return Err(not_presented().into());
                }
                let claims = self.authenticate(&claimed, asker, Form::SelfIssued).await?;
                let access = claims.token.as_deref().unwrap_or_default();
                self.check_presented(&claimed.peer, access, asker).await?;
                self.caller_presented(&claimed.peer).await
            }
            _ => Err(unauthenticated(
                "membership-missing",
                "The token carries neither a membership credential nor the access to one.",
            )
            .into()),
        }
    }

    /// A holder, verifier or issuer of credentials, behind a self-issued token, and what it carried. Nobody is
    /// looked up whom `heard` does not want to hear: it is told who the token says is calling, and the access in
    /// it, before anything is verified.
    pub(crate) async fn authenticate_self_issued(
        &self,
        bearer: &str,
        heard: impl FnOnce(&Did, Option<&str>) -> Result<(), Refusal>,
    ) -> Result<(Did, Claims)> {
        let claimed = self.claimed(bearer)?;
        heard(&claimed.peer, claimed.peeked.access.as_deref())?;
        let claims = self.authenticate(&claimed, self.asker_of(&claimed.peer), Form::SelfIssued).await?;
        Ok((claimed.peer, claims))
    }

    /// Whom a token says it comes from, where it is one for this node at all. Nothing is verified.
    pub(crate) fn said_caller(&self, bearer: &str) -> Result<Did, Refusal> {
        Ok(self.claimed(bearer)?.peer)
    }

    fn is_of_our_body(&self, credential: &str) -> bool {
        let ecosystem = self.ecosystem();
        let issuer = credential::peek(credential).ok().map(|membership| membership.issuer);
        ecosystem.governing_body.as_ref().is_some_and(|body| issuer.as_deref() == Some(body.as_str()))
    }

    /// The governing body behind a bearer token; anybody else is refused unheard.
    pub async fn authenticate_governing_body(&self, bearer: &str) -> Result<Did> {
        let claimed = self.claimed(bearer)?;
        if self.ecosystem().governing_body.as_ref() != Some(&claimed.peer) {
            return Err(crate::acts::governance::not_our_governing_body().into());
        }
        self.authenticate(&claimed, Asker::Member, Form::Own).await?;
        Ok(claimed.peer)
    }

    /// Whoever the register names, in whatever standing, behind a bearer token: it proves its key only.
    pub async fn authenticate_known(&self, bearer: &str) -> Result<Did> {
        let claimed = self.claimed(bearer)?;
        if self.ecosystem().standing(&claimed.peer).is_none() {
            return Err(
                unauthenticated("caller-unknown", "Nobody here has heard of the token's issuer.").into()
            );
        }
        self.authenticate(&claimed, Asker::Member, Form::Own).await?;
        Ok(claimed.peer)
    }

    /// A node that wants to be admitted: no member yet, it proves its key and nothing else.
    pub async fn authenticate_applicant(&self, bearer: &str) -> Result<Did> {
        self.require_governing()?;
        let claimed = self.claimed(bearer)?;
        let known = self.ecosystem().standing(&claimed.peer).is_some();
        let asker = if known { Asker::Member } else { Asker::Stranger };
        self.authenticate(&claimed, asker, Form::Own).await?;
        Ok(claimed.peer)
    }

    /// Verifies a token by the document of whom it names.
    async fn verified(&self, claimed: &Claimed<'_>, asker: Asker, form: Form) -> Result<Claims, Refusal> {
        let now = self.clock.now();
        let Claimed { bearer, peer, peeked } = claimed;
        let mut document = self.peers.document_for(peer, asker, Age::Fresh, now).await?;
        if peeked.kid.as_ref().is_some_and(|kid| document.key(kid).is_none()) {
            document = self.peers.document_for(peer, asker, Age::Again, now).await?;
        }
        let (own, now_s) = (self.did.as_str(), now.as_second());
        let verified = match form {
            Form::Own => weal_trust::token::verify(bearer, &document.keys, own, now_s),
            Form::SelfIssued => weal_trust::token::verify_self_issued(bearer, &document, own, now_s),
        };
        verified.map_err(|cause| {
            unauthenticated("token-invalid", &format!("The bearer token is not valid here: {cause}."))
        })
    }

    fn claimed<'t>(&self, bearer: &'t str) -> Result<Claimed<'t>, Refusal> {
        let peeked = weal_trust::token::peek(bearer).map_err(|_| not_valid())?;
        let peer = Did::new(peeked.issuer.as_str())
            .map_err(|_| unauthenticated("token-invalid", "The token's issuer is not a DID."))?;
        if peer == self.did {
            return Err(unauthenticated("token-invalid", "This node does not call itself."));
        }
        if peeked.audience != self.did.as_str() {
            return Err(not_valid());
        }
        Ok(Claimed { bearer, peer, peeked })
    }

    /// Verifies a token: signature by a key in the caller's DID document, this node as audience, not
    /// expired, not seen before, and not one of too many.
    async fn authenticate(&self, claimed: &Claimed<'_>, asker: Asker, form: Form) -> Result<Claims> {
        let now = self.clock.now();
        let peer = &claimed.peer;
        if asker == Asker::Stranger
            && !self.peers.holds_document(peer, now)
            && let Some(from) = ClientAddress::of_this_request()
        {
            self.count_request(&Counted::Strangers(from), STRANGERS_PER_ADDRESS_MAX)?;
        }
        let verified = self.verified(claimed, asker, form).await;
        let claims = verified.map_err(|cause| match cause.kind {
            // What this node found where a stranger sent it is not the stranger's to learn.
            kind if asker == Asker::Stranger && kind != RefusalKind::Exhausted => {
                tracing::info!(%peer, %cause, "a stranger's token is not accepted");
                not_valid()
            }
            _ => cause,
        })?;
        self.doors.tokens.check_recent(peer, &claims, now)?;
        // Only what the peer has signed counts against it, and only once.
        self.count_request(&Counted::Peer(peer), self.config.limits.requests_per_minute_max)?;
        self.doors.tokens.remember(&self.store, peer, &claims, now).await?;
        Ok(claims)
    }
}
