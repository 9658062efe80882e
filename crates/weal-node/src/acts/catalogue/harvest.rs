//! The own catalogue in DCAT-AP, for portals that harvest: read and printed some products at a time.

use std::collections::VecDeque;
use std::sync::Arc;

use futures::Stream;
use weal_domain::catalogue::{CatalogueEntry, Holder};
use weal_wire::dcat::{DcatPrinter, Form};

use crate::fault::Result;
use crate::house::House;

/// Products read from the store at once.
const PRODUCTS_AT_ONCE: u32 = 50;

/// How far the printing has come.
struct Harvest {
    house: Arc<House>,
    printer: DcatPrinter,
    /// Printed and not yet taken.
    pieces: VecDeque<String>,
    /// The last product that was printed; `None` when all are.
    after: Option<String>,
}

impl House {
    /// The catalogue in pieces. Where reading fails the stream breaks off, so that no part passes for the whole.
    pub fn harvested(
        self: &Arc<Self>,
        form: Form,
    ) -> impl Stream<Item = Result<String, std::io::Error>> + Send + 'static {
        let printer = DcatPrinter::new(form, self.publisher(), self.peers.scheme());
        let pieces = VecDeque::from([printer.begin()]);
        let harvest = Harvest { house: Arc::clone(self), printer, pieces, after: Some(String::new()) };
        futures::stream::try_unfold(harvest, |mut harvest| async move {
            let piece = harvest.next().await.map_err(|cause| {
                tracing::error!(%cause, "the catalogue could not be read to its end");
                std::io::Error::other("the catalogue could not be read to its end")
            })?;
            Ok(piece.map(|piece| (piece, harvest)))
        })
    }
}

impl Harvest {
    async fn next(&mut self) -> Result<Option<String>> {
        loop {
            if let Some(piece) = self.pieces.pop_front() {
                return Ok(Some(piece));
            }
            // Of some pages nothing is for everyone.
            let Some(after) = self.after.take() else { return Ok(None) };
            self.read(&after).await?;
        }
    }

    async fn read(&mut self, after: &str) -> Result<()> {
        let (house, now) = (&self.house, self.house.clock.now());
        let publisher = house.publisher();
        let holder = Holder { member: &publisher.name, title: &publisher.title, did: &publisher.did };
        let mut tx = house.store.read("catalogue.harvest").await?;
        for stored in tx.products_after(after, PRODUCTS_AT_ONCE).await? {
            let offers = tx.offers_of(&stored.product.name).await?;
            let entry = CatalogueEntry::of(&stored.product, &offers, holder, now);
            let public = entry.for_everyone(&house.did, house.config.catalogue.public_up_to);
            self.pieces.extend(public.map(|entry| self.printer.entry(&entry)));
            self.after = Some(stored.product.name.to_string());
        }
        if self.after.is_none() {
            self.pieces.push_back(self.printer.end().to_owned());
        }
        Ok(())
    }
}
