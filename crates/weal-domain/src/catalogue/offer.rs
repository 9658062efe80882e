//! An offer: a product, on one rung, under a policy and terms.

use serde::{Deserialize, Serialize};

use crate::Timestamp;
use crate::agreements::{LegalBasis, Policy, Purpose};
use crate::catalogue::{Mode, ProductName};
use crate::compute::{BudgetRules, Loss};
use crate::identity::{Did, Role};
use crate::names::{check_id, text_type};

text_type!(
    /// An offer's identifier, an IRI.
    OfferId, "offer id", check_id
);

/// Who says yes when a request fits an offer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Approval {
    /// The node itself, at once.
    Automatic,
    /// A steward of the owner, by hand.
    Steward,
}

/// Everything that two parties bind themselves to. Of an offer these are the widest terms that the
/// owner grants; of an agreement, the terms agreed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Terms {
    /// Of an offer: any of these. Of an agreement: exactly one.
    pub purposes: Vec<Purpose>,
    pub legal_bases: Vec<LegalBasis>,
    /// The only members that may hold this; none listed means every member of the ecosystem.
    #[serde(default)]
    pub recipients: Vec<Did>,
    /// The only roles of persons who may exercise it; none listed means analysts.
    #[serde(default)]
    pub roles: Vec<Role>,
    /// The only columns that may leave or be asked about; `None` is all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub columns: Option<Vec<String>>,
    /// A SQL condition over the product's columns; rows that do not satisfy it do not exist here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub row_filter: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub valid_until: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uses_per_day_max: Option<u32>,
    /// The privacy budget of one agreement, for `statistics`: what the consumer's questions about the product may
    /// cost, those under its other agreements included.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub budget: Option<Loss>,
    /// What else binds the consumer's questions, as the owner's privacy policy had it when this was offered. The
    /// policy as it stands decides. In a box, since terms are carried through all of a negotiation.
    #[serde(default, skip_serializing_if = "BudgetRules::are_none")]
    pub budget_rules: Box<BudgetRules>,
    /// The words people need: what is promised, who answers for harm, what happens to copies.
    pub service_level: String,
    pub liability: String,
    pub licence: String,
    pub retention_days: u32,
    pub disposal: String,
    pub approval: Approval,
}

impl Terms {
    /// The roles whose persons may exercise these terms; where none is named, analysts.
    #[must_use]
    pub fn roles_allowed(&self) -> &[Role] {
        if self.roles.is_empty() { &[Role::Analyst] } else { &self.roles }
    }
    #[must_use]
    pub fn allows_role(&self, role: Role) -> bool {
        self.roles_allowed().contains(&role)
    }
}

/// A product x mode x terms. Its ODRL policy is a function of it (`agreements::policy_of`).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Offer {
    pub id: OfferId,
    pub product: ProductName,
    pub mode: Mode,
    pub terms: Terms,
    /// The policy of a stranger's offer, exactly as it stands there; its terms are then only our reading of it.
    /// Our own offers have the policy that their terms make.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy: Option<Policy>,
    pub withdrawn_at: Option<Timestamp>,
}
