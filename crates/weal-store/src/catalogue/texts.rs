//! What need not be made again: the texts of own products as every member sees them, and what the entries of others
//! were read from. A text is removed in the transaction that changes what it says, so what is there is as it should be.

use weal_domain::Timestamp;
use weal_domain::catalogue::ProductName;
use weal_domain::identity::Did;

use super::shown::{NO_END_MS, ShownTo, names};
use crate::tx::{get, get_text, ms, sql};
use crate::{StoreError, Tx};

/// A run of the catalogue as somebody sees it, printed before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShownTexts {
    /// The products in it.
    pub products: u32,
    pub last: ProductName,
    /// Their texts, with commas between them.
    pub texts: String,
}

/// An entry of another node, and the digest of what it was read from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Said {
    pub product: ProductName,
    pub number: u32,
    pub said: String,
}

impl Tx {
    /// Forgets texts that were made with anything else than `made_as`, and has them made again.
    pub async fn texts_for(&mut self, made_as: &str) -> Result<(), StoreError> {
        let query = sql("INSERT INTO entry_stale (product)
             SELECT product FROM shown_text WHERE made_as <> $1 ON CONFLICT DO NOTHING");
        self.run(query.bind(made_as.to_owned())).await?;
        let query = sql("DELETE FROM shown_text WHERE made_as <> $1");
        self.run(query.bind(made_as.to_owned())).await.map(|_| ())
    }

    /// Keeps the text of a product with the offers that [`Tx::shown_product`] gives at `now` to no member in
    /// particular.
    pub async fn put_text(
        &mut self,
        product: &ProductName,
        made_as: &str,
        until: Option<Timestamp>,
        text: String,
    ) -> Result<(), StoreError> {
        let query = sql("INSERT INTO shown_text (product, until_ms, made_as, body) VALUES ($1, $2, $3, $4)
             ON CONFLICT (product) DO UPDATE SET until_ms = excluded.until_ms, made_as = excluded.made_as,
                 body = excluded.body")
        .bind(product.to_string())
        .bind(until.map_or(NO_END_MS, ms))
        .bind(made_as.to_owned())
        .bind(text);
        self.run(query).await.map(|_| ())
    }

    /// The texts of the products after `after`, `limit` at most. `None` where one of them has none that shows
    /// just what this reader may see, or where there is no product.
    pub async fn shown_texts(
        &mut self,
        to: ShownTo<'_>,
        after: &str,
        limit: u32,
        made_as: &str,
    ) -> Result<Option<ShownTexts>, StoreError> {
        // Whoever is named in an offer sees another product than everyone.
        let query = sql(concat!(
            "SELECT COUNT(*) AS products, COUNT(t.body) AS printed, MAX(page.product) AS last,
                 STRING_AGG(t.body, ',' ORDER BY page.product) AS texts
             FROM (",
            names!(),
            ") AS page
             LEFT JOIN shown_text AS t ON t.product = page.product AND t.made_as = $5 AND t.until_ms > $2
                 AND NOT EXISTS (SELECT 1 FROM shown AS s
                     WHERE s.product = page.product AND s.audience = $3 AND s.audience <> '*')"
        ));
        let query = query.bind(after.to_owned()).bind(ms(to.now)).bind(to.audience());
        let row = self.row(query.bind(i64::from(limit)).bind(made_as.to_owned())).await?;
        let Some(row) = row else { return Ok(None) };
        let (products, printed): (i64, i64) = (get(&row, "products")?, get(&row, "printed")?);
        if products == 0 || printed < products {
            return Ok(None);
        }
        let products = u32::try_from(products).map_err(|_| StoreError::corrupt("shown_text"))?;
        Ok(Some(ShownTexts { products, last: get_text(&row, "last")?, texts: get(&row, "texts")? }))
    }

    /// What was said of a node's products from `first` to `last`, `limit` at most, as far as it is known.
    pub async fn entries_said(
        &mut self,
        peer: &Did,
        (first, last): (&ProductName, &ProductName),
        limit: u32,
    ) -> Result<Vec<Said>, StoreError> {
        // One row for all: a page of a catalogue has many entries, most of them as they were. No part has a space.
        let query =
            sql("SELECT STRING_AGG(product || ' ' || CAST(number AS TEXT) || ' ' || said, ',') AS said
             FROM (SELECT product, number, said FROM entry
                   WHERE peer = $1 AND product >= $2 AND product <= $3 AND said IS NOT NULL
                   ORDER BY product LIMIT $4) AS known");
        let query = query.bind(peer.to_string()).bind(first.to_string()).bind(last.to_string());
        let row = self.row(query.bind(i64::from(limit))).await?;
        let joined: Option<String> = row.map(|row| get(&row, "said")).transpose()?.flatten();
        let corrupt = || StoreError::corrupt("entry");
        let one = |text: &str| {
            let mut parts = text.split(' ');
            let (Some(product), Some(number), Some(said), None) =
                (parts.next(), parts.next(), parts.next(), parts.next())
            else {
                return Err(corrupt());
            };
            Ok(Said {
                product: product.parse().map_err(|_| corrupt())?,
                number: number.parse().map_err(|_| corrupt())?,
                said: said.to_owned(),
            })
        };
        joined.iter().flat_map(|joined| joined.split(',')).map(one).collect()
    }
}
