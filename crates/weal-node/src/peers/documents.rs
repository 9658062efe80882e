//! DID documents of others: fetched once for many callers, believed for minutes, and for callers that
//! nobody knows yet only so many at once and in a minute.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use tokio::sync::{OnceCell, Semaphore};
use weal_domain::identity::Did;
use weal_domain::{Refusal, RefusalKind, Timestamp};
use weal_trust::did::DidDocument;

/// How long a fetched document is believed.
const FRESH_S: i64 = 300;
/// A document this young is not fetched again, not even for a key that is not in it.
const AGAIN_AFTER_S: i64 = 30;
/// How long a document that could not be had is not fetched again for a caller.
const FAILURE_S: i64 = 5;
/// Documents and failures kept in memory.
const DOCUMENTS_MAX: usize = 10_000;
/// Documents fetched at once for callers that nobody knows.
const STRANGERS_AT_ONCE_MAX: usize = 4;
/// Documents fetched in a minute for callers that nobody knows.
pub const STRANGERS_PER_MINUTE_MAX: u32 = 60;

/// A document, or why there is none.
pub type Fetched = Result<Arc<DidDocument>, Refusal>;

/// For whom a document is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asker {
    /// An act of our own people; what failed a moment ago is tried again.
    Ourselves,
    /// A caller that says it is somebody the governing body has vouched for.
    Member,
    /// A caller that says it is somebody nobody here has heard of.
    Stranger,
}

/// How old a document may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Age {
    Fresh,
    /// A key is missing from the one that is held.
    Again,
    /// As it is published now.
    Now,
}

/// The documents that are held, and those that are on their way.
#[derive(Debug)]
pub struct Documents {
    held: Mutex<HashMap<Did, Held>>,
    flights: Mutex<HashMap<Did, Arc<OnceCell<Fetched>>>>,
    strangers: Semaphore,
    /// The minute, and the documents fetched for strangers in it.
    minute: Mutex<(i64, u32)>,
}

#[derive(Debug, Default)]
struct Held {
    document: Option<(Arc<DidDocument>, Timestamp)>,
    failure: Option<(Refusal, Timestamp)>,
}

impl Default for Documents {
    fn default() -> Self {
        Self {
            held: Mutex::default(),
            flights: Mutex::default(),
            strangers: Semaphore::new(STRANGERS_AT_ONCE_MAX),
            minute: Mutex::default(),
        }
    }
}

impl Documents {
    /// The document of `peer` as it is held, or as `fetch` brings it. However many ask at once, it is
    /// fetched once.
    pub async fn get<F: Future<Output = Fetched>>(
        &self,
        peer: &Did,
        asker: Asker,
        age: Age,
        now: Timestamp,
        fetch: impl FnOnce() -> F,
    ) -> Fetched {
        if let Some(known) = self.known(peer, asker, age, now) {
            return known;
        }
        let flight = self.flight(peer);
        let began = Instant::now();
        let landed = flight.get_or_init(|| async {
            let _place = self.place(asker, now)?;
            let outcome = fetch().await;
            self.keep(peer, &outcome, now + began.elapsed());
            outcome
        });
        let outcome = landed.await.clone();
        self.landed(peer, &flight);
        outcome
    }

    /// Whether somebody's document is at hand, so that nobody has to be asked for it.
    pub fn is_held(&self, peer: &Did, now: Timestamp) -> bool {
        matches!(self.known(peer, Asker::Stranger, Age::Fresh, now), Some(Ok(_)))
    }

    fn known(&self, peer: &Did, asker: Asker, age: Age, now: Timestamp) -> Option<Fetched> {
        let held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        let held = held.get(peer)?;
        let younger = |at: Timestamp, than_s: i64| now.as_second().saturating_sub(at.as_second()) < than_s;
        let age_s_max = match age {
            Age::Fresh => FRESH_S,
            Age::Again => AGAIN_AFTER_S,
            Age::Now => return None,
        };
        if let Some((document, at)) = &held.document
            && younger(*at, age_s_max)
        {
            return Some(Ok(Arc::clone(document)));
        }
        let failed = held.failure.as_ref().filter(|(_, at)| younger(*at, FAILURE_S));
        failed.filter(|_| asker != Asker::Ourselves).map(|(refusal, _)| Err(refusal.clone()))
    }

    fn keep(&self, peer: &Did, outcome: &Fetched, at: Timestamp) {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        if held.len() >= DOCUMENTS_MAX {
            let young =
                |since: Timestamp, than_s: i64| at.as_second().saturating_sub(since.as_second()) < than_s;
            held.retain(|_, one| {
                one.document.as_ref().is_some_and(|(_, since)| young(*since, FRESH_S))
                    || one.failure.as_ref().is_some_and(|(_, since)| young(*since, FAILURE_S))
            });
        }
        if held.len() >= DOCUMENTS_MAX && !held.contains_key(peer) {
            return;
        }
        let one = held.entry(peer.clone()).or_default();
        match outcome {
            Ok(document) => *one = Held { document: Some((Arc::clone(document), at)), failure: None },
            // What is held stays good for its time: a peer that is down for a moment has not changed.
            Err(refusal) => one.failure = Some((refusal.clone(), at)),
        }
    }

    fn flight(&self, peer: &Did) -> Arc<OnceCell<Fetched>> {
        let mut flights = self.flights.lock().unwrap_or_else(PoisonError::into_inner);
        // What nobody waits for any more: its askers hung up.
        flights.retain(|_, flight| Arc::strong_count(flight) > 1);
        Arc::clone(flights.entry(peer.clone()).or_default())
    }

    fn landed(&self, peer: &Did, flight: &Arc<OnceCell<Fetched>>) {
        let mut flights = self.flights.lock().unwrap_or_else(PoisonError::into_inner);
        if flights.get(peer).is_some_and(|known| Arc::ptr_eq(known, flight)) {
            flights.remove(peer);
        }
    }

    /// A place among the fetches for strangers; everybody else needs none.
    fn place(
        &self,
        asker: Asker,
        now: Timestamp,
    ) -> Result<Option<tokio::sync::SemaphorePermit<'_>>, Refusal> {
        if asker != Asker::Stranger {
            return Ok(None);
        }
        let place = self.strangers.try_acquire().map_err(|_| too_many_strangers())?;
        let mut minute = self.minute.lock().unwrap_or_else(PoisonError::into_inner);
        let this = now.as_second() / 60;
        if minute.0 != this {
            *minute = (this, 0);
        }
        if minute.1 >= STRANGERS_PER_MINUTE_MAX {
            return Err(too_many_strangers());
        }
        minute.1 += 1;
        Ok(Some(place))
    }
}

fn too_many_strangers() -> Refusal {
    Refusal::new(
        RefusalKind::Exhausted,
        "too-many-strangers",
        "This node looks up only so many nodes that it does not know, and more than that are calling.",
    )
    .remedy("Try again in a minute.")
}
