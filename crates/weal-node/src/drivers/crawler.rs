//! Keeps what this node knows of the others fresh: their register and their catalogues. Each catalogue has its
//! own time: a node that fails is asked later and later, and one that is slow holds up nobody else's.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use weal_domain::identity::Did;

use crate::acts::catalogue::{ASKED_AT_ONCE, Due, INTERVAL_S_MIN};
use crate::fault::Error;
use crate::house::House;

/// Batches of own products, and of an index that is made again, before the driver looks at what else there is.
const INDEXED_AT_ONCE: usize = 5;
/// After a fault of the store.
const PAUSE: Duration = Duration::from_secs(5);

pub(super) async fn run(house: Arc<House>, stopping: CancellationToken) {
    let interval = Duration::from_secs(house.config.network.crawl_interval_s.max(INTERVAL_S_MIN));
    let mut register_due = tokio::time::Instant::now() + interval;
    let (mut looks, mut looked_at) = (JoinSet::new(), BTreeSet::new());
    let mut has_news = true;
    loop {
        let wait = match begin(&house, &mut has_news, &mut looks, &mut looked_at).await {
            Ok(wait) => wait.unwrap_or(interval),
            Err(cause) => {
                tracing::warn!(%cause, "catalogues could not be read");
                PAUSE
            }
        };
        let on_schedule = tokio::select! {
            () = stopping.cancelled() => return,
            () = house.wakers.crawler.notified() => {
                has_news = true;
                false
            }
            Some(ended) = looks.join_next() => {
                // A look that panicked has its member looked at again with the next of its looks.
                match ended {
                    Ok(did) => { looked_at.remove(&did); }
                    Err(_) => {
                        looked_at.clear();
                        tokio::time::sleep(PAUSE).await;
                    }
                }
                false
            }
            () = tokio::time::sleep(wait) => false,
            () = tokio::time::sleep_until(register_due) => true,
        };
        if on_schedule {
            register_due = tokio::time::Instant::now() + interval;
            // The governing body may be down; what it last signed still holds.
            if let Err(cause) = house.refresh_register().await {
                tracing::info!(%cause, "the register could not be refreshed");
            }
        }
    }
}

/// Begins every look that is due and has a place; how long until the next thing is. `None`: nothing is to come.
/// Before, the index is made whole, and after news of the register those who are gone are forgotten by it.
async fn begin(
    house: &Arc<House>,
    has_news: &mut bool,
    looks: &mut JoinSet<Did>,
    looked_at: &mut BTreeSet<Did>,
) -> crate::fault::Result<Option<Duration>> {
    if !house.index_own(INDEXED_AT_ONCE).await? || !house.index_again(INDEXED_AT_ONCE).await? {
        return Ok(Some(Duration::ZERO));
    }
    if std::mem::take(has_news)
        && let Err(cause) = house.forget_those_gone().await
    {
        tracing::warn!(%cause, "the catalogues of members that have left could not be removed");
    }
    let Due { members, next } = house.catalogues_due().await?;
    for member in members {
        if looks.len() >= ASKED_AT_ONCE || !looked_at.insert(member.did.clone()) {
            continue;
        }
        let house = Arc::clone(house);
        looks.spawn(async move {
            match house.look_at(&member).await {
                Ok(entries) => tracing::debug!(member = %member.did, entries, "a catalogue was read"),
                Err(cause) => {
                    tracing::info!(member = %member.did, %cause, "a catalogue could not be read");
                    // After a fault even the time of the next look may not have been kept.
                    if matches!(cause, Error::Fault(_)) {
                        tokio::time::sleep(PAUSE).await;
                    }
                }
            }
            member.did
        });
    }
    let ms = next.map(|next| next.as_millisecond().saturating_sub(house.clock.now().as_millisecond()));
    Ok(ms.map(|ms| Duration::from_millis(u64::try_from(ms).unwrap_or(0))))
}
