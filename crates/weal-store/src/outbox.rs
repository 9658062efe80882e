//! The outbox: what must still be told to peers. Written in the same transaction as the state it tells
//! of, delivered at least once.

use serde::Serialize;
use serde::de::DeserializeOwned;
use sqlx::any::AnyRow;
use weal_domain::Timestamp;

use crate::tx::{BindBody, get, get_body, get_text, get_time, get_u64, int, ms, sql};
use crate::{StoreError, Tx};

/// A job to be done. The same kind and key is never waiting twice.
#[derive(Debug, Clone, Copy)]
pub struct NewJob<'a, T> {
    pub kind: &'a str,
    /// What makes it the same job: a pid and a message, for example.
    pub key: &'a str,
    /// Whom it is for, a DID; empty where it concerns only this node.
    pub peer: &'a str,
    pub body: &'a T,
    pub due_at: Timestamp,
}

/// A job that is due and leased to the caller.
#[derive(Debug, Clone, PartialEq)]
pub struct Job<T> {
    pub id: u64,
    pub kind: String,
    pub key: String,
    pub peer: String,
    pub body: T,
    pub due_at: Timestamp,
    /// This attempt included: 1 the first time.
    pub attempts: u64,
}

/// How much a driver takes at once, so that no peer keeps the others waiting.
#[derive(Debug, Clone, Copy)]
pub struct Take<'a> {
    pub jobs_max: u32,
    pub jobs_per_peer_max: u32,
    /// Peers whose jobs stay where they are.
    pub busy: &'a [String],
}

impl Tx {
    /// Adds a job; its id, or `None` where the same one waits already. One that was given up is revived.
    pub async fn enqueue<T: Serialize>(&mut self, job: NewJob<'_, T>) -> Result<Option<u64>, StoreError> {
        let id = self.next("job").await?;
        let query = sql("INSERT INTO job (id, kind, job_key, peer, state, due_ms, attempts, v, body)
             VALUES ($1, $2, $3, $4, 'waiting', $5, 0, $6, $7)
             ON CONFLICT (kind, job_key) DO UPDATE SET id = excluded.id, peer = excluded.peer,
                 state = 'waiting', due_ms = excluded.due_ms, attempts = 0, last_error = NULL,
                 v = excluded.v, body = excluded.body
             WHERE job.state = 'given_up'")
        .bind(id)
        .bind(job.kind.to_owned())
        .bind(job.key.to_owned())
        .bind(job.peer.to_owned())
        .bind(ms(job.due_at))
        .bind_body(job.body)?;
        if self.run(query).await? == 0 {
            return Ok(None);
        }
        u64::try_from(id).map(Some).map_err(|_| StoreError::corrupt("job.id"))
    }

    /// Takes jobs that are due at `now`, oldest first, and keeps others from taking them until `lease_until`; a
    /// driver that dies in between loses nothing but that time.
    pub async fn due<T: DeserializeOwned>(
        &mut self,
        now: Timestamp,
        lease_until: Timestamp,
        take: Take<'_>,
    ) -> Result<Vec<Job<T>>, StoreError> {
        // A lease moves the due time, so that one index finds both what is due and what is next.
        let query = sql("UPDATE job SET due_ms = $2, attempts = attempts + 1, last_error = NULL WHERE id IN
                 (SELECT id FROM
                     (SELECT id, due_ms, ROW_NUMBER() OVER (PARTITION BY peer ORDER BY due_ms, id) AS turn
                      FROM job WHERE state = 'waiting' AND due_ms <= $1
                          AND REPLACE(CAST($5 AS TEXT), '|' || peer || '|', '') = $5) AS waiting
                  WHERE turn <= $4 ORDER BY due_ms, id LIMIT $3)
             RETURNING id, kind, job_key, peer, due_ms, attempts, v, body")
        .bind(ms(now))
        .bind(ms(lease_until))
        .bind(i64::from(take.jobs_max))
        .bind(i64::from(take.jobs_per_peer_max))
        .bind(barred(take.busy));
        let mut jobs = Vec::new();
        for row in self.rows(query).await? {
            match job(&row) {
                Ok(job) => jobs.push(job),
                // One that cannot be read must not keep the others from being done.
                Err(error) => self.give_up(get_u64(&row, "id")?, &error.to_string()).await?,
            }
        }
        jobs.sort_by_key(|job: &Job<T>| job.id);
        Ok(jobs)
    }

    /// Makes every job that waits due at `now`: the leases of a process that died, and the pauses that
    /// were to spare a peer. Their number.
    pub async fn wake(&mut self, now: Timestamp) -> Result<u64, StoreError> {
        let query = sql("UPDATE job SET due_ms = $1 WHERE state = 'waiting' AND due_ms > $1").bind(ms(now));
        self.run(query).await
    }

    /// Makes one job due at `now`, also where it was given up. Whether there was one.
    pub async fn wake_job(&mut self, key: &str, now: Timestamp) -> Result<bool, StoreError> {
        let query = sql("UPDATE job SET due_ms = $2, state = 'waiting' WHERE job_key = $1")
            .bind(key.to_owned())
            .bind(ms(now));
        Ok(self.run(query).await? > 0)
    }

    /// The job was done, and is forgotten.
    pub async fn done(&mut self, id: u64) -> Result<(), StoreError> {
        self.run(sql("DELETE FROM job WHERE id = $1").bind(int(id, "job id")?)).await.map(|_| ())
    }

    /// The job did not work and shall be tried again at `next_due_at`.
    pub async fn failed(&mut self, id: u64, error: &str, next_due_at: Timestamp) -> Result<(), StoreError> {
        let query = sql("UPDATE job SET due_ms = $3, last_error = $2 WHERE id = $1 AND state = 'waiting'")
            .bind(int(id, "job id")?)
            .bind(error.to_owned())
            .bind(ms(next_due_at));
        self.run(query).await.map(|_| ())
    }

    /// The job will not be tried again; it is kept for people to see.
    pub async fn give_up(&mut self, id: u64, error: &str) -> Result<(), StoreError> {
        let query = sql("UPDATE job SET state = 'given_up', last_error = $2 WHERE id = $1")
            .bind(int(id, "job id")?)
            .bind(error.to_owned());
        self.run(query).await.map(|_| ())
    }

    /// How many jobs wait for each peer, by peer.
    pub async fn pending(&mut self) -> Result<Vec<(String, u64)>, StoreError> {
        let query = sql("SELECT peer, COUNT(*) AS jobs FROM job WHERE state = 'waiting'
             GROUP BY peer ORDER BY peer");
        let rows = self.rows(query).await?;
        rows.iter().map(|row| Ok((get_text(row, "peer")?, get_u64(row, "jobs")?))).collect()
    }

    /// What was given up, newest first: kind, key and the last error.
    pub async fn given_up(&mut self, limit: u32) -> Result<Vec<(String, String, String)>, StoreError> {
        let query = sql("SELECT kind, job_key, COALESCE(last_error, '') AS last_error FROM job
             WHERE state = 'given_up' ORDER BY id DESC LIMIT $1");
        let rows = self.rows(query.bind(i64::from(limit))).await?;
        rows.iter()
            .map(|row| Ok((get(row, "kind")?, get(row, "job_key")?, get(row, "last_error")?)))
            .collect()
    }

    /// When the next job falls due (or its lease ends) that is not for one of the `busy` peers, so that a
    /// driver sleeps until then.
    pub async fn next_due_at(&mut self, busy: &[String]) -> Result<Option<Timestamp>, StoreError> {
        let query = sql("SELECT due_ms FROM job WHERE state = 'waiting'
                 AND REPLACE(CAST($1 AS TEXT), '|' || peer || '|', '') = $1 ORDER BY due_ms LIMIT 1")
        .bind(barred(busy));
        self.row(query).await?.map(|row| get_time(&row, "due_ms")).transpose()
    }

    /// A peer could not be reached: what is due for it waits until `until`, and says why. Their number.
    pub async fn rest(
        &mut self,
        peer: &str,
        now: Timestamp,
        until: Timestamp,
        error: &str,
    ) -> Result<u64, StoreError> {
        let query = sql("UPDATE job SET due_ms = $3, last_error = $4
             WHERE state = 'waiting' AND peer = $1 AND due_ms <= $2")
        .bind(peer.to_owned())
        .bind(ms(now))
        .bind(ms(until))
        .bind(error.to_owned());
        self.run(query).await
    }

    /// A peer has been reached again: what failed before and waits, and so is not on its way, is due at `now`.
    pub async fn wake_peer(&mut self, peer: &str, now: Timestamp) -> Result<u64, StoreError> {
        let query = sql("UPDATE job SET due_ms = $2
             WHERE state = 'waiting' AND peer = $1 AND due_ms > $2 AND last_error IS NOT NULL")
        .bind(peer.to_owned())
        .bind(ms(now));
        self.run(query).await
    }
}

/// Any number of peers as one argument, in which both databases find one by replacing it. No DID has a bar.
fn barred(peers: &[String]) -> String {
    peers.iter().map(|peer| format!("|{peer}|")).collect()
}

fn job<T: DeserializeOwned>(row: &AnyRow) -> Result<Job<T>, StoreError> {
    Ok(Job {
        id: get_u64(row, "id")?,
        kind: get(row, "kind")?,
        key: get(row, "job_key")?,
        peer: get(row, "peer")?,
        body: get_body(row, "job")?,
        due_at: get_time(row, "due_ms")?,
        attempts: get_u64(row, "attempts")?,
    })
}
