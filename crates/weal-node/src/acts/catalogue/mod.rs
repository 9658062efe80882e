//! Publishing products, offering them, and knowing what others offer.

mod crawl;
mod finding;
mod foreign;
mod harvest;
mod offers;
mod publish;
mod showing;
mod uploads;

use weal_domain::Refusal;
use weal_domain::catalogue::{Offer, Product, ProductName};
use weal_domain::identity::{Act, Person};
use weal_wire::Publisher;

pub(crate) use crawl::INTERVAL_S_MIN;
pub use crawl::{ASKED_AT_ONCE, Due};
pub use foreign::Handed;
pub use showing::{PAGE_PRODUCTS_MAX, Page, ShownPage};
pub use uploads::Uploads;

use crate::api::ProductShown;
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

    /// Products of this node with all their offers, by name: `limit` at most, after the first `skip`.
    pub async fn own_products(&self, skip: u32, limit: u32) -> Result<Vec<(Product, Vec<Offer>)>> {
        let mut tx = self.store.read("catalogue.own").await?;
        let mut own = Vec::new();
        for stored in tx.products_from(skip, limit).await? {
            let offers = tx.offers_of(&stored.product.name).await?;
            own.push((stored.product, offers));
        }
        Ok(own)
    }

    /// Products of this node that come after a name, `limit` at most.
    pub async fn own_products_after(&self, after: &str, limit: u32) -> Result<Vec<Product>> {
        let some = self.store.read("catalogue.own").await?.products_after(after, limit).await?;
        Ok(some.into_iter().map(|stored| stored.product).collect())
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
