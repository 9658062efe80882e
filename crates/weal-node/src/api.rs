//! What the command line and a member's own programs say to their node, and what it answers.
//!
//! All under `/api/v1`, JSON, with `Authorization: Bearer <operator token>`; a refusal is problem+json.
//!
//! | method and path | takes | answers |
//! |---|---|---|
//! | `GET /node` | | [`NodeInfo`] |
//! | `POST /uploads` | | [`UploadMade`] |
//! | `PUT /uploads/{id}/{file name}` | bytes | 204 |
//! | `POST /uploads/{id}/inspect` | [`Inspect`] | [`Inspected`] |
//! | `POST /uploads/{id}/typical` | [`TypicalFor`] | `[TypicalQuestion]` |
//! | `POST /products` | [`Publish`] | [`Published`] |
//! | `GET /products?after=&limit=`, `GET /products/{name}` | | `[Product]`, [`ProductShown`] |
//! | `GET /products/{name}/contract` | | ODCS 3.1 YAML |
//! | `GET /products/{name}/typical` | | `[TypicalQuestion]` |
//! | `POST /offers` | [`MakeOffer`] | `Offer` |
//! | `POST /offers/withdraw` | [`WithdrawOffer`] | 204 |
//! | `GET /catalogue?q=&member=&mode=&class=&purpose=&after=&limit=`, `GET /catalogue/freshness` | | [`Found`], `[CatalogueFreshness]` |
//! | `POST /catalogue/refresh` | | [`Refreshed`] |
//! | `PUT /catalogues?name=&base=&from=` | `text/turtle` or `application/ld+json` | [`ForeignShown`] |
//! | `GET /catalogues`, `GET /catalogues/{name}` | | `[ForeignShown]`, N-Triples |
//! | `DELETE /catalogues/{name}` | | 204 |
//! | `POST /requests` | [`RequestAgreement`] | [`Requested`] |
//! | `GET /negotiations`, `GET /negotiations/{id}` | | `[NegotiationShown]`, one |
//! | `POST /negotiations` | [`Propose`] | [`NegotiationShown`] |
//! | `POST /negotiations/{id}/decision` | [`Decision`] | [`NegotiationShown`] |
//! | `POST /negotiations/{id}/say` | [`Say`] | [`NegotiationShown`] |
//! | `GET /agreements`, `GET /agreements/{id}` | | `[Agreement]`, [`AgreementShown`] |
//! | `POST /agreements/{id}/revoke` | [`Revoke`] | [`AgreementShown`] |
//! | `POST /questions` | [`Ask`] | [`Answered`] for statistics; for rows, or any format but `json`, the bytes |
//! | `GET /uses?agreement=&limit=` | | `[UseShown]` |
//! | `GET /transfers` | | `[TransferShown]` |
//! | `POST /transfers/{id}/deed` | [`Deed`] | [`TransferShown`] |
//! | `GET /budgets` | | `[BudgetShown]` |
//! | `GET /budgets/events?product=&after=&limit=` | | `[BudgetEvent]`, as [the data protection officer's guide](guides/protect-a-product.md) tells |
//! | `PUT /products/{name}/budget` | [`GrantBudget`] | [`BudgetShown`] |
//! | `POST /ecosystem/join` | [`Join`] | [`Joined`] |
//! | `GET /members` | | `[Member]` |
//! | `POST /members/{did}/standing` | [`SetStanding`] | `Member` |
//! | `DELETE /members/{did}` (an application) | | 204 |
//! | `GET /charter`, `PUT /charter` | [`AdoptCharter`] | `Charter` |
//! | `GET /persons`, `POST /persons` | [`AddPerson`] | `[Person]`, `Person` |
//! | `DELETE /persons/{account}` | | 204 |
//! | `PUT /persons/{account}/roles` | [`SetRoles`] | `Person` |
//! | `PUT /persons/{account}/password` | [`SetPassword`] | 204 |
//! | `DELETE /persons/{account}/sessions` | | 204 |
//! | `GET /tokens`, `POST /tokens` | [`MakeToken`] | `[TokenShown]`, [`TokenMade`] |
//! | `DELETE /tokens/{id}` | | 204 |
//! | `GET /credentials`, `POST /credentials` | [`ImportCredential`] | [`CredentialsShown`], [`CredentialShown`] |
//! | `GET /credentials/{number}/export` | | the credential as it was signed |
//! | `DELETE /credentials/{number}` | | 204 |
//! | `GET /keys`, `POST /keys/rotate` | [`RotateKey`] | [`KeysShown`] |
//! | `POST /credentials/requests` | [`RequestCredentials`] | [`RequestedCredential`] |
//!
//! `{id}` and `{did}` are percent-encoded.

mod budgets;
mod credentials;
mod governance;
mod keys;
mod questions;

pub use budgets::{BudgetShown, GrantBudget, TypicalFor, TypicalQuestion};
pub use credentials::{
    CredentialShown, CredentialsShown, ImportCredential, IssuedCredential, OfferedCredential,
    RequestCredentials, RequestedCredential,
};
pub use governance::{AdoptCharter, Join, Joined, SetStanding};
pub use keys::{KeyShown, KeysShown, RotateKey};
pub use questions::{AlsoUsedShown, Answered, Ask, OwnerPart};

use serde::{Deserialize, Serialize};
use weal_domain::agreements::{Agreement, LegalBasis, Purpose, Side};
use weal_domain::catalogue::{
    CatalogueEntry, Classification, Column, ColumnProfile, DatasetId, Facets, ForeignEntry, Mode, Offer,
    OfferId, Particulars, PrivacyPolicy, Product, ProductName, ProductRef, Terms,
};
use weal_domain::identity::{AccountName, Did, MemberName, Role};
use weal_domain::ledger::Receipt;
use weal_domain::{Refusal, Timestamp};

/// The path before every address of the local API.
pub const PREFIX: &str = "/api/v1";

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NodeInfo {
    pub version: String,
    pub did: Did,
    pub name: MemberName,
    pub title: String,
    pub origin: String,
    pub ecosystem: Option<String>,
    pub governs: bool,
    /// Whether the governing body has admitted this node.
    pub admitted: bool,
    pub ledger_size: u64,
    pub resident_bytes: Option<u64>,
    pub started_in_ms: u64,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UploadMade {
    pub upload: String,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Inspect {
    /// `csv`, `csv.gz`, `parquet`, `ndjson`, `ndjson.gz`; by the file name where none is given.
    pub format: Option<String>,
    /// The column whose values are the subjects, where the owner knows; the node guesses otherwise.
    #[serde(default)]
    pub subject: Option<String>,
}

/// What the node found in an upload and what it proposes; nothing is published yet.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Inspected {
    pub upload: String,
    pub rows: u64,
    pub size_bytes: u64,
    pub columns: Vec<Column>,
    pub profile: Vec<ColumnProfile>,
    pub subject: Option<String>,
    pub classification: Classification,
    pub privacy: Option<PrivacyPolicy>,
    /// Columns with few values; public only if the owner says that the list itself is public knowledge.
    #[serde(default)]
    pub public_keys: std::collections::BTreeMap<String, Vec<String>>,
    /// Columns that may tell persons apart, where no subject is proposed: until somebody says that no row is about a
    /// person, rows are not offered.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub may_identify: Vec<String>,
    pub reasons: Vec<String>,
}

/// Makes an inspected upload a product, with the proposals as accepted or changed by its owner.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Publish {
    pub upload: String,
    pub name: ProductName,
    /// Under which the dataset is known elsewhere; without one it is named after the node and the product.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub identifier: Option<DatasetId>,
    pub title: String,
    pub description: String,
    #[serde(default)]
    pub keywords: Vec<String>,
    pub classification: Classification,
    /// Says that no row is about a person, whatever the columns look like.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub about_nobody: bool,
    pub privacy: Option<PrivacyPolicy>,
    /// What catalogues elsewhere want to know of it.
    #[serde(default, skip_serializing_if = "Particulars::is_empty")]
    pub particulars: Particulars,
    /// One offer per rung; empty publishes the catalogue entry alone.
    pub offers: Vec<MakeOffer>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MakeOffer {
    pub product: ProductName,
    pub mode: Mode,
    pub terms: Terms,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WithdrawOffer {
    pub offer: String,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Published {
    pub product: Product,
    pub offers: Vec<Offer>,
    pub ledger_index: u64,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ProductShown {
    pub product: Product,
    pub offers: Vec<Offer>,
    pub contract_yaml: String,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Found {
    pub entries: Vec<CatalogueEntry>,
    pub total: u64,
    pub next: Option<String>,
    #[serde(default)]
    pub facets: Facets,
    #[serde(default)]
    pub elsewhere: Elsewhere,
}

/// Entries of catalogues elsewhere, the first of them, and how many there are.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Elsewhere {
    pub entries: Vec<ForeignEntry>,
    pub total: u64,
}

/// A catalogue elsewhere that was taken in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ForeignShown {
    pub name: String,
    pub read_at: Timestamp,
    pub entries: u64,
    pub triples: u64,
}

/// How a fresh look at every member's catalogue went.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refreshed {
    pub members_asked: usize,
    pub entries: usize,
    /// Members that did not answer, with the reason.
    pub unreachable: Vec<(Did, String)>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RequestAgreement {
    pub product: ProductRef,
    pub mode: Mode,
    pub purpose: Purpose,
    /// Where the offer names exactly one, it may be left out.
    #[serde(default)]
    pub legal_basis: Option<LegalBasis>,
    /// How long to wait for the other side before answering with the state so far, in milliseconds.
    #[serde(default)]
    pub wait_ms: Option<u64>,
}

/// How far a request came: an agreement, a refusal of the other side, or still waiting.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Requested {
    pub negotiation: NegotiationShown,
    pub agreement: Option<Agreement>,
    pub sentence: Option<String>,
    pub refusal: Option<Refusal>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NegotiationShown {
    /// This node's own process id.
    pub id: String,
    pub side: Side,
    pub peer: Did,
    pub peer_title: Option<String>,
    pub product: String,
    pub mode: Mode,
    pub purpose: Option<Purpose>,
    /// A state of the Dataspace Protocol: `REQUESTED` ... `FINALIZED`, `TERMINATED`.
    pub state: String,
    /// A person of this node has to decide.
    pub waits_for_us: bool,
    pub agreement: Option<String>,
    pub timeline: Vec<Moment>,
}

/// One step of a timeline.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Moment {
    pub at: Timestamp,
    pub by: String,
    pub what: String,
    /// The message as sent or received, where there was one.
    pub message: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decision {
    pub approve: bool,
    #[serde(default)]
    pub reason: Option<String>,
}

/// An offer of ours, to a member that has not asked for it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Propose {
    pub offer: OfferId,
    pub member: Did,
    pub purpose: Purpose,
    /// Where the offer names exactly one, it may be left out.
    #[serde(default)]
    pub legal_basis: Option<LegalBasis>,
    /// Where the member's connector listens as a consumer, under its own origin. A node of our kind need not be told.
    #[serde(default)]
    pub callback: Option<String>,
}

/// What a person says in a negotiation, besides yes or no to a request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "say")]
pub enum Say {
    /// Yes to what the owner has offered instead.
    Accept,
    /// Another offer of ours, for the purpose that was asked for.
    Offer { offer: OfferId },
    /// No more of it, whoever waits for whom.
    End { reason: String },
    /// What could not be delivered, at once.
    Retry,
}

/// A line over which data is used, as both sides see it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TransferShown {
    /// This node's own process id.
    pub id: String,
    pub side: Side,
    pub peer: Did,
    pub agreement: String,
    /// A state of the Dataspace Protocol: `REQUESTED` ... `COMPLETED`, `TERMINATED`.
    pub state: String,
    /// Why our last message did not arrive.
    pub trouble: Option<String>,
}

/// A person's decision about a transfer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "deed")]
pub enum Deed {
    /// Of the owner: open the line. After a rest, of whoever goes on.
    Start,
    Suspend {
        reason: String,
    },
    Complete,
    Terminate {
        reason: String,
    },
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AgreementShown {
    pub agreement: Agreement,
    pub sentence: String,
    pub in_force: bool,
    pub timeline: Vec<Moment>,
    pub budget: Option<BudgetShown>,
    pub uses: Vec<UseShown>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Revoke {
    pub reason: String,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct UseShown {
    pub side: Side,
    pub receipt: Receipt,
    pub ledger_index: u64,
    pub peer_title: Option<String>,
    /// When and by whom its agreement was revoked, where it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revoked: Option<Moment>,
}

#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AddPerson {
    pub account: AccountName,
    pub display_name: String,
    pub roles: Vec<Role>,
    pub password: String,
}

impl std::fmt::Debug for AddPerson {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AddPerson")
            .field("account", &self.account)
            .field("roles", &self.roles)
            .finish_non_exhaustive()
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SetRoles {
    pub roles: Vec<Role>,
}

#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SetPassword {
    pub password: String,
    /// The password until now: for one's own, unless the token has all of its person's roles.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub current: Option<String>,
}

impl std::fmt::Debug for SetPassword {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SetPassword").finish_non_exhaustive()
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MakeToken {
    /// Which program it is for.
    pub label: String,
    /// Some of the roles that the asker has.
    pub roles: Vec<Role>,
}

/// A token as it can be looked at: never the token itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenShown {
    /// By which it is revoked.
    pub id: String,
    /// Whom it acts for.
    pub account: AccountName,
    pub label: String,
    pub roles: Vec<Role>,
    pub created_at: Timestamp,
    /// To the hour.
    pub last_used_at: Option<Timestamp>,
}

/// The only time that a token is told.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenMade {
    #[serde(flatten)]
    pub shown: TokenShown,
    pub token: String,
}

impl std::fmt::Debug for TokenMade {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TokenMade").field("shown", &self.shown).finish_non_exhaustive()
    }
}
