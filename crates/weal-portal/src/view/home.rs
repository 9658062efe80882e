use weal_domain::Timestamp;
use weal_domain::agreements::{AgreementId, Purpose};
use weal_domain::catalogue::{Mode, ProductName, ProductRef};

use super::{EntryLine, Meter, Names, Party};

/// A short list of decisions with their clocks, then what changed.
#[derive(Debug, Clone)]
pub struct HomeView {
    /// The most urgent first.
    pub decisions: Vec<Decision>,
    /// Newest first; at most a screenful.
    pub changes: Vec<EntryLine>,
    /// When this person last signed in before now.
    pub since: Option<Timestamp>,
    pub names: Names,
    /// Whether this node has published anything yet, for the first steps of an empty home.
    pub has_products: bool,
    /// Whether this node belongs to an ecosystem yet.
    pub has_joined: bool,
}

#[derive(Debug, Clone)]
pub struct Decision {
    pub kind: DecisionKind,
    /// When it began to wait.
    pub since: Timestamp,
    /// When it must be decided, or when it happens by itself.
    pub due: Option<Timestamp>,
}

#[derive(Debug, Clone)]
pub enum DecisionKind {
    /// A request that a steward must approve or refuse.
    Request { negotiation: String, from: Party, product_title: String, mode: Mode, purpose: Purpose },
    /// An organisation asks to be admitted (shown to the governing body).
    Admission { applicant: Party },
    /// An agreement of ours ends at `due` and may be asked for again.
    AgreementEnds { agreement: AgreementId, product: ProductRef, peer: Party },
    /// Little is left of an agreement's privacy budget.
    BudgetLow { agreement: AgreementId, product: ProductRef, meter: Meter },
    /// A product of ours has not been renewed for long.
    ProductStale { product: ProductName, product_title: String, owner: Party },
}
