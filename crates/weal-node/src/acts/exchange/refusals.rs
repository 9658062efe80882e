//! Refused uses in the ledger: each by itself up to a limit in a minute, beyond it as a number, so that nobody
//! fills a ledger by asking for what is refused.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use weal_domain::agreements::{Agreement, AgreementId};
use weal_domain::catalogue::Mode;
use weal_domain::identity::Did;
use weal_domain::ledger::Fact;
use weal_domain::{Refusal, Timestamp};

use super::Using;
use crate::fault::{Error, Result};
use crate::house::House;
use crate::observe::Outcome;

/// Entries about refusals of one kind under one agreement in one minute.
pub const REFUSALS_PER_MINUTE_MAX: u64 = 20;
const MINUTE_S: i64 = 60;

/// Refusals of the minute that runs, by agreement and code. What a killed process had counted and not yet
/// sealed is lost with it, at most one minute's.
#[derive(Debug, Default)]
pub struct Refusals(Mutex<HashMap<(AgreementId, String), Counted>>);

#[derive(Debug)]
struct Counted {
    minute: i64,
    count: u64,
    peer: Did,
    mode: Mode,
}

impl Refusals {
    /// Counts one; how many there were in this minute, it included.
    fn count(&self, agreement: &Agreement, code: &str, minute: i64) -> u64 {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let new = || Counted { minute, count: 0, peer: agreement.peer().clone(), mode: agreement.mode };
        let counted = all.entry((agreement.id.clone(), code.to_owned())).or_insert_with(new);
        if counted.minute < minute && counted.count <= REFUSALS_PER_MINUTE_MAX {
            *counted = new();
        }
        counted.count += 1;
        counted.count
    }

    /// Forgets the minutes before `minute`; what was counted in them beyond the entries there are, as facts.
    fn take_before(&self, minute: i64) -> Vec<Fact> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let over = all.extract_if(|_, counted| counted.minute < minute);
        let beyond = over.filter(|(_, counted)| counted.count > REFUSALS_PER_MINUTE_MAX);
        let fact = |((agreement, code), counted): (_, Counted)| Fact::UsesRefused {
            agreement,
            peer: counted.peer,
            mode: counted.mode,
            code,
            count: counted.count - REFUSALS_PER_MINUTE_MAX,
        };
        beyond.map(fact).collect()
    }
}

fn minute_of(at: Timestamp) -> i64 {
    at.as_second().div_euclid(MINUTE_S)
}

impl House {
    /// A refused use is remembered too, without what was asked.
    pub(crate) async fn remember_refusal(&self, agreement: &Agreement, refusal: &Refusal) -> Result<()> {
        self.metrics.used(Outcome::Refused);
        let minute = minute_of(self.clock.now());
        if self.doors.refusals.count(agreement, &refusal.code, minute) > REFUSALS_PER_MINUTE_MAX {
            self.wakers.refusals.notify_one();
            return Ok(());
        }
        self.remember_alone(Fact::UseRefused {
            agreement: Some(agreement.id.clone()),
            peer: agreement.peer().clone(),
            mode: agreement.mode,
            code: refusal.code.clone(),
        })
        .await
    }

    /// Remembers a refusal of the gate on its way to the asker.
    pub(crate) async fn refused<T>(&self, using: &Using, outcome: Result<T>) -> Result<T> {
        if let Err(Error::Refused(refusal)) = &outcome {
            self.remember_refusal(&using.agreement, refusal).await?;
        }
        outcome
    }

    /// A use under an agreement that has ended is refused and remembered like any other.
    pub(crate) async fn still_in_force(&self, agreement: &Agreement) -> Result<()> {
        let Err(refusal) = agreement.in_force(self.clock.now()) else { return Ok(()) };
        self.remember_refusal(agreement, &refusal).await?;
        Err(refusal.into())
    }

    /// Seals the numbers of the minutes that are over, and with `all` of the one that runs.
    pub(crate) async fn seal_refusals(&self, all: bool) -> Result<()> {
        let minute = if all { i64::MAX } else { minute_of(self.clock.now()) };
        let facts = self.doors.refusals.take_before(minute);
        if facts.is_empty() {
            return Ok(());
        }
        let mut tx = self.store.write("exchange.refusals").await?;
        self.remember(&mut tx, &self.actor(None), facts).await?;
        tx.commit().await?;
        Ok(())
    }

    /// One fact that no other change belongs to.
    pub(crate) async fn remember_alone(&self, fact: Fact) -> Result<()> {
        let mut tx = self.store.write("exchange.fact").await?;
        self.remember(&mut tx, &self.actor(None), vec![fact]).await?;
        tx.commit().await?;
        Ok(())
    }
}
