//! What runs beside the doors. A driver sleeps until it is woken or until the next thing is due; none polls.

mod crawler;
mod keys;
mod outbox;
mod refusals;

use std::sync::Arc;
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
    /// Rung when something that people wait for has moved: a negotiation, a transfer, an admission.
    pub moved: Notify,
}

impl Wakers {
    /// After a commit that moved a process and may have enqueued a message.
    pub fn ring(&self) {
        self.outbox.notify_one();
        self.moved.notify_waiters();
    }

    /// Looks now and after every move, until `look` finds what it is after; `None` when `wait` is over.
    pub async fn until<T, L>(&self, wait: Duration, look: impl Fn() -> L) -> Result<Option<T>>
    where
        L: Future<Output = Result<Option<T>>>,
    {
        let deadline = tokio::time::Instant::now() + wait;
        loop {
            let moved = self.moved.notified();
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
