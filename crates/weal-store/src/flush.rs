//! Making what was committed durable, for all who wait together.
//!
//! SQLite in WAL mode writes each commit to the end of its log. Were it to flush the log itself before a commit
//! returns (`synchronous = FULL`), the next writer would wait for the disk as long as this one, and as many
//! transactions would be kept in a second as the disk flushes. With `NORMAL` a commit returns at once, and
//! whoever committed waits here: one flush of the log covers all commits before it. A checkpoint flushes the
//! log by itself before it touches the database.
//!
//! What others read may therefore not be durable yet; what anybody acts upon after its own commit is, since the
//! log is flushed up to there, and everything read before stands in it further ahead.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use tokio::sync::Mutex;

use crate::StoreError;

/// The write-ahead log of one database.
#[derive(Debug)]
pub struct Flush {
    log: PathBuf,
    /// Commits so far.
    committed: AtomicU64,
    /// Commits that are known to be on the disk. Whoever holds it flushes.
    flushed: Mutex<u64>,
    /// A flush that failed may have lost what it was to keep, and the next would not say so.
    broken: AtomicBool,
}

impl Flush {
    /// Of the database at `file`.
    #[must_use]
    pub fn of(file: &Path) -> Self {
        let mut log = file.as_os_str().to_owned();
        log.push("-wal");
        Self {
            log: log.into(),
            committed: AtomicU64::new(0),
            flushed: Mutex::new(0),
            broken: AtomicBool::new(false),
        }
    }

    /// To be called after a commit: returns when it is on the disk.
    pub async fn durable(&self) -> Result<(), StoreError> {
        let ticket = self.committed.fetch_add(1, Ordering::SeqCst) + 1;
        let mut flushed = self.flushed.lock().await;
        if *flushed >= ticket {
            return Ok(());
        }
        self.usable()?;
        let covers = self.committed.load(Ordering::SeqCst);
        let log = self.log.clone();
        let done = tokio::task::spawn_blocking(move || flush(&log)).await.map_err(StoreError::fault)?;
        if let Err(cause) = done {
            self.broken.store(true, Ordering::SeqCst);
            tracing::error!(%cause, "the database's log could not be flushed; nothing is kept until the node is restarted");
            return Err(StoreError::fault(cause));
        }
        *flushed = covers;
        Ok(())
    }

    /// Whether anything can still be kept.
    pub fn usable(&self) -> Result<(), StoreError> {
        if self.broken.load(Ordering::SeqCst) {
            return Err(StoreError::fault("the disk failed; restart the node"));
        }
        Ok(())
    }
}

/// By the file's name each time: when the last connection closes, SQLite folds the log into the database, flushed,
/// and removes it; the next begins another.
fn flush(log: &Path) -> io::Result<()> {
    match std::fs::File::open(log) {
        Ok(file) => file.sync_data(),
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(cause) => Err(cause),
    }
}
