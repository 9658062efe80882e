//! Identity: the doors of the Decentralized Claims Protocol 1.0. Verifiers and issuers knock at the credential
//! service; holders at the governing body's issuer service; anybody reads status lists.

use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get, post};
use serde_json::json;
use weal_domain::Refusal;
use weal_domain::identity::Did;
use weal_trust::status::ListKind;
use weal_wire::dcp::{
    CredentialMessage, CredentialOfferMessage, CredentialRequestMessage, PresentationQueryMessage, Query,
};

use super::answer::ApiResult;
use super::body::Json;
use super::extract::{Local, Path, bearer};
use super::process::wire;
use crate::acts::identity::Granted;
use crate::api::{
    CredentialShown, CredentialsShown, ImportCredential, PREFIX, RequestCredentials, RequestedCredential,
};
use crate::house::House;

/// The base addresses that the DID document names.
pub const CREDENTIALS_PATH: &str = "/dcp";
pub const ISSUER_PATH: &str = "/dcp/issuer";
/// Where the governing body publishes its status list, in both forms.
pub const STATUS_PATH: &str = "/dcp/status";
pub const STATUS_2021_PATH: &str = "/dcp/status-2021";

type Node = State<Arc<House>>;

pub(super) fn routes() -> Router<Arc<House>> {
    Router::new()
        .route(&format!("{CREDENTIALS_PATH}/presentations/query"), post(query))
        .route(&format!("{CREDENTIALS_PATH}/credentials"), post(store))
        .route(&format!("{CREDENTIALS_PATH}/offers"), post(offer))
        .route(&format!("{ISSUER_PATH}/credentials"), post(request))
        .route(&format!("{ISSUER_PATH}/requests/{{id}}"), get(request_status))
        .route(&format!("{ISSUER_PATH}/metadata"), get(metadata))
        .route(&format!("{ISSUER_PATH}/schema"), get(schema))
        .route(&format!("{STATUS_PATH}/1"), get(status_list))
        .route(&format!("{STATUS_2021_PATH}/1"), get(status_list_2021))
        .route(&format!("{PREFIX}/credentials"), get(held).post(import))
        .route(&format!("{PREFIX}/credentials/requests"), post(ask))
        .route(&format!("{PREFIX}/credentials/{{number}}"), delete(remove))
        .route(&format!("{PREFIX}/credentials/{{number}}/export"), get(export))
}

// --- For verifiers and issuers -------------------------------------------------------------------

/// Who asks is known before a word of what they ask is read, and is not looked up unless this node once gave the
/// access to whom they say they are.
async fn query(State(house): Node, headers: HeaderMap, body: Bytes) -> ApiResult<Response> {
    let mut granted = None;
    let (verifier, _) = house
        .authenticate_self_issued(bearer(&headers)?, |verifier, access| {
            granted = Some(house.granted(verifier, access)?);
            Ok(())
        })
        .await?;
    let granted = granted.unwrap_or(Granted(Vec::new()));
    let message: PresentationQueryMessage = weal_wire::parse(&body).map_err(Refusal::from)?;
    match message.query {
        Query::Scopes(scopes) => {
            let answer = house.present(&verifier, &granted, &scopes).await?;
            Ok(wire(StatusCode::OK, weal_wire::print(&answer)))
        }
        Query::Definition(_) => Ok(StatusCode::NOT_IMPLEMENTED.into_response()),
    }
}

async fn store(State(house): Node, headers: HeaderMap, body: Bytes) -> ApiResult<StatusCode> {
    let said = house.said_caller(bearer(&headers)?)?;
    let message: CredentialMessage = weal_wire::parse(&body).map_err(Refusal::from)?;
    house.check_asked(&said, &message).await?;
    let (issuer, _) = house.authenticate_self_issued(bearer(&headers)?, |_, _| Ok(())).await?;
    house.receive_credentials(&issuer, message).await?;
    Ok(StatusCode::OK)
}

async fn offer(State(house): Node, headers: HeaderMap, body: Bytes) -> ApiResult<StatusCode> {
    let heard = |issuer: &Did, _: Option<&str>| house.check_trusted(issuer);
    let (issuer, _) = house.authenticate_self_issued(bearer(&headers)?, heard).await?;
    let message: CredentialOfferMessage = weal_wire::parse(&body).map_err(Refusal::from)?;
    house.receive_credential_offer(&issuer, message).await?;
    Ok(StatusCode::OK)
}

// --- For holders ---------------------------------------------------------------------------------

async fn request(State(house): Node, headers: HeaderMap, body: Bytes) -> ApiResult<Response> {
    house.require_governing()?;
    let (holder, claims) = house.authenticate_self_issued(bearer(&headers)?, |_, _| Ok(())).await?;
    let message: CredentialRequestMessage = weal_wire::parse(&body).map_err(Refusal::from)?;
    let pid = house.receive_credential_request(&holder, claims.token, message).await?;
    let location = format!("{}{ISSUER_PATH}/requests/{pid}", house.config.node.origin);
    Ok((StatusCode::CREATED, [(header::LOCATION, location)]).into_response())
}

async fn request_status(
    State(house): Node,
    headers: HeaderMap,
    Path(id): Path<String>,
) -> ApiResult<Response> {
    house.require_governing()?;
    let (holder, _) = house.authenticate_self_issued(bearer(&headers)?, |_, _| Ok(())).await?;
    let status = house.issuance_status(&holder, &id).await?;
    Ok(wire(StatusCode::OK, weal_wire::print(&status)))
}

async fn metadata(State(house): Node) -> ApiResult<Response> {
    Ok(wire(StatusCode::OK, weal_wire::print(&house.issuer_metadata()?)))
}

/// What stands in every credential that this governing body issues.
async fn schema(State(house): Node) -> ApiResult<Response> {
    house.require_governing()?;
    let schema = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "properties": {
            "credentialSubject": {
                "type": "object",
                "properties": {
                    "id": { "type": "string" },
                    "memberName": { "type": "string" },
                    "ecosystem": { "type": "string" },
                },
                "required": ["id", "memberName", "ecosystem"],
            },
        },
        "required": ["credentialSubject"],
    });
    Ok(wire(StatusCode::OK, schema.to_string()))
}

// --- For anybody ---------------------------------------------------------------------------------

async fn status_list(State(house): Node, headers: HeaderMap) -> ApiResult<Response> {
    list(&house, &headers, ListKind::Bitstring).await
}

async fn status_list_2021(State(house): Node, headers: HeaderMap) -> ApiResult<Response> {
    list(&house, &headers, ListKind::StatusList2021).await
}

/// Signed for those who ask for a signed one; some readers ask for anything and understand plain JSON alone.
async fn list(house: &House, headers: &HeaderMap, kind: ListKind) -> ApiResult<Response> {
    let served = house.served_status_list(kind).await?;
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let caching = [
        (header::CACHE_CONTROL, "max-age=30, must-revalidate".to_owned()),
        (header::ETAG, served.etag.clone()),
        (header::VARY, "accept".to_owned()),
    ];
    if text(header::IF_NONE_MATCH) == served.etag {
        return Ok((StatusCode::NOT_MODIFIED, caching).into_response());
    }
    let accept = text(header::ACCEPT);
    let (media_type, body) = if accept.contains("application/vc+jwt") {
        ("application/vc+jwt", served.signed.clone())
    } else if accept.contains("application/jwt") {
        ("application/jwt", served.signed.clone())
    } else {
        ("application/json", served.plain.clone())
    };
    Ok((caching, [(header::CONTENT_TYPE, media_type)], body).into_response())
}

// --- For local programs --------------------------------------------------------------------------

async fn held(State(house): Node, Local(by): Local) -> ApiResult<Json<CredentialsShown>> {
    Ok(Json(house.credentials_shown(&by).await?))
}

async fn import(
    State(house): Node,
    Local(by): Local,
    Json(import): Json<ImportCredential>,
) -> ApiResult<Json<CredentialShown>> {
    Ok(Json(house.import_credential(&by, &import.credential).await?))
}

async fn ask(
    State(house): Node,
    Local(by): Local,
    Json(ask): Json<RequestCredentials>,
) -> ApiResult<Json<RequestedCredential>> {
    Ok(Json(house.request_credentials(&by, &ask.issuer, ask.kind.as_deref()).await?))
}

async fn remove(State(house): Node, Local(by): Local, Path(number): Path<String>) -> ApiResult<StatusCode> {
    house.remove_credential(&by, &number).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn export(State(house): Node, Local(by): Local, Path(number): Path<String>) -> ApiResult<Response> {
    let signed = house.export_credential(&by, &number).await?;
    Ok(([(header::CONTENT_TYPE, "application/jwt"), (header::CACHE_CONTROL, "no-store")], signed)
        .into_response())
}
