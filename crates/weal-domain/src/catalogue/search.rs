//! What nodes show of each other's products, and what is looked for in it.

use serde::{Deserialize, Serialize};

use super::{Classification, Column, Mode, Offer, Product, ProductName};
use crate::Timestamp;
use crate::agreements::Purpose;
use crate::identity::{Did, MemberName};

/// What nodes show of each other's products. `CA-1`: no profile and no value of any row.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CatalogueEntry {
    pub member: MemberName,
    pub member_title: String,
    pub did: Did,
    /// `<provider DID>#<product>`.
    pub dataset: String,
    pub product: ProductName,
    pub version: u32,
    pub title: String,
    pub description: String,
    pub keywords: Vec<String>,
    pub classification: Classification,
    pub columns: Vec<Column>,
    pub offers: Vec<Offer>,
    /// When the owner's node said so.
    pub fetched_at: Timestamp,
}

/// Whose product an entry is.
#[derive(Debug, Clone, Copy)]
pub struct Holder<'a> {
    pub member: &'a MemberName,
    pub title: &'a str,
    pub did: &'a Did,
}

impl CatalogueEntry {
    /// The public face of a product: what is the owner's alone stays behind (`CA-1`).
    #[must_use]
    pub fn of(product: &Product, offers: &[Offer], holder: Holder<'_>, now: Timestamp) -> Self {
        let offered =
            offers.iter().filter(|offer| offer.product == product.name && offer.withdrawn_at.is_none());
        Self {
            member: holder.member.clone(),
            member_title: holder.title.to_owned(),
            did: holder.did.clone(),
            dataset: product.dataset(holder.did),
            product: product.name.clone(),
            version: product.version,
            title: product.title.clone(),
            description: product.description.clone(),
            keywords: product.keywords.clone(),
            classification: product.classification,
            columns: product.columns.clone(),
            offers: offered.cloned().collect(),
            fetched_at: now,
        }
    }

    /// What somebody who is no member may know of it: nothing, unless it is `owner`'s, offered to every member
    /// and classified up to `class_max`.
    #[must_use]
    pub fn for_everyone(mut self, owner: &Did, class_max: Classification) -> Option<Self> {
        let now = self.fetched_at;
        self.offers.retain(|offer| {
            offer.terms.recipients.is_empty() && offer.terms.valid_until.is_none_or(|end| end > now)
        });
        let is_public = self.did == *owner && self.classification <= class_max && !self.offers.is_empty();
        is_public.then_some(self)
    }

    /// The rungs on offer, lowest disclosure first, each once.
    #[must_use]
    pub fn modes(&self) -> Vec<Mode> {
        let offered = |mode: &Mode| self.offers.iter().any(|offer| offer.mode == *mode);
        Mode::LADDER.into_iter().filter(offered).collect()
    }
}

/// What is looked for. Absent filters let everything through.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Query {
    #[serde(default)]
    pub text: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub member: Option<MemberName>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub classification: Option<Classification>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mode: Option<Mode>,
    /// Only what is offered for this purpose.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub purpose: Option<Purpose>,
}

/// How many finds each choice of a filter would leave.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Facets {
    pub members: Vec<Facet<MemberName>>,
    pub classifications: Vec<Facet<Classification>>,
    pub modes: Vec<Facet<Mode>>,
    /// The most frequent first.
    #[serde(default)]
    pub purposes: Vec<Facet<Purpose>>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Facet<T> {
    pub value: T,
    pub count: u64,
}

/// How fresh a node's copy of a member's catalogue is: when its node last said what it has or that nothing changed,
/// when an entry last was other than before, and when it is looked at again; what could not be read of it; and how many
/// looks have failed since one did not, with the reason of the last.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CatalogueFreshness {
    pub member: MemberName,
    pub did: Did,
    pub heard_at: Option<Timestamp>,
    pub changed_at: Option<Timestamp>,
    pub due_at: Option<Timestamp>,
    pub entries: u64,
    pub passed_over: u64,
    pub failures: u64,
    pub failure: Option<String>,
}
