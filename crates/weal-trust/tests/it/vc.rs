//! Credentials in both profiles, by our keys and by strangers'.

use proptest::prelude::*;
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use serde_json::{Value, json};
use weal_trust::did::DidDocument;
use weal_trust::encoding::{base64url, from_base64url};
use weal_trust::jws::{JwsSigner, jws_sign};
use weal_trust::keys::{NodeKey, P256Key, VerifyingKey};
use weal_trust::status::StatusEntry;
use weal_trust::token::{Claims, TokenError, verify_self_issued};
use weal_trust::vc::{Credential, NewCredential, Profile, VcError, issue, peek, verify};

pub(crate) const ISSUER: &str = "did:web:issuer.example";
pub(crate) const HOLDER: &str = "did:web:holder.example";
pub(crate) const NOW_S: i64 = 1_800_000_000;

/// What is wrong, and how to make it so.
type Case = (&'static str, fn(&mut Value));

/// A stranger's key on P-256.
#[derive(Debug)]
pub(crate) struct Es256(EcdsaKeyPair);

impl Es256 {
    pub(crate) fn new() -> Self {
        let chance = SystemRandom::new();
        let pkcs8 = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &chance).unwrap();
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, pkcs8.as_ref(), &chance);
        Self(pair.unwrap())
    }
}

impl JwsSigner for Es256 {
    fn verifying(&self) -> VerifyingKey {
        VerifyingKey::P256(P256Key::from_point(self.0.public_key().as_ref().try_into().unwrap()))
    }
    fn jws_signature(&self, message: &[u8]) -> Vec<u8> {
        self.0.sign(&SystemRandom::new(), message).unwrap().as_ref().to_vec()
    }
}

pub(crate) fn ed() -> NodeKey {
    NodeKey::from_seed(&[1; 32])
}

pub(crate) fn kid(did: &str) -> String {
    format!("{did}#key-1")
}

/// The document of a DID with one key.
pub(crate) fn document(did: &str, key: &dyn JwsSigner) -> DidDocument {
    DidDocument::of_keys(did, [("key-1", key.verifying())].into_iter(), Vec::new())
}

pub(crate) fn status() -> StatusEntry {
    StatusEntry { list: "https://issuer.example/status/1".into(), index: 7, purpose: "revocation".into() }
}

pub(crate) fn credential(profile: Profile, key: &dyn JwsSigner) -> String {
    let status = status();
    let new = NewCredential {
        profile,
        id: "urn:uuid:1",
        issuer: ISSUER,
        kinds: &["MembershipCredential"],
        subject: json!({ "id": HOLDER, "level": "gold" }),
        valid_from_s: NOW_S,
        valid_until_s: NOW_S + 1000,
        status: Some(&status),
        context: json!({ "level": "urn:x:level" }),
    };
    issue(&new, &kid(ISSUER), key).unwrap()
}

fn changed(profile: Profile, change: impl FnOnce(&mut Value)) -> String {
    let signed = credential(profile, &ed());
    let mut payload: Value =
        serde_json::from_slice(&from_base64url(signed.split('.').nth(1).unwrap()).unwrap()).unwrap();
    change(&mut payload);
    jws_sign(payload.to_string().as_bytes(), "JWT", &kid(ISSUER), &ed())
}

#[test]
fn both_profiles_say_the_same_under_both_algorithms() {
    let (ed, es) = (ed(), Es256::new());
    for key in [&ed as &dyn JwsSigner, &es] {
        for profile in Profile::ALL {
            let signed = credential(profile, key);
            let expected = Credential {
                profile,
                id: Some("urn:uuid:1".into()),
                issuer: ISSUER.into(),
                holder: HOLDER.into(),
                kinds: vec!["MembershipCredential".into()],
                subject: json!({ "id": HOLDER, "level": "gold" }).as_object().unwrap().clone(),
                valid_from_s: Some(NOW_S),
                valid_until_s: Some(NOW_S + 1000),
                statuses: vec![status()],
                has_schema: false,
            };
            assert_eq!(peek(&signed), Ok(expected.clone()));
            assert_eq!(verify(&signed, &document(ISSUER, key), HOLDER, NOW_S), Ok(expected));
        }
    }
}

#[test]
fn a_header_never_chooses_the_algorithm() {
    let (ed, es) = (ed(), Es256::new());
    // Signed by P-256, but the document says Ed25519, and the other way round.
    let by_es = credential(Profile::Vc20, &es);
    assert_eq!(verify(&by_es, &document(ISSUER, &ed), HOLDER, NOW_S), Err(VcError::WrongAlgorithm));
    let by_ed = credential(Profile::Vc20, &ed);
    assert_eq!(verify(&by_ed, &document(ISSUER, &es), HOLDER, NOW_S), Err(VcError::WrongAlgorithm));
    for alg in ["none", "HS256", "ES384", "RS256", "es256"] {
        let rest = by_ed.split_once('.').unwrap().1;
        let header = base64url(json!({ "alg": alg, "kid": kid(ISSUER) }).to_string().as_bytes());
        let outcome = verify(&format!("{header}.{rest}"), &document(ISSUER, &ed), HOLDER, NOW_S);
        assert_eq!(outcome, Err(VcError::WrongAlgorithm), "{alg}");
    }
    // A point that is not on the curve verifies nothing.
    let nowhere = VerifyingKey::P256(P256Key::from_point([4; 65]));
    let document = DidDocument::of_keys(ISSUER, [("key-1", nowhere)].into_iter(), Vec::new());
    assert_eq!(verify(&by_es, &document, HOLDER, NOW_S), Err(VcError::BadSignature));
}

#[test]
fn it_is_the_issuers_for_the_holder_in_its_time() {
    for profile in Profile::ALL {
        let signed = credential(profile, &ed());
        let at = |now_s| verify(&signed, &document(ISSUER, &ed()), HOLDER, now_s);
        assert!(at(NOW_S - 30).is_ok() && at(NOW_S + 1029).is_ok());
        assert_eq!(at(NOW_S - 31).unwrap_err(), VcError::NotYetValid { seconds: 31 });
        assert_eq!(at(NOW_S + 1030).unwrap_err(), VcError::Expired { seconds: 30 });
        let other = verify(&signed, &document(ISSUER, &ed()), "did:web:thief.example", NOW_S);
        assert_eq!(other, Err(VcError::WrongHolder));
        let elsewhere = verify(&signed, &document("did:web:evil.example", &ed()), HOLDER, NOW_S);
        assert_eq!(elsewhere, Err(VcError::UnknownKey));
        let evil = NodeKey::from_seed(&[66; 32]);
        assert_eq!(
            verify(&credential(profile, &evil), &document(ISSUER, &ed()), HOLDER, NOW_S),
            Err(VcError::BadSignature)
        );
        let mut idle = document(ISSUER, &ed());
        idle.keys[0].purposes.assertion = false;
        assert_eq!(verify(&signed, &idle, HOLDER, NOW_S), Err(VcError::UnknownKey));
    }
}

#[test]
fn what_is_said_twice_must_agree_and_the_narrower_time_counts() {
    let verify = |signed: &str| verify(signed, &document(ISSUER, &ed()), HOLDER, NOW_S);
    let cases: [Case; 6] = [
        ("another issuer", |c| c["iss"] = json!("did:web:other.example")),
        ("another issuer inside", |c| c["vc"]["issuer"] = json!("did:web:other.example")),
        ("two subjects", |c| c["vc"]["credentialSubject"] = json!([{"id": HOLDER}, {"id": HOLDER}])),
        ("a status of another kind", |c| c["vc"]["credentialStatus"] = json!({"id": "x", "type": "CRL"})),
        ("no moment", |c| c["vc"]["expirationDate"] = json!("soon")),
        ("`vc` as text", |c| c["vc"] = json!("x")),
    ];
    for (what, change) in cases {
        let outcome = verify(&changed(Profile::Vc11, change));
        assert!(matches!(outcome, Err(VcError::Malformed(_))), "{what}: {outcome:?}");
    }
    let about = |c: &mut Value| c["vc"]["credentialSubject"]["id"] = json!("did:web:other.example");
    assert_eq!(verify(&changed(Profile::Vc11, about)), Err(VcError::WrongHolder));
    let untyped = changed(Profile::Vc20, |c| c["type"] = json!(["MembershipCredential"]));
    assert!(matches!(verify(&untyped), Err(VcError::Malformed(_))));
    let past = changed(Profile::Vc11, |c| c["vc"]["expirationDate"] = json!("2020-01-01T00:00:00Z"));
    assert!(matches!(verify(&past), Err(VcError::Expired { .. })));
    let future = changed(Profile::Vc11, |c| c["vc"]["issuanceDate"] = json!("2040-01-01T00:00:00Z"));
    assert!(matches!(verify(&future), Err(VcError::NotYetValid { .. })));
    let ended = changed(Profile::Vc20, |c| c["exp"] = json!(NOW_S - 100));
    assert!(matches!(verify(&ended), Err(VcError::Expired { .. })));
    let schema = json!({ "id": "https://x.example/s.json", "type": "JsonSchema" });
    let demanding = changed(Profile::Vc11, |c| c["vc"]["credentialSchema"] = schema);
    assert_eq!(verify(&demanding), Err(VcError::HasSchema));
    // The token's claims may stand for the credential's members.
    let short = changed(Profile::Vc11, |c| {
        let inner = c["vc"].as_object_mut().unwrap();
        inner.remove("issuer");
        inner["credentialSubject"].as_object_mut().unwrap().remove("id");
    });
    assert!(verify(&short).is_ok());
}

#[test]
fn a_self_issued_token_is_signed_for_invocation() {
    let key = Es256::new();
    let claims = Claims {
        iss: HOLDER.into(),
        sub: HOLDER.into(),
        aud: ISSUER.into(),
        iat: NOW_S,
        exp: NOW_S + 600,
        nbf: None,
        jti: "1".into(),
        membership: None,
        token: Some("opaque".into()),
    };
    let payload = serde_json::to_vec(&claims).unwrap();
    let verify = |token: &str, document: &DidDocument| verify_self_issued(token, document, ISSUER, NOW_S);
    let good = jws_sign(&payload, "JWT", &kid(HOLDER), &key);
    assert_eq!(verify(&good, &document(HOLDER, &key)), Ok(claims));
    let relative = jws_sign(&payload, "JWT", "#key-1", &key);
    assert!(verify(&relative, &document(HOLDER, &key)).is_ok());
    let mut idle = document(HOLDER, &key);
    idle.keys[0].purposes.invocation = false;
    assert_eq!(verify(&good, &idle), Err(TokenError::UnknownKey));
    assert_eq!(verify(&good, &document(ISSUER, &key)), Err(TokenError::UnknownKey));
    // Without a name it is the only key's, and nobody's where there are two.
    let nameless = |payload: &[u8]| {
        let input = format!("{}.{}", base64url(br#"{"alg":"ES256"}"#), base64url(payload));
        format!("{input}.{}", base64url(&key.jws_signature(input.as_bytes())))
    };
    assert!(verify(&nameless(&payload), &document(HOLDER, &key)).is_ok());
    let two = [("key-1", key.verifying()), ("key-2", ed().verifying())];
    let two = DidDocument::of_keys(HOLDER, two.into_iter(), Vec::new());
    assert_eq!(verify(&nameless(&payload), &two), Err(TokenError::UnknownKey));
    // A presentation is no token, whatever else it claims.
    let mut shown: Value = serde_json::from_slice(&payload).unwrap();
    shown["vp"] = json!({});
    let shown = jws_sign(shown.to_string().as_bytes(), "JWT", &kid(HOLDER), &key);
    assert!(matches!(verify(&shown, &document(HOLDER, &key)), Err(TokenError::Malformed(_))));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn no_character_of_a_credential_can_be_changed(at in 0usize..5000, by in "[A-Za-z0-9_.-]") {
        let signed = credential(Profile::Vc11, &ed());
        let at = at % signed.len();
        prop_assume!(signed[at..=at] != by);
        let changed = format!("{}{by}{}", &signed[..at], &signed[at + 1..]);
        prop_assert!(verify(&changed, &document(ISSUER, &ed()), HOLDER, NOW_S).is_err());
    }
}
