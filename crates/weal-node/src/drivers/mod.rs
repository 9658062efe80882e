//! What runs beside the doors. A driver sleeps until it is woken or until the next thing is due; none polls.

mod crawler;
mod outbox;

use std::sync::Arc;

use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::house::House;

/// The kinds of jobs in the outbox.
pub const JOB_NEGOTIATION: &str = "negotiation";
pub const JOB_TRANSFER: &str = "transfer";
pub const JOB_REGISTER: &str = "register";
pub const JOB_ADMISSION: &str = "admission";

/// The bells of the drivers.
#[derive(Debug, Default)]
pub struct Wakers {
    /// Rung after every commit that enqueued a message.
    pub outbox: Notify,
    /// Rung when the catalogues of others should be looked at again now.
    pub crawler: Notify,
    /// Rung when something that people wait for has moved: a negotiation, a transfer, an admission.
    pub moved: Notify,
}

/// Starts every driver; they end when `stopping` is cancelled.
pub fn start(house: &Arc<House>, stopping: &CancellationToken, tasks: &TaskTracker) {
    tasks.spawn(outbox::run(Arc::clone(house), stopping.clone(), tasks.clone()));
    tasks.spawn(crawler::run(Arc::clone(house), stopping.clone()));
}
