//! Sending a transfer's messages, and taking in the acknowledgements.

use weal_domain::agreements::Side;
use weal_domain::exchange::Transfer;
use weal_domain::exchange::transfer::{Event, Move, Notice};
use weal_wire::dsp::Reasons;
use weal_wire::dsp::transfer::{
    DataAddress as WireAddress, EndpointProperty, TransferCompletionMessage, TransferError, TransferProcess,
    TransferRequestMessage, TransferStartMessage, TransferSuspensionMessage, TransferTerminationMessage,
};

use super::transfer_unknown;
use crate::acts::deliver::{Outgoing, Replies, process_of_key, turned};
use crate::fault::Result;
use crate::house::House;
use crate::peers::segment;

const REPLIES: Replies = Replies {
    pids: |body| {
        let ack: TransferProcess = weal_wire::parse(body).ok()?;
        Some((ack.provider_pid, ack.consumer_pid))
    },
    reasons: |body| Some(weal_wire::parse::<TransferError>(body).ok()?.reason),
};

impl House {
    /// Carries the message that `key` (`<own pid>#<turn>`) names, if it is still awaited.
    pub(crate) async fn send_transfer_message(&self, key: &str) -> Result<()> {
        let (own_pid, turn) = process_of_key(key)?;
        let loaded = self.store.read("exchange.send").await?.transfer(own_pid).await?;
        let (transfer, _) = loaded.ok_or_else(transfer_unknown)?;
        let Some(notice) = transfer.talk.awaited(turn) else { return Ok(()) };
        let (path, body) = outgoing(&transfer, notice, self.callback_address(transfer.side));
        let to = (&transfer.peer, transfer.peer_address.as_str());
        let (event, outcome) =
            self.deliver((transfer.side, own_pid), to, turn, Outgoing { path, body }, &REPLIES).await?;
        self.transfer_heard_back(own_pid, event).await?;
        outcome
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
        self.wakers.ring(own_pid);
        Ok(())
    }
}

fn outgoing(transfer: &Transfer, notice: &Notice, callback_address: String) -> (String, String) {
    let own_pid = transfer.own_pid.clone();
    let peer_pid = transfer.talk.peer_pid.clone().unwrap_or_default();
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
