//! What persons do with a transfer: start it, let it rest, go on, finish it, end it.

use weal_domain::agreements::Side;
use weal_domain::exchange::Transfer;
use weal_domain::exchange::transfer::{Event, Move, MoveKind};
use weal_domain::identity::{Act, Person};
use weal_store::Tx;

use super::transfer_unknown;
use crate::acts::agreements::LIST_MAX;
use crate::api::{Deed, TransferShown};
use crate::fault::Result;
use crate::house::House;

impl House {
    /// Tells the peer, and takes effect when the peer has heard it (`AG-2`). A line that rests or is closed
    /// opens nothing on our side from now on.
    pub async fn decide_transfer(&self, by: &Person, own_pid: &str, deed: Deed) -> Result<TransferShown> {
        let mut tx = self.store.write("exchange.say").await?;
        let (transfer, revision) = tx.transfer(own_pid).await?.ok_or_else(transfer_unknown)?;
        self.require_act(by, if transfer.side == Side::Provider { Act::Approve } else { Act::Request })?;
        let message = self.message_of_deed(&mut tx, &transfer, deed).await?;
        let step = transfer.on(Event::Intend(message), self.clock.now())?;
        let next = step.next.clone();
        self.keep_transfer(&mut tx, step, revision).await?;
        tx.commit().await?;
        self.wakers.ring(own_pid);
        Ok(show(next))
    }

    /// The transfers this node knows, newest first.
    pub async fn transfers(&self) -> Result<Vec<TransferShown>> {
        let found = self.store.read("exchange.list").await?.transfers(LIST_MAX).await?;
        Ok(found.into_iter().map(|(transfer, _)| show(transfer)).collect())
    }

    async fn message_of_deed(&self, tx: &mut Tx, transfer: &Transfer, deed: Deed) -> Result<Move> {
        Ok(match deed {
            Deed::Start if transfer.side == Side::Provider => {
                // A state that forbids it must not cost the peer its token.
                if transfer.state.after(Side::Provider, MoveKind::Start).is_some() {
                    tx.remove_transfer_tokens(&transfer.own_pid).await?;
                }
                Move::Start { address: Some(self.data_address(tx, transfer).await?) }
            }
            Deed::Start => Move::Start { address: None },
            Deed::Suspend { reason } => Move::Suspend { code: "suspended-by-a-person".into(), reason },
            Deed::Complete => Move::Complete,
            Deed::Terminate { reason } => Move::Terminate { code: "ended-by-a-person".into(), reason },
        })
    }
}

fn show(transfer: Transfer) -> TransferShown {
    TransferShown {
        id: transfer.own_pid,
        side: transfer.side,
        peer: transfer.peer,
        agreement: transfer.agreement.to_string(),
        state: transfer.state.as_str().to_owned(),
        trouble: transfer.talk.trouble,
    }
}
