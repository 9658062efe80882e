//! Catalogue: the Dataspace Protocol's catalogue and DCAT-AP for others, publishing for local programs.

mod foreign;

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post, put};
use serde::Deserialize;
use weal_domain::Refusal;
use weal_domain::catalogue::{CatalogueFreshness, Offer};
use weal_domain::identity::{Act, one_may};
use weal_wire::dcat::Form;
use weal_wire::dsp::Reasons;
use weal_wire::dsp::catalogue::{AccessService, CatalogError, CatalogRequestMessage};
use weal_wire::dsp::versions::{ProtocolVersion, VersionDocument};
use weal_wire::link::next_link;

use super::answer::ApiResult;
use super::body::{Json, Wire};
use super::extract::{Local, Member, Path, Query};
use super::process::{protocol_status, wire};
use crate::acts::catalogue::{Page, product_unknown};
use crate::api::{
    Inspect, Inspected, MakeOffer, PREFIX, ProductShown, Publish, Published, Refreshed, UploadMade,
    WithdrawOffer,
};
use crate::fault::Result;
use crate::house::House;
use crate::peers::Caller;

/// The base of the protocol's addresses, as the version document names it.
pub const DSP_PATH: &str = "/dsp/2025-1";
/// The base of the addresses at which peers answer what this node began.
pub const CALLBACK_PATH: &str = "/dsp/2025-1/callback";
/// Where a DID document says the catalogue is.
pub const CATALOGUE_PATH: &str = "/dsp/2025-1/catalog";

/// Own products, and finds, in one answer of the local API.
const PRODUCTS_AT_ONCE_MAX: u32 = 1_000;
const FOUND_AT_ONCE: usize = 100;

type Node = State<Arc<House>>;

pub(super) fn routes() -> Router<Arc<House>> {
    let api = |path: &str| format!("{PREFIX}{path}");
    Router::new()
        .route("/.well-known/dspace-version", get(versions))
        .route(&format!("{DSP_PATH}/catalog/request"), post(catalogue).get(catalogue_page))
        .route(&format!("{DSP_PATH}/catalog/datasets/{{id}}"), get(dataset))
        .route("/catalogue.ttl", get(turtle))
        .route("/catalogue.jsonld", get(json_ld))
        .route("/contracts/{name}", get(contract_for_everyone))
        .route(&api("/uploads"), post(begin_upload))
        .route(&api("/products"), get(products).post(publish))
        .route(&api("/products/{name}"), get(product))
        .route(&api("/products/{name}/contract"), get(contract))
        .route(&api("/offers"), post(make_offer))
        .route(&api("/offers/withdraw"), post(withdraw))
        .route(&api("/catalogue"), get(search))
        .route(&api("/catalogue/freshness"), get(freshness))
        .route(&api("/catalogue/refresh"), post(refresh))
        .merge(foreign::routes())
}

/// Uploads may be larger and slower than everything else.
pub(super) fn upload_routes() -> Router<Arc<House>> {
    Router::new()
        .route(&format!("{PREFIX}/uploads/{{id}}/{{file}}"), put(upload))
        .route(&format!("{PREFIX}/uploads/{{id}}/inspect"), post(inspect))
        .merge(foreign::upload_routes())
        .layer(DefaultBodyLimit::disable())
}

// --- For other nodes -----------------------------------------------------------------------------

async fn versions(State(house): Node) -> Response {
    let version = ProtocolVersion {
        version: weal_wire::dsp::VERSION.into(),
        path: DSP_PATH.into(),
        service_id: Some(house.did.to_string()),
        identifier_type: Some("did:web".into()),
        auth: None,
    };
    wire(StatusCode::OK, weal_wire::print(&VersionDocument { versions: vec![version] }))
}

/// Which page a link of ours names.
#[derive(Debug, Default, Deserialize)]
struct PageParams {
    #[serde(default)]
    page: Option<String>,
}

/// The catalogue, or a page of it: without a word about pages, the first ten thousand products.
async fn catalogue(
    State(house): Node,
    Member(from): Member,
    Query(params): Query<PageParams>,
    headers: HeaderMap,
    Wire(message): Wire<CatalogRequestMessage>,
) -> Response {
    let Some(part) = message.part() else {
        let refusal = Refusal::invalid("filter-unsupported", "This node's catalogue knows no filters.")
            .remedy("Leave the filter out; the catalogue is sent whole.");
        return catalogue_error(refusal);
    };
    let page = match &params.page {
        Some(cursor) => Page::of_cursor(cursor),
        None => Some(Page::counted(part.offset, part.limit)),
    };
    // RFC 9110, 13.1.2: what is not fetched by GET and is as it was is a condition that failed.
    shown_page(&house, &from, page, &headers, StatusCode::PRECONDITION_FAILED).await
}

/// The same for those who only fetch.
async fn catalogue_page(
    State(house): Node,
    Member(from): Member,
    Query(params): Query<PageParams>,
    headers: HeaderMap,
) -> Response {
    let page = params.page.as_deref().map_or_else(|| Some(Page::default()), Page::of_cursor);
    shown_page(&house, &from, page, &headers, StatusCode::NOT_MODIFIED).await
}

async fn shown_page(
    house: &Arc<House>,
    from: &Caller,
    page: Option<Page>,
    headers: &HeaderMap,
    unchanged: StatusCode,
) -> Response {
    let Some(page) = page.map(|page| page.preferred(headers)) else {
        let refusal = Refusal::invalid("page-unknown", "This is no page of this node's catalogue.")
            .remedy("Follow the link of the page before, or begin with the first.");
        return catalogue_error(refusal);
    };
    match answer_page(house, from, page, headers, unchanged).await {
        Ok(response) => response,
        Err(cause) => super::answer::Problem(cause).into_response(),
    }
}

async fn answer_page(
    house: &Arc<House>,
    from: &Caller,
    page: Page,
    headers: &HeaderMap,
    unchanged: StatusCode,
) -> Result<Response> {
    let etag = house.page_etag(&from.did, &page).await?;
    let fixed = [(header::ETAG, etag.clone()), (header::CACHE_CONTROL, "private, no-cache".to_owned())];
    if is_held(headers, &etag) {
        return Ok((unchanged, fixed).into_response());
    }
    let page = house.shown_page(&from.did, page).await?;
    let address = format!("{}{DSP_PATH}/catalog/request", house.config.node.origin);
    let next = page.next().map(|cursor| next_link(&format!("{address}?page={cursor}")));
    let link = next.map(|link| [(header::LINK, link)]);
    let kind = [(header::CONTENT_TYPE, "application/json")];
    let body = Body::from_stream(house.printed_page(page));
    Ok(match link {
        Some(link) => (fixed, kind, link, body).into_response(),
        None => (fixed, kind, body).into_response(),
    })
}

/// Whether the caller holds what it asks for: weakly compared, as `If-None-Match` is.
fn is_held(headers: &HeaderMap, etag: &str) -> bool {
    let bare = |tag: &str| tag.trim().trim_start_matches("W/").to_owned();
    let values = headers.get_all(header::IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).any(|tag| bare(tag) == bare(etag))
}

async fn dataset(State(house): Node, Member(from): Member, Path(id): Path<String>) -> ApiResult<Response> {
    let publisher = house.publisher();
    let endpoint = format!("{}{DSP_PATH}", house.config.node.origin);
    let connector = weal_wire::catalogue::connector_of(&publisher, &endpoint);
    let found = house.shown_dataset(&from.did, &id).await?;
    let shown = found.and_then(|(product, offers)| {
        let access = AccessService::Service(Box::new(connector));
        weal_wire::catalogue::dataset_of(&product, &offers, &publisher, access)
    });
    Ok(match shown {
        Some(dataset) => wire(StatusCode::OK, weal_wire::print(&dataset)),
        None => catalogue_error(Refusal::not_found("dataset-unknown", "There is no such dataset here.")),
    })
}

fn catalogue_error(refusal: Refusal) -> Response {
    let status = protocol_status(&refusal);
    let error = CatalogError { code: Some(refusal.code), reason: Reasons(vec![refusal.reason]) };
    wire(status, weal_wire::print(&error))
}

/// The catalogue for harvesters, who are not asked who they are: metadata only, and only of what is offered
/// to every member and is no more closely held than the configuration says.
async fn turtle(State(house): Node, headers: HeaderMap) -> ApiResult<Response> {
    harvest(&house, Form::Turtle, &headers).await
}

async fn json_ld(State(house): Node, headers: HeaderMap) -> ApiResult<Response> {
    harvest(&house, Form::JsonLd, &headers).await
}

async fn harvest(house: &Arc<House>, form: Form, headers: &HeaderMap) -> ApiResult<Response> {
    let etag = house.harvest_etag(form).await?;
    let fixed = [(header::ETAG, etag.clone()), (header::CACHE_CONTROL, "no-cache".to_owned())];
    if is_held(headers, &etag) {
        return Ok((StatusCode::NOT_MODIFIED, fixed).into_response());
    }
    let body = Body::from_stream(house.harvested(form));
    Ok((fixed, [(header::CONTENT_TYPE, form.media_type())], body).into_response())
}

async fn contract_for_everyone(State(house): Node, Path(name): Path<String>) -> ApiResult<Response> {
    let name = name.parse().map_err(|_| product_unknown())?;
    let contract = house.contract_for_everyone(&name).await?;
    Ok(([(header::CONTENT_TYPE, weal_wire::odcs::MEDIA_TYPE_YAML)], contract).into_response())
}

// --- For local programs --------------------------------------------------------------------------

async fn begin_upload(State(house): Node, Local(by): Local) -> ApiResult<Json<UploadMade>> {
    Ok(Json(UploadMade { upload: house.begin_upload(&by).await? }))
}

async fn upload(
    State(house): Node,
    Local(by): Local,
    Path((id, file)): Path<(String, String)>,
    body: Body,
) -> ApiResult<StatusCode> {
    house.receive_file(&by, &id, &file, body.into_data_stream()).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn inspect(
    State(house): Node,
    Local(by): Local,
    Path(id): Path<String>,
    Json(inspect): Json<Inspect>,
) -> ApiResult<Json<Inspected>> {
    Ok(Json(house.inspect(&by, &id, &inspect).await?))
}

async fn publish(
    State(house): Node,
    Local(by): Local,
    Json(publish): Json<Publish>,
) -> ApiResult<Json<Published>> {
    Ok(Json(house.publish(&by, publish).await?))
}

/// A stretch of own products.
#[derive(Debug, Default, Deserialize)]
struct ProductParams {
    #[serde(default)]
    after: String,
    #[serde(default)]
    limit: Option<u32>,
}

/// Own products; their profiles hold values, so they are for those who may read them.
async fn products(
    State(house): Node,
    Local(by): Local,
    Query(params): Query<ProductParams>,
) -> ApiResult<Response> {
    house.require_act(&by, Act::Look)?;
    let reads_profiles = one_may(&by.roles, Act::ReadProfile);
    let limit = params.limit.unwrap_or(PRODUCTS_AT_ONCE_MAX).clamp(1, PRODUCTS_AT_ONCE_MAX);
    let mut products = house.own_products_after(&params.after, limit).await?;
    if !reads_profiles {
        products.iter_mut().for_each(|product| product.profile.clear());
    }
    let last = products.last().filter(|_| products.len() == limit as usize);
    let next = last.map(|last| format!("{PREFIX}/products?limit={limit}&after={}", last.name));
    Ok(with_next(next.as_deref(), Json(products)))
}

async fn product(
    State(house): Node,
    Local(by): Local,
    Path(name): Path<String>,
) -> ApiResult<Json<ProductShown>> {
    let name = name.parse().map_err(|_| product_unknown())?;
    Ok(Json(house.show_product(&by, &name).await?))
}

async fn contract(State(house): Node, Local(by): Local, Path(name): Path<String>) -> ApiResult<Response> {
    let name = name.parse().map_err(|_| product_unknown())?;
    let shown = house.show_product(&by, &name).await?;
    Ok(([(header::CONTENT_TYPE, weal_wire::odcs::MEDIA_TYPE_YAML)], shown.contract_yaml).into_response())
}

async fn make_offer(
    State(house): Node,
    Local(by): Local,
    Json(make): Json<MakeOffer>,
) -> ApiResult<Json<Offer>> {
    Ok(Json(house.make_offer(&by, make).await?))
}

async fn withdraw(
    State(house): Node,
    Local(by): Local,
    Json(withdraw): Json<WithdrawOffer>,
) -> ApiResult<StatusCode> {
    house.withdraw_offer(&by, &withdraw.offer).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// What is looked for, as it stands in an address.
#[derive(Debug, Default, Deserialize)]
pub(super) struct SearchParams {
    #[serde(default)]
    pub q: String,
    #[serde(default)]
    pub member: String,
    #[serde(default)]
    pub mode: String,
    #[serde(default)]
    pub class: String,
    #[serde(default)]
    pub purpose: String,
}

impl SearchParams {
    /// An empty or unknown filter lets everything through.
    pub(super) fn query(&self) -> weal_domain::catalogue::Query {
        let class = serde_json::from_value(serde_json::Value::String(self.class.clone())).ok();
        weal_domain::catalogue::Query {
            text: self.q.clone(),
            member: self.member.parse().ok(),
            classification: class,
            mode: self.mode.parse().ok(),
            purpose: self.purpose.parse().ok().filter(|_| !self.purpose.is_empty()),
        }
    }
}

/// Where in the list of finds an answer begins, and how long it is.
#[derive(Debug, Default, Deserialize)]
struct FindsParams {
    #[serde(default)]
    after: Option<String>,
    #[serde(default)]
    limit: Option<usize>,
}

async fn search(
    State(house): Node,
    Local(by): Local,
    Query(params): Query<SearchParams>,
    Query(finds): Query<FindsParams>,
    uri: axum::http::Uri,
) -> ApiResult<Response> {
    house.require_act(&by, Act::Look)?;
    let limit = finds.limit.unwrap_or(FOUND_AT_ONCE);
    let found = house.search(&params.query(), finds.after.as_deref(), limit).await?;
    let next = found.next.as_ref().map(|cursor| {
        let pairs = url::form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes());
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        query.extend_pairs(pairs.filter(|(name, _)| name != "after")).append_pair("after", cursor);
        format!("{}?{}", uri.path(), query.finish())
    });
    Ok(with_next(next.as_deref(), Json(found)))
}

fn with_next(next: Option<&str>, body: impl IntoResponse) -> Response {
    let mut response = body.into_response();
    if let Some(link) = next.and_then(|next| HeaderValue::from_str(&next_link(next)).ok()) {
        response.headers_mut().insert(header::LINK, link);
    }
    response
}

async fn freshness(State(house): Node, Local(by): Local) -> ApiResult<Json<Vec<CatalogueFreshness>>> {
    house.require_act(&by, Act::Look)?;
    Ok(Json(house.catalogue_freshness().await?))
}

async fn refresh(State(house): Node, Local(by): Local) -> ApiResult<Json<Refreshed>> {
    house.require_act(&by, Act::Look)?;
    Ok(Json(house.crawl().await?))
}
