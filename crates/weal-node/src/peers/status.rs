//! Status lists of issuers: fetched once for many, believed for less than a minute, so that a revocation is felt
//! within one; and what is done when a list cannot be had.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use weal_domain::identity::Did;
use weal_domain::{Refusal, RefusalKind, Timestamp};
use weal_trust::status::{SIGNED_BYTES_MAX, StatusEntry, StatusList};

use super::{Age, Asker};
use crate::house::House;

/// How long a list is believed without asking whether it has changed.
const FRESH_S: i64 = 45;
/// How long a list that could not be had is not asked for again.
const FAILURE_S: i64 = 10;
/// How long a caller waits for a list.
const LIST_TIME_MAX: Duration = Duration::from_secs(5);
/// The most lists kept in memory: each may be some megabytes.
const LISTS_MAX: usize = 32;

/// What a status list says of a credential.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Status {
    Good,
    /// Revoked, or suspended.
    Set,
    /// No list could be had, and none is held that is young enough.
    Unknown,
}

/// The lists that are held, and those that are on their way.
#[derive(Debug, Default)]
pub struct StatusLists {
    held: Mutex<HashMap<Place, Held>>,
    flights: Mutex<HashMap<Place, Arc<tokio::sync::Mutex<()>>>>,
}

/// Whose list, and where.
type Place = (Did, String);

#[derive(Debug, Clone, Default)]
struct Held {
    list: Option<(Arc<StatusList>, Timestamp)>,
    /// The text and the tag that it was published under, to ask whether it has changed.
    signed: Arc<str>,
    etag: Option<String>,
    failed_at: Option<Timestamp>,
}

impl Held {
    /// The list, where it was seen less than `than_s` ago.
    fn younger(&self, now: Timestamp, than_s: i64) -> Option<Arc<StatusList>> {
        let (list, at) = self.list.as_ref()?;
        (now.as_second().saturating_sub(at.as_second()) < than_s).then(|| Arc::clone(list))
    }
}

impl StatusLists {
    fn of(&self, place: &Place) -> Held {
        self.held.lock().unwrap_or_else(PoisonError::into_inner).get(place).cloned().unwrap_or_default()
    }

    fn keep(&self, place: &Place, held: Held) {
        let mut all = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() >= LISTS_MAX && !all.contains_key(place) {
            let seen = |held: &Held| held.list.as_ref().map(|(_, at)| *at);
            let oldest = all.iter().min_by_key(|(_, held)| seen(held)).map(|(place, _)| place.clone());
            oldest.map(|place| all.remove(&place));
        }
        all.insert(place.clone(), held);
    }

    fn flight(&self, place: &Place) -> Arc<tokio::sync::Mutex<()>> {
        let mut flights = self.flights.lock().unwrap_or_else(PoisonError::into_inner);
        flights.retain(|_, flight| Arc::strong_count(flight) > 1);
        Arc::clone(flights.entry(place.clone()).or_default())
    }
}

impl House {
    /// What the lists of an issuer say of a credential, as far as they were looked at before: nothing is asked.
    pub(crate) fn status_seen(&self, issuer: &Did, entries: &[StatusEntry]) -> Status {
        let is_set = |entry: &StatusEntry| {
            let held = self.doors.statuses.of(&(issuer.clone(), entry.list.clone()));
            held.list.is_some_and(|(list, _)| {
                list.purpose() == entry.purpose && list.is_set(entry.index) == Ok(true)
            })
        };
        if entries.iter().any(is_set) { Status::Set } else { Status::Good }
    }

    /// What the lists of an issuer say of a credential with these entries.
    pub(crate) async fn status_of(&self, issuer: &Did, entries: &[StatusEntry]) -> Status {
        let mut worst = Status::Good;
        for entry in entries {
            match entry.purpose.as_str() {
                "revocation" | "suspension" => {}
                // Whether there is a newer one, or something to read.
                "refresh" | "message" => continue,
                _ => {
                    worst = Status::Unknown;
                    continue;
                }
            }
            let list = self.status_list(issuer, &entry.list).await;
            // Which kind of list it is was signed twice; a list of another purpose says nothing of this one.
            let list = list.filter(|list| list.purpose() == entry.purpose);
            match list.and_then(|list| list.is_set(entry.index).ok()) {
                Some(true) => return Status::Set,
                Some(false) => {}
                None => worst = Status::Unknown,
            }
        }
        worst
    }

    /// A list as it stands, or as it stood not too long ago where it cannot be had.
    async fn status_list(&self, issuer: &Did, url: &str) -> Option<Arc<StatusList>> {
        if *issuer == self.did {
            return self.own_status_list().await.ok().map(Arc::new);
        }
        let lists = &self.doors.statuses;
        let place = (issuer.clone(), url.to_owned());
        if let Some(list) = lists.of(&place).younger(self.clock.now(), FRESH_S) {
            return Some(list);
        }
        let flight = lists.flight(&place);
        let _turn = flight.lock().await;
        let now = self.clock.now();
        let held = lists.of(&place);
        if let Some(list) = held.younger(now, FRESH_S) {
            return Some(list);
        }
        let grace_s = i64::try_from(self.config.identity.status_grace_s).unwrap_or(i64::MAX);
        let failed =
            held.failed_at.is_some_and(|at| now.as_second().saturating_sub(at.as_second()) < FAILURE_S);
        if failed {
            return held.younger(now, grace_s);
        }
        match self.fetch_status_list(issuer, url, &held, now).await {
            Ok(fresh) => {
                lists.keep(&place, fresh.clone());
                fresh.younger(now, FRESH_S)
            }
            Err(cause) => {
                tracing::info!(%issuer, %url, %cause, "a status list could not be had");
                lists.keep(&place, Held { failed_at: Some(self.clock.now()), ..held.clone() });
                held.younger(now, grace_s)
            }
        }
    }

    /// Asks for a list, or whether the one that is held has changed. An issuer may have it kept elsewhere: what
    /// counts is that the issuer signed it.
    async fn fetch_status_list(
        &self,
        issuer: &Did,
        url: &str,
        held: &Held,
        now: Timestamp,
    ) -> Result<Held, Refusal> {
        let address = self.peers.elsewhere(url, "")?;
        let mut request = self
            .peers
            .request_elsewhere(reqwest::Method::GET, address)
            .header(reqwest::header::ACCEPT, "application/vc+jwt, application/jwt;q=0.9");
        if let (Some(etag), Some(_)) = (&held.etag, &held.list) {
            request = request.header(reqwest::header::IF_NONE_MATCH, etag);
        }
        let asked = self.peers.ask_elsewhere(request, issuer, SIGNED_BYTES_MAX, LIST_TIME_MAX).await?;
        let (reply, headers) = asked;
        let (signed, etag) = if reply.status == 304 && held.list.is_some() {
            (Arc::clone(&held.signed), held.etag.clone())
        } else {
            let signed = Arc::from(reply.text(issuer)?.trim());
            let etag = headers.get(reqwest::header::ETAG).and_then(|value| value.to_str().ok());
            (signed, etag.map(str::to_owned))
        };
        // Verified anew even where it is the same: its own validity may have ended.
        let unreadable = |cause: weal_trust::status::StatusError| {
            Refusal::new(RefusalKind::Unauthenticated, "status-list-invalid", format!("{cause}."))
        };
        let mut list = Err(weal_trust::status::StatusError::OutOfRange);
        for age in [Age::Fresh, Age::Again] {
            let document = self.issuer_document(issuer, age).await?;
            list = StatusList::verify_at(&signed, &document, url, now.as_second());
            if list.is_ok() {
                break;
            }
        }
        let list = Arc::new(list.map_err(unreadable)?);
        Ok(Held { list: Some((list, now)), signed, etag, failed_at: None })
    }

    /// The document of an issuer that this node trusts. This node's own is at hand; of the governing body, the one
    /// that is held counts, which follows what it publishes.
    pub(crate) async fn issuer_document(
        &self,
        issuer: &Did,
        age: Age,
    ) -> Result<Arc<weal_trust::did::DidDocument>, Refusal> {
        if *issuer == self.did {
            return Ok(Arc::new(self.did_document()));
        }
        if self.ecosystem().governing_body.as_ref() == Some(issuer) {
            self.learn_body_keys(issuer, age).await;
            if let Some(document) = self.ecosystem().document_of(issuer) {
                return Ok(document);
            }
        }
        self.peers.document_for(issuer, Asker::Member, age, self.clock.now()).await
    }
}
