//! What an owner fixes about a budget beside its size: shares of members and analysts, and renewal.

use serde::{Deserialize, Serialize};

use super::{Budget, Loss};
use crate::words::count;
use crate::{Refusal, Timestamp};

/// The longest time between two renewals.
pub const RENEWAL_DAYS_MAX: u32 = 36_500;
const DAY_MS: i64 = 24 * 60 * 60 * 1_000;

/// All of it optional: without a rule one member may spend the whole budget, and what is spent stays spent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub struct BudgetRules {
    /// What one member may spend under all its agreements about the product together.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub member: Option<Loss>,
    /// What one person or program of a member may spend.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub analyst: Option<Loss>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub renewal: Option<Renewal>,
}

/// Every so many days this much of what was spent becomes available again, in every account of the product. What
/// was spent stays spent: a renewal grants more, it makes nothing undone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Renewal {
    pub every_days: u32,
    pub loss: Loss,
}

impl BudgetRules {
    #[must_use]
    pub fn are_none(&self) -> bool {
        *self == Self::default()
    }

    /// Refuses rules that could not be kept.
    pub fn check(&self) -> Result<(), Refusal> {
        if let Some(renewal) = self.renewal
            && (renewal.every_days == 0 || renewal.every_days > RENEWAL_DAYS_MAX || renewal.loss.is_zero())
        {
            return Err(Refusal::invalid(
                "renewal",
                format!("A budget is renewed every 1 to {RENEWAL_DAYS_MAX} days, and by something."),
            )
            .remedy("Leave the renewal out where nothing is to become available again."));
        }
        if [self.member, self.analyst].into_iter().flatten().any(Loss::is_zero) {
            return Err(Refusal::invalid("share", "A share of nothing would answer no question.")
                .remedy("Leave it out, or offer the product on no private rung."));
        }
        Ok(())
    }

    /// Whether nobody may spend more by these rules than by `before`.
    #[must_use]
    pub fn are_within(&self, before: &BudgetRules) -> bool {
        let share = |now: Option<Loss>, before: Option<Loss>| {
            before.is_none_or(|before| now.is_some_and(|now| now.fits(before)))
        };
        share(self.member, before.member)
            && share(self.analyst, before.analyst)
            && self.renewal.is_none_or(|renewal| renewal.is_within(before.renewal))
    }

    /// A sentence for each rule that there is.
    #[must_use]
    pub fn in_words(&self) -> Vec<String> {
        let mut said = Vec::new();
        if let Some(share) = self.member {
            said.push(format!("One member may spend {share} of the product's privacy budget."));
        }
        if let Some(share) = self.analyst {
            said.push(format!("One analyst may spend {share} of the product's privacy budget."));
        }
        if let Some(Renewal { every_days, loss }) = self.renewal {
            let days = count(u64::from(every_days), "day", "days");
            said.push(format!("Every {days} up to {loss} of what was spent becomes available again."));
        }
        said
    }
}

impl Renewal {
    /// How many renewals are due at `now` where the last was at `since`, and when the last of them was due.
    #[must_use]
    pub fn due(self, since: Timestamp, now: Timestamp) -> (u64, Timestamp) {
        let every_ms = i64::from(self.every_days.max(1)) * DAY_MS;
        let passed_ms = now.as_millisecond().saturating_sub(since.as_millisecond()).max(0);
        let times = passed_ms / every_ms;
        let last = since.as_millisecond().saturating_add(times.saturating_mul(every_ms));
        let last = Timestamp::from_millisecond(last).unwrap_or(now);
        (u64::try_from(times).unwrap_or_default(), last)
    }

    /// Whether this gives back at least as fast as `other`, in every component.
    #[must_use]
    pub fn is_within(self, other: Option<Renewal>) -> bool {
        other.is_some_and(|other| self.every_days >= other.every_days && self.loss.fits(other.loss))
    }
}

impl Budget {
    /// The budget after so many renewals of `loss`. What was never spent cannot become available again, so nothing
    /// gathers beyond what was granted at first.
    #[must_use]
    pub fn renew(&self, times: u64, loss: Loss) -> Budget {
        let more = |renewed: u64, loss: u64, spent: u64| {
            renewed.max(renewed.saturating_add(loss.saturating_mul(times)).min(spent))
        };
        let renewed = Loss {
            rho_nano: more(self.renewed.rho_nano, loss.rho_nano, self.spent.rho_nano),
            delta_femto: more(self.renewed.delta_femto, loss.delta_femto, self.spent.delta_femto),
        };
        let gained = renewed.saturating_sub(self.renewed);
        // Granted in all may not be more than can be counted.
        match self.granted.checked_add(gained) {
            Some(granted) => Budget { granted, renewed, ..*self },
            None => *self,
        }
    }
}
