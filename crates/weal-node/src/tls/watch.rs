//! A certificate in files, taken up anew when it changes: whoever renews it replaces the files and, if they
//! do not want to wait, sends SIGHUP. One that is not fit to be served is not taken up; the old one stays, and
//! the new one is tried again until it is fit: it may become so by itself, when its time comes.

use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;

use super::Tls;
use super::certificate::Files;
use crate::house::House;

/// How often it is looked whether the files are still the same. Files ring no bell that works everywhere: on
/// network file systems and for what is mounted into containers there is none.
const LOOK_EVERY: Duration = Duration::from_secs(5);
/// From here on the log says every day that the certificate expires.
const EXPIRES_SOON_S: i64 = 14 * DAY_S;
const DAY_S: i64 = 24 * 3600;

pub(super) async fn run(tls: Arc<Tls>, house: Arc<House>, files: Files, stopping: CancellationToken) {
    let mut hangups = signal(SignalKind::hangup()).inspect_err(|cause| {
        tracing::warn!(%cause, "SIGHUP is not heard: a new certificate is taken up when its files change");
    });
    let mut seen = tls.looked.clone();
    let mut refused = None;
    let mut warned_at = i64::MIN;
    loop {
        let asked = tokio::select! {
            () = stopping.cancelled() => return,
            () = hangup(&mut hangups) => true,
            () = tokio::time::sleep(LOOK_EVERY) => false,
        };
        let look = Look::at(&files);
        let is_new = asked || seen.as_ref() != Some(&look);
        if is_new || refused.is_some() {
            seen = Some(look);
            refused = take_up(&tls, &house, &files, refused.filter(|_| !is_new));
        }
        let now_s = house.clock.now().as_second();
        let left_s = tls.certificates.served().map_or(0, |served| served.facts.not_after - now_s);
        if left_s < EXPIRES_SOON_S && now_s.saturating_sub(warned_at) >= DAY_S {
            warned_at = now_s;
            tracing::warn!(hours = left_s / 3600, "the certificate expires: renew it and replace its files");
        }
    }
}

async fn hangup(signals: &mut std::io::Result<Signal>) {
    match signals {
        Ok(signals) => {
            signals.recv().await;
        }
        Err(_) => std::future::pending().await,
    }
}

/// Serves what is in the files, or answers why not. The same cause as `known` is said and counted once.
fn take_up(tls: &Tls, house: &House, files: &Files, known: Option<String>) -> Option<String> {
    match files.read(&tls.host, house.clock.now()) {
        Ok(certificate) => {
            tls.serve(certificate, house);
            tracing::info!("a new certificate was taken up");
            None
        }
        Err(cause) => {
            let cause = cause.to_string();
            if known.as_ref() != Some(&cause) {
                house.metrics.certificate_refused();
                tracing::warn!(%cause, "the new certificate was not taken up; the one before is still served");
            }
            Some(cause)
        }
    }
}

/// What tells one state of a file from another, links followed. Who may read it is a part of that.
#[derive(Debug, Clone, PartialEq, Eq)]
struct State {
    device: u64,
    inode: u64,
    mode: u32,
    bytes: u64,
    /// Seconds and nanoseconds: when what is in it changed, and when anything about it did.
    modified: (i64, i64),
    changed: (i64, i64),
}

/// Certificate and key as they were found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Look([Option<State>; 2]);

impl Look {
    pub(super) fn at(files: &Files) -> Self {
        let one = |path: &Path| {
            let found = std::fs::metadata(path).ok()?;
            Some(State {
                device: found.dev(),
                inode: found.ino(),
                mode: found.mode(),
                bytes: found.size(),
                modified: (found.mtime(), found.mtime_nsec()),
                changed: (found.ctime(), found.ctime_nsec()),
            })
        };
        Self([one(&files.certificate), one(&files.key)])
    }
}
