//! Callers known by what they present: a self-issued token with the access to their credentials, and the
//! credential of a trusted issuer behind it (Decentralized Claims Protocol 1.0, section 5).
//!
//! Nobody makes this node ask anything before their token is verified; one caller's presentation is asked for
//! once however often they call meanwhile; and of every presentation only credentials of trusted issuers are
//! followed any further.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde_json::Value;
use tokio::sync::Semaphore;
use weal_domain::identity::Did;
use weal_domain::{Refusal, RefusalKind, Timestamp};
use weal_trust::did::DidDocument;
use weal_trust::vc::{self, VcError};
use weal_wire::dcp::{
    CREDENTIAL_SERVICE, MESSAGE_BYTES_MAX, PresentationQueryMessage, PresentationResponseMessage, Query,
    Scope,
};

use super::caller::unauthenticated;
use super::status::Status;
use super::{Age, Asker};
use crate::fault::Result;
use crate::house::House;

/// How long a credential service may take: a caller is waiting meanwhile.
const ANSWER_TIME_MAX: Duration = Duration::from_secs(10);
/// The most presentations that are read in one answer.
const PRESENTATIONS_MAX: usize = 4;
/// The most status lists that one presentation makes this node look at.
const LISTS_MAX: usize = 4;
/// How long a caller that presented something good is no stranger, though it has to present it again.
const KNOWN_S: i64 = 3600;
/// How long a caller that presented nothing good is refused without asking again, at most.
const REFUSED_S: i64 = 5;
/// Credential services of callers that nobody knows, asked at once.
const STRANGERS_AT_ONCE_MAX: usize = 8;
/// The most callers that are remembered.
const CALLERS_MAX: usize = 10_000;

/// Who presented what a moment ago. Only whether it was good is kept.
#[derive(Debug)]
pub struct Presented {
    /// Places for asking those whom nobody here knows.
    strangers: Semaphore,
    seen: Mutex<HashMap<Did, (bool, Timestamp)>>,
    flights: Mutex<HashMap<Did, Arc<tokio::sync::Mutex<()>>>>,
}

impl Default for Presented {
    fn default() -> Self {
        let strangers = Semaphore::new(STRANGERS_AT_ONCE_MAX);
        Self { strangers, seen: Mutex::default(), flights: Mutex::default() }
    }
}

impl Presented {
    /// What the caller presented less than `fresh_s` ago.
    fn recent(&self, peer: &Did, now: Timestamp, fresh_s: i64) -> Option<bool> {
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let (good, at) = *seen.get(peer)?;
        let than_s = if good { fresh_s } else { fresh_s.min(REFUSED_S) };
        (now.as_second().saturating_sub(at.as_second()) < than_s).then_some(good)
    }

    fn is_known(&self, peer: &Did, now: Timestamp) -> bool {
        self.recent(peer, now, KNOWN_S) == Some(true)
    }

    fn keep(&self, peer: &Did, good: bool, now: Timestamp) {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if seen.len() >= CALLERS_MAX && !seen.contains_key(peer) {
            seen.retain(|_, (good, at)| *good && now.as_second().saturating_sub(at.as_second()) < KNOWN_S);
        }
        if seen.len() < CALLERS_MAX || seen.contains_key(peer) {
            seen.insert(peer.clone(), (good, now));
        }
    }

    fn flight(&self, peer: &Did) -> Arc<tokio::sync::Mutex<()>> {
        let mut flights = self.flights.lock().unwrap_or_else(PoisonError::into_inner);
        flights.retain(|_, flight| Arc::strong_count(flight) > 1);
        Arc::clone(flights.entry(peer.clone()).or_default())
    }
}

fn too_many() -> Refusal {
    Refusal::new(
        RefusalKind::Exhausted,
        "too-many-strangers",
        "This node asks only so many callers at once that it does not know.",
    )
    .remedy("Try again in a minute.")
}

/// One answer for everything that is wrong with what was presented. The log has the reason.
pub(super) fn not_presented() -> Refusal {
    unauthenticated(
        "presentation-invalid",
        "What your credential service presents does not make you a member.",
    )
    .remedy("Present a membership credential that is valid and of an issuer this node trusts.")
}

impl House {
    /// Whether this node believes what a DID issues.
    pub(crate) fn trusts_issuer(&self, issuer: &str) -> bool {
        let body = self.ecosystem().governing_body.clone();
        let trusted = &self.config.identity.trusted_issuers;
        body.iter().chain(trusted).any(|did| did.as_str() == issuer)
    }

    /// As whom a caller is looked up whose token carries the access to its credentials.
    pub(super) fn asker_of(&self, peer: &Did) -> Asker {
        let known = self.ecosystem().standing(peer).is_some()
            || self.trusts_issuer(peer.as_str())
            || self.doors.presented.is_known(peer, self.clock.now());
        if known { Asker::Member } else { Asker::Stranger }
    }

    /// Refuses a caller, already authenticated, that has no membership to show. `access` is the token that its
    /// own token carried, and goes back to it alone.
    pub(super) async fn check_presented(&self, peer: &Did, access: &str, asker: Asker) -> Result<()> {
        let fresh_s = i64::try_from(self.config.identity.presentation_fresh_s).unwrap_or(0);
        let said = |good: bool| if good { Ok(()) } else { Err(not_presented().into()) };
        let presented = &self.doors.presented;
        if let Some(good) = presented.recent(peer, self.clock.now(), fresh_s) {
            return said(good);
        }
        let flight = presented.flight(peer);
        let _turn = flight.lock().await;
        if let Some(good) = presented.recent(peer, self.clock.now(), fresh_s) {
            return said(good);
        }
        // Strangers' credential services are not asked by the hundred; members' are.
        let _place = match asker {
            Asker::Stranger => Some(presented.strangers.try_acquire().map_err(|_| too_many())?),
            Asker::Member | Asker::Ourselves => None,
        };
        let outcome = self.look_at_presentation(peer, access, asker).await;
        if let Err(cause) = &outcome {
            tracing::info!(%peer, %cause, "what a caller presented is not accepted");
        }
        presented.keep(peer, outcome.is_ok(), self.clock.now());
        said(outcome.is_ok())
    }

    async fn look_at_presentation(&self, peer: &Did, access: &str, asker: Asker) -> Result<(), Refusal> {
        let now = self.clock.now();
        let document = self.peers.document_for(peer, asker, Age::Fresh, now).await?;
        let endpoint = document.endpoint(CREDENTIAL_SERVICE).ok_or_else(not_presented)?;
        let url = self.peers.elsewhere(endpoint, "/presentations/query")?;
        let kind = &self.config.identity.membership_kind;
        let scope = Scope::Kind(kind.clone()).to_string();
        let query = PresentationQueryMessage { query: Query::Scopes(vec![scope]) };
        let token = self.token_to(peer, None, Some(access.to_owned())).map_err(|_| not_presented())?;
        let request = self
            .peers
            .request_elsewhere(reqwest::Method::POST, url)
            .bearer_auth(token)
            .header(reqwest::header::CONTENT_TYPE, "application/json")
            .body(weal_wire::print(&query));
        let asked = self.peers.ask_elsewhere(request, peer, MESSAGE_BYTES_MAX, ANSWER_TIME_MAX).await?;
        let answer: PresentationResponseMessage = asked.0.accept(peer)?;
        if answer.presentation.len() > PRESENTATIONS_MAX {
            return Err(not_presented());
        }
        let mut is_member = false;
        let mut lists = HashSet::new();
        for presentation in &answer.presentation {
            let credentials = self.presentation_of((peer, asker), &document, presentation).await?;
            for signed in credentials {
                is_member |= self.is_membership(peer, &signed, &mut lists).await?;
            }
        }
        if is_member { Ok(()) } else { Err(not_presented()) }
    }

    /// The credentials in a presentation that the caller made for this node.
    async fn presentation_of(
        &self,
        (peer, asker): (&Did, Asker),
        document: &DidDocument,
        presentation: &Value,
    ) -> Result<Vec<String>, Refusal> {
        let signed = presentation.as_str().ok_or_else(not_presented)?;
        let now = self.clock.now();
        let verify = |document: &DidDocument| {
            weal_trust::presentation::verify(signed, document, self.did.as_str(), now.as_second())
        };
        match verify(document) {
            Err(VcError::UnknownKey) => {
                let again = self.peers.document_for(peer, asker, Age::Again, now).await?;
                verify(&again).map_err(|cause| because(&cause))
            }
            other => other.map_err(|cause| because(&cause)),
        }
    }

    /// Whether a credential makes its holder a member. Those of issuers that this node does not trust are passed
    /// over unread; one of a trusted issuer that does not hold spoils the whole presentation.
    async fn is_membership(
        &self,
        peer: &Did,
        signed: &str,
        lists: &mut HashSet<String>,
    ) -> Result<bool, Refusal> {
        let peeked = vc::peek(signed).map_err(|cause| because(&cause))?;
        if !self.trusts_issuer(&peeked.issuer) {
            return Ok(false);
        }
        let issuer = Did::new(peeked.issuer).map_err(|_| not_presented())?;
        let now_s = self.clock.now().as_second();
        let document = self.issuer_document(&issuer, Age::Fresh).await?;
        let credential = match vc::verify(signed, &document, peer.as_str(), now_s) {
            Err(VcError::UnknownKey) => {
                let again = self.issuer_document(&issuer, Age::Again).await?;
                vc::verify(signed, &again, peer.as_str(), now_s)
            }
            other => other,
        };
        let credential = credential.map_err(|cause| because(&cause))?;
        lists.extend(credential.statuses.iter().map(|entry| entry.list.clone()));
        if lists.len() > LISTS_MAX {
            return Err(not_presented());
        }
        match self.status_of(&issuer, &credential.statuses).await {
            Status::Good => Ok(credential.kinds.contains(&self.config.identity.membership_kind)),
            Status::Set => Err(unauthenticated("credential-revoked", "A credential in it is revoked.")),
            Status::Unknown => {
                Err(unauthenticated("status-unknown", "The status of a credential in it cannot be known."))
            }
        }
    }
}

/// For the log alone.
fn because(cause: &VcError) -> Refusal {
    unauthenticated("presentation-invalid", &format!("{cause}."))
}
