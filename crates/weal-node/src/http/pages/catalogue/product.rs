//! One product as this person sees it: what its owner says, and where each rung stands.

use weal_domain::Refusal;
use weal_domain::agreements::{Agreement, Negotiation, Side};
use weal_domain::catalogue::{CatalogueEntry, Mode, Offer, Product, RungStanding, RungView, ladder};
use weal_domain::identity::Act;
use weal_portal::paths;
use weal_portal::view::{
    Freshness, Meter, OwnOffer, OwnProduct, OwnProductsView, Paging, ProductView, RequestDraft, Rung,
    RungState, Typical,
};

use super::super::frame::Visit;
use super::super::parties::{self, own, party};
use crate::acts::agreements::LIST_MAX;
use crate::acts::exchange::product_account;
use crate::api::TypicalQuestion;
use crate::fault::Result;

pub(super) async fn view(
    visit: &Visit,
    entry: CatalogueEntry,
    draft: Option<RequestDraft>,
) -> Result<ProductView> {
    let house = &visit.house;
    let is_own = entry.did == house.did;
    let stored = match is_own {
        true => house.store.read("pages.product").await?.product(&entry.product).await?,
        false => None,
    };
    let product = stored.map(|stored| stored.product);
    let is_open_to = is_own && visit.may(Act::ReadProfile);
    let budget = match &product {
        Some(product) => budget_of(visit, product).await?,
        None => None,
    };
    let typical = match &product {
        Some(product) if is_open_to => house.typical(product).await?.into_iter().map(told).collect(),
        _ => Vec::new(),
    };
    let freshness = freshness(visit, &entry, product.as_ref());
    let rungs = if is_own { own_rungs(&entry.offers) } else { rungs(visit, &entry).await? };
    let contract = paths::contract(&entry.member, &entry.product);
    Ok(ProductView {
        once: visit.house.entropy.token()?,
        owner: party(house, &house.ecosystem(), &entry.did),
        own: is_own,
        rows: product.as_ref().map(|product| product.rows),
        size_bytes: product.as_ref().map(|product| product.size_bytes),
        profile: product
            .as_ref()
            .filter(|_| is_open_to)
            .map(|product| product.profile.clone())
            .unwrap_or_default(),
        privacy: product.and_then(|product| product.privacy),
        budget,
        typical,
        rungs,
        contract_href: is_open_to.then_some(contract),
        freshness,
        names: parties::names(house, &house.ecosystem()),
        draft,
        product: entry.product,
        title: entry.title,
        description: entry.description,
        keywords: entry.keywords,
        classification: entry.classification,
        columns: entry.columns,
    })
}

fn told(question: TypicalQuestion) -> Typical {
    Typical {
        about: question.about,
        sql: question.sql,
        loss: question.loss,
        half_width: question.half_width,
        percent: question.half_width_percent,
        shown_from: question.shown_from,
        refused: question.refusal.map(|refusal| refusal.reason),
    }
}

fn freshness(visit: &Visit, entry: &CatalogueEntry, own: Option<&Product>) -> Freshness {
    let age_s = visit.now().as_second() - entry.fetched_at.as_second();
    let due_s = i64::try_from(visit.house.config.network.crawl_interval_s).unwrap_or(i64::MAX);
    Freshness {
        version: entry.version,
        published_at: own.map_or(entry.fetched_at, |product| product.published_at),
        updated_at: own.map_or(entry.fetched_at, |product| product.updated_at),
        read_at: own.is_none().then_some(entry.fetched_at),
        reachable: age_s <= due_s.saturating_mul(3),
    }
}

async fn budget_of(visit: &Visit, product: &Product) -> Result<Option<Meter>> {
    if product.privacy.is_none() {
        return Ok(None);
    }
    let shown = visit.house.budget_shown(&product_account(&product.name)).await?;
    Ok(Some(parties::meter(&shown)))
}

/// On an own product, what others find offered.
fn own_rungs(offers: &[Offer]) -> Vec<Rung> {
    let state = |mode: Mode| {
        let offer = offers.iter().find(|offer| offer.mode == mode && offer.withdrawn_at.is_none());
        offer.map_or(RungState::NotOffered, offered)
    };
    Mode::LADDER.into_iter().map(|mode| Rung { mode, state: state(mode) }).collect()
}

fn offered(offer: &Offer) -> RungState {
    RungState::Offered { offer: offer.id.clone(), terms: Box::new(offer.terms.clone()) }
}

async fn rungs(visit: &Visit, entry: &CatalogueEntry) -> Result<Vec<Rung>> {
    let mut tx = visit.house.store.read("pages.rungs").await?;
    let is_ours = |one: &Agreement| one.side == Side::Consumer && one.dataset == entry.dataset;
    let agreements: Vec<Agreement> = tx.agreements().await?.into_iter().filter(is_ours).collect();
    let under_way = |one: &Negotiation| {
        one.side == Side::Consumer && one.proposal.dataset == entry.dataset && !one.state.is_final()
    };
    let found = tx.negotiations(LIST_MAX).await?;
    let open: Vec<Negotiation> = found.into_iter().map(|(one, _)| one).filter(under_way).collect();
    let views = ladder(&entry.offers, &agreements, &visit.house.did, visit.now());
    Ok(views
        .into_iter()
        .map(|view| Rung { mode: view.mode, state: state_of(&view, &entry.offers, &agreements, &open) })
        .collect())
}

fn state_of(view: &RungView, offers: &[Offer], agreements: &[Agreement], open: &[Negotiation]) -> RungState {
    if let Some(one) = open.iter().find(|one| one.proposal.mode == Some(view.mode))
        && view.standing != RungStanding::Held
    {
        return RungState::Waiting { negotiation: one.own_pid.clone(), since: one.began_at };
    }
    let offer = || view.offer.as_ref().and_then(|id| offers.iter().find(|offer| offer.id == *id));
    let agreement = || view.agreement.as_ref().and_then(|id| agreements.iter().find(|one| one.id == *id));
    let found = match view.standing {
        RungStanding::Held => agreement()
            .map(|one| RungState::Held { agreement: one.id.clone(), valid_until: one.terms.valid_until }),
        RungStanding::Offered => offer().map(offered),
        RungStanding::Closed | RungStanding::Pending => {
            let why = view.between.clone().unwrap_or_default();
            Some(RungState::Closed { why: Refusal::forbidden("rung-closed", why) })
        }
        RungStanding::Open | RungStanding::NotOffered => None,
    };
    found.unwrap_or(RungState::NotOffered)
}

// --- What this node shares -----------------------------------------------------------------------

const PRODUCTS_PER_PAGE: u32 = 50;

pub(super) async fn own_view(visit: &Visit, asked: u64) -> Result<OwnProductsView> {
    let house = &visit.house;
    let total = house.store.read("pages.products").await?.products_total().await?;
    let pages = total.div_ceil(u64::from(PRODUCTS_PER_PAGE)).max(1);
    let page = asked.clamp(1, pages);
    let skip = u32::try_from((page - 1) * u64::from(PRODUCTS_PER_PAGE)).unwrap_or(u32::MAX);
    let agreements = house.agreements().await?;
    let mut products = Vec::new();
    for (product, offers) in house.own_products(skip, PRODUCTS_PER_PAGE).await? {
        let in_force = |offer: &Offer| {
            let given =
                agreements.iter().filter(|one| one.side == Side::Provider && one.product == offer.product);
            given.filter(|one| one.mode == offer.mode && one.in_force(visit.now()).is_ok()).count() as u64
        };
        let own_offer = |offer: &Offer| OwnOffer {
            mode: offer.mode,
            terms: offer.terms.clone(),
            agreements: in_force(offer),
            withdrawn_at: offer.withdrawn_at,
        };
        products.push(OwnProduct {
            budget: budget_of(visit, &product).await?,
            offers: offers.iter().map(own_offer).collect(),
            product: product.name,
            title: product.title,
            classification: product.classification,
            rows: product.rows,
            size_bytes: product.size_bytes,
            version: product.version,
            updated_at: product.updated_at,
        });
    }
    Ok(OwnProductsView { owner: own(house), products, paging: Paging { page, pages, total } })
}
