//! Catalogue: the Dataspace Protocol's catalogue and DCAT-AP for others, publishing for local programs.

mod foreign;

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post, put};
use serde::Deserialize;
use weal_domain::Refusal;
use weal_domain::catalogue::{Offer, Product};
use weal_domain::identity::{Act, one_may};
use weal_wire::dcat::Form;
use weal_wire::dsp::Reasons;
use weal_wire::dsp::catalogue::{AccessService, CatalogError, CatalogRequestMessage, Part};
use weal_wire::dsp::versions::{ProtocolVersion, VersionDocument};

use super::answer::ApiResult;
use super::body::{Json, Wire};
use super::extract::{Local, Member, Path, Query};
use super::process::{protocol_status, wire};
use crate::acts::catalogue::product_unknown;
use crate::api::{
    Found, Inspect, Inspected, MakeOffer, PREFIX, ProductShown, Publish, Published, Refreshed, UploadMade,
    WithdrawOffer,
};
use crate::fault::Result;
use crate::house::House;

/// The base of the protocol's addresses, as the version document names it.
pub const DSP_PATH: &str = "/dsp/2025-1";
/// The base of the addresses at which peers answer what this node began.
pub const CALLBACK_PATH: &str = "/dsp/2025-1/callback";
/// Where a DID document says the catalogue is.
pub const CATALOGUE_PATH: &str = "/dsp/2025-1/catalog";

type Node = State<Arc<House>>;

pub(super) fn routes() -> Router<Arc<House>> {
    let api = |path: &str| format!("{PREFIX}{path}");
    Router::new()
        .route("/.well-known/dspace-version", get(versions))
        .route(&format!("{DSP_PATH}/catalog/request"), post(catalogue))
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

async fn catalogue(
    State(house): Node,
    _from: Member,
    Wire(message): Wire<CatalogRequestMessage>,
) -> Response {
    let Some(part) = message.part() else {
        let refusal = Refusal::invalid("filter-unsupported", "This node's catalogue knows no filters.")
            .remedy("Leave the filter out; the catalogue is sent whole.");
        return catalogue_error(refusal);
    };
    match own_catalogue(&house, part).await {
        Ok(body) => wire(StatusCode::OK, body),
        Err(cause) => super::answer::Problem(cause).into_response(),
    }
}

async fn own_catalogue(house: &House, part: Part) -> Result<String> {
    let products = house.own_products().await?;
    let endpoint = format!("{}{DSP_PATH}", house.config.node.origin);
    let mut catalogue = weal_wire::catalogue::catalogue_of(&products, &house.publisher(), &endpoint);
    let datasets = std::mem::take(&mut catalogue.content.datasets);
    catalogue.content.datasets = datasets.into_iter().skip(part.offset).take(part.limit).collect();
    Ok(weal_wire::print(&catalogue))
}

async fn dataset(State(house): Node, _from: Member, Path(id): Path<String>) -> ApiResult<Response> {
    let products = house.own_products().await?;
    let publisher = house.publisher();
    let endpoint = format!("{}{DSP_PATH}", house.config.node.origin);
    let connector = weal_wire::catalogue::connector_of(&publisher, &endpoint);
    let found = products.iter().find(|(product, _)| product.dataset(&house.did) == id);
    let shown = found.and_then(|(product, offers)| {
        let access = AccessService::Service(Box::new(connector));
        weal_wire::catalogue::dataset_of(product, offers, &publisher, access)
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
async fn turtle(State(house): Node) -> Response {
    harvest(&house, Form::Turtle)
}

async fn json_ld(State(house): Node) -> Response {
    harvest(&house, Form::JsonLd)
}

fn harvest(house: &Arc<House>, form: Form) -> Response {
    let body = Body::from_stream(house.harvested(form));
    ([(header::CONTENT_TYPE, form.media_type())], body).into_response()
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

/// Own products; their profiles hold values, so they are for those who may read them.
async fn products(State(house): Node, Local(by): Local) -> ApiResult<Json<Vec<Product>>> {
    house.require_act(&by, Act::Look)?;
    let reads_profiles = one_may(&by.roles, Act::ReadProfile);
    let shown = |mut product: Product| {
        if !reads_profiles {
            product.profile.clear();
        }
        product
    };
    Ok(Json(house.own_products().await?.into_iter().map(|(product, _)| shown(product)).collect()))
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
        }
    }
}

async fn search(
    State(house): Node,
    Local(by): Local,
    Query(params): Query<SearchParams>,
) -> ApiResult<Json<Found>> {
    house.require_act(&by, Act::Look)?;
    Ok(Json(house.search(&params.query()).await?))
}

async fn refresh(State(house): Node, Local(by): Local) -> ApiResult<Json<Refreshed>> {
    house.require_act(&by, Act::Look)?;
    Ok(Json(house.crawl().await?))
}
