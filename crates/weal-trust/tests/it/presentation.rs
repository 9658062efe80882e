//! Presentations: whose, for whom, and of what.

use serde_json::{Value, json};
use weal_trust::encoding::from_base64url;
use weal_trust::jws::{JwsSigner, jws_sign};
use weal_trust::keys::NodeKey;
use weal_trust::presentation::{NewPresentation, sign, verify};
use weal_trust::vc::{Profile, VcError};

use crate::vc::{Es256, HOLDER, NOW_S, credential, document, ed, kid};

const VERIFIER: &str = "did:web:verifier.example";

/// What is wrong, and how to make it so.
type Case = (&'static str, fn(&mut Value));

fn presentation(profile: Profile, credentials: &[String], key: &dyn JwsSigner) -> String {
    let new = NewPresentation {
        profile,
        id: "urn:uuid:2",
        holder: HOLDER,
        audience: VERIFIER,
        credentials,
        now_s: NOW_S,
        valid_s: 60,
    };
    sign(&new, &kid(HOLDER), key)
}

fn changed(profile: Profile, change: impl FnOnce(&mut Value)) -> String {
    let signed = presentation(profile, &[credential(profile, &ed())], &ed());
    let mut payload: Value =
        serde_json::from_slice(&from_base64url(signed.split('.').nth(1).unwrap()).unwrap()).unwrap();
    change(&mut payload);
    jws_sign(payload.to_string().as_bytes(), "JWT", &kid(HOLDER), &ed())
}

#[test]
fn both_profiles_carry_their_credentials() {
    let es = Es256::new();
    for key in [&ed() as &dyn JwsSigner, &es] {
        for profile in Profile::ALL {
            let held = vec![credential(profile, &ed()), credential(profile, &es)];
            let shown = presentation(profile, &held, key);
            assert_eq!(verify(&shown, &document(HOLDER, key), VERIFIER, NOW_S), Ok(held));
        }
    }
}

#[test]
fn it_is_the_holders_word_to_one_verifier_now() {
    let shown = presentation(Profile::Vc11, &[], &ed());
    let holder = document(HOLDER, &ed());
    assert_eq!(verify(&shown, &holder, VERIFIER, NOW_S), Ok(Vec::new()));
    assert!(matches!(verify(&shown, &holder, "did:web:other.example", NOW_S), Err(VcError::Malformed(_))));
    assert_eq!(verify(&shown, &holder, VERIFIER, NOW_S + 90), Err(VcError::Expired { seconds: 30 }));
    assert!(matches!(verify(&shown, &holder, VERIFIER, NOW_S - 31), Err(VcError::NotYetValid { .. })));
    let thief = document("did:web:thief.example", &ed());
    assert!(verify(&shown, &thief, VERIFIER, NOW_S).is_err());
    let evil = NodeKey::from_seed(&[66; 32]);
    let forged = presentation(Profile::Vc20, &[], &evil);
    assert_eq!(verify(&forged, &holder, VERIFIER, NOW_S), Err(VcError::BadSignature));
    let mut idle = document(HOLDER, &ed());
    idle.keys[0].purposes.authentication = false;
    assert_eq!(verify(&shown, &idle, VERIFIER, NOW_S), Err(VcError::UnknownKey));
}

#[test]
fn what_is_wrong_is_refused() {
    let cases: [Case; 8] = [
        ("another holder", |p| p["vp"]["holder"] = json!("did:web:other.example")),
        ("another issuer", |p| p["iss"] = json!("did:web:other.example")),
        ("for nobody", |p| drop(p.as_object_mut().unwrap().remove("aud"))),
        ("for two", |p| p["aud"] = json!([VERIFIER, "did:web:other.example"])),
        ("another type", |p| p["vp"]["type"] = json!("VerifiableCredential")),
        ("two presentations", |p| p["vp"] = json!([p["vp"].clone(), p["vp"].clone()])),
        ("a plain credential", |p| p["vp"]["verifiableCredential"] = json!([{"id": "urn:x"}])),
        ("too many", |p| p["vp"]["verifiableCredential"] = json!(vec!["a.b.c"; 17])),
    ];
    for (what, change) in cases {
        let shown = changed(Profile::Vc11, change);
        assert!(verify(&shown, &document(HOLDER, &ed()), VERIFIER, NOW_S).is_err(), "{what}");
    }
    let one_in_a_list = changed(Profile::Vc11, |p| p["vp"] = json!([p["vp"].clone()]));
    assert!(verify(&one_in_a_list, &document(HOLDER, &ed()), VERIFIER, NOW_S).is_ok());
    let credential = credential(Profile::Vc20, &ed());
    assert!(verify(&credential, &document(HOLDER, &ed()), VERIFIER, NOW_S).is_err());
}
