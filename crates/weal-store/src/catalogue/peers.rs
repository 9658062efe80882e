//! How fresh our copies of the others' catalogues are.

use weal_domain::Timestamp;
use weal_domain::identity::Did;

use crate::tx::{get, get_text, get_time, get_time_option, get_u64, int, ms, sql};
use crate::{StoreError, Tx};

/// How fresh a copy of a peer's catalogue is, and how the last look at it went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PeerFreshness {
    pub peer: Did,
    /// The member's name in full when its catalogue was read.
    pub title: String,
    /// When the peer last said what it has, or that nothing has changed.
    pub heard_at: Option<Timestamp>,
    /// When an entry last was other than before.
    pub changed_at: Option<Timestamp>,
    /// When it is looked at again.
    pub due_at: Timestamp,
    /// What the peer calls the catalogue that we hold.
    pub etag: Option<String>,
    pub entries: u64,
    /// Of the last reading: what could not become an entry.
    pub passed_over: u64,
    /// Looks that failed since the last that did not.
    pub failures: u64,
    pub failed_at: Option<Timestamp>,
    /// Why the last look failed; `None` when it did not.
    pub failure: Option<String>,
}

/// A catalogue that was read to its end.
#[derive(Debug, Clone, Copy)]
pub struct LookRead<'a> {
    pub title: &'a str,
    pub etag: Option<&'a str>,
    pub entries: u64,
    pub passed_over: u64,
    pub has_changed: bool,
}

impl Tx {
    /// The peer has told all that it has.
    pub async fn peer_read(
        &mut self,
        peer: &Did,
        read: LookRead<'_>,
        now: Timestamp,
        due_at: Timestamp,
    ) -> Result<(), StoreError> {
        let query = sql("INSERT INTO peer_catalogue
                 (peer, title, heard_ms, changed_ms, due_ms, etag, entries, passed_over, failures)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 0)
             ON CONFLICT (peer) DO UPDATE SET title = excluded.title, heard_ms = excluded.heard_ms,
                 changed_ms = COALESCE(excluded.changed_ms, peer_catalogue.changed_ms),
                 due_ms = excluded.due_ms, etag = excluded.etag, entries = excluded.entries,
                 passed_over = excluded.passed_over, failures = 0, failed_ms = NULL, failure = NULL")
        .bind(peer.to_string())
        .bind(read.title.to_owned())
        .bind(ms(now))
        .bind(read.has_changed.then(|| ms(now)))
        .bind(ms(due_at))
        .bind(read.etag.map(str::to_owned))
        .bind(int(read.entries, "catalogue")?)
        .bind(int(read.passed_over, "catalogue")?);
        self.run(query).await.map(|_| ())
    }

    /// The peer has said that nothing changed.
    pub async fn peer_unchanged(
        &mut self,
        peer: &Did,
        now: Timestamp,
        due_at: Timestamp,
    ) -> Result<(), StoreError> {
        let query = sql("UPDATE peer_catalogue SET heard_ms = $2, due_ms = $3, failures = 0,
                 failed_ms = NULL, failure = NULL WHERE peer = $1");
        self.run(query.bind(peer.to_string()).bind(ms(now)).bind(ms(due_at))).await.map(|_| ())
    }

    /// The peer could not be read, and why. What it has said before stays.
    pub async fn peer_failed(
        &mut self,
        peer: &Did,
        why: &str,
        now: Timestamp,
        due_at: Timestamp,
    ) -> Result<(), StoreError> {
        let query = sql("INSERT INTO peer_catalogue
                 (peer, title, due_ms, entries, passed_over, failures, failed_ms, failure)
             VALUES ($1, '', $2, 0, 0, 1, $3, $4)
             ON CONFLICT (peer) DO UPDATE SET due_ms = excluded.due_ms,
                 failures = peer_catalogue.failures + 1, failed_ms = excluded.failed_ms,
                 failure = excluded.failure");
        let query = query.bind(peer.to_string()).bind(ms(due_at)).bind(ms(now)).bind(why.to_owned());
        self.run(query).await.map(|_| ())
    }

    /// Forgets how fresh a peer's catalogue is (it has left). Its entries go with
    /// [`Tx::remove_entries_but`], some at a time.
    pub async fn forget_peer(&mut self, peer: &Did) -> Result<(), StoreError> {
        self.run(sql("DELETE FROM peer_catalogue WHERE peer = $1").bind(peer.to_string())).await.map(|_| ())
    }

    pub async fn peer_freshness(&mut self) -> Result<Vec<PeerFreshness>, StoreError> {
        let rows = self.rows(sql("SELECT * FROM peer_catalogue ORDER BY peer")).await?;
        rows.iter()
            .map(|row| {
                Ok(PeerFreshness {
                    peer: get_text(row, "peer")?,
                    title: get(row, "title")?,
                    heard_at: get_time_option(row, "heard_ms")?,
                    changed_at: get_time_option(row, "changed_ms")?,
                    due_at: get_time(row, "due_ms")?,
                    etag: get(row, "etag")?,
                    entries: get_u64(row, "entries")?,
                    passed_over: get_u64(row, "passed_over")?,
                    failures: get_u64(row, "failures")?,
                    failed_at: get_time_option(row, "failed_ms")?,
                    failure: get(row, "failure")?,
                })
            })
            .collect()
    }
}
