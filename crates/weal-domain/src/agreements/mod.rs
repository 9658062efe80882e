//! # Agreements
//!
//! **What this room is for:** from an offer to terms that both sides hold, and whether they are in force.
//! **Words:** negotiation, agreement, policy, purpose, legal basis, permit.
//! **What it never allows:** see the invariants `AG-1` to `AG-4` and `GT-1` in ARCHITECTURE.md.

mod agreement;
pub mod negotiation;
mod policy;

pub use agreement::{Agreement, AgreementId, AgreementStatus, LegalBasis, Purpose, Side};
pub use negotiation::{Negotiation, NegotiationState, Proposal};
pub use policy::{Constraint, Logic, Operator, Policy, RightOperand, Rule};
