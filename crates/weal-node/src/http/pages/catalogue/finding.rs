//! The catalogue of all nodes, searched and narrowed.

use std::collections::BTreeMap;

use serde::Deserialize;
use weal_domain::agreements::Side;
use weal_domain::catalogue::{CatalogueEntry, Facets as Found, ForeignEntry, Mode, Slice};
use weal_domain::governance::Standing;
use weal_domain::identity::{Did, MemberName};
use weal_portal::view::{
    CatalogueQuery, CatalogueView, Elsewhere, ElsewhereCard, Facet, Facets, Paging, Party, ProductCard,
};

use super::super::super::catalogue::SearchParams;
use super::super::frame::Visit;
use super::super::parties::party;
use crate::acts::governance::Ecosystem;
use crate::fault::Result;

const PRODUCTS_PER_PAGE: usize = 20;
/// Whoever wants to see more adds words.
const PAGES_MAX: usize = 500;
/// A catalogue that was due so many times over and did not come is old.
const MISSED_LOOKS_MAX: u64 = 3;

#[derive(Debug, Default, Deserialize)]
pub(super) struct Searched {
    #[serde(flatten)]
    params: SearchParams,
    #[serde(default)]
    page: String,
}

pub(super) async fn view(visit: &Visit, searched: &Searched) -> Result<CatalogueView> {
    let query = searched.params.query();
    let house = &visit.house;
    let asked: usize = searched.page.parse().unwrap_or(1).clamp(1, PAGES_MAX);
    let slice =
        |page: usize| Slice { after: None, skip: (page - 1) * PRODUCTS_PER_PAGE, take: PRODUCTS_PER_PAGE };
    let (mut hits, mut entries) = house.find(&query, slice(asked)).await?;
    let pages = usize::try_from(hits.total).unwrap_or(usize::MAX).div_ceil(PRODUCTS_PER_PAGE);
    let pages = pages.clamp(1, PAGES_MAX);
    let page = asked.min(pages);
    if page < asked {
        (hits, entries) = house.find(&query, slice(page)).await?;
    }
    let held = held(visit).await?;
    let ecosystem = visit.house.ecosystem();
    let elsewhere =
        if page == 1 { elsewhere(visit.house.search_elsewhere(&query).await?) } else { Elsewhere::default() };
    Ok(CatalogueView {
        elsewhere,
        facets: facets(visit, &hits.facets),
        results: entries.iter().map(|entry| card(visit, &ecosystem, entry, &held)).collect(),
        paging: Paging { page: page as u64, pages: pages as u64, total: hits.total },
        unreachable: unreachable(visit, &ecosystem).await?,
        query: CatalogueQuery {
            text: query.text,
            member: query.member,
            mode: query.mode,
            class: query.classification,
        },
    })
}

fn elsewhere(found: crate::api::Elsewhere) -> Elsewhere {
    let card = |entry: ForeignEntry| ElsewhereCard {
        title: entry.title,
        description: entry.description,
        publisher: entry.publisher,
        source: entry.source,
        address: entry.addresses.into_iter().next().or(entry.dataset),
    };
    Elsewhere { cards: found.entries.into_iter().map(card).collect(), total: found.total }
}

/// Datasets and rungs for which we hold an agreement in force.
async fn held(visit: &Visit) -> Result<Vec<(String, Mode)>> {
    let now = visit.now();
    let agreements = visit.house.agreements().await?;
    let ours = agreements.into_iter().filter(|one| one.side == Side::Consumer && one.in_force(now).is_ok());
    Ok(ours.map(|one| (one.dataset, one.mode)).collect())
}

fn card(
    visit: &Visit,
    ecosystem: &Ecosystem,
    entry: &CatalogueEntry,
    held: &[(String, Mode)],
) -> ProductCard {
    let is_held = |mode: &Mode| held.iter().any(|(dataset, held)| *dataset == entry.dataset && held == mode);
    ProductCard {
        owner: party(&visit.house, ecosystem, &entry.did),
        product: entry.product.clone(),
        title: entry.title.clone(),
        description: entry.description.clone(),
        classification: entry.classification,
        offered: entry.modes(),
        held: Mode::LADDER.into_iter().filter(is_held).collect(),
        updated_at: entry.fetched_at,
    }
}

fn facets(visit: &Visit, found: &Found) -> Facets {
    let ecosystem = visit.house.ecosystem();
    let known: BTreeMap<MemberName, Did> =
        visit.house.known().into_iter().map(|known| (known.name, known.did)).collect();
    let members = found.members.iter().filter_map(|facet| {
        let value = party(&visit.house, &ecosystem, known.get(&facet.value)?);
        Some(Facet { value, count: facet.count })
    });
    Facets {
        members: members.collect(),
        modes: found.modes.iter().map(|facet| Facet { value: facet.value, count: facet.count }).collect(),
        classes: found
            .classifications
            .iter()
            .map(|facet| Facet { value: facet.value, count: facet.count })
            .collect(),
    }
}

/// Members in good standing whose catalogue did not come when it was due.
async fn unreachable(visit: &Visit, ecosystem: &Ecosystem) -> Result<Vec<Party>> {
    let house = &visit.house;
    let fresh = house.store.read("pages.freshness").await?.peer_freshness().await?;
    let age_max_s = house.config.network.crawl_interval_s.saturating_mul(MISSED_LOOKS_MAX);
    let now_s = visit.now().as_second();
    let is_fresh = |did: &Did| {
        let read = fresh.iter().find(|one| one.peer == *did).and_then(|one| one.heard_at);
        read.map(|at| at.as_second()).is_some_and(|at| u64::try_from(now_s - at).unwrap_or(0) <= age_max_s)
    };
    let others = ecosystem.members.values().filter(|member| member.did != house.did);
    let good = others.filter(|member| member.standing == Standing::Good);
    let mut old: Vec<Party> = good
        .filter(|member| !is_fresh(&member.did))
        .map(|member| party(house, ecosystem, &member.did))
        .collect();
    old.sort();
    Ok(old)
}
