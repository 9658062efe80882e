//! `CA-2`: what each member may see of the own catalogue. Every question names who asks, and touches only the rows that
//! are for them or for everyone: what is for others is not counted.

use std::collections::{BTreeMap, BTreeSet};

use weal_domain::Timestamp;
use weal_domain::catalogue::{Classification, Offer, Product, ProductName};
use weal_domain::identity::Did;
use weal_trust::encoding::base64url;
use weal_trust::merkle::leaf_hash;

use crate::tx::{get, get_body, get_text, ms, sql};
use crate::{StoreError, Tx};

/// The audience of an offer that names no recipients. No identifier of a member is like it. Before a class it is
/// the audience of all such offers of products of this class, for the names of what harvesters see.
const EVERYONE: &str = "*";
/// The name of what catalogues elsewhere say.
const ELSEWHERE: &str = "*elsewhere";
/// No product is of this class.
const NO_CLASS: &str = "-";
/// An offer without an end ends then.
pub(super) const NO_END_MS: i64 = i64::MAX;

/// To whom the catalogue is shown, and when.
#[derive(Debug, Clone, Copy)]
pub struct ShownTo<'a> {
    /// `None` sees only what is for every member.
    pub member: Option<&'a Did>,
    pub now: Timestamp,
}

impl ShownTo<'_> {
    pub(super) fn audience(&self) -> String {
        self.member.map_or_else(|| EVERYONE.to_owned(), ToString::to_string)
    }
}

/// Where a page of the catalogue ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PageEnd {
    /// The last product of the page; `None` where the page reaches to the end of the catalogue.
    pub last: Option<ProductName>,
}

/// The names after `$1` that `$3` may see at `$2`, `$4` at most, in order. `UNION` keeps each name once.
macro_rules! names {
    () => {
        "SELECT product FROM (SELECT DISTINCT product FROM shown
              WHERE audience = '*' AND product > $1 AND until_ms > $2 ORDER BY product LIMIT $4) AS common
          UNION SELECT product FROM (SELECT DISTINCT product FROM shown
              WHERE audience = $3 AND product > $1 AND until_ms > $2 ORDER BY product LIMIT $4) AS own
          ORDER BY product LIMIT $4"
    };
}
pub(super) use names;

impl Tx {
    /// The name of what is shown: as long as it is the same, so is every page. It hangs on nothing that is for
    /// others.
    pub async fn shown_version(&mut self, to: ShownTo<'_>) -> Result<String, StoreError> {
        let versions = sql("SELECT audience, name FROM shown_version
             WHERE audience = '*' OR audience = $1 ORDER BY audience");
        let mut parts = Vec::new();
        for row in self.rows(versions.bind(to.audience())).await? {
            parts.push(format!("{}={}", get::<&str>(&row, "audience")?, get::<&str>(&row, "name")?));
        }
        // What ends by itself changes the catalogue without anybody writing it.
        for audience in [EVERYONE.to_owned(), to.audience()] {
            let ended =
                sql("SELECT MAX(until_ms) AS ended FROM shown WHERE audience = $1 AND until_ms <= $2");
            let row = self.row(ended.bind(audience).bind(ms(to.now))).await?;
            let ended: Option<i64> = row.map(|row| get(&row, "ended")).transpose()?.flatten();
            parts.push(ended.unwrap_or(0).to_string());
        }
        Ok(name_of(&parts.join("\n")))
    }

    /// The name of what is shown to whoever is not asked who they are: own products no more closely held than
    /// `up_to`, and what catalogues elsewhere say. It hangs on nothing else.
    pub async fn public_version(
        &mut self,
        up_to: Classification,
        now: Timestamp,
    ) -> Result<String, StoreError> {
        let classes = Classification::ALL.map(|class| if class <= up_to { class.as_str() } else { NO_CLASS });
        let mut names = sql("SELECT audience, name FROM shown_version
             WHERE audience IN ($1, $2, $3, $4, $5) ORDER BY audience")
        .bind(ELSEWHERE.to_owned());
        let mut ended = sql("SELECT MAX(until_ms) AS ended FROM shown
             WHERE audience = '*' AND until_ms <= $1 AND class IN ($2, $3, $4, $5)")
        .bind(ms(now));
        for class in classes {
            names = names.bind(of_class(class));
            ended = ended.bind(class.to_owned());
        }
        let mut parts = Vec::new();
        for row in self.rows(names).await? {
            parts.push(format!("{}={}", get::<&str>(&row, "audience")?, get::<&str>(&row, "name")?));
        }
        let ended: Option<i64> = self.row(ended).await?.map(|row| get(&row, "ended")).transpose()?.flatten();
        parts.push(ended.unwrap_or(0).to_string());
        Ok(name_of(&parts.join("\n")))
    }

    /// Where a page of at most `limit` products after `after` ends.
    pub async fn shown_page_end(
        &mut self,
        to: ShownTo<'_>,
        after: &str,
        limit: u32,
    ) -> Result<PageEnd, StoreError> {
        let query = sql(concat!(
            "SELECT product FROM (",
            names!(),
            ") AS page
             ORDER BY product LIMIT 2 OFFSET $5"
        ));
        let query = query.bind(after.to_owned()).bind(ms(to.now)).bind(to.audience());
        let rows = self.rows(query.bind(i64::from(limit) + 1).bind(i64::from(limit.max(1)) - 1)).await?;
        // The last of the page, and one that comes after it.
        let last = if rows.len() == 2 { rows.first() } else { None };
        Ok(PageEnd { last: last.map(|row| get_text(row, "product")).transpose()? })
    }

    /// The product before the one at `offset`, for those who count instead of remembering where they were;
    /// `None` where there are not so many.
    pub async fn shown_skipped(
        &mut self,
        to: ShownTo<'_>,
        offset: u32,
    ) -> Result<Option<String>, StoreError> {
        if offset == 0 {
            return Ok(Some(String::new()));
        }
        let query = sql(concat!(
            "SELECT product FROM (",
            names!(),
            ") AS page
             ORDER BY product LIMIT 1 OFFSET $5"
        ));
        let query = query.bind(String::new()).bind(ms(to.now)).bind(to.audience());
        let query = query.bind(i64::from(offset)).bind(i64::from(offset) - 1);
        self.row(query).await?.map(|row| get(&row, "product")).transpose()
    }

    /// The products after `after`, `limit` at most, by name, with those of their offers that are shown.
    pub async fn shown_after(
        &mut self,
        to: ShownTo<'_>,
        after: &str,
        limit: u32,
    ) -> Result<Vec<(Product, Vec<Offer>)>, StoreError> {
        let query = sql(concat!(
            "SELECT p.name, p.v, p.body FROM (",
            names!(),
            ") AS page
             JOIN product AS p ON p.name = page.product
             WHERE p.version = (SELECT MAX(q.version) FROM product AS q WHERE q.name = page.product)
             ORDER BY page.product"
        ));
        let limit = i64::from(limit);
        let bound = |query: crate::tx::Sql| {
            query.bind(after.to_owned()).bind(ms(to.now)).bind(to.audience()).bind(limit)
        };
        let mut products = Vec::new();
        for row in self.rows(bound(query)).await? {
            products.push(get_body::<Product>(&row, "product")?);
        }
        // SQLite joins in the order in which cross joins stand; by itself it begins with all that the reader may see.
        let query = sql(concat!(
            "SELECT o.v, o.body FROM (",
            names!(),
            ") AS page
             CROSS JOIN shown AS s CROSS JOIN offer AS o
             WHERE s.product = page.product AND o.id = s.offer
                 AND s.audience IN ('*', $3) AND s.until_ms > $2"
        ));
        let mut offers: BTreeMap<ProductName, Vec<Offer>> = BTreeMap::new();
        for row in self.rows(bound(query)).await? {
            let offer: Offer = get_body(&row, "offer")?;
            offers.entry(offer.product.clone()).or_default().push(offer);
        }
        Ok(products.into_iter().map(|product| in_order(product, &mut offers)).collect())
    }

    /// The name of the product that a stranger's identifier names, where any of its offers is shown. Of any other
    /// nothing is read.
    pub async fn shown_identified(
        &mut self,
        to: ShownTo<'_>,
        identifier: &str,
    ) -> Result<Option<ProductName>, StoreError> {
        let query = sql("SELECT p.name FROM product AS p WHERE p.identifier = $1
             AND p.version = (SELECT MAX(q.version) FROM product AS q WHERE q.name = p.name)
             AND EXISTS (SELECT s.offer FROM shown AS s
                 WHERE s.product = p.name AND s.audience IN ('*', $2) AND s.until_ms > $3)");
        let query = query.bind(identifier.to_owned()).bind(to.audience()).bind(ms(to.now));
        self.row(query).await?.map(|row| get_text(&row, "name")).transpose()
    }

    /// One product with those of its offers that are shown; `None` where none is.
    pub async fn shown_product(
        &mut self,
        to: ShownTo<'_>,
        name: &ProductName,
    ) -> Result<Option<(Product, Vec<Offer>)>, StoreError> {
        let query = sql("SELECT o.v, o.body FROM shown AS s JOIN offer AS o ON o.id = s.offer
             WHERE s.product = $1 AND s.audience IN ('*', $2) AND s.until_ms > $3");
        let query = query.bind(name.to_string()).bind(to.audience()).bind(ms(to.now));
        let mut offers: BTreeMap<ProductName, Vec<Offer>> = BTreeMap::new();
        for row in self.rows(query).await? {
            offers.entry(name.clone()).or_default().push(get_body(&row, "offer")?);
        }
        if offers.is_empty() {
            return Ok(None);
        }
        Ok(self.product(name).await?.map(|stored| in_order(stored.product, &mut offers)))
    }

    /// After a product was written: whoever sees it sees something new.
    pub(super) async fn product_changed(&mut self, product: &Product) -> Result<(), StoreError> {
        let (name, class) = (product.name.to_string(), product.classification.as_str());
        let query = sql("SELECT DISTINCT audience, class FROM shown WHERE product = $1");
        let mut audiences = BTreeSet::new();
        for row in self.rows(query.bind(name.clone())).await? {
            let audience: String = get(&row, "audience")?;
            if audience == EVERYONE {
                audiences.extend([of_class(get(&row, "class")?), of_class(class)]);
            }
            audiences.insert(audience);
        }
        let query = sql("UPDATE shown SET class = $2 WHERE product = $1 AND class <> $2");
        self.run(query.bind(name.clone()).bind(class.to_owned())).await?;
        self.rename_shown(audiences).await?;
        self.mark_stale(&name).await
    }

    /// After an offer was written: it is shown to whom it is for, and those who saw it see something new.
    pub(super) async fn offer_changed(&mut self, offer: &Offer) -> Result<(), StoreError> {
        let id = offer.id.to_string();
        let query = sql("SELECT audience FROM shown WHERE offer = $1");
        let mut audiences = BTreeSet::new();
        for row in self.rows(query.bind(id.clone())).await? {
            audiences.insert(get::<String>(&row, "audience")?);
        }
        if !audiences.is_empty() {
            self.run(sql("DELETE FROM shown WHERE offer = $1").bind(id.clone())).await?;
        }
        let stored = self.product(&offer.product).await?;
        let class = stored.map_or("", |stored| stored.product.classification.as_str());
        if offer.withdrawn_at.is_none() {
            let recipients = &offer.terms.recipients;
            let mut named: BTreeSet<String> = recipients.iter().map(ToString::to_string).collect();
            if named.is_empty() {
                named.insert(EVERYONE.to_owned());
            }
            for audience in &named {
                let query = sql("INSERT INTO shown (audience, product, offer, until_ms, class)
                     VALUES ($1, $2, $3, $4, $5)");
                let query = query.bind(audience.clone()).bind(offer.product.to_string()).bind(id.clone());
                let until = offer.terms.valid_until.map_or(NO_END_MS, ms);
                self.run(query.bind(until).bind(class.to_owned())).await?;
            }
            audiences.extend(named);
        }
        if audiences.contains(EVERYONE) {
            audiences.insert(of_class(class));
        }
        // What everyone sees of the product is as it was where the offer is for some: that it was made must not show.
        let for_everyone = audiences.contains(EVERYONE);
        self.rename_shown(audiences).await?;
        if for_everyone {
            self.mark_stale(offer.product.as_str()).await
        } else {
            self.mark_unindexed(offer.product.as_str()).await
        }
    }

    /// After what catalogues elsewhere say was written.
    pub(super) async fn elsewhere_changed(&mut self) -> Result<(), StoreError> {
        self.rename_shown(BTreeSet::from([ELSEWHERE.to_owned()])).await
    }

    /// What audiences see gets a new name. The database draws it: a number would come again where a backup is
    /// restored and something else is written than before, and a digest would tell what was written.
    async fn rename_shown(&mut self, audiences: BTreeSet<String>) -> Result<(), StoreError> {
        for audience in audiences {
            let query = sql("INSERT INTO shown_version (audience) VALUES ($1)
                 ON CONFLICT (audience) DO UPDATE SET name = excluded.name");
            self.run(query.bind(audience)).await?;
        }
        Ok(())
    }

    /// The index does not show the product as it is any more, and its text is gone.
    async fn mark_stale(&mut self, product: &str) -> Result<(), StoreError> {
        self.run(sql("DELETE FROM shown_text WHERE product = $1").bind(product.to_owned())).await?;
        self.mark_unindexed(product).await
    }

    /// The index does not show the product as it is any more.
    async fn mark_unindexed(&mut self, product: &str) -> Result<(), StoreError> {
        let query = sql("INSERT INTO entry_stale (product) VALUES ($1) ON CONFLICT DO NOTHING");
        self.run(query.bind(product.to_owned())).await.map(|_| ())
    }

    /// Makes what is derived from products and offers, for those that an earlier schema has kept.
    pub(crate) async fn derive_shown(&mut self) -> Result<(), StoreError> {
        let mut after = String::new();
        loop {
            let some = self.products_after(&after, DERIVED_AT_ONCE).await?;
            let Some(last) = some.last() else { return Ok(()) };
            after = last.product.name.to_string();
            for stored in &some {
                self.put_product(stored).await?;
                for offer in self.offers_of(&stored.product.name).await? {
                    self.put_offer(&offer).await?;
                }
            }
        }
    }
}

const DERIVED_AT_ONCE: u32 = 200;

/// The audience of what is for everyone, of products of one class.
fn of_class(class: &str) -> String {
    format!("{EVERYONE}{class}")
}

fn name_of(what: &str) -> String {
    base64url(&leaf_hash(what.as_bytes()).0)
}

fn in_order(product: Product, offers: &mut BTreeMap<ProductName, Vec<Offer>>) -> (Product, Vec<Offer>) {
    let mut own = offers.remove(&product.name).unwrap_or_default();
    own.sort_by(|a, b| (a.mode, &a.id).cmp(&(b.mode, &b.id)));
    // An offer that names a member twice over, or them and everyone, is one offer.
    own.dedup_by(|a, b| a.id == b.id);
    (product, own)
}
