//! Just enough HTTP/1.1 to speak to a node on loopback without the time that a client library takes to start.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;

/// One kept connection to a node's local API.
pub(super) struct Api {
    address: String,
    token: String,
    stream: BufReader<TcpStream>,
}

impl Api {
    pub(super) fn open(address: &str, folder: &Path) -> Result<Self, String> {
        let token = crate::read(&folder.join("operator.token"))?.trim().to_owned();
        let stream = TcpStream::connect(address).map_err(|cause| format!("{address}: {cause}"))?;
        stream.set_nodelay(true).map_err(|cause| cause.to_string())?;
        Ok(Self { address: address.to_owned(), token, stream: BufReader::new(stream) })
    }

    pub(super) fn post(&mut self, path: &str, body: &serde_json::Value) -> Result<serde_json::Value, String> {
        self.send("POST", path, body.to_string().as_bytes())
    }

    fn send(&mut self, method: &str, path: &str, body: &[u8]) -> Result<serde_json::Value, String> {
        let head = format!(
            "{method} /api/v1{path} HTTP/1.1\r\nhost: {}\r\nauthorization: Bearer {}\r\n\
             content-type: application/json\r\ncontent-length: {}\r\n\r\n",
            self.address,
            self.token,
            body.len()
        );
        let stream = self.stream.get_mut();
        stream.write_all(&[head.as_bytes(), body].concat()).map_err(|cause| format!("{path}: {cause}"))?;
        let (status, bytes) = self.answer().map_err(|cause| format!("{path}: {cause}"))?;
        if !(200..300).contains(&status) {
            return Err(format!("{method} {path}: {status} {}", String::from_utf8_lossy(&bytes)));
        }
        if bytes.is_empty() {
            return Ok(serde_json::Value::Null);
        }
        serde_json::from_slice(&bytes).map_err(|cause| format!("{path}: {cause}"))
    }

    fn answer(&mut self) -> std::io::Result<(u16, Vec<u8>)> {
        let status = self.line()?.split(' ').nth(1).and_then(|code| code.parse().ok()).unwrap_or(0);
        let (mut length, mut chunked) = (0, false);
        loop {
            let line = self.line()?.to_ascii_lowercase();
            match line.split_once(':') {
                None => break,
                Some(("content-length", value)) => length = value.trim().parse().unwrap_or(0),
                Some(("transfer-encoding", value)) => chunked = value.contains("chunked"),
                Some(_) => {}
            }
        }
        if !chunked {
            return Ok((status, self.bytes(length)?));
        }
        let mut all = Vec::new();
        loop {
            let size = usize::from_str_radix(&self.line()?, 16).unwrap_or(0);
            all.extend(self.bytes(size)?);
            self.line()?;
            if size == 0 {
                return Ok((status, all));
            }
        }
    }

    fn line(&mut self) -> std::io::Result<String> {
        let mut line = String::new();
        self.stream.read_line(&mut line)?;
        Ok(line.trim_end().to_owned())
    }

    fn bytes(&mut self, length: usize) -> std::io::Result<Vec<u8>> {
        let mut bytes = vec![0; length];
        self.stream.read_exact(&mut bytes)?;
        Ok(bytes)
    }
}
