//! A negotiation and a transfer as the simulation handles them: alike.

use weal_domain::agreements::Side;
use weal_domain::agreements::negotiation::{self, AgreementChange, Negotiation};
use weal_domain::exchange::transfer::{self, Transfer};
use weal_domain::{Mark, Refusal, Timestamp};

#[derive(Debug, Clone)]
#[allow(clippy::large_enum_variant, reason = "there are few, behind counted pointers")]
pub(super) enum Process {
    Negotiation(Negotiation),
    Transfer(Transfer),
}

/// What a side says.
#[derive(Debug, Clone)]
pub(super) enum Said {
    Negotiation(negotiation::Move),
    Transfer(transfer::Move),
}

/// A message on its way.
#[derive(Debug, Clone)]
pub(super) struct Letter {
    pub(super) from_pid: String,
    /// Unknown of a process that only begins.
    pub(super) to_pid: Option<String>,
    pub(super) turn: u32,
    pub(super) opening: bool,
    pub(super) said: Said,
    /// Of a transfer: the agreement that it is under.
    pub(super) agreement: Option<weal_domain::agreements::AgreementId>,
}

#[derive(Debug, Clone)]
pub(super) enum What {
    Heard { said: Said, peer_pid: String, mark: Mark },
    Intend(Said),
    Acked { turn: u32, peer_pid: String },
    Rejected { turn: u32, reason: String },
    Undelivered { turn: u32, reason: String },
}

/// What a decision asks to be kept and told.
#[derive(Debug)]
pub(super) struct Step {
    pub(super) next: Process,
    /// The turns of the messages to be sent.
    pub(super) tell: Vec<u32>,
    pub(super) agreement: Option<AgreementChange>,
}

impl From<negotiation::Step> for Step {
    fn from(step: negotiation::Step) -> Self {
        let tell = step.tell.iter().map(|notice| notice.turn).collect();
        Self { next: Process::Negotiation(step.next), tell, agreement: step.agreement }
    }
}

impl From<transfer::Step> for Step {
    fn from(step: transfer::Step) -> Self {
        let tell = step.tell.iter().map(|notice| notice.turn).collect();
        Self { next: Process::Transfer(step.next), tell, agreement: None }
    }
}

impl Process {
    pub(super) fn on(&self, what: What, now: Timestamp) -> Result<Step, Refusal> {
        match self {
            Process::Negotiation(own) => {
                let event = event(what, |said| match said {
                    Said::Negotiation(message) => Some(message),
                    Said::Transfer(_) => None,
                });
                Ok(own.on(event?, now)?.into())
            }
            Process::Transfer(own) => {
                let event = event(what, |said| match said {
                    Said::Transfer(message) => Some(message),
                    Said::Negotiation(_) => None,
                });
                Ok(own.on(event?, now)?.into())
            }
        }
    }

    pub(super) fn own_pid(&self) -> &str {
        match self {
            Process::Negotiation(own) => &own.own_pid,
            Process::Transfer(own) => &own.own_pid,
        }
    }

    pub(super) fn peer_pid(&self) -> Option<&str> {
        match self {
            Process::Negotiation(own) => own.talk.peer_pid.as_deref(),
            Process::Transfer(own) => own.talk.peer_pid.as_deref(),
        }
    }

    pub(super) fn side(&self) -> Side {
        match self {
            Process::Negotiation(own) => own.side,
            Process::Transfer(own) => own.side,
        }
    }

    pub(super) fn state(&self) -> &'static str {
        match self {
            Process::Negotiation(own) => own.state.as_str(),
            Process::Transfer(own) => own.state.as_str(),
        }
    }

    pub(super) fn is_final(&self) -> bool {
        match self {
            Process::Negotiation(own) => own.state.is_final(),
            Process::Transfer(own) => own.state.is_final(),
        }
    }

    pub(super) fn awaited(&self) -> Option<u32> {
        match self {
            Process::Negotiation(own) => own.talk.awaiting_ack.as_ref().map(|own| own.turn),
            Process::Transfer(own) => own.talk.awaiting_ack.as_ref().map(|own| own.turn),
        }
    }

    pub(super) fn trouble(&self) -> Option<&str> {
        match self {
            Process::Negotiation(own) => own.talk.trouble.as_deref(),
            Process::Transfer(own) => own.talk.trouble.as_deref(),
        }
    }

    /// Message `turn`, if its answer is awaited.
    pub(super) fn letter(&self, turn: u32) -> Option<Letter> {
        let (opening, said, agreement) = match self {
            Process::Negotiation(own) => {
                let notice = own.talk.awaited(turn)?;
                (notice.opening, Said::Negotiation(notice.message.clone()), None)
            }
            Process::Transfer(own) => {
                let notice = own.talk.awaited(turn)?;
                (notice.opening, Said::Transfer(notice.message.clone()), Some(own.agreement.clone()))
            }
        };
        let to_pid = if opening { None } else { self.peer_pid().map(str::to_owned) };
        Some(Letter { from_pid: self.own_pid().to_owned(), to_pid, turn, opening, said, agreement })
    }

    /// `AG-1`: whether every state on the way from `before` to here is one that the standard's table leads to.
    pub(super) fn follows(&self, before: Option<&Process>) -> bool {
        match (before, self) {
            (Some(Process::Negotiation(old)), Process::Negotiation(new)) => {
                let mut state = old.state;
                for (nth, turn) in new.turns.iter().enumerate().skip(old.turns.len()) {
                    state = match state.after(turn.by, turn.message.kind()) {
                        Some(next) => next,
                        // The opening takes effect in the state that it began in.
                        None if nth == 0 => state,
                        None => return false,
                    };
                }
                state == new.state
            }
            (Some(Process::Transfer(old)), Process::Transfer(new)) => {
                let mut state = old.state;
                for (nth, turn) in new.turns.iter().enumerate().skip(old.turns.len()) {
                    state = match state.after(turn.by, turn.kind) {
                        Some(next) => next,
                        None if nth == 0 => state,
                        None => return false,
                    };
                }
                state == new.state
            }
            (None, Process::Negotiation(new)) => new.turns.len() <= 1,
            (None, Process::Transfer(new)) => new.turns.len() <= 1,
            _ => false,
        }
    }
}

impl Said {
    pub(super) fn name(&self) -> &'static str {
        match self {
            Said::Negotiation(message) => message.kind().message(),
            Said::Transfer(message) => message.kind().message(),
        }
    }
}

fn event<M>(what: What, fits: impl Fn(Said) -> Option<M>) -> Result<weal_domain::Event<M>, Refusal> {
    let own = |said| fits(said).ok_or_else(|| Refusal::invalid("thread-wrong", "Another kind of process."));
    Ok(match what {
        What::Heard { said, peer_pid, mark } => {
            weal_domain::Event::Received { message: own(said)?, peer_pid, mark }
        }
        What::Intend(said) => weal_domain::Event::Intend(own(said)?),
        What::Acked { turn, peer_pid } => weal_domain::Event::Acked { turn, peer_pid: Some(peer_pid) },
        What::Rejected { turn, reason } => weal_domain::Event::Rejected { turn, reason },
        What::Undelivered { turn, reason } => weal_domain::Event::Undelivered { turn, reason },
    })
}
