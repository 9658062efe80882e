//! ODRL 2.2 policies, the subset that the Dataspace Protocol 2025-1 models
//! (`negotiation/contract-schema.json`).

use serde::{Deserialize, Serialize};

/// The rules of an offer or an agreement. At least one permission or prohibition.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Policy {
    #[serde(default)]
    pub permissions: Vec<Rule>,
    #[serde(default)]
    pub prohibitions: Vec<Rule>,
    #[serde(default)]
    pub obligations: Vec<Rule>,
}

/// An action and the constraints that must all hold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rule {
    /// Expanded IRI: `http://www.w3.org/ns/odrl/2/use`.
    pub action: String,
    pub constraints: Vec<Constraint>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Constraint {
    /// `left` is an expanded IRI.
    Atomic {
        left: String,
        operator: Operator,
        right: RightOperand,
    },
    Logical {
        logic: Logic,
        parts: Vec<Constraint>,
    },
}

/// Numbers and booleans are not allowed here by the protocol's schema; they travel as strings.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RightOperand {
    One(String),
    Many(Vec<String>),
    /// A structure we do not evaluate but keep and print again as it came.
    Other(serde_json::Value),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Logic {
    And,
    AndSequence,
    Or,
    Xone,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Operator {
    Eq,
    Gt,
    Gteq,
    HasPart,
    IsA,
    IsAllOf,
    IsAnyOf,
    IsNoneOf,
    IsPartOf,
    Lt,
    Lteq,
    Neq,
}
