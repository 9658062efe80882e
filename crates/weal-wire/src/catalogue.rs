//! Between our catalogue and the protocol's.
//!
//! A product is a Dataset. Each mode on offer is a Distribution whose format is `weal:<mode>`, rows also one
//! in the format that other connectors know; the offers stand in `hasPolicy`. What the protocol has no member for (columns, classification, terms)
//! travels in extension members that strangers ignore.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::hash::{BuildHasher as _, RandomState};

use weal_domain::Timestamp;
use weal_domain::agreements::{
    Constraint, Operator, Policy, RightOperand, policy, policy_of, policy_of_terms,
};
use weal_domain::catalogue::{
    Approval, CatalogueEntry, Classification, Mode, Offer, OfferId, Product, ProductName, Terms,
    name_made_of, parse_dataset,
};

use crate::dsp::catalogue::{
    AccessService, Catalog, DataService, Dataset, Distribution, NestedCatalog, PublishedProduct,
};
use crate::error::excerpt;
use crate::{Publisher, WireError, odrl};

mod print;
mod skim;

pub use print::CataloguePrinter;
pub use skim::{READ_AS, Skimmed, SkimmedDataset};

/// What the format of a distribution begins with; the mode follows.
const FORMAT_PREFIX: &str = "weal:";
/// How most other connectors call a pull of rows over plain HTTP that a bearer token alone opens.
pub const PULL_FORMAT: &str = "HttpData-PULL";
/// Grows with every change of what [`CataloguePrinter`] prints of the same catalogue, so that whoever holds what a former
/// program printed asks for it anew.
pub const PRINTED_AS: u32 = 1;
/// The most datasets that are read of one page of a catalogue.
pub const DATASETS_MAX: usize = 10_000;
/// Where a stranger's policy has no word for what our terms say.
const NOT_SAID: &str = "Not said by its owner.";
/// The longest title or description that is taken from a stranger, in characters.
const TEXT_CHARS_MAX: usize = 4_000;

/// The `format` of a TransferRequestMessage for a mode: `weal:statistics`.
#[must_use]
pub fn format_of(mode: Mode) -> String {
    format!("{FORMAT_PREFIX}{mode}")
}

/// The mode that a `format` names.
#[must_use]
pub fn mode_of_format(format: &str) -> Option<Mode> {
    if format == PULL_FORMAT {
        return Some(Mode::Extract);
    }
    format.strip_prefix(FORMAT_PREFIX)?.parse().ok()
}

/// The formats in which a mode can be had: our own, and for rows also the one that other connectors know.
fn formats_of(mode: Mode) -> Vec<String> {
    let pull = (mode == Mode::Extract).then(|| PULL_FORMAT.to_owned());
    std::iter::once(format_of(mode)).chain(pull).collect()
}

/// The connector of a publisher: the one service that all distributions name.
#[must_use]
pub fn connector_of(publisher: &Publisher, endpoint_url: &str) -> DataService {
    DataService {
        id: format!("{}#connector", publisher.did),
        endpoint_url: endpoint_url.to_owned(),
        serves: Vec::new(),
    }
}

/// A product as a Dataset, with those of its offers that are not withdrawn. Without any there is
/// nothing that the protocol could show.
#[must_use]
pub fn dataset_of(
    product: &Product,
    offers: &[Offer],
    publisher: &Publisher,
    access: AccessService,
) -> Option<Dataset> {
    let open = |offer: &&Offer| offer.product == product.name && offer.withdrawn_at.is_none();
    let offers: Vec<&Offer> = offers.iter().filter(open).collect();
    let modes: BTreeSet<Mode> = offers.iter().map(|offer| offer.mode).collect();
    let distribution = |format| Distribution { format, access: access.clone(), offers: Vec::new() };
    (!offers.is_empty()).then(|| Dataset {
        id: product.dataset(&publisher.did),
        title: Some(product.title.clone()),
        description: Some(product.description.clone()),
        keywords: product.keywords.clone(),
        product: Some(PublishedProduct {
            title: product.title.clone(),
            description: product.description.clone(),
            keywords: product.keywords.clone(),
            classification: product.classification,
            columns: product.columns.clone(),
            version: product.version,
            updated_at: product.updated_at,
        }),
        terms: offers.iter().map(|offer| (offer.id.to_string(), offer.terms.clone())).collect(),
        offers: offers.into_iter().map(offer_of).collect(),
        distributions: modes.into_iter().flat_map(formats_of).map(distribution).collect(),
    })
}

/// The whole catalogue of a publisher. Distributions name the connector by its identifier.
#[must_use]
pub fn catalogue_of(
    products: &[(Product, Vec<Offer>)],
    publisher: &Publisher,
    endpoint_url: &str,
) -> Catalog {
    let connector = connector_of(publisher, endpoint_url);
    let access = AccessService::Reference(connector.id.clone());
    let dataset =
        |(product, offers): &(Product, Vec<Offer>)| dataset_of(product, offers, publisher, access.clone());
    Catalog {
        participant_id: publisher.did.to_string(),
        content: NestedCatalog {
            id: format!("{}#catalogue", publisher.did),
            datasets: products.iter().filter_map(dataset).collect(),
            catalogs: Vec::new(),
            services: vec![connector],
            distributions: Vec::new(),
        },
    }
}

/// An offer as it stands in a catalogue; its terms stand beside it.
#[must_use]
pub fn offer_of(offer: &Offer) -> odrl::Offer {
    odrl::Offer { id: offer.id.to_string(), profiles: Vec::new(), policy: policy_of(offer), terms: None }
}

/// The entries of a member's catalogue, and what could not become one.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct EntriesRead {
    pub entries: Vec<CatalogueEntry>,
    /// The identifier of a dataset or an offer, and why it was left out.
    pub passed_over: Vec<(String, &'static str)>,
}

/// Reads the catalogue that `member` has sent. It must be the member's own, and every dataset of ours
/// in it too. Offers without our terms, or with terms that their policy contradicts, are left out: what
/// we show must be what would bind.
pub fn entries_of(
    catalog: Catalog,
    member: &Publisher,
    fetched_at: Timestamp,
) -> Result<EntriesRead, WireError> {
    EntriesReader::new(member.clone()).page(catalog, fetched_at)
}

/// Reads a member's catalogue that comes in pages, as [`entries_of`] reads one that comes whole.
#[derive(Debug)]
pub struct EntriesReader {
    member: Publisher,
    names: Names,
}

impl EntriesReader {
    #[must_use]
    pub fn new(member: Publisher) -> Self {
        Self { member, names: Names::default() }
    }

    /// Takes a dataset for read whose text is known from a former reading. Whether it stands in the catalogue for
    /// the first time.
    pub fn take_known(&mut self, dataset: &str, product: &ProductName) -> bool {
        let hashed = self.names.hashing.hash_one(dataset);
        if self.names.taken.contains(product) || self.names.seen.contains(&hashed) {
            return false;
        }
        self.names.seen.insert(hashed) && self.names.taken.insert(product.clone())
    }

    pub fn page(&mut self, catalog: Catalog, fetched_at: Timestamp) -> Result<EntriesRead, WireError> {
        let member = &self.member;
        if catalog.participant_id != member.did.as_str() {
            return Err(WireError::wrong("participantId", format!("`{}`, the sender", member.did)));
        }
        let mut read = EntriesRead::default();
        for dataset in all_datasets(catalog.content)? {
            let id = excerpt(&dataset.id);
            match entry_of(dataset, member, &mut self.names, fetched_at, &mut read.passed_over) {
                Ok(entry) => read.entries.push(entry),
                Err(reason) => read.passed_over.push((id, reason)),
            }
        }
        Ok(read)
    }
}

/// The datasets of a catalogue and of all catalogues inside it.
fn all_datasets(content: NestedCatalog) -> Result<Vec<Dataset>, WireError> {
    let mut datasets = Vec::new();
    let mut waiting = vec![content];
    while let Some(catalog) = waiting.pop() {
        datasets.extend(catalog.datasets);
        waiting.extend(catalog.catalogs);
        if datasets.len() > DATASETS_MAX {
            return Err(WireError::TooMany { what: "datasets", limit: DATASETS_MAX });
        }
    }
    Ok(datasets)
}

fn entry_of(
    dataset: Dataset,
    member: &Publisher,
    names: &mut Names,
    fetched_at: Timestamp,
    passed_over: &mut Vec<(String, &'static str)>,
) -> Result<CatalogueEntry, &'static str> {
    if !names.seen.insert(names.hashing.hash_one(&dataset.id)) {
        return Err("it stands twice in the catalogue");
    }
    let product = match parse_dataset(&dataset.id) {
        Ok((did, product)) if did == member.did => product,
        Ok((did, _)) if did.as_str().starts_with("did:") => return Err("it is another member's dataset"),
        _ => names.made_of(&dataset.id).ok_or("no product name can be made of its identifier")?,
    };
    if !names.taken.insert(product.clone()) {
        return Err("it stands twice in the catalogue");
    }
    let mut offers = Vec::new();
    let mut formats = dataset.distributions.iter().map(|distribution| distribution.format.as_str());
    let strange = dataset.product.is_none() && formats.any(|format| format == PULL_FORMAT);
    for mut offer in dataset.offers {
        offer.terms = offer.terms.or_else(|| dataset.terms.get(&offer.id).cloned());
        let read = if strange { strangers_offer(&offer, &product) } else { offer_read(&offer, &product) };
        match read {
            Ok(offer) => offers.push(offer),
            Err(reason) => passed_over.push((excerpt(&offer.id), reason)),
        }
    }
    let about = dataset.product.unwrap_or_else(|| PublishedProduct {
        title: shortened(dataset.title.as_deref().unwrap_or(&dataset.id)),
        description: shortened(dataset.description.as_deref().unwrap_or_default()),
        keywords: dataset.keywords.iter().map(|keyword| shortened(keyword)).collect(),
        // Nothing is known of it, so nothing is promised.
        classification: Classification::Internal,
        columns: Vec::new(),
        version: 1,
        updated_at: fetched_at,
    });
    Ok(CatalogueEntry {
        member: member.name.clone(),
        member_title: member.title.clone(),
        did: member.did.clone(),
        dataset: dataset.id,
        product,
        version: about.version,
        title: about.title,
        description: about.description,
        keywords: about.keywords,
        classification: about.classification,
        columns: about.columns,
        offers,
        fetched_at,
    })
}

/// An offer of ours, if its policy is the one that its terms make.
fn offer_read(offer: &odrl::Offer, product: &ProductName) -> Result<Offer, &'static str> {
    let terms = offer.terms.clone().ok_or("the offer has no terms that this node knows")?;
    let mode = mode_of(&offer.policy).ok_or("the offer names no access mode")?;
    if policy_of_terms(mode, &terms) != offer.policy {
        return Err("the offer's policy contradicts its terms");
    }
    let id = OfferId::new(offer.id.clone()).map_err(|_| "the offer's identifier is not an IRI")?;
    Ok(Offer { id, product: product.clone(), mode, terms, policy: None, withdrawn_at: None })
}

/// An offer of somebody whose connector is none of ours: rows, to be had over plain HTTP. Its policy binds as it
/// stands.
fn strangers_offer(offer: &odrl::Offer, product: &ProductName) -> Result<Offer, &'static str> {
    let id = OfferId::new(offer.id.clone()).map_err(|_| "the offer's identifier is not an IRI")?;
    Ok(Offer {
        id,
        product: product.clone(),
        mode: Mode::Extract,
        terms: terms_read_in(&offer.policy),
        policy: Some(offer.policy.clone()),
        withdrawn_at: None,
    })
}

/// What a stranger's policy says of what our terms say.
fn terms_read_in(policy: &Policy) -> Terms {
    let constraints = || policy.permissions.iter().flat_map(|rule| &rule.constraints);
    let named = |operand: &'static str| {
        constraints().filter_map(move |constraint| match constraint {
            Constraint::Atomic { left, operator: Operator::Eq | Operator::IsAnyOf, right }
                if left == operand =>
            {
                Some(right)
            }
            _ => None,
        })
    };
    let words = |operand| {
        named(operand).flat_map(|right| match right {
            RightOperand::One(word) => vec![word.clone()],
            RightOperand::Many(words) => words.clone(),
            RightOperand::Other(_) => Vec::new(),
        })
    };
    Terms {
        purposes: words(policy::iri::PURPOSE).filter_map(|word| word.parse().ok()).collect(),
        legal_bases: words(policy::iri::LEGAL_BASIS).filter_map(|word| word.parse().ok()).collect(),
        recipients: Vec::new(),
        roles: Vec::new(),
        columns: None,
        row_filter: None,
        valid_until: None,
        uses_per_day_max: None,
        budget: None,
        budget_rules: Default::default(),
        service_level: NOT_SAID.into(),
        liability: NOT_SAID.into(),
        licence: NOT_SAID.into(),
        retention_days: 0,
        disposal: NOT_SAID.into(),
        approval: Approval::Steward,
    }
}

/// The mode that a policy is for.
#[must_use]
pub fn mode_of(policy: &Policy) -> Option<Mode> {
    let constraints = policy.permissions.iter().flat_map(|rule| &rule.constraints);
    constraints.into_iter().find_map(|constraint| match constraint {
        Constraint::Atomic { left, operator: Operator::Eq, right: RightOperand::One(mode) }
            if left == policy::iri::MODE =>
        {
            mode.parse().ok()
        }
        _ => None,
    })
}

/// The product names of one catalogue, each once.
#[derive(Debug, Default)]
struct Names {
    /// Identifiers of datasets, hashed with a key of this reading, so that however long they are they take little
    /// room. That two differing ones meet is as likely as nothing.
    seen: HashSet<u64>,
    hashing: RandomState,
    taken: BTreeSet<ProductName>,
    /// The last number given to a name that was made here, so that equal names cost no search.
    numbers: BTreeMap<String, u32>,
}

impl Names {
    /// A product name for a stranger's dataset: the letters of its identifier's last part, numbered
    /// where two would be the same.
    fn made_of(&mut self, id: &str) -> Option<ProductName> {
        let base = name_made_of(id)?.to_string();
        loop {
            let number = self.numbers.entry(base.clone()).and_modify(|number| *number += 1).or_insert(1);
            let name = if *number == 1 { base.clone() } else { format!("{base}_{number}") };
            let name = ProductName::new(name).ok()?;
            if !self.taken.contains(&name) {
                return Some(name);
            }
        }
    }
}

fn shortened(text: &str) -> String {
    text.chars().take(TEXT_CHARS_MAX).collect()
}
