//! A node's local API, over one kept connection.

use std::path::Path;

use crate::http::Connection;

pub(super) struct Api {
    authorization: String,
    connection: Connection,
}

impl Api {
    pub(super) fn open(address: &str, folder: &Path) -> Result<Self, String> {
        let token = crate::read(&folder.join("operator.token"))?;
        Ok(Self { authorization: format!("Bearer {}", token.trim()), connection: Connection::to(address) })
    }

    pub(super) fn post(&mut self, path: &str, body: &serde_json::Value) -> Result<serde_json::Value, String> {
        self.send("POST", path, "application/json", body.to_string().as_bytes())
    }

    pub(super) fn send(
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
