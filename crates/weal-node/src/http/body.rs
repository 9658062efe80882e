//! Bodies that come in: protocol messages read with their own limits, and JSON of local programs.

use std::time::Duration;

use axum::Extension;
use axum::body::Bytes;
use axum::extract::{FromRequest, Request};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::de::DeserializeOwned;
use weal_domain::{Refusal, RefusalKind};

use super::answer::Problem;
use super::typed::NamedPids;

/// A message of a protocol, by its own reader.
#[derive(Debug)]
pub(super) struct Wire<M>(pub M);

/// Why a message was not read, and which process it was about as far as it could be made out.
#[derive(Debug)]
pub(super) struct Unread(Problem, NamedPids);

impl IntoResponse for Unread {
    fn into_response(self) -> Response {
        (Extension(self.1), self.0).into_response()
    }
}

impl<S: Send + Sync, M: weal_wire::Message> FromRequest<S> for Wire<M> {
    type Rejection = Unread;
    async fn from_request(request: Request, state: &S) -> Result<Self, Unread> {
        let bytes = read(request, state).await.map_err(|cause| Unread(cause, NamedPids::default()))?;
        let read = weal_wire::parse(&bytes);
        Ok(Self(read.map_err(|cause| Unread(Refusal::from(cause).into(), NamedPids::of(&bytes)))?))
    }
}

/// A signed paper, as text.
#[derive(Debug)]
pub(super) struct Paper(pub String);

impl<S: Send + Sync> FromRequest<S> for Paper {
    type Rejection = Problem;
    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let bytes = read(request, state).await?;
        let text = String::from_utf8(bytes.into()).map_err(|_| {
            Refusal::invalid("paper-not-text", "A signed paper is text, and this is not.")
                .remedy("Send the JWT as it was issued.")
        });
        Ok(Self(text?))
    }
}

/// JSON of a local program, with an error that says where it is wrong.
#[derive(Debug)]
pub(super) struct Json<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Json<T> {
    type Rejection = Problem;
    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let bytes = read(request, state).await?;
        let parsed = serde_json::from_slice(&bytes).map_err(|cause| {
            // Serde names our own fields; it may quote a value, which is the caller's own.
            Refusal::invalid("json-wrong", format!("The request's JSON is not as it should be: {cause}."))
                .remedy("See the API reference for the fields of this address.")
        });
        Ok(Self(parsed?))
    }
}

impl<T: serde::Serialize> IntoResponse for Json<T> {
    fn into_response(self) -> Response {
        match serde_json::to_vec(&self.0) {
            Ok(body) => {
                ([(header::CONTENT_TYPE, "application/json"), (header::CACHE_CONTROL, "no-store")], body)
                    .into_response()
            }
            Err(cause) => super::answer::faulted(&crate::fault::Fault::new("printing JSON", cause)),
        }
    }
}

/// How long a body of at most a few megabytes may take to arrive.
pub(super) const BODY_TIME_MAX: Duration = Duration::from_secs(60);

async fn read<S: Send + Sync>(request: Request, state: &S) -> Result<Bytes, Problem> {
    let arriving = tokio::time::timeout(BODY_TIME_MAX, Bytes::from_request(request, state)).await;
    let arrived = arriving.map_err(|_| {
        Refusal::invalid("body-slow", "The request's body took too long to arrive.").remedy("Send it again.")
    })?;
    arrived.map_err(|cause| {
        let refusal = if cause.status() == StatusCode::PAYLOAD_TOO_LARGE {
            Refusal::new(
                RefusalKind::TooLarge,
                "body-too-large",
                "The request's body is larger than this node reads.",
            )
            .remedy("Send less at once; the operator can raise [limits] body_bytes_max.")
        } else {
            Refusal::invalid("body-broken", "The request's body broke off before its end.")
                .remedy("Send it again.")
        };
        refusal.into()
    })
}
