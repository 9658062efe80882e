//! An agreement: what a negotiation ends in.

use serde::{Deserialize, Serialize};

use crate::Timestamp;
use crate::agreements::Policy;
use crate::catalogue::{Mode, ProductName, Terms};
use crate::identity::Did;
use crate::names::{check_id, text_type};

text_type!(
    /// An agreement's identifier, an IRI, the same on both sides.
    AgreementId, "agreement id", check_id
);
text_type!(
    /// Why data is used, as an IRI of the Data Privacy Vocabulary:
    /// `https://w3id.org/dpv#FraudPreventionAndDetection`.
    Purpose, "purpose", check_id
);
text_type!(
    /// The legal ground of a use, as an IRI of the Data Privacy Vocabulary:
    /// `https://w3id.org/dpv/legal/eu/gdpr#A6-1-e`.
    LegalBasis, "legal basis", check_id
);

/// Which side of an agreement, a negotiation or a transfer this node is on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Side {
    Provider,
    Consumer,
}

impl Side {
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Side::Provider => "provider",
            Side::Consumer => "consumer",
        }
    }
    #[must_use]
    pub fn other(self) -> Side {
        match self {
            Side::Provider => Side::Consumer,
            Side::Consumer => Side::Provider,
        }
    }
}

/// Whether an agreement can be used now. Expiry is a matter of the clock, not of state.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "status")]
pub enum AgreementStatus {
    /// Agreed, but the protocol has not reached FINALIZED.
    Pending,
    InForce,
    /// Ended for good by one side. `by` names the member, and in `role` the person's role.
    Revoked {
        at: Timestamp,
        by: Did,
        role: String,
        reason: String,
    },
}

/// What both sides signed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Agreement {
    pub id: AgreementId,
    pub side: Side,
    pub provider: Did,
    pub consumer: Did,
    /// The dataset's identifier in the protocol: `<provider DID>#<product>`.
    pub dataset: String,
    pub product: ProductName,
    pub mode: Mode,
    pub purpose: Purpose,
    pub legal_basis: LegalBasis,
    pub terms: Terms,
    /// The policy exactly as agreed; the gate evaluates this.
    pub policy: Policy,
    pub agreed_at: Timestamp,
    pub status: AgreementStatus,
}
