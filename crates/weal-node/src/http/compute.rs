//! Compute: questions of local programs, and the budgets that answer them.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post, put};
use weal_domain::identity::Act;
use weal_exchange::RowsFormat;

use super::answer::ApiResult;
use super::body::Json;
use super::extract::{Local, Path};
use crate::acts::catalogue::product_unknown;
use crate::api::{Ask, BudgetShown, GrantBudget, PREFIX};
use crate::house::House;

type Node = State<Arc<House>>;

pub(super) fn routes() -> Router<Arc<House>> {
    Router::new()
        .route(&format!("{PREFIX}/budgets"), get(budgets))
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
    Ok(Json(house.grant_budget(&by, &name, grant.loss).await?))
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
