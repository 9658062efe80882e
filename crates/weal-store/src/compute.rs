//! Compute: privacy budgets, and what is reserved of them.

mod journal;

use sqlx::any::AnyRow;
use weal_domain::Timestamp;
use weal_domain::catalogue::ProductName;
use weal_domain::compute::{Account, Budget, Loss, Renewal};
use weal_domain::exchange::UseId;

use crate::tx::{get, get_text, get_time, get_u64, int, ms, sql};
use crate::{StoreError, Tx};

pub use journal::{ANSWER_KEPT_BYTES_MAX, ANSWERS_KEPT_MAX, AnswerKey, BUDGET_EVENTS_READ_MAX};

/// An account has less left than was asked of it: `budget.exhausted(asked)` is the refusal.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the budget of `{account}` does not cover this")]
pub struct Overdrawn {
    pub account: String,
    pub budget: Budget,
}

/// What is set aside for one use in one account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reservation {
    pub use_id: UseId,
    pub account: String,
    pub loss: Loss,
    pub at: Timestamp,
}

impl Tx {
    /// The budget of an account (`product:<name>`, `agreement:<id>`); nothing granted where there is no such account.
    pub async fn budget(&mut self, account: &str) -> Result<Budget, StoreError> {
        let query = sql("SELECT * FROM budget WHERE account = $1").bind(account.to_owned());
        let row = self.row(query).await?;
        row.as_ref().map_or_else(|| Ok(Budget::default()), budget)
    }

    /// Whether an account was ever granted anything, be it nothing: a zero that was granted is a decision.
    pub async fn has_budget(&mut self, account: &str) -> Result<bool, StoreError> {
        let query = sql("SELECT account FROM budget WHERE account = $1").bind(account.to_owned());
        Ok(self.row(query).await?.is_some())
    }

    /// Sets an account's limit: what may be spent at a time, beside what became available again. A limit below
    /// what counts against it already is set to that, so that nothing is left; the limit that now stands is
    /// returned.
    pub async fn grant(&mut self, account: &str, limit: Loss) -> Result<Loss, StoreError> {
        let now = self.budget(account).await?;
        let counted = now.counted();
        let limit = Loss {
            rho_nano: limit.rho_nano.max(counted.rho_nano),
            delta_femto: limit.delta_femto.max(counted.delta_femto),
        };
        let total = limit.checked_add(now.renewed).ok_or(StoreError::TooLarge { what: "loss" })?;
        let query = sql("INSERT INTO budget (account, product, granted_rho, granted_delta,
                 reserved_rho, reserved_delta, spent_rho, spent_delta) VALUES ($1, $4, $2, $3, 0, 0, 0, 0)
             ON CONFLICT (account) DO UPDATE
             SET granted_rho = excluded.granted_rho, granted_delta = excluded.granted_delta")
        .bind(account.to_owned())
        .bind(int(total.rho_nano, "loss")?)
        .bind(int(total.delta_femto, "loss")?)
        .bind(self.product_of(account).await?);
        self.run(query).await?;
        Ok(limit)
    }

    /// The product that an account is about; empty where it names none.
    async fn product_of(&mut self, account: &str) -> Result<String, StoreError> {
        Ok(match account.parse::<Account>() {
            Ok(Account::Product(product) | Account::Member(product, _) | Account::Analyst(product, ..)) => {
                product.to_string()
            }
            Ok(Account::Agreement(id)) => {
                let query = sql("SELECT product FROM agreement WHERE id = $1").bind(id.to_string());
                let row = self.row(query).await?;
                row.map(|row| get(&row, "product")).transpose()?.unwrap_or_default()
            }
            Err(_) => String::new(),
        })
    }

    /// All accounts of a product with what stands in them, by name.
    pub async fn budgets_of(&mut self, product: &ProductName) -> Result<Vec<(String, Budget)>, StoreError> {
        let query = sql("SELECT * FROM budget WHERE product = $1 ORDER BY account");
        let rows = self.rows(query.bind(product.to_string())).await?;
        rows.iter().map(|row| Ok((get(row, "account")?, budget(row)?))).collect()
    }

    /// Since when a product's next renewal is waited for.
    pub async fn renewed_at(&mut self, product: &ProductName) -> Result<Timestamp, StoreError> {
        let query = sql("SELECT renewed_ms FROM budget WHERE account = $1");
        let row = self.row(query.bind(Account::Product(product.clone()).to_string())).await?;
        row.map_or(Ok(Timestamp::UNIX_EPOCH), |row| get_time(&row, "renewed_ms"))
    }

    /// From `since` on a product's renewals are counted: its rule is another, or it has just been granted.
    pub async fn renew_from(&mut self, product: &ProductName, since: Timestamp) -> Result<(), StoreError> {
        let query = sql("UPDATE budget SET renewed_ms = $2 WHERE account = $1")
            .bind(Account::Product(product.clone()).to_string())
            .bind(ms(since));
        self.run(query).await.map(|_| ())
    }

    /// Makes available again what is due by `rule` at `now`, in every account of the product (`BU-3`). Answers
    /// what the product's own account gained by it.
    pub async fn renew(
        &mut self,
        product: &ProductName,
        rule: Renewal,
        now: Timestamp,
    ) -> Result<Loss, StoreError> {
        let (times, last) = rule.due(self.renewed_at(product).await?, now);
        if times == 0 {
            return Ok(Loss::ZERO);
        }
        let own = Account::Product(product.clone()).to_string();
        let mut gained = Loss::ZERO;
        for (account, before) in self.budgets_of(product).await? {
            let after = before.renew(times, rule.loss);
            if account == own {
                gained = after.renewed.saturating_sub(before.renewed);
            }
            let query = sql("UPDATE budget SET granted_rho = $2, granted_delta = $3,
                     renewed_rho = $4, renewed_delta = $5 WHERE account = $1")
            .bind(account)
            .bind(int(after.granted.rho_nano, "loss")?)
            .bind(int(after.granted.delta_femto, "loss")?)
            .bind(int(after.renewed.rho_nano, "loss")?)
            .bind(int(after.renewed.delta_femto, "loss")?);
            self.run(query).await?;
        }
        self.renew_from(product, last).await?;
        Ok(gained)
    }

    /// Every account there is, by name.
    pub async fn budget_accounts(&mut self) -> Result<Vec<String>, StoreError> {
        let rows = self.rows(sql("SELECT account FROM budget ORDER BY account")).await?;
        rows.iter().map(|row| get(row, "account")).collect()
    }

    /// Counts `loss` as spent without a reservation: it was spent before. What exceeds what is left here had been
    /// renewed meanwhile, and is counted as that too: nothing is left then.
    pub async fn spend(&mut self, account: &str, loss: Loss) -> Result<(), StoreError> {
        let renewed = loss.saturating_sub(self.budget(account).await?.left());
        let query = sql("UPDATE budget SET spent_rho = spent_rho + $2, spent_delta = spent_delta + $3,
                 granted_rho = granted_rho + $4, granted_delta = granted_delta + $5,
                 renewed_rho = renewed_rho + $4, renewed_delta = renewed_delta + $5
             WHERE account = $1")
        .bind(account.to_owned())
        .bind(int(loss.rho_nano, "loss")?)
        .bind(int(loss.delta_femto, "loss")?)
        .bind(int(renewed.rho_nano, "loss")?)
        .bind(int(renewed.delta_femto, "loss")?);
        self.run(query).await.map(|_| ())
    }

    /// Sets `cost` aside in every account, or in none: the inner error names the first that has too
    /// little left, and leaves the transaction usable (`BU-1`). Commit before any noise is drawn (`BU-2`).
    pub async fn reserve(
        &mut self,
        use_id: &UseId,
        accounts: &[&str],
        cost: Loss,
        at: Timestamp,
    ) -> Result<Result<(), Overdrawn>, StoreError> {
        for account in accounts {
            let budget = self.budget(account).await?;
            if !budget.has_room(cost) {
                return Ok(Err(Overdrawn { account: (*account).to_owned(), budget }));
            }
        }
        for account in accounts {
            let query = sql("UPDATE budget SET reserved_rho = reserved_rho + $2,
                     reserved_delta = reserved_delta + $3 WHERE account = $1")
            .bind((*account).to_owned())
            .bind(int(cost.rho_nano, "loss")?)
            .bind(int(cost.delta_femto, "loss")?);
            if self.run(query).await? == 0 {
                // A free use of an account that nobody granted anything.
                self.grant(account, Loss::default()).await?;
            }
            let query = sql("INSERT INTO reservation (use_id, account, rho, delta, at_ms, settled)
                 VALUES ($1, $2, $3, $4, $5, 0) ON CONFLICT (use_id, account) DO NOTHING")
            .bind(use_id.to_string())
            .bind((*account).to_owned())
            .bind(int(cost.rho_nano, "loss")?)
            .bind(int(cost.delta_femto, "loss")?)
            .bind(ms(at));
            if self.run(query).await? == 0 {
                return Err(self.refuse(StoreError::Conflict { what: "the reservation" }));
            }
        }
        Ok(Ok(()))
    }

    /// What was reserved for a use is spent now. Nothing happens where that was done before.
    pub async fn settle(&mut self, use_id: &UseId) -> Result<(), StoreError> {
        let query = sql("SELECT * FROM reservation WHERE use_id = $1 AND settled = 0 ORDER BY account");
        let rows = self.rows(query.bind(use_id.to_string())).await?;
        for reservation in rows.iter().map(reservation).collect::<Result<Vec<_>, _>>()? {
            self.settle_one(&reservation).await?;
        }
        Ok(())
    }

    /// Reservations whose answer may or may not have left, oldest first.
    pub async fn unsettled(&mut self) -> Result<Vec<Reservation>, StoreError> {
        let query = sql("SELECT * FROM reservation WHERE settled = 0 ORDER BY at_ms, use_id, account");
        self.rows(query).await?.iter().map(reservation).collect()
    }

    /// At start, after a crash: counts every open reservation as spent (`BU-2`), and says which they were.
    pub async fn settle_unsettled(&mut self) -> Result<Vec<Reservation>, StoreError> {
        let open = self.unsettled().await?;
        for reservation in &open {
            self.settle_one(reservation).await?;
        }
        Ok(open)
    }

    async fn settle_one(&mut self, reservation: &Reservation) -> Result<(), StoreError> {
        let query = sql("UPDATE budget SET reserved_rho = reserved_rho - $2, spent_rho = spent_rho + $2,
                 reserved_delta = reserved_delta - $3, spent_delta = spent_delta + $3 WHERE account = $1")
        .bind(reservation.account.clone())
        .bind(int(reservation.loss.rho_nano, "loss")?)
        .bind(int(reservation.loss.delta_femto, "loss")?);
        self.run(query).await?;
        let query = sql("UPDATE reservation SET settled = 1 WHERE use_id = $1 AND account = $2")
            .bind(reservation.use_id.to_string())
            .bind(reservation.account.clone());
        self.run(query).await.map(|_| ())
    }
}

fn budget(row: &AnyRow) -> Result<Budget, StoreError> {
    Ok(Budget {
        granted: loss(row, "granted_rho", "granted_delta")?,
        renewed: loss(row, "renewed_rho", "renewed_delta")?,
        reserved: loss(row, "reserved_rho", "reserved_delta")?,
        spent: loss(row, "spent_rho", "spent_delta")?,
    })
}

fn loss(row: &AnyRow, rho: &'static str, delta: &'static str) -> Result<Loss, StoreError> {
    Ok(Loss { rho_nano: get_u64(row, rho)?, delta_femto: get_u64(row, delta)? })
}

fn reservation(row: &AnyRow) -> Result<Reservation, StoreError> {
    Ok(Reservation {
        use_id: get_text(row, "use_id")?,
        account: get(row, "account")?,
        loss: loss(row, "rho", "delta")?,
        at: get_time(row, "at_ms")?,
    })
}
