//! The style sheet and the icon, at addresses that name their content.

use std::sync::Arc;

use axum::Router;
use axum::http::header;
use axum::response::IntoResponse;
use axum::routing::get;
use weal_portal::style::assets;

use crate::house::House;

pub(in crate::http) fn routes() -> Router<Arc<House>> {
    assets().into_iter().fold(Router::new(), |router, asset| {
        router.route(
            asset.path,
            get(move || async move {
                // Another content has another address, so this one may be kept for ever.
                let headers = [
                    (header::CONTENT_TYPE, asset.content_type),
                    (header::CACHE_CONTROL, "public, max-age=31536000, immutable"),
                ];
                (headers, asset.body).into_response()
            }),
        )
    })
}
