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
    /// Read rows of an own product, for which no agreement is needed.
    ReadRows,
    /// Change what all questions about an own product together may cost.
    GrantBudget,
    /// Read the ledger and every use in it.
    ReadLedger,
    /// Admit members, suspend them, adopt a charter.
    Govern,
    /// Add persons and give them roles, which nobody does for themselves.
    GiveRoles,
    /// Take in a credential about this member that was issued elsewhere.
    ImportCredential,
    /// Back up, see the node's health.
    Operate,
}

impl Act {
    pub const ALL: [Act; 14] = [
        Act::Look,
        Act::Publish,
        Act::Approve,
        Act::Revoke,
        Act::Request,
        Act::Ask,
        Act::ReadProfile,
        Act::ReadRows,
        Act::GrantBudget,
        Act::ReadLedger,
        Act::Govern,
        Act::GiveRoles,
        Act::ImportCredential,
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
            Act::ReadRows => "read rows of own products",
            Act::GrantBudget => "change privacy budgets",
            Act::ReadLedger => "read the ledger",
            Act::Govern => "admit members",
            Act::GiveRoles => "add persons and give roles",
            Act::ImportCredential => "take in credentials",
            Act::Operate => "operate the node",
        }
    }
}

/// Whether `role` may do `act`. Whoever answers for data may always end its use; whoever audits only
/// ever reads; whoever runs the machine sees no data; what persons' data may cost them is not for those
/// to raise who offer it.
#[must_use]
pub fn may(role: Role, act: Act) -> bool {
    use Act::{
        Approve, Ask, GiveRoles, Govern, GrantBudget, ImportCredential, Look, Operate, Publish, ReadLedger,
        ReadProfile, ReadRows, Request, Revoke,
    };
    match role {
        Role::Owner => !matches!(act, Ask | GrantBudget),
        Role::Steward => {
            let shares = matches!(act, Publish | Approve | Revoke | ReadProfile | ReadRows | ReadLedger);
            shares || matches!(act, Look | Request | ImportCredential)
        }
        Role::Analyst => matches!(act, Look | Request | Ask),
        Role::DataProtectionOfficer => {
            matches!(act, Look | Approve | Revoke | ReadProfile | GrantBudget | ReadLedger)
        }
        Role::ChiefDataOfficer => matches!(
            act,
            Look | Publish
                | Approve
                | Revoke
                | Request
                | ReadProfile
                | ReadLedger
                | Govern
                | GiveRoles
                | ImportCredential
        ),
        Role::Ombudsman => matches!(act, Look | Revoke | ReadLedger),
        Role::Operator => matches!(act, Look | ImportCredential | Operate),
        Role::Auditor => matches!(act, Look | ReadLedger),
    }
}

/// Whether a person with these roles may do `act` in any of them.
#[must_use]
pub fn one_may(roles: &[Role], act: Act) -> bool {
    fitting(roles, act).is_some()
}

/// The first of these roles that may do `act`: the one in which it is done, and recorded.
#[must_use]
pub fn fitting(roles: &[Role], act: Act) -> Option<Role> {
    roles.iter().copied().find(|role| may(*role, act))
}
