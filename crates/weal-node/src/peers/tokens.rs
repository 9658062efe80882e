//! Tokens already seen: none works twice, here, after a restart, or at another process of the same node.

use std::collections::HashMap;
use std::collections::hash_map::RandomState;
use std::hash::BuildHasher as _;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::oneshot;
use weal_domain::identity::Did;
use weal_domain::{Refusal, RefusalKind, Timestamp};
use weal_store::Store;
use weal_trust::token::{Claims, LEEWAY_S};

use super::caller::unauthenticated;
use crate::fault::{Error, Fault, Result};

/// Tokens remembered in memory; the store knows the others.
const RECENT_MAX: usize = 65_536;
/// Tokens written in one transaction.
const BATCH_MAX: usize = 256;
/// How often what has expired is taken out of the store.
const PURGE_EVERY_S: i64 = 60;

/// The tokens that peers have shown. Memory answers for what this process saw a moment ago. The store
/// answers for everything else, in one transaction for all requests that arrived while the last one was
/// being written.
#[derive(Debug, Clone, Default)]
pub struct TokenMemory(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    hasher: RandomState,
    /// By digest, until when the token would be accepted, in seconds.
    recent: Mutex<HashMap<u64, i64>>,
    arrived: Mutex<Vec<Arrived>>,
    /// Held by whoever writes; when the store was last purged, in seconds.
    writing: tokio::sync::Mutex<i64>,
}

#[derive(Debug)]
struct Arrived {
    issuer: Did,
    jti: String,
    until: Timestamp,
    answer: oneshot::Sender<Result<bool, Refusal>>,
}

fn replayed() -> Refusal {
    unauthenticated("token-replayed", "This token was already used.")
}

/// The last second in which a token is accepted.
fn until_s(claims: &Claims) -> i64 {
    claims.exp.saturating_add(LEEWAY_S)
}

impl TokenMemory {
    /// Refuses a token that this process has seen a moment ago. Costs no look at the store.
    pub fn check_recent(&self, issuer: &Did, claims: &Claims, now: Timestamp) -> Result<(), Refusal> {
        let digest = self.0.hasher.hash_one((issuer.as_str(), claims.jti.as_str()));
        let mut recent = self.0.recent.lock().unwrap_or_else(PoisonError::into_inner);
        if recent.len() >= RECENT_MAX {
            recent.retain(|_, until| *until >= now.as_second());
        }
        if recent.len() >= RECENT_MAX {
            recent.clear();
        }
        if recent.insert(digest, until_s(claims)).is_none() { Ok(()) } else { Err(replayed()) }
    }

    /// Remembers a token for good, or refuses it as replayed. It is on disk when this returns.
    pub async fn remember(&self, store: &Store, issuer: &Did, claims: &Claims, now: Timestamp) -> Result<()> {
        let unreadable = |cause| Fault::new("reading a token's end", cause);
        let until = Timestamp::from_second(until_s(claims)).map_err(unreadable)?;
        let (answer, heard) = oneshot::channel();
        let arrived = Arrived { issuer: issuer.clone(), jti: claims.jti.clone(), until, answer };
        self.0.arrived.lock().unwrap_or_else(PoisonError::into_inner).push(arrived);
        // A task of its own: a caller that hangs up must not take with it what is written for others.
        let (inner, store) = (Arc::clone(&self.0), store.clone());
        tokio::spawn(async move { inner.write_arrived(&store, now).await });
        let fresh = heard.await.map_err(|cause| Fault::new("remembering a token", cause))??;
        if fresh { Ok(()) } else { Err(replayed().into()) }
    }
}

impl Inner {
    /// Writes what has arrived; nothing, where another has written it meanwhile.
    async fn write_arrived(&self, store: &Store, now: Timestamp) {
        let mut purged_s = self.writing.lock().await;
        let mut batch = {
            let mut arrived = self.arrived.lock().unwrap_or_else(PoisonError::into_inner);
            let count = arrived.len().min(BATCH_MAX);
            arrived.drain(..count).collect::<Vec<Arrived>>()
        };
        if batch.is_empty() {
            return;
        }
        let purge = now.as_second().saturating_sub(*purged_s) >= PURGE_EVERY_S;
        let answers = match write(store, &batch, purge.then_some(now)).await {
            Ok(fresh) => fresh.into_iter().map(Ok).collect(),
            Err(cause) => vec![Err(unwritable(cause)); batch.len()],
        };
        if purge {
            *purged_s = now.as_second();
        }
        for (arrived, answer) in batch.drain(..).zip(answers) {
            // Whoever asked may have hung up.
            let _ = arrived.answer.send(answer);
        }
    }
}

async fn write(store: &Store, batch: &[Arrived], purge: Option<Timestamp>) -> Result<Vec<bool>> {
    let mut tx = store.write("identity.tokens").await?;
    let mut fresh = Vec::with_capacity(batch.len());
    for arrived in batch {
        fresh.push(tx.remember_jti(&arrived.issuer, &arrived.jti, arrived.until).await?);
    }
    if let Some(now) = purge {
        tx.purge_identity(now).await?;
    }
    tx.commit().await?;
    Ok(fresh)
}

/// A token that cannot be remembered is not accepted: it could come again.
fn unwritable(cause: Error) -> Refusal {
    match cause {
        Error::Refused(refusal) => refusal,
        Error::Fault(fault) => {
            tracing::error!(%fault, "tokens could not be remembered");
            Refusal::new(
                RefusalKind::Unavailable,
                "store-unavailable",
                "This node's database does not answer just now.",
            )
            .remedy("Nothing was lost. Try again in a minute.")
        }
    }
}
