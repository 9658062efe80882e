//! Compute: privacy budgets, and what is reserved of them.

use sqlx::any::AnyRow;
use weal_domain::Timestamp;
use weal_domain::compute::{Budget, Loss};
use weal_domain::exchange::UseId;

use crate::tx::{get, get_text, get_time, get_u64, int, ms, sql};
use crate::{StoreError, Tx};

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
        let Some(row) = self.row(query).await? else { return Ok(Budget::default()) };
        Ok(Budget {
            granted: loss(&row, "granted_rho", "granted_delta")?,
            reserved: loss(&row, "reserved_rho", "reserved_delta")?,
            spent: loss(&row, "spent_rho", "spent_delta")?,
        })
    }

    /// Whether an account was ever granted anything, be it nothing: a zero that was granted is a decision.
    pub async fn has_budget(&mut self, account: &str) -> Result<bool, StoreError> {
        let query = sql("SELECT account FROM budget WHERE account = $1").bind(account.to_owned());
        Ok(self.row(query).await?.is_some())
    }

    /// Sets an account's total. A total below what is already reserved and spent is set to that sum, so
    /// that nothing is left; the total that now stands is returned.
    pub async fn grant(&mut self, account: &str, total: Loss) -> Result<Loss, StoreError> {
        let now = self.budget(account).await?;
        let used = now.reserved.saturating_add(now.spent);
        let total = Loss {
            rho_nano: total.rho_nano.max(used.rho_nano),
            delta_femto: total.delta_femto.max(used.delta_femto),
        };
        let query = sql("INSERT INTO budget (account, granted_rho, granted_delta,
                 reserved_rho, reserved_delta, spent_rho, spent_delta) VALUES ($1, $2, $3, 0, 0, 0, 0)
             ON CONFLICT (account) DO UPDATE
             SET granted_rho = excluded.granted_rho, granted_delta = excluded.granted_delta")
        .bind(account.to_owned())
        .bind(int(total.rho_nano, "loss")?)
        .bind(int(total.delta_femto, "loss")?);
        self.run(query).await?;
        Ok(total)
    }

    /// Every account there is, by name.
    pub async fn budget_accounts(&mut self) -> Result<Vec<String>, StoreError> {
        let rows = self.rows(sql("SELECT account FROM budget ORDER BY account")).await?;
        rows.iter().map(|row| get(row, "account")).collect()
    }

    /// Counts `loss`, which must fit what is left, as spent without a reservation: it was spent before.
    pub async fn spend(&mut self, account: &str, loss: Loss) -> Result<(), StoreError> {
        let query = sql("UPDATE budget SET spent_rho = spent_rho + $2, spent_delta = spent_delta + $3
             WHERE account = $1")
        .bind(account.to_owned())
        .bind(int(loss.rho_nano, "loss")?)
        .bind(int(loss.delta_femto, "loss")?);
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
