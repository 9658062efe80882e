//! What every process with a peer has in common, whatever it is about: the message of ours that is on its
//! way, and what the peer's answer to it means (`AG-2`, `AG-3`).

use serde::{Deserialize, Serialize};

use crate::identity::Did;
use crate::{Mark, Refusal, Timestamp, turns};

/// The names of messages that are kept of one process; a stranger repeats its last ones, if any.
const HEARD_IDS_COUNT_MAX: usize = 64;

/// An outgoing message: the node sends it until the peer has answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notice<M> {
    /// Grows with everything said and heard. It travels as an extension member, so that a node which
    /// knows it can tell an old message from a new one of the same words.
    pub turn: u32,
    /// The first message of all; it carries our callback address instead of the peer's pid.
    pub opening: bool,
    #[serde(rename = "what")]
    pub message: M,
}

/// What can happen to a process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event<M> {
    /// A message of the peer, with the process identifier it calls its own and what it marks the message by.
    Received { message: M, peer_pid: String, mark: Mark },
    /// This side decides on its next message.
    Intend(M),
    /// The peer has answered our message `turn` with success.
    Acked { turn: u32, peer_pid: Option<String> },
    /// The peer has answered our message `turn` with a refusal (4xx): sending it again is useless.
    Rejected { turn: u32, reason: String },
    /// The peer cannot be reached with our message `turn`. It stays awaited, and may be sent again.
    Undelivered { turn: u32, reason: String },
}

/// One side's part of the talk with its peer. At most one message of ours awaits its answer (`AG-3`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Conversation<M> {
    /// The peer's process identifier; unknown until it has answered a process that we began.
    pub peer_pid: Option<String>,
    pub awaiting_ack: Option<Notice<M>>,
    /// The last number that we said, that the peer said, and of ours that the peer has heard.
    pub turns_told: u32,
    pub turns_heard: u32,
    pub turns_acked: u32,
    /// What the peer called its last messages, where it does not number them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub heard_ids: Vec<String>,
    /// Why our last message did not arrive, in words for a person; cleared by the next step forward.
    pub trouble: Option<String>,
    pub updated_at: Timestamp,
}

impl<M: Clone> Conversation<M> {
    pub(crate) fn blank(now: Timestamp) -> Self {
        Self {
            peer_pid: None,
            awaiting_ack: None,
            turns_told: 0,
            turns_heard: 0,
            turns_acked: 0,
            heard_ids: Vec::new(),
            trouble: None,
            updated_at: now,
        }
    }

    /// Our first message of all.
    pub(crate) fn opened(message: M, now: Timestamp) -> (Self, Notice<M>) {
        let notice = Notice { turn: 1, opening: true, message };
        let talk = Self { turns_told: 1, awaiting_ack: Some(notice.clone()), ..Self::blank(now) };
        (talk, notice)
    }

    /// Our next message. Whatever was still on its way makes way for it.
    pub(crate) fn said(&self, message: M, now: Timestamp) -> (Self, Notice<M>) {
        let turn = turns::next(self.turns_told, self.turns_heard, self.turns_acked);
        let notice = Notice { turn, opening: false, message };
        let talk =
            Self { turns_told: turn, awaiting_ack: Some(notice.clone()), updated_at: now, ..self.clone() };
        (talk, notice)
    }

    /// A message of the peer has come. What we still awaited is moot.
    pub(crate) fn heard(&self, peer_pid: &str, mark: &Mark) -> Self {
        let mut next = Self { peer_pid: Some(peer_pid.to_owned()), awaiting_ack: None, ..self.clone() };
        match mark {
            Mark::Turn(turn) => next.turns_heard = *turn,
            Mark::Id(id) => {
                if next.heard_ids.len() >= HEARD_IDS_COUNT_MAX {
                    next.heard_ids.remove(0);
                }
                next.heard_ids.push(id.clone());
            }
            Mark::Bare => {}
        }
        next
    }

    /// Whether a message with this mark is a repetition, or one that the peer has given up since.
    pub(crate) fn is_old(&self, mark: &Mark) -> bool {
        match mark {
            Mark::Turn(turn) => turns::is_old(*turn, self.turns_heard, self.turns_acked),
            Mark::Id(id) => self.heard_ids.contains(id),
            Mark::Bare => false,
        }
    }

    /// Refuses a message from another process than the one this `what` is with.
    pub(crate) fn check_pid(&self, peer_pid: &str, what: &str) -> Result<(), Refusal> {
        if self.is_with(peer_pid) {
            return Ok(());
        }
        Err(Refusal::not_found(
            format!("{what}-unknown"),
            format!("There is no {what} of yours with these process identifiers."),
        ))
    }

    /// The peer has acknowledged our message `turn`: that message, to be put into effect (`AG-2`). `None` for
    /// an answer that comes late, to one that was acknowledged by implication or is moot.
    pub(crate) fn acked(&self, turn: u32, peer_pid: Option<&str>) -> Result<Option<(Self, M)>, Refusal> {
        let Some(own) = self.awaited(turn) else { return Ok(None) };
        let Some(pid) = peer_pid.or(self.peer_pid.as_deref()) else {
            return Err(Refusal::invalid(
                "peer-pid-missing",
                "The peer's acknowledgement does not name its process.",
            ));
        };
        if !self.is_with(pid) {
            return Err(Refusal::invalid(
                "peer-pid-changed",
                "The peer's acknowledgement names another process.",
            ));
        }
        let peer_pid = Some(pid.to_owned());
        let talk = Self { peer_pid, awaiting_ack: None, turns_acked: own.turn, ..self.clone() };
        Ok(Some((talk, own.message.clone())))
    }

    /// The peer refuses our message. Errors never change a state.
    pub(crate) fn rejected(&self, turn: u32, reason: String, now: Timestamp) -> Self {
        match self.awaited(turn) {
            Some(_) => Self { awaiting_ack: None, ..self.undelivered(turn, reason, now) },
            None => self.clone(),
        }
    }

    /// Our message did not arrive, and stays awaited.
    pub(crate) fn undelivered(&self, turn: u32, reason: String, now: Timestamp) -> Self {
        match self.awaited(turn) {
            Some(_) => Self { trouble: Some(reason), updated_at: now, ..self.clone() },
            None => self.clone(),
        }
    }

    /// Nothing of ours is awaited any more.
    pub(crate) fn silent(&self) -> Self {
        Self { awaiting_ack: None, ..self.clone() }
    }

    /// The message `turn` of ours, where its answer is awaited.
    #[must_use]
    pub fn awaited(&self, turn: u32) -> Option<&Notice<M>> {
        self.awaiting_ack.as_ref().filter(|own| own.turn == turn)
    }

    fn is_with(&self, peer_pid: &str) -> bool {
        self.peer_pid.as_deref().is_none_or(|known| known == peer_pid)
    }
}

/// Nothing more can be said while our `message` is on its way.
pub(crate) fn still_on_its_way(message: &str, peer: &Did, what: &str) -> Refusal {
    Refusal::conflict(
        "awaiting-ack",
        format!(
            "Our {message} is still on its way to {peer}; until it is answered nothing more can be said."
        ),
    )
    .remedy(format!("Wait for the answer, or see the {what} for why it does not arrive."))
}
