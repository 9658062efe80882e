//! How many may speak with this node at once, over all its listeners together: connections, and of those that
//! carry many requests at once, the requests.

use std::collections::HashMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;

use crate::http::ClientAddress;

/// Connections open at once; the next ones wait until one is closed. Each further request at once on one of
/// them counts as much as a connection.
const PLACES_MAX: usize = 1_024;
/// Of those, from one address; with one more, the connection that was not used for longest has to end. A proxy
/// of ours brings everybody's.
const PLACES_OF_ADDRESS_MAX: usize = 64;
/// Of one address, beyond that, while connections that were asked to end still answer; one more is turned away
/// at once.
const PLACES_ENDING_MAX: usize = 64;

/// The places of a node.
#[derive(Debug, Clone)]
pub(crate) struct Places {
    all: Arc<Semaphore>,
    open: Arc<Mutex<HashMap<ClientAddress, Taken>>>,
}

/// What one address has.
#[derive(Debug, Default)]
struct Taken {
    connections: Vec<Arc<Kept>>,
    /// Beyond the first one on each connection.
    requests: usize,
}

/// What is known of an open connection by those that come after it.
#[derive(Debug)]
pub(super) struct Kept {
    opened: Instant,
    /// When its last request began.
    asked: Mutex<Option<Instant>>,
    /// Asked to end once what it answers now is answered.
    pub retires: CancellationToken,
}

/// An open connection, until this is dropped.
#[derive(Debug)]
pub(super) struct Line {
    pub kept: Arc<Kept>,
    pub places: Places,
    /// None: a proxy's of ours.
    pub from: Option<ClientAddress>,
}

/// A request at once with others on one connection, until this is dropped.
#[derive(Debug)]
pub(super) struct Further {
    _place: OwnedSemaphorePermit,
    places: Places,
    from: Option<ClientAddress>,
}

impl Default for Places {
    fn default() -> Self {
        Self { all: Arc::new(Semaphore::new(PLACES_MAX)), open: Arc::default() }
    }
}

impl Places {
    /// Waits until there is one.
    pub(super) async fn one(&self) -> io::Result<OwnedSemaphorePermit> {
        Arc::clone(&self.all).acquire_owned().await.map_err(io::Error::other)
    }

    /// A connection from here; from a proxy of ours where no address is given. None where this address has
    /// too many that are ending already.
    pub(super) fn connection(&self, from: Option<ClientAddress>) -> Option<Line> {
        let kept = Arc::new(Kept {
            opened: Instant::now(),
            asked: Mutex::new(None),
            retires: CancellationToken::new(),
        });
        if let Some(from) = from {
            let mut open = self.open();
            let taken = open.entry(from).or_default();
            if !taken.makes_room(None) {
                return None;
            }
            taken.connections.push(Arc::clone(&kept));
        }
        Some(Line { kept, places: self.clone(), from })
    }

    /// A further request at once on a connection of this address; None where there is no place for it.
    pub(super) fn further(&self, on: &Arc<Kept>, from: Option<ClientAddress>) -> Option<Further> {
        let place = Arc::clone(&self.all).try_acquire_owned().ok()?;
        if let Some(from) = from {
            let mut open = self.open();
            let taken = open.entry(from).or_default();
            if !taken.makes_room(Some(on)) {
                return None;
            }
            taken.requests += 1;
        }
        Some(Further { _place: place, places: self.clone(), from })
    }

    fn open(&self) -> MutexGuard<'_, HashMap<ClientAddress, Taken>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn gives_back(&self, from: Option<ClientAddress>, back: impl FnOnce(&mut Taken)) {
        let Some(from) = from else { return };
        let mut open = self.open();
        if let Some(taken) = open.get_mut(&from) {
            back(taken);
            if taken.connections.is_empty() && taken.requests == 0 {
                open.remove(&from);
            }
        }
    }
}

impl Taken {
    /// Clients keep connections that they may never use again. Where this address has as many places as it may,
    /// the connection that was not used for longest is asked to end, `except` for this one.
    fn makes_room(&self, except: Option<&Arc<Kept>>) -> bool {
        let count = self.connections.len() + self.requests;
        if count >= PLACES_OF_ADDRESS_MAX + PLACES_ENDING_MAX {
            return false;
        }
        if count >= PLACES_OF_ADDRESS_MAX {
            let staying = self.connections.iter().filter(|kept| {
                !kept.retires.is_cancelled() && except.is_none_or(|except| !Arc::ptr_eq(kept, except))
            });
            if let Some(longest) = staying.min_by_key(|kept| kept.last_used()) {
                longest.retires.cancel();
            }
        }
        true
    }
}

impl Kept {
    fn last_used(&self) -> Instant {
        self.last_asked().unwrap_or(self.opened)
    }

    pub(super) fn last_asked(&self) -> Option<Instant> {
        *self.asked.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn is_asked(&self) {
        *self.asked.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        let gone = |taken: &mut Taken| taken.connections.retain(|kept| !Arc::ptr_eq(kept, &self.kept));
        self.places.gives_back(self.from, gone);
    }
}

impl Drop for Further {
    fn drop(&mut self) {
        self.places.gives_back(self.from, |taken| taken.requests -= 1);
    }
}
