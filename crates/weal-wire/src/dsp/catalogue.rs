//! Catalogues, datasets and the messages that ask for them (specification: Catalog Protocol).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use weal_domain::Timestamp;
use weal_domain::catalogue::{Classification, Column, Terms};

use super::{Reasons, check_context, envelope};
use crate::json::{Field, Object, message_fields, node_fields};
use crate::odrl::{Offer, TERMS_MEMBER, terms_in, write_terms};
use crate::{Message, Node, WireError};

/// The most bytes of a catalogue or a dataset.
pub(crate) const CATALOGUE_BYTES_MAX: usize = 16 * 1024 * 1024;
/// The member of a Dataset that carries our own description of the product.
const PRODUCT_MEMBER: &str = "urn:weal:product";
/// The version of [`PublishedProduct`] that is written.
const PRODUCT_VERSION: u64 = 1;

message_fields! {
    CatalogRequestMessage {
        /// What to select, in the provider's own language; this node defines none.
        filter: Option<Vec<Value>> = "filter",
    }

    /// Not sent over HTTPS, where a GET takes its place.
    DatasetRequestMessage {
        dataset: String = "dataset",
    }

    CatalogError {
        code: Option<String> = "code",
        reason: Reasons = "reason",
    }
}

/// A run of a catalogue's datasets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Part {
    pub offset: usize,
    pub limit: usize,
}

impl CatalogRequestMessage {
    /// The part of the catalogue that is asked for; `None` where the filter asks for anything else. The protocol
    /// leaves filters to the provider. Read is only what EDC puts into every request: a `QuerySpec` that names a
    /// part and selects nothing.
    #[must_use]
    pub fn part(&self) -> Option<Part> {
        let filter = self.filter.as_deref().unwrap_or_default();
        let [query] = filter else {
            return filter.is_empty().then_some(Part { offset: 0, limit: usize::MAX });
        };
        let count = |name: &str, default: usize| match query.get(name) {
            None => Some(default),
            Some(value) => usize::try_from(value.as_u64()?).ok(),
        };
        let selects =
            query.get("filterExpression").is_some_and(|criteria| criteria != &serde_json::json!([]))
                || query.get("sortField").is_some();
        let known = query.get("@type")? == "QuerySpec" && !selects;
        Some(Part { offset: count("offset", 0)?, limit: count("limit", usize::MAX)? }).filter(|_| known)
    }
}

/// What a provider shows to whoever asks.
#[derive(Debug, Clone, PartialEq)]
pub struct Catalog {
    pub participant_id: String,
    pub content: NestedCatalog,
}

impl Message for Catalog {
    const BYTES_MAX: usize = CATALOGUE_BYTES_MAX;

    fn read(node: &Node<'_>) -> Result<Self, WireError> {
        check_context(node)?;
        Ok(Self {
            participant_id: Field::read(node, "participantId")?,
            content: NestedCatalog::read_node(node)?,
        })
    }
    fn to_value(&self) -> Value {
        let mut out = envelope("Catalog");
        self.participant_id.write("participantId", &mut out);
        out.extend(self.content.to_node());
        out.into()
    }
}

node_fields! {
    /// A catalogue inside a catalogue. The schema forbids it a policy of its own.
    NestedCatalog typed required as "Catalog" forbids "hasPolicy" {
        id: String = "@id",
        datasets: Vec<Dataset> = "dataset",
        catalogs: Vec<NestedCatalog> = "catalog",
        services: Vec<DataService> = "service",
        distributions: Vec<Distribution> = "distribution",
    }
}

node_fields! {
    /// One way in which a dataset can be had.
    Distribution typed optional as "Distribution" {
        /// What a TransferRequestMessage names: `weal:statistics`, `HttpData-PULL`.
        format: String = "format",
        access: AccessService = "accessService",
        /// Offers for this way alone.
        offers: Vec<Offer> = "hasPolicy",
    }
}

node_fields! {
    /// Where a connector answers.
    DataService typed required as "DataService" {
        id: String = "@id",
        endpoint_url: String = "endpointURL",
        serves: Vec<Dataset> = "servesDataset",
    }
}

/// The service behind a distribution, in place or by its `@id`.
#[derive(Debug, Clone, PartialEq)]
pub enum AccessService {
    Reference(String),
    Service(Box<DataService>),
}

impl Field for AccessService {
    fn read(node: &Node<'_>, name: &'static str) -> Result<Self, WireError> {
        match node.value(name)? {
            Value::String(id) => Ok(Self::Reference(id.clone())),
            value @ Value::Object(_) => {
                let service = DataService::read_node(&Node::of(value, node.path(name))?)?;
                Ok(Self::Service(Box::new(service)))
            }
            _ => Err(node.wrong(name, "a string or a DataService")),
        }
    }
    fn write(&self, name: &'static str, out: &mut Map<String, Value>) {
        let value = match self {
            Self::Reference(id) => id.clone().into(),
            Self::Service(service) => service.to_node().into(),
        };
        out.insert(name.into(), value);
    }
}

/// A product as the protocol shows it.
#[derive(Debug, Clone, PartialEq)]
pub struct Dataset {
    pub id: String,
    /// `dct:title`, `dct:description` and `dcat:keyword`, for readers that know nothing of us.
    pub title: Option<String>,
    pub description: Option<String>,
    pub keywords: Vec<String>,
    /// What another node of ours says of the product; strangers leave it out.
    pub product: Option<PublishedProduct>,
    /// At least one.
    pub offers: Vec<Offer>,
    /// The terms of offers that do not carry them, by the offers' identifiers. Other connectors copy an offer whole
    /// into their request and compare every member of it with the agreement, so what only we understand stands
    /// beside the offer.
    pub terms: BTreeMap<String, Terms>,
    /// At least one.
    pub distributions: Vec<Distribution>,
}

/// What everyone in the ecosystem may know of a product: no count, no value of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PublishedProduct {
    pub title: String,
    pub description: String,
    pub keywords: Vec<String>,
    pub classification: Classification,
    pub columns: Vec<Column>,
    pub version: u32,
    pub updated_at: Timestamp,
}

impl Object for Dataset {
    fn read_node(node: &Node<'_>) -> Result<Self, WireError> {
        node.check_type_if("Dataset")?;
        node.value("hasPolicy")?;
        node.value("distribution")?;
        Ok(Self {
            id: Field::read(node, "@id")?,
            title: first_text(node, ["dct:title", "http://purl.org/dc/terms/title", "title"]),
            description: first_text(
                node,
                ["dct:description", "http://purl.org/dc/terms/description", "description"],
            ),
            keywords: texts(node, ["dcat:keyword", "http://www.w3.org/ns/dcat#keyword", "keyword"]),
            product: PublishedProduct::read_if(node)?,
            offers: Field::read(node, "hasPolicy")?,
            terms: read_terms_by_offer(node)?,
            distributions: Field::read(node, "distribution")?,
        })
    }
    fn to_node(&self) -> Map<String, Value> {
        let mut out = Map::new();
        out.insert("@type".into(), "Dataset".into());
        self.id.write("@id", &mut out);
        self.title.write("dct:title", &mut out);
        self.description.write("dct:description", &mut out);
        if !self.keywords.is_empty() {
            out.insert("dcat:keyword".into(), self.keywords.clone().into());
        }
        if let Some(product) = &self.product {
            out.insert(PRODUCT_MEMBER.into(), product.to_value());
        }
        if !self.terms.is_empty() {
            let by_offer = self.terms.iter().map(|(offer, terms)| (offer.clone(), write_terms(terms)));
            out.insert(TERMS_MEMBER.into(), by_offer.collect::<Map<_, _>>().into());
        }
        self.offers.write("hasPolicy", &mut out);
        self.distributions.write("distribution", &mut out);
        out
    }
}

/// Terms of a later version than this node knows are as good as none.
fn read_terms_by_offer(node: &Node<'_>) -> Result<BTreeMap<String, Terms>, WireError> {
    let Some(value) = node.value_if(TERMS_MEMBER) else { return Ok(BTreeMap::new()) };
    let by_offer = Node::of(value, node.path(TERMS_MEMBER))?;
    let known = |offer: &String| Some((offer.clone(), terms_in(&by_offer, offer).transpose()?));
    let Value::Object(members) = value else { return Ok(BTreeMap::new()) };
    members.keys().filter_map(known).map(|(offer, terms)| Ok((offer, terms?))).collect()
}

/// A dataset as a document of its own: the answer to `GET /catalog/datasets/:id`.
impl Message for Dataset {
    const BYTES_MAX: usize = CATALOGUE_BYTES_MAX;

    fn read(node: &Node<'_>) -> Result<Self, WireError> {
        check_context(node)?;
        Self::read_node(node)
    }
    fn to_value(&self) -> Value {
        let mut out = envelope("Dataset");
        out.extend(self.to_node());
        out.into()
    }
}

impl PublishedProduct {
    /// A later version than this node knows is as good as none.
    fn read_if(node: &Node<'_>) -> Result<Option<Self>, WireError> {
        match node.value_if(PRODUCT_MEMBER) {
            Some(value) if value["v"] == PRODUCT_VERSION => node.ours(PRODUCT_MEMBER).map(Some),
            _ => Ok(None),
        }
    }
    fn to_value(&self) -> Value {
        crate::json::versioned(PRODUCT_VERSION, self)
    }
}

/// The text of a plain string, of `{"@value": ...}`, or of the first of an array of these. Words of
/// strangers: what has another form is passed over.
fn first_text(node: &Node<'_>, names: [&str; 3]) -> Option<String> {
    texts(node, names).into_iter().next()
}

fn texts(node: &Node<'_>, names: [&str; 3]) -> Vec<String> {
    let text = |value: &Value| value.as_str().or_else(|| value.get("@value")?.as_str()).map(str::to_owned);
    let Some(value) = names.iter().find_map(|name| node.value_if(name)) else { return Vec::new() };
    match value {
        Value::Array(items) => items.iter().filter_map(text).collect(),
        single => text(single).into_iter().collect(),
    }
}
