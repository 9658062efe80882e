//! Keeps what this node knows of the others fresh: their register and their catalogues.

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::house::House;

/// The shortest time between two looks.
const INTERVAL_S_MIN: u64 = 10;

pub(super) async fn run(house: Arc<House>, stopping: CancellationToken) {
    let interval = Duration::from_secs(house.config.network.crawl_interval_s.max(INTERVAL_S_MIN));
    let mut due = tokio::time::Instant::now() + interval;
    loop {
        let on_schedule = tokio::select! {
            () = stopping.cancelled() => return,
            () = house.wakers.crawler.notified() => false,
            () = tokio::time::sleep_until(due) => true,
        };
        if on_schedule {
            due = tokio::time::Instant::now() + interval;
            // The governing body may be down; what it last signed still holds.
            if let Err(cause) = house.refresh_register().await {
                tracing::info!(%cause, "the register could not be refreshed");
            }
        }
        match house.crawl().await {
            Ok(refreshed) => tracing::debug!(?refreshed, "catalogues were read"),
            Err(cause) => tracing::warn!(%cause, "catalogues could not be read"),
        }
    }
}
