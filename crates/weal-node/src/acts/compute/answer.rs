//! The owner's side of a private question: preview, reserve, compute, seal, release.

use std::collections::BTreeSet;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt as _;
use tokio::time::Instant;
use weal_domain::agreements::Side;
use weal_domain::compute::{Answer, BudgetMove, Loss, LossCut, Preview, leaves_at};
use weal_domain::governance::good_standing;
use weal_domain::ledger::Fact;
use weal_domain::{Refusal, RefusalKind};
use weal_engine::Turn;
use weal_store::{AnswerKey, Tx};
use weal_wire::peer::{
    ANSWER_BYTES_MAX, AlsoUsed, AnswerMessage, BudgetLeft, Exact, LedgerProof, PreviewMessage,
    QuestionMessage,
};

use super::Slot;
use super::accounts::charge_of;
use super::together::{Opened, Stopped, Together, is_private};
use crate::acts::exchange::{Cost, Using};
use crate::acts::sha256_hex;
use crate::fault::{Error, Fault, Result};
use crate::house::House;

/// The last moment at which an answer leaves by the steps, well before its asker gives up
/// ([`crate::peers::QUESTION_TIME_MAX`]). Turns and computing end before.
const ANSWER_LEAVES_AFTER_MAX: Duration = Duration::from_secs(115);

/// A question that is paid for, on its way to an answer.
struct Paid {
    /// In the order of its products; so is what was left of each before it.
    opened: Vec<Opened>,
    before: Vec<Option<Loss>>,
    key: AnswerKey,
    /// Where more was asked for than the owner allows.
    cut: Option<LossCut>,
    arrived: Instant,
}

impl House {
    /// What a question would cost. Reads no data, costs nothing.
    pub async fn preview_question(
        &self,
        together: &Together,
        message: &QuestionMessage,
    ) -> Result<PreviewMessage> {
        let preview = self.plan(together, message).await?;
        let key = key_of(together, message, preview.loss)?;
        let mut tx = self.store.read("compute.preview").await?;
        // That a colleague asked this is nobody's business to whom the answer would not be given again.
        let may_have_it = self.would_open_gates(&mut tx, together, Cost::PaidBefore).await?;
        let given_before = may_have_it && tx.is_answer_kept(&key).await?;
        let price = if given_before { Loss::ZERO } else { preview.loss };
        let left = self.left_for_each(&mut tx, together).await?;
        let usual = together.all().map(usual_price);
        let budget = |before: Loss, usual: Option<Loss>| BudgetLeft {
            before,
            after: before.saturating_sub(price),
            usual,
        };
        let mut budgets =
            left.into_iter().zip(usual).map(|(left, usual)| left.map(|before| budget(before, usual)));
        // An agreement for rows is refused by the gate; a preview asks none.
        let budget = budgets.next().flatten().unwrap_or_else(|| budget(Loss::ZERO, None));
        Ok(PreviewMessage { budget, also: budgets.collect(), preview, given_before })
    }

    async fn plan(&self, together: &Together, message: &QuestionMessage) -> Result<Preview> {
        let (products, member) = (together.covered(), self.config.node.name.clone());
        let sql = message.sql.clone();
        Ok(self.engine.preview_about_in_turn(sql, products, member, message.loss).await?)
    }

    /// What is left for the question of each product; `None` where nothing is charged.
    async fn left_for_each(&self, tx: &mut Tx, together: &Together) -> Result<Vec<Option<Loss>>> {
        let mut left = Vec::new();
        for using in together.all() {
            left.push(match is_private(&using.agreement) {
                true => Some(self.left_for(tx, using).await?),
                false => None,
            });
        }
        Ok(left)
    }

    /// Answers a private question. The budget is durably reserved before any noise is drawn (`BU-2`), and
    /// the use sealed before the answer leaves (`GT-2`). What was asked and paid for before is given again, free.
    ///
    /// Once it is paid it runs to its end whether the asker still listens or not. What goes wrong while it is
    /// computed is one and the same refusal, since a reason could depend on the data; and after a few of those
    /// the consumer asks nothing more about these products for an hour ([`super::Unanswered`]).
    pub async fn answer_question(
        self: &Arc<Self>,
        together: Together,
        message: QuestionMessage,
    ) -> Result<AnswerMessage> {
        let arrived = Instant::now();
        let preview = self.plan(&together, &message).await?;
        let key = key_of(&together, &message, preview.loss)?;
        let again = self.answer_again(&together, &key, preview.cut.clone()).await?;
        if let Some(answer) = self.unless_stopped(&together, again).await? {
            return Ok(answer);
        }
        // Before anything is charged: whoever waits too long has lost nothing.
        let mut slots = self.slots_for(&together).await?;
        let turn = self.engine.turn().await?;
        let reserved = self.reserve(&together, &preview).await?;
        let (opened, before) = self.unless_stopped(&together, reserved).await?;
        slots.iter_mut().for_each(Slot::charged);
        let paid = Paid { opened, before, key, cut: preview.cut, arrived };
        let house = Arc::clone(self);
        let answering = tokio::spawn(async move {
            let answer = house.answer_paid(&together, &message, paid, turn).await;
            // Whatever else becomes of it, a panic too, it is counted as not answered.
            if !matches!(&answer, Err(Error::Fault(_))) {
                slots.into_iter().for_each(Slot::answered);
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

    /// The answer that was given to this very question under these agreements before: the same numbers, so that
    /// they cost nothing, and a use of its own all the same.
    async fn answer_again<'a>(
        &self,
        together: &'a Together,
        key: &AnswerKey,
        cut: Option<LossCut>,
    ) -> Result<Result<Option<AnswerMessage>, Stopped<'a>>> {
        let Some(text) = self.store.read("compute.kept").await?.kept_answer(key).await? else {
            return Ok(Ok(None));
        };
        let answer: Exact<Answer> = Exact::parse(&text, ANSWER_BYTES_MAX)
            .map_err(|cause| Fault::new("reading an answer that was kept", cause))?;
        let mut tx = self.store.write("compute.again").await?;
        let opened = match self.open_gates(&mut tx, together, Cost::PaidBefore).await {
            Ok(opened) => opened,
            Err(stopped) => return Ok(Err(stopped)),
        };
        for (using, opened) in together.all().zip(&opened).filter(|(using, _)| is_private(&using.agreement)) {
            let charge = charge_of(using, opened.grant());
            tx.put_budget_event(&using.product.name, BudgetMove::Repeated { charge }, self.clock.now())
                .await?;
        }
        let left = self.left_for_each(&mut tx, together).await?;
        let answer = self.seal_answer(tx, together, (&opened, left), answer, Loss::ZERO).await?;
        Ok(Ok(Some(AnswerMessage { cut, ..answer })))
    }

    /// A slot for each product that is charged, in the order of their names: two questions never wait for each
    /// other.
    async fn slots_for(&self, together: &Together) -> Result<Vec<Slot>> {
        let wait_max = self.engine.limits().turn_wait_max;
        let consumer = &together.lead().asking.consumer;
        let products: BTreeSet<_> = together.private().map(|using| &using.product.name).collect();
        let mut slots = Vec::new();
        for product in products {
            let slot = self.doors.unanswered.slot(consumer, product, self.clock.now(), wait_max).await;
            if slot.as_ref().is_err_and(|refusal| refusal.code == "too-many-unanswered") {
                self.metrics.question_not_taken();
                tracing::warn!(%consumer, %product, "too many paid questions could not be answered; no more are taken");
            }
            slots.push(slot?);
        }
        Ok(slots)
    }

    /// Computes and releases. A fault says that the question could not be answered; its cause may depend on the
    /// data.
    async fn answer_paid(
        &self,
        together: &Together,
        message: &QuestionMessage,
        paid: Paid,
        turn: Turn,
    ) -> Result<AnswerMessage> {
        let (member, loss) = (&self.config.node.name, paid.key.loss);
        let permitted = together.permitted(&paid.opened);
        let computing = self.engine.answer_about(&permitted, &message.sql, member, loss);
        let computed = match AssertUnwindSafe(computing).catch_unwind().await {
            Ok(computed) => computed.map_err(|cause| Fault::new("answering a paid question", cause)),
            Err(_) => Err(Fault::new("answering a paid question", "it panicked")),
        };
        drop(turn);
        // Before anything is sealed: the entry's time leaves too, with its proof.
        self.until_it_may_leave(paid.arrived).await;
        match computed {
            Ok(answer) => self.release_answer(together, paid, answer).await,
            Err(cause) => {
                let mut tx = self.store.write("compute.settle").await?;
                settle(&mut tx, &paid.opened).await?;
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

    /// Charges every product the whole loss, in one transaction: all of them or none. With it what was left of each
    /// before.
    async fn reserve<'a>(
        &self,
        together: &'a Together,
        preview: &Preview,
    ) -> Result<Result<(Vec<Opened>, Vec<Option<Loss>>), Stopped<'a>>> {
        let loss = preview.loss;
        let mut tx = self.store.write("compute.reserve").await?;
        let mut accounts = Vec::new();
        for using in together.private() {
            accounts.push(self.ready_accounts(&mut tx, using).await?);
        }
        let opened = match self.open_gates(&mut tx, together, Cost::Loss(loss)).await {
            Ok(opened) => opened,
            Err(stopped) => return Ok(Err(stopped)),
        };
        let before = self.left_for_each(&mut tx, together).await?;
        let permits = together.all().zip(&opened).filter(|(using, _)| is_private(&using.agreement));
        for ((using, opened), accounts) in permits.zip(accounts) {
            let (use_id, product, now) = (&opened.grant().use_id, &using.product.name, self.clock.now());
            let names: Vec<String> = accounts.iter().map(ToString::to_string).collect();
            let names: Vec<&str> = names.iter().map(String::as_str).collect();
            if let Err(overdrawn) = tx.reserve(use_id, &names, loss, now).await? {
                // The gate has just found room, so only a broken invariant leads here.
                self.metrics.invariant_broken();
                return Ok(Err(Stopped { by: using, cause: overdrawn.budget.exhausted(loss).into() }));
            }
            let (charge, releases) = (charge_of(using, opened.grant()), preview.releases.clone());
            let fact = Fact::BudgetReserved {
                use_id: use_id.clone(),
                product: product.clone(),
                loss,
                charge: Some(charge.clone()),
                releases: releases.clone(),
            };
            self.remember(&mut tx, &self.actor(None), vec![fact]).await?;
            tx.put_budget_event(product, BudgetMove::Spent { charge, loss, releases }, now).await?;
        }
        tx.commit().await?;
        Ok(Ok((opened, before)))
    }

    async fn release_answer(&self, together: &Together, paid: Paid, answer: Answer) -> Result<AnswerMessage> {
        let Paid { opened, key, before, cut, .. } = paid;
        let answer = Exact::new(answer);
        let mut tx = self.store.write("compute.release").await?;
        // Noise has been drawn, so it is paid whatever follows.
        settle(&mut tx, &opened).await?;
        // `GT-3`: an agreement revoked while the answer was computed releases nothing.
        if let Err(stopped) = self.still_agreed(&mut tx, together).await? {
            tx.commit().await?;
            return self.unless_stopped(together, Err(stopped)).await;
        }
        tx.keep_answer(&key, answer.text()).await?;
        let answer = self.seal_answer(tx, together, (&opened, before), answer, key.loss).await?;
        Ok(AnswerMessage { cut, ..answer })
    }

    async fn still_agreed<'a>(&self, tx: &mut Tx, together: &'a Together) -> Result<Result<(), Stopped<'a>>> {
        for using in together.all() {
            let agreement = tx.agreement(&using.agreement.id).await?;
            let gone = || Refusal::not_found("agreement-unknown", "There is no such agreement any more.");
            let still = agreement.ok_or_else(gone).and_then(|agreement| agreement.in_force(self.clock.now()));
            let member = tx.member(&using.asking.consumer).await?;
            let still = still.and_then(|()| good_standing(member.as_ref(), &using.asking.consumer));
            if let Err(refusal) = still {
                return Ok(Err(Stopped { by: using, cause: refusal.into() }));
            }
        }
        Ok(Ok(()))
    }

    /// `GT-2`: seals the use of every product and commits; the answer may leave with what this returns. With
    /// `before`, what was left of each before the question.
    async fn seal_answer(
        &self,
        mut tx: Tx,
        together: &Together,
        (opened, before): (&[Opened], Vec<Option<Loss>>),
        answer: Exact<Answer>,
        price: Loss,
    ) -> Result<AnswerMessage> {
        let answered = sha256_hex(answer.text());
        let mut sealed = Vec::new();
        for (using, opened) in together.all().zip(opened) {
            let receipt = self.receipt(opened.grant(), using, Some(answered.clone()), opened.paid(price));
            let index = self.seal_use(&mut tx, Side::Provider, receipt.value(), None).await?;
            sealed.push((receipt, index));
        }
        let after = self.left_for_each(&mut tx, together).await?;
        let mut uses = Vec::new();
        let usual = together.all().map(usual_price);
        for (((receipt, index), left), usual) in
            sealed.into_iter().zip(before.into_iter().zip(after)).zip(usual)
        {
            let ledger = self.proven(&mut tx, index).await?;
            let budget = left.0.zip(left.1).map(|(before, after)| BudgetLeft { before, after, usual });
            uses.push(AlsoUsed { receipt, ledger, budget });
        }
        tx.commit().await?;
        let mut uses = uses.into_iter();
        let AlsoUsed { receipt, ledger, budget } =
            uses.next().ok_or_else(|| Fault::new("sealing an answer", "it has no use"))?;
        let nothing = BudgetLeft { before: Loss::ZERO, after: Loss::ZERO, usual: None };
        let budget = budget.unwrap_or(nothing);
        Ok(AnswerMessage { answer, receipt, ledger, budget, cut: None, also: uses.collect() })
    }

    async fn proven(&self, tx: &mut Tx, index: u64) -> Result<LedgerProof> {
        let proof = self.proof_in(tx, index).await?;
        let sealed =
            tx.entry(index).await?.ok_or_else(|| Fault::new("proving a use", "its entry is missing"))?;
        let nonce = weal_trust::encoding::hex(sealed.nonce.bytes());
        Ok(LedgerProof { index, proof, nonce, body: sealed.body })
    }
}

/// What a question about the product costs where it asks for nothing else.
fn usual_price(using: &Using) -> Option<Loss> {
    using.product.privacy.as_ref().map(|policy| policy.question_loss_default)
}

/// What was reserved for a question is spent now, of every product.
async fn settle(tx: &mut Tx, opened: &[Opened]) -> Result<()> {
    for opened in opened {
        tx.settle(&opened.grant().use_id).await?;
    }
    Ok(())
}

/// The same question: the same text as far as it matters, about the same versions, at the same loss, under the
/// same agreements.
fn key_of(together: &Together, message: &QuestionMessage, loss: Loss) -> Result<AnswerKey> {
    let lead = together.lead();
    Ok(AnswerKey {
        agreement: lead.agreement.id.clone(),
        version: lead.product.version,
        question_sha256: sha256_hex(weal_engine::same_question(&message.sql)? + &together.mark()),
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
