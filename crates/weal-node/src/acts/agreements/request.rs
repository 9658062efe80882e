//! Asking for an agreement, and waiting for the other side a little.

use std::time::Duration;

use weal_domain::Refusal;
use weal_domain::agreements::negotiation::Opening;
use weal_domain::agreements::{
    LegalBasis, Negotiation, NegotiationState, Proposal, Purpose, Side, mode_not_offered, narrow,
    policy_of_terms,
};
use weal_domain::catalogue::{CatalogueEntry, Mode, Offer};
use weal_domain::identity::{Act, Did, Person, Role};

use super::say::act_of;
use super::{LIST_MAX, refusal_of_words};
use crate::api::{RequestAgreement, Requested};
use crate::fault::Result;
use crate::house::House;
use crate::http::catalogue::DSP_PATH;

/// How long `weal request` waits where nothing else is said.
const WAIT_MS_DEFAULT: u64 = 5_000;
const WAIT_MS_MAX: u64 = 60_000;

impl House {
    /// Negotiates for a product on one rung, for one purpose, and waits for the outcome.
    pub async fn request_agreement(&self, by: &Person, request: RequestAgreement) -> Result<Requested> {
        let role = self.require_act(by, Act::Request)?;
        let entry = self.entry_of(&request.product).await?;
        let offer = self.offer_for(&entry, request.mode)?;
        self.check_purpose(&request.purpose)?;
        let legal_basis = one_legal_basis(&offer, request.legal_basis)?;
        let pid = self
            .begin_request((by, role), &entry.did, &entry.dataset, &offer, &request.purpose, &legal_basis)
            .await?;
        let wait = Duration::from_millis(request.wait_ms.unwrap_or(WAIT_MS_DEFAULT).min(WAIT_MS_MAX));
        let negotiation = self.wait_for_negotiation(&pid, wait).await?;
        self.outcome(negotiation).await
    }

    /// Refuses where the same was requested for the same purpose and is not decided yet. A person who asks again
    /// has forgotten the first time; a program knows what it does.
    pub async fn check_not_requested(&self, dataset: &str, mode: Mode, purpose: &Purpose) -> Result<()> {
        let standing = self.store.read("agreements.requested").await?.negotiations(LIST_MAX).await?;
        let open = standing.iter().map(|(one, _)| one).find(|one| {
            let asked = &one.proposal;
            let is_same = asked.dataset == dataset && asked.mode == Some(mode);
            one.side == Side::Consumer
                && !one.state.is_final()
                && is_same
                && asked.purpose.as_ref() == Some(purpose)
        });
        let Some(open) = open else { return Ok(()) };
        Err(Refusal::conflict(
            "request-open",
            "You have requested this already, for the same purpose, and it is not decided yet.",
        )
        .remedy(format!("See `weal negotiations {}`.", open.own_pid))
        .into())
    }

    fn offer_for(&self, entry: &CatalogueEntry, mode: Mode) -> Result<Offer, Refusal> {
        if entry.did == self.did {
            return Err(Refusal::conflict(
                "own-product",
                "This product is your own; you need no agreement to use it.",
            ));
        }
        // An offer that names us is nearer than one for everyone; an offer for others is still asked for, so
        // that its owner gives the answer.
        let mut offers: Vec<&Offer> = entry.offers.iter().filter(|offer| offer.mode == mode).collect();
        offers.sort_by_key(|offer| {
            let named = offer.terms.recipients.contains(&self.did);
            (!(named || offer.terms.recipients.is_empty()), !named)
        });
        let nearest = offers.first().copied().cloned();
        nearest
            .ok_or_else(|| mode_not_offered(&entry.title, mode, &entry.offers, &self.did, self.clock.now()))
    }

    async fn begin_request(
        &self,
        by: (&Person, Role),
        provider: &Did,
        dataset: &str,
        offer: &Offer,
        purpose: &Purpose,
        legal_basis: &LegalBasis,
    ) -> Result<String> {
        let terms = narrow(offer, purpose, legal_basis)?;
        let proposal = Proposal {
            offer: offer.id.clone(),
            dataset: dataset.to_owned(),
            policy: offer.policy.clone().unwrap_or_else(|| policy_of_terms(offer.mode, &terms)),
            mode: Some(offer.mode),
            terms: Some(terms),
            purpose: Some(purpose.clone()),
            legal_basis: Some(legal_basis.clone()),
        };
        let address = format!("{}{DSP_PATH}", self.peers.origin(provider)?);
        self.open_negotiation(by.0, Side::Consumer, provider, &address, proposal).await
    }

    /// Begins a negotiation on our `side`, with a request or with an offer, and answers its pid here.
    /// `PE-1`: `address`, where the peer listens, must lie under its own origin.
    pub async fn open_negotiation(
        &self,
        by: &Person,
        side: Side,
        peer: &Did,
        address: &str,
        proposal: Proposal,
    ) -> Result<String> {
        let role = self.require_act(by, act_of(side))?;
        let opening = Opening {
            us: self.did.clone(),
            peer: peer.clone(),
            own_pid: self.entropy.urn()?,
            peer_address: self.peers.callback(peer, address)?,
            proposal,
        };
        let step = match side {
            Side::Consumer => Negotiation::request(opening, self.clock.now()),
            Side::Provider => Negotiation::offer(opening, self.clock.now()),
        };
        let pid = step.next.own_pid.clone();
        let mut tx = self.store.write("agreements.begin").await?;
        self.keep_negotiation(&mut tx, step, 0, Some((by, role))).await?;
        tx.commit().await?;
        self.wakers.outbox.notify_one();
        Ok(pid)
    }

    /// Until the negotiation is over or `wait` has passed.
    async fn wait_for_negotiation(&self, pid: &str, wait: Duration) -> Result<Negotiation> {
        let over = || async {
            let negotiation = self.negotiation(pid).await?;
            let is_over = negotiation.state.is_final() || negotiation.talk.trouble.is_some();
            Ok(is_over.then_some(negotiation))
        };
        match self.wakers.until(pid, wait, over).await? {
            Some(negotiation) => Ok(negotiation),
            None => self.negotiation(pid).await,
        }
    }

    async fn outcome(&self, negotiation: Negotiation) -> Result<Requested> {
        let agreement = match (&negotiation.agreement, negotiation.state) {
            (Some(id), NegotiationState::Finalized) => {
                self.store.read("agreements.outcome").await?.agreement(id).await?
            }
            _ => None,
        };
        let refusal = self.refusal_of(&negotiation);
        let sentence = agreement.as_ref().map(|agreement| self.sentence_of(agreement));
        Ok(Requested {
            negotiation: self.show_negotiation(&negotiation).await?,
            agreement,
            sentence,
            refusal,
        })
    }

    /// Why a negotiation ended without an agreement, or does not go on.
    pub(crate) fn refusal_of(&self, negotiation: &Negotiation) -> Option<Refusal> {
        use weal_domain::agreements::negotiation::Move;
        if negotiation.state == NegotiationState::Terminated {
            let last = negotiation.turns.last().map(|turn| &turn.message);
            return match last {
                Some(Move::Terminate { code, reason }) => Some(refusal_of_words(code, reason)),
                _ => Some(refusal_of_words("terminated", "")),
            };
        }
        let trouble = negotiation.talk.trouble.as_ref()?;
        let refusal =
            Refusal::new(weal_domain::RefusalKind::Unavailable, "peer-unavailable", trouble.clone());
        Some(refusal.remedy("The message stays in the outbox and is sent again; see `weal negotiations`."))
    }
}

pub(super) fn one_legal_basis(offer: &Offer, given: Option<LegalBasis>) -> Result<LegalBasis, Refusal> {
    match (given, offer.terms.legal_bases.as_slice()) {
        (Some(basis), _) => Ok(basis),
        (None, [only]) => Ok(only.clone()),
        (None, several) => {
            let list: Vec<&str> = several.iter().map(LegalBasis::as_str).collect();
            Err(Refusal::invalid(
                "legal-basis-needed",
                "The offer rests on several legal bases; one must be chosen.",
            )
            .remedy(format!("Add --legal-basis with one of: {}.", list.join(", "))))
        }
    }
}
