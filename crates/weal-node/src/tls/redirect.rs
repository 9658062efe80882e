//! A plain port that knows two things: where the node really is, and what an authority asked for there.

use std::sync::{Arc, PoisonError};

use axum::Router;
use axum::extract::{Path, State};
use axum::http::{Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;

use super::Tls;

/// Where an authority looks (RFC 8555, section 8.3).
const CHALLENGES: &str = "/.well-known/acme-challenge/{token}";

pub(crate) fn redirect(tls: Arc<Tls>) -> Router {
    Router::new().route(CHALLENGES, get(challenge)).fallback(elsewhere).with_state(tls)
}

async fn challenge(State(tls): State<Arc<Tls>>, Path(token): Path<String>) -> Response {
    let said = tls.certificates.said.lock().unwrap_or_else(PoisonError::into_inner);
    match said.get(&token) {
        Some(said) => ([(header::CONTENT_TYPE, "application/octet-stream")], said.clone()).into_response(),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

/// The same path at the origin. Whoever sends something here has sent it for all to read, and is told so
/// rather than helped to go on like that.
async fn elsewhere(State(tls): State<Arc<Tls>>, method: Method, uri: Uri) -> Response {
    let origin = &tls.origin;
    if method != Method::GET && method != Method::HEAD {
        let text = format!(
            "Nothing is taken here: it came unencrypted. Ask {origin} instead, with new tokens and passwords \
             if you sent any.\n"
        );
        return (StatusCode::FORBIDDEN, text).into_response();
    }
    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    let path = if path.starts_with('/') { path } else { "/" };
    (StatusCode::PERMANENT_REDIRECT, [(header::LOCATION, format!("{origin}{path}"))]).into_response()
}
