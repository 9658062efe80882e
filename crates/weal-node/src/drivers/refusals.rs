//! Seals how many uses were refused beyond what the ledger holds one by one, when their minute is over.

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::house::House;

const MINUTE: Duration = Duration::from_secs(60);

pub(super) async fn run(house: Arc<House>, stopping: CancellationToken) {
    loop {
        tokio::select! {
            () = stopping.cancelled() => {}
            () = house.wakers.refusals.notified() => {
                tokio::select! { () = stopping.cancelled() => {}, () = tokio::time::sleep(MINUTE) => {} }
            }
        }
        let ends = stopping.is_cancelled();
        if let Err(cause) = house.seal_refusals(ends).await {
            tracing::error!(%cause, "the number of refused uses could not be recorded");
        }
        if ends {
            return;
        }
    }
}
