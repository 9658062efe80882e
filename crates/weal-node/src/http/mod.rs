//! The doors, one module per room: for other nodes, and for the command line and the member's own
//! programs. The pages for people are in `pages`. A handler parses, acts and prints.

mod answer;
mod body;
mod extract;
mod operations;
pub mod pages;
mod process;
mod rates;
mod typed;

pub mod agreements;
pub mod catalogue;
pub mod claims;
pub mod compute;
pub mod exchange;
pub mod governance;
pub mod identity;
pub mod ledger;

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::{DefaultBodyLimit, MatchedPath, Request, State};
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::Response;
use tower::util::option_layer;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::compression::CompressionLayer;
use tower_http::set_header::SetResponseHeaderLayer;
use tower_http::timeout::TimeoutLayer;

use crate::house::House;
use crate::observe::Door;

pub use answer::{ApiResult, Problem};
pub use extract::{Local, Member, Session};
pub use rates::{ClientAddress, Counted, Rates};

/// How long a request may take to be answered, streams of rows excepted.
pub const REQUEST_SECONDS_MAX: u64 = 120;

/// Every route of the node.
pub fn router(house: Arc<House>) -> Router {
    let body_bytes_max = house.config.limits.body_bytes_max;
    let is_https = house.config.node.origin.starts_with("https:");
    let brief = Router::new()
        .merge(agreements::routes())
        .merge(catalogue::routes())
        .merge(claims::routes())
        .merge(compute::routes())
        .merge(exchange::routes())
        .merge(governance::routes())
        .merge(identity::routes())
        .merge(ledger::routes())
        .merge(operations::routes())
        .merge(pages::asset_routes())
        .layer(CompressionLayer::new())
        .layer(slowest())
        .layer(DefaultBodyLimit::max(body_bytes_max));
    Router::new()
        .merge(brief)
        // Uploads and streams of rows have limits of their own.
        .merge(catalogue::upload_routes())
        .merge(compute::stream_routes().layer(DefaultBodyLimit::max(body_bytes_max)))
        .merge(exchange::stream_routes().layer(DefaultBodyLimit::max(body_bytes_max)))
        // Pages are not compressed: a form's secret stands in them beside text that others chose.
        .merge(pages::routes().layer(slowest()).layer(DefaultBodyLimit::max(body_bytes_max)))
        .merge(pages::patient_routes().layer(DefaultBodyLimit::max(body_bytes_max)))
        .fallback(pages::no_such_page)
        .layer(from_fn_with_state(Arc::clone(&house), pages::paint))
        .layer(from_fn_with_state(Arc::clone(&house), watch))
        .layer(from_fn_with_state(Arc::clone(&house), rates::limit))
        .layer(CatchPanicLayer::custom(answer::panicked))
        .layer(from_fn(typed::errors))
        .layer(fixed(header::X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .layer(fixed(header::REFERRER_POLICY, "same-origin"))
        .layer(fixed(header::X_FRAME_OPTIONS, "DENY"))
        .layer(fixed(
            header::CONTENT_SECURITY_POLICY,
            "default-src 'none'; style-src 'self'; img-src 'self'; frame-ancestors 'none'; base-uri 'none'; \
             form-action 'self'",
        ))
        .layer(option_layer(is_https.then(|| fixed(header::STRICT_TRANSPORT_SECURITY, "max-age=31536000"))))
        .with_state(house)
}

fn slowest() -> TimeoutLayer {
    TimeoutLayer::with_status_code(StatusCode::SERVICE_UNAVAILABLE, Duration::from_secs(REQUEST_SECONDS_MAX))
}

fn fixed(name: HeaderName, value: &'static str) -> SetResponseHeaderLayer<HeaderValue> {
    SetResponseHeaderLayer::if_not_present(name, HeaderValue::from_static(value))
}

/// Counts and times every request under its route's pattern, and opens its span.
async fn watch(State(house): State<Arc<House>>, request: Request, next: Next) -> Response {
    use tracing::Instrument as _;
    let began = Instant::now();
    let method = method_label(request.method()).to_owned();
    let route = request.extensions().get::<MatchedPath>().map_or("(none)", MatchedPath::as_str).to_owned();
    let span = tracing::info_span!("request", %method, %route, status = tracing::field::Empty);
    let response = next.run(request).instrument(span.clone()).await;
    span.record("status", response.status().as_u16());
    house.metrics.request(Door { route, method, status: response.status().as_u16() }, began.elapsed());
    response
}

/// A label for the metrics: HTTP allows any word as a method, a time series for each does not.
fn method_label(method: &axum::http::Method) -> &'static str {
    match method.as_str() {
        "GET" => "GET",
        "POST" => "POST",
        "PUT" => "PUT",
        "HEAD" => "HEAD",
        _ => "other",
    }
}
