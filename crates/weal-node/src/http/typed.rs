//! The protocol's own errors, for everything refused under its addresses before or beside a handler: who is
//! nobody, too often here, or sends what cannot be read. Elsewhere refusals stay problem+json.

use axum::extract::Request;
use axum::http::{StatusCode, header};
use axum::middleware::Next;
use axum::response::Response;
use weal_domain::Refusal;
use weal_wire::dsp::Reasons;
use weal_wire::dsp::catalogue::CatalogError;
use weal_wire::dsp::negotiation::ContractNegotiationError;
use weal_wire::dsp::transfer::TransferError;

use super::catalogue::DSP_PATH;
use super::process::{PID_UNKNOWN, wire};

/// The longest identifier that an error repeats.
const PID_BYTES_MAX: usize = 512;

/// What a refusal's response says, for whoever prints it in another form. Travels beside the body.
#[derive(Debug, Clone)]
pub(super) struct Said {
    pub(super) code: String,
    pub(super) reasons: Vec<String>,
}

impl Said {
    /// Why, what helps, and who can change it: the protocol's errors have no other place for them.
    pub(super) fn of(refusal: &Refusal) -> Self {
        let changed_by = refusal.changed_by.as_ref().map(|who| format!("It can be changed by {who}."));
        let more = [refusal.remedy.clone(), changed_by].into_iter().flatten();
        let reasons = std::iter::once(refusal.reason.clone()).chain(more).collect();
        Self { code: refusal.code.clone(), reasons }
    }
}

/// The identifiers that a message named which could not be read whole.
#[derive(Debug, Clone, Default)]
pub(super) struct NamedPids {
    pub(super) provider: Option<String>,
    pub(super) consumer: Option<String>,
}

impl NamedPids {
    /// What can be made out of a message that was refused; nothing of it is believed.
    pub(super) fn of(bytes: &[u8]) -> Self {
        let value: serde_json::Value = serde_json::from_slice(bytes).unwrap_or_default();
        let named = |name: &str| {
            let pid = value.get(name).and_then(serde_json::Value::as_str)?;
            is_shown(pid).then(|| pid.to_owned())
        };
        Self { provider: named("providerPid"), consumer: named("consumerPid") }
    }
}

fn is_shown(pid: &str) -> bool {
    !pid.is_empty() && pid.len() <= PID_BYTES_MAX && !pid.contains(char::is_control)
}

/// Which of the protocol's errors an address answers with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Family {
    Catalogue,
    Negotiation,
    Transfer,
}

/// The family of an address and the process that it names.
fn place_of(path: &str) -> Option<(Family, NamedPids)> {
    let rest = path.strip_prefix(DSP_PATH)?.strip_prefix('/')?;
    let (ours_is_consumer, rest) = rest.strip_prefix("callback/").map_or((false, rest), |rest| (true, rest));
    let (family, rest) = rest.split_once('/').unwrap_or((rest, ""));
    let family = match family {
        "catalog" => Family::Catalogue,
        "negotiations" => Family::Negotiation,
        "transfers" => Family::Transfer,
        _ => return None,
    };
    let pid = rest.split('/').next().filter(|word| !["request", "offers"].contains(word));
    let pid = pid.and_then(decoded).filter(|pid| is_shown(pid));
    let named = if ours_is_consumer {
        NamedPids { provider: None, consumer: pid }
    } else {
        NamedPids { provider: pid, consumer: None }
    };
    Some((family, named))
}

/// A segment of a path without its escapes.
fn decoded(segment: &str) -> Option<String> {
    let mut bytes = segment.bytes();
    let mut out = Vec::with_capacity(segment.len());
    while let Some(byte) = bytes.next() {
        out.push(match byte {
            b'%' => {
                let digit = |byte: Option<u8>| byte.and_then(|byte| char::from(byte).to_digit(16));
                let (high, low) = (digit(bytes.next())?, digit(bytes.next())?);
                u8::try_from(high * 16 + low).ok()?
            }
            plain => plain,
        });
    }
    String::from_utf8(out).ok()
}

/// Prints what went wrong under the protocol's addresses as its typed errors.
pub(super) async fn errors(request: Request, next: Next) -> Response {
    let place = place_of(request.uri().path());
    let response = next.run(request).await;
    let status = response.status();
    let Some((family, place)) = place.filter(|_| status.is_client_error() || status.is_server_error()) else {
        return response;
    };
    let media_type = response.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    if media_type == Some("application/json") {
        return response;
    }
    let said = response.extensions().get::<Said>().cloned().unwrap_or_else(|| bare(status));
    let named = response.extensions().get::<NamedPids>().cloned().unwrap_or_default();
    let unknown = || PID_UNKNOWN.to_owned();
    let provider_pid = place.provider.or(named.provider).unwrap_or_else(unknown);
    let consumer_pid = place.consumer.or(named.consumer).unwrap_or_else(unknown);
    let (code, reason) = (Some(said.code), Reasons(said.reasons));
    let body = match family {
        Family::Catalogue => weal_wire::print(&CatalogError { code, reason }),
        Family::Negotiation => {
            weal_wire::print(&ContractNegotiationError { provider_pid, consumer_pid, code, reason })
        }
        Family::Transfer => weal_wire::print(&TransferError { provider_pid, consumer_pid, code, reason }),
    };
    wire(status, body)
}

/// What has no words of its own: an unknown address or method, an answer that took too long.
fn bare(status: StatusCode) -> Said {
    let (code, reason) = match status {
        StatusCode::NOT_FOUND => ("no-such-page", "There is nothing at this address."),
        StatusCode::METHOD_NOT_ALLOWED => {
            ("method-not-allowed", "This address is not asked with this method.")
        }
        StatusCode::SERVICE_UNAVAILABLE => ("too-slow", "This node could not answer in time."),
        _ => ("refused", "This node does not answer this."),
    };
    Said { code: code.into(), reasons: vec![reason.to_owned()] }
}
