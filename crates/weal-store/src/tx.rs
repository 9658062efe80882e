//! One transaction, and the few ways in which the rooms talk to the database through it.

use std::sync::Arc;
use std::time::Instant;

use serde::Serialize;
use serde::de::DeserializeOwned;
use sqlx::any::{AnyArguments, AnyRow};
use sqlx::query::Query;
use sqlx::{Any, AnyPool, Decode, Row, Transaction, Type};
use weal_domain::Timestamp;

use crate::StoreError;
use crate::flush::Flush;

/// A transaction longer than this is logged: writers wait for each other.
const SLOW_MS_MAX: u128 = 500;

/// The version of the JSON this build writes into every `body` column.
const BODY_VERSION: i64 = 1;

pub(crate) type Sql = Query<'static, Any, AnyArguments>;

/// The only door for SQL: a literal, never a built string.
pub(crate) fn sql(text: &'static str) -> Sql {
    sqlx::query(text)
}

/// A transaction. Everything done through it becomes durable together at [`Tx::commit`], or not at all:
/// dropped without a commit it is rolled back.
pub struct Tx {
    /// Dropped while open, it is rolled back before the connection serves anybody else.
    transaction: Transaction<'static, Any>,
    label: &'static str,
    began: Instant,
    /// Something failed, so that a part of what was meant may be missing.
    void: bool,
    flush: Option<Arc<Flush>>,
}

impl std::fmt::Debug for Tx {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tx").field("label", &self.label).field("void", &self.void).finish_non_exhaustive()
    }
}

impl Tx {
    pub(crate) async fn begin(
        pool: &AnyPool,
        label: &'static str,
        statement: &'static str,
        flush: Option<Arc<Flush>>,
    ) -> Result<Self, StoreError> {
        flush.as_ref().map_or(Ok(()), |flush| flush.usable())?;
        let transaction = pool.begin_with(statement).await?;
        Ok(Self { transaction, label, began: Instant::now(), void: false, flush })
    }

    /// Makes everything durable. An error means that nothing was kept, but for a lost connection to a
    /// PostgreSQL server in the moment of the commit, after which either may be true.
    pub async fn commit(self) -> Result<(), StoreError> {
        if self.void {
            // PostgreSQL would answer COMMIT of a failed transaction with a silent rollback.
            return Err(StoreError::Void);
        }
        let mut outcome = self.transaction.commit().await.map_err(StoreError::from);
        if let (Ok(()), Some(flush)) = (&outcome, &self.flush) {
            // The next writer writes meanwhile.
            outcome = flush.durable().await;
        }
        let took_ms = self.began.elapsed().as_millis();
        if took_ms > SLOW_MS_MAX {
            tracing::warn!(label = self.label, took_ms = %took_ms, "a transaction took long");
        }
        outcome
    }

    /// Runs a statement; how many rows it touched.
    pub(crate) async fn run(&mut self, query: Sql) -> Result<u64, StoreError> {
        let done = query.execute(&mut *self.transaction).await;
        Ok(self.voided(done)?.rows_affected())
    }

    pub(crate) async fn row(&mut self, query: Sql) -> Result<Option<AnyRow>, StoreError> {
        let row = query.fetch_optional(&mut *self.transaction).await;
        self.voided(row)
    }

    pub(crate) async fn rows(&mut self, query: Sql) -> Result<Vec<AnyRow>, StoreError> {
        let rows = query.fetch_all(&mut *self.transaction).await;
        self.voided(rows)
    }

    /// Several statements without parameters; for migrations.
    pub(crate) async fn script(&mut self, text: String) -> Result<(), StoreError> {
        let done = sqlx::raw_sql(sqlx::AssertSqlSafe(text)).execute(&mut *self.transaction).await;
        self.voided(done).map(|_| ())
    }

    /// The next number of a counter, from 1. Numbers are never given twice, even where rows are deleted.
    pub(crate) async fn next(&mut self, counter: &'static str) -> Result<i64, StoreError> {
        let query = sql("INSERT INTO counter (name, value) VALUES ($1, 1)
             ON CONFLICT (name) DO UPDATE SET value = counter.value + 1 RETURNING value");
        let row = self.row(query.bind(counter)).await?;
        get(&row.ok_or_else(|| StoreError::corrupt("counter"))?, "value")
    }

    /// A failure that the database does not know of; it voids the transaction too.
    pub(crate) fn refuse(&mut self, error: StoreError) -> StoreError {
        self.void = true;
        error
    }

    /// For acts of several steps: a failure after the first leaves less than the whole.
    pub(crate) fn whole<T>(&mut self, outcome: Result<T, StoreError>) -> Result<T, StoreError> {
        self.void |= outcome.is_err();
        outcome
    }

    fn voided<T>(&mut self, outcome: Result<T, sqlx::Error>) -> Result<T, StoreError> {
        outcome.map_err(|error| {
            self.void = true;
            StoreError::from(error)
        })
    }
}

/// A column's value.
pub(crate) fn get<'r, T: Decode<'r, Any> + Type<Any>>(
    row: &'r AnyRow,
    column: &'static str,
) -> Result<T, StoreError> {
    row.try_get(column).map_err(StoreError::from)
}

/// A count or an amount, which is never negative.
pub(crate) fn get_u64(row: &AnyRow, column: &'static str) -> Result<u64, StoreError> {
    u64::try_from(get::<i64>(row, column)?).map_err(|_| StoreError::corrupt(column))
}

pub(crate) fn get_time(row: &AnyRow, column: &'static str) -> Result<Timestamp, StoreError> {
    Timestamp::from_millisecond(get(row, column)?).map_err(|_| StoreError::corrupt(column))
}

pub(crate) fn get_time_option(row: &AnyRow, column: &'static str) -> Result<Option<Timestamp>, StoreError> {
    get::<Option<i64>>(row, column)?
        .map(|ms| Timestamp::from_millisecond(ms).map_err(|_| StoreError::corrupt(column)))
        .transpose()
}

/// A text column that has a checked type.
pub(crate) fn get_text<T: std::str::FromStr>(row: &AnyRow, column: &'static str) -> Result<T, StoreError> {
    get::<&str>(row, column)?.parse().map_err(|_| StoreError::corrupt(column))
}

/// The aggregate in `v` and `body`.
pub(crate) fn get_body<T: DeserializeOwned>(row: &AnyRow, what: &'static str) -> Result<T, StoreError> {
    let found: i64 = get(row, "v")?;
    if found > BODY_VERSION {
        return Err(StoreError::Newer { what, found, known: BODY_VERSION });
    }
    serde_json::from_str(get(row, "body")?).map_err(|error| StoreError::corrupt(format!("{what}: {error}")))
}

/// An aggregate with the revision it stands at.
pub(crate) fn revised<T: DeserializeOwned>(row: &AnyRow, what: &'static str) -> Result<(T, u64), StoreError> {
    Ok((get_body(row, what)?, get_u64(row, "revision")?))
}

pub(crate) fn int(value: u64, what: &'static str) -> Result<i64, StoreError> {
    i64::try_from(value).map_err(|_| StoreError::TooLarge { what })
}

pub(crate) fn ms(at: Timestamp) -> i64 {
    at.as_millisecond()
}

/// Binds an aggregate's `v` and `body`, in this order.
pub(crate) trait BindBody: Sized {
    fn bind_body<T: Serialize + ?Sized>(self, value: &T) -> Result<Self, StoreError>;
}

impl BindBody for Sql {
    fn bind_body<T: Serialize + ?Sized>(self, value: &T) -> Result<Self, StoreError> {
        let body = serde_json::to_string(value).map_err(StoreError::fault)?;
        Ok(self.bind(BODY_VERSION).bind(body))
    }
}
