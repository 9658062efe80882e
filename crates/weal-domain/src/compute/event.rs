//! What happens to a product's budget, one line each, so that an accountant who trusts nobody can add it up again.

use serde::{Deserialize, Serialize};

use super::{BudgetRules, Loss, Release};
use crate::Timestamp;
use crate::agreements::AgreementId;
use crate::catalogue::ProductName;
use crate::exchange::UseId;
use crate::identity::Did;

/// The version of the lines this build writes.
pub const BUDGET_EVENT_VERSION: u8 = 1;

/// One line. Numbers grow, without gaps, over all products of a node.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BudgetEvent {
    pub v: u8,
    pub number: u64,
    pub at: Timestamp,
    pub product: ProductName,
    #[serde(flatten)]
    pub what: BudgetMove,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum BudgetMove {
    /// So much may be spent at a time from now on, by these rules.
    Granted {
        loss: Loss,
        #[serde(default, skip_serializing_if = "BudgetRules::are_none")]
        rules: BudgetRules,
    },
    /// So much of what was spent may be spent again.
    Renewed { loss: Loss },
    /// Charged before any noise was drawn, whether or not an answer left afterwards.
    Spent {
        #[serde(flatten)]
        charge: Charge,
        loss: Loss,
        releases: Vec<Release>,
    },
    /// An answer that was paid for before was given again. Free: it is the same numbers.
    Repeated {
        #[serde(flatten)]
        charge: Charge,
    },
    /// Counted as spent without a question: after a restore, what may have been spent since the backup.
    Closed { loss: Loss },
}

/// Whose question it was. Persons are pseudonyms, questions digests (`LE-2`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Charge {
    pub version: u32,
    pub use_id: UseId,
    pub agreement: AgreementId,
    pub member: Did,
    pub person: String,
    pub question_sha256: String,
}
