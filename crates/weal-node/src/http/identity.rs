//! Identity: the node's DID document for peers; the node itself and its persons for local programs.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get, post, put};
use weal_domain::identity::{AccountName, Act, Person};

use super::answer::ApiResult;
use super::body::Json;
use super::extract::{Local, Path};
use crate::acts::identity::Came;
use crate::api::{
    AddPerson, KeysShown, MakeToken, NodeInfo, PREFIX, RotateKey, SetPassword, SetRoles, TokenMade,
    TokenShown,
};
use crate::house::House;

pub(super) fn routes() -> Router<Arc<House>> {
    Router::new()
        .route("/.well-known/did.json", get(document))
        .route(&format!("{PREFIX}/node"), get(node))
        .route(&format!("{PREFIX}/persons"), get(persons).post(add))
        .route(&format!("{PREFIX}/persons/{{account}}"), delete(remove))
        .route(&format!("{PREFIX}/persons/{{account}}/roles"), put(set_roles))
        .route(&format!("{PREFIX}/persons/{{account}}/password"), put(set_password))
        .route(&format!("{PREFIX}/persons/{{account}}/sessions"), delete(sign_out))
        .route(&format!("{PREFIX}/tokens"), get(tokens).post(make_token))
        .route(&format!("{PREFIX}/tokens/{{id}}"), delete(revoke_token))
        .route(&format!("{PREFIX}/keys"), get(keys))
        .route(&format!("{PREFIX}/keys/rotate"), post(turn_key))
}

// --- For other nodes -----------------------------------------------------------------------------

async fn document(State(house): State<Arc<House>>) -> Response {
    let headers = [(header::CONTENT_TYPE, "application/did+ld+json"), (header::CACHE_CONTROL, "max-age=60")];
    (headers, house.did_document().to_json().to_string()).into_response()
}

// --- For local programs --------------------------------------------------------------------------

async fn keys(State(house): State<Arc<House>>, Local(by): Local) -> ApiResult<Json<KeysShown>> {
    Ok(Json(house.keys_shown(&by)?))
}

async fn turn_key(
    State(house): State<Arc<House>>,
    Local(by): Local,
    Json(rotate): Json<RotateKey>,
) -> ApiResult<Json<KeysShown>> {
    Ok(Json(house.turn_key(&by, rotate.stolen).await?))
}

async fn node(State(house): State<Arc<House>>, _by: Local) -> ApiResult<Json<NodeInfo>> {
    Ok(Json(house.info().await?))
}

async fn persons(State(house): State<Arc<House>>, Local(by): Local) -> ApiResult<Json<Vec<Person>>> {
    house.require_act(&by, Act::GiveRoles)?;
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

async fn remove(
    State(house): State<Arc<House>>,
    Local(by): Local,
    Path(account): Path<AccountName>,
) -> ApiResult<StatusCode> {
    house.remove_person(&by, &account).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn set_roles(
    State(house): State<Arc<House>>,
    Local(by): Local,
    Path(account): Path<AccountName>,
    Json(set): Json<SetRoles>,
) -> ApiResult<Json<Person>> {
    Ok(Json(house.set_roles(&by, &account, set.roles).await?))
}

async fn set_password(
    State(house): State<Arc<House>>,
    Local(by): Local,
    Path(account): Path<AccountName>,
    Json(set): Json<SetPassword>,
) -> ApiResult<StatusCode> {
    house.set_password(Came::ByToken(&by), &account, &set.password, set.current.as_deref()).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn sign_out(
    State(house): State<Arc<House>>,
    Local(by): Local,
    Path(account): Path<AccountName>,
) -> ApiResult<StatusCode> {
    house.sign_out_everywhere(Came::ByToken(&by), &account).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn tokens(State(house): State<Arc<House>>, Local(by): Local) -> ApiResult<Json<Vec<TokenShown>>> {
    Ok(Json(house.tokens(&by).await?))
}

async fn make_token(
    State(house): State<Arc<House>>,
    Local(by): Local,
    Json(make): Json<MakeToken>,
) -> ApiResult<Json<TokenMade>> {
    Ok(Json(house.make_token(Came::ByToken(&by), make).await?))
}

async fn revoke_token(
    State(house): State<Arc<House>>,
    Local(by): Local,
    Path(id): Path<String>,
) -> ApiResult<StatusCode> {
    house.revoke_token(Came::ByToken(&by), &id).await?;
    Ok(StatusCode::NO_CONTENT)
}
