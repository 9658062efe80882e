//! Compute: questions of local programs, and the budgets that answer them.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use weal_exchange::RowFormat;

use super::answer::ApiResult;
use super::body::Json;
use super::extract::Local;
use crate::api::{Ask, BudgetShown, PREFIX};
use crate::house::House;

type Node = State<Arc<House>>;

pub(super) fn routes() -> Router<Arc<House>> {
    Router::new().route(&format!("{PREFIX}/budgets"), get(budgets))
}

/// A question may take as long as its rows take to arrive.
pub(super) fn stream_routes() -> Router<Arc<House>> {
    Router::new().route(&format!("{PREFIX}/questions"), post(ask))
}

async fn budgets(State(house): Node, _by: Local) -> ApiResult<Json<Vec<BudgetShown>>> {
    Ok(Json(house.budgets().await?))
}

async fn ask(State(house): Node, Local(by): Local, Json(ask): Json<Ask>) -> ApiResult<Response> {
    let format =
        ask.format.as_deref().filter(|format| *format != "json").map(str::parse::<RowFormat>).transpose()?;
    let asked = house.ask(&by, &ask).await?;
    match format {
        None => Ok(Json(house.answered(asked).await?).into_response()),
        Some(format) => {
            let body = house.answered_as(asked, format).await?;
            Ok(([(header::CONTENT_TYPE, format.media_type())], Body::from_stream(body)).into_response())
        }
    }
}
