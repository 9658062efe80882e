//! Delivers what was decided: at once, at least once, with backoff. A dead peer costs a lease and blocks
//! nobody, because every message is carried by a task of its own.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use weal_domain::Timestamp;
use weal_domain::identity::Did;
use weal_store::Job;

use super::{JOB_ADMISSION, JOB_NEGOTIATION, JOB_REGISTER, JOB_REVOCATION, JOB_TRANSFER};
use crate::fault::{Error, Fault, Result};
use crate::house::House;
use crate::observe::Outcome;

/// Messages on their way at once.
const IN_FLIGHT_MAX: usize = 64;
/// Jobs taken from the store at once.
const BATCH: u32 = 64;
/// How long a taken job is ours before another taker may try; longer than any request lasts.
const LEASE: Duration = Duration::from_secs(60);
const BACKOFF_FIRST_MS: u64 = 500;
const BACKOFF_MAX_MS: u64 = 10 * 60 * 1000;
/// After so many attempts, about two days, a message is given up and its negotiation says so.
const ATTEMPTS_MAX: u64 = 300;
/// The driver looks again after this long even if nobody rang.
const IDLE: Duration = Duration::from_secs(600);

pub(super) async fn run(house: Arc<House>, stopping: CancellationToken, tasks: TaskTracker) {
    let places = Arc::new(Semaphore::new(IN_FLIGHT_MAX));
    loop {
        let wait = match take(&house, &places, &tasks).await {
            Ok(wait) => wait,
            Err(cause) => {
                tracing::error!(%cause, "the outbox cannot be read");
                Duration::from_secs(5)
            }
        };
        tokio::select! {
            () = stopping.cancelled() => return,
            () = house.wakers.outbox.notified() => {}
            () = tokio::time::sleep(wait) => {}
        }
    }
}

/// Starts every job that is due; answers how long until the next one is.
async fn take(house: &Arc<House>, places: &Arc<Semaphore>, tasks: &TaskTracker) -> Result<Duration> {
    loop {
        let now = house.clock.now();
        // Most wakings find work; a look without a writer's turn spares the others one.
        let next = house.store.read("outbox.next").await?.next_due_at().await?;
        match next {
            None => return Ok(IDLE),
            Some(next) if next > now => return Ok(until(now, next)),
            Some(_) => {}
        }
        let mut tx = house.store.write("outbox.take").await?;
        let jobs: Vec<Job<serde_json::Value>> = tx.due(now, now + LEASE, BATCH).await?;
        tx.commit().await?;
        for job in jobs {
            let place = Arc::clone(places)
                .acquire_owned()
                .await
                .map_err(|cause| Fault::new("taking a place in the outbox", cause))?;
            let house = Arc::clone(house);
            tasks.spawn(async move {
                deliver(&house, job).await;
                drop(place);
            });
        }
    }
}

fn until(now: Timestamp, next: Timestamp) -> Duration {
    let ms = next.as_millisecond().saturating_sub(now.as_millisecond());
    Duration::from_millis(u64::try_from(ms).unwrap_or(0)).min(IDLE)
}

async fn deliver(house: &Arc<House>, job: Job<serde_json::Value>) {
    let outcome = carry(house, &job).await;
    house.metrics.delivered(if outcome.is_ok() { Outcome::Delivered } else { Outcome::Failed });
    if let Err(cause) = settle(house, &job, outcome).await {
        // The lease runs out and the job is taken again: at least once.
        tracing::error!(%cause, kind = job.kind, "the outcome of a delivery could not be recorded");
    }
}

async fn carry(house: &Arc<House>, job: &Job<serde_json::Value>) -> Result<()> {
    let peer = Did::new(job.peer.clone()).map_err(|cause| Fault::new("reading a job", cause))?;
    match job.kind.as_str() {
        JOB_NEGOTIATION => house.send_negotiation_message(&job.key).await,
        JOB_TRANSFER => house.send_transfer_message(&job.key).await,
        JOB_REVOCATION => house.send_revocation(&job.key).await,
        JOB_REGISTER => house.send_register(&peer).await,
        JOB_ADMISSION => house.send_admission(&peer).await,
        other => Err(Fault::new("reading a job", format!("unknown kind {other}")).into()),
    }
}

async fn settle(house: &House, job: &Job<serde_json::Value>, outcome: Result<()>) -> Result<()> {
    let mut tx = house.store.write("outbox.settle").await?;
    match outcome {
        Ok(()) => tx.done(job.id).await?,
        Err(cause) if job.attempts >= ATTEMPTS_MAX => {
            tracing::warn!(kind = job.kind, peer = job.peer, %cause, "a message was given up");
            tx.give_up(job.id, &cause.to_string()).await?;
        }
        Err(cause) => {
            tracing::info!(kind = job.kind, peer = job.peer, attempts = job.attempts, %cause, "not delivered yet");
            let due = house.clock.now() + backoff(job.attempts, house)?;
            tx.failed(job.id, &cause.to_string(), due).await?;
        }
    }
    tx.commit().await?;
    // The driver sleeps until what was due when it looked; a failed job is due again before its lease ends.
    house.wakers.outbox.notify_one();
    Ok(())
}

/// Doubling, capped, and somewhere in its upper half so that many messages do not return together.
fn backoff(attempts: u64, house: &House) -> Result<Duration, Error> {
    let doubled = BACKOFF_FIRST_MS.saturating_mul(1 << attempts.min(20).saturating_sub(1));
    let whole = doubled.min(BACKOFF_MAX_MS);
    let [chance] = house.entropy.bytes::<1>()?;
    Ok(Duration::from_millis(whole / 2 + whole / 2 * u64::from(chance) / 255))
}
