//! A budget of privacy loss: granted, reserved, spent. Exact arithmetic; nothing here rounds.

use serde::{Deserialize, Serialize};

use super::Loss;
use crate::{Refusal, RefusalKind};

/// What stands in one [`super::Account`].
///
/// `BU-1`: spent plus reserved never exceeds granted, in either component, after any sequence of calls.
/// `BU-3`: what was spent only grows; a renewal grants more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Budget {
    /// In all, since the beginning: the limit and everything renewed.
    pub granted: Loss,
    /// The part of `granted` that became available again; never more than was spent.
    #[serde(default)]
    pub renewed: Loss,
    pub reserved: Loss,
    /// Since the beginning.
    pub spent: Loss,
}

impl Budget {
    #[must_use]
    pub fn granted(granted: Loss) -> Self {
        Self { granted, ..Self::default() }
    }

    /// What may be spent at a time: nothing of it is what became available again.
    #[must_use]
    pub fn limit(&self) -> Loss {
        self.granted.saturating_sub(self.renewed)
    }

    /// What counts against the limit now.
    #[must_use]
    pub fn counted(&self) -> Loss {
        self.reserved.saturating_add(self.spent).saturating_sub(self.renewed)
    }

    /// The same account under another limit: an agreement's, in a member's account.
    #[must_use]
    pub fn under(&self, limit: Loss) -> Budget {
        Budget { granted: limit.saturating_add(self.renewed), ..*self }
    }

    /// What can still be reserved.
    #[must_use]
    pub fn left(&self) -> Loss {
        self.granted.saturating_sub(self.reserved.saturating_add(self.spent))
    }

    /// Whether `loss` can be reserved now.
    #[must_use]
    pub fn has_room(&self, loss: Loss) -> bool {
        self.reserved
            .checked_add(self.spent)
            .and_then(|taken| taken.checked_add(loss))
            .is_some_and(|taken| taken.fits(self.granted))
    }

    /// Sets `loss` aside, before any noise is drawn (`BU-2`).
    pub fn reserve(&self, loss: Loss) -> Result<Budget, Refusal> {
        if !self.has_room(loss) {
            return Err(self.exhausted(loss));
        }
        Ok(Budget { reserved: self.reserved.saturating_add(loss), ..*self })
    }

    /// Turns a reservation into what was spent. `spent` is what the answer cost, at most what was
    /// reserved for it; what it did not cost is free again. A crash settles the whole reservation.
    ///
    /// Refused as `Conflict` when there is no such reservation or the cost is above it: that is a
    /// mistake of the caller, and the budget stays as it is.
    pub fn settle(&self, reserved: Loss, spent: Loss) -> Result<Budget, Refusal> {
        let mistake = |what: &str| Refusal::conflict("budget-settlement", what);
        if !spent.fits(reserved) {
            return Err(mistake("A question cannot cost more than was reserved for it."));
        }
        let rest = self
            .reserved
            .checked_sub(reserved)
            .ok_or_else(|| mistake("More was to be settled than is reserved."))?;
        let spent = self.spent.checked_add(spent).ok_or_else(|| mistake("The sum is beyond all budgets."))?;
        Ok(Budget { reserved: rest, spent, ..*self })
    }

    /// The refusal that says what was asked and what is left.
    #[must_use]
    pub fn exhausted(&self, asked: Loss) -> Refusal {
        let left = self.left();
        let reason = if left.is_zero() {
            format!("The privacy budget of {} is used up; nothing is left of it.", self.limit())
        } else {
            format!(
                "The question costs {asked}, and of the privacy budget of {} only {left} is left.",
                self.limit()
            )
        };
        let remedy = if left.is_zero() {
            "Ask the owner for a larger budget; answers you already have stay yours and cost nothing."
        } else {
            "Ask a cheaper question: fewer totals at once, or wider intervals (`weal ask --epsilon`, smaller)."
        };
        Refusal::new(RefusalKind::Exhausted, "budget-exhausted", reason).remedy(remedy)
    }

    /// How many questions of this price the rest would answer; `None` when the price is nothing.
    #[must_use]
    pub fn questions_left(&self, price: Loss) -> Option<u64> {
        let left = self.left();
        let by = |have: u64, cost: u64| have.checked_div(cost);
        match (by(left.rho_nano, price.rho_nano), by(left.delta_femto, price.delta_femto)) {
            (Some(rho), Some(delta)) => Some(rho.min(delta)),
            (one, other) => one.or(other),
        }
    }
}
