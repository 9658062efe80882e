//! Budgets as people read them.

use weal_domain::Refusal;
use weal_domain::agreements::sentence::purpose_label;
use weal_domain::agreements::{Agreement, Side};
use weal_domain::catalogue::{Mode, PrivacyPolicy, Product, ProductName};
use weal_domain::compute::{Account, Budget, BudgetEvent, BudgetMove, BudgetRules, Loss};
use weal_domain::identity::{Act, Did, Person, fitting};
use weal_domain::ledger::Fact;
use weal_store::Tx;

use super::accounts::Standing;
use crate::acts::agreements::agreement_account;
use crate::acts::catalogue::product_unknown;
use crate::acts::exchange::product_account;
use crate::api::{BudgetShown, TypicalQuestion};
use crate::fault::{Error, Result};
use crate::house::House;

/// The delta at which privacy loss is told as (epsilon, delta), where the budget itself grants less.
pub const TOLD_DELTA: f64 = 1e-6;
/// One part of delta in the unit that a loss counts.
const FEMTO: f64 = 1e-15;
/// Letters of a pseudonym by which people tell analysts apart.
const PSEUDONYM_SHOWN_CHARS: usize = 8;

/// What the owner said of a budget: its size and its rules.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Granting {
    pub total: Loss,
    pub rules: BudgetRules,
    /// The rules until now.
    pub rules_before: BudgetRules,
}

impl Granting {
    /// From a policy to the one that follows it.
    pub(crate) fn of(policy: &PrivacyPolicy, before: Option<&PrivacyPolicy>) -> Self {
        Self {
            total: policy.budget,
            rules: policy.budget_rules,
            rules_before: before.map(|before| before.budget_rules).unwrap_or_default(),
        }
    }
}

impl House {
    /// Every account of this node that has a limit of its own: each product's with a privacy policy, each
    /// agreement's about it, and where the owner gave them shares the members' and analysts'.
    pub async fn budgets(&self) -> Result<Vec<BudgetShown>> {
        let mut tx = self.store.read("compute.budgets").await?;
        let products: Vec<Product> = tx.products().await?.into_iter().map(|stored| stored.product).collect();
        let agreements = tx.agreements().await?;
        drop(tx);
        let (mut shown, mut of_agreements) = (Vec::new(), Vec::new());
        for product in &products {
            if product.privacy.is_none() {
                continue;
            }
            let question = self.plain_question(product).await?;
            shown.extend(self.budgets_of(product, question.as_ref()).await?);
            let about = agreements.iter().filter(|one| is_private(one) && one.product == product.name);
            for agreement in about {
                of_agreements.push(self.shown(agreement, Some(product), question.clone()).await?);
            }
        }
        shown.extend(of_agreements);
        Ok(shown)
    }

    /// The accounts of a product and of those who have a share of it.
    async fn budgets_of(
        &self,
        product: &Product,
        question: Option<&TypicalQuestion>,
    ) -> Result<Vec<BudgetShown>> {
        let rules = product.privacy.as_ref().map(|policy| policy.budget_rules).unwrap_or_default();
        let mut tx = self.store.read("compute.shares").await?;
        let standing = Standing::of(self, &mut tx, &product.name, product.privacy.as_ref()).await?;
        let own = Account::Product(product.name.clone());
        let mut found = vec![(own.clone(), standing.budget(&mut tx, &own).await?)];
        for (account, budget) in tx.budgets_of(&product.name).await? {
            let Ok(account) = account.parse::<Account>() else { continue };
            let share = match &account {
                Account::Member(..) => rules.member,
                Account::Analyst(..) => rules.analyst,
                Account::Product(_) | Account::Agreement(_) => None,
            };
            if let Some(share) = share {
                found.push((account, standing.as_of_now(budget).under(share)));
            }
        }
        let shown = |(account, budget): (Account, Budget)| {
            let name = self.name_of(&account);
            BudgetShown {
                name,
                question: question.cloned(),
                ..show(account.to_string(), budget, price_of(product))
            }
        };
        Ok(found.into_iter().map(shown).collect())
    }

    async fn shown(
        &self,
        agreement: &Agreement,
        product: Option<&Product>,
        question: Option<TypicalQuestion>,
    ) -> Result<BudgetShown> {
        let mut tx = self.store.read("compute.budget").await?;
        let policy = product.and_then(|product| product.privacy.as_ref());
        let standing = Standing::of(self, &mut tx, &agreement.product, policy).await?;
        let budget = standing.of_agreement(&mut tx, agreement).await?;
        let title = self.ecosystem().title_of(&agreement.consumer);
        let name = format!("{}, {title}, {}", agreement.product, purpose_label(&agreement.purpose));
        let account = agreement_account(&agreement.id);
        Ok(BudgetShown { name, question, ..show(account, budget, product.and_then(price_of)) })
    }

    fn name_of(&self, account: &Account) -> String {
        let title = |member: &Did| self.ecosystem().title_of(member);
        match account {
            Account::Product(product) => format!("{product}, everybody's questions"),
            Account::Agreement(id) => id.to_string(),
            Account::Member(product, member) => format!("{product}, {}", title(member)),
            Account::Analyst(product, member, person) => {
                let person: String = person.chars().take(PSEUDONYM_SHOWN_CHARS).collect();
                format!("{product}, {}, analyst {person}", title(member))
            }
        }
    }

    /// Sets what all questions about an own product together may cost, never less than is spent already, and
    /// where they are given the rules that go with it.
    pub async fn grant_budget(
        &self,
        by: &Person,
        name: &ProductName,
        total: Loss,
        rules: Option<BudgetRules>,
    ) -> Result<BudgetShown> {
        self.require_act(by, Act::GrantBudget)?;
        let mut tx = self.store.write("compute.grant").await?;
        let mut stored = tx.product(name).await?.ok_or_else(product_unknown)?;
        let policy = stored.product.privacy.as_mut().ok_or_else(|| {
            Refusal::conflict("budget-needless", "This product protects no subjects, so it has no budget.")
                .remedy("Publish it with --subject where it is about persons.")
        })?;
        let before = policy.clone();
        policy.budget = total;
        if let Some(rules) = rules {
            rules.check()?;
            policy.budget_rules = rules;
        }
        let granting = Granting::of(policy, Some(&before));
        tx.put_product(&stored).await?;
        self.grant_in(&mut tx, by, name, granting).await?;
        tx.commit().await?;
        self.budget_shown(&product_account(name)).await
    }

    /// Grants a product its budget and remembers it, where it changes. What is granted already is raised by
    /// nobody but who may do just that: the account outlives the versions of its product.
    pub(crate) async fn grant_in(
        &self,
        tx: &mut Tx,
        by: &Person,
        name: &ProductName,
        granting: Granting,
    ) -> Result<()> {
        let Granting { total, rules, rules_before } = granting;
        let (account, now) = (product_account(name), self.clock.now());
        let before = tx.budget(&account).await?.limit();
        let stands = tx.has_budget(&account).await?;
        let is_raised = !total.fits(before) || !rules.are_within(&rules_before);
        let role = match stands {
            false => fitting(&by.roles, Act::Publish),
            true if is_raised => match self.require_act(by, Act::GrantBudget) {
                Ok(role) => Some(role),
                Err(_) => return Err(raised(name, before, &rules_before).into()),
            },
            true => fitting(&by.roles, Act::GrantBudget).or(fitting(&by.roles, Act::Publish)),
        };
        let is_other_rule = rules.renewal != rules_before.renewal;
        if let Some(rule) = rules_before.renewal.filter(|_| stands && is_other_rule) {
            // What was due until now was due under the rule until now.
            self.renew_in(tx, name, rule).await?;
        }
        let granted = tx.grant(&account, total).await?;
        if !stands || is_other_rule {
            tx.renew_from(name, now).await?;
        } else if granted == before && rules == rules_before {
            return Ok(());
        }
        let before = stands.then_some(before);
        let fact = Fact::BudgetGranted { product: name.clone(), loss: granted, before, rules };
        self.remember(tx, &self.actor(role.map(|role| (by, role))), vec![fact]).await?;
        tx.put_budget_event(name, BudgetMove::Granted { loss: granted, rules }, now).await?;
        Ok(())
    }

    /// One account.
    pub async fn budget_shown(&self, account: &str) -> Result<BudgetShown> {
        let unknown = |_| Error::from(Refusal::not_found("account-unknown", "There is no such account."));
        let account: Account = account.parse().map_err(unknown)?;
        let mut tx = self.store.read("compute.budget").await?;
        let agreement = match &account {
            Account::Agreement(id) => tx.agreement(id).await?,
            _ => None,
        };
        let name = match (&account, &agreement) {
            (Account::Product(name) | Account::Member(name, _) | Account::Analyst(name, ..), _) => Some(name),
            (Account::Agreement(_), Some(agreement)) => Some(&agreement.product),
            (Account::Agreement(_), None) => None,
        };
        let stored = match name {
            Some(name) => tx.product(name).await?,
            None => None,
        };
        let product = stored.map(|stored| stored.product);
        let policy = product.as_ref().and_then(|product| product.privacy.as_ref());
        if let Some(agreement) = &agreement {
            drop(tx);
            return self.shown(agreement, product.as_ref(), None).await;
        }
        let budget = match name {
            Some(name) => {
                let standing = Standing::of(self, &mut tx, name, policy).await?;
                standing.budget(&mut tx, &account).await?
            }
            None => Budget::default(),
        };
        drop(tx);
        let question = match &product {
            Some(product) => self.plain_question(product).await?,
            None => None,
        };
        let price = product.as_ref().and_then(price_of);
        Ok(BudgetShown { name: self.name_of(&account), question, ..show(account.to_string(), budget, price) })
    }

    /// What happened to budgets, oldest first, after a number.
    pub async fn budget_events(
        &self,
        by: &Person,
        product: Option<&ProductName>,
        after: u64,
        limit: u32,
    ) -> Result<Vec<BudgetEvent>> {
        self.require_act(by, Act::ReadLedger)?;
        Ok(self.store.read("compute.events").await?.budget_events(product, after, limit).await?)
    }
}

fn is_private(agreement: &Agreement) -> bool {
    agreement.side == Side::Provider && agreement.mode == Mode::Statistics
}

fn price_of(product: &Product) -> Option<Loss> {
    product.privacy.as_ref().map(|policy| policy.question_loss_default)
}

fn raised(name: &ProductName, before: Loss, rules: &BudgetRules) -> Refusal {
    let rules: String = rules.in_words().into_iter().map(|sentence| format!(" {sentence}")).collect();
    Refusal::forbidden(
        "budget-raised",
        format!("The privacy budget of {name} is {before}, and this would let more be spent.{rules}"),
    )
    .remedy(format!(
        "Publish it with at most that; who may raise it does so with `weal budget grant {name}`."
    ))
    .changed_by("the data protection officer of this node")
}

/// A budget with its figures in (epsilon, delta) terms.
pub(super) fn show(account: String, budget: Budget, price: Option<Loss>) -> BudgetShown {
    let delta = told_delta(budget.granted);
    let price = price.filter(|price| !price.is_zero());
    BudgetShown {
        name: account.clone(),
        account,
        granted: budget.granted,
        renewed: budget.renewed,
        reserved: budget.reserved,
        spent: budget.spent,
        left: budget.left(),
        granted_epsilon: epsilon(budget.limit(), delta),
        spent_epsilon: epsilon(budget.spent, delta),
        delta,
        questions_left: price.and_then(|price| budget.questions_left(price)),
        question_loss: price,
        question: None,
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
