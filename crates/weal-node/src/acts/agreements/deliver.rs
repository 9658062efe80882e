//! Sending what was decided, and taking in the peer's acknowledgement.

use weal_domain::agreements::negotiation::{Event, Move, Notice, Turn};
use weal_domain::agreements::{AgreementId, AgreementStatus, Negotiation, Side, policy_of_terms};
use weal_domain::identity::Did;
use weal_store::Tx;
use weal_wire::dsp::Reasons;
use weal_wire::dsp::negotiation::{
    ContractAgreementMessage, ContractAgreementVerificationMessage, ContractNegotiation,
    ContractNegotiationError, ContractNegotiationEventMessage, ContractNegotiationTerminationMessage,
    ContractOfferMessage, ContractRequestMessage, NegotiationEvent, Thread,
};
use weal_wire::odrl::{Agreement as WireAgreement, DateTime, MessageOffer};

use super::negotiation_unknown;
use crate::acts::deliver::{Outgoing, Replies, process_of_key, turned};
use crate::fault::{Fault, Result};
use crate::house::House;
use crate::http::catalogue::{CALLBACK_PATH, DSP_PATH};
use crate::peers::segment;

const REPLIES: Replies = Replies {
    pids: |body| {
        let ack: ContractNegotiation = weal_wire::parse(body).ok()?;
        Some((ack.provider_pid, ack.consumer_pid))
    },
    reasons: |body| Some(weal_wire::parse::<ContractNegotiationError>(body).ok()?.reason),
};

impl House {
    /// Carries the message that `key` (`<own pid>#<turn>`) names, if it is still awaited.
    pub(crate) async fn send_negotiation_message(&self, key: &str) -> Result<()> {
        let (own_pid, turn) = process_of_key(key)?;
        let loaded = self.store.read("agreements.send").await?.negotiation(own_pid).await?;
        let (negotiation, _) = loaded.ok_or_else(negotiation_unknown)?;
        let Some(notice) = negotiation.talk.awaited(turn) else { return Ok(()) };
        let outgoing = self.outgoing(&negotiation, notice)?;
        let to = (&negotiation.peer, negotiation.peer_address.as_str());
        let (event, outcome) =
            self.deliver((negotiation.side, own_pid), to, turn, outgoing, &REPLIES).await?;
        self.heard_back(own_pid, event).await?;
        outcome
    }

    /// A consumer that uses an agreement has received our FINALIZED, whether its acknowledgement has
    /// arrived here yet or not.
    pub(crate) async fn imply_finalized(&self, tx: &mut Tx, id: &AgreementId, consumer: &Did) -> Result<()> {
        let pending =
            tx.agreement(id).await?.is_some_and(|agreement| agreement.status == AgreementStatus::Pending);
        if !pending {
            return Ok(());
        }
        let Some((negotiation, revision)) = tx.negotiation_of(id).await? else { return Ok(()) };
        let awaited = negotiation.talk.awaiting_ack.as_ref();
        let finalize = awaited.filter(|notice| notice.message == Move::Finalize);
        let Some(turn) = finalize.map(|notice| notice.turn).filter(|_| negotiation.peer == *consumer) else {
            return Ok(());
        };
        let step = negotiation.on(Event::Acked { turn, peer_pid: None }, self.clock.now())?;
        self.keep_negotiation(tx, step, revision, None).await?;
        Ok(())
    }

    async fn heard_back(&self, own_pid: &str, event: Event) -> Result<()> {
        let mut tx = self.store.write("agreements.acked").await?;
        let (negotiation, revision) = tx.negotiation(own_pid).await?.ok_or_else(negotiation_unknown)?;
        let refused = matches!(event, Event::Rejected { .. });
        let step = negotiation.on(event, self.clock.now())?;
        if step.next == negotiation {
            return Ok(());
        }
        if refused {
            // What the other side refuses it would refuse again: a person looks at it first.
            self.keep_negotiation(&mut tx, step, revision, None).await?;
        } else {
            self.keep_and_go_on(&mut tx, step, revision).await?;
        }
        tx.commit().await?;
        self.wakers.ring(own_pid);
        Ok(())
    }

    /// A message that has taken effect, as the protocol prints it; `None` for one it cannot print.
    pub(crate) fn message_of(&self, negotiation: &Negotiation, turn: &Turn) -> Option<String> {
        let opening = turn.by == negotiation.side && negotiation.turns.first() == Some(turn);
        let notice = Notice { turn: 0, opening, message: turn.message.clone() };
        let body: serde_json::Value =
            serde_json::from_str(&self.outgoing(negotiation, &notice).ok()?.body).ok()?;
        serde_json::to_string_pretty(&body).ok()
    }

    fn outgoing(&self, negotiation: &Negotiation, notice: &Notice) -> Result<Outgoing> {
        let own_pid = negotiation.own_pid.clone();
        let peer_pid = negotiation.talk.peer_pid.clone().unwrap_or_default();
        let (provider_pid, consumer_pid) = match negotiation.side {
            Side::Provider => (own_pid, peer_pid.clone()),
            Side::Consumer => (peer_pid.clone(), own_pid),
        };
        let thread = if notice.opening {
            Thread::Opens { callback_address: self.callback_address(negotiation.side) }
        } else {
            Thread::Continues { receiver_pid: peer_pid.clone() }
        };
        let at = |path: &str| format!("/negotiations/{}/{path}", segment(&peer_pid));
        Ok(match &notice.message {
            Move::Request { proposal } => Outgoing {
                path: if notice.opening { "/negotiations/request".into() } else { at("request") },
                body: turned(
                    notice.turn,
                    ContractRequestMessage { consumer_pid, thread, offer: message_offer(proposal) },
                ),
            },
            Move::Offer { proposal } => Outgoing {
                path: if notice.opening { "/negotiations/offers".into() } else { at("offers") },
                body: turned(
                    notice.turn,
                    ContractOfferMessage { provider_pid, thread, offer: message_offer(proposal) },
                ),
            },
            Move::Accept => Outgoing {
                path: at("events"),
                body: event_message(notice.turn, provider_pid, consumer_pid, NegotiationEvent::Accepted),
            },
            Move::Finalize => Outgoing {
                path: at("events"),
                body: event_message(notice.turn, provider_pid, consumer_pid, NegotiationEvent::Finalized),
            },
            Move::Agree { agreement } => Outgoing {
                path: at("agreement"),
                body: turned(
                    notice.turn,
                    ContractAgreementMessage {
                        provider_pid,
                        consumer_pid,
                        agreement: WireAgreement {
                            // To whoever asked without our terms the agreement must be what they asked for.
                            terms: negotiation.proposal.terms.as_ref().map(|_| agreement.terms.clone()),
                            ..wire_agreement(agreement)?
                        },
                    },
                ),
            },
            Move::Verify => Outgoing {
                path: at("agreement/verification"),
                body: turned(
                    notice.turn,
                    ContractAgreementVerificationMessage { provider_pid, consumer_pid },
                ),
            },
            Move::Terminate { code, reason } => Outgoing {
                path: at("termination"),
                body: turned(
                    notice.turn,
                    ContractNegotiationTerminationMessage {
                        provider_pid,
                        consumer_pid,
                        code: Some(code.clone()),
                        reason: Reasons(reason.lines().map(str::to_owned).collect()),
                    },
                ),
            },
        })
    }

    /// Where peers answer a process that we begin on this side of it.
    #[must_use]
    pub fn callback_address(&self, side: Side) -> String {
        let path = match side {
            Side::Provider => DSP_PATH,
            Side::Consumer => CALLBACK_PATH,
        };
        format!("{}{path}", self.config.node.origin)
    }
}

fn event_message(turn: u32, provider_pid: String, consumer_pid: String, event: NegotiationEvent) -> String {
    turned(turn, ContractNegotiationEventMessage { provider_pid, consumer_pid, event })
}

fn message_offer(proposal: &weal_domain::agreements::Proposal) -> MessageOffer {
    MessageOffer {
        id: proposal.offer.to_string(),
        target: proposal.dataset.clone(),
        profiles: Vec::new(),
        policy: proposal.policy.clone(),
        // Our reading of a stranger's policy is for us.
        terms: proposal
            .terms
            .clone()
            .filter(|terms| proposal.mode.is_none_or(|mode| policy_of_terms(mode, terms) == proposal.policy)),
    }
}

/// The agreement as it travels, for people: its policy in ODRL, its parties and its terms.
pub(crate) fn agreement_text(agreement: &weal_domain::agreements::Agreement) -> Result<String> {
    let message = ContractAgreementMessage {
        provider_pid: String::new(),
        consumer_pid: String::new(),
        agreement: wire_agreement(agreement)?,
    };
    let printing = |cause| Fault::new("printing an agreement", cause);
    let body: serde_json::Value = serde_json::from_str(&weal_wire::print(&message)).map_err(printing)?;
    Ok(serde_json::to_string_pretty(body.get("agreement").unwrap_or(&body)).map_err(printing)?)
}

fn wire_agreement(agreement: &weal_domain::agreements::Agreement) -> Result<WireAgreement> {
    Ok(WireAgreement {
        id: agreement.id.to_string(),
        target: agreement.dataset.clone(),
        assigner: agreement.provider.to_string(),
        assignee: agreement.consumer.to_string(),
        timestamp: DateTime::new(&agreement.agreed_at.to_string()),
        profiles: Vec::new(),
        policy: agreement.policy.clone(),
        terms: Some(agreement.terms.clone()),
    })
}
