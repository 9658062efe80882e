//! Catalogue: products, offers, and what peers have told us of theirs.

mod foreign;

use serde::Serialize;
use serde::de::DeserializeOwned;
use sqlx::any::AnyRow;
use weal_domain::Timestamp;
use weal_domain::catalogue::{Offer, OfferId, Product, ProductName};
use weal_domain::identity::Did;

use crate::tx::{BindBody, get, get_body, get_text, get_time, get_u64, int, ms, sql};
use crate::{StoreError, Tx};

pub use foreign::{ForeignPiece, ForeignPlace, ForeignSource};

/// A product and where its rows are.
#[derive(Debug, Clone, PartialEq)]
pub struct StoredProduct {
    pub product: Product,
    /// The file or folder with the rows, as the node chose it.
    pub path: String,
    /// SHA-256 of the content, lower-case hex.
    pub content_sha256: String,
}

/// How fresh a copy of a peer's catalogue is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PeerFreshness {
    pub peer: Did,
    pub fetched_at: Timestamp,
    pub etag: Option<String>,
    pub entries: u64,
}

impl Tx {
    /// Keeps a version of a product; the same version again replaces its description.
    pub async fn put_product(&mut self, stored: &StoredProduct) -> Result<(), StoreError> {
        let product = &stored.product;
        let query = sql("INSERT INTO product (name, version, path, content_sha256, published_ms, v, body)
             VALUES ($1, $2, $3, $4, $5, $6, $7)
             ON CONFLICT (name, version) DO UPDATE SET path = excluded.path,
                 content_sha256 = excluded.content_sha256, v = excluded.v, body = excluded.body")
        .bind(product.name.to_string())
        .bind(i64::from(product.version))
        .bind(stored.path.clone())
        .bind(stored.content_sha256.clone())
        .bind(ms(product.published_at))
        .bind_body(product)?;
        self.run(query).await.map(|_| ())
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

    /// Makes an offer, or changes it (withdraws it).
    pub async fn put_offer(&mut self, offer: &Offer) -> Result<(), StoreError> {
        let query = sql("INSERT INTO offer (id, product, withdrawn_ms, v, body) VALUES ($1, $2, $3, $4, $5)
             ON CONFLICT (id) DO UPDATE SET withdrawn_ms = excluded.withdrawn_ms,
                 v = excluded.v, body = excluded.body")
        .bind(offer.id.to_string())
        .bind(offer.product.to_string())
        .bind(offer.withdrawn_at.map(ms))
        .bind_body(offer)?;
        self.run(query).await.map(|_| ())
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

    /// Replaces all we know of a peer's catalogue.
    pub async fn put_peer_entries<T: Serialize>(
        &mut self,
        peer: &Did,
        entries: &[T],
        fetched_at: Timestamp,
        etag: Option<&str>,
    ) -> Result<(), StoreError> {
        self.run(sql("DELETE FROM peer_entry WHERE peer = $1").bind(peer.to_string())).await?;
        let query =
            sql("INSERT INTO peer_catalogue (peer, fetched_ms, etag, entries) VALUES ($1, $2, $3, $4)
             ON CONFLICT (peer) DO UPDATE SET fetched_ms = excluded.fetched_ms, etag = excluded.etag,
                 entries = excluded.entries")
            .bind(peer.to_string())
            .bind(ms(fetched_at))
            .bind(etag.map(str::to_owned))
            .bind(int(entries.len() as u64, "catalogue")?);
        self.run(query).await?;
        let bodies = self.put_entries(peer, entries).await;
        self.whole(bodies)
    }

    async fn put_entries<T: Serialize>(&mut self, peer: &Did, entries: &[T]) -> Result<(), StoreError> {
        for (place, entry) in entries.iter().enumerate() {
            let query = sql("INSERT INTO peer_entry (peer, place, v, body) VALUES ($1, $2, $3, $4)")
                .bind(peer.to_string())
                .bind(int(place as u64, "catalogue")?)
                .bind_body(entry)?;
            self.run(query).await?;
        }
        Ok(())
    }

    /// The peer has said that nothing changed.
    pub async fn peer_unchanged(&mut self, peer: &Did, fetched_at: Timestamp) -> Result<(), StoreError> {
        let query = sql("UPDATE peer_catalogue SET fetched_ms = $2 WHERE peer = $1");
        self.run(query.bind(peer.to_string()).bind(ms(fetched_at))).await.map(|_| ())
    }

    /// Forgets a peer's catalogue (it has left).
    pub async fn remove_peer_entries(&mut self, peer: &Did) -> Result<(), StoreError> {
        self.run(sql("DELETE FROM peer_catalogue WHERE peer = $1").bind(peer.to_string())).await.map(|_| ())
    }

    /// Every peer's entries, by peer, in the peer's own order.
    pub async fn peer_entries<T: DeserializeOwned>(&mut self) -> Result<Vec<(Did, T)>, StoreError> {
        let rows = self.rows(sql("SELECT peer, v, body FROM peer_entry ORDER BY peer, place")).await?;
        rows.iter().map(|row| Ok((get_text(row, "peer")?, get_body(row, "peer entry")?))).collect()
    }

    pub async fn peer_freshness(&mut self) -> Result<Vec<PeerFreshness>, StoreError> {
        let rows = self.rows(sql("SELECT * FROM peer_catalogue ORDER BY peer")).await?;
        rows.iter()
            .map(|row| {
                Ok(PeerFreshness {
                    peer: get_text(row, "peer")?,
                    fetched_at: get_time(row, "fetched_ms")?,
                    etag: get(row, "etag")?,
                    entries: get_u64(row, "entries")?,
                })
            })
            .collect()
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
