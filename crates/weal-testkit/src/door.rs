//! A door that is no door of a node: where a kit says something for which its protocol has no word.

use std::future::Future;
use std::sync::Arc;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

const REQUEST_BYTES_MAX: usize = 64 * 1024;

/// Listens on a free port of loopback, until it is dropped.
#[derive(Debug)]
pub(crate) struct Door {
    pub(crate) origin: String,
    listening: tokio::task::JoinHandle<()>,
}

/// One request.
#[derive(Debug)]
pub(crate) struct Asked {
    pub(crate) path: String,
    pub(crate) authorization: Option<String>,
    pub(crate) body: Vec<u8>,
}

/// The status and the JSON text of an answer; nothing is an empty text.
pub(crate) type Answered = (u16, String);

impl Door {
    pub(crate) async fn open<F, A>(answer: F) -> Self
    where
        F: Fn(Asked) -> A + Send + Sync + 'static,
        A: Future<Output = Answered> + Send,
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port on loopback");
        let origin = format!("http://{}", listener.local_addr().expect("an address"));
        let answer = Arc::new(answer);
        let listening = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let answer = Arc::clone(&answer);
                tokio::spawn(async move { serve(stream, &*answer).await });
            }
        });
        Self { origin, listening }
    }
}

impl Drop for Door {
    fn drop(&mut self) {
        self.listening.abort();
    }
}

async fn serve<F, A>(mut stream: TcpStream, answer: &F)
where
    F: Fn(Asked) -> A,
    A: Future<Output = Answered>,
{
    let Some(asked) = read(&mut stream).await else { return };
    let (status, text) = answer(asked).await;
    let head = format!(
        "HTTP/1.1 {status} Answer\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
        text.len()
    );
    // Whoever asked may be gone; that is its own affair.
    let _ = stream.write_all(&[head.as_bytes(), text.as_bytes()].concat()).await;
    let _ = stream.shutdown().await;
}

/// One request; nothing where it cannot be read.
async fn read(stream: &mut TcpStream) -> Option<Asked> {
    let mut bytes = Vec::new();
    loop {
        let head = bytes.windows(4).position(|four| four == b"\r\n\r\n");
        if let Some(end) = head {
            let text = String::from_utf8_lossy(&bytes[..end]).into_owned();
            let path = text.split(' ').nth(1)?.to_owned();
            let field = |wanted: &str| {
                let fields = text.lines().filter_map(|line| line.split_once(':'));
                let mut named = fields.filter(|(name, _)| name.eq_ignore_ascii_case(wanted));
                named.next().map(|(_, value)| value.trim().to_owned())
            };
            let length: usize = field("content-length").and_then(|value| value.parse().ok()).unwrap_or(0);
            if bytes.len() >= end + 4 + length {
                let body = bytes[end + 4..end + 4 + length].to_vec();
                return Some(Asked { path, authorization: field("authorization"), body });
            }
        }
        let mut chunk = [0_u8; 4096];
        let read = stream.read(&mut chunk).await.ok().filter(|read| *read > 0)?;
        bytes.extend_from_slice(&chunk[..read]);
        if bytes.len() > REQUEST_BYTES_MAX {
            return None;
        }
    }
}

/// The fields of a body of type `application/x-www-form-urlencoded`.
pub(crate) fn form(body: &[u8]) -> Vec<(String, String)> {
    let address = format!("http://form.invalid/?{}", String::from_utf8_lossy(body));
    let Ok(address) = reqwest::Url::parse(&address) else { return Vec::new() };
    address.query_pairs().map(|(name, value)| (name.into_owned(), value.into_owned())).collect()
}
