//! Sending a transfer's messages, and taking in the acknowledgements.

use weal_domain::agreements::Side;
use weal_domain::exchange::Transfer;
use weal_domain::exchange::transfer::{Event, Move, Notice};
use weal_domain::{Refusal, RefusalKind};
use weal_wire::dsp::Reasons;
use weal_wire::dsp::transfer::{
    DataAddress as WireAddress, EndpointProperty, TransferCompletionMessage, TransferError, TransferProcess,
    TransferRequestMessage, TransferStartMessage, TransferSuspensionMessage, TransferTerminationMessage,
};

use super::transfer_unknown;
use crate::acts::agreements::turned;
use crate::fault::{Fault, Result};
use crate::house::House;
use crate::peers::{Reply, segment};

impl House {
    /// Carries the message that `key` (`<own pid>#<turn>`) names, if it is still awaited.
    pub(crate) async fn send_transfer_message(&self, key: &str) -> Result<()> {
        let (own_pid, turn) = key
            .rsplit_once('#')
            .ok_or_else(|| Fault::new("continuing a transfer", "a job without a turn"))?;
        let loaded: Option<(Transfer, u64)> =
            self.store.read("exchange.send").await?.transfer(own_pid).await?;
        let (transfer, _) = loaded.ok_or_else(transfer_unknown)?;
        let Some(notice) = transfer.awaiting_ack.clone().filter(|notice| notice.turn.to_string() == turn)
        else {
            return Ok(());
        };
        let (path, body) = outgoing(&transfer, &notice, self.callback_address());
        let url = format!("{}{path}", transfer.peer_address.trim_end_matches('/'));
        let token = self.token_for(&transfer.peer)?;
        let sent = self.peers.post_text(&transfer.peer, &url, Some(&token), body).await;
        let (event, failure) = judge(transfer.side, notice.turn, sent);
        self.transfer_heard_back(own_pid, event).await?;
        failure.map_or(Ok(()), |refusal| Err(refusal.into()))
    }

    async fn transfer_heard_back(&self, own_pid: &str, event: Event) -> Result<()> {
        let mut tx = self.store.write("exchange.acked").await?;
        let (transfer, revision) = tx.transfer(own_pid).await?.ok_or_else(transfer_unknown)?;
        let step = transfer.on(event, self.clock.now())?;
        if step.next == transfer {
            return Ok(());
        }
        self.keep_transfer(&mut tx, step, revision).await?;
        tx.commit().await?;
        self.wakers.outbox.notify_one();
        self.wakers.moved.notify_waiters();
        Ok(())
    }
}

fn outgoing(transfer: &Transfer, notice: &Notice, callback_address: String) -> (String, String) {
    let own_pid = transfer.own_pid.clone();
    let peer_pid = transfer.peer_pid.clone().unwrap_or_default();
    let at = |path: &str| format!("/transfers/{}/{path}", segment(&peer_pid));
    let (provider_pid, consumer_pid) = match transfer.side {
        Side::Provider => (own_pid.clone(), peer_pid.clone()),
        Side::Consumer => (peer_pid.clone(), own_pid.clone()),
    };
    match &notice.message {
        Move::Request => {
            let message = TransferRequestMessage {
                consumer_pid,
                agreement_id: transfer.agreement.to_string(),
                format: transfer.format.clone(),
                callback_address,
                data_address: None,
            };
            ("/transfers/request".into(), turned(notice.turn, message))
        }
        Move::Start { address } => {
            let data_address = address.as_ref().map(|address| WireAddress {
                endpoint_type: address.endpoint_type.clone(),
                endpoint: Some(address.endpoint.clone()),
                properties: address
                    .properties
                    .iter()
                    .map(|(name, value)| EndpointProperty { name: name.clone(), value: value.clone() })
                    .collect(),
            });
            (
                at("start"),
                turned(notice.turn, TransferStartMessage { provider_pid, consumer_pid, data_address }),
            )
        }
        Move::Complete => {
            (at("completion"), turned(notice.turn, TransferCompletionMessage { provider_pid, consumer_pid }))
        }
        Move::Suspend { code, reason } => {
            let (code, reason) = (Some(code.clone()), Reasons(reason.lines().map(str::to_owned).collect()));
            let message = TransferSuspensionMessage { provider_pid, consumer_pid, code, reason };
            (at("suspension"), turned(notice.turn, message))
        }
        Move::Terminate { code, reason } => {
            let (code, reason) = (Some(code.clone()), Reasons(reason.lines().map(str::to_owned).collect()));
            let message = TransferTerminationMessage { provider_pid, consumer_pid, code, reason };
            (at("termination"), turned(notice.turn, message))
        }
    }
}

fn judge(side: Side, turn: u32, sent: Result<Reply, Refusal>) -> (Event, Option<Refusal>) {
    let reply = match sent {
        Ok(reply) => reply,
        Err(refusal) if refusal.kind == RefusalKind::Forbidden => {
            return (Event::Rejected { turn, reason: refusal.reason }, None);
        }
        Err(refusal) => {
            return (Event::Undelivered { turn, reason: refusal.reason.clone() }, Some(refusal));
        }
    };
    if reply.is_success() {
        let peer_pid = weal_wire::parse::<TransferProcess>(&reply.body).ok().map(|ack| match side {
            Side::Consumer => ack.provider_pid,
            Side::Provider => ack.consumer_pid,
        });
        return (Event::Acked { turn, peer_pid }, None);
    }
    let reason = match weal_wire::parse::<TransferError>(&reply.body) {
        Ok(error) => error.reason.0.join(" "),
        Err(_) => format!("The other side answered with status {}.", reply.status),
    };
    if reply.is_temporary() {
        let refusal = Refusal::new(RefusalKind::Unavailable, "peer-unavailable", reason.clone());
        return (Event::Undelivered { turn, reason }, Some(refusal));
    }
    (Event::Rejected { turn, reason }, None)
}
