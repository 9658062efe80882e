//! A catalogue printed product by product, so that no more of it than one is ever in memory.

use weal_domain::catalogue::{Offer, Product};

use super::{PRINTED_AS, catalogue_of, connector_of, dataset_of};
use crate::Publisher;
use crate::dsp::catalogue::AccessService;
use crate::json::Object as _;

/// Prints the answer to a CatalogRequestMessage in pieces: [`begin`](Self::begin), a
/// [`dataset`](Self::dataset) for each product, [`end`](Self::end). Joined, they are what printing the whole
/// [`Catalog`](crate::dsp::catalogue::Catalog) would give, but for the order of its members.
#[derive(Debug)]
pub struct CataloguePrinter {
    publisher: Publisher,
    endpoint_url: String,
    access: AccessService,
    is_first: bool,
}

impl CataloguePrinter {
    #[must_use]
    pub fn new(publisher: Publisher, endpoint_url: String) -> Self {
        // Distributions name the connector, which stands once in the head.
        let access = AccessService::Reference(connector_of(&publisher, &endpoint_url).id);
        Self { publisher, endpoint_url, access, is_first: true }
    }

    /// Everything but the datasets, left open.
    #[must_use]
    pub fn begin(&self) -> String {
        let mut head = crate::print(&catalogue_of(&[], &self.publisher, &self.endpoint_url));
        head.pop();
        head
    }

    /// A product; empty where none of the offers is open.
    pub fn dataset(&mut self, product: &Product, offers: &[Offer]) -> String {
        self.printed(product, offers).map_or_else(String::new, |text| self.printed_before(&text))
    }

    /// A product by itself, to be kept; `None` where none of the offers is open.
    #[must_use]
    pub fn printed(&self, product: &Product, offers: &[Offer]) -> Option<String> {
        let dataset = dataset_of(product, offers, &self.publisher, self.access.clone())?;
        Some(serde_json::Value::from(dataset.to_node()).to_string())
    }

    /// Products that were [`printed`](Self::printed) before, with commas between them.
    pub fn printed_before(&mut self, datasets: &str) -> String {
        // The schema wants at least one dataset in the array, or no array.
        let before = if std::mem::take(&mut self.is_first) { ",\"dataset\":[" } else { "," };
        format!("{before}{datasets}")
    }

    /// What the text of a product hangs on besides the product and its offers.
    #[must_use]
    pub fn made_as(&self) -> String {
        format!("{PRINTED_AS} {} {}", self.publisher.did, self.endpoint_url)
    }

    #[must_use]
    pub fn end(&self) -> &'static str {
        if self.is_first { "}" } else { "]}" }
    }
}
