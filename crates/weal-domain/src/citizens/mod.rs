//! # Citizens
//!
//! **What this room is for:** the people whose data it is. **Words:** consent, case.
//! **What it never allows:** `CI-1` where a use rests on consent, no consent means no use.

use serde::{Deserialize, Serialize};

use crate::agreements::Purpose;
use crate::catalogue::ProductName;
use crate::identity::Did;
use crate::{Refusal, Timestamp};

/// One person's yes to a use of their data. The person is a pseudonym of the owner's register.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Consent {
    pub subject: String,
    pub product: ProductName,
    pub purposes: Vec<Purpose>,
    /// Who may use it; none listed means every member.
    pub recipients: Vec<Did>,
    pub given_at: Timestamp,
    pub valid_until: Option<Timestamp>,
    pub withdrawn_at: Option<Timestamp>,
}

impl Consent {
    #[must_use]
    pub fn covers(&self, product: &ProductName, purpose: &Purpose, recipient: &Did, now: Timestamp) -> bool {
        self.product == *product
            && self.purposes.contains(purpose)
            && (self.recipients.is_empty() || self.recipients.contains(recipient))
            && self.given_at <= now
            && self.valid_until.is_none_or(|until| now < until)
            && self.withdrawn_at.is_none_or(|at| now < at)
    }
}

/// What the owner's consent register says about everyone whose data a use would touch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ConsentCover {
    /// The owner keeps no register of consents.
    NoRegister,
    /// Somebody's consent is missing.
    Incomplete,
    /// Every subject has consented to this use.
    Everyone,
}

impl ConsentCover {
    /// `CI-1`.
    pub fn check(self) -> Result<(), Refusal> {
        let refusal = |code: &str, reason: &str| {
            Refusal::forbidden(code, reason)
                .remedy("Use another legal basis if the law gives one, or ask the persons for their consent.")
                .changed_by("the persons whose data it is")
        };
        match self {
            ConsentCover::Everyone => Ok(()),
            ConsentCover::NoRegister => Err(refusal(
                "consent-unknown",
                "The agreement rests on consent, and the owner's node keeps no register of consents.",
            )),
            ConsentCover::Incomplete => Err(refusal(
                "consent-missing",
                "The agreement rests on consent, and not everyone whose data this use touches has given it.",
            )),
        }
    }
}
