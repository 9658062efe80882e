//! A fact in plain words, for pages, the command line and auditors.

use super::{Fact, Receipt};
use crate::agreements::Side;
use crate::agreements::sentence::{legal_basis_label, purpose_label};
use crate::identity::Did;
use crate::words::{count, list};

/// One sentence that says what happened; members by their DIDs.
#[must_use]
pub fn describe(fact: &Fact) -> String {
    describe_naming(fact, &|did: &Did| did.to_string())
}

/// The same with names that a reader knows, where `name` has one.
#[must_use]
pub fn describe_naming(fact: &Fact, name: &dyn Fn(&Did) -> String) -> String {
    match fact {
        Fact::ProductPublished { product, version, classification, .. } => {
            format!("Published {product}, version {version}, as {} data.", classification.as_str())
        }
        Fact::OfferMade { product, mode, .. } => format!("Offered {product} for {mode}."),
        Fact::OfferWithdrawn { offer } => format!("Withdrew the offer {offer}."),
        Fact::NegotiationMoved { peer, state, reason, .. } => {
            let why = reason.as_ref().map_or(".".to_owned(), |reason| format!(": {reason}"));
            format!("The negotiation with {} reached {state}{why}", name(peer))
        }
        Fact::AgreementMade { side: Side::Provider, peer, product, mode, purpose, .. } => {
            format!("Agreed that {} may use {product} for {mode}: {}.", name(peer), purpose_label(purpose))
        }
        Fact::AgreementMade { side: Side::Consumer, peer, product, mode, purpose, .. } => {
            format!("Agreed with {} to use {product} for {mode}: {}.", name(peer), purpose_label(purpose))
        }
        Fact::AgreementRevoked { agreement, by, reason, .. } => {
            format!("{} revoked the agreement {agreement}: {reason}", name(by))
        }
        Fact::TransferMoved { agreement, state, .. } => {
            format!("The transfer under {agreement} reached {state}.")
        }
        Fact::UseGranted { receipt } => {
            format!("Let {} use {}", name(&receipt.consumer), of_receipt(receipt))
        }
        Fact::UseReceived { receipt, .. } => {
            format!("Received from {} a use of {}", name(&receipt.provider), of_receipt(receipt))
        }
        Fact::UseRefused { peer, mode, code, .. } => {
            format!("Refused {} a use for {mode}: {}.", name(peer), code.replace('-', " "))
        }
        Fact::UseEnded { rows, size_bytes, complete, .. } => {
            let end = if *complete { "ended" } else { "was cut short" };
            let (rows, bytes) = (count(*rows, "row", "rows"), count(*size_bytes, "byte", "bytes"));
            format!("The use {end} after {rows} in {bytes}.")
        }
        Fact::BudgetReserved { product, loss, .. } => {
            format!("Set aside {loss} of the privacy budget of {product}.")
        }
        Fact::CharterAdopted { version, .. } => format!("Adopted version {version} of the charter."),
        Fact::MemberAdmitted { member, .. } => format!("Admitted {} as a member.", name(member)),
        Fact::MemberSuspended { member, reason } => format!("Suspended {}: {reason}", name(member)),
        Fact::PersonAdded { person, roles } => {
            let roles: Vec<&str> = roles.iter().map(|role| role.title()).collect();
            format!("Added the person {person} as {}.", list(&roles, "and"))
        }
        Fact::BackupTaken { ledger_size } => {
            format!("Took a backup at {}.", count(*ledger_size, "ledger entry", "ledger entries"))
        }
    }
}

fn of_receipt(receipt: &Receipt) -> String {
    let Receipt { product, mode, purpose, legal_basis, loss, .. } = receipt;
    let cost = if loss.is_zero() { String::new() } else { format!(", at a privacy loss of {loss}") };
    let (purpose, basis) = (purpose_label(purpose), legal_basis_label(legal_basis));
    format!("{product} for {mode}: {purpose}, on the basis of {basis}{cost}.")
}
