//! Agreements: negotiations with their timeline, and what they ended in.

use weal_domain::agreements::{Agreement, AgreementId, AgreementStatus, Negotiation, Side};
use weal_domain::catalogue::ProductName;
use weal_domain::identity::Did;

use crate::tx::{BindBody, Sql, get_body, get_u64, int, ms, revised, sql};
use crate::{StoreError, Tx};

impl Tx {
    /// Saves a negotiation. `revision` is the one it was loaded with, 0 for a new one; the new revision
    /// is returned. If somebody saved it meanwhile: [`StoreError::Conflict`].
    pub async fn put_negotiation(
        &mut self,
        negotiation: &Negotiation,
        revision: u64,
    ) -> Result<u64, StoreError> {
        let query = if revision == 0 {
            let number = self.next("negotiation").await?;
            let insert = sql("INSERT INTO negotiation
                     (pid, side, peer, peer_pid, state, updated_ms, agreement, v, body, revision, number)
                 VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, 1, $10) ON CONFLICT (pid) DO NOTHING");
            bind_negotiation(insert, negotiation)?.bind(number)
        } else {
            let update =
                sql("UPDATE negotiation SET peer_pid = $4, state = $5, updated_ms = $6, agreement = $7,
                     v = $8, body = $9, revision = revision + 1
                 WHERE pid = $1 AND side = $2 AND peer = $3 AND revision = $10");
            bind_negotiation(update, negotiation)?.bind(int(revision, "revision")?)
        };
        if self.run(query).await? == 0 {
            return Err(self.refuse(StoreError::Conflict { what: "the negotiation" }));
        }
        Ok(revision + 1)
    }

    /// A negotiation by this node's own pid, and its revision.
    pub async fn negotiation(&mut self, own_pid: &str) -> Result<Option<(Negotiation, u64)>, StoreError> {
        let query = sql("SELECT v, body, revision FROM negotiation WHERE pid = $1").bind(own_pid.to_owned());
        self.row(query).await?.map(|row| revised(&row, "negotiation")).transpose()
    }

    /// A negotiation by the peer's pid: how a repeated first message is known. `side` is this node's.
    pub async fn negotiation_of_peer(
        &mut self,
        side: Side,
        peer: &Did,
        peer_pid: &str,
    ) -> Result<Option<(Negotiation, u64)>, StoreError> {
        let query = sql("SELECT v, body, revision FROM negotiation
             WHERE peer = $1 AND peer_pid = $2 AND side = $3")
        .bind(peer.to_string())
        .bind(peer_pid.to_owned())
        .bind(side.as_str());
        self.row(query).await?.map(|row| revised(&row, "negotiation")).transpose()
    }

    /// Negotiations and their revisions, newest first.
    pub async fn negotiations(&mut self, limit: u32) -> Result<Vec<(Negotiation, u64)>, StoreError> {
        let query = sql("SELECT v, body, revision FROM negotiation ORDER BY number DESC LIMIT $1");
        let rows = self.rows(query.bind(i64::from(limit))).await?;
        rows.iter().map(|row| revised(row, "negotiation")).collect()
    }

    /// The negotiation that an agreement was made in.
    pub async fn negotiation_of(
        &mut self,
        agreement: &AgreementId,
    ) -> Result<Option<(Negotiation, u64)>, StoreError> {
        let query =
            sql("SELECT v, body, revision FROM negotiation WHERE agreement = $1 ORDER BY number LIMIT 1");
        self.row(query.bind(agreement.to_string())).await?.map(|row| revised(&row, "negotiation")).transpose()
    }

    /// How many negotiations with a peer are not finished.
    pub async fn negotiations_open(&mut self, peer: &Did) -> Result<u64, StoreError> {
        let query = sql("SELECT COUNT(*) AS open FROM negotiation
             WHERE peer = $1 AND state NOT IN ('FINALIZED', 'TERMINATED')");
        self.row(query.bind(peer.to_string())).await?.map_or(Ok(0), |row| get_u64(&row, "open"))
    }

    /// Saves an agreement or its new status. An id that already stands for an agreement with somebody
    /// else, or for another product, is a [`StoreError::Conflict`]: ids come from peers.
    pub async fn put_agreement(
        &mut self,
        agreement: &Agreement,
        policy_sha256: &str,
    ) -> Result<(), StoreError> {
        let number = self.next("agreement").await?;
        let query = sql("INSERT INTO agreement
             (id, side, peer, product, mode, status, policy_sha256, number, v, body)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
             ON CONFLICT (id) DO UPDATE SET status = excluded.status, v = excluded.v, body = excluded.body
             WHERE agreement.side = excluded.side AND agreement.peer = excluded.peer
                 AND agreement.product = excluded.product AND agreement.mode = excluded.mode
                 AND agreement.policy_sha256 = excluded.policy_sha256")
        .bind(agreement.id.to_string())
        .bind(agreement.side.as_str())
        .bind(peer_of(agreement).to_string())
        .bind(agreement.product.to_string())
        .bind(agreement.mode.as_str())
        .bind(status(&agreement.status))
        .bind(policy_sha256.to_owned())
        .bind(number)
        .bind_body(agreement)?;
        if self.run(query).await? == 0 {
            return Err(self.refuse(StoreError::Conflict { what: "the agreement" }));
        }
        Ok(())
    }

    pub async fn agreement(&mut self, id: &AgreementId) -> Result<Option<Agreement>, StoreError> {
        let query = sql("SELECT v, body FROM agreement WHERE id = $1").bind(id.to_string());
        self.row(query).await?.map(|row| get_body(&row, "agreement")).transpose()
    }

    /// Every agreement, newest first, ended ones too.
    pub async fn agreements(&mut self) -> Result<Vec<Agreement>, StoreError> {
        let rows = self.rows(sql("SELECT v, body FROM agreement ORDER BY number DESC")).await?;
        rows.iter().map(|row| get_body(row, "agreement")).collect()
    }

    /// The agreements with a peer about a product, newest first, ended ones too.
    pub async fn agreements_with(
        &mut self,
        peer: &Did,
        product: &ProductName,
    ) -> Result<Vec<Agreement>, StoreError> {
        let query =
            sql("SELECT v, body FROM agreement WHERE peer = $1 AND product = $2 ORDER BY number DESC");
        let rows = self.rows(query.bind(peer.to_string()).bind(product.to_string())).await?;
        rows.iter().map(|row| get_body(row, "agreement")).collect()
    }
}

fn bind_negotiation(query: Sql, negotiation: &Negotiation) -> Result<Sql, StoreError> {
    query
        .bind(negotiation.own_pid.clone())
        .bind(negotiation.side.as_str())
        .bind(negotiation.peer.to_string())
        .bind(negotiation.talk.peer_pid.clone())
        .bind(negotiation.state.as_str())
        .bind(ms(negotiation.talk.updated_at))
        .bind(negotiation.agreement.as_ref().map(ToString::to_string))
        .bind_body(negotiation)
}

fn peer_of(agreement: &Agreement) -> &Did {
    match agreement.side {
        Side::Provider => &agreement.consumer,
        Side::Consumer => &agreement.provider,
    }
}

fn status(status: &AgreementStatus) -> &'static str {
    match status {
        AgreementStatus::Pending => "pending",
        AgreementStatus::InForce => "in_force",
        AgreementStatus::Revoked { .. } => "revoked",
    }
}
