//! The messages of the Decentralized Claims Protocol, as targets.

use serde_json::{Value, json};
use weal_wire::dcp::*;

use super::fuzzer::Target;
use super::targets::{json_target, message, text};

fn good(kind: &str, rest: &Value) -> Vec<u8> {
    let mut document = json!({ "@context": [CONTEXT], "type": kind });
    for (name, value) in rest.as_object().expect("members") {
        document[name] = value.clone();
    }
    text(&document)
}

pub(super) fn all() -> Vec<Target> {
    let object = json!({
        "id": "urn:uuid:1", "type": "CredentialObject", "credentialType": "MembershipCredential",
        "credentialSchema": "https://issuer.example/schema.json", "offerReason": "reissue",
        "bindingMethods": ["did:web"], "profile": "vc20-bssl/jwt", "issuancePolicy": { "id": "none" },
    });
    let scope = json!({ "scope": ["org.eclipse.dspace.dcp.vc.type:Member:read"] });
    let definition = json!({ "presentationDefinition": { "id": "1", "input_descriptors": [] } });
    let issued = json!({
        "issuerPid": "i", "holderPid": "h", "status": "ISSUED",
        "credentials": [{ "credentialType": "Member", "format": "vc11-sl2021/jwt", "payload": "a.b.c" }],
    });
    let rejected =
        json!({ "issuerPid": "i", "holderPid": "h", "status": "REJECTED", "rejectionReason": "no member" });
    let query = "PresentationQueryMessage";
    let request = json!({ "holderPid": "h", "credentials": [{ "id": "1" }, { "id": "2" }] });
    let status = json!({ "issuerPid": "i", "holderPid": "h", "status": "RECEIVED" });
    let offer = json!({ "issuer": "did:web:issuer.example", "credentials": [object, { "id": "2" }] });
    let metadata = json!({ "issuer": "did:web:issuer.example", "credentialsSupported": [object] });
    vec![
        json_target(
            "PresentationQueryMessage",
            vec![good(query, &scope), good(query, &definition)],
            message::<PresentationQueryMessage>,
        ),
        json_target(
            "PresentationResponseMessage",
            vec![good("PresentationResponseMessage", &json!({ "presentation": ["a.b.c", { "id": "x" }] }))],
            message::<PresentationResponseMessage>,
        ),
        json_target(
            "CredentialRequestMessage",
            vec![good("CredentialRequestMessage", &request)],
            message::<CredentialRequestMessage>,
        ),
        json_target(
            "CredentialRequestStatus",
            vec![good("CredentialStatus", &status)],
            message::<CredentialRequestStatus>,
        ),
        json_target(
            "CredentialMessage",
            vec![good("CredentialMessage", &issued), good("CredentialMessage", &rejected)],
            message::<CredentialMessage>,
        ),
        json_target(
            "CredentialOfferMessage",
            vec![good("CredentialOfferMessage", &offer)],
            message::<CredentialOfferMessage>,
        ),
        json_target("IssuerMetadata", vec![good("IssuerMetadata", &metadata)], message::<IssuerMetadata>),
    ]
}
