//! Exchange: transfers, their tokens, how often an agreement was used, and the receipts of the uses.

use sqlx::any::AnyRow;
use weal_domain::Timestamp;
use weal_domain::agreements::{AgreementId, Side};
use weal_domain::compute::Loss;
use weal_domain::exchange::{Transfer, UseId};
use weal_domain::identity::Did;
use weal_domain::ledger::Receipt;

use crate::tx::{BindBody, Sql, get, get_body, get_time, get_time_option, get_u64, int, ms, revised, sql};
use crate::{StoreError, Tx};

const DAY_MS: i64 = 86_400_000;

/// A use, as this side's ledger keeps it.
#[derive(Debug, Clone, PartialEq)]
pub struct StoredUse {
    pub side: Side,
    pub receipt: Receipt,
    /// Where this node's own ledger has it.
    pub ledger_index: u64,
    pub at: Timestamp,
}

/// The first of an agreement's uses and what all of them cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UsesSummed {
    pub first_at: Option<Timestamp>,
    pub loss: Loss,
}

/// What one use counts for at most when uses are summed: no peer's receipt makes the sum overflow.
const LOSS_SUMMED_MAX: u64 = 1_000_000_000_000;

impl Tx {
    /// Saves a transfer; `revision` as in [`Tx::put_negotiation`].
    pub async fn put_transfer(&mut self, transfer: &Transfer, revision: u64) -> Result<u64, StoreError> {
        let query = if revision == 0 {
            let number = self.next("transfer").await?;
            let insert = sql("INSERT INTO transfer
                     (pid, side, peer, agreement, peer_pid, state, updated_ms, v, body, revision, number)
                 VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, 1, $10) ON CONFLICT (pid) DO NOTHING");
            bind_transfer(insert, transfer)?.bind(number)
        } else {
            let update =
                sql("UPDATE transfer SET peer_pid = $5, state = $6, updated_ms = $7, v = $8, body = $9,
                     revision = revision + 1
                 WHERE pid = $1 AND side = $2 AND peer = $3 AND agreement = $4 AND revision = $10");
            bind_transfer(update, transfer)?.bind(int(revision, "revision")?)
        };
        if self.run(query).await? == 0 {
            return Err(self.refuse(StoreError::Conflict { what: "the transfer" }));
        }
        Ok(revision + 1)
    }

    /// A transfer by this node's own pid, and its revision.
    pub async fn transfer(&mut self, own_pid: &str) -> Result<Option<(Transfer, u64)>, StoreError> {
        let query = sql("SELECT v, body, revision FROM transfer WHERE pid = $1").bind(own_pid.to_owned());
        self.row(query).await?.map(|row| revised(&row, "transfer")).transpose()
    }

    /// A transfer by the peer's pid: how a repeated first message is known. `side` is this node's.
    pub async fn transfer_of_peer(
        &mut self,
        side: Side,
        peer: &Did,
        peer_pid: &str,
    ) -> Result<Option<(Transfer, u64)>, StoreError> {
        let query = sql("SELECT v, body, revision FROM transfer
             WHERE peer = $1 AND peer_pid = $2 AND side = $3")
        .bind(peer.to_string())
        .bind(peer_pid.to_owned())
        .bind(side.as_str());
        self.row(query).await?.map(|row| revised(&row, "transfer")).transpose()
    }

    /// The transfers of an agreement and their revisions, newest first.
    pub async fn transfers_of(
        &mut self,
        agreement: &AgreementId,
    ) -> Result<Vec<(Transfer, u64)>, StoreError> {
        let query = sql("SELECT v, body, revision FROM transfer WHERE agreement = $1 ORDER BY number DESC");
        let rows = self.rows(query.bind(agreement.to_string())).await?;
        rows.iter().map(|row| revised(row, "transfer")).collect()
    }

    /// Transfers and their revisions, newest first.
    pub async fn transfers(&mut self, limit: u32) -> Result<Vec<(Transfer, u64)>, StoreError> {
        let query = sql("SELECT v, body, revision FROM transfer ORDER BY number DESC LIMIT $1");
        let rows = self.rows(query.bind(i64::from(limit))).await?;
        rows.iter().map(|row| revised(row, "transfer")).collect()
    }

    /// Lets a token open a transfer. `token_sha256` is lower-case hex; the token itself is never stored.
    pub async fn put_transfer_token(
        &mut self,
        token_sha256: &str,
        transfer_pid: &str,
        at: Timestamp,
    ) -> Result<(), StoreError> {
        let query =
            sql("INSERT INTO transfer_token (token_sha256, transfer, created_ms) VALUES ($1, $2, $3)")
                .bind(token_sha256.to_owned())
                .bind(transfer_pid.to_owned())
                .bind(ms(at));
        self.run(query).await.map(|_| ())
    }

    /// The pid of the transfer that a token opens.
    pub async fn transfer_of_token(&mut self, token_sha256: &str) -> Result<Option<String>, StoreError> {
        let query = sql("SELECT transfer FROM transfer_token WHERE token_sha256 = $1");
        self.row(query.bind(token_sha256.to_owned())).await?.map(|row| get(&row, "transfer")).transpose()
    }

    /// Takes every token of a transfer away; how many there were.
    pub async fn remove_transfer_tokens(&mut self, transfer_pid: &str) -> Result<u64, StoreError> {
        self.run(sql("DELETE FROM transfer_token WHERE transfer = $1").bind(transfer_pid.to_owned())).await
    }

    /// Counts one more use of an agreement on the UTC day of `at`; how many there are now.
    pub async fn count_use(&mut self, agreement: &AgreementId, at: Timestamp) -> Result<u64, StoreError> {
        let query = sql("INSERT INTO use_count (agreement, day, uses) VALUES ($1, $2, 1)
             ON CONFLICT (agreement, day) DO UPDATE SET uses = use_count.uses + 1 RETURNING uses")
        .bind(agreement.to_string())
        .bind(ms(at).div_euclid(DAY_MS));
        let row = self.row(query).await?.ok_or_else(|| StoreError::corrupt("use_count"))?;
        get_u64(&row, "uses")
    }

    /// How often an agreement was used on the UTC day of `at`.
    pub async fn uses_on(&mut self, agreement: &AgreementId, at: Timestamp) -> Result<u64, StoreError> {
        let query = sql("SELECT uses FROM use_count WHERE agreement = $1 AND day = $2")
            .bind(agreement.to_string())
            .bind(ms(at).div_euclid(DAY_MS));
        self.row(query).await?.map_or(Ok(0), |row| get_u64(&row, "uses"))
    }

    /// How often an agreement was ever used.
    pub async fn uses_ever(&mut self, agreement: &AgreementId) -> Result<u64, StoreError> {
        let query =
            sql("SELECT CAST(COALESCE(SUM(uses), 0) AS BIGINT) AS uses FROM use_count WHERE agreement = $1");
        self.row(query.bind(agreement.to_string())).await?.map_or(Ok(0), |row| get_u64(&row, "uses"))
    }

    /// Keeps a use. The same use twice on the same side is a [`StoreError::Conflict`].
    pub async fn put_use(&mut self, stored: &StoredUse) -> Result<(), StoreError> {
        let number = self.next("data_use").await?;
        let query =
            sql("INSERT INTO data_use (use_id, side, agreement, person, rho, delta, ledger_index, at_ms,
                 number, v, body)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) ON CONFLICT (use_id, side) DO NOTHING")
            .bind(stored.receipt.use_id.to_string())
            .bind(stored.side.as_str())
            .bind(stored.receipt.agreement.to_string())
            .bind(stored.receipt.person.clone())
            .bind(int(stored.receipt.loss.rho_nano.min(LOSS_SUMMED_MAX), "loss")?)
            .bind(int(stored.receipt.loss.delta_femto.min(LOSS_SUMMED_MAX), "loss")?)
            .bind(int(stored.ledger_index, "ledger index")?)
            .bind(ms(stored.at))
            .bind(number)
            .bind_body(&stored.receipt)?;
        if self.run(query).await? == 0 {
            return Err(self.refuse(StoreError::Conflict { what: "the use" }));
        }
        Ok(())
    }

    /// A use as this node's side(s) keep it.
    pub async fn uses_by_id(&mut self, use_id: &UseId) -> Result<Vec<StoredUse>, StoreError> {
        let query = sql("SELECT * FROM data_use WHERE use_id = $1 ORDER BY number").bind(use_id.to_string());
        self.rows(query).await?.iter().map(stored_use).collect()
    }

    /// How many uses of an agreement were ever recorded here.
    pub async fn uses_total(&mut self, agreement: &AgreementId) -> Result<u64, StoreError> {
        let query =
            sql("SELECT COUNT(*) AS uses FROM data_use WHERE agreement = $1").bind(agreement.to_string());
        let row = self.row(query).await?;
        row.map_or(Ok(0), |row| get_u64(&row, "uses"))
    }

    /// What all uses of an agreement come to, however many there are.
    pub async fn uses_summed(&mut self, agreement: &AgreementId) -> Result<UsesSummed, StoreError> {
        let query = sql("SELECT MIN(at_ms) AS first_ms, CAST(COALESCE(SUM(rho), 0) AS BIGINT) AS rho,
                 CAST(COALESCE(SUM(delta), 0) AS BIGINT) AS delta
             FROM data_use WHERE agreement = $1");
        let row = self.row(query.bind(agreement.to_string())).await?;
        let row = row.ok_or_else(|| StoreError::corrupt("data_use"))?;
        let loss = Loss { rho_nano: get_u64(&row, "rho")?, delta_femto: get_u64(&row, "delta")? };
        Ok(UsesSummed { first_at: get_time_option(&row, "first_ms")?, loss })
    }

    /// Uses, of one agreement or of all, newest first; with a `person`, those that this pseudonym of ours
    /// asked for.
    pub async fn uses(
        &mut self,
        agreement: Option<&AgreementId>,
        person: Option<&str>,
        limit: u32,
    ) -> Result<Vec<StoredUse>, StoreError> {
        let query = match (agreement, person) {
            (Some(_), Some(_)) => sql("SELECT * FROM data_use WHERE agreement = $2 AND person = $3
                 AND side = 'consumer' ORDER BY number DESC LIMIT $1"),
            (Some(_), None) => {
                sql("SELECT * FROM data_use WHERE agreement = $2 ORDER BY number DESC LIMIT $1")
            }
            (None, Some(_)) => sql("SELECT * FROM data_use WHERE person = $2 AND side = 'consumer'
                 ORDER BY number DESC LIMIT $1"),
            (None, None) => sql("SELECT * FROM data_use ORDER BY number DESC LIMIT $1"),
        };
        let mut query = query.bind(i64::from(limit));
        for bound in [agreement.map(ToString::to_string), person.map(str::to_owned)].into_iter().flatten() {
            query = query.bind(bound);
        }
        self.rows(query).await?.iter().map(stored_use).collect()
    }
}

fn bind_transfer(query: Sql, transfer: &Transfer) -> Result<Sql, StoreError> {
    query
        .bind(transfer.own_pid.clone())
        .bind(transfer.side.as_str())
        .bind(transfer.peer.to_string())
        .bind(transfer.agreement.to_string())
        .bind(transfer.talk.peer_pid.clone())
        .bind(transfer.state.as_str())
        .bind(ms(transfer.talk.updated_at))
        .bind_body(transfer)
}

fn stored_use(row: &AnyRow) -> Result<StoredUse, StoreError> {
    let side = match get::<&str>(row, "side")? {
        "provider" => Side::Provider,
        "consumer" => Side::Consumer,
        _ => return Err(StoreError::corrupt("data_use.side")),
    };
    Ok(StoredUse {
        side,
        receipt: get_body(row, "receipt")?,
        ledger_index: get_u64(row, "ledger_index")?,
        at: get_time(row, "at_ms")?,
    })
}
