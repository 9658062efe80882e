//! The own catalogue as other members see it: in pages, read and printed some products at a time.

use std::sync::Arc;

use axum::http::HeaderMap;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use futures::Stream;
use weal_domain::catalogue::{Offer, Product, ProductName};
use weal_domain::identity::Did;
use weal_store::ShownTo;
use weal_wire::catalogue::CataloguePrinter;

use crate::acts::sha256_hex;
use crate::fault::Result;
use crate::house::House;
use crate::http::catalogue::DSP_PATH;

/// A page holds so many products unless less is asked for: whoever knows nothing of pages sees a large catalogue
/// whole.
pub const PAGE_PRODUCTS_MAX: u32 = 10_000;
/// Products in memory at once.
const PRODUCTS_AT_ONCE: u32 = 100;
/// How a client says that it wants smaller pages: a preference (RFC 7240) under the name that OData gave it.
const PAGE_SIZE_PREFERENCE: &str = "maxpagesize";
const CURSOR_BYTES_MAX: usize = 200;

/// Which page of the catalogue is meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// The product before the page; empty for the first.
    after: String,
    /// Products to leave out first, for those who count instead of following links.
    skip: u32,
    /// The most products on it.
    limit: u32,
}

impl Default for Page {
    fn default() -> Self {
        Self { after: String::new(), skip: 0, limit: PAGE_PRODUCTS_MAX }
    }
}

impl Page {
    /// The page that a link of ours names; `None` where it is none of ours.
    #[must_use]
    pub fn of_cursor(cursor: &str) -> Option<Self> {
        let bytes = URL_SAFE_NO_PAD.decode(cursor.get(..CURSOR_BYTES_MAX).unwrap_or(cursor)).ok()?;
        let text = String::from_utf8(bytes).ok()?;
        let (limit, after) = text.split_once(' ')?;
        // It names a place, not a product: what stood there may be gone.
        let after: ProductName = after.parse().ok()?;
        let limit = limit.parse().ok().filter(|limit| (1..=PAGE_PRODUCTS_MAX).contains(limit))?;
        Some(Self { after: after.to_string(), skip: 0, limit })
    }

    fn cursor(&self) -> String {
        URL_SAFE_NO_PAD.encode(format!("{} {}", self.limit, self.after))
    }

    /// A part that somebody has counted out.
    #[must_use]
    pub fn counted(skip: usize, limit: usize) -> Self {
        let count = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
        Self { after: String::new(), skip: count(skip), limit: count(limit).min(PAGE_PRODUCTS_MAX) }
    }

    /// The page, no larger than a client prefers it.
    #[must_use]
    pub fn preferred(self, headers: &HeaderMap) -> Self {
        let values = headers.get_all("prefer").iter().filter_map(|value| value.to_str().ok());
        let sizes = values.flat_map(|value| value.split([',', ';'])).filter_map(|one| {
            let (name, size) = one.split_once('=')?;
            let is_size = name.trim().eq_ignore_ascii_case(PAGE_SIZE_PREFERENCE);
            is_size.then(|| size.trim().trim_matches('"').parse::<u32>().ok()).flatten()
        });
        let limit = sizes.filter(|size| *size > 0).min().unwrap_or(self.limit).min(self.limit);
        Self { limit, ..self }
    }
}

/// A page that can be printed.
#[derive(Debug)]
pub struct ShownPage {
    caller: Did,
    after: String,
    last: Option<ProductName>,
    is_empty: bool,
    limit: u32,
}

impl ShownPage {
    /// The cursor of the page that follows; `None` for the last.
    #[must_use]
    pub fn next(&self) -> Option<String> {
        let after = self.last.as_ref()?.to_string();
        Some(Page { after, skip: 0, limit: self.limit }.cursor())
    }
}

impl House {
    /// The name of a page as `caller` sees it: the same as long as the catalogue is, and so of the whole of it. It is
    /// weak, because a page may be sent compressed or not. No product is read for it.
    pub async fn page_etag(&self, caller: &Did, page: &Page) -> Result<String> {
        let to = ShownTo { member: Some(caller), now: self.clock.now() };
        let version = self.store.read("catalogue.version").await?.shown_version(to).await?;
        let node = &self.config.node;
        let what = format!("{version}\n{page:?}\n{}\n{}", node.origin, node.title);
        Ok(etag(weal_wire::catalogue::PRINTED_AS, &what))
    }

    /// The name of what harvesters see.
    pub async fn harvest_etag(&self, form: weal_wire::dcat::Form) -> Result<String> {
        let (node, public) = (&self.config.node, self.config.catalogue.public_up_to);
        let mut tx = self.store.read("catalogue.version").await?;
        let version = tx.public_version(public, self.clock.now()).await?;
        let what = format!("{version}\n{form:?}\n{public:?}\n{}\n{}", node.origin, node.title);
        Ok(etag(weal_wire::dcat::PRINTED_AS, &what))
    }

    /// Finds where a page begins and ends.
    pub async fn shown_page(&self, caller: &Did, page: Page) -> Result<ShownPage> {
        let to = ShownTo { member: Some(caller), now: self.clock.now() };
        let mut tx = self.store.read("catalogue.page").await?;
        let start = if page.skip > 0 { tx.shown_skipped(to, page.skip).await? } else { Some(page.after) };
        let is_empty = start.is_none() || page.limit == 0;
        let after = start.unwrap_or_default();
        let end = if is_empty { None } else { tx.shown_page_end(to, &after, page.limit).await?.last };
        Ok(ShownPage { caller: caller.clone(), after, last: end, is_empty, limit: page.limit })
    }

    /// Prints own products for others.
    pub(super) fn printer(&self) -> CataloguePrinter {
        let endpoint = format!("{}{DSP_PATH}", self.config.node.origin);
        CataloguePrinter::new(self.publisher(), endpoint)
    }

    /// A page in pieces. Where reading fails the stream breaks off, so that no part passes for the whole.
    pub fn printed_page(
        self: &Arc<Self>,
        page: ShownPage,
    ) -> impl Stream<Item = Result<String, std::io::Error>> + Send + 'static {
        let printer = self.printer();
        let step = Some(Step::Head);
        let printing = Printing { house: Arc::clone(self), printer, page, step };
        futures::stream::try_unfold(printing, |mut printing| async move {
            let piece = printing.next().await.map_err(|cause| {
                tracing::error!(%cause, "the catalogue could not be read to its end");
                std::io::Error::other("the catalogue could not be read to its end")
            })?;
            Ok(piece.map(|piece| (piece, printing)))
        })
    }

    /// One product as `caller` sees it; `None` where they see none.
    pub async fn shown_dataset(&self, caller: &Did, dataset: &str) -> Result<Option<(Product, Vec<Offer>)>> {
        let to = ShownTo { member: Some(caller), now: self.clock.now() };
        let mut tx = self.store.read("catalogue.dataset").await?;
        let named = weal_domain::catalogue::parse_dataset(dataset).ok();
        let name = match named.filter(|(did, _)| *did == self.did) {
            Some((_, name)) => Some(name),
            None => tx.shown_identified(to, dataset).await?,
        };
        let Some(name) = name else { return Ok(None) };
        let shown = tx.shown_product(to, &name).await?;
        Ok(shown.filter(|(product, _)| product.dataset(&self.did) == dataset))
    }
}

/// What a name of ours begins with. It changes with whatever is shown, on whichever page.
const ETAG_PREFIX: &str = "W/\"weal-";

/// A name of what is printed in this way.
fn etag(printed_as: u32, what: &str) -> String {
    let mut name = sha256_hex(what);
    name.truncate(32);
    format!("{ETAG_PREFIX}{printed_as}-{name}\"")
}

/// Whether the name that somebody gives a page is one of ours, and so of the whole catalogue.
pub(super) fn names_whole(etag: &str) -> bool {
    etag.starts_with(ETAG_PREFIX)
}

/// How far the printing of a page has come.
struct Printing {
    house: Arc<House>,
    printer: CataloguePrinter,
    page: ShownPage,
    /// What is printed next; `None` when all is.
    step: Option<Step>,
}

enum Step {
    Head,
    Products,
    Tail,
}

impl Printing {
    async fn next(&mut self) -> Result<Option<String>> {
        Ok(match self.step {
            None => None,
            Some(Step::Head) => {
                self.step = Some(if self.page.is_empty { Step::Tail } else { Step::Products });
                Some(self.printer.begin())
            }
            Some(Step::Products) => Some(self.products().await?),
            Some(Step::Tail) => {
                self.step = None;
                Some(self.printer.end().to_owned())
            }
        })
    }

    async fn products(&mut self) -> Result<String> {
        let to = ShownTo { member: Some(&self.page.caller), now: self.house.clock.now() };
        // A reader of its own for each batch: a slow client holds no moment of the database open.
        let mut tx = self.house.store.read("catalogue.show").await?;
        let made_as = self.printer.made_as();
        let at_once = PRODUCTS_AT_ONCE.min(self.page.limit);
        let texts = tx.shown_texts(to, &self.page.after, at_once, &made_as).await?;
        // A run that goes beyond the page is printed product by product.
        let texts = texts.filter(|some| self.page.last.as_ref().is_none_or(|last| some.last <= *last));
        if let Some(some) = texts {
            if some.products < at_once || self.page.last.as_ref() == Some(&some.last) {
                self.step = Some(Step::Tail);
            }
            self.page.after = some.last.to_string();
            return Ok(self.printer.printed_before(&some.texts));
        }
        let some = tx.shown_after(to, &self.page.after, PRODUCTS_AT_ONCE).await?;
        drop(tx);
        let is_last = some.len() < PRODUCTS_AT_ONCE as usize;
        let mut piece = String::new();
        for (product, offers) in some {
            if self.page.last.as_ref().is_some_and(|last| product.name > *last) {
                self.step = Some(Step::Tail);
                return Ok(piece);
            }
            piece.push_str(&self.printer.dataset(&product, &offers));
            self.page.after = product.name.to_string();
        }
        if is_last || self.page.last.as_ref().is_some_and(|last| self.page.after == last.as_str()) {
            self.step = Some(Step::Tail);
        }
        Ok(piece)
    }
}
