//! # Agreements
//!
//! **What this room is for:** from an offer to terms that both sides hold, and whether they are in force.
//! **Words:** negotiation, agreement, policy, purpose, legal basis, permit.
//! **What it never allows:** see the invariants `AG-1` to `AG-4` and `GT-1` in ARCHITECTURE.md.

mod agreement;
pub mod negotiation;
pub mod policy;
pub mod sentence;
mod terms;

pub use agreement::{
    Agreement, AgreementId, AgreementStatus, Conclusion, LegalBasis, Purpose, REASON_BYTES_MAX, Side,
};
pub use negotiation::{Negotiation, NegotiationState, Proposal};
pub use policy::{Constraint, Logic, Operator, Policy, RightOperand, Rule, World, evaluate};
pub use sentence::{Titles, sentence, terms_in_words};
pub use terms::{Request, accepts, mode_not_offered, narrow, policy_of, policy_of_terms, still_open, within};
