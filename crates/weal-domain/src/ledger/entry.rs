//! Facts, as both the owner and an auditor read them years later: versioned, additive, never renamed.

use serde::{Deserialize, Serialize};

use crate::Timestamp;
use crate::agreements::{AgreementId, LegalBasis, Purpose, Side};
use crate::catalogue::{Classification, Mode, OfferId, ProductName};
use crate::compute::{BudgetRules, Charge, Loss, Release};
use crate::exchange::UseId;
use crate::identity::{Did, MemberName, Role};

/// The version this build writes.
pub const ENTRY_VERSION: u8 = 1;

/// One remembered act.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    pub v: u8,
    pub at: Timestamp,
    pub by: Actor,
    pub fact: Fact,
}

impl Entry {
    /// An entry of the version this build writes.
    #[must_use]
    pub fn new(at: Timestamp, by: Actor, fact: Fact) -> Self {
        Self { v: ENTRY_VERSION, at, by, fact }
    }
}

/// Who acted: a member, and for acts of a person their role and pseudonym.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Actor {
    pub member: Did,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<Role>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub person: Option<String>,
}

impl Actor {
    /// The node itself, on behalf of its member.
    #[must_use]
    pub fn member(member: Did) -> Self {
        Self { member, role: None, person: None }
    }
    /// A person in a role, by pseudonym (`LE-2`).
    #[must_use]
    pub fn person(member: Did, role: Role, person: impl Into<String>) -> Self {
        Self { member, role: Some(role), person: Some(person.into()) }
    }
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum Fact {
    ProductPublished {
        product: ProductName,
        version: u32,
        classification: Classification,
        content_sha256: String,
    },
    OfferMade {
        offer: OfferId,
        product: ProductName,
        mode: Mode,
        terms_sha256: String,
    },
    OfferWithdrawn {
        offer: OfferId,
    },
    /// A contract negotiation reached `state` (a state of the Dataspace Protocol).
    NegotiationMoved {
        negotiation: String,
        side: Side,
        peer: Did,
        state: String,
        reason: Option<String>,
    },
    AgreementMade {
        agreement: AgreementId,
        side: Side,
        peer: Did,
        product: ProductName,
        mode: Mode,
        purpose: Purpose,
        legal_basis: LegalBasis,
        policy_sha256: String,
    },
    AgreementRevoked {
        agreement: AgreementId,
        side: Side,
        by: Did,
        reason: String,
    },
    /// A transfer process reached `state` (a state of the Dataspace Protocol).
    TransferMoved {
        transfer: String,
        side: Side,
        agreement: AgreementId,
        state: String,
    },
    /// The owner's half of a use, sealed before its first byte leaves.
    UseGranted {
        receipt: Receipt,
    },
    /// The asker's half of the same use: the same receipt, byte for byte, and where the owner keeps it.
    UseReceived {
        receipt: Receipt,
        provider_index: u64,
    },
    /// A use of an owner whose connector is none of ours and keeps no ledger: our half is all there is.
    UsePulled {
        receipt: Receipt,
    },
    UseRefused {
        agreement: Option<AgreementId>,
        peer: Did,
        mode: Mode,
        code: String,
    },
    /// So many more of them in one minute, where each by itself would fill the ledger.
    UsesRefused {
        agreement: AgreementId,
        peer: Did,
        mode: Mode,
        code: String,
        count: u64,
    },
    /// How a use ended. A stream's size is only known then.
    UseEnded {
        use_id: UseId,
        rows: u64,
        size_bytes: u64,
        complete: bool,
    },
    BudgetReserved {
        use_id: UseId,
        product: ProductName,
        loss: Loss,
        /// Whose question it is; entries of before this was kept have none.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        charge: Option<Charge>,
        /// The noise it will be answered with.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        releases: Vec<Release>,
    },
    /// What all questions about a product together may cost at a time is this now; `before` where it was another.
    BudgetGranted {
        product: ProductName,
        loss: Loss,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        before: Option<Loss>,
        #[serde(default, skip_serializing_if = "BudgetRules::are_none")]
        rules: BudgetRules,
    },
    /// By its owner's rule, so much of what was spent may be spent again.
    BudgetRenewed {
        product: ProductName,
        loss: Loss,
        /// What was spent since the beginning.
        spent: Loss,
    },
    /// A person of the owner's read rows of an own product. No agreement, no peer, and still an entry.
    OwnRowsRead {
        product: ProductName,
        version: u32,
        question_sha256: String,
    },
    /// A catalogue elsewhere was taken in, in the place of what was known by the same name.
    CatalogueImported {
        /// What it is called here.
        catalogue: String,
        /// The address or the name of the file that it was read from, as far as that was said.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        from: Option<String>,
        /// SHA-256 of the bytes taken in, lower-case hex.
        content_sha256: String,
        entries: u64,
    },
    /// A catalogue elsewhere was forgotten; what is told of it is what its import told.
    CatalogueForgotten {
        catalogue: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        from: Option<String>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        content_sha256: Option<String>,
        entries: u64,
    },
    CharterAdopted {
        version: u32,
        charter_sha256: String,
    },
    MemberAdmitted {
        member: Did,
        name: MemberName,
    },
    ApplicationDeclined {
        applicant: Did,
    },
    MemberSuspended {
        member: Did,
        reason: String,
    },
    PersonAdded {
        person: String,
        roles: Vec<Role>,
    },
    /// A person's roles are these now.
    RolesGiven {
        person: String,
        roles: Vec<Role>,
    },
    /// A person has a new password; every session of theirs ended with the old one.
    PasswordSet {
        person: String,
    },
    /// Every session of a person was ended.
    SessionsEnded {
        person: String,
    },
    PersonRemoved {
        person: String,
    },
    /// A token for programs that act for a person, in these roles.
    TokenMade {
        person: String,
        roles: Vec<Role>,
    },
    TokenRevoked {
        person: String,
    },
    /// Another key of this node is published, and signs from a moment on.
    KeyPublished {
        /// Its fragment in the DID document.
        key: String,
        /// JWK thumbprint, RFC 7638.
        thumbprint: String,
        signs_from: Timestamp,
    },
    /// Another key signs than before; this entry's checkpoint is its first.
    KeySigns {
        key: String,
    },
    BackupTaken {
        ledger_size: u64,
    },
    /// The node was brought back as it was at `ledger_size` entries. `spent_known_to` is the size of the newest
    /// ledger from which its budgets were brought up to date; without one all that was left counts as spent.
    BackupRestored {
        ledger_size: u64,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        spent_known_to: Option<u64>,
    },
}

/// What both ledgers keep of a use. Both sides hold the same bytes: the digest of its JSON is the match.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Receipt {
    pub v: u8,
    pub use_id: UseId,
    pub agreement: AgreementId,
    pub provider: Did,
    pub consumer: Did,
    pub product: ProductName,
    pub mode: Mode,
    pub purpose: Purpose,
    pub legal_basis: LegalBasis,
    /// Pseudonym of the person who asked, made by the consumer's node.
    pub person: String,
    /// SHA-256 of the question's text, lower-case hex.
    pub question_sha256: String,
    /// SHA-256 of the answer's bytes where it exists before release (statistics), lower-case hex.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answer_sha256: Option<String>,
    pub loss: Loss,
    /// The other products that the question joined, each with a receipt of its own and the same digests.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub joined_with: Vec<ProductName>,
    pub at: Timestamp,
}
