//! The wallet of a reference connector: Eclipse IdentityHub, as a process beside us. It keeps its owner's key and
//! credentials, shows them to whoever brings an access token, publishes the owner's DID document, and grants the
//! connector its tokens.

use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::Assembly;
use super::runtime::Runtime;
use crate::http::Connection;
use crate::ports::free_address;

const OWNER: &str = "connector";
/// The owner's name as the wallet's paths have it.
const OWNER_BASE64: &str = "Y29ubmVjdG9y";
/// Where others ask for credentials, behind the connector's origin.
pub(crate) const CREDENTIALS: &str = "/wallet/";
const LOOK: Duration = Duration::from_millis(100);

/// Where one wallet is reached.
#[derive(Debug, Clone)]
pub(crate) struct WalletAddresses {
    pub(crate) credentials: String,
    pub(crate) documents: String,
    identity: String,
    tokens: String,
    checks: String,
    version: String,
}

#[derive(Debug)]
pub(crate) struct Wallet {
    pub(crate) addresses: WalletAddresses,
    /// What lets the owner's programs in.
    key: String,
    /// How the connector gets its tokens: the client's name, its secret.
    client: [String; 2],
    runtime: Runtime,
}

impl Wallet {
    pub(crate) fn addresses() -> Result<WalletAddresses, String> {
        Ok(WalletAddresses {
            credentials: free_address()?,
            documents: free_address()?,
            identity: free_address()?,
            tokens: free_address()?,
            checks: free_address()?,
            version: free_address()?,
        })
    }

    /// Starts the wallet of the participant whose DID was made of `origin`.
    pub(crate) fn start(
        assembly: &Assembly,
        place: &Path,
        did: &str,
        origin: &str,
        addresses: WalletAddresses,
    ) -> Result<Self, String> {
        let file = place.join("wallet-owner.txt");
        let own = [
            ("edc.iam.did.web.use.https", "false".to_owned()),
            ("edc.iam.accesstoken.jti.validation", "true".to_owned()),
            ("weal.owner.name", OWNER.to_owned()),
            ("weal.owner.did", did.to_owned()),
            ("weal.owner.credentials.url", format!("{origin}{CREDENTIALS}v1/participants/{OWNER_BASE64}")),
            ("weal.owner.file", file.display().to_string()),
        ];
        let mut set: Vec<String> = own.iter().map(|(name, value)| format!("-D{name}={value}")).collect();
        let ports = [
            ("", &addresses.checks, "/api"),
            (".version", &addresses.version, "/version"),
            (".identity", &addresses.identity, "/identity"),
            (".credentials", &addresses.credentials, "/wallet"),
            (".did", &addresses.documents, "/"),
            (".sts", &addresses.tokens, "/tokens"),
        ];
        for (context, address, path) in ports {
            let port = address.rsplit(':').next().unwrap_or_default();
            set.push(format!("-Dweb.http{context}.port={port}"));
            set.push(format!("-Dweb.http{context}.path={path}"));
        }
        let log = place.join("wallet.log");
        let runtime = Runtime::start(assembly, &set, log, || file.exists())
            .map_err(|why| format!("the connector's wallet: {why}"))?;
        let [key, client @ ..] = words(&file)?;
        Ok(Self { addresses, key, client, runtime })
    }

    /// What the connector is told, so that it gets its tokens here.
    pub(crate) fn settings(&self) -> [String; 3] {
        let [client, secret] = &self.client;
        [
            format!("-Dweal.tokens.url=http://{}/tokens/token", self.addresses.tokens),
            format!("-Dweal.tokens.client={client}"),
            format!("-Dweal.tokens.secret={secret}"),
        ]
    }

    fn call(&self, method: &str, path: &str, body: &Value) -> Result<Value, String> {
        let text = if body.is_null() { String::new() } else { body.to_string() };
        let headers = [("content-type", "application/json"), ("x-api-key", self.key.as_str())];
        let path = format!("/identity/v1alpha/participants/{OWNER_BASE64}{path}");
        let mut connection = Connection::to(&self.addresses.identity);
        let answer = connection.send(method, &path, &headers, text.as_bytes())?;
        if answer.is_success() {
            return answer.json();
        }
        Err(format!("{method} {path}: {} {}", answer.status, answer.text()))
    }

    /// Asks an issuer for a credential, over the protocol. Answers the name of the request.
    pub(crate) fn request(&self, issuer: &str, kind: &str, id: &str) -> Result<String, String> {
        let name = "request-1";
        let asked = json!({
            "issuerDid": issuer, "holderPid": name,
            "credentials": [{"format": "VC1_0_JWT", "type": kind, "id": id}],
        });
        self.call("POST", "/credentials/request", &asked)?;
        Ok(name.to_owned())
    }

    /// Waits until a request stands in one of these states.
    pub(crate) fn request_in(
        &self,
        request: &str,
        states: &[&str],
        wait_max: Duration,
    ) -> Result<(), String> {
        let began = Instant::now();
        loop {
            let shown = self.call("GET", &format!("/credentials/request/{request}"), &Value::Null)?;
            if states.iter().any(|state| shown["status"] == *state) {
                return Ok(());
            }
            if shown["status"] == "ERROR" || began.elapsed() > wait_max {
                return Err(format!("the wallet's request is not in {states:?}: {shown}"));
            }
            std::thread::sleep(LOOK);
        }
    }

    /// The credentials of one type that it holds, once there are any. What it has been given it may write after it
    /// has said so.
    pub(crate) fn credentials(&self, kind: &str, wait_max: Duration) -> Result<Vec<Value>, String> {
        let began = Instant::now();
        loop {
            let found = self.call("GET", &format!("/credentials?type={kind}"), &Value::Null)?;
            let found = found.as_array().cloned().unwrap_or_default();
            if !found.is_empty() || began.elapsed() > wait_max {
                return Ok(found);
            }
            std::thread::sleep(LOOK);
        }
    }

    /// The end of its log, for whoever looks for the cause of a failure.
    pub(crate) fn last_words(&self) -> String {
        self.runtime.last_words()
    }
}

/// What tests/conformance/edc/wallet/Owner.java has written.
fn words(file: &Path) -> Result<[String; 3], String> {
    let lines: Vec<String> = crate::read(file)?.lines().map(str::to_owned).collect();
    lines.try_into().map_err(|lines| format!("{} says {lines:?}", file.display()))
}
