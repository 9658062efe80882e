//! Finding products, one product in full with its ladder, what this node shares, and asking for a rung.

use std::sync::Arc;

use axum::Router;
use axum::http::header;
use axum::response::IntoResponse;
use axum::routing::{get, post};
use serde::Deserialize;
use weal_domain::agreements::{LegalBasis, Purpose};
use weal_domain::catalogue::{CatalogueEntry, ProductRef};
use weal_portal::view::{FieldError, Language, RequestDraft, Section};
use weal_portal::{pages, paths};

use self::finding::Searched;
use super::frame::{
    PageResult, Path, Posted, Query, Unpainted, Visit, form_broken, html, page, see, status_of,
};
use super::once::is_number;
use crate::acts::catalogue::product_unknown;
use crate::acts::sha256_hex;
use crate::api::{RequestAgreement, Requested};
use crate::fault::{Error, Result};
use crate::house::House;

mod finding;
mod product;

pub(super) fn routes() -> Router<Arc<House>> {
    Router::new()
        .route(paths::CATALOGUE, get(search))
        .route(&format!("{}/{{member}}/{{product}}", paths::CATALOGUE), get(product))
        .route(&format!("{}/{{member}}/{{product}}/contract", paths::CATALOGUE), get(contract))
        .route(paths::PRODUCTS, get(own_products))
        .route(paths::REQUEST, post(request))
}

async fn search(visit: Visit, Query(searched): Query<Searched>) -> PageResult {
    let chrome = visit.chrome(Section::Catalogue).await?;
    page(pages::catalogue::catalogue(&chrome, &finding::view(&visit, &searched).await?))
}

async fn product(visit: Visit, Path((member, product)): Path<(String, String)>) -> PageResult {
    let entry = find(&visit, &member, &product).await?;
    let chrome = visit.chrome(Section::Catalogue).await?;
    page(pages::catalogue::product(&chrome, &product::view(&visit, entry, None).await?))
}

/// The data contract of an own product, for those who may read its profile.
async fn contract(visit: Visit, Path((member, product)): Path<(String, String)>) -> PageResult {
    let entry = find(&visit, &member, &product).await?;
    if entry.did != visit.house.did {
        return Err(product_unknown().into());
    }
    let shown = visit.house.show_product(&visit.session.person, &entry.product).await?;
    let name = format!("attachment; filename=\"{}.odcs.yaml\"", entry.product);
    let headers = [
        (header::CONTENT_TYPE, weal_wire::odcs::MEDIA_TYPE_YAML.to_owned()),
        (header::CONTENT_DISPOSITION, name),
        (header::CACHE_CONTROL, "private, no-store".to_owned()),
    ];
    Ok((headers, shown.contract_yaml).into_response())
}

/// Which stretch of the own products is shown.
#[derive(Debug, Default, Deserialize)]
struct Stretch {
    #[serde(default)]
    page: String,
}

async fn own_products(visit: Visit, Query(stretch): Query<Stretch>) -> PageResult {
    let chrome = visit.chrome(Section::Catalogue).await?;
    let asked = stretch.page.parse().unwrap_or(1);
    page(pages::catalogue::own_products(&chrome, &product::own_view(&visit, asked).await?))
}

/// What a catalogue this node has seen says of a product.
async fn find(visit: &Visit, member: &str, product: &str) -> Result<CatalogueEntry> {
    let named = member.parse().ok().zip(product.parse().ok());
    let (member, product) = named.ok_or_else(product_unknown)?;
    visit.house.entry_of(&ProductRef { member, product }).await
}

#[derive(Debug, Deserialize)]
struct RequestForm {
    offer: String,
    member: String,
    product: String,
    #[serde(default)]
    purpose: String,
    #[serde(default)]
    legal_basis: String,
    #[serde(default)]
    once: String,
}

async fn request(Posted { visit, fields }: Posted<RequestForm>) -> PageResult {
    let entry = find(&visit, &fields.member, &fields.product).await?;
    let (purpose, legal_basis) = (fields.purpose.parse().ok(), fields.legal_basis.parse().ok());
    let missing = missing(purpose.as_ref(), legal_basis.as_ref());
    let mode = entry.offers.iter().find(|offer| offer.id.as_str() == fields.offer).map(|offer| offer.mode);
    let (Some(mode), Some(wanted), true) = (mode, purpose.clone(), missing.is_empty()) else {
        return not_yet(&visit, entry, &fields, missing, None).await;
    };
    let ask = RequestAgreement {
        product: ProductRef { member: entry.member.clone(), product: entry.product.clone() },
        mode,
        purpose: wanted,
        legal_basis,
        wait_ms: None,
    };
    if !is_number(&fields.once) {
        return Err(form_broken().into());
    }
    let key = sha256_hex(format!("{}\n{ask:?}", fields.once));
    let (house, person) = (Arc::clone(&visit.house), visit.session.person.clone());
    let dataset = entry.dataset.clone();
    // Sent twice, it makes one agreement.
    let came = visit.house.doors.requested.once(&visit.session.person.account, key, async move {
        let requested = async {
            house.check_not_requested(&dataset, ask.mode, &ask.purpose).await?;
            house.request_agreement(&person, ask).await
        };
        Ok(outcome_of(&requested.await.map_err(Arc::new)?))
    });
    match came.await {
        Ok(path) => see(&path),
        Err(cause) => match &*cause {
            Error::Refused(refusal) => {
                not_yet(&visit, entry, &fields, Vec::new(), Some(refusal.clone())).await
            }
            Error::Fault(_) => Err(Unpainted::shared(cause)),
        },
    }
}

fn outcome_of(requested: &Requested) -> String {
    match &requested.agreement {
        Some(agreement) => paths::agreement(&agreement.id),
        None => paths::negotiation(&requested.negotiation.id),
    }
}

fn missing(purpose: Option<&Purpose>, legal_basis: Option<&LegalBasis>) -> Vec<FieldError> {
    let language = Language::default();
    let no_purpose = purpose.is_none().then(|| FieldError::purpose_needed(language));
    let no_basis = legal_basis.is_none().then(|| FieldError::legal_basis_needed(language));
    [no_purpose, no_basis].into_iter().flatten().collect()
}

/// The product's page again, with what was sent and what stands against it.
async fn not_yet(
    visit: &Visit,
    entry: CatalogueEntry,
    sent: &RequestForm,
    errors: Vec<FieldError>,
    refusal: Option<weal_domain::Refusal>,
) -> PageResult {
    use weal_domain::Refusal;
    let gone = || {
        Refusal::conflict("offer-gone", "This offer is no longer in the catalogue.")
            .remedy("Look at the product again.")
    };
    // Fields that are missing are said at the fields; an offer that is gone has no fields any more.
    let refusal = refusal.or_else(|| errors.is_empty().then(gone));
    let status = refusal.as_ref().map_or(axum::http::StatusCode::BAD_REQUEST, status_of);
    let draft = RequestDraft {
        offer: sent.offer.parse().map_err(|_| gone())?,
        purpose: sent.purpose.parse().ok(),
        legal_basis: sent.legal_basis.parse().ok(),
        errors,
        refusal,
    };
    let chrome = visit.chrome(Section::Catalogue).await?;
    Ok(html(status, pages::catalogue::product(&chrome, &product::view(visit, entry, Some(draft)).await?)))
}
