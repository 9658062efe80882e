//! What a person might say in a process, as far as its state lets anybody say it.

use weal_domain::agreements::Side;
use weal_domain::agreements::negotiation::{self, NegotiationState};
use weal_domain::exchange::transfer::{self, TransferState};

use super::node::Tx;
use super::process::{Process, Said};

pub(super) fn says(tx: &mut Tx, process: &Process, choice: u64) -> Option<Said> {
    let (code, reason) = ("no".to_owned(), "Somebody thought better of it.".to_owned());
    match process {
        Process::Negotiation(own) => {
            let proposal = Box::new(own.proposal.clone());
            let message = match (choice % 8, own.side, own.state) {
                (0, ..) => negotiation::Move::Terminate { code, reason },
                (1 | 2, Side::Provider, NegotiationState::Requested) => negotiation::Move::Offer { proposal },
                (1 | 2, Side::Consumer, NegotiationState::Offered) => negotiation::Move::Request { proposal },
                _ => return tx.forward(process),
            };
            Some(Said::Negotiation(message))
        }
        Process::Transfer(own) => match (choice % 8, own.state) {
            (0, _) => Some(Said::Transfer(transfer::Move::Terminate { code, reason })),
            (1, _) => Some(Said::Transfer(transfer::Move::Complete)),
            (_, TransferState::Started) => Some(Said::Transfer(transfer::Move::Suspend { code, reason })),
            (_, TransferState::Requested | TransferState::Suspended) => Some(tx.start()),
            _ => None,
        },
    }
}
