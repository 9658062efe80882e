//! Exchange: the Dataspace Protocol's transfers and the data plane for peers, receipts for local programs.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use serde::Deserialize;
use weal_domain::agreements::Side;
use weal_domain::exchange::transfer::Move;
use weal_domain::exchange::{Asking, DataAddress, Transfer};
use weal_domain::identity::{Act, Role};
use weal_domain::{Mark, Refusal, RefusalKind};
use weal_exchange::RowsFormat;
use weal_wire::dsp::Turned;
use weal_wire::dsp::transfer::{
    TransferCompletionMessage, TransferError, TransferProcess, TransferRequestMessage, TransferStartMessage,
    TransferSuspensionMessage, TransferTerminationMessage, short_name,
};
use weal_wire::peer::{
    LEDGER_INDEX_HEADER, PERSON_HEADER, QuestionMessage, RECEIPT_HEADER, ROLE_HEADER, TRANSFER_HEADER,
    check_person, receipt_header,
};

use super::answer::ApiResult;
use super::body::{Json, Wire};
use super::catalogue::{CALLBACK_PATH, DSP_PATH};
use super::extract::{Local, Member, Path, Query};
use super::process::{self, Pids, wire};
use crate::acts::exchange::{ROWS_QUESTION, Using};
use crate::api::{Deed, PREFIX, TransferShown, UseShown};
use crate::fault::Result;
use crate::house::House;
use crate::peers::Caller;

/// Where released data is fetched; a transfer's pid follows.
pub const DATA_PATH: &str = "/data";
/// Uses shown where no number is asked for, and at most.
const USES_DEFAULT: u32 = 50;
const USES_MAX: u32 = 10_000;

/// The person of a receipt where the other side's connector names none.
const NOBODY_NAMED: &str = "connector";

type Node = State<Arc<House>>;

pub(super) fn routes() -> Router<Arc<House>> {
    let mut router = Router::new()
        .route(&format!("{DSP_PATH}/transfers/request"), post(request))
        .route(&format!("{PREFIX}/uses"), get(uses))
        .route(&format!("{PREFIX}/transfers"), get(transfers))
        .route(&format!("{PREFIX}/transfers/{{id}}/deed"), post(deed));
    for (base, side) in [(DSP_PATH, Side::Provider), (CALLBACK_PATH, Side::Consumer)] {
        let at = |path: &str| format!("{base}/transfers/{{pid}}{path}");
        router = router
            .route(&at(""), get(move |node, from, pid| state(node, from, pid, side)))
            .route(&at("/start"), post(move |node, from, pid, message| start(node, from, pid, message, side)))
            .route(
                &at("/completion"),
                post(move |node, from, pid, message| complete(node, from, pid, message, side)),
            )
            .route(
                &at("/suspension"),
                post(move |node, from, pid, message| suspend(node, from, pid, message, side)),
            )
            .route(
                &at("/termination"),
                post(move |node, from, pid, message| terminate(node, from, pid, message, side)),
            );
    }
    router
}

/// Streams of rows last as long as they last, and a question that is paid is answered.
pub(super) fn stream_routes() -> Router<Arc<House>> {
    Router::new()
        .route(&format!("{DATA_PATH}/{{pid}}"), get(pull))
        .route(&format!("{DATA_PATH}/{{pid}}/rows"), get(rows))
        .route(&format!("{DATA_PATH}/{{pid}}/question"), post(question))
}

// --- The protocol --------------------------------------------------------------------------------

async fn request(
    State(house): Node,
    Member(from): Member,
    Wire(message): Wire<Turned<TransferRequestMessage>>,
) -> Response {
    let pid = message.message.consumer_pid.clone();
    let outcome = house.receive_transfer_request(&from, message).await;
    answer(outcome, Pids::consumer(pid), StatusCode::CREATED)
}

async fn state(State(house): Node, Member(from): Member, Path(pid): Path<String>, side: Side) -> Response {
    let outcome = house.transfer_for(&from, side, &pid).await;
    let pids = if side == Side::Provider { Pids::provider(pid) } else { Pids::consumer(pid) };
    answer(outcome, pids, StatusCode::OK)
}

async fn start(
    State(house): Node,
    Member(from): Member,
    Path(pid): Path<String>,
    Wire(Turned { message, mark }): Wire<Turned<TransferStartMessage>>,
    side: Side,
) -> Response {
    let address = message.data_address.map(|wire| DataAddress {
        endpoint: wire.location().unwrap_or_default().to_owned(),
        endpoint_type: wire.endpoint_type,
        properties: wire
            .properties
            .into_iter()
            .map(|property| (short_name(&property.name).to_owned(), property.value))
            .collect(),
    });
    let pids = Pids { provider: message.provider_pid, consumer: message.consumer_pid };
    hear(&house, &from, side, pid, pids, Move::Start { address }, mark).await
}

async fn complete(
    State(house): Node,
    Member(from): Member,
    Path(pid): Path<String>,
    Wire(Turned { message, mark }): Wire<Turned<TransferCompletionMessage>>,
    side: Side,
) -> Response {
    let pids = Pids { provider: message.provider_pid, consumer: message.consumer_pid };
    hear(&house, &from, side, pid, pids, Move::Complete, mark).await
}

async fn suspend(
    State(house): Node,
    Member(from): Member,
    Path(pid): Path<String>,
    Wire(Turned { message, mark }): Wire<Turned<TransferSuspensionMessage>>,
    side: Side,
) -> Response {
    let (code, reason) = (message.code.unwrap_or_default(), message.reason.0.join("\n"));
    let pids = Pids { provider: message.provider_pid, consumer: message.consumer_pid };
    hear(&house, &from, side, pid, pids, Move::Suspend { code, reason }, mark).await
}

async fn terminate(
    State(house): Node,
    Member(from): Member,
    Path(pid): Path<String>,
    Wire(Turned { message, mark }): Wire<Turned<TransferTerminationMessage>>,
    side: Side,
) -> Response {
    let (code, reason) = (message.code.unwrap_or_default(), message.reason.0.join("\n"));
    let pids = Pids { provider: message.provider_pid, consumer: message.consumer_pid };
    hear(&house, &from, side, pid, pids, Move::Terminate { code, reason }, mark).await
}

async fn hear(
    house: &House,
    from: &Caller,
    side: Side,
    pid: String,
    pids: Pids,
    message: Move,
    mark: Mark,
) -> Response {
    let outcome = match pids.theirs(side, &pid) {
        Ok(theirs) => house.receive_transfer_move(from, side, &pid, theirs, message, mark).await,
        Err(refusal) => Err(refusal.into()),
    };
    answer(outcome, pids, StatusCode::OK)
}

fn answer(outcome: Result<Transfer>, pids: Pids, done: StatusCode) -> Response {
    let acknowledgement = outcome.map(|transfer| {
        weal_wire::print(&TransferProcess {
            provider_pid: transfer.provider_pid().unwrap_or(&pids.provider).to_owned(),
            consumer_pid: transfer.consumer_pid().unwrap_or(&pids.consumer).to_owned(),
            state: transfer.state,
        })
    });
    process::answer(acknowledgement, done, |code, reason| {
        let Pids { provider: provider_pid, consumer: consumer_pid } = pids;
        weal_wire::print(&TransferError { provider_pid, consumer_pid, code, reason })
    })
}

// --- The data plane ------------------------------------------------------------------------------

async fn question(
    State(house): Node,
    Member(from): Member,
    Path(pid): Path<String>,
    headers: HeaderMap,
    Wire(message): Wire<QuestionMessage>,
) -> ApiResult<Response> {
    let using =
        using(&house, &from, &pid, &headers, message.person.clone(), message.role, &message.sql).await?;
    let together = house.together(&from, using, &message).await?;
    if message.preview {
        let preview = house.preview_question(&together, &message).await?;
        return Ok(wire(StatusCode::OK, weal_wire::print(&preview)));
    }
    let answer = house.answer_question(together, message).await?;
    Ok(wire(StatusCode::OK, answer.print()))
}

#[derive(Debug, Deserialize)]
struct RowsParams {
    format: String,
}

async fn rows(
    State(house): Node,
    Member(from): Member,
    Path(pid): Path<String>,
    Query(params): Query<RowsParams>,
    headers: HeaderMap,
) -> ApiResult<Response> {
    let format: RowsFormat = params.format.parse()?;
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let person = text(PERSON_HEADER).to_owned();
    check_person(&person).map_err(Refusal::from)?;
    let role = role_named(text(ROLE_HEADER))?;
    let using = using(&house, &from, &pid, &headers, person, role, ROWS_QUESTION).await?;
    rows_in(&house, using, format).await
}

/// Rows for a connector that knows nothing of ours: the token of its transfer opens them. It names no person,
/// so it acts as an analyst whom nobody knows.
async fn pull(State(house): Node, Path(pid): Path<String>, headers: HeaderMap) -> ApiResult<Response> {
    let said = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let token = said.strip_prefix("Bearer ").unwrap_or(said);
    let transfer = house.transfer_of_bearer(&pid, token).await?;
    let asking = Asking {
        consumer: transfer.peer.clone(),
        person: NOBODY_NAMED.to_owned(),
        role: Role::Analyst,
        purpose: None,
        legal_basis: None,
    };
    let using = house.using(&transfer, asking, ROWS_QUESTION).await?;
    rows_in(&house, using, RowsFormat::Csv).await
}

async fn rows_in(house: &Arc<House>, using: Using, format: RowsFormat) -> ApiResult<Response> {
    let released = house.release_rows(using, format).await?;
    let receipt = receipt_header(&released.receipt);
    let index = released.ledger_index.to_string();
    let head = [
        (header::CONTENT_TYPE.as_str(), format.media_type()),
        (header::CACHE_CONTROL.as_str(), "no-store"),
        (RECEIPT_HEADER, receipt.as_str()),
        (LEDGER_INDEX_HEADER, index.as_str()),
    ];
    Ok((head, Body::from_stream(released.stream)).into_response())
}

async fn using(
    house: &House,
    from: &Caller,
    pid: &str,
    headers: &HeaderMap,
    person: String,
    role: Role,
    question: &str,
) -> Result<Using> {
    let token = headers.get(TRANSFER_HEADER).and_then(|value| value.to_str().ok()).ok_or_else(|| {
        Refusal::new(
            RefusalKind::Unauthenticated,
            "transfer-token-missing",
            "The transfer's token is missing.",
        )
        .remedy("Send the token of the transfer's DataAddress in the header weal-transfer.")
    })?;
    let transfer = house.transfer_of_token(from, pid, token).await?;
    let asking = Asking { consumer: from.did.clone(), person, role, purpose: None, legal_basis: None };
    house.using(&transfer, asking, question).await
}

fn role_named(name: &str) -> Result<Role, Refusal> {
    Role::ALL.into_iter().find(|role| role.as_str() == name).ok_or_else(|| {
        Refusal::invalid("role-unknown", "The header weal-role names no role.")
            .remedy("Send for example `analyst`.")
    })
}

// --- For local programs --------------------------------------------------------------------------

#[derive(Debug, Deserialize)]
struct UsesParams {
    agreement: Option<String>,
    limit: Option<u32>,
}

async fn uses(
    State(house): Node,
    Local(by): Local,
    Query(params): Query<UsesParams>,
) -> ApiResult<Json<Vec<UseShown>>> {
    house.require_act(&by, Act::Look)?;
    let agreement = params
        .agreement
        .map(|id| id.parse())
        .transpose()
        .map_err(|_| crate::acts::agreements::agreement_unknown())?;
    let limit = params.limit.unwrap_or(USES_DEFAULT).min(USES_MAX);
    Ok(Json(house.uses(&by, agreement.as_ref(), limit).await?))
}

async fn transfers(State(house): Node, _by: Local) -> ApiResult<Json<Vec<TransferShown>>> {
    Ok(Json(house.transfers().await?))
}

async fn deed(
    State(house): Node,
    Local(by): Local,
    Path(id): Path<String>,
    Json(deed): Json<Deed>,
) -> ApiResult<Json<TransferShown>> {
    Ok(Json(house.decide_transfer(&by, &id, deed).await?))
}
