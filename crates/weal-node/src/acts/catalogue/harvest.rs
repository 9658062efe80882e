//! The own catalogue in DCAT-AP, for portals that harvest, with what catalogues elsewhere say: read and printed a
//! little at a time.

use std::collections::VecDeque;
use std::sync::Arc;

use futures::Stream;
use weal_domain::catalogue::{CatalogueEntry, Holder, Offer, Product, ProductName};
use weal_store::{ForeignPlace, ForeignSource, ShownTo};
use weal_wire::dcat::{DcatPrinter, Form};

use super::foreign::{PIECES_AT_ONCE, replaced};
use super::product_unknown;
use crate::fault::{Fault, Result};
use crate::house::House;
use crate::http::catalogue::DSP_PATH;

/// Products read from the store at once.
const PRODUCTS_AT_ONCE: u32 = 50;

/// How far the printing has come.
struct Harvest {
    house: Arc<House>,
    printer: DcatPrinter,
    /// Printed and not yet taken.
    pieces: VecDeque<String>,
    ahead: Ahead,
}

/// What is printed next: our own products, then what catalogues elsewhere say.
enum Ahead {
    ProductsAfter(String),
    /// The catalogues elsewhere as they were when the first of them was read.
    ForeignAfter(Vec<ForeignSource>, Option<ForeignPlace>),
    Nothing,
}

impl House {
    /// The catalogue in pieces. Where reading fails the stream breaks off, so that no part passes for the whole.
    pub fn harvested(
        self: &Arc<Self>,
        form: Form,
    ) -> impl Stream<Item = Result<String, std::io::Error>> + Send + 'static {
        let printer =
            DcatPrinter::new(form, self.publisher(), &format!("{}{DSP_PATH}", self.config.node.origin));
        let pieces = VecDeque::from([printer.begin()]);
        let harvest =
            Harvest { house: Arc::clone(self), printer, pieces, ahead: Ahead::ProductsAfter(String::new()) };
        futures::stream::try_unfold(harvest, |mut harvest| async move {
            let piece = harvest.next().await.map_err(|cause| {
                tracing::error!(%cause, "the catalogue could not be read to its end");
                std::io::Error::other("the catalogue could not be read to its end")
            })?;
            Ok(piece.map(|piece| (piece, harvest)))
        })
    }

    /// The data contract of a product that everyone may know of, with what everyone may know: what it was
    /// measured to be, how it is protected and what is offered to some stays with its owner.
    pub async fn contract_for_everyone(&self, name: &ProductName) -> Result<String> {
        let mut tx = self.store.read("catalogue.contract").await?;
        let stored = tx.product(name).await?.ok_or_else(product_unknown)?;
        let offers = tx.offers_of(name).await?;
        let entry = self.for_everyone(&stored.product, &offers).ok_or_else(product_unknown)?;
        let product =
            Product { privacy: None, profile: Vec::new(), rows: 0, size_bytes: 0, ..stored.product };
        Ok(weal_wire::odcs::contract_of(&product, &entry.offers, &self.publisher()).to_yaml())
    }

    fn for_everyone(&self, product: &Product, offers: &[Offer]) -> Option<CatalogueEntry> {
        let publisher = self.publisher();
        let holder = Holder { member: &publisher.name, title: &publisher.title, did: &publisher.did };
        let entry = CatalogueEntry::of(product, offers, holder, self.clock.now());
        entry.for_everyone(&self.did, self.config.catalogue.public_up_to)
    }
}

impl Harvest {
    async fn next(&mut self) -> Result<Option<String>> {
        loop {
            if let Some(piece) = self.pieces.pop_front() {
                return Ok(Some(piece));
            }
            // Of some pages nothing is for everyone.
            self.ahead = match std::mem::replace(&mut self.ahead, Ahead::Nothing) {
                Ahead::ProductsAfter(name) => self.read_products(&name).await?,
                Ahead::ForeignAfter(sources, place) => self.read_foreign(sources, place).await?,
                Ahead::Nothing => return Ok(None),
            };
        }
    }

    async fn read_products(&mut self, after: &str) -> Result<Ahead> {
        let mut tx = self.house.store.read("catalogue.harvest").await?;
        let mut last = None;
        // What is for some members only is not even touched.
        let everyone = ShownTo { member: None, now: self.house.clock.now() };
        for (product, offers) in tx.shown_after(everyone, after, PRODUCTS_AT_ONCE).await? {
            let public = self.house.for_everyone(&product, &offers);
            self.pieces.extend(public.map(|entry| self.printer.product(&product, &entry.offers)));
            last = Some(product.name.to_string());
        }
        Ok(match last {
            Some(last) => Ahead::ProductsAfter(last),
            None => Ahead::ForeignAfter(tx.foreign_sources().await?, None),
        })
    }

    async fn read_foreign(
        &mut self,
        sources: Vec<ForeignSource>,
        after: Option<ForeignPlace>,
    ) -> Result<Ahead> {
        let mut tx = self.house.store.read("catalogue.harvest").await?;
        // The halves of two catalogues would pass for one.
        if tx.foreign_sources().await? != sources {
            return Err(replaced().into());
        }
        let mut last = None;
        for (place, piece) in tx.foreign_after(after.as_ref(), PIECES_AT_ONCE).await? {
            let node = piece.entry.as_ref().map(|(_, node)| node.as_str());
            let printed = self.printer.foreign(node, &piece.triples);
            let printed = printed.map_err(|cause| Fault::new("printing a catalogue elsewhere", cause))?;
            self.pieces.push_back(printed);
            last = Some(place);
        }
        if last.is_none() {
            self.pieces.push_back(self.printer.end().to_owned());
            return Ok(Ahead::Nothing);
        }
        Ok(Ahead::ForeignAfter(sources, last))
    }
}
