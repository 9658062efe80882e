//! The authority over HTTPS, with limits on how long and how much it speaks. Its address is the operator's
//! choice, so it may lie anywhere; its answers are a stranger's all the same.

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use axum::http::{Request, Response};
use bytes::Bytes;
use instant_acme::{BodyWrapper, BytesResponse, Error, HttpClient};

use super::errors::AcmeError;
use crate::config::NetworkConfig;
use crate::fault::Fault;

const REQUEST_TIME_MAX: Duration = Duration::from_secs(30);
/// The largest answer: a chain of certificates, a directory, a problem.
const ANSWER_BYTES_MAX: usize = 512 * 1024;

pub(super) fn client(network: &NetworkConfig) -> Result<Box<dyn HttpClient>, AcmeError> {
    let http = reqwest::Client::builder()
        .https_only(true)
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .tls_certs_merge(crate::tls::additional_authorities(network)?)
        .connect_timeout(Duration::from_secs(10))
        .timeout(REQUEST_TIME_MAX)
        .build()
        .map_err(|cause| Fault::new("making the HTTP client for ACME", cause))?;
    Ok(Box::new(Web(http)))
}

struct Web(reqwest::Client);

impl HttpClient for Web {
    fn request(
        &self,
        request: Request<BodyWrapper<Bytes>>,
    ) -> Pin<Box<dyn Future<Output = Result<BytesResponse, Error>> + Send>> {
        let http = self.0.clone();
        Box::pin(async move { exchange(&http, request).await.map_err(Error::Other) })
    }
}

async fn exchange(
    http: &reqwest::Client,
    request: Request<BodyWrapper<Bytes>>,
) -> Result<BytesResponse, Box<dyn std::error::Error + Send + Sync>> {
    let request = reqwest::Request::try_from(request.map(reqwest::Body::wrap))?;
    let mut answer = http.execute(request).await?;
    let mut head = Response::builder().status(answer.status());
    if let Some(headers) = head.headers_mut() {
        *headers = answer.headers().clone();
    }
    let mut body = Vec::new();
    while let Some(chunk) = answer.chunk().await? {
        if body.len() + chunk.len() > ANSWER_BYTES_MAX {
            return Err("the authority sent more than this node reads".into());
        }
        body.extend_from_slice(&chunk);
    }
    let (parts, ()) = head.body(())?.into_parts();
    Ok(BytesResponse { parts, body: Box::new(Bytes::from(body)) })
}
