//! For those who run the node: is it alive, is it ready, how does it do.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::header;
use axum::response::IntoResponse;
use axum::routing::get;
use weal_domain::identity::Act;

use super::answer::ApiResult;
use super::extract::Local;
use crate::fault::{Fault, Result};
use crate::house::House;

pub(super) fn routes() -> Router<Arc<House>> {
    Router::new().route("/healthz", get(alive)).route("/readyz", get(ready)).route("/metrics", get(metrics))
}

/// The process answers.
async fn alive() -> &'static str {
    "ok\n"
}

/// The store answers too.
async fn ready(State(house): State<Arc<House>>) -> ApiResult<&'static str> {
    probe(&house).await?;
    Ok("ready\n")
}

async fn probe(house: &House) -> Result<()> {
    let mut tx = house.store.read("ready").await.map_err(|cause| Fault::new("reading the store", cause))?;
    tx.ledger_size().await.map_err(|cause| Fault::new("reading the ledger", cause))?;
    Ok(())
}

/// Prometheus text; it names products' figures of use, so it asks for a token of an operator.
async fn metrics(State(house): State<Arc<House>>, Local(by): Local) -> ApiResult<impl IntoResponse> {
    house.require_act(&by, Act::Operate)?;
    let kind = [(header::CONTENT_TYPE, "application/openmetrics-text; version=1.0.0; charset=utf-8")];
    Ok((kind, house.metrics.text()))
}
