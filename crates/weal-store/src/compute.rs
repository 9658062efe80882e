//! Compute: privacy budgets, what is reserved of them, and the answers that were paid for.

use serde::Serialize;
use serde::de::DeserializeOwned;
use sqlx::any::AnyRow;
use weal_domain::Timestamp;
use weal_domain::agreements::AgreementId;
use weal_domain::compute::{Budget, Loss};
use weal_domain::exchange::UseId;

use crate::tx::{BindBody, get, get_body, get_text, get_time, get_u64, int, ms, sql};
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

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BudgetEventKind {
    /// The account's total was set to this loss.
    Granted,
    Reserved,
    /// What was reserved is spent.
    Settled,
}

impl BudgetEventKind {
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            BudgetEventKind::Granted => "granted",
            BudgetEventKind::Reserved => "reserved",
            BudgetEventKind::Settled => "settled",
        }
    }
}

/// One line of an account's journal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BudgetEvent {
    pub use_id: Option<UseId>,
    pub account: String,
    pub loss: Loss,
    pub kind: BudgetEventKind,
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

    /// Sets an account's total. A total below what is already reserved and spent is set to that sum, so
    /// that nothing is left; the total that now stands is returned.
    pub async fn grant(&mut self, account: &str, total: Loss, at: Timestamp) -> Result<Loss, StoreError> {
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
        self.journal(None, account, total, BudgetEventKind::Granted, at).await?;
        Ok(total)
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
                self.grant(account, Loss::default(), at).await?;
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
            self.journal(Some(use_id), account, cost, BudgetEventKind::Reserved, at).await?;
        }
        Ok(Ok(()))
    }

    /// What was reserved for a use is spent now. Nothing happens where that was done before.
    pub async fn settle(&mut self, use_id: &UseId, at: Timestamp) -> Result<(), StoreError> {
        let query = sql("SELECT * FROM reservation WHERE use_id = $1 AND settled = 0 ORDER BY account");
        let rows = self.rows(query.bind(use_id.to_string())).await?;
        for reservation in rows.iter().map(reservation).collect::<Result<Vec<_>, _>>()? {
            self.settle_one(&reservation, at).await?;
        }
        Ok(())
    }

    /// Reservations whose answer may or may not have left, oldest first.
    pub async fn unsettled(&mut self) -> Result<Vec<Reservation>, StoreError> {
        let query = sql("SELECT * FROM reservation WHERE settled = 0 ORDER BY at_ms, use_id, account");
        self.rows(query).await?.iter().map(reservation).collect()
    }

    /// At start, after a crash: counts every open reservation as spent (`BU-2`), and says which they were.
    pub async fn settle_unsettled(&mut self, at: Timestamp) -> Result<Vec<Reservation>, StoreError> {
        let open = self.unsettled().await?;
        for reservation in &open {
            self.settle_one(reservation, at).await?;
        }
        Ok(open)
    }

    /// An account's journal, newest first.
    pub async fn budget_events(&mut self, account: &str, limit: u32) -> Result<Vec<BudgetEvent>, StoreError> {
        let query = sql("SELECT * FROM budget_event WHERE account = $1 ORDER BY number DESC LIMIT $2");
        let rows = self.rows(query.bind(account.to_owned()).bind(i64::from(limit))).await?;
        rows.iter().map(event).collect()
    }

    /// Keeps an answer, so that the same question of the same agreement is answered again for nothing.
    /// `question_sha256` covers everything the answer depends on (SQL, product version, loss).
    pub async fn put_answer<T: Serialize>(
        &mut self,
        agreement: &AgreementId,
        question_sha256: &str,
        answer: &T,
        at: Timestamp,
    ) -> Result<(), StoreError> {
        let query = sql("INSERT INTO answer (agreement, question_sha256, at_ms, v, body)
             VALUES ($1, $2, $3, $4, $5) ON CONFLICT (agreement, question_sha256) DO NOTHING")
        .bind(agreement.to_string())
        .bind(question_sha256.to_owned())
        .bind(ms(at))
        .bind_body(answer)?;
        self.run(query).await.map(|_| ())
    }

    pub async fn answer<T: DeserializeOwned>(
        &mut self,
        agreement: &AgreementId,
        question_sha256: &str,
    ) -> Result<Option<T>, StoreError> {
        let query = sql("SELECT v, body FROM answer WHERE agreement = $1 AND question_sha256 = $2")
            .bind(agreement.to_string())
            .bind(question_sha256.to_owned());
        self.row(query).await?.map(|row| get_body(&row, "answer")).transpose()
    }

    async fn settle_one(&mut self, reservation: &Reservation, at: Timestamp) -> Result<(), StoreError> {
        let query = sql("UPDATE budget SET reserved_rho = reserved_rho - $2, spent_rho = spent_rho + $2,
                 reserved_delta = reserved_delta - $3, spent_delta = spent_delta + $3 WHERE account = $1")
        .bind(reservation.account.clone())
        .bind(int(reservation.loss.rho_nano, "loss")?)
        .bind(int(reservation.loss.delta_femto, "loss")?);
        self.run(query).await?;
        let query = sql("UPDATE reservation SET settled = 1 WHERE use_id = $1 AND account = $2")
            .bind(reservation.use_id.to_string())
            .bind(reservation.account.clone());
        self.run(query).await?;
        let Reservation { use_id, account, loss, .. } = reservation;
        self.journal(Some(use_id), account, *loss, BudgetEventKind::Settled, at).await
    }

    async fn journal(
        &mut self,
        use_id: Option<&UseId>,
        account: &str,
        loss: Loss,
        kind: BudgetEventKind,
        at: Timestamp,
    ) -> Result<(), StoreError> {
        let number = self.next("budget_event").await?;
        let query = sql("INSERT INTO budget_event (number, use_id, account, rho, delta, kind, at_ms)
             VALUES ($1, $2, $3, $4, $5, $6, $7)")
        .bind(number)
        .bind(use_id.map(ToString::to_string))
        .bind(account.to_owned())
        .bind(int(loss.rho_nano, "loss")?)
        .bind(int(loss.delta_femto, "loss")?)
        .bind(kind.as_str())
        .bind(ms(at));
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

fn event(row: &AnyRow) -> Result<BudgetEvent, StoreError> {
    let use_id = match get::<Option<&str>>(row, "use_id")? {
        Some(text) => Some(text.parse().map_err(|_| StoreError::corrupt("budget_event.use_id"))?),
        None => None,
    };
    let kind = match get::<&str>(row, "kind")? {
        "granted" => BudgetEventKind::Granted,
        "reserved" => BudgetEventKind::Reserved,
        "settled" => BudgetEventKind::Settled,
        _ => return Err(StoreError::corrupt("budget_event.kind")),
    };
    Ok(BudgetEvent {
        use_id,
        account: get(row, "account")?,
        loss: loss(row, "rho", "delta")?,
        kind,
        at: get_time(row, "at_ms")?,
    })
}
