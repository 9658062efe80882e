//! What persons say in a negotiation: offer, accept, offer something else, end it, try again.

use weal_domain::Refusal;
use weal_domain::agreements::negotiation::{Event, Move};
use weal_domain::agreements::{
    LegalBasis, Negotiation, Proposal, Purpose, Request, Side, accepts, narrow, policy_of_terms,
};
use weal_domain::catalogue::{Offer, OfferId};
use weal_domain::governance::good_standing;
use weal_domain::identity::{Act, Person};
use weal_store::Tx;

use super::answer::offer_unknown;
use super::negotiation_unknown;
use super::request::one_legal_basis;
use crate::api::Propose;
use crate::fault::Result;
use crate::house::House;
use crate::http::catalogue::CALLBACK_PATH;

/// What somebody must be allowed to do in order to speak for a side.
pub(super) fn act_of(side: Side) -> Act {
    match side {
        Side::Provider => Act::Approve,
        Side::Consumer => Act::Request,
    }
}

impl House {
    /// Any message that the state of the negotiation allows, as a person's own decision.
    pub async fn say(&self, by: &Person, own_pid: &str, message: Move) -> Result<Negotiation> {
        let mut tx = self.store.write("agreements.say").await?;
        let (negotiation, revision) = tx.negotiation(own_pid).await?.ok_or_else(negotiation_unknown)?;
        let role = self.require_act(by, act_of(negotiation.side))?;
        let step = negotiation.on(Event::Intend(message), self.clock.now())?;
        let next = step.next.clone();
        self.keep_negotiation(&mut tx, step, revision, Some((by, role))).await?;
        tx.commit().await?;
        self.wakers.ring(own_pid);
        Ok(next)
    }

    /// Says yes to what the provider has offered.
    pub async fn accept_offer(&self, by: &Person, own_pid: &str) -> Result<Negotiation> {
        self.say(by, own_pid, Move::Accept).await
    }

    /// Ends a negotiation that is not over, whoever waits for whom.
    pub async fn end_negotiation(&self, by: &Person, own_pid: &str, reason: &str) -> Result<Negotiation> {
        let reason = reason.trim();
        if reason.is_empty() {
            return Err(Refusal::invalid(
                "reason-needed",
                "An end needs a reason that the other side can read.",
            )
            .remedy("Say in one sentence why.")
            .into());
        }
        let message = Move::Terminate { code: "ended-by-a-person".into(), reason: reason.to_owned() };
        self.say(by, own_pid, message).await
    }

    /// Puts another offer of ours on the table, for the purpose that was asked for.
    pub async fn offer_instead(&self, by: &Person, own_pid: &str, offer: &OfferId) -> Result<Negotiation> {
        let mut tx = self.store.read("agreements.instead").await?;
        let (negotiation, _) = tx.negotiation(own_pid).await?.ok_or_else(negotiation_unknown)?;
        let asked = &negotiation.proposal;
        let (Some(purpose), Some(legal_basis)) = (&asked.purpose, &asked.legal_basis) else {
            return Err(Refusal::conflict(
                "purpose-unsaid",
                "The request names no purpose and no legal basis, so nothing can be offered for them.",
            )
            .into());
        };
        let offer = offer_that_stands(&mut tx, offer).await?;
        let proposal = self.proposal_of(&mut tx, &offer, purpose, legal_basis).await?;
        drop(tx);
        self.say(by, own_pid, Move::Offer { proposal: Box::new(proposal) }).await
    }

    /// Begins a negotiation with an offer of ours that nobody asked for. Accepted, it is an agreement.
    pub async fn propose(&self, by: &Person, propose: Propose) -> Result<Negotiation> {
        self.require_act(by, Act::Approve)?;
        let mut tx = self.store.read("agreements.propose").await?;
        let offer = offer_that_stands(&mut tx, &propose.offer).await?;
        let legal_basis = one_legal_basis(&offer, propose.legal_basis)?;
        let proposal = self.proposal_of(&mut tx, &offer, &propose.purpose, &legal_basis).await?;
        let offers = tx.offers_of(&offer.product).await?;
        good_standing(tx.member(&propose.member).await?.as_ref(), &propose.member)?;
        drop(tx);
        // What we would refuse if they asked for it is not offered to them.
        accepts(&Request {
            offer: &offer,
            offers: &offers,
            proposal: &proposal,
            consumer: &propose.member,
            charter: &self.charter()?,
            now: self.clock.now(),
        })?;
        let address = match propose.callback {
            Some(address) => address,
            None => format!("{}{CALLBACK_PATH}", self.peers.origin(&propose.member)?),
        };
        let pid = self.open_negotiation(by, Side::Provider, &propose.member, &address, proposal).await?;
        self.negotiation(&pid).await
    }

    async fn proposal_of(
        &self,
        tx: &mut Tx,
        offer: &Offer,
        purpose: &Purpose,
        legal_basis: &LegalBasis,
    ) -> Result<Proposal> {
        let product = tx.product(&offer.product).await?.ok_or_else(|| offer_unknown(&offer.id))?.product;
        let terms = narrow(offer, purpose, legal_basis)?;
        Ok(Proposal {
            offer: offer.id.clone(),
            dataset: product.dataset(&self.did),
            policy: policy_of_terms(offer.mode, &terms),
            mode: Some(offer.mode),
            terms: Some(terms),
            purpose: Some(purpose.clone()),
            legal_basis: Some(legal_basis.clone()),
        })
    }

    /// Sends at once what waits to be sent again; where the peer refused it, decides anew.
    pub async fn retry_negotiation(&self, by: &Person, own_pid: &str) -> Result<Negotiation> {
        let mut tx = self.store.write("agreements.retry").await?;
        let (negotiation, revision) = tx.negotiation(own_pid).await?.ok_or_else(negotiation_unknown)?;
        let role = self.require_act(by, act_of(negotiation.side))?;
        let next = match &negotiation.talk.awaiting_ack {
            Some(notice) => {
                let key = format!("{own_pid}#{}", notice.turn);
                tx.wake_job(&key, self.clock.now()).await?;
                negotiation
            }
            None => {
                let own = self.own_move(&mut tx, &negotiation).await?.ok_or_else(|| {
                    Refusal::conflict("nothing-to-retry", "Nothing of ours waits to be sent here.")
                        .remedy("See what the negotiation waits for; it can be ended.")
                })?;
                let step = negotiation.on(Event::Intend(own), self.clock.now())?;
                let next = step.next.clone();
                self.keep_negotiation(&mut tx, step, revision, Some((by, role))).await?;
                next
            }
        };
        tx.commit().await?;
        // What waited in the outbox is due now.
        self.wakers.outbox.notify_one();
        self.wakers.ring(own_pid);
        Ok(next)
    }
}

async fn offer_that_stands(tx: &mut Tx, id: &OfferId) -> Result<Offer> {
    let offer = tx.offer(id).await?.filter(|offer| offer.withdrawn_at.is_none());
    Ok(offer.ok_or_else(|| offer_unknown(id))?)
}
