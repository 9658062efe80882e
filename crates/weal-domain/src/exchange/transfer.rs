//! The transfer process of the Dataspace Protocol 2025-1, both sides (`transfer.protocol.md`, the state
//! machine of its section 1.1).
//!
//! A transfer is long-lived: it opens the data plane for one agreement, and every use goes through it.
//! The invariants are those of a negotiation (`AG-1` to `AG-3`). Here both sides may act in one state,
//! so messages can cross; the weightier one stands: terminate, then complete, then suspend, then start.

mod rules;

use serde::{Deserialize, Serialize};

use crate::agreements::{AgreementId, Side};
use crate::identity::Did;
use crate::ledger::Fact;
use crate::{Conversation, Mark, Refusal, Timestamp};

/// Messages that one transfer may exchange, so that nobody suspends and resumes a node's disk full.
pub const TURNS_COUNT_MAX: usize = 256;

/// The states of the standard, no others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum TransferState {
    Requested,
    Started,
    Suspended,
    Completed,
    Terminated,
}

impl TransferState {
    pub const ALL: [Self; 5] =
        [Self::Requested, Self::Started, Self::Suspended, Self::Completed, Self::Terminated];

    /// The standard's word for it, as it stands in messages.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Requested => "REQUESTED",
            Self::Started => "STARTED",
            Self::Suspended => "SUSPENDED",
            Self::Completed => "COMPLETED",
            Self::Terminated => "TERMINATED",
        }
    }

    #[must_use]
    pub fn is_final(self) -> bool {
        matches!(self, Self::Completed | Self::Terminated)
    }

    /// The transition table: where a message of `by` leads from here, if it is allowed at all.
    #[must_use]
    pub fn after(self, by: Side, kind: MoveKind) -> Option<Self> {
        match (self, by, kind) {
            (Self::Requested, Side::Provider, MoveKind::Start) => Some(Self::Started),
            (Self::Suspended, _, MoveKind::Start) => Some(Self::Started),
            (Self::Started, _, MoveKind::Suspend) => Some(Self::Suspended),
            (Self::Started, _, MoveKind::Complete) => Some(Self::Completed),
            (from, _, MoveKind::Terminate) if !from.is_final() => Some(Self::Terminated),
            _ => None,
        }
    }
}

impl std::fmt::Display for TransferState {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The kinds of message of a transfer, lightest first: of two that cross, the later in this order stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MoveKind {
    Request,
    Start,
    Suspend,
    Complete,
    Terminate,
}

impl MoveKind {
    pub const ALL: [Self; 5] = [Self::Request, Self::Start, Self::Suspend, Self::Complete, Self::Terminate];

    /// The standard's name of the message.
    #[must_use]
    pub fn message(self) -> &'static str {
        match self {
            Self::Request => "TransferRequestMessage",
            Self::Start => "TransferStartMessage",
            Self::Suspend => "TransferSuspensionMessage",
            Self::Complete => "TransferCompletionMessage",
            Self::Terminate => "TransferTerminationMessage",
        }
    }
}

/// Where and how the data can be had: an endpoint and the secrets that open it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DataAddress {
    pub endpoint_type: String,
    pub endpoint: String,
    /// Named properties, for example `authorization`; their values are secret.
    #[serde(default)]
    pub properties: Vec<(String, String)>,
}

impl DataAddress {
    #[must_use]
    pub fn property(&self, name: &str) -> Option<&str> {
        self.properties.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}

impl std::fmt::Debug for DataAddress {
    /// Names what there is and keeps the secrets out of every log.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let names: Vec<&str> = self.properties.iter().map(|(name, _)| name.as_str()).collect();
        f.debug_struct("DataAddress")
            .field("endpoint_type", &self.endpoint_type)
            .field("endpoint", &self.endpoint)
            .field("properties", &names)
            .finish_non_exhaustive()
    }
}

/// One message of a transfer, with what it carries.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "move")]
pub enum Move {
    Request,
    Start {
        #[serde(default, skip_serializing_if = "Option::is_none")]
        address: Option<DataAddress>,
    },
    Suspend {
        code: String,
        reason: String,
    },
    Complete,
    Terminate {
        code: String,
        reason: String,
    },
}

impl Move {
    #[must_use]
    pub fn kind(&self) -> MoveKind {
        match self {
            Move::Request => MoveKind::Request,
            Move::Start { .. } => MoveKind::Start,
            Move::Suspend { .. } => MoveKind::Suspend,
            Move::Complete => MoveKind::Complete,
            Move::Terminate { .. } => MoveKind::Terminate,
        }
    }

    fn reason(&self) -> Option<String> {
        match self {
            Move::Suspend { reason, .. } | Move::Terminate { reason, .. } => Some(reason.clone()),
            _ => None,
        }
    }
}

/// What can happen to a transfer, and what it has to tell.
pub type Event = crate::Event<Move>;
pub type Notice = crate::Notice<Move>;

/// A message that has taken effect, for the timeline; without the secrets it carried.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Turn {
    pub by: Side,
    pub at: Timestamp,
    pub kind: MoveKind,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// What a decision asks its caller to save, remember and send, all in one transaction.
#[derive(Debug, Clone, PartialEq)]
pub struct Step {
    pub next: Transfer,
    pub remember: Vec<Fact>,
    pub tell: Vec<Notice>,
}

/// One transfer process as one side keeps it. The provider finds a repeated request by (consumer,
/// consumer's pid) and answers it with [`Transfer::reopened`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Transfer {
    pub side: Side,
    pub peer: Did,
    pub own_pid: String,
    /// Where the peer listens: a consumer's callback address, a provider's base address.
    pub peer_address: String,
    pub agreement: AgreementId,
    /// `weal:<mode>`, one of the dataset's distribution formats.
    pub format: String,
    pub state: TransferState,
    #[serde(flatten)]
    pub talk: Conversation<Move>,
    /// The address of the last start. Only while STARTED does it open anything.
    pub address: Option<DataAddress>,
    pub turns: Vec<Turn>,
    pub began_at: Timestamp,
}

/// What a transfer begins with, on either side.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Opening {
    pub peer: Did,
    pub own_pid: String,
    pub peer_address: String,
    pub agreement: AgreementId,
    pub format: String,
}

impl Transfer {
    /// The consumer asks for a transfer.
    #[must_use]
    pub fn request(opening: Opening, now: Timestamp) -> Step {
        let (talk, notice) = Conversation::opened(Move::Request, now);
        let next = Self { talk, ..Self::blank(Side::Consumer, opening, now) };
        Step { next, remember: Vec::new(), tell: vec![notice] }
    }

    /// The provider has such a request in hand, and has found the agreement to be the consumer's.
    #[must_use]
    pub fn received(opening: Opening, consumer_pid: String, mark: &Mark, now: Timestamp) -> Step {
        let mut next = Self::blank(Side::Provider, opening, now);
        next.talk = next.talk.heard(&consumer_pid, mark);
        next.turns.push(Turn { by: Side::Consumer, at: now, kind: MoveKind::Request, reason: None });
        let remember = vec![next.moved()];
        Step { next, remember, tell: Vec::new() }
    }

    /// A second arrival of the request that this began with: the same answer again, or a refusal when
    /// its content differs.
    pub fn reopened(&self, agreement: &AgreementId, format: &str) -> Result<(), Refusal> {
        if self.side == Side::Provider && self.agreement == *agreement && self.format == format {
            return Ok(());
        }
        Err(Refusal::conflict(
            "transfer-exists",
            "A transfer with this process identifier began before, for another agreement or format.",
        )
        .remedy("Begin again with a fresh process identifier."))
    }

    #[must_use]
    pub fn provider_pid(&self) -> Option<&str> {
        match self.side {
            Side::Provider => Some(&self.own_pid),
            Side::Consumer => self.talk.peer_pid.as_deref(),
        }
    }

    #[must_use]
    pub fn consumer_pid(&self) -> Option<&str> {
        match self.side {
            Side::Consumer => Some(&self.own_pid),
            Side::Provider => self.talk.peer_pid.as_deref(),
        }
    }

    /// Whether uses may go through it now.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.state == TransferState::Started
    }

    /// Whether our start is on its way: the peer may have it, and use it, before its answer is here.
    #[must_use]
    pub fn is_starting(&self) -> bool {
        self.talk.awaiting_ack.as_ref().is_some_and(|own| own.message.kind() == MoveKind::Start)
    }

    /// Decides on an event. The state given stays as it is; the caller saves `Step::next`.
    pub fn on(&self, event: Event, now: Timestamp) -> Result<Step, Refusal> {
        match event {
            Event::Received { message, peer_pid, mark } => self.hear(message, &peer_pid, &mark, now),
            Event::Intend(message) => self.intend(message, now),
            Event::Acked { turn, peer_pid } => self.acked(turn, peer_pid.as_deref(), now),
            Event::Rejected { turn, reason } => Ok(self.rejected(turn, reason, now)),
            Event::Undelivered { turn, reason } => Ok(self.undelivered(turn, reason, now)),
        }
    }

    fn blank(side: Side, opening: Opening, now: Timestamp) -> Self {
        Self {
            side,
            peer: opening.peer,
            own_pid: opening.own_pid,
            peer_address: opening.peer_address,
            agreement: opening.agreement,
            format: opening.format,
            state: TransferState::Requested,
            talk: Conversation::blank(now),
            address: None,
            turns: Vec::new(),
            began_at: now,
        }
    }
}
