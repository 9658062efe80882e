//! Turns: so many questions at once, and no more, whoever asks.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use weal_domain::catalogue::Product;
use weal_domain::compute::{Loss, Preview};
use weal_domain::identity::MemberName;
use weal_domain::{Refusal, RefusalKind};

use super::tables::Covered;
use crate::error::Doing;
use crate::{Engine, EngineError};

/// The right to have one private question computed. Taken before anything is charged, since whoever waits
/// too long is refused; given back when it is dropped.
#[derive(Debug)]
pub struct Turn {
    _place: OwnedSemaphorePermit,
}

impl Engine {
    /// Waits for a turn to have a private question answered, or refuses.
    pub async fn turn(&self) -> Result<Turn, Refusal> {
        self.wait(&self.questions).await
    }

    /// As [`Engine::preview`], in its turn and on a thread of its own: planning is work for a processor.
    pub async fn preview_in_turn(
        &self,
        sql: String,
        product: Product,
        member: MemberName,
        columns: Option<Vec<String>>,
        loss: Option<Loss>,
    ) -> Result<Preview, EngineError> {
        self.preview_about_in_turn(sql, vec![Covered { product, columns }], member, loss).await
    }

    /// The same as [`Engine::preview_about`].
    pub async fn preview_about_in_turn(
        &self,
        sql: String,
        products: Vec<Covered>,
        member: MemberName,
        loss: Option<Loss>,
    ) -> Result<Preview, EngineError> {
        let turn = self.wait(&self.previews).await?;
        let engine = self.clone();
        let work = tokio::task::spawn_blocking(move || {
            // Held to the end of the work, even if nobody waits for it any more.
            let _turn = turn;
            engine.preview_about(&sql, &products, &member, loss)
        });
        Ok(work.await.doing("working on a preview")??)
    }

    async fn wait(&self, turns: &Arc<Semaphore>) -> Result<Turn, Refusal> {
        let waited = tokio::time::timeout(self.limits().turn_wait_max, turns.clone().acquire_owned()).await;
        let place = waited.ok().and_then(Result::ok).ok_or_else(|| {
            Refusal::new(RefusalKind::Unavailable, "node-busy", "The node has too many questions to work on.")
                .remedy("Nothing was charged. Ask again in a minute.")
        })?;
        Ok(Turn { _place: place })
    }
}
