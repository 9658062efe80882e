//! What the open doors share while the node runs, and nothing that must survive it.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use tokio_util::sync::CancellationToken;
use weal_domain::agreements::AgreementId;
use weal_domain::identity::Did;
use weal_domain::{Refusal, RefusalKind, Timestamp};

use crate::acts::catalogue::Uploads;
use crate::acts::compute::Unanswered;
use crate::acts::exchange::Refusals;
use crate::acts::governance::ServedLists;
use crate::http::Rates;
use crate::http::pages::{Answers, Forms};
use crate::peers::{Presented, StatusLists, TokenMemory};

/// Streams of rows open at once under one agreement: one consumer does not take the places of all.
const STREAMS_PER_AGREEMENT_MAX: usize = 4;

/// Tokens seen, requests counted, streams open.
#[derive(Debug)]
pub struct Doors {
    pub tokens: TokenMemory,
    pub rates: Rates,
    /// What callers presented a moment ago.
    pub presented: Presented,
    /// Status lists of issuers.
    pub statuses: StatusLists,
    /// The governing body's own status lists, as served last.
    pub served_lists: ServedLists,
    pub uploads: Uploads,
    /// Held by whoever reads a member's catalogue.
    looking_at: Mutex<HashMap<Did, Arc<tokio::sync::Mutex<()>>>>,
    /// When register and charter were last looked at because of a membership; held by whoever looks.
    pub papers: tokio::sync::Mutex<Option<Timestamp>>,
    /// Refused uses of the minute that runs.
    pub refusals: Refusals,
    /// Held by whoever turns the node's key, or does what follows from it.
    pub turning: tokio::sync::Mutex<()>,
    /// Held by whoever gives a product's next version its place.
    pub publishing: tokio::sync::Mutex<()>,
    /// The last answers given on the ask page, for their askers to take home.
    pub answers: Answers,
    /// Requests for agreements that a form sent, by the page that shows what they came to.
    pub requested: Forms<String>,
    /// A place for each stream of rows that may be open at once.
    pub places: Arc<Places>,
    started_in_ms: AtomicU64,
    all_streams: CancellationToken,
    by_agreement: Mutex<HashMap<AgreementId, CancellationToken>>,
    /// Paid questions that could not be answered.
    pub unanswered: Arc<Unanswered>,
}

impl Doors {
    #[must_use]
    pub fn new(streams_max: usize) -> Self {
        Self {
            tokens: TokenMemory::default(),
            rates: Rates::default(),
            presented: Presented::default(),
            statuses: StatusLists::default(),
            served_lists: ServedLists::default(),
            uploads: Uploads::default(),
            looking_at: Mutex::default(),
            papers: tokio::sync::Mutex::default(),
            refusals: Refusals::default(),
            turning: tokio::sync::Mutex::default(),
            publishing: tokio::sync::Mutex::default(),
            answers: Answers::default(),
            requested: Forms::default(),
            places: Arc::new(Places { max: streams_max, taken: Mutex::default() }),
            started_in_ms: AtomicU64::new(0),
            all_streams: CancellationToken::new(),
            by_agreement: Mutex::default(),
            unanswered: Arc::default(),
        }
    }

    /// Whoever holds this reads the member's catalogue alone.
    #[must_use]
    pub fn look_at(&self, member: &Did) -> Arc<tokio::sync::Mutex<()>> {
        let mut looking = self.looking_at.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(looking.entry(member.clone()).or_default())
    }

    /// Cancelled when the agreement is revoked or the node stops: every stream under it watches this.
    #[must_use]
    pub fn stream_of(&self, agreement: &AgreementId) -> CancellationToken {
        let mut open = self.by_agreement.lock().unwrap_or_else(PoisonError::into_inner);
        open.entry(agreement.clone()).or_insert_with(|| self.all_streams.child_token()).clone()
    }

    /// `GT-3`: cuts everything that is flowing under an agreement, at once.
    pub fn cut(&self, agreement: &AgreementId) {
        let mut open = self.by_agreement.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(token) = open.remove(agreement) {
            token.cancel();
        }
    }

    pub fn close_streams(&self) {
        self.all_streams.cancel();
    }

    pub(crate) fn started_in_ms(&self, took: u64) {
        self.started_in_ms.store(took, Ordering::Relaxed);
    }

    /// From the first instruction of `start` to the open door.
    #[must_use]
    pub fn start_took_ms(&self) -> u64 {
        self.started_in_ms.load(Ordering::Relaxed)
    }
}

/// Who streams rows now, by agreement.
#[derive(Debug)]
pub struct Places {
    max: usize,
    taken: Mutex<HashMap<AgreementId, usize>>,
}

/// One stream's place. Dropping it gives it back.
#[derive(Debug)]
pub struct Place {
    places: Arc<Places>,
    agreement: AgreementId,
}

impl Places {
    /// A place for one more stream under an agreement.
    pub fn take(self: &Arc<Self>, agreement: &AgreementId) -> Result<Place, Refusal> {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        if taken.values().sum::<usize>() >= self.max {
            return Err(Refusal::new(
                RefusalKind::Unavailable,
                "streams-busy",
                "This node streams to as many readers as it can.",
            )
            .remedy("Try again in a minute.")
            .changed_by("the operator of this node"));
        }
        let own = taken.entry(agreement.clone()).or_default();
        if *own >= STREAMS_PER_AGREEMENT_MAX {
            return Err(Refusal::new(
                RefusalKind::Exhausted,
                "agreement-streams-busy",
                format!("{STREAMS_PER_AGREEMENT_MAX} streams are open under this agreement already."),
            )
            .remedy("Read one of them to its end, or close it, and ask again."));
        }
        *own += 1;
        Ok(Place { places: Arc::clone(self), agreement: agreement.clone() })
    }

    /// Streams that are open now.
    #[must_use]
    pub fn taken(&self) -> usize {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner).values().sum()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.places.taken.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(own) = taken.get_mut(&self.agreement) {
            *own = own.saturating_sub(1);
            if *own == 0 {
                taken.remove(&self.agreement);
            }
        }
    }
}
