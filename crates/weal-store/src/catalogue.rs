//! Catalogue: products and offers; who may see them, what peers have told us of theirs, and the index over all.

mod entries;
mod foreign;
mod index;
mod peers;
mod shown;
mod texts;

use sqlx::any::AnyRow;
use weal_domain::Timestamp;
use weal_domain::catalogue::{Offer, OfferId, Product, ProductName};

use crate::tx::{BindBody, get, get_body, get_text, ms, sql};
use crate::{StoreError, Tx};

pub use entries::Written;
pub use foreign::{ForeignPiece, ForeignPlace, ForeignSource};
pub use peers::{LookRead, PeerFreshness};
pub use shown::{PageEnd, ShownTo};
pub use texts::{Said, ShownTexts};

/// A product and where its rows are.
#[derive(Debug, Clone, PartialEq)]
pub struct StoredProduct {
    pub product: Product,
    /// The file or folder with the rows, as the node chose it.
    pub path: String,
    /// SHA-256 of the content, lower-case hex.
    pub content_sha256: String,
}

impl Tx {
    /// Keeps a version of a product; the same version again replaces its description.
    pub async fn put_product(&mut self, stored: &StoredProduct) -> Result<(), StoreError> {
        let product = &stored.product;
        let query = sql("INSERT INTO product
                 (name, version, path, content_sha256, published_ms, updated_ms, identifier, v, body)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
             ON CONFLICT (name, version) DO UPDATE SET path = excluded.path,
                 content_sha256 = excluded.content_sha256, updated_ms = excluded.updated_ms,
                 identifier = excluded.identifier, v = excluded.v, body = excluded.body")
        .bind(product.name.to_string())
        .bind(i64::from(product.version))
        .bind(stored.path.clone())
        .bind(stored.content_sha256.clone())
        .bind(ms(product.published_at))
        .bind(ms(product.updated_at))
        .bind(product.identifier.as_ref().map(ToString::to_string))
        .bind_body(product)?;
        self.run(query).await?;
        let changed = self.product_changed(product).await;
        self.whole(changed)
    }

    /// The newest version of a product.
    pub async fn product(&mut self, name: &ProductName) -> Result<Option<StoredProduct>, StoreError> {
        let query = sql("SELECT * FROM product WHERE name = $1 ORDER BY version DESC LIMIT 1");
        self.row(query.bind(name.to_string())).await?.map(|row| stored_product(&row)).transpose()
    }

    /// Every version of a product, newest first.
    pub async fn product_versions(&mut self, name: &ProductName) -> Result<Vec<StoredProduct>, StoreError> {
        let query = sql("SELECT * FROM product WHERE name = $1 ORDER BY version DESC");
        self.rows(query.bind(name.to_string())).await?.iter().map(stored_product).collect()
    }

    /// The newest version of every product, by name.
    pub async fn products(&mut self) -> Result<Vec<StoredProduct>, StoreError> {
        let query = sql("SELECT * FROM product AS p
             WHERE version = (SELECT MAX(version) FROM product AS q WHERE q.name = p.name) ORDER BY name");
        self.rows(query).await?.iter().map(stored_product).collect()
    }

    /// The newest version of the products that come after `name`, by name, `limit` at most.
    pub async fn products_after(&mut self, name: &str, limit: u32) -> Result<Vec<StoredProduct>, StoreError> {
        let query = sql("SELECT * FROM product AS p WHERE name > $1
             AND version = (SELECT MAX(version) FROM product AS q WHERE q.name = p.name) ORDER BY name LIMIT $2");
        let rows = self.rows(query.bind(name.to_owned()).bind(i64::from(limit))).await?;
        rows.iter().map(stored_product).collect()
    }

    /// The newest version of the product that a stranger's identifier names.
    pub async fn product_identified(
        &mut self,
        identifier: &str,
    ) -> Result<Option<StoredProduct>, StoreError> {
        let query = sql("SELECT * FROM product AS p WHERE identifier = $1
             AND version = (SELECT MAX(version) FROM product AS q WHERE q.name = p.name)");
        self.row(query.bind(identifier.to_owned())).await?.map(|row| stored_product(&row)).transpose()
    }

    /// The newest version of the products that nobody has renewed since `before`, oldest first, `limit` at most.
    pub async fn products_stale(
        &mut self,
        before: Timestamp,
        limit: u32,
    ) -> Result<Vec<StoredProduct>, StoreError> {
        let query = sql("SELECT * FROM product AS p WHERE updated_ms < $1
             AND version = (SELECT MAX(version) FROM product AS q WHERE q.name = p.name)
             ORDER BY updated_ms LIMIT $2");
        let rows = self.rows(query.bind(ms(before)).bind(i64::from(limit))).await?;
        rows.iter().map(stored_product).collect()
    }

    /// The newest version of products, by name: `limit` at most, after the first `skip`.
    pub async fn products_from(&mut self, skip: u32, limit: u32) -> Result<Vec<StoredProduct>, StoreError> {
        let query = sql("SELECT * FROM product AS p
             WHERE version = (SELECT MAX(version) FROM product AS q WHERE q.name = p.name)
             ORDER BY name LIMIT $1 OFFSET $2");
        let rows = self.rows(query.bind(i64::from(limit)).bind(i64::from(skip))).await?;
        rows.iter().map(stored_product).collect()
    }

    /// Every version of every product that a later one has replaced.
    pub async fn former_versions(&mut self) -> Result<Vec<(ProductName, u32)>, StoreError> {
        let query = sql("SELECT name, version FROM product AS p
             WHERE version < (SELECT MAX(version) FROM product AS q WHERE q.name = p.name)");
        let former = |row: &AnyRow| {
            let version = u32::try_from(get::<i64>(row, "version")?);
            Ok((get_text(row, "name")?, version.map_err(|_| StoreError::corrupt("product"))?))
        };
        self.rows(query).await?.iter().map(former).collect()
    }

    /// How many products there are.
    pub async fn products_total(&mut self) -> Result<u64, StoreError> {
        let row = self.row(sql("SELECT COUNT(DISTINCT name) AS total FROM product")).await?;
        row.map_or(Ok(0), |row| crate::tx::get_u64(&row, "total"))
    }

    /// Makes an offer, or changes it (withdraws it).
    pub async fn put_offer(&mut self, offer: &Offer) -> Result<(), StoreError> {
        let query = sql("INSERT INTO offer (id, product, withdrawn_ms, v, body) VALUES ($1, $2, $3, $4, $5)
             ON CONFLICT (id) DO UPDATE SET withdrawn_ms = excluded.withdrawn_ms,
                 v = excluded.v, body = excluded.body")
        .bind(offer.id.to_string())
        .bind(offer.product.to_string())
        .bind(offer.withdrawn_at.map(ms))
        .bind_body(offer)?;
        self.run(query).await?;
        let changed = self.offer_changed(offer).await;
        self.whole(changed)
    }

    pub async fn offer(&mut self, id: &OfferId) -> Result<Option<Offer>, StoreError> {
        let query = sql("SELECT v, body FROM offer WHERE id = $1");
        self.row(query.bind(id.to_string())).await?.map(|row| get_body(&row, "offer")).transpose()
    }

    /// Every offer, withdrawn ones too: by product, then from the lowest rung up.
    pub async fn offers(&mut self) -> Result<Vec<Offer>, StoreError> {
        let rows = self.rows(sql("SELECT v, body FROM offer")).await?;
        in_order(&rows)
    }

    pub async fn offers_of(&mut self, product: &ProductName) -> Result<Vec<Offer>, StoreError> {
        let query = sql("SELECT v, body FROM offer WHERE product = $1");
        let rows = self.rows(query.bind(product.to_string())).await?;
        in_order(&rows)
    }
}

fn stored_product(row: &AnyRow) -> Result<StoredProduct, StoreError> {
    Ok(StoredProduct {
        product: get_body(row, "product")?,
        path: get(row, "path")?,
        content_sha256: get(row, "content_sha256")?,
    })
}

fn in_order(rows: &[AnyRow]) -> Result<Vec<Offer>, StoreError> {
    let mut offers = rows.iter().map(|row| get_body::<Offer>(row, "offer")).collect::<Result<Vec<_>, _>>()?;
    offers.sort_by(|a, b| (&a.product, a.mode, &a.id).cmp(&(&b.product, b.mode, &b.id)));
    Ok(offers)
}
