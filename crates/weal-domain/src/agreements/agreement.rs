//! An agreement: what a negotiation ends in.

use serde::{Deserialize, Serialize};

use crate::agreements::{Policy, policy_of_terms};
use crate::catalogue::{Mode, ProductName, Terms, parse_dataset};
use crate::identity::Did;
use crate::ledger::Fact;
use crate::names::{check_id, text_type};
use crate::words::{is_line, moment};
use crate::{Refusal, Timestamp};

/// The longest reason for a revocation, in bytes; it is shown to both sides and kept.
pub const REASON_BYTES_MAX: usize = 1000;

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

/// What an agreement is concluded from, on either side.
#[derive(Debug, Clone, PartialEq)]
pub struct Conclusion {
    pub id: AgreementId,
    pub side: Side,
    pub provider: Did,
    pub consumer: Did,
    pub dataset: String,
    /// What the provider calls the dataset, or how we name a stranger's.
    pub product: ProductName,
    pub mode: Mode,
    pub terms: Terms,
    pub policy: Policy,
    pub agreed_at: Timestamp,
}

impl Agreement {
    /// Whether it was made under a policy that is not written in our terms: the other side's connector is none of
    /// ours, and data comes as such connectors send it.
    #[must_use]
    pub fn is_strangers(&self) -> bool {
        self.policy != policy_of_terms(self.mode, &self.terms)
    }

    /// The agreement that these make, not yet in force. Its terms must name one purpose and one legal
    /// basis, and its dataset must not be named as another member's.
    pub fn conclude(from: Conclusion) -> Result<Agreement, Refusal> {
        let ([purpose], [legal_basis]) = (from.terms.purposes.as_slice(), from.terms.legal_bases.as_slice())
        else {
            return Err(Refusal::invalid(
                "purpose-needed",
                "An agreement is for exactly one purpose on exactly one legal basis.",
            ));
        };
        if parse_dataset(&from.dataset).is_ok_and(|(owner, _)| owner != from.provider) {
            return Err(Refusal::invalid(
                "dataset-not-the-providers",
                "The dataset belongs to another member than the agreement's provider.",
            ));
        }
        Ok(Agreement {
            purpose: purpose.clone(),
            legal_basis: legal_basis.clone(),
            id: from.id,
            side: from.side,
            provider: from.provider,
            consumer: from.consumer,
            dataset: from.dataset,
            product: from.product,
            mode: from.mode,
            terms: from.terms,
            policy: from.policy,
            agreed_at: from.agreed_at,
            status: AgreementStatus::Pending,
        })
    }

    /// The other party, seen from this node.
    #[must_use]
    pub fn peer(&self) -> &Did {
        match self.side {
            Side::Provider => &self.consumer,
            Side::Consumer => &self.provider,
        }
    }

    /// Whether it can be used at `now`; the refusal names when and by whom it ended.
    pub fn in_force(&self, now: Timestamp) -> Result<(), Refusal> {
        match &self.status {
            AgreementStatus::Pending => Err(Refusal::forbidden(
                "agreement-pending",
                "The agreement is signed, but the owner has not put it into force yet.",
            )
            .remedy("Wait until the negotiation reaches FINALIZED; it usually takes a moment.")
            .changed_by("the owner's node")),
            AgreementStatus::Revoked { at, by, role, reason } => Err(Refusal::forbidden(
                "agreement-revoked",
                format!("{by} ({role}) revoked this agreement on {}: {reason}", moment(*at)),
            )
            .remedy("Read the reason, and request a new agreement if it can be met.")
            .changed_by(format!("{by}"))),
            AgreementStatus::InForce => match self.terms.valid_until {
                Some(until) if until <= now => Err(Refusal::forbidden(
                    "agreement-expired",
                    format!("The agreement ended on {}.", moment(until)),
                )
                .remedy("Request a new agreement.")
                .changed_by("the owner's steward")),
                _ => Ok(()),
            },
        }
    }

    /// Ends it for good (`GT-3`). `by` must be one of its parties; `role` is the person's role there.
    pub fn revoke(
        &self,
        by: &Did,
        role: &str,
        reason: &str,
        now: Timestamp,
    ) -> Result<(Agreement, Vec<Fact>), Refusal> {
        if *by != self.provider && *by != self.consumer {
            return Err(Refusal::not_found(
                "agreement-unknown",
                "There is no agreement of yours with this name.",
            ));
        }
        if let AgreementStatus::Revoked { at, by, .. } = &self.status {
            return Err(Refusal::conflict(
                "agreement-revoked",
                format!("{by} revoked this agreement before, on {}.", moment(*at)),
            ));
        }
        let reason = reason.trim();
        if reason.len() > REASON_BYTES_MAX || !is_line(reason, REASON_BYTES_MAX) {
            return Err(Refusal::invalid(
                "reason-needed",
                format!("A revocation needs a reason of 1 to {REASON_BYTES_MAX} bytes, on one line."),
            )
            .remedy("Say in one sentence why; the other side will read it."));
        }
        let mut ended = self.clone();
        ended.status = AgreementStatus::Revoked {
            at: now,
            by: by.clone(),
            role: role.to_owned(),
            reason: reason.to_owned(),
        };
        let fact = Fact::AgreementRevoked {
            agreement: self.id.clone(),
            side: self.side,
            by: by.clone(),
            reason: reason.to_owned(),
        };
        Ok((ended, vec![fact]))
    }

    /// The same agreement after the protocol has reached FINALIZED; a revoked one stays revoked.
    #[must_use]
    pub fn finalized(mut self) -> Agreement {
        if self.status == AgreementStatus::Pending {
            self.status = AgreementStatus::InForce;
        }
        self
    }
}
