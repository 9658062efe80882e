//! The ledger's facts in plain words.

use maud::{Markup, html};
use weal_domain::agreements::Side;
use weal_domain::identity::Role;
use weal_domain::ledger::{Entry, Fact, Receipt};

use super::clip;
use super::timeline::negotiation_state;
use crate::messages::{Messages, code_in_words, fill, plain};
use crate::view::Names;

/// Reasons are written by people; in a list they are cut.
const REASON_CHARS_MAX: usize = 200;

/// One sentence, escaped as it enters the page.
pub(crate) fn fact(m: &Messages, entry: &Entry, names: &Names) -> Markup {
    plain(&sentence(m, entry, names))
}

fn sentence(m: &Messages, entry: &Entry, names: &Names) -> String {
    let words = &m.facts;
    match &entry.fact {
        Fact::UseGranted { receipt } => used(m, words.use_granted, receipt, names),
        Fact::UseReceived { receipt, .. } | Fact::UsePulled { receipt } => {
            used(m, words.use_received, receipt, names)
        }
        Fact::UseRefused { peer, mode, code, .. } => fill(
            words.use_refused,
            &[("peer", names.title(peer)), ("mode", m.mode(*mode).name), ("code", &code_in_words(code))],
        ),
        Fact::UsesRefused { peer, mode, code, count, .. } => fill(
            words.uses_refused,
            &[
                ("peer", names.title(peer)),
                ("mode", m.mode(*mode).name),
                ("code", &code_in_words(code)),
                ("times", &m.count(&words.more_times, *count)),
            ],
        ),
        Fact::UseEnded { rows, size_bytes, complete, .. } => {
            let text = if *complete { words.use_ended } else { words.use_cut };
            fill(text, &[("rows", &m.count(&words.rows, *rows)), ("size", &m.size(*size_bytes))])
        }
        Fact::BudgetReserved { product, loss, .. } => {
            fill(words.budget_reserved, &[("product", product.as_str()), ("loss", &m.loss(*loss))])
        }
        Fact::NegotiationMoved { peer, state, .. } => fill(
            words.negotiation_moved,
            &[("peer", names.title(peer)), ("state", &negotiation_state(m, state))],
        ),
        Fact::AgreementMade { side, peer, product, mode, purpose, .. } => fill(
            match side {
                Side::Provider => words.agreement_given,
                Side::Consumer => words.agreement_held,
            },
            &[
                ("peer", names.title(peer)),
                ("product", product.as_str()),
                ("about", m.mode(*mode).about),
                ("purpose", &m.purpose(purpose)),
            ],
        ),
        Fact::AgreementRevoked { by, reason, .. } => fill(
            words.agreement_revoked,
            &[("by", names.title(by)), ("reason", &clip(reason, REASON_CHARS_MAX))],
        ),
        Fact::TransferMoved { state, .. } => fill(words.transfer_moved, &[("state", state)]),
        other => house(m, entry, other, names),
    }
}

/// Facts about the node's own affairs and its ecosystem.
fn house(m: &Messages, entry: &Entry, fact: &Fact, names: &Names) -> String {
    let words = &m.facts;
    let who = names.title(&entry.by.member);
    match fact {
        Fact::ProductPublished { product, version, classification, .. } => fill(
            words.product_published,
            &[
                ("who", who),
                ("product", product.as_str()),
                ("version", &version.to_string()),
                ("class", m.class(*classification)),
            ],
        ),
        Fact::OfferMade { product, mode, .. } => fill(
            words.offer_made,
            &[("who", who), ("product", product.as_str()), ("mode", m.mode(*mode).name)],
        ),
        Fact::OfferWithdrawn { .. } => fill(words.offer_withdrawn, &[("who", who)]),
        Fact::CatalogueImported { catalogue, entries, .. } => fill(
            words.catalogue_imported,
            &[
                ("who", who),
                ("catalogue", &clip(catalogue, REASON_CHARS_MAX)),
                ("entries", &m.count(&words.entries, *entries)),
            ],
        ),
        Fact::CatalogueForgotten { catalogue, .. } => fill(
            words.catalogue_forgotten,
            &[("who", who), ("catalogue", &clip(catalogue, REASON_CHARS_MAX))],
        ),
        Fact::CharterAdopted { version, .. } => {
            fill(words.charter_adopted, &[("version", &version.to_string())])
        }
        Fact::MemberAdmitted { member, .. } => {
            fill(words.member_admitted, &[("member", names.title(member))])
        }
        Fact::ApplicationDeclined { applicant } => {
            fill(words.application_declined, &[("applicant", names.title(applicant))])
        }
        Fact::MemberSuspended { member, reason } => fill(
            words.member_suspended,
            &[("member", names.title(member)), ("reason", &clip(reason, REASON_CHARS_MAX))],
        ),
        Fact::BudgetRenewed { product, loss, spent } => fill(
            words.budget_renewed,
            &[("product", product.as_str()), ("loss", &m.loss(*loss)), ("spent", &m.loss(*spent))],
        ),
        Fact::BudgetGranted { product, loss, before, .. } => fill(
            if before.is_some() { words.budget_changed } else { words.budget_granted },
            &[
                ("who", who),
                ("product", product.as_str()),
                ("loss", &m.loss(*loss)),
                ("before", &m.loss(before.unwrap_or_default())),
            ],
        ),
        Fact::OwnRowsRead { product, .. } => {
            fill(words.own_rows_read, &[("who", who), ("product", product.as_str())])
        }
        Fact::BackupTaken { ledger_size } => {
            fill(words.backup_taken, &[("entries", &m.count(&words.entries, *ledger_size))])
        }
        Fact::BackupRestored { ledger_size, spent_known_to } => {
            let text = if spent_known_to.is_some() { words.restored_counted } else { words.restored_closed };
            fill(text, &[("entries", &m.count(&words.entries, *ledger_size))])
        }
        other => person(m, other),
    }
}

/// Facts about this node's own people, who are named by no ledger.
fn person(m: &Messages, fact: &Fact) -> String {
    let words = &m.facts;
    let in_roles = |text: &str, roles: &[Role]| {
        let roles: Vec<String> = roles.iter().map(|role| m.role(*role).to_owned()).collect();
        fill(text, &[("roles", &m.list(&roles))])
    };
    match fact {
        Fact::PersonAdded { roles, .. } => in_roles(words.person_added, roles),
        Fact::RolesGiven { roles, .. } => in_roles(words.roles_given, roles),
        Fact::TokenMade { roles, .. } => in_roles(words.token_made, roles),
        Fact::PasswordSet { .. } => words.password_set.to_owned(),
        Fact::SessionsEnded { .. } => words.sessions_ended.to_owned(),
        Fact::PersonRemoved { .. } => words.person_removed.to_owned(),
        Fact::TokenRevoked { .. } => words.token_revoked.to_owned(),
        Fact::KeyPublished { key, signs_from, .. } => {
            fill(words.key_published, &[("key", key), ("at", &m.date_time(*signs_from))])
        }
        Fact::KeySigns { key } => fill(words.key_signs, &[("key", key)]),
        _ => words.other.to_owned(),
    }
}

fn used(m: &Messages, text: &str, receipt: &Receipt, names: &Names) -> String {
    let others: Vec<&str> = receipt.joined_with.iter().map(|other| other.as_str()).collect();
    let product = match receipt.joined_with.is_empty() {
        true => receipt.product.to_string(),
        false => {
            fill(m.facts.joined, &[("product", receipt.product.as_str()), ("others", &others.join(", "))])
        }
    };
    fill(
        text,
        &[
            ("consumer", names.title(&receipt.consumer)),
            ("provider", names.title(&receipt.provider)),
            ("product", &product),
            ("mode", m.mode(receipt.mode).name),
            ("about", m.mode(receipt.mode).about),
            ("purpose", &m.purpose(&receipt.purpose)),
            ("loss", &m.loss(receipt.loss)),
        ],
    )
}

/// Who acted: the organisation, and the role where a person did.
pub(crate) fn actor(m: &Messages, entry: &Entry, names: &Names) -> Markup {
    let member = names.title(&entry.by.member);
    html! {
        (member)
        @if let Some(role) = entry.by.role { " " span.sub { (m.role(role)) } }
    }
}
