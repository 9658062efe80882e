//! How a transfer answers each event.

use super::{Move, MoveKind, Notice, Step, TURNS_COUNT_MAX, Transfer, TransferState, Turn};
use crate::agreements::Side;
use crate::conversation::still_on_its_way;
use crate::ledger::Fact;
use crate::{Conversation, Mark, Refusal, Timestamp};

impl Transfer {
    pub(super) fn hear(
        &self,
        message: Move,
        peer_pid: &str,
        mark: &Mark,
        now: Timestamp,
    ) -> Result<Step, Refusal> {
        self.talk.check_pid(peer_pid, "transfer")?;
        if self.talk.is_old(mark) || (*mark == Mark::Bare && self.repeats_start(&message)) {
            return Ok(self.unchanged());
        }
        let (peer, kind) = (self.side.other(), message.kind());
        if self.has_ended_alone() {
            return Ok(self.end_made_known(self.talk.heard(peer_pid, mark), kind, now));
        }
        let direct = self.state.after(peer, kind);
        if let Some(own) = &self.talk.awaiting_ack {
            let implied = self.state_awaited(own).and_then(|state| state.after(peer, kind));
            if implied.is_some() && mark.may_answer(own.turn) && (direct.is_none() || own.opening) {
                let first = self.acked(own.turn, Some(peer_pid), now)?;
                let second = first.next.hear(message, peer_pid, mark, now)?;
                return Ok(first.then(second));
            }
            // Two messages cross: the peer applies the same rule, so both keep the weightier one.
            // Of two starts that is the provider's, which brings a fresh secret.
            let ours = own.message.kind();
            let both_start = ours == MoveKind::Start && kind == MoveKind::Start;
            if direct.is_some() && (ours > kind || both_start && self.side == Side::Provider) {
                return Err(self.not_now(peer, kind));
            }
        }
        if direct.is_some() {
            self.check(kind)?;
            let next = Self { talk: self.talk.heard(peer_pid, mark), ..self.clone() };
            return Ok(next.advance(peer, message, now));
        }
        let said_before = match mark {
            Mark::Turn(_) => false,
            Mark::Id(_) => self.crossed(kind),
            Mark::Bare => self.heard_before(kind) || self.crossed(kind),
        };
        if said_before {
            return Ok(self.unchanged());
        }
        Err(self.not_now(peer, kind))
    }

    pub(super) fn intend(&self, message: Move, now: Timestamp) -> Result<Step, Refusal> {
        let kind = message.kind();
        if self.state.after(self.side, kind).is_none() {
            return Err(self.not_now(self.side, kind));
        }
        if let Some(own) = &self.talk.awaiting_ack {
            if own.opening && kind == MoveKind::Terminate && self.talk.trouble.is_some() {
                let talk = self.talk.clone();
                return Ok(self.ended_alone(message, talk, now));
            }
            let may_overtake = kind == MoveKind::Terminate
                && self.talk.peer_pid.is_some()
                && !matches!(own.message.kind(), MoveKind::Complete | MoveKind::Terminate);
            if !may_overtake {
                let ours = own.message.kind().message();
                return Err(still_on_its_way(ours, &self.peer, "transfer"));
            }
        }
        self.check(kind)?;
        let (talk, notice) = self.talk.said(message, now);
        let next = Self { talk, ..self.clone() };
        Ok(Step { next, remember: Vec::new(), tell: vec![notice] })
    }

    /// The peer has acknowledged our message `turn` (`AG-2`).
    pub(super) fn acked(&self, turn: u32, peer_pid: Option<&str>, now: Timestamp) -> Result<Step, Refusal> {
        Ok(match self.talk.acked(turn, peer_pid)? {
            Some((talk, message)) if self.state.is_final() => self.end_made_known(talk, message.kind(), now),
            Some((talk, message)) => Self { talk, ..self.clone() }.advance(self.side, message, now),
            None => self.unchanged(),
        })
    }

    /// The peer refuses our message. A transfer whose first message is refused has never begun.
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

    pub(super) fn moved(&self) -> Fact {
        Fact::TransferMoved {
            transfer: self.own_pid.clone(),
            side: self.side,
            agreement: self.agreement.clone(),
            state: self.state.as_str().to_owned(),
        }
    }

    fn unchanged(&self) -> Step {
        self.talking(self.talk.clone())
    }

    /// Nothing has happened but in the talk.
    fn talking(&self, talk: Conversation<Move>) -> Step {
        let next = Self { talk, ..self.clone() };
        Step { next, remember: Vec::new(), tell: Vec::new() }
    }

    fn state_awaited(&self, own: &Notice) -> Option<TransferState> {
        if own.opening { Some(self.state) } else { self.state.after(self.side, own.message.kind()) }
    }

    /// Where messages are not marked: a start with the address that is open already is the same start;
    /// a new one has a new secret.
    fn repeats_start(&self, message: &Move) -> bool {
        self.side == Side::Consumer
            && self.state == TransferState::Started
            && matches!(message, Move::Start { address } if *address == self.address)
    }

    /// Where messages are not marked, one that was heard before and cannot be anything else is taken for
    /// a repetition.
    fn heard_before(&self, kind: MoveKind) -> bool {
        self.turns.iter().any(|turn| turn.by == self.side.other() && turn.kind == kind)
    }

    /// The peer said what we said last, at the same time: nothing is left to do.
    fn crossed(&self, kind: MoveKind) -> bool {
        self.turns.last().is_some_and(|turn| turn.by == self.side && turn.kind == kind)
    }

    fn check(&self, kind: MoveKind) -> Result<(), Refusal> {
        let ends = matches!(kind, MoveKind::Complete | MoveKind::Terminate);
        if ends || self.turns.len() < TURNS_COUNT_MAX {
            return Ok(());
        }
        Err(Refusal::conflict(
            "too-many-turns",
            format!("A transfer may be suspended and started {} times at most.", TURNS_COUNT_MAX / 2),
        )
        .remedy("End this transfer and request another under the same agreement."))
    }

    fn advance(mut self, by: Side, message: Move, now: Timestamp) -> Step {
        let kind = message.kind();
        if let Some(state) = self.state.after(by, kind) {
            self.state = state;
        }
        let reason = message.reason();
        if let Move::Start { address: Some(address) } = message {
            self.address = Some(address);
        }
        if self.state.is_final() {
            // An ended transfer opens nothing, so its secret has no reason to be kept.
            self.address = None;
        }
        self.turns.push(Turn { by, at: now, kind, reason });
        self.talk.trouble = None;
        self.talk.updated_at = now;
        let remember = vec![self.moved()];
        Step { next: self, remember, tell: Vec::new() }
    }

    fn ended_alone(&self, message: Move, talk: Conversation<Move>, now: Timestamp) -> Step {
        let trouble = message.reason();
        let next = Self { talk, ..self.clone() };
        let mut step = next.advance(self.side, message, now);
        step.next.talk.trouble = trouble;
        step
    }

    /// As in a negotiation: whether it has ended without a word to a peer that may know of it.
    fn has_ended_alone(&self) -> bool {
        self.state == TransferState::Terminated && self.talk.peer_pid.is_none()
    }

    /// As in a negotiation: the peer has taken up what ended here meanwhile, and is told of the end.
    fn end_made_known(&self, talk: Conversation<Move>, heard: MoveKind, now: Timestamp) -> Step {
        if heard == MoveKind::Terminate {
            return self.talking(talk);
        }
        let reason = self.turns.last().and_then(|turn| turn.reason.clone()).unwrap_or_default();
        let (talk, notice) = talk.said(Move::Terminate { code: "ended-before".to_owned(), reason }, now);
        Step { tell: vec![notice], ..self.talking(talk) }
    }

    fn not_now(&self, by: Side, kind: MoveKind) -> Refusal {
        let remedy = if self.state.is_final() {
            "It is over. Request a new transfer under the same agreement."
        } else {
            "Read the transfer's state and continue from there; either side may terminate it."
        };
        Refusal::conflict(
            "transfer-state",
            format!(
                "The transfer stands at {}, where a {} may not send {} now.",
                self.state,
                by.as_str(),
                kind.message()
            ),
        )
        .remedy(remedy)
    }
}

impl Step {
    fn then(mut self, later: Step) -> Step {
        self.remember.extend(later.remember);
        self.tell.extend(later.tell);
        Step { next: later.next, remember: self.remember, tell: self.tell }
    }
}
