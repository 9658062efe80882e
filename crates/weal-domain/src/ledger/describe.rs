//! A fact in plain words, for pages, the command line and auditors.

use super::{Fact, Receipt};
use crate::agreements::Side;
use crate::agreements::sentence::{legal_basis_label, purpose_label};
use crate::compute::BudgetRules;
use crate::identity::{Did, Role};
use crate::words::{count, list, moment};

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
        Fact::UseReceived { receipt, .. } | Fact::UsePulled { receipt } => {
            format!("Received from {} a use of {}", name(&receipt.provider), of_receipt(receipt))
        }
        Fact::UseRefused { peer, mode, code, .. } => {
            format!("Refused {} a use for {mode}: {}.", name(peer), code.replace('-', " "))
        }
        Fact::UsesRefused { peer, mode, code, count: refused, .. } => {
            let uses = count(*refused, "more use", "more uses");
            format!("Refused {} {uses} for {mode} in one minute: {}.", name(peer), code.replace('-', " "))
        }
        Fact::UseEnded { rows, size_bytes, complete, .. } => {
            let end = if *complete { "ended" } else { "was cut short" };
            let (rows, bytes) = (count(*rows, "row", "rows"), count(*size_bytes, "byte", "bytes"));
            format!("The use {end} after {rows} in {bytes}.")
        }
        Fact::BudgetReserved { .. } | Fact::BudgetGranted { .. } | Fact::BudgetRenewed { .. } => {
            describe_budget(fact)
        }
        Fact::OwnRowsRead { product, version, .. } => {
            format!("Read rows of its own {product}, version {version}.")
        }
        Fact::CatalogueImported { catalogue, from, entries, .. } => {
            let from = from.as_ref().map_or(String::new(), |from| format!(" from {from}"));
            format!("Took in the catalogue {catalogue}{from}: {}.", count(*entries, "entry", "entries"))
        }
        Fact::CatalogueForgotten { catalogue, entries, .. } => {
            format!("Forgot the catalogue {catalogue}: {}.", count(*entries, "entry", "entries"))
        }
        Fact::CharterAdopted { version, .. } => format!("Adopted version {version} of the charter."),
        Fact::MemberAdmitted { member, .. } => format!("Admitted {} as a member.", name(member)),
        Fact::ApplicationDeclined { applicant } => {
            format!("Declined the application of {}.", name(applicant))
        }
        Fact::MemberSuspended { member, reason } => format!("Suspended {}: {reason}", name(member)),
        of_person => describe_person(of_person),
    }
}

/// Facts about a product's budget.
fn describe_budget(fact: &Fact) -> String {
    match fact {
        Fact::BudgetReserved { product, loss, .. } => {
            format!("Set aside {loss} of the privacy budget of {product}.")
        }
        Fact::BudgetGranted { product, loss, before: None, rules } => {
            format!("Granted {product} a privacy budget of {loss}.{}", with_rules(rules))
        }
        Fact::BudgetGranted { product, loss, before: Some(before), rules } => {
            let rules = with_rules(rules);
            format!("Changed the privacy budget of {product} from {before} to {loss}.{rules}")
        }
        Fact::BudgetRenewed { product, loss, spent } => format!(
            "Made {loss} of the privacy budget of {product} available again; {spent} was spent since the beginning."
        ),
        // Every other fact is told above.
        _ => "Something was remembered of a budget.".to_owned(),
    }
}

fn with_rules(rules: &BudgetRules) -> String {
    rules.in_words().into_iter().map(|sentence| format!(" {sentence}")).collect()
}

/// Facts about this node's own people and its keeping.
fn describe_person(fact: &Fact) -> String {
    let titles = |roles: &[Role]| {
        let roles: Vec<&str> = roles.iter().map(|role| role.title()).collect();
        list(&roles, "and")
    };
    match fact {
        Fact::PersonAdded { person, roles } => format!("Added the person {person} as {}.", titles(roles)),
        Fact::RolesGiven { person, roles } => format!("The person {person} is now {}.", titles(roles)),
        Fact::PasswordSet { person } => format!("The person {person} has a new password."),
        Fact::SessionsEnded { person } => format!("Signed the person {person} out everywhere."),
        Fact::PersonRemoved { person } => format!("Removed the person {person}."),
        Fact::TokenMade { person, roles } => {
            format!("Made a token that acts for the person {person} as {}.", titles(roles))
        }
        Fact::TokenRevoked { person } => format!("Revoked a token of the person {person}."),
        Fact::KeyPublished { key, signs_from, .. } => {
            format!("Published {key}, which signs from {} on.", moment(*signs_from))
        }
        Fact::KeySigns { key } => format!("Signs with {key} from now on."),
        Fact::BackupTaken { ledger_size } => {
            format!("Took a backup at {}.", count(*ledger_size, "ledger entry", "ledger entries"))
        }
        Fact::BackupRestored { ledger_size, spent_known_to } => {
            let budgets = match spent_known_to {
                Some(size) => {
                    format!("Budgets are as a ledger of {} says.", count(*size, "entry", "entries"))
                }
                None => "All that was left of its budgets counts as spent.".to_owned(),
            };
            let entries = count(*ledger_size, "ledger entry", "ledger entries");
            format!("Restored a backup taken at {entries}. {budgets}")
        }
        // Every other fact is told above.
        _ => "Something else was remembered.".to_owned(),
    }
}

fn of_receipt(receipt: &Receipt) -> String {
    let Receipt { product, mode, purpose, legal_basis, loss, joined_with, .. } = receipt;
    let cost = if loss.is_zero() { String::new() } else { format!(", at a privacy loss of {loss}") };
    let (purpose, basis) = (purpose_label(purpose), legal_basis_label(legal_basis));
    let joined = if joined_with.is_empty() {
        String::new()
    } else {
        format!(", joined with {},", list(joined_with, "and"))
    };
    format!("{product}{joined} for {mode}: {purpose}, on the basis of {basis}{cost}.")
}
