//! For every message type, documents that must be refused, and the words of the refusal.

use serde_json::{Value, json};

use crate::differential::{with, without};
use crate::kinds::{KINDS, kind_of, reprinted};
use crate::vectors::{own_vectors, vector};

/// A vector, a place in it, what to put there (`null` removes it), and what the error says.
const CASES: &[(&str, &str, &str, &str)] = &[
    ("catalog_request_message", "/@context", "null", "`@context` is missing"),
    ("catalog_request_message", "/@context", "[]", "`@context` is not an array of strings that contains"),
    (
        "catalog_request_message",
        "/@context",
        "\"https://w3id.org/dspace/2025/1/context.jsonld\"",
        "not an array",
    ),
    ("catalog_request_message", "/@context/0", "\"https://w3id.org/dspace/2024/1/context.json\"", "contains"),
    ("catalog_request_message", "/@type", "null", "`@type` is missing"),
    ("catalog_request_message", "/@type", "\"Catalog\"", "`@type` is not `CatalogRequestMessage`"),
    ("catalog_request_message.filter", "/filter", "{}", "`filter` is not an array"),
    ("dataset_request_message", "/dataset", "null", "`dataset` is missing"),
    ("catalog", "/participantId", "null", "`participantId` is missing"),
    ("catalog", "/dataset", "[]", "`dataset` is not an array of at least one item; leave it out"),
    ("catalog", "/dataset/0/hasPolicy", "null", "`dataset[0].hasPolicy` is missing"),
    ("catalog", "/dataset/0/hasPolicy/0/permission", "[]", "`dataset[0].hasPolicy[0].permission` is not"),
    ("catalog", "/dataset/0/@type", "\"Catalog\"", "`dataset[0].@type` is not `Dataset`"),
    ("catalog", "/service/0/@type", "null", "`service[0].@type` is missing"),
    ("catalog", "/service/0/endpointURL", "7", "`service[0].endpointURL` is not a string"),
    ("catalog", "/catalog/0/@id", "null", "`catalog[0].@id` is missing"),
    (
        "catalog",
        "/dataset/0/urn:weal:product/columns",
        "{}",
        "`dataset[0].urn:weal:product` is not in its form",
    ),
    ("dataset", "/distribution", "[]", "`distribution` is not an array of at least one"),
    ("dataset", "/distribution/0/accessService", "[]", "is not a string or a DataService"),
    ("dataset", "/distribution/0/format", "null", "`distribution[0].format` is missing"),
    ("dataset", "/hasPolicy/0/urn:weal:terms/approval", "\"maybe\"", "`hasPolicy[0].urn:weal:terms` is not"),
    ("catalog_error", "/reason", "\"no\"", "`reason` is not an array"),
    ("contract_request_message", "/consumerPid", "null", "`consumerPid` is missing"),
    ("contract_request_message", "/consumerPid", "\"\"", "`consumerPid` is not an identifier"),
    ("contract_request_message.counter", "/providerPid", "\"\"", "`providerPid` is not an identifier"),
    ("contract_agreement_verification_message", "/providerPid", "\"\"", "`providerPid` is not an identifier"),
    ("transfer_completion_message", "/consumerPid", "\"a\\nb\"", "`consumerPid` is not an identifier"),
    ("transfer_termination_message", "/providerPid", "\"\"", "`providerPid` is not an identifier"),
    ("contract_request_message", "/callbackAddress", "null", "`callbackAddress` or `providerPid` is missing"),
    ("contract_request_message", "/offer/target", "null", "`offer.target` is missing"),
    ("contract_request_message", "/offer/@type", "\"Agreement\"", "`offer.@type` is not `Offer`"),
    ("contract_request_message.counter", "/offer/@id", "null", "`offer.@id` is missing"),
    ("contract_offer_message", "/callbackAddress", "null", "`callbackAddress` or `consumerPid` is missing"),
    ("contract_offer_message.counter", "/offer", "\"urn:x\"", "`offer` is not an object"),
    ("contract_agreement_message", "/agreement/assignee", "null", "`agreement.assignee` is missing"),
    ("contract_agreement_message", "/agreement/timestamp", "\"yesterday\"", "not an xsd:dateTime"),
    ("contract_agreement_message", "/agreement/timestamp", "\"2026-13-01T00:00:00Z\"", "not an xsd:dateTime"),
    (
        "contract_agreement_message",
        "/agreement/permission/0/action",
        "{}",
        "permission[0].action` is not a string",
    ),
    ("contract_agreement_verification_message", "/providerPid", "7", "`providerPid` is not a string"),
    ("contract_negotiation_event_message", "/eventType", "\"AGREED\"", "is not one of ACCEPTED, FINALIZED"),
    ("contract_negotiation_termination_message", "/reason", "[]", "`reason` is not an array of at least one"),
    ("contract_negotiation", "/state", "\"requested\"", "`state` is not one of REQUESTED, OFFERED"),
    ("contract_negotiation_error", "/code", "404", "`code` is not a string"),
    ("transfer_request_message", "/agreementId", "null", "`agreementId` is missing"),
    ("transfer_request_message", "/dataAddress/@type", "null", "`dataAddress.@type` is missing"),
    (
        "transfer_request_message",
        "/dataAddress/endpointProperties",
        "[]",
        "endpointProperties` is not an array",
    ),
    (
        "transfer_request_message",
        "/dataAddress/endpointProperties/0/value",
        "7",
        "[0].value` is not a string",
    ),
    ("transfer_start_message", "/dataAddress/endpointType", "null", "`dataAddress.endpointType` is missing"),
    ("transfer_completion_message", "/consumerPid", "null", "`consumerPid` is missing"),
    ("transfer_suspension_message", "/reason", "{}", "`reason` is not an array"),
    ("transfer_termination_message", "/providerPid", "null", "`providerPid` is missing"),
    ("transfer_process", "/state", "\"FINALIZED\"", "`state` is not one of REQUESTED, STARTED"),
    ("transfer_error", "/@type", "\"CatalogError\"", "`@type` is not `TransferError`"),
    ("version_document", "/protocolVersions", "[]", "`protocolVersions` is not an array of at least one"),
    ("version_document", "/protocolVersions/0/binding", "\"HTTP\"", "[0].binding` is not `HTTPS`"),
    ("version_document", "/protocolVersions/0/auth/protocol", "null", "[0].auth.protocol` is missing"),
    ("did_service", "/type", "\"LinkedDomains\"", "`type` is not one of CatalogService, DataService"),
    ("did_service", "/serviceEndpoint", "{}", "`serviceEndpoint` is not a string"),
];

#[track_caller]
fn assert_refused(document: &Value, kind: &str, words: &str) {
    match reprinted(kind, document.to_string().as_bytes()) {
        Ok(_) => panic!("{kind} was read although: {words}\n{document:#}"),
        Err(error) => assert!(error.to_string().contains(words), "{kind}: `{error}` does not say `{words}`"),
    }
}

#[test]
fn every_type_refuses_what_its_schema_forbids() {
    for (name, place, change, words) in CASES {
        let document = vector(name);
        let changed = match *change {
            "null" => without(&document, place),
            json => with(&document, place, &serde_json::from_str(json).unwrap()),
        };
        assert_refused(&changed, kind_of(&document), words);
    }
    for (kind, _) in KINDS {
        let covered = CASES.iter().any(|(name, ..)| kind_of(&vector(name)) == *kind);
        assert!(covered, "{kind} has no case of its own");
    }
}

#[test]
fn no_type_is_read_as_another() {
    for (path, document) in own_vectors() {
        let own = kind_of(&document);
        let open = |kind: &str| ["VersionDocument", "DidService"].contains(&kind);
        for (kind, _) in KINDS.iter().filter(|(kind, _)| *kind != own && !open(kind) && !open(own)) {
            let outcome = reprinted(kind, document.to_string().as_bytes());
            assert!(outcome.is_err(), "{} was read as {kind}", path.display());
        }
    }
}

#[test]
fn members_that_exclude_each_other_are_refused_together() {
    for name in ["contract_request_message.counter", "contract_offer_message.counter"] {
        let mut document = vector(name);
        document["callbackAddress"] = json!("https://example.org/callback");
        assert_refused(&document, kind_of(&document), "`callbackAddress` is not alone");
    }
    let mut document = vector("catalog");
    document["hasPolicy"] = document["dataset"][0]["hasPolicy"].clone();
    assert_refused(&document, "Catalog", "`hasPolicy` is not absent here");
    let mut document = vector("dataset");
    document["hasPolicy"][0]["target"] = json!("urn:x");
    assert_refused(&document, "Dataset", "`hasPolicy[0].target` is not absent in a catalogue");
}

#[test]
fn constraints_must_be_what_the_protocol_models() {
    let at = "/offer/permission/0/constraint/0";
    let atomic = |left: &str, operator: &str, right: Value| json!({ "leftOperand": left, "operator": operator, "rightOperand": right });
    let cases = [
        (atomic("a", "eq", json!(7)), "is not a string; write `\"7\"`"),
        (atomic("a", "eq", json!(true)), "rightOperand` is not a string, an object or an array"),
        (atomic("a", "eq", json!(null)), "rightOperand` is not a string, an object or an array"),
        (atomic("a", "like", json!("b")), "operator` is not one of eq, gt"),
        (json!({ "leftOperand": "a", "operator": "eq" }), "rightOperand` is missing"),
        (json!({ "and": [], "or": [] }), "and` is not the only condition"),
        (json!({ "and": "a" }), "and` is not an array of constraints"),
        (json!("a"), "constraint[0]` is not an object"),
        (json!({}), "operator` is missing"),
    ];
    for (constraint, words) in cases {
        assert_refused(
            &with(&vector("contract_request_message"), at, &constraint),
            "ContractRequestMessage",
            words,
        );
    }
    let document = vector("contract_request_message");
    let bare = without(&without(&document, "/offer/permission"), "/offer/prohibition");
    assert_refused(&bare, "ContractRequestMessage", "`offer.permission` or `offer.prohibition` is missing");
}
