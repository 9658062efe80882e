//! From an act's outcome to a response: refusals as problem+json, faults as an opaque id.

use axum::Extension;
use axum::body::Body;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use weal_domain::Refusal;

use super::typed::Said;
use crate::fault::{Error, Fault};

/// An error on its way to the caller.
#[derive(Debug)]
pub struct Problem(pub Error);

pub type ApiResult<T> = Result<T, Problem>;

impl<E: Into<Error>> From<E> for Problem {
    fn from(cause: E) -> Self {
        Self(cause.into())
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        match self.0 {
            Error::Refused(refusal) => refused(&refusal),
            Error::Fault(fault) => faulted(&fault),
        }
    }
}

/// RFC 9457 for a refusal.
pub(super) fn refused(refusal: &Refusal) -> Response {
    problem(&weal_wire::problem::Problem::Refusal(refusal.clone()), Said::of(refusal))
}

/// An incident: logged here, once, under the id that the caller is given.
pub(super) fn faulted(fault: &Fault) -> Response {
    let id = log_fault(fault);
    let reasons = vec![format!("Something went wrong in this node; its log has more under {id}.")];
    problem(&weal_wire::problem::Problem::Fault { id }, Said { code: "fault".into(), reasons })
}

/// Logs a fault under a fresh opaque id and returns the id.
pub(super) fn log_fault(fault: &Fault) -> String {
    let mut bytes = [0_u8; 8];
    // Without entropy the id is all zeros: less useful, still answered.
    let _ = getrandom::fill(&mut bytes);
    let id: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    crate::observe::count_fault();
    tracing::error!(incident = %id, doing = fault.doing, cause = %fault.cause, "fault");
    id
}

fn problem(body: &weal_wire::problem::Problem, said: Said) -> Response {
    let status = StatusCode::from_u16(body.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers =
        [(header::CONTENT_TYPE, weal_wire::problem::MEDIA_TYPE), (header::CACHE_CONTROL, "no-store")];
    (status, headers, Extension(said), weal_wire::print(body)).into_response()
}

/// A panic in a handler is a fault like any other: one request fails, the node goes on.
pub(super) fn panicked(cause: Box<dyn std::any::Any + Send + 'static>) -> axum::http::Response<Body> {
    let text = cause
        .downcast_ref::<String>()
        .cloned()
        .or_else(|| cause.downcast_ref::<&str>().map(|text| (*text).to_owned()))
        .unwrap_or_else(|| "unknown panic".to_owned());
    faulted(&Fault::new("handling a request", text))
}
