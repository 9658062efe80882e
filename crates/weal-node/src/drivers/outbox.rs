//! Delivers what was decided: at once, at least once, with backoff. A dead peer costs a few connections and
//! blocks nobody: each peer has its own few places ([`Lanes`]), and what waits for one that cannot be reached
//! rests with it, however much it is.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use weal_domain::identity::Did;
use weal_domain::{RefusalKind, Timestamp};
use weal_store::{Job, Take};

use super::{JOB_ADMISSION, JOB_ISSUANCE, JOB_NEGOTIATION, JOB_REGISTER, JOB_REVOCATION, JOB_TRANSFER};
use crate::fault::{Error, Fault, Result};
use crate::house::House;
use crate::observe::Outcome;

/// Messages on their way at once.
const IN_FLIGHT_MAX: usize = 256;
/// Messages on their way to one peer, beyond which it is passed over; one that could not be reached last time
/// gets a single one.
const IN_FLIGHT_PER_PEER: usize = 8;
/// Jobs taken from the store at once, in all and for one peer.
const BATCH: u32 = 64;
const BATCH_PER_PEER: u32 = 8;
/// How long a taken job is ours before another taker may try; longer than any request lasts.
const LEASE: Duration = Duration::from_secs(60);
const BACKOFF_FIRST_MS: u64 = 500;
const BACKOFF_MAX_MS: u64 = 10 * 60 * 1000;
/// The longest that a peer rests that could not be reached.
const REST_MAX_MS: u64 = 60 * 1000;
/// After so many attempts, about two days, a message is given up and its negotiation says so.
const ATTEMPTS_MAX: u64 = 300;
/// The driver looks again after this long even if nobody rang.
const IDLE: Duration = Duration::from_secs(600);

pub(super) async fn run(house: Arc<House>, stopping: CancellationToken, tasks: TaskTracker) {
    let places = Arc::new(Semaphore::new(IN_FLIGHT_MAX));
    let lanes = Arc::new(Lanes::default());
    loop {
        let wait = match take(&house, &places, &lanes, &tasks).await {
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
async fn take(
    house: &Arc<House>,
    places: &Arc<Semaphore>,
    lanes: &Arc<Lanes>,
    tasks: &TaskTracker,
) -> Result<Duration> {
    loop {
        let now = house.clock.now();
        // A lane that frees a place rings the driver, so what is passed over here is not forgotten.
        let busy = lanes.busy();
        // Most wakings find work; a look without a writer's turn spares the others one.
        let next = house.store.read("outbox.next").await?.next_due_at(&busy).await?;
        match next {
            None => return Ok(IDLE),
            Some(next) if next > now => return Ok(until(now, next)),
            Some(_) => {}
        }
        let share = Take { jobs_max: BATCH, jobs_per_peer_max: BATCH_PER_PEER, busy: &busy };
        let mut tx = house.store.write("outbox.take").await?;
        let jobs: Vec<Job<serde_json::Value>> = tx.due(now, now + LEASE, share).await?;
        tx.commit().await?;
        for job in jobs {
            let place = Arc::clone(places)
                .acquire_owned()
                .await
                .map_err(|cause| Fault::new("taking a place in the outbox", cause))?;
            lanes.enter(&job.peer);
            let (house, lanes) = (Arc::clone(house), Arc::clone(lanes));
            tasks.spawn(async move {
                deliver(&house, &lanes, job).await;
                drop(place);
            });
        }
    }
}

/// What is on its way to each peer, and how often in a row it could not be reached.
#[derive(Debug, Default)]
struct Lanes(Mutex<HashMap<String, Lane>>);

#[derive(Debug, Clone, Copy, Default)]
struct Lane {
    in_flight: usize,
    failures: u64,
}

impl Lane {
    fn is_full(self) -> bool {
        self.in_flight >= if self.failures == 0 { IN_FLIGHT_PER_PEER } else { 1 }
    }
}

/// What a delivery says about the peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reached {
    /// It answered, as it did before.
    Still,
    /// It answered after it could not be reached.
    Again,
    /// It could not be reached, so many times in a row.
    Not { failures: u64 },
}

impl Lanes {
    /// Peers whose places are all taken.
    fn busy(&self) -> Vec<String> {
        let lanes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        lanes.iter().filter(|(_, lane)| lane.is_full()).map(|(peer, _)| peer.clone()).collect()
    }

    fn enter(&self, peer: &str) {
        let mut lanes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        lanes.entry(peer.to_owned()).or_default().in_flight += 1;
    }

    fn leave(&self, peer: &str, is_reached: bool) -> Reached {
        let mut lanes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let lane = lanes.entry(peer.to_owned()).or_default();
        lane.in_flight = lane.in_flight.saturating_sub(1);
        if !is_reached {
            lane.failures += 1;
            return Reached::Not { failures: lane.failures };
        }
        let before = std::mem::take(&mut lane.failures);
        if lane.in_flight == 0 {
            lanes.remove(peer);
        }
        if before == 0 { Reached::Still } else { Reached::Again }
    }
}

fn until(now: Timestamp, next: Timestamp) -> Duration {
    let ms = next.as_millisecond().saturating_sub(now.as_millisecond());
    Duration::from_millis(u64::try_from(ms).unwrap_or(0)).min(IDLE)
}

async fn deliver(house: &Arc<House>, lanes: &Lanes, job: Job<serde_json::Value>) {
    let outcome = carry(house, &job).await;
    house.metrics.delivered(if outcome.is_ok() { Outcome::Delivered } else { Outcome::Failed });
    let is_reached =
        !matches!(&outcome, Err(Error::Refused(refusal)) if refusal.kind == RefusalKind::Unavailable);
    let reached = lanes.leave(&job.peer, is_reached);
    if let Err(cause) = settle(house, &job, outcome, reached).await {
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
        JOB_ISSUANCE => house.send_issuance(&job.key).await,
        other => Err(Fault::new("reading a job", format!("unknown kind {other}")).into()),
    }
}

async fn settle(
    house: &House,
    job: &Job<serde_json::Value>,
    outcome: Result<()>,
    reached: Reached,
) -> Result<()> {
    let mut tx = house.store.write("outbox.settle").await?;
    let now = house.clock.now();
    match (reached, &outcome) {
        (Reached::Again, _) => {
            tx.wake_peer(&job.peer, now).await?;
        }
        (Reached::Not { failures }, Err(cause)) => {
            let until = now + backoff(failures, REST_MAX_MS, house)?;
            tx.rest(&job.peer, now, until, &cause.to_string()).await?;
        }
        (Reached::Still | Reached::Not { .. }, _) => {}
    }
    match outcome {
        Ok(()) => tx.done(job.id).await?,
        Err(cause) if job.attempts >= ATTEMPTS_MAX => {
            tracing::warn!(kind = job.kind, peer = job.peer, %cause, "a message was given up");
            if job.kind == JOB_ISSUANCE {
                house.fail_issuance(&mut tx, &job.key).await?;
            }
            tx.give_up(job.id, &cause.to_string()).await?;
        }
        Err(cause) => {
            tracing::info!(kind = job.kind, peer = job.peer, attempts = job.attempts, %cause, "not delivered yet");
            let due = now + backoff(job.attempts, BACKOFF_MAX_MS, house)?;
            tx.failed(job.id, &cause.to_string(), due).await?;
        }
    }
    tx.commit().await?;
    // The driver sleeps until what was due when it looked; a failed job is due again before its lease ends.
    house.wakers.outbox.notify_one();
    Ok(())
}

/// Doubling, capped, and somewhere in its upper half so that many messages do not return together.
fn backoff(attempts: u64, most_ms: u64, house: &House) -> Result<Duration, Error> {
    let doubled = BACKOFF_FIRST_MS.saturating_mul(1 << attempts.min(20).saturating_sub(1));
    let whole = doubled.min(most_ms);
    let [chance] = house.entropy.bytes::<1>()?;
    Ok(Duration::from_millis(whole / 2 + whole / 2 * u64::from(chance) / 255))
}
