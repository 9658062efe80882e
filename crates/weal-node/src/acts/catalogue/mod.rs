//! Publishing products, offering them, and knowing what others offer.

mod crawl;
mod foreign;
mod harvest;
mod offers;
mod publish;
mod uploads;

use weal_domain::Refusal;
use weal_domain::catalogue::{CatalogueEntry, Holder, Offer, Product, ProductName, Query, search};
use weal_domain::governance::Standing;
use weal_domain::identity::{Act, Person};
use weal_wire::Publisher;

pub use foreign::Handed;
pub use uploads::Uploads;

use crate::api::{Found, ProductShown};
use crate::fault::Result;
use crate::house::House;

impl House {
    /// How this node signs its catalogue and contracts.
    #[must_use]
    pub fn publisher(&self) -> Publisher {
        Publisher {
            did: self.did.clone(),
            name: self.config.node.name.clone(),
            title: self.config.node.title.clone(),
            origin: self.config.node.origin.clone(),
        }
    }

    /// Every entry this node knows: its own products and what it last saw of the others in good standing. Who is
    /// suspended leaves with all entries at once, and comes back with them.
    pub async fn entries(&self) -> Result<Vec<CatalogueEntry>> {
        let now = self.clock.now();
        let mut tx = self.store.read("catalogue.entries").await?;
        let offers = tx.offers().await?;
        let publisher = self.publisher();
        let holder = Holder { member: &publisher.name, title: &publisher.title, did: &publisher.did };
        let own = tx.products().await?;
        let mut entries: Vec<CatalogueEntry> =
            own.iter().map(|stored| CatalogueEntry::of(&stored.product, &offers, holder, now)).collect();
        let ecosystem = self.ecosystem();
        let seen = tx.peer_entries::<CatalogueEntry>().await?.into_iter();
        let good = seen.filter(|(member, _)| ecosystem.standing(member) == Some(Standing::Good));
        entries.extend(good.map(|(_, entry)| entry));
        Ok(entries)
    }

    pub async fn search(&self, query: &Query) -> Result<Found> {
        let entries = self.entries().await?;
        let hits = search(&entries, query);
        let found: Vec<CatalogueEntry> = hits.found.into_iter().map(|hit| hit.entry.clone()).collect();
        Ok(Found { total: found.len(), entries: found, elsewhere: self.search_elsewhere(query).await? })
    }

    /// The products of this node with their open offers.
    pub async fn own_products(&self) -> Result<Vec<(Product, Vec<Offer>)>> {
        let mut tx = self.store.read("catalogue.own").await?;
        let offers = tx.offers().await?;
        let products = tx.products().await?;
        let with_offers = |product: Product| {
            let own = offers.iter().filter(|offer| offer.product == product.name).cloned().collect();
            (product, own)
        };
        Ok(products.into_iter().map(|stored| with_offers(stored.product)).collect())
    }

    /// An own product with everything its owner may see.
    pub async fn show_product(&self, by: &Person, name: &ProductName) -> Result<ProductShown> {
        self.require_act(by, Act::ReadProfile)?;
        let mut tx = self.store.read("catalogue.show").await?;
        let stored = tx.product(name).await?.ok_or_else(product_unknown)?;
        let offers = tx.offers_of(name).await?;
        let contract = weal_wire::odcs::contract_of(&stored.product, &offers, &self.publisher());
        Ok(ProductShown { contract_yaml: contract.to_yaml(), product: stored.product, offers })
    }
}

pub(crate) fn product_unknown() -> Refusal {
    Refusal::not_found("product-unknown", "This node has not published such a product.")
        .remedy("List your own with `weal products`.")
}
