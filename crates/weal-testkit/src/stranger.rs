//! A node that is none of ours: it answers as a test tells it to, and counts who comes.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use weal_domain::identity::Did;
use weal_trust::did::DidDocument;
use weal_trust::keys::NodeKey;
use weal_trust::token::Claims;

/// The most bytes of a request that are kept.
const REQUEST_BYTES_MAX: usize = 64 * 1024;

/// Listens on loopback and answers every request with one text. Dropping it closes its door.
#[derive(Debug)]
pub struct Stranger {
    pub origin: String,
    pub did: Did,
    pub key: NodeKey,
    connections: Arc<AtomicUsize>,
    answer: Arc<Mutex<String>>,
    places: Arc<Mutex<Vec<(String, String)>>>,
    listening: tokio::task::JoinHandle<()>,
}

impl Stranger {
    /// A stranger that publishes its own DID document under its own origin.
    pub async fn start(seed: u8) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port on loopback");
        let origin = format!("http://{}", listener.local_addr().expect("an address"));
        let did = weal_wire::did::did_of(&origin).expect("a did:web");
        let key = NodeKey::from_seed(&[seed; 32]);
        let connections = Arc::new(AtomicUsize::new(0));
        let answer = Arc::new(Mutex::new(document(&did, &key)));
        let places = Arc::new(Mutex::new(Vec::new()));
        let (count, text, there) = (Arc::clone(&connections), Arc::clone(&answer), Arc::clone(&places));
        let listening = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                count.fetch_add(1, Ordering::SeqCst);
                let body = text.lock().unwrap_or_else(PoisonError::into_inner).clone();
                let places = there.lock().unwrap_or_else(PoisonError::into_inner).clone();
                tokio::spawn(answer_one(stream, body, places));
            }
        });
        Self { origin, did, key, connections, answer, places, listening }
    }

    /// Answers with this text from now on, whatever is asked.
    pub fn answers(&self, text: String) {
        *self.answer.lock().unwrap_or_else(PoisonError::into_inner) = text;
    }

    /// Answers with this text where it is asked at a path that begins so.
    pub fn answers_at(&self, path: &str, text: String) {
        let mut places = self.places.lock().unwrap_or_else(PoisonError::into_inner);
        places.retain(|(known, _)| known != path);
        places.push((path.to_owned(), text));
    }

    /// How often anybody connected.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }

    /// A token in its own name.
    #[must_use]
    pub fn token(&self, audience: &Did, membership: Option<String>) -> String {
        sign(&claims(&self.did, audience, membership), &self.key)
    }
}

impl Drop for Stranger {
    fn drop(&mut self) {
        self.listening.abort();
    }
}

/// The DID document that says `key` belongs to `did`.
#[must_use]
pub fn document(did: &Did, key: &NodeKey) -> String {
    DidDocument::new(did.as_str(), &[("key-1", key.public())], Vec::new()).to_json().to_string()
}

/// What an honest node would claim right now, to be bent by a test.
#[must_use]
pub fn claims(from: &Did, to: &Did, membership: Option<String>) -> Claims {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    let iat = now_s();
    Claims {
        iss: from.to_string(),
        sub: from.to_string(),
        aud: to.to_string(),
        iat,
        exp: iat + 60,
        nbf: None,
        jti: format!("testkit-{}", NEXT.fetch_add(1, Ordering::SeqCst)),
        membership,
        token: None,
    }
}

/// Signs claims without asking whether they make sense.
#[must_use]
pub fn sign(claims: &Claims, key: &NodeKey) -> String {
    let payload = serde_json::to_vec(claims).expect("claims are JSON");
    weal_trust::jws::jws_sign(&payload, "JWT", &format!("{}#key-1", claims.iss), key)
}

/// Seconds since 1970.
#[must_use]
pub fn now_s() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.map_or(0, |since| i64::try_from(since.as_secs()).unwrap_or(i64::MAX))
}

async fn answer_one(mut stream: TcpStream, body: String, places: Vec<(String, String)>) {
    let mut request = Vec::new();
    let mut chunk = [0_u8; 4096];
    while !request.windows(4).any(|four| four == b"\r\n\r\n") && request.len() < REQUEST_BYTES_MAX {
        match stream.read(&mut chunk).await {
            Ok(read) if read > 0 => request.extend_from_slice(&chunk[..read]),
            _ => return,
        }
    }
    let line = String::from_utf8_lossy(&request).lines().next().unwrap_or_default().to_owned();
    let path = line.split(' ').nth(1).unwrap_or_default();
    let body = places.into_iter().find(|(known, _)| path.starts_with(known)).map_or(body, |(_, text)| text);
    let head = format!(
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
        body.len()
    );
    // Whoever asked may be gone; that is its own affair.
    let _ = stream.write_all(format!("{head}{body}").as_bytes()).await;
    let _ = stream.shutdown().await;
}
