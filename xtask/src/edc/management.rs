//! What a person or program asks of an EDC: its management API, version 3.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::Edc;
use crate::http::Connection;

const PROTOCOL: &str = "dataspace-protocol-http:2025-1";
const ODRL: &str = "http://www.w3.org/ns/odrl.jsonld";
const OPEN_POLICY: &str = "open";

/// One kept connection to a connector's management API.
#[derive(Debug)]
pub(crate) struct Management {
    connection: Connection,
}

/// The peer of a request: who, and the base of its protocol.
#[derive(Debug, Clone)]
pub(crate) struct Counterparty {
    pub(crate) id: String,
    pub(crate) url: String,
}

impl From<&Edc> for Counterparty {
    fn from(edc: &Edc) -> Self {
        Self { id: edc.id.clone(), url: edc.protocol_url() }
    }
}

impl Management {
    pub(crate) fn to(address: &str) -> Self {
        Self { connection: Connection::to(address) }
    }

    fn call(&mut self, method: &str, path: &str, body: &Value) -> Result<Value, String> {
        let text = if body.is_null() { String::new() } else { body.to_string() };
        let headers = [("content-type", "application/json"), ("accept", "application/json")];
        let answer =
            self.connection.send(method, &format!("/management{path}"), &headers, text.as_bytes())?;
        if answer.is_success() {
            return answer.json();
        }
        Err(format!("{method} {path}: {} {}", answer.status, answer.text()))
    }

    /// Every product is offered to everyone for any use.
    pub(crate) fn offer_all(&mut self) -> Result<(), String> {
        let policy = json!({
            "@context": context(), "@id": OPEN_POLICY, "@type": "PolicyDefinition",
            "policy": {"@context": ODRL, "@type": "Set",
                       "permission": [{"action": "use"}]},
        });
        self.call("POST", "/v3/policydefinitions", &policy)?;
        let definition = json!({
            "@context": context(), "@id": "all", "@type": "ContractDefinition",
            "accessPolicyId": OPEN_POLICY, "contractPolicyId": OPEN_POLICY, "assetsSelector": [],
        });
        self.call("POST", "/v3/contractdefinitions", &definition).map(|_| ())
    }

    /// A product. What its data is, only the data plane knows.
    pub(crate) fn add_product(&mut self, id: &str, title: &str) -> Result<(), String> {
        let asset = json!({
            "@context": context(), "@id": id, "@type": "Asset",
            "properties": {"name": title, "contenttype": "text/csv"},
            "dataAddress": {"@type": "DataAddress", "type": super::SOURCE},
        });
        self.call("POST", "/v3/assets", &asset).map(|_| ())
    }

    /// A peer's catalogue, at most `limit` datasets of it.
    pub(crate) fn catalogue(&mut self, of: &Counterparty, limit: usize) -> Result<Value, String> {
        let request = json!({
            "@context": context(), "@type": "CatalogRequest", "counterPartyId": of.id,
            "counterPartyAddress": of.url, "protocol": PROTOCOL,
            "querySpec": {"@type": "QuerySpec", "offset": 0, "limit": limit},
        });
        self.call("POST", "/v3/catalog/request", &request)
    }

    /// Asks for an agreement under an offer as it stood in [`Self::catalogue`]. Answers the negotiation's identifier.
    /// Its end is told to `tell`, where that is given.
    pub(crate) fn negotiate(
        &mut self,
        with: &Counterparty,
        dataset: &str,
        offer: &Value,
        tell: Option<&str>,
    ) -> Result<String, String> {
        let mut policy = offer.clone();
        policy["@context"] = ODRL.into();
        policy["assigner"] = with.id.as_str().into();
        policy["target"] = dataset.into();
        let mut request = json!({
            "@context": context(), "@type": "ContractRequest", "counterPartyId": with.id,
            "counterPartyAddress": with.url, "protocol": PROTOCOL, "policy": policy,
        });
        if let Some(url) = tell {
            let events = ["contract.negotiation.finalized", "contract.negotiation.terminated"];
            request["callbackAddresses"] = told_to(url, &events);
        }
        identifier(&self.call("POST", "/v3/contractnegotiations", &request)?)
    }

    /// Asks for data under an agreement. Answers the transfer's identifier; its start is told to `tell`.
    pub(crate) fn transfer(
        &mut self,
        with: &Counterparty,
        agreement: &str,
        format: &str,
        tell: &str,
    ) -> Result<String, String> {
        let request = json!({
            "@context": context(), "@type": "TransferRequest", "counterPartyId": with.id,
            "counterPartyAddress": with.url, "protocol": PROTOCOL, "contractId": agreement,
            "transferType": format, "callbackAddresses": told_to(tell, &["transfer.process.started"]),
        });
        identifier(&self.call("POST", "/v3/transferprocesses", &request)?)
    }

    /// Looks every `pause` until a negotiation is final; answers the agreement's identifier, or why there is none.
    pub(crate) fn agreement_of(
        &mut self,
        negotiation: &str,
        pause: Duration,
        wait_max: Duration,
    ) -> Result<String, String> {
        let path = format!("/v3/contractnegotiations/{negotiation}");
        let shown = self.wait_for(&path, "FINALIZED", pause, wait_max)?;
        text(&shown, "contractAgreementId").map(str::to_owned)
    }

    /// Looks until a transfer stands in `state`.
    pub(crate) fn transfer_in(
        &mut self,
        transfer: &str,
        state: &str,
        wait_max: Duration,
    ) -> Result<(), String> {
        let path = format!("/v3/transferprocesses/{transfer}");
        self.wait_for(&path, state, Duration::from_millis(50), wait_max).map(|_| ())
    }

    /// What the protocol calls an agreement that the connector holds under a name of its own.
    pub(crate) fn protocol_name(&mut self, agreement: &str) -> Result<String, String> {
        let shown = self.call("GET", &format!("/v3/contractagreements/{agreement}"), &Value::Null)?;
        text(&shown, "agreementId").map(str::to_owned)
    }

    /// Every agreement that the connector holds.
    pub(crate) fn agreements(&mut self) -> Result<Vec<Value>, String> {
        let query = json!({"@context": context(), "@type": "QuerySpec", "limit": 1_000});
        let found = self.call("POST", "/v3/contractagreements/request", &query)?;
        Ok(found.as_array().cloned().unwrap_or_default())
    }

    fn wait_for(
        &mut self,
        path: &str,
        state: &str,
        pause: Duration,
        wait_max: Duration,
    ) -> Result<Value, String> {
        let began = Instant::now();
        loop {
            let shown = self.call("GET", path, &Value::Null)?;
            let now = text(&shown, "state").unwrap_or_default();
            if now == state {
                return Ok(shown);
            }
            if now == "TERMINATED" || began.elapsed() > wait_max {
                return Err(format!("{path} is {now}, not {state}: {shown}"));
            }
            std::thread::sleep(pause);
        }
    }
}

/// Where a connector reports these events.
fn told_to(url: &str, events: &[&str]) -> Value {
    json!([{"@type": "CallbackAddress", "transactional": false, "uri": url, "events": events}])
}

fn context() -> Value {
    json!({"@vocab": "https://w3id.org/edc/v0.0.1/ns/"})
}

fn identifier(answer: &Value) -> Result<String, String> {
    text(answer, "@id").map(str::to_owned)
}

/// The text of a member, with or without its prefix.
pub(crate) fn text<'v>(node: &'v Value, name: &str) -> Result<&'v str, String> {
    let found = node.get(name).or_else(|| node.get(format!("edc:{name}")));
    found.and_then(Value::as_str).ok_or_else(|| format!("no `{name}` in {node}"))
}

/// The items of a member; JSON-LD writes a single one without its array.
pub(crate) fn items<'v>(node: &'v Value, name: &str) -> Vec<&'v Value> {
    match node.get(name) {
        None | Some(Value::Null) => Vec::new(),
        Some(Value::Array(items)) => items.iter().collect(),
        Some(single) => vec![single],
    }
}
