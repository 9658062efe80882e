//! Delivers what was decided: at once, at least once, with backoff. A dead peer costs a few connections and
//! blocks nobody: each peer has its own few places ([`Lanes`]), and what waits for one that cannot be reached
//! rests with it, however much it is.
//!
//! A message of a process is taken in the transaction that enqueues it and handed over after its commit, so that
//! nothing has to be looked for. What is not handed over, or was before this process died, is found in the store.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use weal_domain::identity::Did;
use weal_domain::{RefusalKind, Timestamp};
use weal_store::{Handed, Job, Take};

use super::{
    Carried, JOB_ADMISSION, JOB_ISSUANCE, JOB_NEGOTIATION, JOB_REGISTER, JOB_REVOCATION, JOB_TRANSFER, LEASE,
};
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
/// Messages handed over that wait in memory for a place with one peer; what is more is taken from the store.
const WAITING_PER_PEER: usize = 1_024;
/// What has waited so long in memory is left to the store, before its lease ends.
const WAITING_MAX: Duration = Duration::from_secs(30);
const BACKOFF_FIRST_MS: u64 = 500;
const BACKOFF_MAX_MS: u64 = 10 * 60 * 1000;
/// The longest that a peer rests that could not be reached.
const REST_MAX_MS: u64 = 60 * 1000;
/// After so many attempts, about two days, a message is given up and its negotiation says so.
const ATTEMPTS_MAX: u64 = 300;
/// The driver looks again after this long even if nobody rang.
const IDLE: Duration = Duration::from_secs(600);

pub(super) async fn run(house: Arc<House>, stopping: CancellationToken, tasks: TaskTracker) {
    let mut handed = house.store.hear_of_jobs();
    let driver = Driver {
        house,
        places: Arc::new(Semaphore::new(IN_FLIGHT_MAX)),
        lanes: Arc::default(),
        stopping,
        tasks,
    };
    loop {
        let wait = match driver.take().await {
            Ok(wait) => wait,
            Err(cause) => {
                tracing::error!(%cause, "the outbox cannot be read");
                Duration::from_secs(5)
            }
        };
        let mut look_at = tokio::time::Instant::now() + wait;
        loop {
            tokio::select! {
                () = driver.stopping.cancelled() => return,
                Some(job) = handed.recv() => {
                    // Should it be left to the store after all, it is found there when its lease ends.
                    look_at = look_at.min(tokio::time::Instant::now() + LEASE);
                    driver.start(job);
                }
                () = driver.house.wakers.outbox.notified() => break,
                () = tokio::time::sleep_until(look_at) => break,
            }
        }
    }
}

/// What every delivery is started with.
struct Driver {
    house: Arc<House>,
    places: Arc<Semaphore>,
    lanes: Arc<Lanes>,
    stopping: CancellationToken,
    tasks: TaskTracker,
}

impl Driver {
    /// Starts a job that was handed over, or lets it wait for a place with its peer.
    fn start(&self, job: Handed) {
        let Ok(place) = Arc::clone(&self.places).try_acquire_owned() else {
            self.lanes.wait(job);
            return;
        };
        if let Some(job) = self.lanes.enter_or_wait(job) {
            self.spawn(place, job);
        }
    }

    /// Starts every job in the store that is due; answers how long until the next one is.
    async fn take(&self) -> Result<Duration> {
        let house = &self.house;
        loop {
            let now = house.clock.now();
            // A lane that frees a place rings the driver, so what is passed over here is not forgotten.
            let busy = self.lanes.busy();
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
                let place = Arc::clone(&self.places)
                    .acquire_owned()
                    .await
                    .map_err(|cause| Fault::new("taking a place in the outbox", cause))?;
                self.lanes.enter(&job.peer);
                self.spawn(place, job.into());
            }
        }
    }

    fn spawn(&self, place: OwnedSemaphorePermit, job: Sending) {
        let (house, lanes) = (Arc::clone(&self.house), Arc::clone(&self.lanes));
        let stopping = self.stopping.clone();
        self.tasks.spawn(async move {
            deliver(&house, &lanes, &stopping, job).await;
            drop(place);
        });
    }
}

/// A job on its way.
#[derive(Debug)]
struct Sending {
    id: u64,
    kind: String,
    key: String,
    peer: String,
    /// This attempt included: 1 the first time.
    attempts: u64,
}

impl From<Job<serde_json::Value>> for Sending {
    fn from(job: Job<serde_json::Value>) -> Self {
        Self { id: job.id, kind: job.kind, key: job.key, peer: job.peer, attempts: job.attempts }
    }
}

impl From<Handed> for Sending {
    fn from(job: Handed) -> Self {
        Self { id: job.id, kind: job.kind, key: job.key, peer: job.peer, attempts: 1 }
    }
}

/// What is on its way to each peer, and how often in a row it could not be reached.
#[derive(Debug, Default)]
struct Lanes(Mutex<HashMap<String, Lane>>);

#[derive(Debug, Default)]
struct Lane {
    in_flight: usize,
    failures: u64,
    /// Handed over, and since when they wait for a place.
    waiting: VecDeque<(Instant, Handed)>,
    /// Whether jobs in the store may have been passed over because every place was taken.
    is_passed_over: bool,
}

impl Lane {
    /// What finds no room is left to the store.
    fn put(&mut self, job: Handed) {
        if self.waiting.len() < WAITING_PER_PEER {
            self.waiting.push_back((Instant::now(), job));
        }
    }

    fn is_full(&self) -> bool {
        self.in_flight >= if self.failures == 0 { IN_FLIGHT_PER_PEER } else { 1 }
    }
}

/// What follows from the end of a delivery.
#[derive(Debug)]
struct Left {
    reached: Reached,
    /// A job that has waited for the place that is free now.
    next: Option<Sending>,
    /// Jobs that waited for a peer which cannot be reached.
    unsent: Vec<Handed>,
    /// Whether the store has to be looked at.
    looks: bool,
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
    fn locked(&self) -> MutexGuard<'_, HashMap<String, Lane>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Peers whose places are all taken.
    fn busy(&self) -> Vec<String> {
        let mut lanes = self.locked();
        let full = lanes.iter_mut().filter(|(_, lane)| lane.is_full());
        full.map(|(peer, lane)| {
            lane.is_passed_over = true;
            peer.clone()
        })
        .collect()
    }

    fn enter(&self, peer: &str) {
        self.locked().entry(peer.to_owned()).or_default().in_flight += 1;
    }

    /// Takes a place for a job; where none is free, it waits for one.
    fn enter_or_wait(&self, job: Handed) -> Option<Sending> {
        let mut lanes = self.locked();
        let lane = lanes.entry(job.peer.clone()).or_default();
        if lane.is_full() {
            lane.put(job);
            return None;
        }
        lane.in_flight += 1;
        Some(job.into())
    }

    fn wait(&self, job: Handed) {
        let mut lanes = self.locked();
        // With nobody on the way who would take it along, it is left to the store.
        if let Some(lane) = lanes.get_mut(&job.peer).filter(|lane| lane.in_flight > 0) {
            lane.put(job);
        }
    }

    /// The end of a delivery. Its place goes to the next job that waits, if there is one.
    fn leave(&self, peer: &str, is_reached: bool) -> Left {
        let mut lanes = self.locked();
        let lane = lanes.entry(peer.to_owned()).or_default();
        lane.in_flight = lane.in_flight.saturating_sub(1);
        let mut left = Left {
            reached: Reached::Still,
            next: None,
            unsent: Vec::new(),
            looks: std::mem::take(&mut lane.is_passed_over),
        };
        if !is_reached {
            lane.failures += 1;
            left.reached = Reached::Not { failures: lane.failures };
            left.unsent = lane.waiting.drain(..).map(|(_, job)| job).collect();
            return left;
        }
        if std::mem::take(&mut lane.failures) > 0 {
            left.reached = Reached::Again;
        }
        let recent = |since: &Instant| since.elapsed() < WAITING_MAX;
        left.next = std::iter::from_fn(|| lane.waiting.pop_front())
            .find(|(since, _)| recent(since))
            .map(|(_, job)| job.into());
        if left.next.is_some() {
            lane.in_flight += 1;
        }
        if lane.in_flight == 0 {
            lanes.remove(peer);
        }
        left
    }
}

fn until(now: Timestamp, next: Timestamp) -> Duration {
    let ms = next.as_millisecond().saturating_sub(now.as_millisecond());
    Duration::from_millis(u64::try_from(ms).unwrap_or(0)).min(IDLE)
}

/// Carries a job, and then those that have waited for its place.
async fn deliver(house: &Arc<House>, lanes: &Lanes, stopping: &CancellationToken, job: Sending) {
    let mut next = Some(job);
    while let Some(job) = next.take() {
        let outcome = carry(house, &job).await;
        house.metrics.delivered(if outcome.is_ok() { Outcome::Delivered } else { Outcome::Failed });
        let is_reached =
            !matches!(&outcome, Err(Error::Refused(refusal)) if refusal.kind == RefusalKind::Unavailable);
        let mut left = lanes.leave(&job.peer, is_reached);
        // A node that stops begins nothing; at its next start everything is due.
        next = left.next.take().filter(|_| !stopping.is_cancelled());
        if let Err(cause) = settle(house, &job, outcome, left).await {
            // The lease runs out and the job is taken again: at least once.
            tracing::error!(%cause, kind = job.kind, "the outcome of a delivery could not be recorded");
        }
    }
}

async fn carry(house: &Arc<House>, job: &Sending) -> Result<Carried> {
    let peer = Did::new(job.peer.clone()).map_err(|cause| Fault::new("reading a job", cause))?;
    let sent = match job.kind.as_str() {
        JOB_NEGOTIATION => return house.send_negotiation_message(&job.key).await,
        JOB_TRANSFER => return house.send_transfer_message(&job.key).await,
        JOB_REVOCATION => house.send_revocation(&job.key).await,
        JOB_REGISTER => house.send_register(&peer).await,
        JOB_ADMISSION => house.send_admission(&peer).await,
        JOB_ISSUANCE => house.send_issuance(&job.key).await,
        other => Err(Fault::new("reading a job", format!("unknown kind {other}")).into()),
    };
    sent.map(|()| Carried::Done)
}

async fn settle(house: &House, job: &Sending, outcome: Result<Carried>, left: Left) -> Result<()> {
    if left.looks {
        house.wakers.outbox.notify_one();
    }
    if left.reached == Reached::Still && matches!(outcome, Ok(Carried::Forgotten)) {
        return Ok(());
    }
    let is_done = outcome.is_ok();
    let mut tx = house.store.write("outbox.settle").await?;
    let now = house.clock.now();
    match (left.reached, &outcome) {
        (Reached::Again, _) => {
            tx.wake_peer(&job.peer, now).await?;
        }
        (Reached::Not { failures }, Err(cause)) => {
            let until = now + backoff(failures, REST_MAX_MS, house)?;
            tx.rest(&job.peer, now, until, &cause.to_string()).await?;
            for unsent in &left.unsent {
                tx.failed(unsent.id, &cause.to_string(), until).await?;
            }
        }
        (Reached::Still | Reached::Not { .. }, _) => {}
    }
    match outcome {
        Ok(Carried::Forgotten) => {}
        Ok(Carried::Done) => tx.done(job.id).await?,
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
    if !is_done || left.reached != Reached::Still {
        house.wakers.outbox.notify_one();
    }
    Ok(())
}

/// Doubling, capped, and somewhere in its upper half so that many messages do not return together.
fn backoff(attempts: u64, most_ms: u64, house: &House) -> Result<Duration, Error> {
    let doubled = BACKOFF_FIRST_MS.saturating_mul(1 << attempts.min(20).saturating_sub(1));
    let whole = doubled.min(most_ms);
    let [chance] = house.entropy.bytes::<1>()?;
    Ok(Duration::from_millis(whole / 2 + whole / 2 * u64::from(chance) / 255))
}
