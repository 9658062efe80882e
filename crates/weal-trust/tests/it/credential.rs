//! Membership credentials.

use serde_json::{Value, json};
use weal_trust::credential::{CredentialError, Expected, LEEWAY_S, Membership, issue, peek, verify};
use weal_trust::did::{DidKey, Purposes};
use weal_trust::encoding::from_base64url;
use weal_trust::keys::NodeKey;

use crate::jws::forge;

const BODY: &str = "did:web:governing.example";
const KID: &str = "did:web:governing.example#key-1";
const MEMBER: &str = "did:web:education.example";
const ECOSYSTEM: &str = "urn:uuid:6f1c2c64-4c1e-4b0e-9b8d-0a9f4b8f8a11";
const EXPECTED: Expected<'static> = Expected { issuer: BODY, subject: MEMBER, ecosystem: ECOSYSTEM };
const NOW_S: i64 = 1_800_000_000;
const YEAR_S: i64 = 31_536_000;

/// What is wrong, and how to make it so.
type Case = (&'static str, fn(&mut Value));

fn key() -> NodeKey {
    NodeKey::from_seed(&[1; 32])
}

fn keys() -> Vec<DidKey> {
    vec![DidKey { id: KID.into(), key: key().public().into(), purposes: Purposes::ALL }]
}

fn membership() -> Membership {
    Membership {
        id: "urn:uuid:0b0f6f0e-7b5e-4c59-8a2f-5a4f0d6f3c22".into(),
        issuer: BODY.into(),
        subject: MEMBER.into(),
        member_name: "education".into(),
        ecosystem: ECOSYSTEM.into(),
        valid_from_s: NOW_S,
        valid_until_s: NOW_S + YEAR_S,
        status_id: Some("https://governing.example/register#education".into()),
        status: None,
        kind: None,
    }
}

fn payload() -> Value {
    let credential = issue(&membership(), KID, &key()).unwrap();
    let payload = credential.split('.').nth(1).unwrap();
    serde_json::from_slice(&from_base64url(payload).unwrap()).unwrap()
}

fn changed(change: impl FnOnce(&mut Value)) -> String {
    let mut payload = payload();
    change(&mut payload);
    forge(&json!({"alg": "EdDSA", "typ": "vc+jwt", "kid": KID}), payload.to_string().as_bytes(), &key())
}

#[test]
fn a_member_proves_its_membership() {
    for membership in [membership(), Membership { status_id: None, ..membership() }] {
        let credential = issue(&membership, KID, &key()).unwrap();
        assert_eq!(peek(&credential), Ok(membership.clone()));
        for now_s in [NOW_S - LEEWAY_S, NOW_S, NOW_S + YEAR_S + LEEWAY_S - 1] {
            assert_eq!(verify(&credential, &keys(), EXPECTED, now_s), Ok(membership.clone()));
        }
    }
}

#[test]
fn it_has_the_form_of_the_data_model() {
    let payload = payload();
    assert_eq!(payload["@context"][0], "https://www.w3.org/ns/credentials/v2");
    assert_eq!(payload["type"][0], "VerifiableCredential");
    assert_eq!(payload["validFrom"], "2027-01-15T08:00:00Z");
    assert_eq!(payload["credentialSubject"]["id"], MEMBER);
    assert_eq!(payload["credentialStatus"]["type"], "WealStandingRegister");
    assert!(payload.get("vc").is_none(), "version 2 has no `vc` claim");
}

#[test]
fn time_ends_it() {
    let credential = issue(&membership(), KID, &key()).unwrap();
    let at = |now_s| verify(&credential, &keys(), EXPECTED, now_s).unwrap_err();
    assert_eq!(at(NOW_S - 31), CredentialError::NotYetValid { seconds: 31 });
    assert_eq!(at(NOW_S + YEAR_S + 30), CredentialError::Expired { seconds: 30 });
    assert!(issue(&Membership { valid_until_s: NOW_S, ..membership() }, KID, &key()).is_err());
    assert!(issue(&Membership { valid_until_s: i64::MAX, ..membership() }, KID, &key()).is_err());
}

#[test]
fn it_is_worth_nothing_elsewhere() {
    let credential = issue(&membership(), KID, &key()).unwrap();
    let with = |expected| verify(&credential, &keys(), expected, NOW_S).unwrap_err();
    let other = "did:web:other.example";
    assert_eq!(with(Expected { issuer: other, ..EXPECTED }), CredentialError::WrongIssuer);
    assert_eq!(with(Expected { subject: other, ..EXPECTED }), CredentialError::WrongSubject);
    assert_eq!(with(Expected { ecosystem: "urn:x", ..EXPECTED }), CredentialError::WrongEcosystem);
}

#[test]
fn nobody_else_can_issue_it() {
    let evil = NodeKey::from_seed(&[66; 32]);
    let forged = issue(&membership(), KID, &evil).unwrap();
    assert_eq!(verify(&forged, &keys(), EXPECTED, NOW_S), Err(CredentialError::BadSignature));
    assert_eq!(verify(&forged, &[], EXPECTED, NOW_S), Err(CredentialError::UnknownKey));
    let mut keys = keys();
    keys[0].purposes = Purposes { authentication: true, assertion: false, invocation: false };
    let credential = issue(&membership(), KID, &key()).unwrap();
    assert_eq!(verify(&credential, &keys, EXPECTED, NOW_S), Err(CredentialError::UnknownKey));
    assert!(issue(&membership(), "did:web:evil.example#key-1", &evil).is_err());
}

#[test]
fn malformed_credentials_are_refused() {
    let cases: [Case; 12] = [
        ("version 1", |c| c["@context"] = json!(["https://www.w3.org/2018/credentials/v1"])),
        ("no context", |c| drop(c.as_object_mut().unwrap().remove("@context"))),
        ("another type", |c| c["type"] = json!(["VerifiableCredential", "Diploma"])),
        ("no subject", |c| c["credentialSubject"] = json!({})),
        ("many subjects", |c| c["credentialSubject"] = json!([{"id": MEMBER}, {"id": "did:web:x"}])),
        ("no end", |c| drop(c.as_object_mut().unwrap().remove("validUntil"))),
        ("no time", |c| c["validFrom"] = json!("yesterday")),
        ("ends first", |c| c["validUntil"] = json!("2020-01-01T00:00:00Z")),
        ("unknown status", |c| {
            c["credentialStatus"] = json!({"id": "x", "type": "BitstringStatusListEntry"})
        }),
        ("empty status", |c| c["credentialStatus"]["id"] = json!("")),
        ("long name", |c| c["credentialSubject"]["memberName"] = json!("x".repeat(513))),
        ("not an object", |c| *c = json!("hello")),
    ];
    for (what, change) in cases {
        let outcome = verify(&changed(change), &keys(), EXPECTED, NOW_S);
        assert!(matches!(outcome, Err(CredentialError::Malformed(_))), "{what}: {outcome:?}");
    }
    assert_eq!(verify(&changed(|c| c["x"] = json!(1)), &keys(), EXPECTED, NOW_S), Ok(membership()));
    let other =
        forge(&json!({"alg": "EdDSA", "typ": "JWT", "kid": KID}), payload().to_string().as_bytes(), &key());
    assert!(matches!(verify(&other, &keys(), EXPECTED, NOW_S), Err(CredentialError::Malformed(_))));
    let long = changed(|c| c["x"] = json!("x".repeat(9000)));
    assert_eq!(verify(&long, &keys(), EXPECTED, NOW_S), Err(CredentialError::TooLong));
}
