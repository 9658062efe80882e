//! Ledger: the signed head and the tree's tiles, for peers, witnesses and anyone who wants to check.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use axum::routing::get;

use super::answer::ApiResult;
use super::extract::Path;
use crate::house::House;

type Node = State<Arc<House>>;

pub(super) fn routes() -> Router<Arc<House>> {
    Router::new().route("/ledger/checkpoint", get(checkpoint)).route("/ledger/tile/{*path}", get(tile))
}

async fn checkpoint(State(house): Node) -> ApiResult<Response> {
    let headers = [(header::CONTENT_TYPE, "text/plain; charset=utf-8"), (header::CACHE_CONTROL, "no-cache")];
    Ok((headers, house.checkpoint().await?).into_response())
}

async fn tile(State(house): Node, Path(path): Path<String>) -> ApiResult<Response> {
    let bytes = house.tile(&format!("tile/{path}")).await?;
    // A full tile never changes; a partial one is addressed by its width and never changes either.
    let headers = [
        (header::CONTENT_TYPE, "application/octet-stream"),
        (header::CACHE_CONTROL, "public, max-age=31536000, immutable"),
    ];
    Ok((headers, bytes).into_response())
}
