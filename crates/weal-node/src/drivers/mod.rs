//! What runs beside the doors. A driver sleeps until it is woken or until the next thing is due; none polls.

mod crawler;
mod keys;
mod outbox;
mod refusals;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::fault::Result;
use crate::house::House;

/// The kinds of jobs in the outbox.
pub const JOB_NEGOTIATION: &str = "negotiation";
pub const JOB_TRANSFER: &str = "transfer";
pub const JOB_REVOCATION: &str = "revocation";
pub const JOB_REGISTER: &str = "register";
pub const JOB_ADMISSION: &str = "admission";
pub const JOB_ISSUANCE: &str = "issuance";

/// The bells of the drivers.
#[derive(Debug, Default)]
pub struct Wakers {
    /// Rung after every commit that enqueued a message.
    pub outbox: Notify,
    /// Rung when the catalogues of others should be looked at again now.
    pub crawler: Notify,
    /// Rung when a refused use was only counted.
    pub refusals: Notify,
    /// Rung when the node was given another key.
    pub keys: Notify,
    /// Who waits for which process, a negotiation or a transfer, to move. Each has a bell of its own: with one
    /// for all, every move would have everybody look.
    waiting: Mutex<HashMap<String, Waiting>>,
}

/// The bell of one process, and how many wait for it.
#[derive(Debug, Default)]
struct Waiting {
    bell: Arc<Notify>,
    count: usize,
}

/// One who waits; when it goes, so does the bell that nobody else waits for.
struct Wait<'a> {
    wakers: &'a Wakers,
    process: &'a str,
    bell: Arc<Notify>,
}

impl Drop for Wait<'_> {
    fn drop(&mut self) {
        let mut waiting = self.wakers.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(one) = waiting.get_mut(self.process) {
            one.count -= 1;
            if one.count == 0 {
                waiting.remove(self.process);
            }
        }
    }
}

impl Wakers {
    /// After a commit that moved a process (by its pid here) and may have enqueued a message.
    pub fn ring(&self, process: &str) {
        self.outbox.notify_one();
        let waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(one) = waiting.get(process) {
            one.bell.notify_waiters();
        }
    }

    fn wait<'a>(&'a self, process: &'a str) -> Wait<'a> {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let one = waiting.entry(process.to_owned()).or_default();
        one.count += 1;
        Wait { wakers: self, process, bell: Arc::clone(&one.bell) }
    }

    /// Looks now and after every move of `process`, until `look` finds what it is after; `None` when `wait` is over.
    pub async fn until<T, L>(&self, process: &str, wait: Duration, look: impl Fn() -> L) -> Result<Option<T>>
    where
        L: Future<Output = Result<Option<T>>>,
    {
        let deadline = tokio::time::Instant::now() + wait;
        let waiting = self.wait(process);
        loop {
            let moved = waiting.bell.notified();
            tokio::pin!(moved);
            // Registered before the look, so that a move in between is not missed.
            moved.as_mut().enable();
            if let Some(found) = look().await? {
                return Ok(Some(found));
            }
            if tokio::time::timeout_at(deadline, moved).await.is_err() {
                return Ok(None);
            }
        }
    }
}

/// Starts every driver; they end when `stopping` is cancelled.
pub fn start(house: &Arc<House>, stopping: &CancellationToken, tasks: &TaskTracker) {
    tasks.spawn(outbox::run(Arc::clone(house), stopping.clone(), tasks.clone()));
    tasks.spawn(crawler::run(Arc::clone(house), stopping.clone()));
    tasks.spawn(refusals::run(Arc::clone(house), stopping.clone()));
    tasks.spawn(keys::run(Arc::clone(house), stopping.clone()));
}
