//! The owner's side of a private question: preview, reserve, compute, seal, release.

use std::sync::Arc;

use weal_domain::agreements::Side;
use weal_domain::compute::{Answer, Loss, Preview};
use weal_domain::exchange::{Permit, Statistics};
use weal_domain::governance::good_standing;
use weal_domain::ledger::Fact;
use weal_domain::{Refusal, RefusalKind};
use weal_wire::peer::{AnswerMessage, BudgetLeft, Exact, LedgerProof, PreviewMessage, QuestionMessage};

use super::Slot;
use crate::acts::agreements::agreement_account;
use crate::acts::exchange::{Using, product_account};
use crate::acts::sha256_hex;
use crate::fault::{Error, Fault, Result};
use crate::house::House;

impl House {
    /// What a question would cost. Reads no data, costs nothing.
    pub async fn preview_question(&self, using: &Using, message: &QuestionMessage) -> Result<PreviewMessage> {
        let preview = self.plan(using, message).await?;
        let mut tx = self.store.read("compute.preview").await?;
        let left = self.left_for(&mut tx, using).await?;
        let after = left.saturating_sub(preview.loss);
        Ok(PreviewMessage { preview, budget: BudgetLeft { before: left, after } })
    }

    async fn plan(&self, using: &Using, message: &QuestionMessage) -> Result<Preview> {
        let columns = using.agreement.terms.columns.clone();
        let (product, member) = (using.product.clone(), self.config.node.name.clone());
        let sql = message.sql.clone();
        Ok(self.engine.preview_in_turn(sql, product, member, columns, message.loss).await?)
    }

    /// Answers a private question. The budget is durably reserved before any noise is drawn (`BU-2`), and
    /// the use sealed before the answer leaves (`GT-2`).
    ///
    /// Once it is paid it runs to its end whether the asker still listens or not. What goes wrong while it is
    /// computed is one and the same refusal, since a reason could depend on the data; and after a few of those
    /// the consumer asks nothing more about this product for an hour ([`super::Unanswered`]).
    pub async fn answer_question(
        self: &Arc<Self>,
        using: Using,
        message: QuestionMessage,
    ) -> Result<AnswerMessage> {
        // Before anything is charged: whoever waits too long has lost nothing.
        let mut slot = self.slot_for(&using).await?;
        let loss = self.plan(&using, &message).await?.loss;
        let turn = self.engine.turn().await?;
        let (permit, before) = self.refused(&using, self.reserve(&using, loss).await).await?;
        slot.charged();
        let house = Arc::clone(self);
        let paid = tokio::spawn(async move {
            let _turn = turn;
            let answer = house.answer_paid(&using, &message, &permit, loss, before).await;
            // Whatever else becomes of it, a panic too, it is counted as not answered.
            if !matches!(&answer, Err(Error::Fault(_))) {
                slot.answered();
            }
            answer
        });
        let answer =
            paid.await.unwrap_or_else(|cause| Err(Fault::new("answering a paid question", cause).into()));
        answer.map_err(|cause| match cause {
            Error::Fault(cause) => {
                self.metrics.question_unanswered();
                tracing::error!(%cause, "a paid question could not be answered");
                unanswered().into()
            }
            refused @ Error::Refused(_) => refused,
        })
    }

    async fn slot_for(&self, using: &Using) -> Result<Slot> {
        let wait_max = self.engine.limits().turn_wait_max;
        let (consumer, product) = (&using.asking.consumer, &using.product.name);
        let slot = self.doors.unanswered.slot(consumer, product, self.clock.now(), wait_max).await;
        if slot.as_ref().is_err_and(|refusal| refusal.code == "too-many-unanswered") {
            self.metrics.question_not_taken();
            tracing::warn!(%consumer, %product, "too many paid questions could not be answered; no more are taken");
        }
        Ok(slot?)
    }

    /// Computes and releases. A fault says that the question could not be answered; its cause may depend on the
    /// data.
    async fn answer_paid(
        &self,
        using: &Using,
        message: &QuestionMessage,
        permit: &Permit<Statistics>,
        loss: Loss,
        before: Loss,
    ) -> Result<AnswerMessage> {
        let member = &self.config.node.name;
        let computed =
            self.engine.answer(permit, &message.sql, &using.product, member, &using.source, loss).await;
        match computed {
            Ok(answer) => self.release_answer(using, permit, answer, loss, before).await,
            Err(cause) => {
                let mut tx = self.store.write("compute.settle").await?;
                tx.settle(&permit.grant().use_id).await?;
                tx.commit().await?;
                Err(Fault::new("answering a paid question", cause).into())
            }
        }
    }

    async fn reserve(&self, using: &Using, loss: Loss) -> Result<(Permit<Statistics>, Loss)> {
        let mut tx = self.store.write("compute.reserve").await?;
        let permit = self.open_gate::<Statistics>(&mut tx, using, loss).await?;
        let before = self.left_for(&mut tx, using).await?;
        let use_id = &permit.grant().use_id;
        let accounts = accounts_of(using);
        let names: Vec<&str> = accounts.iter().map(String::as_str).collect();
        if let Err(overdrawn) = tx.reserve(use_id, &names, loss, self.clock.now()).await? {
            // The gate has just found room, so only a broken invariant leads here.
            self.metrics.invariant_broken();
            return Err(overdrawn.budget.exhausted(loss).into());
        }
        let fact = Fact::BudgetReserved { use_id: use_id.clone(), product: using.product.name.clone(), loss };
        self.remember(&mut tx, &self.actor(None), vec![fact]).await?;
        tx.commit().await?;
        Ok((permit, before))
    }

    async fn release_answer(
        &self,
        using: &Using,
        permit: &Permit<Statistics>,
        answer: Answer,
        loss: Loss,
        before: Loss,
    ) -> Result<AnswerMessage> {
        let answer = Exact::new(answer);
        let receipt = self.receipt(permit.grant(), using, Some(sha256_hex(answer.text())), loss);
        let mut tx = self.store.write("compute.release").await?;
        // Noise has been drawn, so it is paid whatever follows.
        tx.settle(&permit.grant().use_id).await?;
        // `GT-3`: an agreement revoked while the answer was computed releases nothing.
        let agreement = tx.agreement(&using.agreement.id).await?;
        let gone = || Refusal::not_found("agreement-unknown", "There is no such agreement any more.");
        let still = agreement.ok_or_else(gone).and_then(|agreement| agreement.in_force(self.clock.now()));
        let member = tx.member(&using.asking.consumer).await?;
        let still = still.and_then(|()| good_standing(member.as_ref(), &using.asking.consumer));
        if let Err(refusal) = still {
            tx.commit().await?;
            self.remember_refusal(&using.agreement, &refusal).await?;
            return Err(refusal.into());
        }
        let index = self.seal_use(&mut tx, Side::Provider, receipt.value(), None).await?;
        let after = self.left_for(&mut tx, using).await?;
        let proof = self.proof_in(&mut tx, index).await?;
        let sealed =
            tx.entry(index).await?.ok_or_else(|| Fault::new("proving a use", "its entry is missing"))?;
        let nonce = weal_trust::encoding::hex(sealed.nonce.bytes());
        tx.commit().await?;
        Ok(AnswerMessage {
            answer,
            receipt,
            ledger: LedgerProof { index, proof, nonce, body: sealed.body },
            budget: BudgetLeft { before, after },
        })
    }

    /// What is left for a question under this agreement: the least that any of its accounts has.
    async fn left_for(&self, tx: &mut weal_store::Tx, using: &Using) -> Result<Loss> {
        let mut left = Loss { rho_nano: u64::MAX, delta_femto: u64::MAX };
        for account in accounts_of(using) {
            left = left.min(self.budget_in(tx, &account).await?.left());
        }
        Ok(left)
    }
}

/// Every way in which computing may fail, in one sentence.
fn unanswered() -> Refusal {
    Refusal::new(
        RefusalKind::Unavailable,
        "could-not-be-answered",
        "The question could not be answered. Its loss is spent, as if it had been.",
    )
    .remedy("Ask something simpler, with fewer groups; the owner's operator finds the reason in their log.")
}

/// The accounts that a question is paid from: the product's, and the agreement's where it was granted one.
fn accounts_of(using: &Using) -> Vec<String> {
    let agreement = using.agreement.terms.budget.map(|_| agreement_account(&using.agreement.id));
    [Some(product_account(&using.product.name)), agreement].into_iter().flatten().collect()
}
