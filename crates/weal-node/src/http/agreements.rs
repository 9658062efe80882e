//! Agreements: the Dataspace Protocol's negotiation for peers, requests and decisions for local programs.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use weal_domain::Refusal;
use weal_domain::agreements::negotiation::Move;
use weal_domain::agreements::{Agreement, Negotiation, Side};
use weal_wire::dsp::negotiation::{
    ContractAgreementMessage, ContractAgreementVerificationMessage, ContractNegotiation,
    ContractNegotiationError, ContractNegotiationEventMessage, ContractNegotiationTerminationMessage,
    ContractOfferMessage, ContractRequestMessage, NegotiationEvent,
};
use weal_wire::dsp::{Reasons, Turned};

use super::answer::{ApiResult, Problem, faulted};
use super::body::{Json, Wire};
use super::catalogue::{CALLBACK_PATH, DSP_PATH};
use super::extract::{Local, Member, Path};
use crate::acts::agreements::agreement_unknown;
use crate::api::{AgreementShown, Decision, NegotiationShown, PREFIX, RequestAgreement, Requested, Revoke};
use crate::fault::{Error, Result};
use crate::house::House;

type Node = State<Arc<House>>;

pub(super) fn routes() -> Router<Arc<House>> {
    let provider = |path: &str| format!("{DSP_PATH}/negotiations{path}");
    let consumer = |path: &str| format!("{CALLBACK_PATH}/negotiations{path}");
    Router::new()
        .route(&provider("/request"), post(request))
        .route(&provider("/{pid}"), get(provider_state))
        .route(&provider("/{pid}/request"), post(counter_request))
        .route(&provider("/{pid}/events"), post(provider_event))
        .route(&provider("/{pid}/agreement/verification"), post(verification))
        .route(&provider("/{pid}/termination"), post(provider_termination))
        .route(&consumer("/offers"), post(offer))
        .route(&consumer("/{pid}"), get(consumer_state))
        .route(&consumer("/{pid}/offers"), post(counter_offer))
        .route(&consumer("/{pid}/agreement"), post(agreement))
        .route(&consumer("/{pid}/events"), post(consumer_event))
        .route(&consumer("/{pid}/termination"), post(consumer_termination))
        .route(&format!("{PREFIX}/requests"), post(ask_for))
        .route(&format!("{PREFIX}/negotiations"), get(negotiations))
        .route(&format!("{PREFIX}/negotiations/{{id}}"), get(negotiation))
        .route(&format!("{PREFIX}/negotiations/{{id}}/decision"), post(decide))
        .route(&format!("{PREFIX}/agreements"), get(agreements))
        .route(&format!("{PREFIX}/agreements/{{id}}"), get(show))
        .route(&format!("{PREFIX}/agreements/{{id}}/revoke"), post(revoke))
}

// --- For other nodes -----------------------------------------------------------------------------

async fn request(
    State(house): Node,
    Member(from): Member,
    Wire(message): Wire<Turned<ContractRequestMessage>>,
) -> Response {
    let pid = message.message.consumer_pid.clone();
    answer(house.receive_request(&from, None, message).await, Pids::consumer(pid), StatusCode::CREATED)
}

async fn counter_request(
    State(house): Node,
    Member(from): Member,
    Path(pid): Path<String>,
    Wire(message): Wire<Turned<ContractRequestMessage>>,
) -> Response {
    let pids = Pids { provider: pid.clone(), consumer: message.message.consumer_pid.clone() };
    answer(house.receive_request(&from, Some(&pid), message).await, pids, StatusCode::OK)
}

async fn offer(
    State(house): Node,
    Member(from): Member,
    Wire(message): Wire<Turned<ContractOfferMessage>>,
) -> Response {
    let pid = message.message.provider_pid.clone();
    answer(house.receive_offer(&from, None, message).await, Pids::provider(pid), StatusCode::CREATED)
}

async fn counter_offer(
    State(house): Node,
    Member(from): Member,
    Path(pid): Path<String>,
    Wire(message): Wire<Turned<ContractOfferMessage>>,
) -> Response {
    let pids = Pids { provider: message.message.provider_pid.clone(), consumer: pid.clone() };
    answer(house.receive_offer(&from, Some(&pid), message).await, pids, StatusCode::OK)
}

async fn agreement(
    State(house): Node,
    Member(from): Member,
    Path(pid): Path<String>,
    Wire(message): Wire<Turned<ContractAgreementMessage>>,
) -> Response {
    let pids = Pids { provider: message.message.provider_pid.clone(), consumer: pid.clone() };
    answer(house.receive_agreement(&from, &pid, message).await, pids, StatusCode::OK)
}

async fn verification(
    State(house): Node,
    Member(from): Member,
    Path(pid): Path<String>,
    Wire(Turned { message, turn }): Wire<Turned<ContractAgreementVerificationMessage>>,
) -> Response {
    let pids = Pids { provider: message.provider_pid, consumer: message.consumer_pid };
    hear(&house, &from, Side::Provider, pid, pids, Move::Verify, turn).await
}

async fn provider_event(
    State(house): Node,
    Member(from): Member,
    Path(pid): Path<String>,
    Wire(Turned { message, turn }): Wire<Turned<ContractNegotiationEventMessage>>,
) -> Response {
    event(&house, &from, Side::Provider, pid, message, turn).await
}

async fn consumer_event(
    State(house): Node,
    Member(from): Member,
    Path(pid): Path<String>,
    Wire(Turned { message, turn }): Wire<Turned<ContractNegotiationEventMessage>>,
) -> Response {
    event(&house, &from, Side::Consumer, pid, message, turn).await
}

async fn provider_termination(
    State(house): Node,
    Member(from): Member,
    Path(pid): Path<String>,
    Wire(Turned { message, turn }): Wire<Turned<ContractNegotiationTerminationMessage>>,
) -> Response {
    termination(&house, &from, Side::Provider, pid, message, turn).await
}

async fn consumer_termination(
    State(house): Node,
    Member(from): Member,
    Path(pid): Path<String>,
    Wire(Turned { message, turn }): Wire<Turned<ContractNegotiationTerminationMessage>>,
) -> Response {
    termination(&house, &from, Side::Consumer, pid, message, turn).await
}

async fn provider_state(State(house): Node, Member(from): Member, Path(pid): Path<String>) -> Response {
    let pids = Pids::provider(pid.clone());
    answer(house.negotiation_for(&from, Side::Provider, &pid).await, pids, StatusCode::OK)
}

async fn consumer_state(State(house): Node, Member(from): Member, Path(pid): Path<String>) -> Response {
    let pids = Pids::consumer(pid.clone());
    answer(house.negotiation_for(&from, Side::Consumer, &pid).await, pids, StatusCode::OK)
}

async fn event(
    house: &House,
    from: &crate::peers::Caller,
    side: Side,
    pid: String,
    message: ContractNegotiationEventMessage,
    turn: Option<u32>,
) -> Response {
    let own = match message.event {
        NegotiationEvent::Accepted => Move::Accept,
        NegotiationEvent::Finalized => Move::Finalize,
    };
    let pids = Pids { provider: message.provider_pid, consumer: message.consumer_pid };
    hear(house, from, side, pid, pids, own, turn).await
}

async fn termination(
    house: &House,
    from: &crate::peers::Caller,
    side: Side,
    pid: String,
    message: ContractNegotiationTerminationMessage,
    turn: Option<u32>,
) -> Response {
    let code = message.code.unwrap_or_else(|| "terminated".into());
    let own = Move::Terminate { code, reason: message.reason.0.join("\n") };
    let pids = Pids { provider: message.provider_pid, consumer: message.consumer_pid };
    hear(house, from, side, pid, pids, own, turn).await
}

/// The message's own pid for us must be the one of its address.
async fn hear(
    house: &House,
    from: &crate::peers::Caller,
    side: Side,
    pid: String,
    pids: Pids,
    own: Move,
    turn: Option<u32>,
) -> Response {
    let (ours, theirs) = match side {
        Side::Provider => (&pids.provider, &pids.consumer),
        Side::Consumer => (&pids.consumer, &pids.provider),
    };
    let outcome = if *ours == pid {
        house.receive_move(from, side, &pid, theirs, own, turn).await
    } else {
        Err(Refusal::invalid("pid-differs", "The message names another process than its address.").into())
    };
    answer(outcome, pids, StatusCode::OK)
}

/// The process identifiers as the caller named them, for the body of an error.
struct Pids {
    provider: String,
    consumer: String,
}

impl Pids {
    fn provider(provider: String) -> Self {
        Self { provider, consumer: "urn:weal:unknown".into() }
    }
    fn consumer(consumer: String) -> Self {
        Self { provider: "urn:weal:unknown".into(), consumer }
    }
}

/// The acknowledgement, or the protocol's typed error.
fn answer(outcome: Result<Negotiation>, pids: Pids, done: StatusCode) -> Response {
    match outcome {
        Ok(negotiation) => {
            let acknowledgement = ContractNegotiation {
                provider_pid: negotiation.provider_pid().unwrap_or(&pids.provider).to_owned(),
                consumer_pid: negotiation.consumer_pid().unwrap_or(&pids.consumer).to_owned(),
                state: negotiation.state,
            };
            wire(done, weal_wire::print(&acknowledgement))
        }
        Err(Error::Refused(refusal)) => {
            let status = protocol_status(&refusal);
            let error = ContractNegotiationError {
                provider_pid: pids.provider,
                consumer_pid: pids.consumer,
                reason: Reasons(vec![refusal.reason]),
                code: Some(refusal.code),
            };
            wire(status, weal_wire::print(&error))
        }
        Err(Error::Fault(fault)) => faulted(&fault),
    }
}

/// The protocol answers what a state forbids with 400.
pub(super) fn protocol_status(refusal: &Refusal) -> StatusCode {
    let status = match refusal.kind {
        weal_domain::RefusalKind::Conflict => 400,
        kind => weal_wire::problem::status_of(kind),
    };
    StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_REQUEST)
}

pub(super) fn wire(status: StatusCode, body: String) -> Response {
    (status, [(axum::http::header::CONTENT_TYPE, "application/json")], body).into_response()
}

// --- For local programs --------------------------------------------------------------------------

async fn ask_for(
    State(house): Node,
    Local(by): Local,
    Json(ask): Json<RequestAgreement>,
) -> ApiResult<Json<Requested>> {
    Ok(Json(house.request_agreement(&by, ask).await?))
}

async fn negotiations(State(house): Node, _by: Local) -> ApiResult<Json<Vec<NegotiationShown>>> {
    Ok(Json(house.negotiations().await?))
}

async fn negotiation(
    State(house): Node,
    _by: Local,
    Path(id): Path<String>,
) -> ApiResult<Json<NegotiationShown>> {
    let negotiation = house.negotiation(&id).await?;
    Ok(Json(house.show_negotiation(&negotiation).await?))
}

async fn decide(
    State(house): Node,
    Local(by): Local,
    Path(id): Path<String>,
    Json(decision): Json<Decision>,
) -> ApiResult<Json<NegotiationShown>> {
    let negotiation = house.decide_request(&by, &id, decision.approve, decision.reason).await?;
    Ok(Json(house.show_negotiation(&negotiation).await?))
}

async fn agreements(State(house): Node, _by: Local) -> ApiResult<Json<Vec<Agreement>>> {
    Ok(Json(house.agreements().await?))
}

async fn show(
    State(house): Node,
    Local(by): Local,
    Path(id): Path<String>,
) -> ApiResult<Json<AgreementShown>> {
    let id = id.parse().map_err(|_| Problem::from(agreement_unknown()))?;
    Ok(Json(house.show_agreement(&by, &id).await?))
}

async fn revoke(
    State(house): Node,
    Local(by): Local,
    Path(id): Path<String>,
    Json(revoke): Json<Revoke>,
) -> ApiResult<Json<AgreementShown>> {
    let id = id.parse().map_err(|_| Problem::from(agreement_unknown()))?;
    house.revoke(&by, &id, &revoke.reason).await?;
    Ok(Json(house.show_agreement(&by, &id).await?))
}
