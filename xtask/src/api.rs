//! A node's local API, over one kept connection.

use std::path::Path;

use crate::http::Connection;

#[derive(Debug)]
pub(crate) struct Api {
    authorization: String,
    connection: Connection,
}

impl Api {
    pub(crate) fn open(address: &str, token_file: &Path) -> Result<Self, String> {
        let token = crate::read(token_file)?;
        Ok(Self { authorization: format!("Bearer {}", token.trim()), connection: Connection::to(address) })
    }

    pub(crate) fn get(&mut self, path: &str) -> Result<serde_json::Value, String> {
        self.send("GET", path, "application/json", b"")
    }

    pub(crate) fn post(&mut self, path: &str, body: &serde_json::Value) -> Result<serde_json::Value, String> {
        self.send("POST", path, "application/json", body.to_string().as_bytes())
    }

    pub(crate) fn send(
        &mut self,
        method: &str,
        path: &str,
        media_type: &str,
        body: &[u8],
    ) -> Result<serde_json::Value, String> {
        let headers = [("authorization", self.authorization.as_str()), ("content-type", media_type)];
        let answer = self.connection.send(method, &format!("/api/v1{path}"), &headers, body)?;
        if answer.is_success() {
            return answer.json();
        }
        Err(format!("{method} {path}: {} {}", answer.status, answer.text()))
    }
}
