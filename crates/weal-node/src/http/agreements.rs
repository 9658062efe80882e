//! Agreements: the Dataspace Protocol's negotiation for peers, requests and decisions for local programs.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use axum::routing::{get, post};
use weal_domain::Mark;
use weal_domain::agreements::negotiation::Move;
use weal_domain::agreements::{Agreement, Negotiation, Side};
use weal_wire::dsp::Turned;
use weal_wire::dsp::negotiation::{
    ContractAgreementMessage, ContractAgreementVerificationMessage, ContractNegotiation,
    ContractNegotiationError, ContractNegotiationEventMessage, ContractNegotiationTerminationMessage,
    ContractOfferMessage, ContractRequestMessage, NegotiationEvent,
};
use weal_wire::peer::{REVOCATION_PATH, RevocationMessage};

use super::answer::{ApiResult, Problem};
use super::body::{Json, Wire};
use super::catalogue::{CALLBACK_PATH, DSP_PATH};
use super::extract::{Local, Member, Path, bearer};
use super::process::{self, Pids};
use crate::acts::agreements::agreement_unknown;
use crate::api::{
    AgreementShown, Decision, NegotiationShown, PREFIX, Propose, RequestAgreement, Requested, Revoke, Say,
};
use crate::fault::Result;
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
        .route(REVOCATION_PATH, post(revoked))
        .route(&format!("{PREFIX}/requests"), post(ask_for))
        .route(&format!("{PREFIX}/negotiations"), get(negotiations).post(propose))
        .route(&format!("{PREFIX}/negotiations/{{id}}"), get(negotiation))
        .route(&format!("{PREFIX}/negotiations/{{id}}/decision"), post(decide))
        .route(&format!("{PREFIX}/negotiations/{{id}}/say"), post(say))
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
    answer(Box::pin(house.receive_agreement(&from, &pid, message)).await, pids, StatusCode::OK)
}

async fn verification(
    State(house): Node,
    Member(from): Member,
    Path(pid): Path<String>,
    Wire(Turned { message, mark }): Wire<Turned<ContractAgreementVerificationMessage>>,
) -> Response {
    let pids = Pids { provider: message.provider_pid, consumer: message.consumer_pid };
    hear(&house, &from, Side::Provider, pid, pids, Move::Verify, mark).await
}

async fn provider_event(
    State(house): Node,
    Member(from): Member,
    Path(pid): Path<String>,
    Wire(Turned { message, mark }): Wire<Turned<ContractNegotiationEventMessage>>,
) -> Response {
    event(&house, &from, Side::Provider, pid, message, mark).await
}

async fn consumer_event(
    State(house): Node,
    Member(from): Member,
    Path(pid): Path<String>,
    Wire(Turned { message, mark }): Wire<Turned<ContractNegotiationEventMessage>>,
) -> Response {
    event(&house, &from, Side::Consumer, pid, message, mark).await
}

async fn provider_termination(
    State(house): Node,
    Member(from): Member,
    Path(pid): Path<String>,
    Wire(Turned { message, mark }): Wire<Turned<ContractNegotiationTerminationMessage>>,
) -> Response {
    termination(&house, &from, Side::Provider, pid, message, mark).await
}

async fn consumer_termination(
    State(house): Node,
    Member(from): Member,
    Path(pid): Path<String>,
    Wire(Turned { message, mark }): Wire<Turned<ContractNegotiationTerminationMessage>>,
) -> Response {
    termination(&house, &from, Side::Consumer, pid, message, mark).await
}

async fn provider_state(State(house): Node, Member(from): Member, Path(pid): Path<String>) -> Response {
    let pids = Pids::provider(pid.clone());
    answer(house.negotiation_for(&from, Side::Provider, &pid).await, pids, StatusCode::OK)
}

async fn consumer_state(State(house): Node, Member(from): Member, Path(pid): Path<String>) -> Response {
    let pids = Pids::consumer(pid.clone());
    answer(house.negotiation_for(&from, Side::Consumer, &pid).await, pids, StatusCode::OK)
}

/// The sender proves its key; whether it is the agreement's other party is the act's question.
async fn revoked(
    State(house): Node,
    headers: HeaderMap,
    Wire(message): Wire<RevocationMessage>,
) -> ApiResult<StatusCode> {
    let from = house.authenticate_known(bearer(&headers)?).await?;
    house.receive_revocation(&from, message).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn event(
    house: &House,
    from: &crate::peers::Caller,
    side: Side,
    pid: String,
    message: ContractNegotiationEventMessage,
    mark: Mark,
) -> Response {
    let own = match message.event {
        NegotiationEvent::Accepted => Move::Accept,
        NegotiationEvent::Finalized => Move::Finalize,
    };
    let pids = Pids { provider: message.provider_pid, consumer: message.consumer_pid };
    hear(house, from, side, pid, pids, own, mark).await
}

async fn termination(
    house: &House,
    from: &crate::peers::Caller,
    side: Side,
    pid: String,
    message: ContractNegotiationTerminationMessage,
    mark: Mark,
) -> Response {
    let code = message.code.unwrap_or_else(|| "terminated".into());
    let own = Move::Terminate { code, reason: message.reason.0.join("\n") };
    let pids = Pids { provider: message.provider_pid, consumer: message.consumer_pid };
    hear(house, from, side, pid, pids, own, mark).await
}

async fn hear(
    house: &House,
    from: &crate::peers::Caller,
    side: Side,
    pid: String,
    pids: Pids,
    own: Move,
    mark: Mark,
) -> Response {
    let outcome = match pids.theirs(side, &pid) {
        Ok(theirs) => house.receive_move(from, side, &pid, theirs, own, mark).await,
        Err(refusal) => Err(refusal.into()),
    };
    answer(outcome, pids, StatusCode::OK)
}

/// The acknowledgement, or the protocol's typed error.
fn answer(outcome: Result<Negotiation>, pids: Pids, done: StatusCode) -> Response {
    let acknowledgement = outcome.map(|negotiation| {
        weal_wire::print(&ContractNegotiation {
            provider_pid: negotiation.provider_pid().unwrap_or(&pids.provider).to_owned(),
            consumer_pid: negotiation.consumer_pid().unwrap_or(&pids.consumer).to_owned(),
            state: negotiation.state,
        })
    });
    process::answer(acknowledgement, done, |code, reason| {
        let Pids { provider: provider_pid, consumer: consumer_pid } = pids;
        weal_wire::print(&ContractNegotiationError { provider_pid, consumer_pid, code, reason })
    })
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

async fn propose(
    State(house): Node,
    Local(by): Local,
    Json(propose): Json<Propose>,
) -> ApiResult<Json<NegotiationShown>> {
    let negotiation = house.propose(&by, propose).await?;
    Ok(Json(house.show_negotiation(&negotiation).await?))
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

async fn say(
    State(house): Node,
    Local(by): Local,
    Path(id): Path<String>,
    Json(say): Json<Say>,
) -> ApiResult<Json<NegotiationShown>> {
    let negotiation = match say {
        Say::Accept => house.accept_offer(&by, &id).await?,
        Say::Offer { offer } => house.offer_instead(&by, &id, &offer).await?,
        Say::End { reason } => house.end_negotiation(&by, &id, &reason).await?,
        Say::Retry => house.retry_negotiation(&by, &id).await?,
    };
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
