//! A clock that a test sets forward.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use weal_domain::Timestamp;
use weal_node::seams::Clock;

/// The machine's clock, ahead by as much as a test has turned it.
#[derive(Debug, Default)]
pub struct TurnedClock(AtomicI64);

impl TurnedClock {
    pub fn turn(&self, by: Duration) {
        self.0.fetch_add(i64::try_from(by.as_millis()).unwrap_or(i64::MAX), Ordering::SeqCst);
    }
}

impl Clock for TurnedClock {
    fn now(&self) -> Timestamp {
        let now = weal_node::seams::SystemClock.now();
        let ahead = now.as_millisecond().saturating_add(self.0.load(Ordering::SeqCst));
        Timestamp::from_millisecond(ahead).unwrap_or(now)
    }
}
