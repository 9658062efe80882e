//! The accounts that questions are paid from: of the product, of the agreement, of its member and of the analyst.

use weal_domain::agreements::Agreement;
use weal_domain::catalogue::{PrivacyPolicy, ProductName};
use weal_domain::compute::{Account, Budget, BudgetMove, Charge, Loss, Renewal};
use weal_domain::exchange::{Budgets, Grant};
use weal_domain::identity::Did;
use weal_domain::ledger::Fact;
use weal_store::Tx;

use crate::acts::exchange::Using;
use crate::fault::Result;
use crate::house::House;

/// The budgets of one product as they stand now, what is due for renewal included.
#[derive(Debug)]
pub(crate) struct Standing {
    due: Option<(u64, Loss)>,
}

impl Standing {
    pub(crate) async fn of(
        house: &House,
        tx: &mut Tx,
        product: &ProductName,
        policy: Option<&PrivacyPolicy>,
    ) -> Result<Self> {
        let due = match policy.and_then(|policy| policy.budget_rules.renewal) {
            Some(rule) => {
                let (times, _) = rule.due(tx.renewed_at(product).await?, house.clock.now());
                Some((times, rule.loss))
            }
            None => None,
        };
        Ok(Self { due })
    }

    pub(crate) async fn budget(&self, tx: &mut Tx, account: &Account) -> Result<Budget> {
        let budget = tx.budget(&account.to_string()).await?;
        Ok(self.as_of_now(budget))
    }

    pub(crate) fn as_of_now(&self, budget: Budget) -> Budget {
        self.due.map_or(budget, |(times, loss)| budget.renew(times, loss))
    }

    /// An agreement's budget: what its terms allow its member, who may have asked under others too (`BU-3`).
    pub(crate) async fn of_agreement(&self, tx: &mut Tx, agreement: &Agreement) -> Result<Budget> {
        let own = self.budget(tx, &Account::Agreement(agreement.id.clone())).await?;
        let Some(limit) = agreement.terms.budget else { return Ok(own) };
        let member = Account::Member(agreement.product.clone(), agreement.consumer.clone());
        let shared = self.budget(tx, &member).await?.under(limit);
        // Its own account may have been closed by itself.
        let more = own.counted().saturating_sub(shared.counted());
        Ok(Budget { spent: shared.spent.saturating_add(more), ..shared })
    }
}

impl House {
    /// What the gate looks at, as it stands now.
    pub(crate) async fn budgets_for(&self, tx: &mut Tx, using: &Using) -> Result<Budgets> {
        let product = &using.product;
        let standing = Standing::of(self, tx, &product.name, product.privacy.as_ref()).await?;
        let rules = product.privacy.as_ref().map(|policy| policy.budget_rules).unwrap_or_default();
        let asking = &using.asking;
        let whole = standing.budget(tx, &Account::Product(product.name.clone())).await?;
        let member = standing.budget(tx, &member_account(&product.name, &asking.consumer)).await?;
        let analyst = analyst_account(&product.name, &asking.consumer, &asking.person);
        let analyst = standing.budget(tx, &analyst).await?;
        let agreement = match using.agreement.terms.budget {
            Some(_) => Some(standing.of_agreement(tx, &using.agreement).await?),
            None => None,
        };
        Ok(Budgets {
            product: Some(whole),
            agreement,
            member: rules.member.map(|share| member.under(share)),
            analyst: rules.analyst.map(|share| analyst.under(share)),
        })
    }

    /// What is left for a question under this agreement: the least that any of its accounts has.
    pub(super) async fn left_for(&self, tx: &mut Tx, using: &Using) -> Result<Loss> {
        let Budgets { product, agreement, member, analyst } = self.budgets_for(tx, using).await?;
        let all = [product, agreement, member, analyst].into_iter().flatten();
        let most = Loss { rho_nano: u64::MAX, delta_femto: u64::MAX };
        Ok(all.fold(most, |left, budget| left.min(budget.left())))
    }

    /// Before a question is paid for: what is due is renewed, and the accounts of the member and the analyst stand
    /// at their shares. Where the owner set none they are kept all the same, so that a share set later counts
    /// what was spent before.
    pub(super) async fn ready_accounts(&self, tx: &mut Tx, using: &Using) -> Result<Vec<Account>> {
        let (name, asking) = (&using.product.name, &using.asking);
        let rules = using.product.privacy.as_ref().map(|policy| policy.budget_rules).unwrap_or_default();
        if let Some(rule) = rules.renewal {
            self.renew_in(tx, name, rule).await?;
        }
        let product = Account::Product(name.clone());
        let whole = tx.budget(&product.to_string()).await?.granted;
        let member = member_account(name, &asking.consumer);
        tx.grant(&member.to_string(), rules.member.unwrap_or(whole)).await?;
        let analyst = analyst_account(name, &asking.consumer, &asking.person);
        tx.grant(&analyst.to_string(), rules.analyst.unwrap_or(whole)).await?;
        let agreement = using.agreement.terms.budget.map(|_| Account::Agreement(using.agreement.id.clone()));
        Ok([Some(product), agreement, Some(member), Some(analyst)].into_iter().flatten().collect())
    }

    /// Makes available again what is due, and remembers it.
    pub(super) async fn renew_in(&self, tx: &mut Tx, name: &ProductName, rule: Renewal) -> Result<()> {
        let now = self.clock.now();
        let loss = tx.renew(name, rule, now).await?;
        if loss.is_zero() {
            return Ok(());
        }
        let spent = tx.budget(&Account::Product(name.clone()).to_string()).await?.spent;
        let fact = Fact::BudgetRenewed { product: name.clone(), loss, spent };
        self.remember(tx, &self.actor(None), vec![fact]).await?;
        tx.put_budget_event(name, BudgetMove::Renewed { loss }, now).await?;
        Ok(())
    }
}

/// Whose question is charged, for the ledger and for accountants.
pub(super) fn charge_of(using: &Using, grant: &Grant) -> Charge {
    Charge {
        version: using.product.version,
        use_id: grant.use_id.clone(),
        agreement: using.agreement.id.clone(),
        member: using.asking.consumer.clone(),
        person: using.asking.person.clone(),
        question_sha256: using.question_sha256.clone(),
    }
}

fn member_account(product: &ProductName, member: &Did) -> Account {
    Account::Member(product.clone(), member.clone())
}

fn analyst_account(product: &ProductName, member: &Did, person: &str) -> Account {
    Account::Analyst(product.clone(), member.clone(), person.to_owned())
}
