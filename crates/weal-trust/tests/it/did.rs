//! DID documents: ours come back, strangers' are read tolerantly, hostile ones are refused.

use serde_json::{Value, json};
use weal_trust::did::{DidDocument, DidError, Purposes, Service};
use weal_trust::keys::{NodeKey, PublicKey};

const DID: &str = "did:web:revenue.example";

fn public(seed: u8) -> PublicKey {
    NodeKey::from_seed(&[seed; 32]).public()
}

fn parse(document: &Value) -> Result<DidDocument, DidError> {
    DidDocument::parse(document.to_string().as_bytes())
}

fn method(id: &str, seed: u8) -> Value {
    json!({"id": id, "type": "JsonWebKey", "controller": DID, "publicKeyJwk": public(seed).to_jwk()})
}

#[test]
fn what_we_publish_we_read() {
    let dsp = Service {
        id: format!("{DID}#dsp"),
        kind: "DataService".into(),
        endpoint: "https://revenue.example/dsp".into(),
    };
    let document = DidDocument::new(DID, &[("key-1", public(1)), ("key-2", public(2))], vec![dsp]);
    let json = document.to_json();
    assert_eq!(parse(&json), Ok(document.clone()));
    assert_eq!(DidDocument::parse_of(DID, json.to_string().as_bytes()), Ok(document.clone()));
    let other = DidDocument::parse_of("did:web:education.example", json.to_string().as_bytes());
    assert_eq!(other, Err(DidError::WrongId));
    assert_eq!(document.key("did:web:revenue.example#key-2").unwrap().key, public(2));
    assert_eq!(document.key("did:web:revenue.example#key-3"), None);
    assert_eq!(json["verificationMethod"][0]["type"], "JsonWebKey2020");
    assert_eq!(json["assertionMethod"], json!([format!("{DID}#key-1"), format!("{DID}#key-2")]));
}

#[test]
fn a_strangers_document_is_read_as_far_as_it_is_understood() {
    let document = parse(&json!({
        "@context": "https://www.w3.org/ns/did/v1",
        "id": DID,
        "alsoKnownAs": ["https://revenue.example"],
        "verificationMethod": [
            method("#auth", 1),
            method("#assert", 2),
            method("#unused", 3),
            {"id": "#p256", "type": "JsonWebKey2020", "controller": DID, "publicKeyJwk": {"kty": "EC"}},
            {"id": "#multi", "type": "Multikey", "controller": DID, "publicKeyMultibase": "z6Mk"},
            {"type": "JsonWebKey"},
            7,
        ],
        "authentication": ["#auth", method("did:web:revenue.example#only-here", 4), "#p256"],
        "assertionMethod": "#assert",
        "service": [{"id": "#a", "type": "X", "serviceEndpoint": "https://x"}, {"id": "#b", "type": ["Y"]}],
        "keyAgreement": [],
    }))
    .unwrap();
    let found: Vec<_> =
        document.keys.iter().map(|k| (k.id.as_str(), *k.key.ed25519().unwrap(), k.purposes)).collect();
    let only = |authentication, assertion| Purposes { authentication, assertion, invocation: false };
    assert_eq!(
        found,
        [
            ("did:web:revenue.example#auth", public(1), only(true, false)),
            ("did:web:revenue.example#assert", public(2), only(false, true)),
            ("did:web:revenue.example#unused", public(3), only(false, false)),
            ("did:web:revenue.example#only-here", public(4), only(true, false)),
        ]
    );
    assert_eq!(document.services.len(), 1);
    assert_eq!(document.services[0].id, "did:web:revenue.example#a");
}

#[test]
fn keys_of_a_document_that_says_nothing_of_purposes_serve_all_of_them() {
    let mut silent = json!({"id": DID, "verificationMethod": [method("#one", 1)], "authentication": []});
    assert_eq!(parse(&silent).unwrap().keys[0].purposes, Purposes::ALL);
    for said in
        ["authentication", "assertionMethod", "capabilityInvocation", "capabilityDelegation", "keyAgreement"]
    {
        silent[said] = json!(["#another"]);
        let document = parse(&silent).unwrap();
        let purposes = document.keys[0].purposes;
        assert!(!purposes.authentication && !purposes.assertion && !purposes.invocation, "{said}");
        assert_eq!(parse(&document.to_json()).unwrap(), document, "printed, it says no more of {said}");
        silent[said] = json!([]);
    }
}

#[test]
fn nobody_elses_key_is_taken_for_this_members() {
    let document = parse(&json!({
        "id": DID,
        "verificationMethod": [
            method("did:web:education.example#key-1", 1),
            method("did:web:revenue.example.evil.example#key-1", 2),
            method("did:web:revenue.example", 3),
            method("did:web:revenue.example#", 3),
            {"id": "#theirs", "type": "JsonWebKey", "controller": "did:web:x", "publicKeyJwk": public(4).to_jwk()},
            method("#mine", 5),
            method("#mine", 6),
        ],
        "authentication": ["#mine"],
    }))
    .unwrap();
    assert_eq!(document.keys.len(), 1);
    assert_eq!(document.keys[0].key, public(5), "the first of two methods with one id stands");
}

#[test]
fn has_limits() {
    let large = json!({"id": DID, "x": "x".repeat(70_000)});
    assert_eq!(parse(&large), Err(DidError::TooLarge));
    let methods: Vec<_> = (0..33).map(|n| method(&format!("#{n}"), n)).collect();
    assert_eq!(
        parse(&json!({"id": DID, "verificationMethod": methods})),
        Err(DidError::TooMany("verificationMethod"))
    );
    let (some, more) = methods.split_at(17);
    assert_eq!(
        parse(&json!({"id": DID, "verificationMethod": some, "authentication": more[..16]})),
        Err(DidError::TooMany("keys"))
    );
    let many = vec!["#x"; 40];
    assert_eq!(parse(&json!({"id": DID, "authentication": many})), Err(DidError::TooMany("authentication")));
    let deep = format!("{{\"id\":\"{DID}\",\"x\":{}{}}}", "[".repeat(5000), "]".repeat(5000));
    assert_eq!(DidDocument::parse(deep.as_bytes()), Err(DidError::NotJson));
    for wrong in ["", "7", "[]", "{", "{\"id\":"] {
        assert_eq!(DidDocument::parse(wrong.as_bytes()), Err(DidError::NotJson), "{wrong}");
    }
    for id in [
        json!(7),
        json!("revenue.example"),
        json!("did:web:a b"),
        json!(format!("did:web:{}", "a".repeat(600))),
    ] {
        assert_eq!(parse(&json!({ "id": id })), Err(DidError::Missing("id")));
    }
    assert_eq!(parse(&json!({"id": DID})).unwrap().keys, []);
}
