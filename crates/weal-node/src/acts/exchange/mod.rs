//! Transfers: the open line under an agreement, over which questions are asked and rows are fetched.

mod deliver;
mod fetch;
mod pull;
mod receive;
mod refusals;
mod rows;
mod say;
mod uses;

use weal_domain::Refusal;
use weal_domain::agreements::{Agreement, Side};
use weal_domain::exchange::Transfer;
use weal_domain::exchange::transfer::{Event, Move, Step};
use weal_store::Tx;

pub use fetch::ReceivedFile;
pub(crate) use fetch::{Line, acting_role};
pub use refusals::{REFUSALS_PER_MINUTE_MAX, Refusals};
pub use rows::ReleasedRows;
pub use uses::{Cost, Using, product_account};

use crate::drivers::JOB_TRANSFER;
use crate::fault::Result;
use crate::house::House;

/// What a receipt of rows says was asked: the rows, whatever the asker does with them at home.
pub const ROWS_QUESTION: &str = "rows";

impl House {
    /// Saves a transfer's step, in the caller's transaction.
    async fn keep_transfer(&self, tx: &mut Tx, step: Step, revision: u64) -> Result<u64> {
        let next = &step.next;
        let revision = tx.put_transfer(next, revision).await?;
        if next.state.is_final() && next.side == Side::Provider {
            tx.remove_transfer_tokens(&next.own_pid).await?;
        }
        self.remember(tx, &self.actor(None), step.remember).await?;
        self.tell(tx, JOB_TRANSFER, (&next.own_pid, &next.peer), &step.tell).await?;
        Ok(revision)
    }

    /// Ends every transfer of a revoked agreement, here at once and there by message.
    pub(crate) async fn terminate_transfers(
        &self,
        tx: &mut Tx,
        agreement: &Agreement,
        reason: &str,
    ) -> Result<()> {
        let transfers: Vec<(Transfer, u64)> = tx.transfers_of(&agreement.id).await?;
        for (transfer, revision) in transfers {
            if transfer.state.is_final() {
                continue;
            }
            tx.remove_transfer_tokens(&transfer.own_pid).await?;
            let own = Move::Terminate { code: "agreement-revoked".into(), reason: reason.to_owned() };
            // A message of ours still on its way makes way for the end.
            if let Ok(step) = transfer.on(Event::Intend(own), self.clock.now()) {
                self.keep_transfer(tx, step, revision).await?;
            }
        }
        Ok(())
    }
}

fn transfer_unknown() -> Refusal {
    Refusal::not_found("transfer-unknown", "There is no transfer of yours with this identifier.")
}
