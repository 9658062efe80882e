//! What is kept of a budget beside its sums: every event, and the answers that were paid for.

use weal_domain::Timestamp;
use weal_domain::agreements::AgreementId;
use weal_domain::catalogue::ProductName;
use weal_domain::compute::{BUDGET_EVENT_VERSION, BudgetEvent, BudgetMove, Loss};

use crate::tx::{BindBody as _, get, get_body, int, sql};
use crate::{StoreError, Tx};

/// Events read at once.
pub const BUDGET_EVENTS_READ_MAX: u32 = 1_000;
/// Answers kept of one agreement; of more the oldest go.
pub const ANSWERS_KEPT_MAX: i64 = 1_000;
/// The longest answer that is kept, in bytes of its text.
pub const ANSWER_KEPT_BYTES_MAX: usize = 4 * 1024 * 1024;

/// What makes two questions the same one: answered once, both are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AnswerKey {
    pub agreement: AgreementId,
    /// Of the product.
    pub version: u32,
    /// Digest of the question's text, as far as it matters.
    pub question_sha256: String,
    pub loss: Loss,
}

impl Tx {
    /// Remembers what happened to a product's budget, in the transaction in which it happens.
    pub async fn put_budget_event(
        &mut self,
        product: &ProductName,
        what: BudgetMove,
        at: Timestamp,
    ) -> Result<BudgetEvent, StoreError> {
        let next = self.next("budget_event").await?;
        let number = u64::try_from(next).map_err(|_| StoreError::corrupt("counter"))?;
        let event = BudgetEvent { v: BUDGET_EVENT_VERSION, number, at, product: product.clone(), what };
        let query = sql("INSERT INTO budget_event (number, product, v, body) VALUES ($1, $2, $3, $4)")
            .bind(next)
            .bind(product.to_string())
            .bind_body(&event)?;
        self.run(query).await?;
        Ok(event)
    }

    /// Events after a number, oldest first, of one product or of all.
    pub async fn budget_events(
        &mut self,
        product: Option<&ProductName>,
        after: u64,
        limit: u32,
    ) -> Result<Vec<BudgetEvent>, StoreError> {
        let query = match product {
            Some(product) => sql("SELECT * FROM budget_event WHERE product = $3 AND number > $1
                 ORDER BY number LIMIT $2")
            .bind(int(after, "the number")?)
            .bind(i64::from(limit.min(BUDGET_EVENTS_READ_MAX)))
            .bind(product.to_string()),
            None => sql("SELECT * FROM budget_event WHERE number > $1 ORDER BY number LIMIT $2")
                .bind(int(after, "the number")?)
                .bind(i64::from(limit.min(BUDGET_EVENTS_READ_MAX))),
        };
        self.rows(query).await?.iter().map(|row| get_body(row, "a budget's event")).collect()
    }

    /// The text of the answer that was given to this question before.
    pub async fn kept_answer(&mut self, key: &AnswerKey) -> Result<Option<String>, StoreError> {
        let query = sql("SELECT answer FROM kept_answer WHERE agreement = $1 AND question = $2
             AND version = $3 AND rho = $4 AND delta = $5 ORDER BY number LIMIT 1")
        .bind(key.agreement.to_string())
        .bind(key.question_sha256.clone())
        .bind(i64::from(key.version))
        .bind(int(key.loss.rho_nano, "loss")?)
        .bind(int(key.loss.delta_femto, "loss")?);
        self.row(query).await?.map(|row| get(&row, "answer")).transpose()
    }

    /// Whether an answer to this question is kept; its text may be long and is not read.
    pub async fn is_answer_kept(&mut self, key: &AnswerKey) -> Result<bool, StoreError> {
        let query = sql("SELECT number FROM kept_answer WHERE agreement = $1 AND question = $2
             AND version = $3 AND rho = $4 AND delta = $5 LIMIT 1")
        .bind(key.agreement.to_string())
        .bind(key.question_sha256.clone())
        .bind(i64::from(key.version))
        .bind(int(key.loss.rho_nano, "loss")?)
        .bind(int(key.loss.delta_femto, "loss")?);
        Ok(self.row(query).await?.is_some())
    }

    /// Keeps an answer to be given again, where it is not too long. Those of former versions go, and the oldest
    /// where there are too many.
    pub async fn keep_answer(&mut self, key: &AnswerKey, answer: &str) -> Result<(), StoreError> {
        if answer.len() > ANSWER_KEPT_BYTES_MAX {
            return Ok(());
        }
        let number = self.next("kept_answer").await?;
        let query = sql("INSERT INTO kept_answer (number, agreement, version, question, rho, delta, answer)
             VALUES ($1, $2, $3, $4, $5, $6, $7)")
        .bind(number)
        .bind(key.agreement.to_string())
        .bind(i64::from(key.version))
        .bind(key.question_sha256.clone())
        .bind(int(key.loss.rho_nano, "loss")?)
        .bind(int(key.loss.delta_femto, "loss")?)
        .bind(answer.to_owned());
        self.run(query).await?;
        let query = sql("DELETE FROM kept_answer WHERE agreement = $1 AND (version < $2 OR number <=
             (SELECT number FROM kept_answer WHERE agreement = $1
              ORDER BY number DESC LIMIT 1 OFFSET $3))")
        .bind(key.agreement.to_string())
        .bind(i64::from(key.version))
        .bind(ANSWERS_KEPT_MAX);
        self.run(query).await.map(|_| ())
    }
}
