//! The client of a node's local API: what the node answers, and its refusals as they stand.

mod known;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::Path;
use std::time::Duration;

use reqwest::{Method, RequestBuilder, Response, StatusCode, header};
use serde::Serialize;
use serde::de::DeserializeOwned;
use weal_domain::{Refusal, RefusalKind};
use weal_node::api;
use weal_node::config::Folder;
use weal_wire::problem::Problem;

use crate::failure::{Doing as _, Failure, Result};

/// How long the node may take to take a connection. It stands on this machine.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// The largest answer that is not streamed.
const ANSWER_BYTES_MAX: usize = 256 * 1024 * 1024;

/// Speaks for the operator of one node.
#[derive(Clone)]
pub struct Client {
    http: reqwest::Client,
    origin: String,
    token: String,
}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Client").field("origin", &self.origin).finish_non_exhaustive()
    }
}

impl Client {
    /// Reads the operator's token from the node's folder. A node that speaks TLS is known by the
    /// certificate that it keeps in there.
    pub fn open(folder: &Folder, listen: SocketAddr, tls: bool) -> Result<Self> {
        let path = folder.operator_token();
        let token = std::fs::read_to_string(&path)
            .map_err(|cause| Failure::Configuration(format!("cannot read {}: {cause}", path.display())))?;
        let mut http = reqwest::Client::builder().connect_timeout(CONNECT_TIMEOUT).no_proxy();
        if tls {
            http = http.tls_backend_preconfigured(known::only_the_node_in(folder)?);
        }
        let http = http.build().doing("cannot make an HTTP client")?;
        let scheme = if tls { "https" } else { "http" };
        let origin = format!("{scheme}://{}", reachable(listen));
        Ok(Self { http, origin, token: token.trim().to_owned() })
    }

    #[must_use]
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// Whether the node answers and its store does too.
    pub async fn is_ready(&self) -> bool {
        let request = self.http.get(format!("{}/readyz", self.origin)).timeout(CONNECT_TIMEOUT);
        request.send().await.is_ok_and(|response| response.status().is_success())
    }

    /// `doing` is what a refusal says was refused: `asking the question`.
    pub async fn get<T: DeserializeOwned>(&self, path: &str, doing: &str) -> Result<T> {
        self.read(self.send(self.request(Method::GET, path), doing).await?).await
    }

    pub async fn get_text(&self, path: &str, doing: &str) -> Result<String> {
        let response = self.send(self.request(Method::GET, path), doing).await?;
        String::from_utf8(self.bytes(response).await?).doing("the node's answer is not text")
    }

    pub async fn post<T: DeserializeOwned>(
        &self,
        path: &str,
        body: &impl Serialize,
        doing: &str,
    ) -> Result<T> {
        self.read(self.post_raw(path, body, doing).await?).await
    }

    pub async fn put<T: DeserializeOwned>(
        &self,
        path: &str,
        body: &impl Serialize,
        doing: &str,
    ) -> Result<T> {
        self.read(self.send(self.request(Method::PUT, path).json(body), doing).await?).await
    }

    /// Where nothing is answered but that it was done.
    pub async fn put_quietly(&self, path: &str, body: &impl Serialize, doing: &str) -> Result<()> {
        self.send(self.request(Method::PUT, path).json(body), doing).await.map(drop)
    }

    pub async fn delete(&self, path: &str, doing: &str) -> Result<()> {
        self.send(self.request(Method::DELETE, path), doing).await.map(drop)
    }

    /// For answers that may be a stream of bytes.
    pub async fn post_raw(&self, path: &str, body: &impl Serialize, doing: &str) -> Result<Response> {
        self.send(self.request(Method::POST, path).json(body), doing).await
    }

    /// Sends bytes as they come; the node takes them without a limit on time.
    pub async fn put_stream(&self, path: &str, body: reqwest::Body, doing: &str) -> Result<()> {
        let request =
            self.request(Method::PUT, path).header(header::CONTENT_TYPE, "application/octet-stream");
        self.send(request.body(body), doing).await.map(drop)
    }

    /// Sends a document that the node reads whole.
    pub async fn put_bytes<T: DeserializeOwned>(
        &self,
        path: &str,
        media_type: &'static str,
        bytes: Vec<u8>,
        doing: &str,
    ) -> Result<T> {
        let request = self.request(Method::PUT, path).header(header::CONTENT_TYPE, media_type);
        self.read(self.send(request.body(bytes), doing).await?).await
    }

    /// Reads a response as JSON.
    pub async fn read<T: DeserializeOwned>(&self, response: Response) -> Result<T> {
        let bytes = self.bytes(response).await?;
        serde_json::from_slice(&bytes)
            .doing("the node's answer is not what this version of weal expects; are both the same version?")
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.http.request(method, format!("{}{}{path}", self.origin, api::PREFIX)).bearer_auth(&self.token)
    }

    async fn send(&self, request: RequestBuilder, doing: &str) -> Result<Response> {
        let response = request.send().await.map_err(|cause| self.unreachable(&cause))?;
        if response.status().is_success() {
            return Ok(response);
        }
        let status = response.status();
        let body = self.bytes(response).await?;
        Err(refused(status, &body, doing))
    }

    async fn bytes(&self, mut response: Response) -> Result<Vec<u8>> {
        let mut all = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|cause| self.unreachable(&cause))? {
            if all.len() + chunk.len() > ANSWER_BYTES_MAX {
                let next = "ask for csv or parquet with --out FILE, which are streamed";
                return Err(Failure::failed("the answer is too large to be shown").next(next));
            }
            all.extend_from_slice(&chunk);
        }
        Ok(all)
    }

    fn unreachable(&self, cause: &reqwest::Error) -> Failure {
        // The innermost cause says what a person can act on: "Connection refused".
        let mut innermost: &dyn std::error::Error = cause;
        while let Some(source) = innermost.source() {
            innermost = source;
        }
        Failure::Unreachable { address: self.origin.clone(), cause: innermost.to_string() }
    }
}

/// A node that listens on all addresses is reached on loopback.
fn reachable(listen: SocketAddr) -> SocketAddr {
    let ip = match listen.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
        ip => ip,
    };
    SocketAddr::new(ip, listen.port())
}

fn refused(status: StatusCode, body: &[u8], doing: &str) -> Failure {
    match weal_wire::parse::<Problem>(body) {
        Ok(Problem::Refusal(refusal)) => Failure::refused(doing, refusal),
        Ok(Problem::Fault { id }) => Failure::failed(format!("{doing}: something went wrong in the node"))
            .next(format!("look for incident {id} in the node's log")),
        Err(_) if status == StatusCode::UNAUTHORIZED => Failure::refused(
            doing,
            Refusal::new(RefusalKind::Unauthenticated, "unauthenticated", "The node does not know us.")
                .remedy("Is --node the folder of the node that runs on this address?"),
        ),
        Err(_) => Failure::failed(format!("{doing}: the node answered {status} and no reason")),
    }
}

/// A part of a path, percent-encoded.
#[must_use]
pub fn segment(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'~') {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

/// The name under which a file is uploaded.
#[must_use]
pub fn file_name(path: &Path) -> String {
    path.file_name().map_or_else(|| "file".to_owned(), |name| name.to_string_lossy().into_owned())
}
