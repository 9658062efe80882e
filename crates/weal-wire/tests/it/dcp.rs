//! The messages of the Decentralized Claims Protocol: what the specification shows is read, what we print obeys
//! its schemas, and what breaks them is refused.

use proptest::prelude::*;
use serde_json::{Value, json};
use weal_wire::dcp::*;
use weal_wire::{Message, parse, print};

use crate::kinds::reread;

fn read<M: Message>(document: &Value) -> Result<M, weal_wire::WireError> {
    parse(document.to_string().as_bytes())
}

/// A message with the members that every one has.
fn message(kind: &str, rest: Value) -> Value {
    let mut document = json!({ "@context": [CONTEXT], "type": kind });
    for (name, value) in rest.as_object().unwrap() {
        document[name] = value.clone();
    }
    document
}

/// The part of the published schemas that is more than types of members, which reading checks.
fn assert_shape(kind: &str, document: &Value) {
    assert_eq!(document["@context"], json!([CONTEXT]));
    assert_eq!(document["type"], kind);
    let required: &[&str] = match kind {
        "PresentationQueryMessage" => &["scope"],
        "PresentationResponseMessage" => &["presentation"],
        "CredentialRequestMessage" => &["holderPid", "credentials"],
        "CredentialStatus" => &["issuerPid", "holderPid", "status"],
        "CredentialMessage" => &["issuerPid", "status"],
        "CredentialOfferMessage" => &["issuer", "credentials"],
        "IssuerMetadata" => &["issuer", "credentialsSupported"],
        other => panic!("no schema of {other}"),
    };
    for name in required {
        assert!(document.get(name).is_some(), "{kind} without {name}: {document}");
    }
    let objects = document.get("credentialsSupported").into_iter().flat_map(|all| all.as_array().unwrap());
    for object in objects {
        for name in
            ["id", "type", "credentialType", "credentialSchema", "offerReason", "bindingMethods", "profile"]
        {
            assert!(object.get(name).is_some(), "an object without {name}: {object}");
        }
    }
}

fn object() -> CredentialObject {
    CredentialObject {
        id: "urn:uuid:1".into(),
        credential_type: Some("MembershipCredential".into()),
        credential_schema: Some("https://issuer.example/schema.json".into()),
        offer_reason: Some("reissue".into()),
        binding_methods: vec!["did:web".into()],
        profile: Some("vc20-bssl/jwt".into()),
        issuance_policy: Some(json!({ "id": "any", "input_descriptors": [] })),
    }
}

#[test]
fn what_is_printed_has_the_shape_of_the_schemas() {
    let query =
        PresentationQueryMessage { query: Query::Scopes(vec![Scope::Kind("Member".into()).to_string()]) };
    assert_shape("PresentationQueryMessage", &reread(&query));
    let response = PresentationResponseMessage { presentation: vec!["a.b.c".into(), json!({ "id": "x" })] };
    assert_shape("PresentationResponseMessage", &reread(&response));
    assert_shape(
        "PresentationResponseMessage",
        &reread(&PresentationResponseMessage { presentation: vec![] }),
    );
    let request =
        CredentialRequestMessage { holder_pid: "h".into(), credentials: vec!["1".into(), "2".into()] };
    assert_shape("CredentialRequestMessage", &reread(&request));
    for status in RequestStatus::ALL {
        let status = CredentialRequestStatus { issuer_pid: "i".into(), holder_pid: "h".into(), status };
        assert_shape("CredentialStatus", &reread(&status));
    }
    let container = CredentialContainer {
        credential_type: "MembershipCredential".into(),
        format: "vc20-bssl/jwt".into(),
        payload: "a.b.c".into(),
    };
    let mut issued = CredentialMessage {
        issuer_pid: "i".into(),
        holder_pid: "h".into(),
        status: MessageStatus::Issued,
        credentials: vec![container],
        rejection_reason: None,
    };
    assert_shape("CredentialMessage", &reread(&issued));
    issued.status = MessageStatus::Rejected;
    issued.credentials.clear();
    issued.rejection_reason = Some("not a member".into());
    assert_shape("CredentialMessage", &reread(&issued));
    let offer = CredentialOfferMessage { issuer: "did:web:i.example".into(), credentials: vec![object()] };
    assert_shape("CredentialOfferMessage", &reread(&offer));
    let metadata =
        IssuerMetadata { issuer: "did:web:i.example".into(), credentials_supported: vec![object()] };
    assert_shape("IssuerMetadata", &reread(&metadata));
}

#[test]
fn foreign_contexts_and_members_are_tolerated() {
    let scope = json!(["org.eclipse.dspace.dcp.vc.type:Member:read"]);
    let plain =
        read::<PresentationQueryMessage>(&message("PresentationQueryMessage", json!({ "scope": scope })));
    let mut foreign = message("PresentationQueryMessage", json!({ "scope": scope, "x": { "y": [1] } }));
    foreign["@context"] = json!(["https://x.example/c", { "x": "urn:x" }, CONTEXT]);
    assert_eq!(read::<PresentationQueryMessage>(&foreign), plain);
    foreign["@context"] = json!(CONTEXT);
    foreign["@type"] = foreign.as_object_mut().unwrap().remove("type").unwrap();
    assert_eq!(read::<PresentationQueryMessage>(&foreign), plain);
    let sparse =
        message("CredentialOfferMessage", json!({ "issuer": "did:web:i", "credentials": [{ "id": "1" }] }));
    assert!(read::<CredentialOfferMessage>(&sparse).is_ok());
    let policy = json!({ "issuer": "did:web:i", "credentials": [{ "id": "1", "issuancePolicy": {}, "profile": null }] });
    assert!(read::<CredentialOfferMessage>(&message("CredentialOfferMessage", policy)).is_ok());
}

#[test]
fn a_query_asks_by_exactly_one_thing() {
    let query = |rest| read::<PresentationQueryMessage>(&message("PresentationQueryMessage", rest));
    let definition = json!({ "id": "1", "input_descriptors": [] });
    assert!(matches!(
        query(json!({ "presentationDefinition": definition })),
        Ok(PresentationQueryMessage { query: Query::Definition(_) })
    ));
    for wrong in [
        json!({}),
        json!({ "scope": [] }),
        json!({ "scope": null }),
        json!({ "scope": "org.eclipse.dspace.dcp.vc.type:Member" }),
        json!({ "scope": [7] }),
        json!({ "scope": vec!["x"; ITEMS_MAX + 1] }),
        json!({ "scope": ["x".repeat(TEXT_BYTES_MAX + 1)] }),
        json!({ "presentationDefinition": {} }),
        json!({ "presentationDefinition": null }),
        json!({ "scope": ["x"], "presentationDefinition": { "id": "1" } }),
    ] {
        assert!(query(wrong.clone()).is_err(), "{wrong}");
    }
}

#[test]
fn a_request_in_expanded_form_is_the_same() {
    let full = |name: &str| format!("https://w3id.org/dspace-dcp/v1.0/{name}");
    let mut expanded = json!({
        "@type": full("CredentialRequestMessage"),
        full("credentials"): [{"@type": "@json", "@value": [{"id": "1"}, {"id": "2"}]}],
        full("holderPid"): {"@id": "h"},
    });
    let same = CredentialRequestMessage { holder_pid: "h".into(), credentials: vec!["1".into(), "2".into()] };
    assert_eq!(read::<CredentialRequestMessage>(&expanded), Ok(same));
    for (name, wrong) in [("holderPid", json!({"@id": 7})), ("credentials", json!([{"@value": []}]))] {
        let mut changed = expanded.clone();
        changed[full(name)] = wrong;
        assert!(read::<CredentialRequestMessage>(&changed).is_err(), "{name}");
        changed.as_object_mut().unwrap().remove(&full(name));
        assert!(read::<CredentialRequestMessage>(&changed).is_err(), "{name}");
    }
    expanded["@type"] = json!(full("CredentialMessage"));
    assert!(read::<CredentialRequestMessage>(&expanded).is_err());
}

#[test]
fn what_the_schemas_forbid_is_refused() {
    let credential = json!({ "credentialType": "M", "format": "jwt", "payload": "a.b.c" });
    let good = json!({ "issuerPid": "i", "holderPid": "h", "status": "ISSUED", "credentials": [credential] });
    let read_message = |rest: &Value| read::<CredentialMessage>(&message("CredentialMessage", rest.clone()));
    assert!(read_message(&good).is_ok());
    for (name, wrong) in [
        ("status", json!("INVALID_STATUS")),
        ("status", json!("RECEIVED")),
        ("holderPid", json!("")),
        ("holderPid", json!(null)),
        ("issuerPid", json!("line\nbreak")),
        ("credentials", json!([{ "credentialType": "M", "format": "jwt" }])),
        ("credentials", json!([{ "credentialType": "M", "format": "jwt", "payload": {} }])),
        ("credentials", json!([])),
    ] {
        let mut bad = good.clone();
        bad[name] = wrong.clone();
        assert!(read_message(&bad).is_err(), "{name}: {wrong}");
    }
    let request = |rest| read::<CredentialRequestMessage>(&message("CredentialRequestMessage", rest));
    assert!(request(json!({ "holderPid": "h", "credentials": [{ "id": "1" }] })).is_ok());
    for wrong in [
        json!({ "holderPid": "h" }),
        json!({ "credentials": [{ "id": "1" }] }),
        json!({ "holderPid": "h", "credentials": [] }),
        json!({ "holderPid": "h", "credentials": ["1"] }),
    ] {
        assert!(request(wrong.clone()).is_err(), "{wrong}");
    }
    let mut other =
        message("CredentialRequestMessage", json!({ "holderPid": "h", "credentials": [{ "id": "1" }] }));
    other["@context"] = json!(["https://w3id.org/dspace/2025/1/context.jsonld"]);
    assert!(read::<CredentialRequestMessage>(&other).is_err());
    other.as_object_mut().unwrap().remove("@context");
    assert!(read::<CredentialRequestMessage>(&other).is_err());
    let offer = message("CredentialOfferMessage", json!({ "issuer": null, "credentials": [{ "id": "1" }] }));
    assert!(read::<CredentialOfferMessage>(&offer).is_err());
}

#[test]
fn scopes_name_kinds_and_ids() {
    let kind = Scope::Kind("Member".into());
    for text in ["org.eclipse.dspace.dcp.vc.type:Member", "org.eclipse.dspace.dcp.vc.type:Member:read"] {
        assert_eq!(Scope::of(text), Some(kind.clone()));
    }
    assert_eq!(Scope::of(&kind.to_string()), Some(kind));
    let id = Scope::Id("urn:uuid:1".into());
    assert_eq!(Scope::of("org.eclipse.dspace.dcp.vc.id:urn:uuid:1"), Some(id.clone()));
    assert_eq!(Scope::of(&id.to_string()), Some(id));
    for other in ["", "Member", "org.eclipse.dspace.dcp.vc.type:", "org.eclipse.edc.vc.type:Member:read"] {
        assert_eq!(Scope::of(other), None, "{other}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn messages_survive_the_way(holder_pid in "[!-~]{1,40}", ids in proptest::collection::vec("[!-~]{1,40}", 1..9)) {
        let request = CredentialRequestMessage { holder_pid, credentials: ids };
        prop_assert_eq!(parse::<CredentialRequestMessage>(print(&request).as_bytes()), Ok(request));
    }

    #[test]
    fn no_bytes_are_a_crash(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = parse::<CredentialMessage>(&bytes).is_err();
        let _ = parse::<PresentationQueryMessage>(&bytes).is_err();
        let _ = parse::<IssuerMetadata>(&bytes).is_err();
    }
}
