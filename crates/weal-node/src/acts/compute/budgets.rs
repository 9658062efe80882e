//! Budgets as people read them.

use weal_domain::Refusal;
use weal_domain::agreements::Side;
use weal_domain::catalogue::{Mode, ProductName};
use weal_domain::compute::{Budget, Loss};
use weal_domain::identity::{Act, Person, fitting};
use weal_domain::ledger::Fact;
use weal_store::Tx;

use crate::acts::agreements::agreement_account;
use crate::acts::catalogue::product_unknown;
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

    /// Sets what all questions about an own product together may cost: never less than is spent already.
    pub async fn grant_budget(&self, by: &Person, name: &ProductName, total: Loss) -> Result<BudgetShown> {
        self.require_act(by, Act::GrantBudget)?;
        let mut tx = self.store.write("compute.grant").await?;
        let mut stored = tx.product(name).await?.ok_or_else(product_unknown)?;
        let policy = stored.product.privacy.as_mut().ok_or_else(|| {
            Refusal::conflict("budget-needless", "This product protects no subjects, so it has no budget.")
                .remedy("Publish it with --subject where it is about persons.")
        })?;
        policy.budget = total;
        let price = policy.question_loss_default;
        tx.put_product(&stored).await?;
        self.grant_in(&mut tx, by, name, total).await?;
        let account = product_account(name);
        let budget = self.budget_in(&mut tx, &account).await?;
        tx.commit().await?;
        Ok(show(account, budget, Some(price)))
    }

    /// Grants a product its budget and remembers it, where it changes. What is granted already is raised by
    /// nobody but who may do just that: the account outlives the versions of its product.
    pub(crate) async fn grant_in(
        &self,
        tx: &mut Tx,
        by: &Person,
        name: &ProductName,
        total: Loss,
    ) -> Result<()> {
        let account = product_account(name);
        let before = tx.budget(&account).await?.granted;
        let is_raised = total.rho_nano > before.rho_nano || total.delta_femto > before.delta_femto;
        let stands = tx.has_budget(&account).await?;
        let role = match stands {
            false => fitting(&by.roles, Act::Publish),
            true if is_raised => match self.require_act(by, Act::GrantBudget) {
                Ok(role) => Some(role),
                Err(_) => return Err(raised(name, before).into()),
            },
            true => fitting(&by.roles, Act::GrantBudget).or(fitting(&by.roles, Act::Publish)),
        };
        let granted = tx.grant(&account, total).await?;
        if stands && granted == before {
            return Ok(());
        }
        let before = stands.then_some(before);
        let fact = Fact::BudgetGranted { product: name.clone(), loss: granted, before };
        self.remember(tx, &self.actor(role.map(|role| (by, role))), vec![fact]).await?;
        Ok(())
    }

    /// One account.
    pub async fn budget_shown(&self, account: &str) -> Result<BudgetShown> {
        let mut tx = self.store.read("compute.budget").await?;
        let product: Option<ProductName> = match account.split_once(':') {
            Some(("product", name)) => name.parse().ok(),
            Some(("agreement", id)) => match id.parse() {
                Ok(id) => tx.agreement(&id).await?.map(|agreement| agreement.product),
                Err(_) => None,
            },
            _ => None,
        };
        let stored = match product {
            Some(name) => tx.product(&name).await?,
            None => None,
        };
        let price =
            stored.and_then(|stored| stored.product.privacy).map(|policy| policy.question_loss_default);
        let budget = self.budget_in(&mut tx, account).await?;
        Ok(show(account.to_owned(), budget, price))
    }
}

fn raised(name: &ProductName, before: Loss) -> Refusal {
    Refusal::forbidden(
        "budget-raised",
        format!("The privacy budget of {name} is {before}, and this is more."),
    )
    .remedy(format!(
        "Publish it with at most that; who may raise it does so with `weal budget grant {name}`."
    ))
    .changed_by("the data protection officer of this node")
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
