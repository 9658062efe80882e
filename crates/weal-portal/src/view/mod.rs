//! What the pages need to know. Plain values, filled by the node; the words are in `messages`.

mod agreements;
mod catalogue;
mod compute;
mod governance;
mod home;
mod identity;
mod ledger;
mod notices;

pub use agreements::{
    AgreementLine, AgreementState, AgreementView, AgreementsView, Happening, NegotiationLine,
    NegotiationView, NegotiationsView, RevokeView, Step, UseLine,
};
pub use catalogue::{
    CatalogueQuery, CatalogueView, Elsewhere, ElsewhereCard, Facet, Facets, Freshness, OwnOffer, OwnProduct,
    OwnProductsView, ProductCard, ProductView, RequestDraft, Rung, RungState, Typical,
};
pub use compute::{
    AnswerPart, AnswerView, AskOutcome, AskView, BudgetChange, Export, ExportFormat, HeldProduct, Meter,
    PreviewView, ReceiptRef, RowsView,
};
pub use governance::{MemberLine, MembersView};
pub use home::{Decision, DecisionKind, HomeView};
pub use identity::{
    CameBy, CredentialState, CredentialsView, HeldLine, IssuedLine, OfferedLine, RequestState, RequestedLine,
    SignInView,
};
pub use ledger::{CheckpointView, EntryCheck, EntryLine, EntryView, FactGroup, LedgerFilter, LedgerView};
pub use notices::{FaultView, RefusalView};

use crate::messages::messages;
use std::collections::BTreeMap;

use weal_domain::Timestamp;
use weal_domain::identity::{Act, Did, MemberName, Role, one_may};

/// What stands around every page: whose node it is, who reads, where they are.
#[derive(Debug, Clone)]
pub struct Chrome {
    pub language: Language,
    /// The organisation's full name, as the header shows it: "National Revenue Agency".
    pub node_title: String,
    /// Its short name, the schema name in SQL: `revenue`.
    pub member: MemberName,
    /// The ecosystem's name, where the node has joined one.
    pub ecosystem: Option<String>,
    /// `None` before signing in; then no navigation is shown.
    pub person: Option<SignedIn>,
    pub section: Option<Section>,
    /// The value of the hidden `csrf` field of every form.
    pub csrf: String,
    /// Said once at the top of the page, after a form did something.
    pub flash: Option<Flash>,
    pub footer: Footer,
    /// The moment the page was made; clocks ("2 days left") count from here.
    pub now: Timestamp,
}

impl Chrome {
    /// Whether the reader may do `act` in one of their roles: what would be refused is not offered.
    #[must_use]
    pub fn may(&self, act: Act) -> bool {
        self.person.as_ref().is_some_and(|person| one_may(&person.roles, act))
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Language {
    #[default]
    English,
}

#[derive(Debug, Clone)]
pub struct SignedIn {
    pub display_name: String,
    pub roles: Vec<Role>,
}

/// The parts of the portal, in the order of the navigation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Section {
    Home,
    Catalogue,
    Ask,
    Agreements,
    Ledger,
    Members,
}

#[derive(Debug, Clone)]
pub struct Flash {
    pub tone: Tone,
    pub text: String,
}

/// What a colour may say; a word and a shape always say it too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tone {
    Allowed,
    Waiting,
    Refused,
    Attention,
    /// No state at all.
    Plain,
}

#[derive(Debug, Clone, Default)]
pub struct Footer {
    /// Entries in this node's ledger.
    pub ledger_size: u64,
    /// The first characters of the checkpoint's root hash; empty before the first checkpoint.
    pub checkpoint_short: String,
    /// The version of the software.
    pub version: String,
}

/// An organisation as a reader knows it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Party {
    pub did: Did,
    pub name: MemberName,
    /// In full: "National Revenue Agency".
    pub title: String,
}

/// Full names of the organisations that entries speak of by DID.
#[derive(Debug, Clone, Default)]
pub struct Names(pub BTreeMap<Did, String>);

impl Names {
    #[must_use]
    pub fn of(parties: &[&Party]) -> Self {
        Self(parties.iter().map(|party| (party.did.clone(), party.title.clone())).collect())
    }

    /// The organisation's full name, or its DID where this node does not know the name.
    #[must_use]
    pub fn title<'a>(&'a self, did: &'a Did) -> &'a str {
        self.0.get(did).map_or(did.as_str(), String::as_str)
    }
}

/// What is wrong with one field of a form that was sent.
#[derive(Debug, Clone)]
pub struct FieldError {
    /// The field's `name` as the form posts it: `purpose`, `sql`, `reason`, ...
    pub field: &'static str,
    /// A sentence that says how to mend it.
    pub text: String,
}

impl FieldError {
    /// The editor of a question is empty.
    #[must_use]
    pub fn sql_needed(language: Language) -> Self {
        Self { field: "sql", text: messages(language).form.sql_needed.to_owned() }
    }
    /// No reason was given to somebody who is owed one.
    #[must_use]
    pub fn reason_needed(language: Language) -> Self {
        Self { field: "reason", text: messages(language).form.reason_needed.to_owned() }
    }
    #[must_use]
    pub fn purpose_needed(language: Language) -> Self {
        Self { field: "purpose", text: messages(language).form.purpose_needed.to_owned() }
    }
    #[must_use]
    pub fn legal_basis_needed(language: Language) -> Self {
        Self { field: "legal_basis", text: messages(language).form.legal_basis_needed.to_owned() }
    }
}

/// One page of many.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Paging {
    /// From 1.
    pub page: u64,
    /// At least 1.
    pub pages: u64,
    /// Items on all pages.
    pub total: u64,
}
