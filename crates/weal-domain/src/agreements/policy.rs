//! ODRL 2.2 policies, the subset that the Dataspace Protocol 2025-1 models
//! (`negotiation/contract-schema.json`).

mod evaluate;

pub use evaluate::{Violated, World, evaluate};

use serde::{Deserialize, Serialize};

/// Operands and actions as absolute IRIs; the wire expands every short form before it comes here.
pub mod iri {
    pub const USE: &str = "http://www.w3.org/ns/odrl/2/use";
    pub const READ: &str = "http://www.w3.org/ns/odrl/2/read";
    pub const EXTRACT: &str = "http://www.w3.org/ns/odrl/2/extract";
    pub const AGGREGATE: &str = "http://www.w3.org/ns/odrl/2/aggregate";

    pub const PURPOSE: &str = "http://www.w3.org/ns/odrl/2/purpose";
    pub const RECIPIENT: &str = "http://www.w3.org/ns/odrl/2/recipient";
    /// The moment of the use.
    pub const DATE_TIME: &str = "http://www.w3.org/ns/odrl/2/dateTime";
    pub const SPATIAL: &str = "http://www.w3.org/ns/odrl/2/spatial";
    /// Uses of the agreement so far, this one included.
    pub const COUNT: &str = "http://www.w3.org/ns/odrl/2/count";

    pub const MODE: &str = "urn:weal:mode";
    pub const LEGAL_BASIS: &str = "urn:weal:legalBasis";
    pub const ROLE: &str = "urn:weal:role";
    /// Uses of the agreement on this day (UTC), this one included.
    pub const USES_PER_DAY: &str = "urn:weal:usesPerDay";
    /// The columns that the use touches.
    pub const COLUMNS: &str = "urn:weal:columns";
    /// The SQL condition that the node puts on every row.
    pub const ROW_FILTER: &str = "urn:weal:rowFilter";
    /// What the agreement's questions cost together, this one included, in 10⁻⁹ rho.
    pub const BUDGET_RHO_NANO: &str = "urn:weal:budgetRhoNano";
}

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
