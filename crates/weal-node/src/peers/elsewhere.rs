//! Addresses that stand in somebody's document: a credential service, an issuer, a status list. They may lie on
//! another host than the document itself, which is asked under the same rules as every other: within reach,
//! https (or loopback, where that is the reach), no redirect, the address pinned that was checked.

use std::time::Duration;

use weal_domain::Refusal;
use weal_domain::identity::Did;

use super::{Peers, Reply, reach, read_reply, unavailable};
use crate::config::Reach;

/// The longest address that is read from a document, in bytes.
const ADDRESS_BYTES_MAX: usize = 512;

fn not_usable() -> Refusal {
    Refusal::forbidden(
        "address-not-usable",
        "An address in the other side's document is not one that this node connects to.",
    )
    .remedy("It must be an https address without user, query or fragment, within this node's reach.")
}

impl Peers {
    /// An address from a document, checked. `rest` follows it, as `/presentations/query`.
    pub fn elsewhere(&self, given: &str, rest: &str) -> Result<url::Url, Refusal> {
        if given.len() > ADDRESS_BYTES_MAX {
            return Err(not_usable());
        }
        let url = url::Url::parse(&format!("{}{rest}", given.trim_end_matches('/')));
        let url = url.map_err(|_| not_usable())?;
        let is_loopback = match url.host() {
            Some(url::Host::Ipv4(four)) => four.is_loopback(),
            Some(url::Host::Domain(name)) => name == "localhost",
            Some(url::Host::Ipv6(_)) | None => false,
        };
        let plain = url.username().is_empty()
            && url.password().is_none()
            && url.query().is_none()
            && url.fragment().is_none();
        let scheme = match url.scheme() {
            "https" => true,
            "http" => is_loopback && self.reach == Reach::Loopback,
            _ => false,
        };
        if !plain || !scheme {
            return Err(not_usable());
        }
        reach::check_origin(&url.origin().ascii_serialization(), self.reach).map_err(|_| not_usable())?;
        Ok(url)
    }

    /// A request to a checked address, not yet sent.
    pub(crate) fn request_elsewhere(
        &self,
        method: reqwest::Method,
        url: url::Url,
    ) -> reqwest::RequestBuilder {
        self.http.request(method, url)
    }

    /// Sends it and reads an answer of at most `bytes_max` bytes, for `peer`'s sake.
    pub(crate) async fn ask_elsewhere(
        &self,
        request: reqwest::RequestBuilder,
        peer: &Did,
        bytes_max: usize,
        time_max: Duration,
    ) -> Result<(Reply, reqwest::header::HeaderMap), Refusal> {
        let response = request.timeout(time_max).send().await.map_err(|cause| {
            tracing::debug!(%peer, %cause, "an address in a document was not reached");
            unavailable(peer, "names an address that cannot be reached")
        })?;
        let headers = response.headers().clone();
        Ok((read_reply(response, peer, bytes_max).await?, headers))
    }
}
