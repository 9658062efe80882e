//! Finding products in all catalogues, the own one and what was last seen of the others'.

use std::collections::BTreeSet;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use weal_domain::Refusal;
use weal_domain::catalogue::{CatalogueEntry, Hit, Hits, Holder, Known, ProductRef, Query, Slice};
use weal_domain::governance::Standing;
use weal_domain::identity::Did;
use weal_store::{ShownTo, Tx};

use crate::api::{Elsewhere, Found};
use crate::fault::Result;
use crate::house::House;

/// Entries and own products that are brought into the index at once.
const INDEXED_AT_ONCE: u32 = 200;
/// How often a search does so before it leaves the rest to the driver.
const INDEXED_BEFORE_SEARCH: usize = 5;
/// The most finds in one answer.
pub(super) const FOUND_AT_ONCE_MAX: usize = 1_000;

/// The place in a list of finds after which an answer goes on.
pub(super) fn cursor_of(hit: Hit) -> String {
    URL_SAFE_NO_PAD.encode(format!("{} {}", hit.worth, hit.number))
}

fn hit_of(cursor: &str) -> Option<Hit> {
    let text = String::from_utf8(URL_SAFE_NO_PAD.decode(cursor.get(..64).unwrap_or(cursor)).ok()?).ok()?;
    let (worth, number) = text.split_once(' ')?;
    Some(Hit { worth: worth.parse().ok()?, number: number.parse().ok()? })
}

impl House {
    /// Everybody whose entries are shown here: this node and the members in good standing. Who is suspended
    /// leaves with all entries at once, and comes back with them.
    #[must_use]
    pub fn known(&self) -> Vec<Known> {
        let ecosystem = self.ecosystem();
        let good = ecosystem
            .members
            .values()
            .filter(|member| member.standing == Standing::Good && member.did != self.did)
            .map(|member| Known { did: member.did.clone(), name: member.name.clone() });
        let own = Known { did: self.did.clone(), name: self.config.node.name.clone() };
        good.chain([own]).collect()
    }

    /// The finds of a query, from the first one or after a cursor of a former answer.
    pub async fn search(&self, query: &Query, after: Option<&str>, take: usize) -> Result<Found> {
        let unknown = || {
            Refusal::invalid("cursor-unknown", "This is no place in a list of finds.")
                .remedy("Follow the link of the page before, or begin with the first.")
        };
        let after = after.map(|cursor| hit_of(cursor).ok_or_else(unknown)).transpose()?;
        let take = take.min(FOUND_AT_ONCE_MAX);
        let (hits, entries) = self.find(query, Slice { after, skip: 0, take }).await?;
        let next = hits.found.last().filter(|_| hits.found.len() == take).copied().map(cursor_of);
        let elsewhere = match after {
            None => self.search_elsewhere(query).await?,
            Some(_) => Elsewhere::default(),
        };
        Ok(Found { total: hits.total, entries, next, facets: hits.facets, elsewhere })
    }

    /// The finds of a query and their entries.
    pub async fn find(&self, query: &Query, slice: Slice) -> Result<(Hits, Vec<CatalogueEntry>)> {
        self.index_own(INDEXED_BEFORE_SEARCH).await?;
        let known = self.known();
        // Those of the charter are counted whatever members invent.
        let purposes =
            self.ecosystem().charter.as_ref().map_or_else(Vec::new, |charter| charter.purposes.clone());
        let mut tx = self.store.read("catalogue.search").await?;
        let hits = tx.find(query, &known, &purposes, slice).await?;
        let mut entries = Vec::with_capacity(hits.found.len());
        for hit in &hits.found {
            entries.extend(tx.entry_numbered(hit.number).await?.map(|entry| self.as_of_now(entry)));
        }
        Ok((hits, entries))
    }

    /// What this node has last seen of a product, its own or another member's.
    pub async fn entry_of(&self, product: &ProductRef) -> Result<CatalogueEntry> {
        self.index_own(INDEXED_BEFORE_SEARCH).await?;
        let mut found = None;
        let mut tx = self.store.read("catalogue.entry").await?;
        for known in self.known().iter().filter(|known| known.name == product.member) {
            found = found.or(tx.entry_of_product(&known.did, &product.product).await?);
        }
        Ok(found.map(|entry| self.as_of_now(entry)).ok_or_else(|| {
            Refusal::not_found("product-unknown", format!("No catalogue this node has seen names {product}."))
                .remedy("Look for it with `weal search WORDS`; new products appear within minutes.")
        })?)
    }

    /// What this node knows of datasets, each given with its owner; those it does not know are missing.
    pub async fn entries_about(
        &self,
        datasets: impl IntoIterator<Item = (Did, String)>,
    ) -> Result<Vec<CatalogueEntry>> {
        let wanted: BTreeSet<(Did, String)> = datasets.into_iter().collect();
        if wanted.is_empty() {
            return Ok(Vec::new());
        }
        self.index_own(INDEXED_BEFORE_SEARCH).await?;
        let ecosystem = self.ecosystem();
        let mut tx = self.store.read("catalogue.about").await?;
        let mut entries = Vec::new();
        for (owner, dataset) in wanted {
            if owner == self.did || ecosystem.standing(&owner) == Some(Standing::Good) {
                let entry = tx.entry_of_dataset(&owner, &dataset).await?;
                entries.extend(entry.map(|entry| self.as_of_now(entry)));
            }
        }
        Ok(entries)
    }

    /// What is said of own products is said now.
    fn as_of_now(&self, entry: CatalogueEntry) -> CatalogueEntry {
        if entry.did != self.did {
            return entry;
        }
        CatalogueEntry { fetched_at: self.clock.now(), ..entry }
    }

    /// Makes the index begin anew where it was made with other rules or another name of this node.
    pub(crate) async fn index_at_start(&self) -> Result<()> {
        let node = &self.config.node;
        let holder = Holder { member: &node.name, title: &node.title, did: &self.did };
        let mut tx = self.store.write("start.index").await?;
        tx.index_for(holder).await?;
        tx.texts_for(&self.printer().made_as()).await?;
        Ok(tx.commit().await?)
    }

    /// Shows own products in the index as they are; whether all are shown after so many batches.
    pub(crate) async fn index_own(&self, batches_max: usize) -> Result<bool> {
        for _ in 0..batches_max {
            if !self.store.read("catalogue.stale").await?.own_is_stale().await? {
                return Ok(true);
            }
            let mut tx = self.store.write("catalogue.index").await?;
            self.index_some(&mut tx).await?;
            tx.commit().await?;
        }
        let is_done = !self.store.read("catalogue.stale").await?.own_is_stale().await?;
        if !is_done {
            self.wakers.crawler.notify_one();
        }
        Ok(is_done)
    }

    /// Goes on with an index that is made again; whether it is whole after so many batches.
    pub(crate) async fn index_again(&self, batches_max: usize) -> Result<bool> {
        for _ in 0..batches_max {
            if self.store.read("catalogue.whole").await?.index_is_whole().await? {
                return Ok(true);
            }
            let mut tx = self.store.write("catalogue.index").await?;
            tx.index_again(INDEXED_AT_ONCE).await?;
            tx.commit().await?;
        }
        Ok(false)
    }

    async fn index_some(&self, tx: &mut Tx) -> Result<()> {
        let node = &self.config.node;
        let holder = Holder { member: &node.name, title: &node.title, did: &self.did };
        // What is printed once for everyone is not printed again for each who asks.
        let (printer, to) = (self.printer(), ShownTo { member: None, now: self.clock.now() });
        for name in tx.index_own(holder, INDEXED_AT_ONCE).await? {
            let Some((product, offers)) = tx.shown_product(to, &name).await? else { continue };
            if let Some(text) = printer.printed(&product, &offers) {
                let until = offers.iter().filter_map(|offer| offer.terms.valid_until).min();
                tx.put_text(&name, &printer.made_as(), until, text).await?;
            }
        }
        Ok(())
    }
}
