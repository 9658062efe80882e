//! What a person in a role may do (`ID-1`): one small table, read by every door of the node.

use serde::{Deserialize, Serialize};

use super::Role;

/// An act of a person on their own node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Act {
    /// See the catalogue, own agreements and what they say.
    Look,
    /// Publish a product, make and withdraw offers.
    Publish,
    /// Say yes or no to a request for one of our products.
    Approve,
    /// End an agreement for good.
    Revoke,
    /// Request an agreement with another member.
    Request,
    /// Use an agreement: ask a question, fetch rows.
    Ask,
    /// Read the profile of an own product, which holds values.
    ReadProfile,
    /// Read the ledger and every use in it.
    ReadLedger,
    /// Admit members, suspend them, adopt a charter.
    Govern,
    /// Add persons and give roles.
    AddPersons,
    /// Back up, see the node's health.
    Operate,
}

impl Act {
    pub const ALL: [Act; 11] = [
        Act::Look,
        Act::Publish,
        Act::Approve,
        Act::Revoke,
        Act::Request,
        Act::Ask,
        Act::ReadProfile,
        Act::ReadLedger,
        Act::Govern,
        Act::AddPersons,
        Act::Operate,
    ];

    /// What the act is, to finish the sentence "you may not ...".
    #[must_use]
    pub fn in_words(self) -> &'static str {
        match self {
            Act::Look => "look around",
            Act::Publish => "publish products",
            Act::Approve => "approve requests",
            Act::Revoke => "revoke agreements",
            Act::Request => "request agreements",
            Act::Ask => "ask questions",
            Act::ReadProfile => "read profiles",
            Act::ReadLedger => "read the ledger",
            Act::Govern => "admit members",
            Act::AddPersons => "add persons",
            Act::Operate => "operate the node",
        }
    }
}

/// Whether `role` may do `act`. Whoever answers for data may always end its use; whoever audits only
/// ever reads; whoever runs the machine sees no data.
#[must_use]
pub fn may(role: Role, act: Act) -> bool {
    use Act::{
        AddPersons, Approve, Ask, Govern, Look, Operate, Publish, ReadLedger, ReadProfile, Request, Revoke,
    };
    match role {
        Role::Owner => !matches!(act, Ask),
        Role::Steward => {
            matches!(act, Look | Publish | Approve | Revoke | Request | ReadProfile | ReadLedger)
        }
        Role::Analyst => matches!(act, Look | Request | Ask),
        Role::DataProtectionOfficer => matches!(act, Look | Approve | Revoke | ReadProfile | ReadLedger),
        Role::ChiefDataOfficer => {
            matches!(act, Look | Publish | Approve | Revoke | Request | ReadProfile | ReadLedger | Govern)
        }
        Role::Ombudsman => matches!(act, Look | Revoke | ReadLedger),
        Role::Operator => matches!(act, Look | Operate | AddPersons),
        Role::Auditor => matches!(act, Look | ReadLedger),
    }
}

/// Whether a person with these roles may do `act` in any of them.
#[must_use]
pub fn one_may(roles: &[Role], act: Act) -> bool {
    roles.iter().any(|role| may(*role, act))
}
