//! Node tokens: every way in which one can be wrong.

use proptest::prelude::*;
use serde_json::{Value, json};
use weal_trust::did::{DidKey, Purposes};
use weal_trust::keys::NodeKey;
use weal_trust::token::{Claims, LEEWAY_S, Peeked, TokenError, peek, sign, verify};

use crate::jws::forge;

const ME: &str = "did:web:revenue.example";
const PEER: &str = "did:web:education.example";
const KID: &str = "did:web:education.example#key-1";
const NOW_S: i64 = 1_800_000_000;

/// What is wrong, and how to make it so.
type Case = (&'static str, fn(&mut Value));

fn key() -> NodeKey {
    NodeKey::from_seed(&[1; 32])
}

fn keys() -> Vec<DidKey> {
    vec![DidKey { id: KID.into(), key: key().public().into(), purposes: Purposes::ALL }]
}

fn claims() -> Claims {
    Claims {
        iss: PEER.into(),
        sub: PEER.into(),
        aud: ME.into(),
        iat: NOW_S,
        exp: NOW_S + 120,
        nbf: None,
        jti: "f2c1a0de-5a52-4c55-9a0f-0e6f4f6f7a10".into(),
        membership: Some("a.b.c".into()),
        token: None,
    }
}

fn claims_json(change: impl FnOnce(&mut Value)) -> String {
    let mut json = serde_json::to_value(claims()).unwrap();
    change(&mut json);
    forge(&json!({"alg": "EdDSA", "typ": "JWT", "kid": KID}), json.to_string().as_bytes(), &key())
}

#[test]
fn a_good_token_is_accepted_while_it_lives() {
    let token = sign(&claims(), KID, &key()).unwrap();
    let peeked = Peeked {
        issuer: PEER.into(),
        kid: Some(KID.into()),
        audience: ME.into(),
        membership: Some("a.b.c".into()),
        access: None,
    };
    assert_eq!(peek(&token), Ok(peeked));
    for now_s in [NOW_S - LEEWAY_S, NOW_S, NOW_S + 119, NOW_S + 120 + LEEWAY_S - 1] {
        assert_eq!(verify(&token, &keys(), ME, now_s), Ok(claims()), "{now_s}");
    }
    assert_eq!(
        verify(&token, &keys(), ME, NOW_S - LEEWAY_S - 1),
        Err(TokenError::NotYetValid { seconds: 31 })
    );
    assert_eq!(verify(&token, &keys(), ME, NOW_S + 150), Err(TokenError::Expired { seconds: 30 }));
    assert!(verify(&token, &keys(), ME, i64::MAX).is_err() && verify(&token, &keys(), ME, i64::MIN).is_err());
}

#[test]
fn nbf_delays_a_token() {
    let token = sign(&Claims { nbf: Some(NOW_S + 60), ..claims() }, KID, &key()).unwrap();
    assert_eq!(verify(&token, &keys(), ME, NOW_S), Err(TokenError::NotYetValid { seconds: 60 }));
    assert!(verify(&token, &keys(), ME, NOW_S + 60).is_ok());
}

#[test]
fn a_token_is_for_one_listener() {
    let token = sign(&claims(), KID, &key()).unwrap();
    for other in ["did:web:benefits.example", "", "did:web:revenue.example.evil.example"] {
        assert_eq!(verify(&token, &keys(), other, NOW_S), Err(TokenError::WrongAudience));
    }
    let listed = claims_json(|c| c["aud"] = json!([ME]));
    assert_eq!(verify(&listed, &keys(), ME, NOW_S), Ok(claims()));
    let two = claims_json(|c| c["aud"] = json!([ME, "did:web:benefits.example"]));
    assert!(matches!(verify(&two, &keys(), ME, NOW_S), Err(TokenError::Malformed(_))));
}

#[test]
fn nobody_speaks_for_another() {
    let token = sign(&claims(), KID, &NodeKey::from_seed(&[66; 32])).unwrap();
    assert_eq!(verify(&token, &keys(), ME, NOW_S), Err(TokenError::BadSignature));
    // The attacker's own, valid key and document, but the victim as issuer.
    let evil = NodeKey::from_seed(&[66; 32]);
    let evil_kid = "did:web:evil.example#key-1";
    let evil_keys = [DidKey { id: evil_kid.into(), key: evil.public().into(), purposes: Purposes::ALL }];
    let payload = serde_json::to_vec(&claims()).unwrap();
    let forged = forge(&json!({"alg": "EdDSA", "typ": "JWT", "kid": evil_kid}), &payload, &evil);
    assert!(matches!(verify(&forged, &evil_keys, ME, NOW_S), Err(TokenError::Malformed(_))));
    assert!(sign(&claims(), evil_kid, &evil).is_err());
    // A key published for something else.
    let mut keys = keys();
    keys[0].purposes = Purposes { authentication: false, assertion: true, invocation: false };
    let token = sign(&claims(), KID, &key()).unwrap();
    assert_eq!(verify(&token, &keys, ME, NOW_S), Err(TokenError::UnknownKey));
}

#[test]
fn malformed_claims_are_refused() {
    let cases: [Case; 14] = [
        ("another subject", |c| c["sub"] = json!("did:web:evil.example")),
        ("no issuer", |c| drop(c.as_object_mut().unwrap().remove("iss"))),
        ("no expiry", |c| drop(c.as_object_mut().unwrap().remove("exp"))),
        ("no start", |c| drop(c.as_object_mut().unwrap().remove("iat"))),
        ("no id", |c| drop(c.as_object_mut().unwrap().remove("jti"))),
        ("empty id", |c| c["jti"] = json!("")),
        ("long id", |c| c["jti"] = json!("x".repeat(129))),
        ("expiry as text", |c| c["exp"] = json!("1800000120")),
        ("fraction", |c| c["exp"] = json!(1_800_000_120.5)),
        ("negative", |c| c["iat"] = json!(-1)),
        ("beyond the calendar", |c| c["exp"] = json!(i64::MAX)),
        ("expires first", |c| c["exp"] = json!(NOW_S)),
        ("no audience", |c| c["aud"] = json!([])),
        ("not an object", |c| *c = json!([1, 2])),
    ];
    for (what, change) in cases {
        let outcome = verify(&claims_json(change), &keys(), ME, NOW_S);
        assert!(matches!(outcome, Err(TokenError::Malformed(_))), "{what}: {outcome:?}");
    }
    let outcome = verify(&claims_json(|c| c["exp"] = json!(NOW_S + 661)), &keys(), ME, NOW_S);
    assert_eq!(outcome, Err(TokenError::LivesTooLong { seconds: 661 }));
    assert!(verify(&claims_json(|c| c["unknown"] = json!({"a": 1})), &keys(), ME, NOW_S).is_ok());
    let twice = serde_json::to_string(&claims()).unwrap().replace("{\"iss\"", "{\"aud\":\"x\",\"iss\"");
    let twice = forge(&json!({"alg": "EdDSA", "typ": "JWT", "kid": KID}), twice.as_bytes(), &key());
    assert!(matches!(verify(&twice, &keys(), ME, NOW_S), Err(TokenError::Malformed(_))));
}

#[test]
fn a_credential_is_not_a_token() {
    let payload = serde_json::to_vec(&claims()).unwrap();
    let other = forge(&json!({"alg": "EdDSA", "typ": "vc+jwt", "kid": KID}), &payload, &key());
    assert!(matches!(verify(&other, &keys(), ME, NOW_S), Err(TokenError::Malformed(_))));
    let none = forge(&json!({"alg": "none", "typ": "JWT", "kid": KID}), &payload, &key());
    assert_eq!(verify(&none, &keys(), ME, NOW_S), Err(TokenError::WrongAlgorithm));
}

#[test]
fn long_tokens_are_not_even_read() {
    let long = Claims { membership: Some("x".repeat(13_000)), ..claims() };
    assert_eq!(sign(&long, KID, &key()), Err(TokenError::TooLong));
    let forged = claims_json(|c| c["membership"] = json!("x".repeat(13_000)));
    assert_eq!(verify(&forged, &keys(), ME, NOW_S), Err(TokenError::TooLong));
    assert_eq!(peek(&forged), Err(TokenError::TooLong));
}

#[test]
fn errors_say_nothing_of_the_token() {
    let secret = claims_json(|c| c["exp"] = json!("SECRET"));
    let said = verify(&secret, &keys(), ME, NOW_S).unwrap_err().to_string();
    assert!(!said.contains("SECRET"), "{said}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn no_character_of_a_token_can_be_changed(at in 0usize..5000, by in "[A-Za-z0-9_.-]") {
        let token = sign(&claims(), KID, &key()).unwrap();
        let at = at % token.len();
        prop_assume!(token[at..=at] != by);
        let changed = format!("{}{by}{}", &token[..at], &token[at + 1..]);
        prop_assert!(verify(&changed, &keys(), ME, NOW_S).is_err());
    }

    #[test]
    fn no_text_is_a_crash(token in "[A-Za-z0-9_=-]{0,30}(\\.[A-Za-z0-9_-]{0,30}){0,3}") {
        prop_assert!(verify(&token, &keys(), ME, NOW_S).is_err());
    }
}
