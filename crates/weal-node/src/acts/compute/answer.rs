//! The owner's side of a private question: preview, reserve, compute, seal, release.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt as _;
use tokio::time::Instant;
use weal_domain::agreements::Side;
use weal_domain::compute::{Answer, BudgetMove, Loss, Preview, leaves_at};
use weal_domain::exchange::{Permit, Statistics};
use weal_domain::governance::good_standing;
use weal_domain::ledger::{Fact, Receipt};
use weal_domain::{Refusal, RefusalKind};
use weal_engine::Turn;
use weal_store::{AnswerKey, Tx};
use weal_wire::peer::{
    ANSWER_BYTES_MAX, AnswerMessage, BudgetLeft, Exact, LedgerProof, PreviewMessage, QuestionMessage,
};

use super::Slot;
use super::accounts::charge_of;
use crate::acts::exchange::{Cost, Using};
use crate::acts::sha256_hex;
use crate::fault::{Error, Fault, Result};
use crate::house::House;

/// The last moment at which an answer leaves by the steps, well before its asker gives up
/// ([`crate::peers::QUESTION_TIME_MAX`]). Turns and computing end before.
const ANSWER_LEAVES_AFTER_MAX: Duration = Duration::from_secs(115);

/// A question that is paid for, on its way to an answer.
struct Paid {
    permit: Permit<Statistics>,
    key: AnswerKey,
    /// What was left before it.
    before: Loss,
    arrived: Instant,
}

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
    /// the use sealed before the answer leaves (`GT-2`). What was asked and paid for before is given again, free.
    ///
    /// Once it is paid it runs to its end whether the asker still listens or not. What goes wrong while it is
    /// computed is one and the same refusal, since a reason could depend on the data; and after a few of those
    /// the consumer asks nothing more about this product for an hour ([`super::Unanswered`]).
    pub async fn answer_question(
        self: &Arc<Self>,
        using: Using,
        message: QuestionMessage,
    ) -> Result<AnswerMessage> {
        let arrived = Instant::now();
        let preview = self.plan(&using, &message).await?;
        let key = key_of(&using, &message, preview.loss)?;
        if let Some(answer) = self.refused(&using, self.answer_again(&using, &key).await).await? {
            return Ok(answer);
        }
        // Before anything is charged: whoever waits too long has lost nothing.
        let mut slot = self.slot_for(&using).await?;
        let turn = self.engine.turn().await?;
        let reserved = self.reserve(&using, &preview).await;
        let (permit, before) = self.refused(&using, reserved).await?;
        slot.charged();
        let paid = Paid { permit, key, before, arrived };
        let house = Arc::clone(self);
        let answering = tokio::spawn(async move {
            let answer = house.answer_paid(&using, &message, paid, turn).await;
            // Whatever else becomes of it, a panic too, it is counted as not answered.
            if !matches!(&answer, Err(Error::Fault(_))) {
                slot.answered();
            }
            answer
        });
        let answer = answering
            .await
            .unwrap_or_else(|cause| Err(Fault::new("answering a paid question", cause).into()));
        answer.map_err(|cause| match cause {
            Error::Fault(cause) => {
                self.metrics.question_unanswered();
                tracing::error!(%cause, "a paid question could not be answered");
                unanswered().into()
            }
            refused @ Error::Refused(_) => refused,
        })
    }

    /// The answer that was given to this very question under this agreement before: the same numbers, so that
    /// they cost nothing, and a use of its own all the same.
    async fn answer_again(&self, using: &Using, key: &AnswerKey) -> Result<Option<AnswerMessage>> {
        let Some(text) = self.store.read("compute.kept").await?.kept_answer(key).await? else {
            return Ok(None);
        };
        let answer: Exact<Answer> = Exact::parse(&text, ANSWER_BYTES_MAX)
            .map_err(|cause| Fault::new("reading an answer that was kept", cause))?;
        let mut tx = self.store.write("compute.again").await?;
        let permit = self.open_gate::<Statistics>(&mut tx, using, Cost::PaidBefore).await?;
        let charge = charge_of(using, permit.grant());
        tx.put_budget_event(&using.product.name, BudgetMove::Repeated { charge }, self.clock.now()).await?;
        let receipt = self.receipt(permit.grant(), using, Some(sha256_hex(answer.text())), Loss::ZERO);
        let left = self.left_for(&mut tx, using).await?;
        self.seal_answer(tx, using, answer, receipt, left).await.map(Some)
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
        paid: Paid,
        turn: Turn,
    ) -> Result<AnswerMessage> {
        let (member, loss) = (&self.config.node.name, paid.key.loss);
        let computing =
            self.engine.answer(&paid.permit, &message.sql, &using.product, member, &using.source, loss);
        let computed = match AssertUnwindSafe(computing).catch_unwind().await {
            Ok(computed) => computed.map_err(|cause| Fault::new("answering a paid question", cause)),
            Err(_) => Err(Fault::new("answering a paid question", "it panicked")),
        };
        drop(turn);
        // Before anything is sealed: the entry's time leaves too, with its proof.
        self.until_it_may_leave(paid.arrived).await;
        match computed {
            Ok(answer) => self.release_answer(using, paid, answer).await,
            Err(cause) => {
                let mut tx = self.store.write("compute.settle").await?;
                tx.settle(&paid.permit.grant().use_id).await?;
                tx.commit().await?;
                Err(cause.into())
            }
        }
    }

    /// What a question leads to leaves at moments that are the same whatever the data: how long it took says no
    /// more than between which two of them it was done.
    async fn until_it_may_leave(&self, arrived: Instant) {
        let step = Duration::from_millis(self.config.limits.answer_step_ms);
        let moment = leaves_at(step, ANSWER_LEAVES_AFTER_MAX, arrived.elapsed());
        tokio::time::sleep_until(arrived + moment).await;
    }

    async fn reserve(&self, using: &Using, preview: &Preview) -> Result<(Permit<Statistics>, Loss)> {
        let loss = preview.loss;
        let mut tx = self.store.write("compute.reserve").await?;
        let accounts = self.ready_accounts(&mut tx, using).await?;
        let permit = self.open_gate::<Statistics>(&mut tx, using, Cost::Loss(loss)).await?;
        let before = self.left_for(&mut tx, using).await?;
        let (use_id, product, now) = (&permit.grant().use_id, &using.product.name, self.clock.now());
        let names: Vec<String> = accounts.iter().map(ToString::to_string).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        if let Err(overdrawn) = tx.reserve(use_id, &names, loss, now).await? {
            // The gate has just found room, so only a broken invariant leads here.
            self.metrics.invariant_broken();
            return Err(overdrawn.budget.exhausted(loss).into());
        }
        let (charge, releases) = (charge_of(using, permit.grant()), preview.releases.clone());
        let fact = Fact::BudgetReserved {
            use_id: use_id.clone(),
            product: product.clone(),
            loss,
            charge: Some(charge.clone()),
            releases: releases.clone(),
        };
        self.remember(&mut tx, &self.actor(None), vec![fact]).await?;
        tx.put_budget_event(product, BudgetMove::Spent { charge, loss, releases }, now).await?;
        tx.commit().await?;
        Ok((permit, before))
    }

    async fn release_answer(&self, using: &Using, paid: Paid, answer: Answer) -> Result<AnswerMessage> {
        let Paid { permit, key, before, .. } = paid;
        let answer = Exact::new(answer);
        let receipt = self.receipt(permit.grant(), using, Some(sha256_hex(answer.text())), key.loss);
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
        tx.keep_answer(&key, answer.text()).await?;
        self.seal_answer(tx, using, answer, receipt, before).await
    }

    /// `GT-2`: seals the use and commits; the answer may leave with what this returns.
    async fn seal_answer(
        &self,
        mut tx: Tx,
        using: &Using,
        answer: Exact<Answer>,
        receipt: Exact<Receipt>,
        before: Loss,
    ) -> Result<AnswerMessage> {
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
}

/// The same question: the same text as far as it matters, about the same version, at the same loss, under the
/// same agreement.
fn key_of(using: &Using, message: &QuestionMessage, loss: Loss) -> Result<AnswerKey> {
    Ok(AnswerKey {
        agreement: using.agreement.id.clone(),
        version: using.product.version,
        question_sha256: sha256_hex(weal_engine::same_question(&message.sql)?),
        loss,
    })
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
