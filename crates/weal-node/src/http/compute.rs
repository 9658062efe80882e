//! Compute: questions of local programs, and the budgets that answer them.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post, put};
use serde::Deserialize;
use weal_domain::catalogue::ProductName;
use weal_domain::compute::BudgetEvent;
use weal_domain::identity::Act;
use weal_exchange::RowsFormat;
use weal_store::BUDGET_EVENTS_READ_MAX;

use super::answer::ApiResult;
use super::body::Json;
use super::extract::{Local, Path, Query};
use crate::acts::catalogue::product_unknown;
use crate::api::{Ask, BudgetShown, GrantBudget, PREFIX, TypicalFor, TypicalQuestion};
use crate::house::House;

type Node = State<Arc<House>>;

pub(super) fn routes() -> Router<Arc<House>> {
    Router::new()
        .route(&format!("{PREFIX}/budgets"), get(budgets))
        .route(&format!("{PREFIX}/budgets/events"), get(events))
        .route(&format!("{PREFIX}/products/{{name}}/typical"), get(typical))
        .route(&format!("{PREFIX}/uploads/{{id}}/typical"), post(typical_of_upload))
        .route(&format!("{PREFIX}/products/{{name}}/budget"), put(grant))
}

/// A question may take as long as its rows take to arrive.
pub(super) fn stream_routes() -> Router<Arc<House>> {
    Router::new().route(&format!("{PREFIX}/questions"), post(ask))
}

async fn grant(
    State(house): Node,
    Local(by): Local,
    Path(name): Path<String>,
    Json(grant): Json<GrantBudget>,
) -> ApiResult<Json<BudgetShown>> {
    let name = name.parse().map_err(|_| product_unknown())?;
    Ok(Json(house.grant_budget(&by, &name, grant.loss, grant.rules).await?))
}

async fn typical(
    State(house): Node,
    Local(by): Local,
    Path(name): Path<String>,
) -> ApiResult<Json<Vec<TypicalQuestion>>> {
    let name = name.parse().map_err(|_| product_unknown())?;
    Ok(Json(house.typical_of_product(&by, &name).await?))
}

async fn typical_of_upload(
    State(house): Node,
    Local(by): Local,
    Path(id): Path<String>,
    Json(wanted): Json<TypicalFor>,
) -> ApiResult<Json<Vec<TypicalQuestion>>> {
    Ok(Json(house.typical_of_upload(&by, &id, &wanted).await?))
}

#[derive(Debug, Deserialize)]
struct EventParams {
    product: Option<ProductName>,
    #[serde(default)]
    after: u64,
    limit: Option<u32>,
}

async fn events(
    State(house): Node,
    Local(by): Local,
    Query(params): Query<EventParams>,
) -> ApiResult<Json<Vec<BudgetEvent>>> {
    let limit = params.limit.unwrap_or(BUDGET_EVENTS_READ_MAX);
    Ok(Json(house.budget_events(&by, params.product.as_ref(), params.after, limit).await?))
}

async fn budgets(State(house): Node, Local(by): Local) -> ApiResult<Json<Vec<BudgetShown>>> {
    house.require_act(&by, Act::Look)?;
    Ok(Json(house.budgets().await?))
}

async fn ask(State(house): Node, Local(by): Local, Json(ask): Json<Ask>) -> ApiResult<Response> {
    let format =
        ask.format.as_deref().filter(|format| *format != "json").map(str::parse::<RowsFormat>).transpose()?;
    let asked = house.ask(&by, &ask).await?;
    match format {
        None => Ok(Json(house.answered(asked).await?).into_response()),
        Some(format) => {
            let body = house.answered_as(asked, format).await?;
            Ok(([(header::CONTENT_TYPE, format.media_type())], Body::from_stream(body)).into_response())
        }
    }
}
