//! Messages of a negotiation that arrive: a state is committed before the answer that acknowledges it.

use weal_domain::agreements::negotiation::{Event, Move, Opening};
use weal_domain::agreements::{Agreement, Conclusion, Negotiation, Proposal, Side};
use weal_domain::catalogue::{ProductName, name_made_of, parse_dataset};
use weal_domain::identity::Did;
use weal_domain::{Mark, Refusal, RefusalKind};
use weal_store::Tx;
use weal_wire::catalogue::mode_of;
use weal_wire::dsp::Turned;
use weal_wire::dsp::negotiation::{
    ContractAgreementMessage, ContractOfferMessage, ContractRequestMessage, Thread,
};
use weal_wire::odrl::MessageOffer;

use super::{answer::offer_unknown, negotiation_unknown};
use crate::fault::Result;
use crate::house::House;
use crate::peers::Caller;

impl House {
    /// A consumer's request: the first message, or a counter-offer.
    pub async fn receive_request(
        &self,
        from: &Caller,
        pid: Option<&str>,
        Turned { message, mark }: Turned<ContractRequestMessage>,
    ) -> Result<Negotiation> {
        let mut tx = self.store.write("agreements.request").await?;
        let proposal = self.proposal_of_ours(&mut tx, message.offer).await?;
        match (message.thread, pid) {
            (Thread::Opens { callback_address }, None) => {
                let opening = self.opening(from, &callback_address, proposal)?;
                self.open_or_repeat(tx, Side::Provider, opening, message.consumer_pid, mark).await
            }
            (Thread::Continues { receiver_pid }, Some(pid)) if receiver_pid == pid => {
                let own = Move::Request { proposal: Box::new(proposal) };
                self.hear(tx, from, Side::Provider, pid, heard(&message.consumer_pid, own, mark)).await
            }
            _ => Err(thread_wrong().into()),
        }
    }

    /// A provider's offer: the first message of a negotiation it begins, or an answer to our request.
    pub async fn receive_offer(
        &self,
        from: &Caller,
        pid: Option<&str>,
        Turned { message, mark }: Turned<ContractOfferMessage>,
    ) -> Result<Negotiation> {
        let tx = self.store.write("agreements.offer").await?;
        let proposal = proposal_of(message.offer)?;
        match (message.thread, pid) {
            (Thread::Opens { callback_address }, None) => {
                let opening = self.opening(from, &callback_address, proposal)?;
                self.open_or_repeat(tx, Side::Consumer, opening, message.provider_pid, mark).await
            }
            (Thread::Continues { receiver_pid }, Some(pid)) if receiver_pid == pid => {
                let own = Move::Offer { proposal: Box::new(proposal) };
                self.hear(tx, from, Side::Consumer, pid, heard(&message.provider_pid, own, mark)).await
            }
            _ => Err(thread_wrong().into()),
        }
    }

    /// The provider's agreement. It must be what was on the table, between us two.
    pub async fn receive_agreement(
        &self,
        from: &Caller,
        pid: &str,
        Turned { message, mark }: Turned<ContractAgreementMessage>,
    ) -> Result<Negotiation> {
        let mut tx = self.store.write("agreements.agreement").await?;
        let (negotiation, _) = self.negotiation_with(&mut tx, from, Side::Consumer, pid).await?;
        let wire = message.agreement;
        if !self.identity.is_named(&from.did, &wire.assigner) || wire.assignee != self.did.as_str() {
            return Err(Refusal::invalid(
                "agreement-not-ours",
                "The agreement names other parties than the two of us.",
            )
            .into());
        }
        let terms = wire.terms.or_else(|| negotiation.proposal.terms.clone()).ok_or_else(no_terms)?;
        let agreement = Agreement::conclude(Conclusion {
            id: wire.id.parse().map_err(|cause| Refusal::invalid("agreement-id", format!("{cause}")))?,
            side: Side::Consumer,
            provider: from.did.clone(),
            consumer: self.did.clone(),
            product: self.named(&mut tx, &from.did, &wire.target).await?,
            dataset: wire.target,
            mode: negotiation.proposal.mode.ok_or_else(no_terms)?,
            terms,
            policy: wire.policy,
            agreed_at: wire.timestamp.and_then(|time| time.timestamp()).unwrap_or_else(|| self.clock.now()),
        })?;
        let own = Move::Agree { agreement: Box::new(agreement) };
        self.hear(tx, from, Side::Consumer, pid, heard(&message.provider_pid, own, mark)).await
    }

    /// Any message without content of its own: accepted, verified, finalised, terminated.
    pub async fn receive_move(
        &self,
        from: &Caller,
        side: Side,
        pid: &str,
        peer_pid: &str,
        own: Move,
        mark: Mark,
    ) -> Result<Negotiation> {
        let tx = self.store.write("agreements.move").await?;
        self.hear(tx, from, side, pid, heard(peer_pid, own, mark)).await
    }

    /// A negotiation by our pid, for the peer it is with.
    pub async fn negotiation_for(&self, from: &Caller, side: Side, pid: &str) -> Result<Negotiation> {
        self.settled(pid, || self.negotiation_now(from, side, pid), |negotiation| &negotiation.talk).await
    }

    async fn negotiation_now(&self, from: &Caller, side: Side, pid: &str) -> Result<Negotiation> {
        let mut tx = self.store.read("agreements.get").await?;
        Ok(self.negotiation_with(&mut tx, from, side, pid).await?.0)
    }

    async fn negotiation_with(
        &self,
        tx: &mut Tx,
        from: &Caller,
        side: Side,
        pid: &str,
    ) -> Result<(Negotiation, u64)> {
        let found = tx.negotiation(pid).await?;
        let found = found.filter(|(negotiation, _)| negotiation.peer == from.did && negotiation.side == side);
        Ok(found.ok_or_else(negotiation_unknown)?)
    }

    async fn hear(
        &self,
        mut tx: Tx,
        from: &Caller,
        side: Side,
        pid: &str,
        event: Event,
    ) -> Result<Negotiation> {
        let (negotiation, revision) = self.negotiation_with(&mut tx, from, side, pid).await?;
        let step = negotiation.on(event, self.clock.now())?;
        let acknowledged = step.next.clone();
        if acknowledged == negotiation {
            // A repetition: the same answer again, and nothing to save but what it rests on.
            tx.commit().await?;
            return Ok(negotiation);
        }
        self.keep_and_go_on(&mut tx, step, revision).await?;
        tx.commit().await?;
        self.wakers.ring(&acknowledged.own_pid);
        Ok(acknowledged)
    }

    /// A first message that came before gets the first answer again.
    async fn open_or_repeat(
        &self,
        mut tx: Tx,
        side: Side,
        opening: Opening,
        peer_pid: String,
        mark: Mark,
    ) -> Result<Negotiation> {
        if let Some((known, _)) = tx.negotiation_of_peer(side, &opening.peer, &peer_pid).await? {
            known.reopened(&opening.proposal)?;
            tx.commit().await?;
            return Ok(known);
        }
        self.check_room(&mut tx, &opening.peer).await?;
        let step = Negotiation::received(side, opening, peer_pid, &mark, self.clock.now());
        let acknowledged = step.next.clone();
        self.keep_and_go_on(&mut tx, step, 0).await?;
        tx.commit().await?;
        self.wakers.ring(&acknowledged.own_pid);
        Ok(acknowledged)
    }

    /// Nobody begins more negotiations with us than it also finishes.
    async fn check_room(&self, tx: &mut Tx, peer: &Did) -> Result<()> {
        let open_max = self.config.limits.negotiations_per_peer_max;
        if tx.negotiations_open(peer).await? < u64::from(open_max) {
            return Ok(());
        }
        Err(Refusal::new(
            RefusalKind::Exhausted,
            "too-many-negotiations",
            format!("There are {open_max} unfinished negotiations between your node and this one."),
        )
        .remedy("Finish or terminate one of them first; the operator of this node can raise [limits] negotiations_per_peer_max.")
        .changed_by("the operator of this node")
        .into())
    }

    /// `PE-1`: answers go to the peer's own published origin, wherever it asks for them.
    fn opening(&self, from: &Caller, callback: &str, proposal: Proposal) -> Result<Opening> {
        let peer_address = self.peers.callback(&from.did, callback)?;
        Ok(Opening {
            us: self.did.clone(),
            peer: from.did.clone(),
            own_pid: self.entropy.urn()?,
            peer_address,
            proposal,
        })
    }

    /// A proposal about one of our offers, with the mode that offer has.
    async fn proposal_of_ours(&self, tx: &mut Tx, offer: MessageOffer) -> Result<Proposal> {
        let mut proposal = proposal_of(offer)?;
        let known = tx.offer(&proposal.offer).await?.ok_or_else(|| offer_unknown(&proposal.offer))?;
        let product = tx.product(&known.product).await?.ok_or_else(|| offer_unknown(&proposal.offer))?;
        if proposal.dataset != product.product.dataset(&self.did) {
            return Err(Refusal::invalid(
                "target-differs",
                "The offer is for another dataset than its target names.",
            )
            .into());
        }
        proposal.mode = Some(known.mode);
        Ok(proposal)
    }

    /// What we call a peer's dataset: as its owner does, as we did when we saw its catalogue, or anyhow.
    async fn named(&self, tx: &mut Tx, peer: &Did, dataset: &str) -> Result<ProductName> {
        if let Ok((_, product)) = parse_dataset(dataset) {
            return Ok(product);
        }
        let seen = tx.entry_of_dataset(peer, dataset).await?;
        let name = seen.map(|entry| entry.product).or_else(|| name_made_of(dataset));
        Ok(name.ok_or_else(|| Refusal::invalid("dataset-unnamed", "The dataset has no name."))?)
    }
}

/// What the peer sent, as an event of the negotiation.
fn heard(peer_pid: &str, message: Move, mark: Mark) -> Event {
    Event::Received { message, peer_pid: peer_pid.to_owned(), mark }
}

fn proposal_of(offer: MessageOffer) -> Result<Proposal, Refusal> {
    let id = offer.id.parse().map_err(|cause| Refusal::invalid("offer-id", format!("{cause}")))?;
    let purpose = offer.terms.as_ref().and_then(|terms| only(&terms.purposes));
    let legal_basis = offer.terms.as_ref().and_then(|terms| only(&terms.legal_bases));
    Ok(Proposal {
        offer: id,
        dataset: offer.target,
        mode: mode_of(&offer.policy),
        policy: offer.policy,
        terms: offer.terms,
        purpose,
        legal_basis,
    })
}

fn only<T: Clone>(list: &[T]) -> Option<T> {
    match list {
        [one] => Some(one.clone()),
        _ => None,
    }
}

fn thread_wrong() -> Refusal {
    Refusal::invalid("thread-wrong", "The message does not belong at this address.")
        .remedy("A first message carries callbackAddress and no pid of ours; a later one carries the pid of its address.")
}

fn no_terms() -> Refusal {
    Refusal::invalid("terms-missing", "The agreement says too little for this node to keep to it.")
        .remedy("Send the policy of the offer with its purpose and legal basis.")
}
