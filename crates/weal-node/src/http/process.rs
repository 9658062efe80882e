//! What the doors of every process of the Dataspace Protocol have in common: whose message it is, and how it
//! is answered.

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use weal_domain::Refusal;
use weal_domain::agreements::Side;
use weal_wire::dsp::Reasons;

use super::answer::faulted;
use crate::fault::{Error, Result};

/// Stands where the protocol wants an identifier and none is known.
pub(super) const PID_UNKNOWN: &str = "urn:weal:unknown";

/// The process identifiers as the caller named them.
#[derive(Debug)]
pub(super) struct Pids {
    pub(super) provider: String,
    pub(super) consumer: String,
}

impl Pids {
    pub(super) fn provider(provider: String) -> Self {
        Self { provider, consumer: PID_UNKNOWN.into() }
    }
    pub(super) fn consumer(consumer: String) -> Self {
        Self { provider: PID_UNKNOWN.into(), consumer }
    }

    /// The caller's own, of a message to our `side`. The one for us must be that of the message's address.
    pub(super) fn theirs(&self, side: Side, address: &str) -> Result<&str, Refusal> {
        let (ours, theirs) = match side {
            Side::Provider => (&self.provider, &self.consumer),
            Side::Consumer => (&self.consumer, &self.provider),
        };
        if ours == address {
            return Ok(theirs);
        }
        Err(Refusal::invalid("pid-differs", "The message names another process than its address."))
    }
}

/// The printed acknowledgement, or the protocol's error of this code and these reasons.
pub(super) fn answer(
    acknowledgement: Result<String>,
    done: StatusCode,
    error: impl FnOnce(Option<String>, Reasons) -> String,
) -> Response {
    match acknowledgement {
        Ok(body) => wire(done, body),
        Err(Error::Refused(refusal)) => {
            let status = protocol_status(&refusal);
            wire(status, error(Some(refusal.code), Reasons(vec![refusal.reason])))
        }
        Err(Error::Fault(fault)) => faulted(&fault),
    }
}

/// The protocol answers what a state forbids with 400.
pub(super) fn protocol_status(refusal: &Refusal) -> StatusCode {
    let status = match refusal.kind {
        weal_domain::RefusalKind::Conflict => 400,
        kind => weal_wire::problem::status_of(kind),
    };
    StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_REQUEST)
}

pub(super) fn wire(status: StatusCode, body: String) -> Response {
    (status, [(axum::http::header::CONTENT_TYPE, "application/json")], body).into_response()
}
