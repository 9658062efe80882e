//! From a request to an agreement that both sides hold, and its end.
//!
//! Both sides run the same machine (`weal_domain::agreements::Negotiation`). What a step decides is saved,
//! remembered and enqueued in one transaction by `House::keep_negotiation`; the outbox carries it.

mod answer;
mod deliver;
mod receive;
mod request;
mod revoke;
mod say;
mod show;

use weal_domain::agreements::negotiation::{AgreementChange, Event, Move, Step};
use weal_domain::agreements::{Agreement, AgreementStatus, Conclusion, Negotiation, NegotiationState, Side};
use weal_domain::catalogue::Terms;
use weal_domain::identity::{Person, Role};
use weal_domain::ledger::Fact;
use weal_domain::{Refusal, RefusalKind};
use weal_store::Tx;

pub use answer::{refusal_of_words, words_of_refusal};
pub(crate) use deliver::agreement_text;
pub(crate) use revoke::agreement_unknown;
pub use show::LIST_MAX;

use super::json_sha256;
use crate::drivers::JOB_NEGOTIATION;
use crate::fault::{Fault, Result};
use crate::house::House;
use crate::seams::Moves;

/// The account from which one agreement's questions are paid.
#[must_use]
pub fn agreement_account(agreement: &weal_domain::agreements::AgreementId) -> String {
    weal_domain::compute::Account::Agreement(agreement.clone()).to_string()
}

impl House {
    /// Saves a step: state, ledger, agreement and outgoing messages, all in the caller's transaction.
    async fn keep_negotiation(
        &self,
        tx: &mut Tx,
        step: Step,
        revision: u64,
        by: Option<(&Person, Role)>,
    ) -> Result<u64> {
        let revision = tx.put_negotiation(&step.next, revision).await?;
        if let Some(change) = step.agreement {
            self.keep_agreement(tx, change).await?;
        }
        self.remember(tx, &self.actor(by), step.remember).await?;
        let of = (step.next.own_pid.as_str(), &step.next.peer);
        self.tell(tx, JOB_NEGOTIATION, of, &step.tell).await?;
        Ok(revision)
    }

    async fn keep_agreement(&self, tx: &mut Tx, change: AgreementChange) -> Result<()> {
        match change {
            AgreementChange::Made(agreement) => {
                let policy_sha256 = json_sha256(&agreement.policy)?;
                tx.put_agreement(&agreement, &policy_sha256).await?;
                let fact = Fact::AgreementMade {
                    agreement: agreement.id.clone(),
                    side: agreement.side,
                    peer: agreement.peer().clone(),
                    product: agreement.product.clone(),
                    mode: agreement.mode,
                    purpose: agreement.purpose.clone(),
                    legal_basis: agreement.legal_basis.clone(),
                    policy_sha256,
                };
                self.remember(tx, &self.actor(None), vec![fact]).await?;
            }
            AgreementChange::InForce(id) => {
                let agreement = tx.agreement(&id).await?.ok_or_else(|| missing("agreement"))?.finalized();
                if agreement.side == Side::Provider
                    && let Some(budget) = agreement.terms.budget
                {
                    tx.grant(&agreement_account(&id), budget).await?;
                }
                tx.put_agreement(&agreement, &json_sha256(&agreement.policy)?).await?;
            }
            AgreementChange::Void(id) => {
                if let Some(agreement) = tx.agreement(&id).await? {
                    let revoked = agreement.revoke(
                        &self.did,
                        "node",
                        "The negotiation was terminated before the agreement came into force.",
                        self.clock.now(),
                    );
                    // A person may have revoked it before; theirs is the word that stands.
                    if matches!(&revoked, Err(refusal) if refusal.kind == RefusalKind::Conflict) {
                        return Ok(());
                    }
                    let (ended, _) = revoked?;
                    tx.put_agreement(&ended, &json_sha256(&ended.policy)?).await?;
                }
            }
        }
        Ok(())
    }

    /// Saves a step, and what this side answers to it without asking a person.
    async fn keep_and_go_on(&self, tx: &mut Tx, step: Step, revision: u64) -> Result<Negotiation> {
        let next = step.next.clone();
        let revision = self.keep_negotiation(tx, step, revision, None).await?;
        let Some(own) = self.own_move(tx, &next).await? else { return Ok(next) };
        let step = next.on(Event::Intend(own), self.clock.now())?;
        let next = step.next.clone();
        self.keep_negotiation(tx, step, revision, None).await?;
        Ok(next)
    }

    /// What this side does next by itself; `None` where it waits, or where a person decides.
    async fn own_move(&self, tx: &mut Tx, negotiation: &Negotiation) -> Result<Option<Move>> {
        if self.moves == Moves::ByHand || !negotiation.waits_for_us() {
            return Ok(None);
        }
        if let Some(id) = &negotiation.agreement
            && let Some(agreement) = tx.agreement(id).await?
            && let AgreementStatus::Revoked { reason, .. } = agreement.status
        {
            // Nothing comes into force any more, so the other side is not left waiting for it.
            return Ok(Some(Move::Terminate { code: "agreement-revoked".to_owned(), reason }));
        }
        Ok(match (negotiation.side, negotiation.state) {
            (Side::Provider, NegotiationState::Requested) => self.answer_request(tx, negotiation).await?,
            // A steward has offered just this, and has not to say it twice.
            (Side::Provider, NegotiationState::Accepted) => Some(self.keep_word(tx, negotiation).await?),
            (Side::Provider, NegotiationState::Verified) => Some(Move::Finalize),
            (Side::Consumer, NegotiationState::Agreed) => Some(Move::Verify),
            // An offer made to us is for people.
            _ => None,
        })
    }

    /// The agreement that the proposal on the table makes, as the provider signs it.
    async fn conclude(&self, tx: &mut Tx, negotiation: &Negotiation, terms: Terms) -> Result<Agreement> {
        let offer = tx.offer(&negotiation.proposal.offer).await?.ok_or_else(|| missing("offer"))?;
        let id = self.entropy.urn()?.parse().map_err(|cause| Fault::new("making an agreement id", cause))?;
        let mode = negotiation.proposal.mode.ok_or_else(|| missing("mode of the proposal"))?;
        let conclusion = Conclusion {
            id,
            side: Side::Provider,
            provider: self.did.clone(),
            consumer: negotiation.peer.clone(),
            dataset: negotiation.proposal.dataset.clone(),
            product: offer.product,
            mode,
            terms,
            policy: negotiation.proposal.policy.clone(),
            agreed_at: self.clock.now(),
        };
        Ok(Agreement::conclude(conclusion)?)
    }
}

fn missing(what: &'static str) -> Fault {
    Fault::new("continuing a negotiation", format!("the {what} is missing"))
}

/// There is no such negotiation, or none this caller may know of: one answer for both.
fn negotiation_unknown() -> Refusal {
    Refusal::not_found("negotiation-unknown", "There is no negotiation of yours with this identifier.")
}
