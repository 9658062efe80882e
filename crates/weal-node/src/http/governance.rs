//! Governance: the governing body's papers for members, joining and admitting for local programs.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get, post};
use weal_domain::Refusal;
use weal_domain::governance::{Charter, Member};
use weal_domain::identity::{Act, Did};
use weal_wire::peer::{AdmissionMessage, ApplicationMessage};

use super::answer::ApiResult;
use super::body::{Json, Paper, Wire};
use super::extract::{Local, Path, bearer};
use super::process::wire;
use crate::api::{AdoptCharter, Join, Joined, PREFIX, SetStanding};
use crate::house::House;

type Node = State<Arc<House>>;

pub(super) fn routes() -> Router<Arc<House>> {
    Router::new()
        .route("/governance/charter", get(signed_charter))
        .route("/governance/register", get(signed_register).post(receive_register))
        .route("/governance/applications", post(apply))
        .route("/governance/admission", post(admitted))
        .route(&format!("{PREFIX}/ecosystem/join"), post(join))
        .route(&format!("{PREFIX}/members"), get(members))
        .route(&format!("{PREFIX}/members/{{did}}"), delete(decline))
        .route(&format!("{PREFIX}/members/{{did}}/standing"), post(set_standing))
        .route(&format!("{PREFIX}/charter"), get(charter).put(adopt))
}

// --- For other nodes -----------------------------------------------------------------------------

fn paper(text: String) -> Response {
    ([(header::CONTENT_TYPE, "application/jwt"), (header::CACHE_CONTROL, "no-cache")], text).into_response()
}

async fn signed_charter(State(house): Node) -> ApiResult<Response> {
    Ok(paper(house.signed_papers().await?.0))
}

async fn signed_register(State(house): Node) -> ApiResult<Response> {
    Ok(paper(house.signed_papers().await?.1))
}

/// An applicant is no member yet: it proves its key and nothing else.
async fn apply(
    State(house): Node,
    headers: HeaderMap,
    Wire(message): Wire<ApplicationMessage>,
) -> ApiResult<Response> {
    let from = house.authenticate_applicant(bearer(&headers)?).await?;
    let admission = house.receive_application(&from, message).await?;
    Ok(wire(StatusCode::OK, weal_wire::print(&admission)))
}

async fn admitted(
    State(house): Node,
    headers: HeaderMap,
    Wire(message): Wire<AdmissionMessage>,
) -> ApiResult<StatusCode> {
    let from = house.authenticate_governing_body(bearer(&headers)?).await?;
    house.receive_admission(&from, message).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn receive_register(
    State(house): Node,
    headers: HeaderMap,
    Paper(body): Paper,
) -> ApiResult<StatusCode> {
    let from = house.authenticate_governing_body(bearer(&headers)?).await?;
    house.receive_register(&from, &body, None).await?;
    Ok(StatusCode::NO_CONTENT)
}

// --- For local programs --------------------------------------------------------------------------

async fn join(State(house): Node, Local(by): Local, Json(join): Json<Join>) -> ApiResult<Json<Joined>> {
    Ok(Json(house.join(&by, &join.governing_body).await?))
}

async fn members(State(house): Node, Local(by): Local) -> ApiResult<Json<Vec<Member>>> {
    house.require_act(&by, Act::Look)?;
    Ok(Json(house.members().await?))
}

async fn set_standing(
    State(house): Node,
    Local(by): Local,
    Path(did): Path<String>,
    Json(set): Json<SetStanding>,
) -> ApiResult<Json<Member>> {
    let did = Did::new(did).map_err(|cause| Refusal::invalid("did", cause.to_string()))?;
    Ok(Json(house.set_standing(&by, &did, set.standing, set.reason).await?))
}

async fn decline(State(house): Node, Local(by): Local, Path(did): Path<String>) -> ApiResult<StatusCode> {
    let did = Did::new(did).map_err(|cause| Refusal::invalid("did", cause.to_string()))?;
    house.decline_application(&by, &did).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn charter(State(house): Node, _by: Local) -> ApiResult<Json<Charter>> {
    Ok(Json(house.charter()?))
}

async fn adopt(
    State(house): Node,
    Local(by): Local,
    Json(adopt): Json<AdoptCharter>,
) -> ApiResult<Json<Charter>> {
    Ok(Json(house.adopt_charter(&by, adopt).await?))
}
