use weal_domain::ledger::{Entry, Fact};

use super::{Names, Paging};

/// `GET /ledger?kind=&page=`
#[derive(Debug, Clone)]
pub struct LedgerView {
    /// Newest first.
    pub entries: Vec<EntryLine>,
    pub names: Names,
    pub filter: LedgerFilter,
    pub paging: Paging,
    pub checkpoint: Option<CheckpointView>,
}

#[derive(Debug, Clone)]
pub struct EntryLine {
    pub index: u64,
    pub entry: Entry,
}

#[derive(Debug, Clone, Copy, Default)]
pub struct LedgerFilter {
    pub kind: Option<FactGroup>,
}

/// What an entry is about, as the filter's `kind` says it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FactGroup {
    Uses,
    Agreements,
    Catalogue,
    Governance,
    House,
}

impl FactGroup {
    pub const ALL: [FactGroup; 5] = [
        FactGroup::Uses,
        FactGroup::Agreements,
        FactGroup::Catalogue,
        FactGroup::Governance,
        FactGroup::House,
    ];

    /// The value of the `kind` parameter.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            FactGroup::Uses => "uses",
            FactGroup::Agreements => "agreements",
            FactGroup::Catalogue => "catalogue",
            FactGroup::Governance => "governance",
            FactGroup::House => "house",
        }
    }

    /// The group that a fact belongs to.
    #[must_use]
    pub fn of(fact: &Fact) -> FactGroup {
        match fact {
            Fact::UseGranted { .. }
            | Fact::UseReceived { .. }
            | Fact::UsePulled { .. }
            | Fact::UseRefused { .. }
            | Fact::UsesRefused { .. }
            | Fact::UseEnded { .. }
            | Fact::OwnRowsRead { .. }
            | Fact::BudgetReserved { .. } => FactGroup::Uses,
            Fact::NegotiationMoved { .. }
            | Fact::AgreementMade { .. }
            | Fact::AgreementRevoked { .. }
            | Fact::TransferMoved { .. } => FactGroup::Agreements,
            Fact::ProductPublished { .. }
            | Fact::OfferMade { .. }
            | Fact::OfferWithdrawn { .. }
            | Fact::BudgetGranted { .. }
            | Fact::BudgetRenewed { .. }
            | Fact::CatalogueImported { .. }
            | Fact::CatalogueForgotten { .. } => FactGroup::Catalogue,
            Fact::CharterAdopted { .. }
            | Fact::MemberAdmitted { .. }
            | Fact::ApplicationDeclined { .. }
            | Fact::MemberSuspended { .. } => FactGroup::Governance,
            Fact::PersonAdded { .. }
            | Fact::RolesGiven { .. }
            | Fact::PasswordSet { .. }
            | Fact::SessionsEnded { .. }
            | Fact::PersonRemoved { .. }
            | Fact::TokenMade { .. }
            | Fact::TokenRevoked { .. }
            | Fact::KeyPublished { .. }
            | Fact::KeySigns { .. }
            | Fact::BackupTaken { .. }
            | Fact::BackupRestored { .. } => FactGroup::House,
        }
    }

    #[must_use]
    pub fn parse(given: &str) -> Option<FactGroup> {
        FactGroup::ALL.into_iter().find(|group| group.as_str() == given)
    }
}

/// The ledger's signed head.
#[derive(Debug, Clone)]
pub struct CheckpointView {
    pub origin: String,
    /// Entries it covers.
    pub size: u64,
    /// Base64 of the root hash.
    pub root: String,
    /// The signed note exactly as it is published.
    pub note: String,
}

/// `GET /ledger/{index}`; `?check=1` fills `check`.
#[derive(Debug, Clone)]
pub struct EntryView {
    pub index: u64,
    pub entry: Entry,
    pub names: Names,
    /// The entry's exact text, as it was sealed.
    pub body: String,
    /// The salted commitment, lower-case hex: what the tree's leaf holds.
    pub commitment: String,
    /// RFC 6962 leaf hash, lower-case hex.
    pub leaf_hash: String,
    /// The inclusion path, lower-case hex, from the leaf upwards.
    pub path: Vec<String>,
    pub checkpoint: Option<CheckpointView>,
    /// The result of "Check it here".
    pub check: Option<EntryCheck>,
}

/// What a check found.
#[derive(Debug, Clone)]
pub struct EntryCheck {
    /// The commitment opens to the entry's text.
    pub commitment_holds: bool,
    /// The path leads from the leaf to the checkpoint's root.
    pub path_holds: bool,
    /// The checkpoint is signed by this node's key.
    pub signature_holds: bool,
    /// The root computed from leaf and path, base64.
    pub computed_root: String,
}
