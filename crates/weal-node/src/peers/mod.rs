//! The other nodes: who they are, whether to believe them, and how to reach them safely.
//!
//! `PE-1`: a request goes only to the origin that the peer's own DID names; no redirect is followed and
//! no address outside the configured reach is ever connected to.

mod caller;
mod documents;
mod elsewhere;
mod identity;
mod presented;
mod reach;
mod status;
mod tokens;

use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use weal_domain::identity::Did;
use weal_domain::{Refusal, RefusalKind, Timestamp};
use weal_trust::did::DidDocument;
use weal_wire::did::Scheme;
use weal_wire::problem::Problem;

use crate::config::{NetworkConfig, Reach};
use crate::fault::Fault;
use crate::seams::ReadDocument;

pub use caller::Caller;
pub use documents::{Age, Asker, Documents, Fetched, STRANGERS_PER_MINUTE_MAX};
pub(crate) use identity::bearer_of;
pub use identity::{Identity, SignedTokens};
pub use presented::Presented;
pub use reach::{GuardedResolver, within};
pub(crate) use status::Status;
pub use status::StatusLists;
pub use tokens::TokenMemory;

/// The largest answer that is read from a peer into memory; rows stream and are not counted here.
pub const ANSWER_BYTES_MAX: usize = 32 * 1024 * 1024;
/// The time that one message and its answer may take. Shorter than the lease of a delivery.
const REQUEST_TIME_MAX: Duration = Duration::from_secs(40);
/// The time that a private question and its answer may take: longer than an owner's door holds a question, so
/// that an owner who has charged for an answer is not left while it is on its way.
pub const QUESTION_TIME_MAX: Duration = Duration::from_secs(130);
/// The time that a DID document may take: a caller is waiting meanwhile.
const DOCUMENT_TIME_MAX: Duration = Duration::from_secs(10);
/// How long an open connection to a peer waits for its next use: less than a node waits for a request.
const IDLE_TIME_MAX: Duration = Duration::from_secs(15);

/// Our side of every conversation between nodes.
#[derive(Debug)]
pub struct Peers {
    http: reqwest::Client,
    /// For questions: it bears an owner's silence for as long as computing may take.
    patient: reqwest::Client,
    reach: Reach,
    documents: Documents,
    read_document: ReadDocument,
}

/// What a peer answered: its status and its bytes.
#[derive(Debug)]
pub struct Reply {
    pub status: u16,
    pub body: Vec<u8>,
}

impl Reply {
    #[must_use]
    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }
    /// Whether the same message may succeed later: also where something between us was too slow or too early
    /// (RFC 9110, section 15.5.9; RFC 8470, section 5.2).
    #[must_use]
    pub fn is_temporary(&self) -> bool {
        matches!(self.status, 401 | 408 | 425 | 429) || self.status >= 500
    }
    /// The body as the peer's typed answer, or the peer's own refusal.
    pub fn accept<M: weal_wire::Message>(&self, peer: &Did) -> Result<M, Refusal> {
        self.check(peer)?;
        weal_wire::parse(&self.body).map_err(|_| unreadable(peer))
    }

    /// The body as text, or the peer's own refusal.
    pub fn text(&self, peer: &Did) -> Result<String, Refusal> {
        self.check(peer)?;
        String::from_utf8(self.body.clone()).map_err(|_| unreadable(peer))
    }

    /// Passes a refusal of the peer on to whoever asked us.
    pub fn check(&self, peer: &Did) -> Result<(), Refusal> {
        if self.is_success() {
            return Ok(());
        }
        match weal_wire::parse::<Problem>(&self.body) {
            Ok(Problem::Refusal(refusal)) => Err(refusal),
            Ok(Problem::Fault { id }) => {
                Err(unavailable(peer, &format!("has a fault of its own (incident {id})")))
            }
            Err(_) => Err(unavailable(peer, &format!("answered with status {}", self.status))),
        }
    }
}

fn unreadable(peer: &Did) -> Refusal {
    unavailable(peer, "answered something this node cannot read")
        .remedy("Ask its operator which version it runs.")
}

fn not_web(peer: &Did, cause: &weal_wire::WireError) -> Refusal {
    Refusal::invalid("did-not-web", format!("{peer} is not a did:web identifier this node can use: {cause}"))
}

/// The peer cannot be reached or does not answer as it should.
#[must_use]
pub fn unavailable(peer: &Did, what: &str) -> Refusal {
    Refusal::new(RefusalKind::Unavailable, "peer-unavailable", format!("{peer} {what}."))
        .remedy("Nothing was lost. Try again in a minute.")
}

/// A private question was sent, and what became of it is not known here.
#[must_use]
pub fn answer_lost(peer: &Did, what: &str) -> Refusal {
    Refusal::new(RefusalKind::Unavailable, "answer-lost", format!("{peer} was sent the question and {what}."))
        .remedy(
            "It may have been answered and charged: `weal uses` on the owner's node tells its operator. Ask \
             them, or see what is left of the budget with `weal ask --preview`, before you ask again.",
        )
        .changed_by("the owner's operator")
}

impl Peers {
    pub fn new(config: &NetworkConfig, read_document: ReadDocument) -> Result<Self, Fault> {
        // A second installation is refused and harmless: the first one stands.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let authorities = crate::tls::additional_authorities(config)
            .map_err(|cause| Fault::new("reading the authorities that are believed of peers", cause))?;
        let client = |silence_max: Duration| {
            reqwest::Client::builder()
                .tls_certs_merge(authorities.clone())
                .redirect(reqwest::redirect::Policy::none())
                .no_proxy()
                .dns_resolver(Arc::new(GuardedResolver::new(config.reach)))
                .connect_timeout(Duration::from_secs(config.peer_timeout_s.min(10)))
                .read_timeout(silence_max)
                .pool_idle_timeout(IDLE_TIME_MAX)
                .tcp_nodelay(true)
                .user_agent(concat!("weal/", env!("CARGO_PKG_VERSION")))
                .build()
                .map_err(|cause| Fault::new("making the HTTP client", cause))
        };
        let http = client(Duration::from_secs(config.peer_timeout_s))?;
        let patient = client(QUESTION_TIME_MAX)?;
        Ok(Self { http, patient, reach: config.reach, documents: Documents::default(), read_document })
    }

    /// How a DID becomes an address within this node's reach.
    #[must_use]
    pub fn scheme(&self) -> Scheme {
        match self.reach {
            Reach::Loopback => Scheme::HttpOnLoopback,
            Reach::Public | Reach::Private => Scheme::Https,
        }
    }

    /// The origin that a DID names, where this node may connect to it.
    pub fn origin(&self, peer: &Did) -> Result<String, Refusal> {
        let origin = weal_wire::did::origin_of(peer, self.scheme()).map_err(|cause| not_web(peer, &cause))?;
        reach::check_origin(&origin, self.reach)?;
        Ok(origin)
    }

    /// The peer's DID document, for an act of our own: from memory while fresh, else fetched from the
    /// origin its DID names.
    pub async fn document(&self, peer: &Did, now: Timestamp) -> Result<Arc<DidDocument>, Refusal> {
        self.document_for(peer, Asker::Ourselves, Age::Fresh, now).await
    }

    /// The document as it is published now, for an act of our own.
    pub async fn fetch_document(&self, peer: &Did, now: Timestamp) -> Result<Arc<DidDocument>, Refusal> {
        self.document_for(peer, Asker::Ourselves, Age::Now, now).await
    }

    /// The document for whoever wants it, within the bounds that this asker has.
    pub async fn document_for(
        &self,
        peer: &Did,
        asker: Asker,
        age: Age,
        now: Timestamp,
    ) -> Result<Arc<DidDocument>, Refusal> {
        // Whose address could not be asked anyway takes nobody's place.
        self.origin(peer)?;
        self.documents.get(peer, asker, age, now, || self.published_document(peer)).await
    }

    /// Whether somebody's document is at hand.
    pub(crate) fn holds_document(&self, peer: &Did, now: Timestamp) -> bool {
        self.documents.is_held(peer, now)
    }

    async fn published_document(&self, peer: &Did) -> Fetched {
        let url = weal_wire::did::document_url(peer, self.scheme()).map_err(|cause| not_web(peer, &cause))?;
        let fetched = self.exchange(self.http.get(url), peer, weal_trust::did::DOCUMENT_BYTES_MAX);
        let reply = tokio::time::timeout(DOCUMENT_TIME_MAX, fetched)
            .await
            .map_err(|_| unavailable(peer, "took too long to publish its DID document"))??;
        if !reply.is_success() {
            return Err(unavailable(peer, "does not publish its DID document"));
        }
        let document = (self.read_document)(peer.as_str(), &reply.body).map_err(|_| {
            unavailable(peer, "publishes a DID document that is not its own or cannot be read")
        })?;
        Ok(Arc::new(document))
    }

    /// A request to a peer, not yet sent. `url` must lie under the peer's own origin. `authorization` is the
    /// whole value of that header.
    pub fn request(
        &self,
        method: reqwest::Method,
        peer: &Did,
        url: &str,
        authorization: Option<&str>,
    ) -> Result<reqwest::RequestBuilder, Refusal> {
        self.request_by(&self.http, method, peer, url, authorization)
    }

    /// A private question to a peer, not yet sent, as [`Peers::request`].
    pub fn question(
        &self,
        peer: &Did,
        url: &str,
        authorization: &str,
    ) -> Result<reqwest::RequestBuilder, Refusal> {
        self.request_by(&self.patient, reqwest::Method::POST, peer, url, Some(authorization))
    }

    fn request_by(
        &self,
        client: &reqwest::Client,
        method: reqwest::Method,
        peer: &Did,
        url: &str,
        authorization: Option<&str>,
    ) -> Result<reqwest::RequestBuilder, Refusal> {
        let origin = self.origin(peer)?;
        // As it will be asked: steps upwards are taken, whoever wrote them.
        let asked = url::Url::parse(url).map(String::from).unwrap_or_default();
        let under = |url: &str| url.strip_prefix(&origin).is_some_and(|rest| rest.starts_with('/'));
        if !under(url) || !under(&asked) {
            return Err(Refusal::forbidden(
                "address-not-the-peers",
                format!(
                    "The address given for {peer} is not under its published origin, so nothing was sent."
                ),
            ));
        }
        let request = client.request(method, url);
        Ok(match authorization {
            Some(value) => request.header(reqwest::header::AUTHORIZATION, value),
            None => request,
        })
    }

    /// Sends a request and reads an answer of at most `bytes_max` bytes.
    pub async fn exchange(
        &self,
        request: reqwest::RequestBuilder,
        peer: &Did,
        bytes_max: usize,
    ) -> Result<Reply, Refusal> {
        self.exchange_whole(request, peer, bytes_max).await.map(|(_, reply)| reply)
    }

    /// As [`Peers::exchange`], with the head of the answer.
    pub async fn exchange_whole(
        &self,
        request: reqwest::RequestBuilder,
        peer: &Did,
        bytes_max: usize,
    ) -> Result<(reqwest::header::HeaderMap, Reply), Refusal> {
        // One byte now and then must not keep a delivery alive: the whole answer has its time.
        let request = request.timeout(REQUEST_TIME_MAX);
        let response = request.send().await.map_err(|cause| {
            tracing::debug!(peer = %peer, %cause, "peer not reached");
            unavailable(peer, "cannot be reached")
        })?;
        let head = response.headers().clone();
        Ok((head, read_reply(response, peer, bytes_max).await?))
    }

    /// Sends a private question made by [`Peers::question`]. Where the peer was reached and no answer came, it
    /// may have charged for one, and the refusal says so.
    pub async fn ask(&self, question: reqwest::RequestBuilder, peer: &Did) -> Result<Reply, Refusal> {
        let response = question.timeout(QUESTION_TIME_MAX).send().await.map_err(|cause| {
            tracing::debug!(peer = %peer, %cause, "no answer to a question");
            if cause.is_connect() || cause.is_builder() {
                unavailable(peer, "cannot be reached")
            } else {
                answer_lost(peer, "gave no answer")
            }
        })?;
        let reply = read_reply(response, peer, weal_wire::peer::ANSWER_BYTES_MAX).await;
        let reply = reply.map_err(|_| answer_lost(peer, "broke off its answer, or sent too much"))?;
        // Only the peer's own word says that nothing was charged; something between may have given up.
        match weal_wire::parse::<Problem>(&reply.body) {
            _ if reply.is_success() => Ok(reply),
            Ok(Problem::Fault { id }) => {
                Err(answer_lost(peer, &format!("had a fault of its own (incident {id})")))
            }
            Ok(Problem::Refusal(refusal)) if refusal.code != "peer-problem" => Ok(reply),
            _ if reply.status < 500 => Ok(reply),
            _ => Err(answer_lost(peer, &format!("the answer has status {}", reply.status))),
        }
    }

    /// A callback address that a peer gave, where it lies under the origin that the peer's DID names.
    pub fn callback(&self, peer: &Did, given: &str) -> Result<String, Refusal> {
        let origin = self.origin(peer)?;
        reach::under(&origin, given).ok_or_else(|| {
            Refusal::invalid(
                "callback-not-the-peers",
                "The callback address is not under the origin of your DID.",
            )
            .remedy("Give an address under the origin that your did:web names, with a plain path.")
        })
    }

    /// Sends a body of JSON text.
    pub async fn post_text(
        &self,
        peer: &Did,
        url: &str,
        authorization: Option<&str>,
        body: String,
    ) -> Result<Reply, Refusal> {
        let request = self
            .request(reqwest::Method::POST, peer, url, authorization)?
            .header(reqwest::header::CONTENT_TYPE, "application/json")
            .body(body);
        self.exchange(request, peer, ANSWER_BYTES_MAX).await
    }

    /// Sends JSON, reads JSON bytes back.
    pub async fn post<B: Serialize + Sync>(
        &self,
        peer: &Did,
        url: &str,
        authorization: Option<&str>,
        body: &B,
    ) -> Result<Reply, Refusal> {
        let request = self.request(reqwest::Method::POST, peer, url, authorization)?.json(body);
        self.exchange(request, peer, ANSWER_BYTES_MAX).await
    }

    pub async fn get(&self, peer: &Did, url: &str, authorization: Option<&str>) -> Result<Reply, Refusal> {
        let request = self.request(reqwest::Method::GET, peer, url, authorization)?;
        self.exchange(request, peer, ANSWER_BYTES_MAX).await
    }
}

/// Reads an answer of at most `bytes_max` bytes.
pub async fn read_reply(
    mut response: reqwest::Response,
    peer: &Did,
    bytes_max: usize,
) -> Result<Reply, Refusal> {
    let status = response.status().as_u16();
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|_| unavailable(peer, "broke off its answer"))? {
        if body.len() + chunk.len() > bytes_max {
            return Err(unavailable(peer, "sent more than this node reads in one answer"));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(Reply { status, body })
}

/// One segment of a path: an identifier of a peer must not become two segments, nor a query.
#[must_use]
pub fn segment(id: &str) -> String {
    let mut out = String::with_capacity(id.len());
    for byte in id.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'~' | b':' => out.push(char::from(byte)),
            // A dot is written out as well, so that no segment can climb.
            other => out.push_str(&format!("%{other:02X}")),
        }
    }
    out
}
