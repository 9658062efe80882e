//! A peer's or a program's view of a node: bytes to its doors, status and JSON back.

use reqwest::header::{AUTHORIZATION, CONTENT_TYPE};
use serde_json::Value;

/// What a door answered.
#[derive(Debug, Clone, PartialEq)]
pub struct Reply {
    pub status: u16,
    pub media_type: String,
    pub text: String,
}

impl Reply {
    /// The body as JSON; null where it is none.
    #[must_use]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or(Value::Null)
    }

    /// The code of a refusal, in a problem body or in one of the protocol's errors.
    #[must_use]
    pub fn code(&self) -> String {
        let json = self.json();
        let problem = json["type"].as_str().and_then(|kind| kind.strip_prefix("urn:weal:refusal:"));
        problem.or(json["code"].as_str()).unwrap_or_default().to_owned()
    }

    /// Fails the test unless this is a typed refusal with this status and code.
    #[track_caller]
    pub fn is_refused(&self, status: u16, code: &str) {
        assert_eq!((self.status, self.code().as_str()), (status, code), "{self:?}");
        assert!(self.media_type.contains("json"), "{self:?}");
    }
}

/// One request. `bearer` is a token without the word Bearer.
pub async fn send(
    method: reqwest::Method,
    url: &str,
    bearer: Option<&str>,
    headers: &[(&str, &str)],
    body: impl Into<reqwest::Body>,
) -> Reply {
    try_send(method, url, bearer, headers, body).await.expect("an answer")
}

/// One request to a node that may be gone.
pub async fn try_send(
    method: reqwest::Method,
    url: &str,
    bearer: Option<&str>,
    headers: &[(&str, &str)],
    body: impl Into<reqwest::Body>,
) -> Result<Reply, reqwest::Error> {
    let client = reqwest::Client::builder().no_proxy().build()?;
    let mut request = client.request(method, url).body(body);
    if !headers.iter().any(|(name, _)| name.eq_ignore_ascii_case(CONTENT_TYPE.as_str())) {
        request = request.header(CONTENT_TYPE, "application/json");
    }
    if let Some(token) = bearer {
        request = request.header(AUTHORIZATION, format!("Bearer {token}"));
    }
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let response = request.send().await?;
    let status = response.status().as_u16();
    let media_type = response.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let media_type = media_type.unwrap_or_default().to_owned();
    Ok(Reply { status, media_type, text: response.text().await? })
}

pub async fn post(url: &str, bearer: Option<&str>, body: impl Into<reqwest::Body>) -> Reply {
    send(reqwest::Method::POST, url, bearer, &[], body).await
}

pub async fn get(url: &str, bearer: Option<&str>) -> Reply {
    send(reqwest::Method::GET, url, bearer, &[], "").await
}
