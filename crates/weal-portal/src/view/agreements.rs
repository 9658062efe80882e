use weal_domain::agreements::{Agreement, AgreementId, LegalBasis, Purpose, Side};
use weal_domain::catalogue::{Mode, ProductRef, Terms};
use weal_domain::compute::Loss;
use weal_domain::{Refusal, Timestamp};

use super::{FieldError, Meter, Party};

/// `GET /agreements`
#[derive(Debug, Clone, Default)]
pub struct AgreementsView {
    /// What we may use of others: we are the consumer.
    pub held: Vec<AgreementLine>,
    /// What others may use of ours: we are the provider.
    pub given: Vec<AgreementLine>,
}

#[derive(Debug, Clone)]
pub struct AgreementLine {
    pub id: AgreementId,
    /// The agreement in one plain sentence.
    pub sentence: String,
    pub peer: Party,
    pub product: ProductRef,
    pub mode: Mode,
    pub state: AgreementState,
    pub valid_until: Option<Timestamp>,
    pub uses: u64,
    pub budget: Option<Meter>,
}

/// An agreement's state as the clock reads now.
#[derive(Debug, Clone)]
pub enum AgreementState {
    Pending,
    InForce,
    Expired { at: Timestamp },
    Revoked { at: Timestamp, by: Party, role: String, reason: String },
}

/// `GET /agreements/{id}`
#[derive(Debug, Clone)]
pub struct AgreementView {
    pub agreement: Agreement,
    pub sentence: String,
    pub provider: Party,
    pub consumer: Party,
    pub product: ProductRef,
    pub product_title: String,
    pub state: AgreementState,
    /// The agreement as it was signed, pretty-printed JSON.
    pub policy_json: String,
    /// Oldest first.
    pub timeline: Vec<Step>,
    pub budget: Option<Meter>,
    /// Newest first; the latest only, `uses_total` counts all.
    pub uses: Vec<UseLine>,
    pub uses_total: u64,
    /// Whether this person may ask under it now.
    pub may_ask: bool,
    pub may_revoke: bool,
    /// What was typed, after a revocation that was not accepted. Field: `reason`.
    pub revoke_reason: String,
    pub revoke_errors: Vec<FieldError>,
}

/// The second step of a revocation: `POST /agreements/{id}/revoke` without `confirm=yes` answers with
/// this page, whose form posts the same `reason` again with `confirm=yes`.
#[derive(Debug, Clone)]
pub struct RevokeView {
    pub id: AgreementId,
    pub sentence: String,
    pub peer: Party,
    pub reason: String,
    pub uses_total: u64,
}

/// Something that happened, on a timeline.
#[derive(Debug, Clone)]
pub struct Step {
    pub at: Timestamp,
    /// Who did it: an organisation in full, and a role where a person acted.
    pub actor: String,
    pub what: Happening,
    /// The protocol message exactly as sent, pretty-printed.
    pub message: Option<String>,
}

#[derive(Debug, Clone)]
pub enum Happening {
    /// The negotiation reached this state of the Dataspace Protocol: `REQUESTED`, `AGREED`, ...
    Negotiation {
        state: String,
        reason: Option<String>,
    },
    /// The transfer reached this state: `STARTED`, `SUSPENDED`, ...
    Transfer {
        state: String,
    },
    AgreementMade,
    AgreementRevoked {
        reason: String,
    },
    FirstUse,
}

/// One exercise of the agreement.
#[derive(Debug, Clone)]
pub struct UseLine {
    pub at: Timestamp,
    /// The pseudonym of the person who asked; on the consumer's own node their name.
    pub person: String,
    pub loss: Loss,
    pub rows: Option<u64>,
    /// A refused use: the refusal's code.
    pub refused: Option<String>,
    pub ledger_index: u64,
}

/// `GET /negotiations`
#[derive(Debug, Clone, Default)]
pub struct NegotiationsView {
    /// Those in which a steward of ours must decide.
    pub waiting: Vec<NegotiationLine>,
    pub others: Vec<NegotiationLine>,
}

#[derive(Debug, Clone)]
pub struct NegotiationLine {
    pub id: String,
    pub side: Side,
    pub peer: Party,
    pub product_title: String,
    pub mode: Mode,
    pub purpose: Purpose,
    /// A state of the Dataspace Protocol: `REQUESTED`, `FINALIZED`, ...
    pub state: String,
    pub due: Option<Timestamp>,
    pub updated_at: Timestamp,
}

/// `GET /negotiations/{id}`
#[derive(Debug, Clone)]
pub struct NegotiationView {
    pub id: String,
    pub side: Side,
    pub peer: Party,
    pub product: ProductRef,
    pub product_title: String,
    pub mode: Mode,
    pub purpose: Purpose,
    pub legal_basis: LegalBasis,
    /// What the agreement would say, or says, in one plain sentence.
    pub sentence: String,
    pub terms: Terms,
    pub state: String,
    /// Oldest first.
    pub timeline: Vec<Step>,
    pub due: Option<Timestamp>,
    /// Whether this person may approve or refuse it now.
    pub may_decide: bool,
    pub agreement: Option<AgreementId>,
    /// How it was refused, where it was.
    pub refusal: Option<Refusal>,
    /// What was typed, after a refusal form that was not accepted. Field: `reason`.
    pub refuse_reason: String,
    pub refuse_errors: Vec<FieldError>,
}
