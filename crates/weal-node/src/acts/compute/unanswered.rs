//! Paid questions that could not be answered: each may say one thing about the data that no budget counts, so
//! there are few of them.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use weal_domain::catalogue::ProductName;
use weal_domain::identity::Did;
use weal_domain::{Refusal, RefusalKind, Timestamp};

/// Paid questions of one consumer about one product that may fail within [`COUNTED_FOR`], and so the most that
/// are under way at once: more of them could fail together.
pub const UNANSWERED_MAX: usize = 3;
/// How long a failure counts.
pub const COUNTED_FOR: Duration = Duration::from_secs(60 * 60);

/// What every consumer has left to fail with. Kept by consumer and product: a new agreement gives nothing anew.
#[derive(Debug, Default)]
pub struct Unanswered {
    of: Mutex<HashMap<(Did, ProductName), Tried>>,
    given_back: Notify,
}

#[derive(Debug, Default)]
struct Tried {
    under_way: usize,
    /// When the failed ones began.
    failed: Vec<Timestamp>,
}

/// The right to one question that may fail. Dropped after it was charged and not answered, it counts as failed,
/// however that came about.
#[derive(Debug)]
pub struct Slot {
    all: Arc<Unanswered>,
    of: (Did, ProductName),
    began: Timestamp,
    is_owed: bool,
}

enum Taken {
    Slot(Slot),
    /// Too many failed.
    Spent,
    /// Some are under way; one may be given back.
    Later,
}

impl Unanswered {
    /// A slot for one question, before anything is charged for it. Waits for those under way, and no longer
    /// than `wait_max`.
    pub async fn slot(
        self: &Arc<Self>,
        consumer: &Did,
        product: &ProductName,
        now: Timestamp,
        wait_max: Duration,
    ) -> Result<Slot, Refusal> {
        let waited = tokio::time::timeout(wait_max, async {
            loop {
                let given_back = self.given_back.notified();
                tokio::pin!(given_back);
                // From here on nothing that is given back is missed.
                given_back.as_mut().enable();
                match self.take(consumer, product, now) {
                    Taken::Slot(slot) => return Ok(slot),
                    Taken::Spent => return Err(too_many_unanswered()),
                    Taken::Later => given_back.await,
                }
            }
        });
        waited.await.unwrap_or_else(|_| Err(too_many_under_way()))
    }

    fn take(self: &Arc<Self>, consumer: &Did, product: &ProductName, now: Timestamp) -> Taken {
        let of = (consumer.clone(), product.clone());
        let mut all = self.of.lock().unwrap_or_else(PoisonError::into_inner);
        let tried = all.entry(of.clone()).or_default();
        tried.failed.retain(|began| *began + COUNTED_FOR > now);
        if tried.failed.len() >= UNANSWERED_MAX {
            return Taken::Spent;
        }
        if tried.failed.len() + tried.under_way >= UNANSWERED_MAX {
            return Taken::Later;
        }
        tried.under_way += 1;
        Taken::Slot(Slot { all: Arc::clone(self), of, began: now, is_owed: false })
    }
}

impl Slot {
    /// The question is about to be paid for.
    pub fn charged(&mut self) {
        self.is_owed = true;
    }

    /// It has been answered, whatever the answer.
    pub fn answered(mut self) {
        self.is_owed = false;
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let mut all = self.all.of.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(tried) = all.get_mut(&self.of) {
            tried.under_way = tried.under_way.saturating_sub(1);
            if self.is_owed {
                tried.failed.push(self.began);
            } else if tried.under_way == 0 && tried.failed.is_empty() {
                all.remove(&self.of);
            }
        }
        drop(all);
        self.all.given_back.notify_waiters();
    }
}

fn too_many_unanswered() -> Refusal {
    Refusal::new(
        RefusalKind::Unavailable,
        "too-many-unanswered",
        format!(
            "{UNANSWERED_MAX} questions of yours about this product could not be answered within an hour, so no \
             more are taken."
        ),
    )
    .remedy("Nothing was charged. Ask the owner's operator to look into their log, and ask again in an hour.")
    .changed_by("the owner's operator")
}

fn too_many_under_way() -> Refusal {
    Refusal::new(
        RefusalKind::Unavailable,
        "too-many-under-way",
        format!("{UNANSWERED_MAX} questions of yours about this product are being answered already."),
    )
    .remedy("Nothing was charged. Ask again when they have been.")
}
