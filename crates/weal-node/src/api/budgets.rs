//! Budgets, and what questions cost.

use serde::{Deserialize, Serialize};
use weal_domain::Refusal;
use weal_domain::catalogue::{PrivacyPolicy, ProductName};
use weal_domain::compute::{BudgetRules, Loss};

/// A budget as people read it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BudgetShown {
    /// `product:payroll`, `agreement:urn:uuid:...`, `member:payroll/<did>` or `analyst:payroll/<did>/<pseudonym>`.
    pub account: String,
    /// Whose questions about what are paid from it.
    #[serde(default)]
    pub name: String,
    /// Since the beginning: the limit, and everything that became available again.
    pub granted: Loss,
    /// The part of `granted` that became available again.
    #[serde(default)]
    pub renewed: Loss,
    pub reserved: Loss,
    /// Since the beginning.
    pub spent: Loss,
    #[serde(default)]
    pub left: Loss,
    /// What may be spent at a time, and what was spent since the beginning, in (epsilon, delta) terms at `delta`.
    pub granted_epsilon: f64,
    pub spent_epsilon: f64,
    pub delta: f64,
    /// How many questions at the owner's usual cost are left: by rho or by delta, whichever answers fewer.
    pub questions_left: Option<u64>,
    /// That cost.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub question_loss: Option<Loss>,
    /// Such a question, and how exact it would be; on the owner's node.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub question: Option<TypicalQuestion>,
}

/// For which policy typical questions are to be priced.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TypicalFor {
    pub name: ProductName,
    pub privacy: PrivacyPolicy,
}

/// A question as many would ask it, at the owner's default loss. No data was read for its price.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TypicalQuestion {
    /// `How many, by region`.
    pub about: String,
    pub sql: String,
    pub loss: Loss,
    /// Half the width of the interval of each number, where it can be told.
    pub half_width: Option<f64>,
    /// The same in per cent of a group of middling size; of sums and averages, were values in the middle of their
    /// bounds. From the profile, so for the owner only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub half_width_percent: Option<f64>,
    /// Groups of fewer subjects than about this would not be shown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shown_from: Option<u64>,
    /// Of the interval, for example 0.95.
    pub confidence: f64,
    /// Why it could not be asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refusal: Option<Refusal>,
}

/// What all questions about a product together may cost from now on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GrantBudget {
    pub loss: Loss,
    /// Shares and renewal from now on; they stay as they are where this is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rules: Option<BudgetRules>,
}
