//! What both sides do with each other, one direction after the other, and what must hold after each step. Our side is
//! driven over its own local API, the other over its management API.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::node::Node;
use super::said;
use crate::api::Api;
use crate::edc::{Counterparty, DataPlane, Edc, PULL, items, text};
use crate::http::{Connection, split_url};

/// What our node has, and what the connector has.
const OURS: &str = "district,inhabitants\nnorth,1200\nsouth,3400\n";
pub(super) const THEIRS: &str = "station,degrees\nharbour,17\nairport,21\n";
/// Their datasets are not named as ours are.
const THEIR_DATASET: &str = "urn:example:weather";
const PURPOSE: &str = "https://w3id.org/dpv#FraudPreventionAndDetection";
const LEGAL_BASIS: &str = "https://w3id.org/dpv/legal/eu/gdpr#A6-1-e";
pub(super) const WAIT_MAX: Duration = Duration::from_secs(300);
const LOOK: Duration = Duration::from_millis(50);

pub(super) struct Talk<'a> {
    pub(super) began: Instant,
    pub(super) connector: &'a Edc,
    pub(super) plane: &'a DataPlane,
    pub(super) node: &'a Node,
}

/// One direction: what is done, and how many steps held.
pub(super) struct Steps<'a> {
    talk: &'a Talk<'a>,
    pub(super) done: usize,
}

impl Steps<'_> {
    /// Says what holds, or fails with it.
    pub(super) fn holds(
        &mut self,
        what: &str,
        is_so: bool,
        seen: &dyn std::fmt::Debug,
    ) -> Result<(), String> {
        if !is_so {
            return Err(format!("{what}; seen: {seen:?}"));
        }
        self.done += 1;
        said(self.talk.began, what);
        Ok(())
    }
}

impl Talk<'_> {
    pub(super) fn steps(&self) -> Steps<'_> {
        Steps { talk: self, done: 0 }
    }

    /// Our node, as the connector knows it.
    pub(super) fn us(&self) -> Counterparty {
        Counterparty { id: self.node.did.clone(), url: format!("{}/dsp/2025-1", self.node.origin) }
    }

    /// The connector is the consumer.
    pub(super) fn they_ask(&self) -> Result<usize, String> {
        let mut steps = self.steps();
        let (mut own, mut asker) = (self.node.api()?, self.connector.management());
        let us = self.us();
        self.strangers_are_refused(&mut steps)?;
        let catalogue = asker.catalogue(&us, 50)?;
        let datasets = items(&catalogue, "dataset");
        let dataset_id = format!("{}#districts", self.node.did);
        let dataset = datasets.iter().copied().find(|dataset| dataset["@id"] == dataset_id.as_str());
        steps.holds("EDC reads our catalogue and finds the product", dataset.is_some(), &catalogue)?;
        let dataset = dataset.unwrap_or(&Value::Null);
        let formats: Vec<&Value> =
            items(dataset, "distribution").iter().map(|distribution| &distribution["format"]).collect();
        steps.holds(
            "EDC sees a format that it knows",
            formats.iter().any(|format| **format == PULL),
            &formats,
        )?;
        let offer = items(dataset, "hasPolicy").first().copied().cloned().unwrap_or_default();
        let negotiation = asker.negotiate(&us, &dataset_id, &offer, None)?;
        let agreement = asker.agreement_of(&negotiation, LOOK, WAIT_MAX)?;
        steps.holds("EDC negotiates to FINALIZED", !agreement.is_empty(), &negotiation)?;
        let name = asker.protocol_name(&agreement)?;
        let shown = in_force(&mut own, &name)?;
        steps.holds("our node holds the same agreement, in force", shown["in_force"] == true, &shown)?;
        let transfer = asker.transfer(&us, &agreement, PULL, &self.plane.events_url())?;
        let line = self.plane.started(&transfer, WAIT_MAX)?;
        steps.holds("our node starts EDC's transfer", line.endpoint.starts_with(&self.node.origin), &line)?;
        let data = String::from_utf8(line.fetch()?).map_err(|cause| cause.to_string())?;
        steps.holds("EDC's token fetches the data", data == OURS, &data)?;
        let uses = own.get(&format!("/uses?agreement={name}"))?;
        let sealed = uses.as_array().is_some_and(|uses| uses.len() == 1);
        steps.holds("our ledger holds one use of it", sealed, &uses)?;
        own.post(&format!("/agreements/{name}/revoke"), &json!({"reason": "The test is over."}))?;
        let fetched = line.fetch();
        steps.holds("a revoked agreement opens nothing", fetched.is_err(), &fetched)?;
        asker.transfer_in(&transfer, "TERMINATED", WAIT_MAX)?;
        steps.holds("EDC is told that its transfer has ended", true, &transfer)?;
        Ok(steps.done)
    }

    /// Tolerance ends where identity begins.
    fn strangers_are_refused(&self, steps: &mut Steps<'_>) -> Result<(), String> {
        let mut connection = Connection::to(split_url(&self.node.origin)?.0);
        let body = json!({"@context": ["https://w3id.org/dspace/2025/1/context.jsonld"],
                          "@type": "CatalogRequestMessage"});
        let headers = [
            ("content-type", "application/json"),
            ("authorization", r#"{"clientId":"did:web:somebody.example"}"#),
        ];
        let path = "/dsp/2025-1/catalog/request";
        let answer = connection.send("POST", path, &headers, body.to_string().as_bytes())?;
        steps.holds("somebody else is refused", answer.status == 401, &answer)
    }

    /// What both sides have to say about a failure.
    pub(super) fn explain(&self, why: &str) -> String {
        let ours = self.node.api().and_then(|mut own| own.get("/negotiations")).unwrap_or_default();
        let (refused, log) = (self.plane.refused(), self.connector.last_words());
        format!(
            "FAILED: {why}\nour negotiations: {ours:#}\nthe connector refused:\n{refused}\nits log ends:\n{log}"
        )
    }

    /// What the connector has for others.
    pub(super) fn they_offer(&self) -> Result<(), String> {
        let mut owner = self.connector.management();
        owner.offer_all()?;
        owner.add_product(THEIR_DATASET, "Weather")
    }

    /// Our node is the consumer.
    pub(super) fn we_ask(&self) -> Result<usize, String> {
        let mut steps = self.steps();
        let mut own = self.node.api()?;
        self.they_offer()?;
        let refreshed = own.post("/catalogue/refresh", &Value::Null)?;
        steps.holds("our node reads EDC's catalogue", refreshed["entries"] == 1, &refreshed)?;
        let found = own.get("/catalogue?q=weather")?;
        let entry =
            found["entries"].as_array().and_then(|entries| entries.first()).cloned().unwrap_or_default();
        steps.holds("our catalogue shows what EDC offers", entry["dataset"] == THEIR_DATASET, &found)?;
        let request = json!({
            "product": {"member": "edc", "product": "weather"}, "mode": "extract", "purpose": PURPOSE,
            "legal_basis": LEGAL_BASIS, "wait_ms": 60_000,
        });
        let requested = own.post("/requests", &request)?;
        let agreement = agreed(&mut own, &requested)?;
        steps.holds("our node negotiates to FINALIZED", !agreement.is_empty(), &requested)?;
        let held = self.held_by_edc(&agreement)?;
        steps.holds("EDC holds the same agreement", held, &agreement)?;
        let answer = own.post(
            "/questions",
            &json!({"sql": "SELECT station, degrees FROM edc.weather ORDER BY degrees"}),
        )?;
        let rows = &answer["rows"];
        steps.holds(
            "our node pulls EDC's data and asks it",
            *rows == json!([["harbour", 17], ["airport", 21]]),
            &answer,
        )?;
        let uses = own.get(&format!("/uses?agreement={agreement}"))?;
        let sealed = uses.as_array().is_some_and(|uses| uses.len() == 1);
        steps.holds("our ledger holds one use of it", sealed, &uses)?;
        Ok(steps.done)
    }

    pub(super) fn held_by_edc(&self, agreement: &str) -> Result<bool, String> {
        let all = self.connector.management().agreements()?;
        let same = |held: &Value| text(held, "agreementId").is_ok_and(|id| id == agreement);
        Ok(all.iter().any(same))
    }
}

/// Our agreement `name` once it is in force, or as it is after [`WAIT_MAX`]: the other side stands at FINALIZED as soon
/// as our message reaches it, ours when its acknowledgement is written.
fn in_force(own: &mut Api, name: &str) -> Result<Value, String> {
    let began = Instant::now();
    loop {
        let shown = own.get(&format!("/agreements/{name}"))?;
        if shown["in_force"] == true || began.elapsed() > WAIT_MAX {
            return Ok(shown);
        }
        std::thread::sleep(LOOK);
    }
}

/// The name of the agreement that a request of ours led to; empty where there is none after [`WAIT_MAX`]. The request
/// itself waits for a minute, which is short on a busy machine.
fn agreed(own: &mut Api, requested: &Value) -> Result<String, String> {
    if let Some(name) = requested["agreement"]["id"].as_str() {
        return Ok(name.to_owned());
    }
    let path = format!("/negotiations/{}", text(&requested["negotiation"], "id")?);
    let began = Instant::now();
    loop {
        let shown = own.get(&path)?;
        if shown["state"] == "FINALIZED" {
            return text(&shown, "agreement").map(str::to_owned);
        }
        if shown["state"] == "TERMINATED" || began.elapsed() > WAIT_MAX {
            return Ok(String::new());
        }
        std::thread::sleep(LOOK);
    }
}

/// A product of ours with one purpose and one legal basis, so that whoever knows nothing of them need not choose.
pub(super) fn publish(own: &mut Api) -> Result<(), String> {
    let upload = own.post("/uploads", &Value::Null)?["upload"].as_str().unwrap_or_default().to_owned();
    own.send("PUT", &format!("/uploads/{upload}/districts.csv"), "text/csv", OURS.as_bytes())?;
    own.post(&format!("/uploads/{upload}/inspect"), &json!({}))?;
    let terms = json!({
        "purposes": [PURPOSE], "legal_bases": [LEGAL_BASIS], "service_level": "Answered on working days.",
        "liability": "Each side answers for its own node.", "licence": "CC-BY-4.0", "retention_days": 30,
        "disposal": "Delete all copies.", "approval": "automatic",
    });
    let product = json!({
        "upload": upload, "name": "districts", "title": "Districts", "description": "", "classification": "open",
        "privacy": null, "offers": [{"product": "districts", "mode": "extract", "terms": terms}],
    });
    own.post("/products", &product).map(|_| ())
}
