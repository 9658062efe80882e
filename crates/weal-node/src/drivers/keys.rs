//! Sees to what follows when the next key of the node begins to sign.

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::house::House;

/// The driver looks again after this long even if nobody rang: clocks are set.
const IDLE: Duration = Duration::from_secs(3600);
/// How long it waits after a failure.
const AGAIN: Duration = Duration::from_secs(60);

pub(super) async fn run(house: Arc<House>, stopping: CancellationToken) {
    loop {
        let wait = match house.follow_keys().await {
            Ok(next) => next.unwrap_or(IDLE).min(IDLE),
            Err(cause) => {
                tracing::error!(%cause, "what follows from a new key could not be done");
                AGAIN
            }
        };
        tokio::select! {
            () = stopping.cancelled() => return,
            () = house.wakers.keys.notified() => {}
            () = tokio::time::sleep(wait) => {}
        }
    }
}
