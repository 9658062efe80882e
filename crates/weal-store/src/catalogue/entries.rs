//! Entries of all catalogues, own ones too. Only what has changed is written, and indexed in the same
//! transaction.

use std::collections::{BTreeSet, HashMap};

use sqlx::any::AnyRow;
use weal_domain::Timestamp;
use weal_domain::catalogue::{CatalogueEntry, Docs, Holder, ProductName, Span, TERMS_VERSION};
use weal_domain::identity::Did;

use super::index::Changes;
use crate::tx::{BindBody, Sql, get, get_body, get_text, get_time_option, get_u64, sql};
use crate::{StoreError, Tx};

/// Before the number of every entry.
const BEFORE_ALL: i64 = -1;

/// An entry, and when its peer was last heard.
macro_rules! entry_where {
    ($condition:literal) => {
        concat!(
            "SELECT e.v, e.body, c.heard_ms FROM entry AS e
                 LEFT JOIN peer_catalogue AS c ON c.peer = e.peer WHERE ",
            $condition
        )
    };
}

/// What came of writing entries.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Written {
    /// How many were new or not as they had been.
    pub changed: u64,
    /// How many were new.
    pub added: usize,
    /// Whether any that were as they had been were said in another way.
    pub said_anew: bool,
    /// The numbers of those that were taken, the first ones of what was given.
    pub numbers: Vec<u32>,
}

impl Tx {
    /// Makes the index begin anew where it was made with other rules, from the entries that are kept, and shows
    /// own products anew where their holder has another name. [`Tx::index_again`] and [`Tx::index_own`] go on.
    pub async fn index_for(&mut self, holder: Holder<'_>) -> Result<(), StoreError> {
        let made_with = format!("{TERMS_VERSION} {} {} {}", holder.did, holder.member, holder.title);
        let row = self.row(sql("SELECT made_with FROM entry_index WHERE one = 1")).await?;
        let found: Option<String> = row.map(|row| get(&row, "made_with")).transpose()?;
        if found.as_ref() == Some(&made_with) {
            return Ok(());
        }
        let rules = found.as_ref().and_then(|found| found.split(' ').next());
        let begins_anew = rules != Some(TERMS_VERSION);
        if begins_anew {
            self.run(sql("DELETE FROM posting")).await?;
            self.run(sql("DELETE FROM word")).await?;
        }
        let stale =
            sql("INSERT INTO entry_stale (product) SELECT DISTINCT name FROM product WHERE name <> ''
             ON CONFLICT DO NOTHING");
        self.run(stale).await?;
        let query = sql("INSERT INTO entry_index (one, made_with, made_up_to) VALUES (1, $1, $2)
             ON CONFLICT (one) DO UPDATE SET made_with = excluded.made_with,
                 made_up_to = COALESCE(excluded.made_up_to, entry_index.made_up_to)");
        self.run(query.bind(made_with).bind(begins_anew.then_some(BEFORE_ALL))).await.map(|_| ())
    }

    /// Whether every entry that is kept is in the index.
    pub async fn index_is_whole(&mut self) -> Result<bool, StoreError> {
        Ok(self.row(sql("SELECT one FROM entry_index WHERE made_up_to IS NOT NULL")).await?.is_none())
    }

    /// Brings entries that are kept into an index that began anew, `limit` at most.
    pub async fn index_again(&mut self, limit: u32) -> Result<(), StoreError> {
        let query = sql("SELECT made_up_to FROM entry_index WHERE made_up_to IS NOT NULL");
        let Some(row) = self.row(query).await? else { return Ok(()) };
        let after: i64 = get(&row, "made_up_to")?;
        let query = sql("SELECT number, v, body FROM entry WHERE number > $1 ORDER BY number LIMIT $2");
        let (mut changes, mut last) = (Changes::default(), None);
        for row in &self.rows(query.bind(after).bind(i64::from(limit))).await? {
            if changes.is_full() {
                break;
            }
            let number = number_of(row)?;
            changes.add(number, &get_body(row, "entry")?);
            last = Some(i64::from(number));
        }
        let changed = self.change_postings(changes).await;
        self.whole(changed)?;
        let query = sql("UPDATE entry_index SET made_up_to = $1 WHERE one = 1");
        self.run(query.bind(last)).await.map(|_| ())
    }

    /// Whether the index does not show every own product as it is.
    pub async fn own_is_stale(&mut self) -> Result<bool, StoreError> {
        Ok(self.row(sql("SELECT product FROM entry_stale LIMIT 1")).await?.is_some())
    }

    /// Shows own products in the index as they are, `limit` at most; which.
    pub async fn index_own(
        &mut self,
        holder: Holder<'_>,
        limit: u32,
    ) -> Result<Vec<ProductName>, StoreError> {
        let query = sql("SELECT product FROM entry_stale ORDER BY product LIMIT $1").bind(i64::from(limit));
        let (mut entries, mut shown) = (Vec::new(), Vec::new());
        for row in self.rows(query).await? {
            let name: ProductName = get_text(&row, "product")?;
            // An offer can be written before its product; then the product's writing brings it here again.
            let Some(stored) = self.product(&name).await? else {
                shown.push(name);
                continue;
            };
            let offers = self.offers_of(&name).await?;
            entries.push(CatalogueEntry::of(&stored.product, &offers, holder, Timestamp::UNIX_EPOCH));
        }
        let taken = self.put_entries(holder.did, &entries, usize::MAX).await?.numbers.len();
        shown.extend(entries.into_iter().take(taken).map(|entry| entry.product));
        for name in &shown {
            self.run(sql("DELETE FROM entry_stale WHERE product = $1").bind(name.to_string())).await?;
        }
        Ok(shown)
    }

    /// Keeps what a node has said of its products, `room` new ones at most. What is as it was is not written.
    /// Of entries that change more of the index than one transaction should, the first ones are taken, one at
    /// least.
    pub async fn put_entries(
        &mut self,
        peer: &Did,
        entries: &[CatalogueEntry],
        room: usize,
    ) -> Result<Written, StoreError> {
        self.put_entries_said(peer, entries, &[], room).await
    }

    /// The same, with the digest of what each was read from, as far as there is one.
    pub async fn put_entries_said(
        &mut self,
        peer: &Did,
        entries: &[CatalogueEntry],
        said: &[Option<String>],
        room: usize,
    ) -> Result<Written, StoreError> {
        let written = self.write_entries(peer, entries, said, room).await;
        self.whole(written)
    }

    async fn write_entries(
        &mut self,
        peer: &Did,
        entries: &[CatalogueEntry],
        said: &[Option<String>],
        room: usize,
    ) -> Result<Written, StoreError> {
        let (mut written, mut changes) = (Written::default(), Changes::default());
        let formers = self.former_entries(peer, entries).await?;
        for (place, entry) in entries.iter().enumerate() {
            if changes.is_full() {
                break;
            }
            let said = said.get(place).cloned().flatten();
            // When it was said is known of the catalogue, not of each entry.
            let entry = CatalogueEntry { fetched_at: Timestamp::UNIX_EPOCH, ..entry.clone() };
            let product = entry.product.to_string();
            let alone = match formers.get(&product) {
                Some(_) => None,
                None => {
                    let query = sql("SELECT number, v, body, said FROM entry
                         WHERE peer = $1 AND product = $2");
                    self.row(query.bind(peer.to_string()).bind(product.clone())).await?
                }
            };
            let former = formers.get(&product).or(alone.as_ref());
            let number = match former {
                Some(row) => number_of(row)?,
                None if written.added == room => break,
                None => self.next_number().await?,
            };
            written.numbers.push(number);
            let body = serde_json::to_string(&entry).map_err(StoreError::fault)?;
            if let Some(row) = former {
                if get::<&str>(row, "body")? == body {
                    if said.is_some() && said != get(row, "said")? {
                        let query = sql("UPDATE entry SET said = $2 WHERE number = $1");
                        self.run(query.bind(i64::from(number)).bind(said)).await?;
                        written.said_anew = true;
                    }
                    continue;
                }
                changes.remove(number, &get_body(row, "entry")?);
            }
            written.added += usize::from(former.is_none());
            written.changed += 1;
            changes.add(number, &entry);
            let query = sql("INSERT INTO entry (number, peer, product, dataset, v, body, said)
                 VALUES ($1, $2, $3, $4, $5, $6, $7)
                 ON CONFLICT (number) DO UPDATE SET dataset = excluded.dataset, v = excluded.v,
                     body = excluded.body, said = excluded.said");
            let query = query.bind(i64::from(number)).bind(peer.to_string()).bind(entry.product.to_string());
            self.run(query.bind(entry.dataset.clone()).bind_body(&entry)?.bind(said)).await?;
        }
        self.change_postings(changes).await?;
        Ok(written)
    }

    /// Entries that are kept of the same products, as far as they stand together: a page comes in the order of
    /// names, and one question for all of it is much less work than one for each. What is missing here may be kept
    /// all the same.
    async fn former_entries(
        &mut self,
        peer: &Did,
        entries: &[CatalogueEntry],
    ) -> Result<HashMap<String, AnyRow>, StoreError> {
        let names = || entries.iter().map(|entry| entry.product.as_str());
        let (Some(first), Some(last)) = (names().min(), names().max()) else { return Ok(HashMap::new()) };
        let query = sql("SELECT number, product, v, body, said FROM entry
             WHERE peer = $1 AND product >= $2 AND product <= $3 ORDER BY product LIMIT $4");
        let query = query.bind(peer.to_string()).bind(first.to_owned()).bind(last.to_owned());
        let mut formers = HashMap::new();
        for row in self.rows(query.bind(2 * entries.len() as i64)).await? {
            formers.insert(get::<String>(&row, "product")?, row);
        }
        Ok(formers)
    }

    /// A number is never given twice: what is removed leaves its place empty.
    async fn next_number(&mut self) -> Result<u32, StoreError> {
        let next = self.next("entry").await? - 1;
        u32::try_from(next).map_err(|_| StoreError::TooLarge { what: "the catalogue" })
    }

    /// Removes entries of a peer that are not among `kept`: `limit` at most, and no more than one transaction
    /// should. How many it removed; where there are any, one at least.
    pub async fn remove_entries_but(
        &mut self,
        peer: &Did,
        kept: &BTreeSet<u32>,
        limit: usize,
    ) -> Result<usize, StoreError> {
        let mut gone = Vec::new();
        for (_, block, docs) in self.postings(&Span::member(peer)).await? {
            let all = numbers_in(block, &docs);
            gone.extend(all.filter(|number| !kept.contains(number)).take(limit - gone.len()));
        }
        let (mut changes, mut removed) = (Changes::default(), 0);
        for number in &gone {
            if changes.is_full() {
                break;
            }
            removed += 1;
            let query = sql("SELECT v, body FROM entry WHERE number = $1").bind(i64::from(*number));
            if let Some(row) = self.row(query).await? {
                changes.remove(*number, &get_body(&row, "entry")?);
            }
            self.run(sql("DELETE FROM entry WHERE number = $1").bind(i64::from(*number))).await?;
        }
        let changed = self.change_postings(changes).await;
        self.whole(changed)?;
        Ok(removed)
    }

    /// How many entries of a peer are kept.
    pub async fn entries_total(&mut self, peer: &Did) -> Result<u64, StoreError> {
        let query = sql("SELECT COUNT(*) AS total FROM entry WHERE peer = $1").bind(peer.to_string());
        self.row(query).await?.map_or(Ok(0), |row| get_u64(&row, "total"))
    }

    /// Every node of which entries are kept.
    pub async fn entry_peers(&mut self) -> Result<Vec<Did>, StoreError> {
        let from = Span::members().from;
        let mut peers = Vec::new();
        for (term, _, _) in self.postings(&Span::members()).await? {
            let did = term.get(from.len()..).and_then(|did| std::str::from_utf8(did).ok());
            let did = did.and_then(|did| did.parse().ok());
            peers.push(did.ok_or_else(|| StoreError::corrupt("posting"))?);
        }
        peers.dedup();
        Ok(peers)
    }

    /// What a node has said of a product.
    pub async fn entry_of_product(
        &mut self,
        peer: &Did,
        product: &ProductName,
    ) -> Result<Option<CatalogueEntry>, StoreError> {
        let query = sql(entry_where!("e.peer = $1 AND e.product = $2"));
        self.entry_found(query.bind(peer.to_string()).bind(product.to_string())).await
    }

    /// What a node has said of a dataset.
    pub async fn entry_of_dataset(
        &mut self,
        peer: &Did,
        dataset: &str,
    ) -> Result<Option<CatalogueEntry>, StoreError> {
        let query = sql(entry_where!("e.peer = $1 AND e.dataset = $2"));
        self.entry_found(query.bind(peer.to_string()).bind(dataset.to_owned())).await
    }

    /// The entry that has a number.
    pub async fn entry_numbered(&mut self, number: u32) -> Result<Option<CatalogueEntry>, StoreError> {
        self.entry_found(sql(entry_where!("e.number = $1")).bind(i64::from(number))).await
    }

    async fn entry_found(&mut self, query: Sql) -> Result<Option<CatalogueEntry>, StoreError> {
        self.row(query).await?.map(|row| entry_in(&row)).transpose()
    }
}

fn entry_in(row: &AnyRow) -> Result<CatalogueEntry, StoreError> {
    let entry: CatalogueEntry = get_body(row, "entry")?;
    let heard_at = get_time_option(row, "heard_ms")?;
    Ok(CatalogueEntry { fetched_at: heard_at.unwrap_or(entry.fetched_at), ..entry })
}

fn number_of(row: &AnyRow) -> Result<u32, StoreError> {
    u32::try_from(get::<i64>(row, "number")?).map_err(|_| StoreError::corrupt("entry"))
}

fn numbers_in(block: u32, docs: &Docs) -> impl Iterator<Item = u32> + use<> {
    let mut bits = weal_domain::catalogue::Bits::default();
    docs.pour(&mut bits);
    let places: Vec<u16> = bits.iter().collect();
    places.into_iter().map(move |place| weal_domain::catalogue::number_at(block, place))
}
