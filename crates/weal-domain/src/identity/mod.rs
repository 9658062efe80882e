//! # Identity
//!
//! **What this room is for:** who is speaking: a member's node, or a person in a role.
//! **Words:** member, node, person, role.
//! **What it never allows:** `ID-1` nobody acts in a role that was not given to them.

mod may;
mod sign_in;

pub use may::{Act, fitting, may, one_may};
pub use sign_in::{CountedFor, FREE_FAILURES};

use serde::{Deserialize, Serialize};

use crate::names::{check_id, check_short, text_type};

text_type!(
    /// A decentralised identifier of a member's node: `did:web:revenue.example`.
    Did, "DID", check_id
);
text_type!(
    /// A member's short name, the schema name in SQL: `revenue`.
    MemberName, "member name", check_short
);
text_type!(
    /// A person's account name on their own node. It never leaves the node in clear.
    AccountName, "account name", check_short
);

/// What a person may do for their member.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    Owner,
    Steward,
    Analyst,
    DataProtectionOfficer,
    ChiefDataOfficer,
    Ombudsman,
    Operator,
    Auditor,
}

impl Role {
    pub const ALL: [Role; 8] = [
        Role::Owner,
        Role::Steward,
        Role::Analyst,
        Role::DataProtectionOfficer,
        Role::ChiefDataOfficer,
        Role::Ombudsman,
        Role::Operator,
        Role::Auditor,
    ];
    /// Several persons in this role, in plain words.
    #[must_use]
    pub fn plural(self) -> &'static str {
        match self {
            Role::Owner => "owners",
            Role::Steward => "stewards",
            Role::Analyst => "analysts",
            Role::DataProtectionOfficer => "data protection officers",
            Role::ChiefDataOfficer => "chief data officers",
            Role::Ombudsman => "ombudsmen",
            Role::Operator => "operators",
            Role::Auditor => "auditors",
        }
    }
    /// The role in plain words: `data protection officer`.
    #[must_use]
    pub fn title(self) -> &'static str {
        match self {
            Role::DataProtectionOfficer => "data protection officer",
            Role::ChiefDataOfficer => "chief data officer",
            _ => self.as_str(),
        }
    }
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Role::Owner => "owner",
            Role::Steward => "steward",
            Role::Analyst => "analyst",
            Role::DataProtectionOfficer => "data_protection_officer",
            Role::ChiefDataOfficer => "chief_data_officer",
            Role::Ombudsman => "ombudsman",
            Role::Operator => "operator",
            Role::Auditor => "auditor",
        }
    }
}

/// A person as their own node knows them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Person {
    pub account: AccountName,
    pub display_name: String,
    pub roles: Vec<Role>,
}
