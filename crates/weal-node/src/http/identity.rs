//! Identity: the node's DID document for peers; the node itself and its persons for local programs.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use weal_domain::identity::Person;

use super::answer::ApiResult;
use super::body::Json;
use super::extract::Local;
use crate::api::{AddPerson, NodeInfo, PREFIX};
use crate::house::House;

pub(super) fn routes() -> Router<Arc<House>> {
    Router::new()
        .route("/.well-known/did.json", get(document))
        .route(&format!("{PREFIX}/node"), get(node))
        .route(&format!("{PREFIX}/persons"), get(persons).post(add))
}

// --- For other nodes -----------------------------------------------------------------------------

async fn document(State(house): State<Arc<House>>) -> Response {
    let headers = [(header::CONTENT_TYPE, "application/did+ld+json"), (header::CACHE_CONTROL, "max-age=60")];
    (headers, house.did_document().to_json().to_string()).into_response()
}

// --- For local programs --------------------------------------------------------------------------

async fn node(State(house): State<Arc<House>>, _by: Local) -> ApiResult<Json<NodeInfo>> {
    Ok(Json(house.info().await?))
}

async fn persons(State(house): State<Arc<House>>, _by: Local) -> ApiResult<Json<Vec<Person>>> {
    Ok(Json(house.persons().await?))
}

async fn add(
    State(house): State<Arc<House>>,
    Local(by): Local,
    Json(add): Json<AddPerson>,
) -> ApiResult<Json<Person>> {
    let person = Person { account: add.account, display_name: add.display_name, roles: add.roles };
    Ok(Json(house.add_person(&by, person, &add.password).await?))
}
