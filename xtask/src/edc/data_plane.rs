//! The data plane of the connectors under test: EDC's published artifacts hold a control plane and leave the data to
//! a program that registers with it (its Data Plane Signaling API). It serves one text to whoever holds a transfer's
//! token, and hears from the consumer's connector how negotiations ended and where a transfer may be fetched.
//!
//! It can also stand in front of a connector, so that protocol and data have one origin, as behind an ingress.

use std::collections::HashMap;
use std::io::{BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::text;
use crate::http::{Connection, read_head, split_url};

/// The format under which the reference connector's users know a pull over HTTP.
pub(crate) const PULL: &str = "HttpData-PULL";
const ENDPOINT_TYPE: &str = "https://w3id.org/idsa/v4.1/HTTP";

#[derive(Debug)]
pub(crate) struct DataPlane {
    pub(crate) address: String,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    address: String,
    data: Vec<u8>,
    /// Who listens behind it.
    behind: Vec<Route>,
    counter: AtomicU64,
    state: Mutex<State>,
    moved: Condvar,
}

#[derive(Debug, Default)]
struct State {
    /// What opens each flow that we serve.
    tokens: HashMap<String, String>,
    /// Where each transfer of a consumer may be fetched, as the provider told it.
    started: HashMap<String, Line>,
    /// What the connector behind us has refused, question and answer, for whoever looks for the cause of a failure.
    refused: Vec<String>,
    /// How each negotiation ended that a connector has told us about.
    negotiations: HashMap<String, String>,
}

/// Where data is fetched, and what opens it.
#[derive(Debug, Clone)]
pub(crate) struct Line {
    pub(crate) endpoint: String,
    pub(crate) token: String,
}

/// Whoever listens behind paths that begin like this.
#[derive(Debug, Clone)]
pub(crate) struct Route {
    pub(crate) prefix: &'static str,
    pub(crate) address: String,
}

/// What a request is answered with: status, media type, body.
type Reply = (u16, String, Vec<u8>);

impl DataPlane {
    /// Listens on loopback until the program ends.
    pub(crate) fn start(data: &[u8], behind: Vec<Route>) -> Result<Self, String> {
        let listener = TcpListener::bind("127.0.0.1:0").map_err(|cause| format!("no free port: {cause}"))?;
        let address = listener.local_addr().map_err(|cause| cause.to_string())?.to_string();
        let shared = Arc::new(Shared {
            address: address.clone(),
            data: data.to_vec(),
            behind,
            counter: AtomicU64::new(0),
            state: Mutex::default(),
            moved: Condvar::new(),
        });
        let own = Arc::clone(&shared);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let shared = Arc::clone(&own);
                std::thread::spawn(move || shared.serve(stream));
            }
        });
        Ok(Self { address, shared })
    }

    /// What a connector is told to signal to.
    pub(crate) fn url(&self) -> String {
        format!("http://{}/dataflows", self.address)
    }

    /// The one origin of protocol and data, where it stands in front of a connector.
    pub(crate) fn origin(&self) -> String {
        format!("http://{}", self.address)
    }

    /// What the connector behind us has refused so far.
    pub(crate) fn refused(&self) -> String {
        self.shared.lock().refused.join("\n")
    }

    /// Waits until the provider has told the consumer where a transfer may be fetched.
    pub(crate) fn started(&self, transfer: &str, wait_max: Duration) -> Result<Line, String> {
        self.wait(wait_max, |state| state.started.remove(transfer))
            .ok_or_else(|| format!("the transfer {transfer} did not start in {} s", wait_max.as_secs()))
    }

    /// What a connector is told to report to: ends of negotiations, starts of transfers.
    pub(crate) fn events_url(&self) -> String {
        format!("http://{}/events", self.address)
    }

    /// Waits until the connector has told how a negotiation ended; whether it was finalised.
    pub(crate) fn finalized(&self, negotiation: &str, wait_max: Duration) -> Result<bool, String> {
        self.wait(wait_max, |state| state.negotiations.remove(negotiation))
            .map(|end| end == "ContractNegotiationFinalized")
            .ok_or_else(|| format!("the negotiation {negotiation} did not end in {} s", wait_max.as_secs()))
    }

    fn wait<T>(&self, wait_max: Duration, mut look: impl FnMut(&mut State) -> Option<T>) -> Option<T> {
        let deadline = Instant::now() + wait_max;
        let mut state = self.shared.lock();
        loop {
            if let Some(found) = look(&mut state) {
                return Some(found);
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return None;
            }
            let waited = self.shared.moved.wait_timeout(state, left);
            state = waited.unwrap_or_else(std::sync::PoisonError::into_inner).0;
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// Answers requests until the other side has no more.
    fn serve(&self, stream: TcpStream) {
        // Without it an answer waits for the other side's acknowledgement; with an error it only comes later.
        let _ = stream.set_nodelay(true);
        let Ok(mut out) = stream.try_clone() else { return };
        let mut input = BufReader::new(stream);
        let named = |route: &Route| (route.prefix, Connection::named(&route.address, &self.address));
        let mut behind: Vec<(&str, Connection)> = self.behind.iter().map(named).collect();
        while let Ok(head) = read_head(&mut input) {
            let Ok(body) = head.read_body(&mut input) else { return };
            let mut words = head.first.split(' ');
            let (method, path) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
            let authorization = head.field("authorization").unwrap_or_default();
            let reply = match behind.iter_mut().find(|(prefix, _)| path.starts_with(prefix)) {
                Some((_, other)) => pass_on(other, method, path, authorization, &body),
                None => self.answer(method, path, authorization, &body),
            };
            let (status, media_type, answer) = reply;
            if status >= 400 && !behind.is_empty() {
                let (asked, answered) = (String::from_utf8_lossy(&body), String::from_utf8_lossy(&answer));
                self.lock().refused.push(format!("{method} {path} {asked}\n  {status} {answered}"));
            }
            let body = answer;
            let head = format!(
                "HTTP/1.1 {status} Answer\r\ncontent-type: {media_type}\r\ncontent-length: {}\r\n\r\n",
                body.len()
            );
            if out.write_all(&[head.as_bytes(), &body].concat()).is_err() {
                return;
            }
        }
    }

    fn answer(&self, method: &str, path: &str, authorization: &str, body: &[u8]) -> Reply {
        let parts: Vec<&str> = path.trim_start_matches('/').split('/').collect();
        let message = || serde_json::from_slice::<Value>(body).unwrap_or_default();
        match (method, parts.as_slice()) {
            ("GET", ["dataflows", "check"]) => json_reply(204, &Value::Null),
            ("POST", ["dataflows", "start"]) => match text(&message(), "processId") {
                Ok(flow) => self.begin(flow),
                Err(_) => json_reply(400, &Value::Null),
            },
            ("POST", ["dataflows", flow, "suspend" | "terminate"]) => {
                self.lock().tokens.remove(*flow);
                json_reply(204, &Value::Null)
            }
            ("POST", ["events"]) => {
                self.hear(&message());
                json_reply(204, &Value::Null)
            }
            ("GET", ["data", flow]) => {
                let open = self.lock().tokens.get(*flow).is_some_and(|token| *token == authorization);
                if open { (200, "text/csv".into(), self.data.clone()) } else { json_reply(403, &Value::Null) }
            }
            _ => json_reply(404, &Value::Null),
        }
    }

    /// A provider says where its data is, and what opens it.
    fn begin(&self, flow: &str) -> Reply {
        let token = format!("{flow}-{}", self.counter.fetch_add(1, Ordering::Relaxed));
        self.lock().tokens.insert(flow.to_owned(), token.clone());
        let endpoint = format!("http://{}/data/{flow}", self.address);
        let property = |name: &str, value: &str| json!({"dspace:name": name, "dspace:value": value});
        json_reply(
            200,
            &json!({
                "@context": {"@vocab": "https://w3id.org/edc/v0.0.1/ns/", "dspace": "https://w3id.org/dspace/v0.8/"},
                "@type": "DataFlowResponseMessage",
                "provisioning": false,
                "dataAddress": {
                    "@type": "dspace:DataAddress",
                    "dspace:endpointType": ENDPOINT_TYPE,
                    "dspace:endpointProperties": [
                        property("https://w3id.org/edc/v0.0.1/ns/endpoint", &endpoint),
                        property("https://w3id.org/edc/v0.0.1/ns/authorization", &token),
                        property("https://w3id.org/edc/v0.0.1/ns/authType", "bearer"),
                    ],
                },
            }),
        )
    }

    /// What a connector reports of its own.
    fn hear(&self, event: &Value) {
        let (kind, payload) = (event["type"].as_str().unwrap_or_default(), &event["payload"]);
        let mut state = self.lock();
        if let Some(negotiation) = payload["contractNegotiationId"].as_str() {
            state.negotiations.insert(negotiation.to_owned(), kind.to_owned());
        }
        if let (Some(transfer), "TransferProcessStarted") = (payload["transferProcessId"].as_str(), kind) {
            let property = |name: &str| {
                let properties = &payload["dataAddress"]["properties"];
                let short = properties.get(name).and_then(Value::as_str);
                short.or_else(|| properties[format!("https://w3id.org/edc/v0.0.1/ns/{name}")].as_str())
            };
            let text = |name: &str| property(name).unwrap_or_default().to_owned();
            let line = Line { endpoint: text("endpoint"), token: text("authorization") };
            state.started.insert(transfer.to_owned(), line);
        }
        self.moved.notify_all();
    }
}

fn pass_on(to: &mut Connection, method: &str, path: &str, authorization: &str, body: &[u8]) -> Reply {
    let mut headers = vec![("accept", "application/json")];
    if !body.is_empty() {
        headers.push(("content-type", "application/json"));
    }
    if !authorization.is_empty() {
        headers.push(("authorization", authorization));
    }
    match to.send(method, path, &headers, body) {
        Ok(answer) => (answer.status, answer.media_type, answer.body),
        Err(cause) => (502, "text/plain".into(), cause.into_bytes()),
    }
}

fn json_reply(status: u16, body: &Value) -> Reply {
    let body = if body.is_null() { Vec::new() } else { body.to_string().into_bytes() };
    (status, "application/json".into(), body)
}

impl Line {
    /// Fetches what it opens, the way the connector's own data planes do: the token stands alone.
    pub(crate) fn fetch(&self) -> Result<Vec<u8>, String> {
        let (host, path) = split_url(&self.endpoint)?;
        let answer = Connection::to(host).get(path, &[("authorization", self.token.as_str())])?;
        if answer.is_success() {
            return Ok(answer.body);
        }
        Err(format!("GET {}: {} {}", self.endpoint, answer.status, answer.text()))
    }
}
