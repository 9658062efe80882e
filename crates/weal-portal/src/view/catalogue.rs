use weal_domain::agreements::{AgreementId, LegalBasis, Purpose};
use weal_domain::catalogue::{
    Classification, Column, ColumnProfile, Mode, OfferId, PrivacyPolicy, ProductName, Terms,
};
use weal_domain::compute::Loss;
use weal_domain::identity::MemberName;
use weal_domain::{Refusal, Timestamp};

use super::{FieldError, Meter, Names, Paging, Party};

/// `GET /catalogue?q=&member=&mode=&class=&page=`
#[derive(Debug, Clone)]
pub struct CatalogueView {
    pub query: CatalogueQuery,
    pub facets: Facets,
    pub results: Vec<ProductCard>,
    pub paging: Paging,
    /// Members whose node could not be read, and so what is shown of them may be old or missing.
    pub unreachable: Vec<Party>,
    pub elsewhere: Elsewhere,
}

/// What catalogues elsewhere describe; none of it is offered here.
#[derive(Debug, Clone, Default)]
pub struct Elsewhere {
    pub cards: Vec<ElsewhereCard>,
    pub total: u64,
}

/// Everything in it came from a stranger.
#[derive(Debug, Clone)]
pub struct ElsewhereCard {
    pub title: String,
    pub description: String,
    pub publisher: Option<String>,
    /// What the catalogue is called here.
    pub source: String,
    pub address: Option<String>,
}

#[derive(Debug, Clone, Default)]
pub struct CatalogueQuery {
    pub text: String,
    pub member: Option<MemberName>,
    pub mode: Option<Mode>,
    pub class: Option<Classification>,
}

#[derive(Debug, Clone, Default)]
pub struct Facets {
    pub members: Vec<Facet<Party>>,
    pub modes: Vec<Facet<Mode>>,
    pub classes: Vec<Facet<Classification>>,
}

/// A value to narrow by, and how many products have it.
#[derive(Debug, Clone)]
pub struct Facet<T> {
    pub value: T,
    pub count: u64,
}

#[derive(Debug, Clone)]
pub struct ProductCard {
    pub owner: Party,
    pub product: ProductName,
    pub title: String,
    /// One or two sentences.
    pub description: String,
    pub classification: Classification,
    /// Rungs on offer, lowest first.
    pub offered: Vec<Mode>,
    /// Rungs for which we hold an agreement in force.
    pub held: Vec<Mode>,
    pub updated_at: Timestamp,
}

/// `GET /catalogue/{member}/{product}`
#[derive(Debug, Clone)]
pub struct ProductView {
    /// The number of this very page, which its forms send back as `once`: sent twice, they request once.
    pub once: String,
    pub owner: Party,
    pub product: ProductName,
    pub title: String,
    pub description: String,
    pub keywords: Vec<String>,
    pub classification: Classification,
    /// Whether this node owns it; the profile is shown to the owner only.
    pub own: bool,
    /// `None` where the owner does not tell.
    pub rows: Option<u64>,
    pub size_bytes: Option<u64>,
    pub columns: Vec<Column>,
    /// Empty for everyone but the owner.
    pub profile: Vec<ColumnProfile>,
    pub privacy: Option<PrivacyPolicy>,
    /// The product's budget over all agreements; for the owner only.
    pub budget: Option<Meter>,
    /// What typical questions cost; for who may read the profile only.
    pub typical: Vec<Typical>,
    /// Full names of the members that the terms speak of.
    pub names: Names,
    /// Seven, lowest first; a missing one reads as not offered.
    pub rungs: Vec<Rung>,
    /// Where the ODCS 3.1 data contract is, on this node or the owner's.
    pub contract_href: Option<String>,
    pub freshness: Freshness,
    /// What was typed and is wrong with it, after a request that was not accepted.
    pub draft: Option<RequestDraft>,
}

/// A question as many would ask it, at the usual cost.
#[derive(Debug, Clone, PartialEq)]
pub struct Typical {
    pub about: String,
    pub sql: String,
    pub loss: Loss,
    /// Half the width of the interval of each number.
    pub half_width: Option<f64>,
    /// The same in per cent of a group of middling size.
    pub percent: Option<f64>,
    /// Smaller groups are not shown.
    pub shown_from: Option<u64>,
    /// Why it cannot be asked.
    pub refused: Option<String>,
}

#[derive(Debug, Clone)]
pub struct Freshness {
    pub version: u32,
    pub published_at: Timestamp,
    pub updated_at: Timestamp,
    /// When this node last read the owner's catalogue; `None` for own products.
    pub read_at: Option<Timestamp>,
    /// Whether the owner's node answered then.
    pub reachable: bool,
}

/// One rung of the ladder for one product.
#[derive(Debug, Clone)]
pub struct Rung {
    pub mode: Mode,
    pub state: RungState,
}

#[derive(Debug, Clone)]
pub enum RungState {
    NotOffered,
    /// May be asked for now. The form posts `offer`, `purpose`, `legal_basis` to `/agreements/request`.
    Offered {
        offer: OfferId,
        terms: Box<Terms>,
    },
    /// Offered, but not to this person or member, or not now.
    Closed {
        why: Refusal,
    },
    /// Asked for; the negotiation is under way.
    Waiting {
        negotiation: String,
        since: Timestamp,
    },
    Held {
        agreement: AgreementId,
        valid_until: Option<Timestamp>,
    },
}

/// A request as it was sent.
#[derive(Debug, Clone)]
pub struct RequestDraft {
    pub offer: OfferId,
    pub purpose: Option<Purpose>,
    pub legal_basis: Option<LegalBasis>,
    /// Fields: `purpose`, `legal_basis`.
    pub errors: Vec<FieldError>,
    /// The owner's (or our own gate's) refusal.
    pub refusal: Option<Refusal>,
}

/// `GET /products`: what this node shares.
#[derive(Debug, Clone)]
pub struct OwnProductsView {
    pub owner: Party,
    pub products: Vec<OwnProduct>,
    pub paging: Paging,
}

#[derive(Debug, Clone)]
pub struct OwnProduct {
    pub product: ProductName,
    pub title: String,
    pub classification: Classification,
    pub rows: u64,
    pub size_bytes: u64,
    pub version: u32,
    pub updated_at: Timestamp,
    pub offers: Vec<OwnOffer>,
    pub budget: Option<Meter>,
}

#[derive(Debug, Clone)]
pub struct OwnOffer {
    pub mode: Mode,
    pub terms: Terms,
    /// Agreements in force under this offer.
    pub agreements: u64,
    pub withdrawn_at: Option<Timestamp>,
}
