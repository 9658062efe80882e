//! Budgets as people read them.

use weal_domain::agreements::Side;
use weal_domain::catalogue::Mode;
use weal_domain::compute::{Budget, Loss};

use crate::acts::agreements::agreement_account;
use crate::acts::exchange::product_account;
use crate::api::BudgetShown;
use crate::fault::Result;
use crate::house::House;

/// The delta at which privacy loss is told as (epsilon, delta), where the budget itself grants less.
pub const TOLD_DELTA: f64 = 1e-6;
/// One part of delta in the unit that a loss counts.
const FEMTO: f64 = 1e-15;

impl House {
    /// Every account of this node: each product with a privacy policy and each agreement about it.
    pub async fn budgets(&self) -> Result<Vec<BudgetShown>> {
        let mut tx = self.store.read("compute.budgets").await?;
        let mut accounts = Vec::new();
        for stored in tx.products().await? {
            if let Some(policy) = &stored.product.privacy {
                accounts.push((product_account(&stored.product.name), policy.question_loss_default));
            }
        }
        let agreements = tx.agreements().await?;
        for agreement in agreements {
            if agreement.side == Side::Provider && agreement.mode == Mode::Statistics {
                let product = tx.product(&agreement.product).await?;
                let price = product
                    .and_then(|stored| stored.product.privacy)
                    .map(|policy| policy.question_loss_default);
                accounts.push((agreement_account(&agreement.id), price.unwrap_or_default()));
            }
        }
        let mut shown = Vec::with_capacity(accounts.len());
        for (account, price) in accounts {
            let budget = self.budget_in(&mut tx, &account).await?;
            shown.push(show(account, budget, Some(price)));
        }
        Ok(shown)
    }

    pub async fn budget_shown(&self, account: &str) -> Result<BudgetShown> {
        let found = self.budgets().await?.into_iter().find(|shown| shown.account == account);
        Ok(found.unwrap_or_else(|| show(account.to_owned(), Budget::default(), None)))
    }
}

/// A budget with its figures in (epsilon, delta) terms.
pub(super) fn show(account: String, budget: Budget, price: Option<Loss>) -> BudgetShown {
    let delta = told_delta(budget.granted);
    BudgetShown {
        account,
        granted: budget.granted,
        reserved: budget.reserved,
        spent: budget.spent,
        granted_epsilon: epsilon(budget.granted, delta),
        spent_epsilon: epsilon(budget.spent, delta),
        delta,
        questions_left: price.filter(|price| !price.is_zero()).and_then(|price| budget.questions_left(price)),
    }
}

/// A budget may grant more delta than is usually told; epsilon is then told at twice as much, for at less there
/// would be no number to tell.
fn told_delta(granted: Loss) -> f64 {
    TOLD_DELTA.max(2.0 * granted.delta_femto as f64 * FEMTO)
}

fn epsilon(loss: Loss, delta: f64) -> f64 {
    let loss = weal_privacy::Loss { rho_nano: loss.rho_nano, delta_femto: loss.delta_femto };
    // Only what exceeds its own budget has none, and budgets are never exceeded (`BU-1`).
    weal_privacy::accounting::epsilon_of(loss, delta).unwrap_or(f64::MAX)
}
