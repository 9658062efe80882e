//! How a negotiation answers each event.

use super::{AgreementChange, Move, MoveKind, Negotiation, NegotiationState, Notice, PROPOSALS_COUNT_MAX};
use super::{Step, Turn};
use crate::agreements::{Agreement, AgreementStatus, Side};
use crate::conversation::still_on_its_way;
use crate::ledger::Fact;
use crate::{Conversation, Mark, Refusal, Timestamp};

impl Negotiation {
    /// A message of the peer, which is acknowledged by answering with the state it leads to.
    pub(super) fn hear(
        &self,
        message: Move,
        peer_pid: &str,
        mark: &Mark,
        now: Timestamp,
    ) -> Result<Step, Refusal> {
        self.talk.check_pid(peer_pid, "negotiation")?;
        if self.talk.is_old(mark) {
            return Ok(self.unchanged());
        }
        let kind = message.kind();
        if self.has_ended_alone() {
            return Ok(self.end_made_known(self.talk.heard(peer_pid, mark), kind, now));
        }
        if let Some(own) = &self.talk.awaiting_ack {
            // A message that can only follow ours says that ours has arrived, before its answer did.
            let implied = self.state_awaited(own).and_then(|state| state.after(self.side.other(), kind));
            let direct = self.state.after(self.side.other(), kind);
            if implied.is_some() && mark.may_answer(own.turn) && (direct.is_none() || own.opening) {
                let first = self.acked(own.turn, Some(peer_pid), now)?;
                let second = first.next.hear(message, peer_pid, mark, now)?;
                return Ok(first.then(second));
            }
            // Ours is the end of the negotiation, so nothing else can go on.
            if own.message.kind() == MoveKind::Terminate && kind != MoveKind::Terminate {
                return if *mark == Mark::Bare && self.heard_before(&message) {
                    Ok(self.unchanged())
                } else {
                    Err(self.not_now(self.side.other(), kind))
                };
            }
        }
        if self.state.after(self.side.other(), kind).is_some() {
            self.check(&message)?;
            let next = Self { talk: self.talk.heard(peer_pid, mark), ..self.clone() };
            return Ok(next.advance(self.side.other(), message, now));
        }
        let both_ended = self.state == NegotiationState::Terminated && kind == MoveKind::Terminate;
        if both_ended || (*mark == Mark::Bare && self.heard_before(&message)) {
            return Ok(self.unchanged());
        }
        Err(self.not_now(self.side.other(), kind))
    }

    /// A message of ours: sent now, in effect when the peer has acknowledged it.
    pub(super) fn intend(&self, message: Move, now: Timestamp) -> Result<Step, Refusal> {
        let kind = message.kind();
        if self.state.after(self.side, kind).is_none() {
            return Err(self.not_now(self.side, kind));
        }
        if let Some(own) = &self.talk.awaiting_ack {
            if own.opening && kind == MoveKind::Terminate && self.talk.trouble.is_some() {
                // The peer never answered, so nobody can be told yet; but it may have heard us, and so our
                // first message goes on asking.
                let talk = self.talk.clone();
                return Ok(self.ended_alone(message, talk, now));
            }
            if !self.may_withdraw(own, kind) {
                let ours = own.message.kind().message();
                return Err(still_on_its_way(ours, &self.peer, "negotiation"));
            }
        }
        self.check(&message)?;
        let (talk, notice) = self.talk.said(message, now);
        let next = Self { talk, ..self.clone() };
        Ok(Step { next, remember: Vec::new(), tell: vec![notice], agreement: None })
    }

    /// The peer has acknowledged our message `turn` (`AG-2`).
    pub(super) fn acked(&self, turn: u32, peer_pid: Option<&str>, now: Timestamp) -> Result<Step, Refusal> {
        Ok(match self.talk.acked(turn, peer_pid)? {
            Some((talk, message)) if self.state.is_final() => self.end_made_known(talk, message.kind(), now),
            Some((talk, message)) => Self { talk, ..self.clone() }.advance(self.side, message, now),
            None => self.unchanged(),
        })
    }

    /// The peer refuses our message. A negotiation whose first message is refused has never begun.
    pub(super) fn rejected(&self, turn: u32, reason: String, now: Timestamp) -> Step {
        if self.talk.awaited(turn).is_some_and(|own| own.opening) && !self.state.is_final() {
            let end = Move::Terminate { code: "rejected".to_owned(), reason };
            return self.ended_alone(end, self.talk.silent(), now);
        }
        self.talking(self.talk.rejected(turn, reason, now))
    }

    pub(super) fn undelivered(&self, turn: u32, reason: String, now: Timestamp) -> Step {
        self.talking(self.talk.undelivered(turn, reason, now))
    }

    pub(super) fn moved(&self, reason: Option<String>) -> Fact {
        Fact::NegotiationMoved {
            negotiation: self.own_pid.clone(),
            side: self.side,
            peer: self.peer.clone(),
            state: self.state.as_str().to_owned(),
            reason,
        }
    }

    fn unchanged(&self) -> Step {
        self.talking(self.talk.clone())
    }

    /// Nothing has happened but in the talk.
    fn talking(&self, talk: Conversation<Move>) -> Step {
        let next = Self { talk, ..self.clone() };
        Step { next, remember: Vec::new(), tell: Vec::new(), agreement: None }
    }

    /// The state that `own` leads to once it is acknowledged.
    fn state_awaited(&self, own: &Notice) -> Option<NegotiationState> {
        if own.opening { Some(self.state) } else { self.state.after(self.side, own.message.kind()) }
    }

    /// Termination may overtake a message on its way, but not one after which the peer may already
    /// hold the negotiation for concluded.
    fn may_withdraw(&self, own: &Notice, kind: MoveKind) -> bool {
        kind == MoveKind::Terminate
            && self.talk.peer_pid.is_some()
            && !matches!(own.message.kind(), MoveKind::Finalize | MoveKind::Terminate)
    }

    /// Where messages are not marked, one of the same content is taken for a repetition if it cannot
    /// be anything else.
    fn heard_before(&self, message: &Move) -> bool {
        self.turns.iter().any(|turn| turn.by == self.side.other() && turn.message.same_as(message))
    }

    /// What a message must satisfy beyond being the right one at the right time.
    fn check(&self, message: &Move) -> Result<(), Refusal> {
        match message {
            Move::Request { proposal } | Move::Offer { proposal } => {
                if proposal.dataset != self.proposal.dataset {
                    return Err(Refusal::invalid(
                        "dataset-changed",
                        "A negotiation is about one dataset, and this proposal names another.",
                    ));
                }
                let is_proposal =
                    |turn: &&Turn| matches!(turn.message.kind(), MoveKind::Request | MoveKind::Offer);
                if self.turns.iter().filter(is_proposal).count() >= PROPOSALS_COUNT_MAX {
                    return Err(Refusal::conflict(
                        "too-many-proposals",
                        format!(
                            "A negotiation ends after {PROPOSALS_COUNT_MAX} proposals without agreement."
                        ),
                    )
                    .remedy("Terminate it, and begin again when both sides know what they want."));
                }
                Ok(())
            }
            Move::Agree { agreement } => self.check_agreement(agreement),
            _ => Ok(()),
        }
    }

    /// The agreement must be between us, about the dataset and with the policy on the table.
    fn check_agreement(&self, agreement: &Agreement) -> Result<(), Refusal> {
        let (provider, consumer) = match self.side {
            Side::Provider => (&self.us, &self.peer),
            Side::Consumer => (&self.peer, &self.us),
        };
        let wrong = |what: &str| {
            Refusal::invalid(
                "agreement-differs",
                format!("The agreement does not repeat what was proposed: {what} differs."),
            )
            .remedy("Send the agreement with exactly the proposal's dataset, policy and parties.")
        };
        if agreement.provider != *provider || agreement.consumer != *consumer {
            return Err(wrong("a party"));
        }
        if agreement.dataset != self.proposal.dataset {
            return Err(wrong("the dataset"));
        }
        if agreement.policy != self.proposal.policy {
            return Err(wrong("the policy"));
        }
        let proposal = &self.proposal;
        let same = proposal.mode.is_none_or(|mode| mode == agreement.mode)
            && proposal.purpose.as_ref().is_none_or(|purpose| *purpose == agreement.purpose)
            && proposal.legal_basis.as_ref().is_none_or(|basis| *basis == agreement.legal_basis)
            && proposal.terms.as_ref().is_none_or(|terms| *terms == agreement.terms);
        if same { Ok(()) } else { Err(wrong("a term")) }
    }

    /// Puts a message into effect: the state it leads to, the timeline, the facts.
    fn advance(mut self, by: Side, message: Move, now: Timestamp) -> Step {
        // An opening is already in its state; every other message comes here only where the table has it.
        if let Some(state) = self.state.after(by, message.kind()) {
            self.state = state;
        }
        let change = match &message {
            Move::Request { proposal } | Move::Offer { proposal } => {
                let mut proposal = (**proposal).clone();
                if by != self.side && self.side == Side::Consumer {
                    proposal.keep_what_was_asked(&self.proposal);
                }
                self.proposal = proposal;
                None
            }
            Move::Agree { agreement } => {
                let mut ours = agreement.clone();
                ours.side = self.side;
                ours.status = AgreementStatus::Pending;
                self.agreement = Some(ours.id.clone());
                Some(AgreementChange::Made(ours))
            }
            Move::Finalize => self.agreement.clone().map(AgreementChange::InForce),
            Move::Terminate { .. } => self.agreement.clone().map(AgreementChange::Void),
            Move::Accept | Move::Verify => None,
        };
        let reason = message.reason();
        self.turns.push(Turn { by, at: now, message });
        self.talk.trouble = None;
        self.talk.updated_at = now;
        let remember = vec![self.moved(reason)];
        Step { next: self, remember, tell: Vec::new(), agreement: change }
    }

    /// A negotiation that the peer has not taken up, as far as we know, ends without a message.
    fn ended_alone(&self, message: Move, talk: Conversation<Move>, now: Timestamp) -> Step {
        let trouble = message.reason();
        let next = Self { talk, ..self.clone() };
        let mut step = next.advance(self.side, message, now);
        step.next.talk.trouble = trouble;
        step
    }

    /// Whether it has ended without a word to a peer that may know of it all the same.
    fn has_ended_alone(&self) -> bool {
        self.state == NegotiationState::Terminated && self.talk.peer_pid.is_none()
    }

    /// The peer has taken up what ended here meanwhile, as this `talk` shows. It is told of the end, unless
    /// that is what it says itself or has just heard.
    fn end_made_known(&self, talk: Conversation<Move>, heard: MoveKind, now: Timestamp) -> Step {
        let end = self.turns.last().map(|turn| turn.message.clone());
        match end.filter(|_| heard != MoveKind::Terminate) {
            Some(end) => {
                let (talk, notice) = talk.said(end, now);
                Step { tell: vec![notice], ..self.talking(talk) }
            }
            None => self.talking(talk),
        }
    }

    fn not_now(&self, by: Side, kind: MoveKind) -> Refusal {
        let remedy = match self.state.waits_for() {
            Some(side) => format!("It waits for the {}; either side may terminate it.", side.as_str()),
            None => "It is over. Begin a new negotiation with a fresh process identifier.".to_owned(),
        };
        Refusal::conflict(
            "negotiation-state",
            format!(
                "The negotiation stands at {}, where a {} may not send {}.",
                self.state,
                by.as_str(),
                kind.message()
            ),
        )
        .remedy(remedy)
    }
}

impl Step {
    /// Two steps as one; the later one's word about the agreement is the one that stands.
    fn then(mut self, later: Step) -> Step {
        self.remember.extend(later.remember);
        self.tell.extend(later.tell);
        Step {
            next: later.next,
            remember: self.remember,
            tell: self.tell,
            agreement: later.agreement.or(self.agreement),
        }
    }
}
