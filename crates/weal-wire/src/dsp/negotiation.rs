//! The messages of contract negotiation (specification: Contract Negotiation Protocol).

use serde_json::{Map, Value};
use weal_domain::agreements::NegotiationState;

use super::Reasons;
use crate::json::{Field, check_pid, message_fields, standard_words, words};
use crate::odrl::{Agreement, MessageOffer};
use crate::{Node, WireError};

words! {
    /// What a ContractNegotiationEventMessage reports: the consumer accepts, the provider finalises.
    NegotiationEvent {
        Accepted = "ACCEPTED",
        Finalized = "FINALIZED",
    }
}

standard_words!(NegotiationState);

/// Whether a request or an offer begins a negotiation or goes on with one. Exactly one of the two
/// members may stand in the message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Thread {
    /// The first message: where the sender wants to be answered.
    Opens { callback_address: String },
    /// A later message: the receiver's identifier of the negotiation.
    Continues { receiver_pid: String },
}

impl Field for Thread {
    fn read(node: &Node<'_>, pid_name: &'static str) -> Result<Self, WireError> {
        match (node.text_if("callbackAddress")?, node.text_if(pid_name)?) {
            (Some(address), None) => Ok(Self::Opens { callback_address: address.to_owned() }),
            (None, Some(pid)) => {
                check_pid(node, pid_name, pid)?;
                Ok(Self::Continues { receiver_pid: pid.to_owned() })
            }
            (None, None) => Err(WireError::Missing {
                at: format!("{}` or `{}", node.path("callbackAddress"), node.path(pid_name)),
            }),
            (Some(_), Some(_)) => {
                Err(node.wrong("callbackAddress", format!("alone; leave out it or `{pid_name}`")))
            }
        }
    }
    fn write(&self, pid_name: &'static str, out: &mut Map<String, Value>) {
        match self {
            Self::Opens { callback_address } => callback_address.write("callbackAddress", out),
            Self::Continues { receiver_pid } => receiver_pid.write(pid_name, out),
        }
    }
}

message_fields! {
    /// The consumer asks for an offer, at first or as a counter-offer.
    ContractRequestMessage {
        consumer_pid: String = "consumerPid",
        /// Opens, or continues the provider's negotiation.
        thread: Thread = "providerPid",
        offer: MessageOffer = "offer",
    }

    /// The provider makes an offer, at first or in answer.
    ContractOfferMessage {
        provider_pid: String = "providerPid",
        /// Opens, or continues the consumer's negotiation.
        thread: Thread = "consumerPid",
        offer: MessageOffer = "offer",
    }

    /// The provider agrees and sends the agreement.
    ContractAgreementMessage {
        provider_pid: String = "providerPid",
        consumer_pid: String = "consumerPid",
        agreement: Agreement = "agreement",
    }

    /// The consumer confirms that the agreement is what was negotiated.
    ContractAgreementVerificationMessage {
        provider_pid: String = "providerPid",
        consumer_pid: String = "consumerPid",
    }

    /// The consumer accepts an offer, or the provider finalises the negotiation.
    ContractNegotiationEventMessage {
        provider_pid: String = "providerPid",
        consumer_pid: String = "consumerPid",
        event: NegotiationEvent = "eventType",
    }

    /// Either side ends the negotiation.
    ContractNegotiationTerminationMessage {
        provider_pid: String = "providerPid",
        consumer_pid: String = "consumerPid",
        code: Option<String> = "code",
        reason: Reasons = "reason",
    }

    /// The acknowledgement: where the negotiation stands.
    ContractNegotiation {
        provider_pid: String = "providerPid",
        consumer_pid: String = "consumerPid",
        state: NegotiationState = "state",
    }

    /// The body of a client error about a negotiation.
    ContractNegotiationError {
        provider_pid: String = "providerPid",
        consumer_pid: String = "consumerPid",
        code: Option<String> = "code",
        reason: Reasons = "reason",
    }
}
