//! Releasing rows: sealed first, streamed after, cut at any moment.

use std::sync::Arc;
use std::time::Duration;

use weal_domain::agreements::Side;
use weal_domain::compute::Loss;
use weal_domain::exchange::Extract;
use weal_domain::ledger::{Fact, Receipt};
use weal_exchange::{Released, RowsFormat, StreamEnd, Tally, release};
use weal_wire::peer::Exact;

use super::{Cost, Using};
use crate::fault::{Fault, Result};
use crate::house::House;

/// Rows on their way, and what both ledgers keep of it.
#[derive(Debug)]
pub struct ReleasedRows {
    pub stream: Released,
    pub receipt: Exact<Receipt>,
    pub ledger_index: u64,
}

impl House {
    /// Releases the rows an agreement permits. The use is in the ledger when this returns.
    pub async fn release_rows(self: &Arc<Self>, using: Using, format: RowsFormat) -> Result<ReleasedRows> {
        let place = self.doors.places.take(&using.agreement.id)?;
        // Held before the gate decides: a revocation that comes right after it still finds this stream.
        let cut = self.doors.stream_of(&using.agreement.id);
        let mut tx = self.store.write("exchange.rows").await?;
        let permit = match self.open_gate::<Extract>(&mut tx, &using, Cost::Nothing).await {
            Ok(permit) => permit,
            Err(cause) => {
                drop(tx);
                return self.refused(&using, Err(cause)).await;
            }
        };
        let receipt = self.receipt(permit.grant(), &using, None, Loss::default());
        let ledger_index = self.seal_use(&mut tx, Side::Provider, receipt.value(), None).await?;
        tx.commit().await?;
        // Writers do not wait for the engine. Where it fails, the ledger says that nothing left.
        let rows = match self.engine.rows(&permit, &using.product, &using.source).await {
            Ok(rows) => rows,
            Err(cause) => {
                let use_id = permit.grant().use_id.clone();
                self.remember_alone(Fact::UseEnded { use_id, rows: 0, size_bytes: 0, complete: false })
                    .await?;
                return Err(cause.into());
            }
        };
        let (ends_at, agreement) = (permit.grant().ends_at, using.agreement.id.clone());
        let (clock, house, open) = (Arc::clone(&self.clock), Arc::clone(self), self.metrics.stream());
        let stop = async move {
            let until_end = async {
                match ends_at {
                    Some(end) => {
                        let ms = end.as_millisecond().saturating_sub(clock.now().as_millisecond());
                        tokio::time::sleep(Duration::from_millis(u64::try_from(ms).unwrap_or(0))).await;
                    }
                    None => std::future::pending().await,
                }
            };
            tokio::select! { () = cut.cancelled() => {}, () = until_end => {} }
        };
        let ended = move |permit: weal_domain::exchange::Permit<Extract>,
                          tally: Arc<Tally>,
                          end: StreamEnd| {
            drop((open, place));
            if end == StreamEnd::Stalled {
                tracing::warn!(agreement = %agreement, "a reader took nothing for too long, and its stream was ended");
            }
            let use_id = permit.grant().use_id.clone();
            tokio::spawn(async move {
                let fact = Fact::UseEnded {
                    use_id,
                    rows: tally.rows(),
                    size_bytes: tally.size_bytes(),
                    complete: end == StreamEnd::Complete,
                };
                if let Err(cause) = house.remember_alone(fact).await {
                    tracing::error!(%cause, "the end of a stream could not be recorded");
                }
            });
        };
        let patience = Duration::from_secs(self.config.limits.stall_s_max);
        let stream = release(permit, &rows.schema, rows.batches, format, patience, stop, ended)
            .map_err(|cause| Fault::new("writing rows", cause))?;
        Ok(ReleasedRows { stream, receipt, ledger_index })
    }
}
