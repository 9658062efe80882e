//! Messages of a transfer that arrive. A request under an agreement in force is started at once.

use weal_domain::agreements::{AgreementId, Side};
use weal_domain::exchange::transfer::{Event, Move, Opening};
use weal_domain::exchange::{DataAddress, Transfer};
use weal_domain::{Mark, Refusal, RefusalKind};
use weal_store::Tx;
use weal_wire::catalogue::{PULL_FORMAT, format_of, mode_of_format};
use weal_wire::dsp::Turned;
use weal_wire::dsp::transfer::{DataAddress as WireAddress, TransferRequestMessage};

use super::transfer_unknown;
use crate::acts::agreements::agreement_unknown;
use crate::acts::sha256_hex;
use crate::fault::Result;
use crate::house::House;
use crate::peers::Caller;
use crate::seams::Moves;

/// Open transfers under one agreement; more would only make its revocation slower.
const TRANSFERS_OPEN_MAX: usize = 8;

impl House {
    /// A consumer asks for a transfer under one of our agreements.
    pub async fn receive_transfer_request(
        &self,
        from: &Caller,
        Turned { message, mark }: Turned<TransferRequestMessage>,
    ) -> Result<Transfer> {
        let mut tx = self.store.write("exchange.request").await?;
        let id: AgreementId = message.agreement_id.parse().map_err(|_| agreement_unknown())?;
        self.imply_finalized(&mut tx, &id, &from.did).await?;
        let agreement = tx.agreement(&id).await?;
        let agreement = agreement
            .filter(|agreement| agreement.side == Side::Provider && agreement.consumer == from.did)
            .ok_or_else(agreement_unknown)?;
        if message.data_address.is_some() {
            return Err(Refusal::invalid(
                "push-not-offered",
                "This node lets data be fetched; it does not push it.",
            )
            .remedy("Leave dataAddress out, and fetch from the address in the TransferStartMessage.")
            .into());
        }
        if mode_of_format(&message.format) != Some(agreement.mode) {
            return Err(Refusal::invalid("format-not-offered", "The agreement is for another format.")
                .remedy(format!("Ask for {}.", format_of(agreement.mode)))
                .into());
        }
        if let Some((known, _)) =
            tx.transfer_of_peer(Side::Provider, &from.did, &message.consumer_pid).await?
        {
            known.reopened(&id, &message.format)?;
            tx.commit().await?;
            return Ok(known);
        }
        if let Err(refusal) = agreement.in_force(self.clock.now()) {
            // The writer's turn is given back before the refusal takes its own.
            drop(tx);
            self.remember_refusal(&agreement, &refusal).await?;
            return Err(refusal.into());
        }
        let standing = tx.transfers_of(&id).await?;
        let open = standing.iter().filter(|(transfer, _)| !transfer.state.is_final()).count();
        if open >= TRANSFERS_OPEN_MAX {
            return Err(Refusal::new(
                RefusalKind::Exhausted,
                "too-many-transfers",
                format!("There are {TRANSFERS_OPEN_MAX} open transfers under this agreement."),
            )
            .remedy("Use one of them, or complete one first.")
            .into());
        }
        let opening = Opening {
            peer: from.did.clone(),
            own_pid: self.entropy.urn()?,
            peer_address: self.peers.callback(&from.did, &message.callback_address)?,
            agreement: id,
            format: message.format,
        };
        let step = Transfer::received(opening, message.consumer_pid, &mark, self.clock.now());
        let acknowledged = step.next.clone();
        let revision = self.keep_transfer(&mut tx, step, 0).await?;
        if self.moves == Moves::ByRule {
            let address = self.data_address(&mut tx, &acknowledged).await?;
            let started =
                acknowledged.on(Event::Intend(Move::Start { address: Some(address) }), self.clock.now())?;
            self.keep_transfer(&mut tx, started, revision).await?;
        }
        tx.commit().await?;
        self.wakers.ring(&acknowledged.own_pid);
        Ok(acknowledged)
    }

    /// A fresh address and secret for one transfer. Only the secret's digest is kept here.
    pub(super) async fn data_address(&self, tx: &mut Tx, transfer: &Transfer) -> Result<DataAddress> {
        let secret = self.entropy.token()?;
        tx.put_transfer_token(&sha256_hex(&secret), &transfer.own_pid, self.clock.now()).await?;
        let origin = &self.config.node.origin;
        let wire = WireAddress::bearer(
            format!(
                "{origin}{}/{}",
                crate::http::exchange::DATA_PATH,
                crate::peers::segment(&transfer.own_pid)
            ),
            secret,
        );
        let strange = transfer.format == PULL_FORMAT;
        let wire = if strange { wire.with_endpoint_property() } else { wire };
        Ok(DataAddress {
            endpoint_type: wire.endpoint_type,
            endpoint: wire.endpoint.unwrap_or_default(),
            properties: wire.properties.into_iter().map(|property| (property.name, property.value)).collect(),
        })
    }

    /// Any later message of a transfer, on either side.
    pub async fn receive_transfer_move(
        &self,
        from: &Caller,
        side: Side,
        pid: &str,
        peer_pid: &str,
        message: Move,
        mark: Mark,
    ) -> Result<Transfer> {
        let mut tx = self.store.write("exchange.move").await?;
        let (transfer, revision) = self.transfer_with(&mut tx, from, side, pid).await?;
        let ended = match &message {
            Move::Terminate { code, reason } if code == "agreement-revoked" => Some(reason.clone()),
            _ => None,
        };
        let event = Event::Received { message, peer_pid: peer_pid.to_owned(), mark };
        let step = transfer.on(event, self.clock.now())?;
        let acknowledged = step.next.clone();
        if acknowledged == transfer {
            // A repetition is answered when what it rests on is kept.
            tx.commit().await?;
            return Ok(transfer);
        }
        self.keep_transfer(&mut tx, step, revision).await?;
        if let Some(reason) = ended {
            self.revoked_by_peer(&mut tx, &acknowledged.agreement, &reason).await?;
        }
        tx.commit().await?;
        self.wakers.ring(&acknowledged.own_pid);
        Ok(acknowledged)
    }

    pub async fn transfer_for(&self, from: &Caller, side: Side, pid: &str) -> Result<Transfer> {
        self.settled(pid, || self.transfer_now(from, side, pid), |transfer| &transfer.talk).await
    }

    async fn transfer_now(&self, from: &Caller, side: Side, pid: &str) -> Result<Transfer> {
        let mut tx = self.store.read("exchange.get").await?;
        Ok(self.transfer_with(&mut tx, from, side, pid).await?.0)
    }

    async fn transfer_with(
        &self,
        tx: &mut Tx,
        from: &Caller,
        side: Side,
        pid: &str,
    ) -> Result<(Transfer, u64)> {
        let found: Option<(Transfer, u64)> = tx.transfer(pid).await?;
        let found = found.filter(|(transfer, _)| transfer.peer == from.did && transfer.side == side);
        Ok(found.ok_or_else(transfer_unknown)?)
    }

    /// The open transfer that a token opens by itself, in the format in which other connectors pull: whoever
    /// holds the token is the peer to whom it was sent, or somebody the peer has sent.
    pub async fn transfer_of_bearer(&self, pid: &str, token: &str) -> Result<Transfer> {
        let mut tx = self.store.read("exchange.bearer").await?;
        let named = tx.transfer_of_token(&sha256_hex(token)).await?;
        let found: Option<(Transfer, u64)> = tx.transfer(pid).await?;
        let transfer = found.map(|(transfer, _)| transfer).filter(|transfer| {
            named.as_deref() == Some(pid) && transfer.side == Side::Provider && transfer.format == PULL_FORMAT
        });
        Ok(transfer.ok_or_else(transfer_unknown)?)
    }

    /// The open transfer that a token at the data plane stands for, if it is this caller's.
    pub async fn transfer_of_token(&self, from: &Caller, pid: &str, token: &str) -> Result<Transfer> {
        let mut tx = self.store.read("exchange.token").await?;
        let named = tx.transfer_of_token(&sha256_hex(token)).await?;
        let found = tx.transfer(pid).await?.map(|(transfer, _)| transfer);
        let transfer = found.filter(|transfer| transfer.peer == from.did && transfer.side == Side::Provider);
        let transfer = transfer.ok_or_else(transfer_unknown)?;
        if named.as_deref() == Some(pid) {
            return Ok(transfer);
        }
        // A revocation takes the tokens away; the peer whose transfer it was is told why.
        if let Some(agreement) = tx.agreement(&transfer.agreement).await? {
            self.still_in_force(&agreement).await?;
        }
        Err(transfer_unknown().into())
    }
}
