//! The contract negotiation of the Dataspace Protocol 2025-1, both sides (`negotiation.protocol.md`,
//! the state machine of its section 1.1).
//!
//! A negotiation stands in one of the standard's states and nothing between. What is on its way lives
//! in `awaiting_ack`:
//! - `AG-1` only the standard's transitions happen;
//! - `AG-2` a move of our own changes the state when the peer has acknowledged it, not before;
//! - `AG-3` at most one move of our own awaits an acknowledgement;
//! - `AG-4` an agreement exists on our side only from AGREED.
//!
//! In every state only one side may go on, and either may terminate. So moves of both sides cross only
//! when one of them terminates, and then the termination stands.

mod rules;

use serde::{Deserialize, Serialize};

use super::{Agreement, AgreementId, LegalBasis, Policy, Purpose, Side};
use crate::catalogue::{Mode, OfferId, Terms};
use crate::identity::Did;
use crate::ledger::Fact;
use crate::{Conversation, Mark, Refusal, Timestamp};

/// Requests and offers that one negotiation may hold before it must end, so that nobody haggles a
/// node's disk full.
pub const PROPOSALS_COUNT_MAX: usize = 32;

/// The states of the standard, no others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum NegotiationState {
    Requested,
    Offered,
    Accepted,
    Agreed,
    Verified,
    Finalized,
    Terminated,
}

impl NegotiationState {
    pub const ALL: [Self; 7] = [
        Self::Requested,
        Self::Offered,
        Self::Accepted,
        Self::Agreed,
        Self::Verified,
        Self::Finalized,
        Self::Terminated,
    ];

    /// The standard's word for it, as it stands in messages.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Requested => "REQUESTED",
            Self::Offered => "OFFERED",
            Self::Accepted => "ACCEPTED",
            Self::Agreed => "AGREED",
            Self::Verified => "VERIFIED",
            Self::Finalized => "FINALIZED",
            Self::Terminated => "TERMINATED",
        }
    }

    #[must_use]
    pub fn is_final(self) -> bool {
        matches!(self, Self::Finalized | Self::Terminated)
    }

    /// The transition table: where a move of `by` leads from here, if it is allowed at all (`AG-1`).
    #[must_use]
    pub fn after(self, by: Side, kind: MoveKind) -> Option<Self> {
        match (self, by, kind) {
            (Self::Requested, Side::Provider, MoveKind::Offer) => Some(Self::Offered),
            (Self::Requested | Self::Accepted, Side::Provider, MoveKind::Agree) => Some(Self::Agreed),
            (Self::Offered, Side::Consumer, MoveKind::Request) => Some(Self::Requested),
            (Self::Offered, Side::Consumer, MoveKind::Accept) => Some(Self::Accepted),
            (Self::Agreed, Side::Consumer, MoveKind::Verify) => Some(Self::Verified),
            (Self::Verified, Side::Provider, MoveKind::Finalize) => Some(Self::Finalized),
            (from, _, MoveKind::Terminate) if !from.is_final() => Some(Self::Terminated),
            _ => None,
        }
    }

    /// The side that the negotiation waits for, until it is over.
    #[must_use]
    pub fn waits_for(self) -> Option<Side> {
        match self {
            Self::Requested | Self::Accepted | Self::Verified => Some(Side::Provider),
            Self::Offered | Self::Agreed => Some(Side::Consumer),
            Self::Finalized | Self::Terminated => None,
        }
    }
}

impl std::fmt::Display for NegotiationState {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The kinds of message of a negotiation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MoveKind {
    Request,
    Offer,
    Accept,
    Agree,
    Verify,
    Finalize,
    Terminate,
}

impl MoveKind {
    pub const ALL: [Self; 7] = [
        Self::Request,
        Self::Offer,
        Self::Accept,
        Self::Agree,
        Self::Verify,
        Self::Finalize,
        Self::Terminate,
    ];

    /// The standard's name of the message, for people who read both.
    #[must_use]
    pub fn message(self) -> &'static str {
        match self {
            Self::Request => "ContractRequestMessage",
            Self::Offer => "ContractOfferMessage",
            Self::Accept => "ContractNegotiationEventMessage ACCEPTED",
            Self::Agree => "ContractAgreementMessage",
            Self::Verify => "ContractAgreementVerificationMessage",
            Self::Finalize => "ContractNegotiationEventMessage FINALIZED",
            Self::Terminate => "ContractNegotiationTerminationMessage",
        }
    }
}

/// An offer as it lies on the table: what a request asks for, or what a provider offers back.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Proposal {
    /// The offer of the catalogue that this began with.
    pub offer: OfferId,
    /// The dataset's identifier in the protocol: `<provider DID>#<product>`.
    pub dataset: String,
    /// The policy exactly as it travelled; the agreement must repeat it.
    pub policy: Policy,
    /// `None` of these four where a stranger's node sends an offer without our terms.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mode: Option<Mode>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub terms: Option<Terms>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub purpose: Option<Purpose>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub legal_basis: Option<LegalBasis>,
}

impl Proposal {
    /// An offer of a stranger, who knows nothing of our terms, answers what we asked for: to that we keep.
    fn keep_what_was_asked(&mut self, asked: &Proposal) {
        if self.terms.is_some() {
            return;
        }
        self.terms.clone_from(&asked.terms);
        self.mode = self.mode.or(asked.mode);
        self.purpose = self.purpose.take().or_else(|| asked.purpose.clone());
        self.legal_basis = self.legal_basis.take().or_else(|| asked.legal_basis.clone());
    }
}

/// One message of a negotiation, with what it carries.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "move")]
pub enum Move {
    Request { proposal: Box<Proposal> },
    Offer { proposal: Box<Proposal> },
    Accept,
    Agree { agreement: Box<Agreement> },
    Verify,
    Finalize,
    Terminate { code: String, reason: String },
}

impl Move {
    #[must_use]
    pub fn kind(&self) -> MoveKind {
        match self {
            Move::Request { .. } => MoveKind::Request,
            Move::Offer { .. } => MoveKind::Offer,
            Move::Accept => MoveKind::Accept,
            Move::Agree { .. } => MoveKind::Agree,
            Move::Verify => MoveKind::Verify,
            Move::Finalize => MoveKind::Finalize,
            Move::Terminate { .. } => MoveKind::Terminate,
        }
    }

    fn reason(&self) -> Option<String> {
        match self {
            Move::Terminate { reason, .. } => Some(reason.clone()),
            _ => None,
        }
    }

    /// A repeated agreement is the same agreement whatever side's copy it is compared with.
    fn same_as(&self, other: &Move) -> bool {
        match (self, other) {
            (Move::Agree { agreement: a }, Move::Agree { agreement: b }) => a.id == b.id,
            _ => self == other,
        }
    }
}

/// What can happen to a negotiation, and what it has to tell.
pub type Event = crate::Event<Move>;
pub type Notice = crate::Notice<Move>;

/// A message that has taken effect, for the timeline.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Turn {
    pub by: Side,
    pub at: Timestamp,
    #[serde(rename = "what")]
    pub message: Move,
}

/// What becomes of the agreement by a step.
#[derive(Debug, Clone, PartialEq)]
pub enum AgreementChange {
    /// AGREED: keep it, it cannot be used yet.
    Made(Box<Agreement>),
    /// FINALIZED: it is in force.
    InForce(AgreementId),
    /// TERMINATED after AGREED: it will never be in force.
    Void(AgreementId),
}

/// What a decision asks its caller to save, remember and send, all in one transaction.
#[derive(Debug, Clone, PartialEq)]
pub struct Step {
    pub next: Negotiation,
    pub remember: Vec<Fact>,
    pub tell: Vec<Notice>,
    pub agreement: Option<AgreementChange>,
}

/// One negotiation as one side keeps it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Negotiation {
    pub side: Side,
    pub us: Did,
    pub peer: Did,
    /// Our process identifier, an IRI that is never used again.
    pub own_pid: String,
    /// Where the peer listens: a consumer's callback address, a provider's base address.
    pub peer_address: String,
    /// Of a negotiation that we begin: what its first message asks for, and `awaiting_ack` says that the
    /// peer has not answered yet.
    pub state: NegotiationState,
    #[serde(flatten)]
    pub talk: Conversation<Move>,
    /// The proposal on the table now.
    pub proposal: Proposal,
    pub agreement: Option<AgreementId>,
    /// What has taken effect, oldest first; the first is the message it began with.
    pub turns: Vec<Turn>,
    pub began_at: Timestamp,
}

/// What a negotiation begins with, on either side.
#[derive(Debug, Clone, PartialEq)]
pub struct Opening {
    pub us: Did,
    pub peer: Did,
    pub own_pid: String,
    pub peer_address: String,
    pub proposal: Proposal,
}

impl Negotiation {
    /// The consumer's side begins: a request that awaits its first answer.
    #[must_use]
    pub fn request(opening: Opening, now: Timestamp) -> Step {
        Self::begin(Side::Consumer, opening, now)
    }

    /// The provider's side begins, with an offer.
    #[must_use]
    pub fn offer(opening: Opening, now: Timestamp) -> Step {
        Self::begin(Side::Provider, opening, now)
    }

    /// The peer began: its first message is in hand, and answering it is its acknowledgement.
    #[must_use]
    pub fn received(side: Side, opening: Opening, peer_pid: String, mark: &Mark, now: Timestamp) -> Step {
        let message = first_message(side.other(), &opening.proposal);
        let mut next = Self::blank(side, side.other(), opening, now);
        next.talk = next.talk.heard(&peer_pid, mark);
        next.turns.push(Turn { by: side.other(), at: now, message });
        let remember = vec![next.moved(None)];
        Step { next, remember, tell: Vec::new(), agreement: None }
    }

    /// A second arrival of the message that the peer began with: the same answer again, or a refusal
    /// when its content differs. The caller has found this negotiation by (peer, peer's pid).
    pub fn reopened(&self, proposal: &Proposal) -> Result<(), Refusal> {
        let first = self.turns.first().filter(|turn| turn.by == self.side.other());
        let same = first.is_some_and(|turn| match &turn.message {
            Move::Request { proposal: p } | Move::Offer { proposal: p } => **p == *proposal,
            _ => false,
        });
        if same {
            return Ok(());
        }
        Err(Refusal::conflict(
            "negotiation-exists",
            "A negotiation with this process identifier began before, with another proposal.",
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

    /// Whether this side is asked to decide something now.
    #[must_use]
    pub fn waits_for_us(&self) -> bool {
        self.talk.awaiting_ack.is_none() && self.state.waits_for() == Some(self.side)
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

    fn begin(side: Side, opening: Opening, now: Timestamp) -> Step {
        let message = first_message(side, &opening.proposal);
        let mut next = Self::blank(side, side, opening, now);
        let (talk, notice) = Conversation::opened(message, now);
        next.talk = talk;
        Step { next, remember: Vec::new(), tell: vec![notice], agreement: None }
    }

    fn blank(side: Side, began_by: Side, opening: Opening, now: Timestamp) -> Self {
        Self {
            side,
            us: opening.us,
            peer: opening.peer,
            own_pid: opening.own_pid,
            peer_address: opening.peer_address,
            state: match began_by {
                Side::Consumer => NegotiationState::Requested,
                Side::Provider => NegotiationState::Offered,
            },
            talk: Conversation::blank(now),
            proposal: opening.proposal,
            agreement: None,
            turns: Vec::new(),
            began_at: now,
        }
    }
}

/// A consumer begins with a request, a provider with an offer.
fn first_message(began_by: Side, proposal: &Proposal) -> Move {
    let proposal = Box::new(proposal.clone());
    match began_by {
        Side::Consumer => Move::Request { proposal },
        Side::Provider => Move::Offer { proposal },
    }
}
