//! Signed documents: the verifier chooses, never the header.

use serde_json::json;
use weal_trust::did::{DidKey, Purposes};
use weal_trust::encoding::base64url;
use weal_trust::jws::{JWS_BYTES_MAX, JwsError, jws_sign, jws_verify};
use weal_trust::keys::NodeKey;

const KID: &str = "did:web:governing.example#key-1";

fn key() -> NodeKey {
    NodeKey::from_seed(&[1; 32])
}

fn keys(purposes: Purposes) -> Vec<DidKey> {
    vec![DidKey { id: KID.into(), key: key().public().into(), purposes }]
}

/// A compact JWS with any header, properly signed.
pub(crate) fn forge(header: &serde_json::Value, payload: &[u8], key: &NodeKey) -> String {
    let input = format!("{}.{}", base64url(header.to_string().as_bytes()), base64url(payload));
    let signature = key.sign(input.as_bytes());
    format!("{input}.{}", base64url(&signature))
}

/// RFC 8037 appendix A.4: the signature over its own header and payload.
#[test]
fn signs_as_rfc_8037_does() {
    let seed = hex::decode("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60").unwrap();
    let key = NodeKey::from_seed(&seed.try_into().unwrap());
    let jws = forge(&json!({"alg": "EdDSA"}), b"Example of Ed25519 signing", &key);
    assert_eq!(
        jws,
        "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc.hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg"
    );
}

#[test]
fn a_signed_register_comes_back() {
    let register = br#"{"members":[]}"#;
    let jws = jws_sign(register, "weal-register+jws", KID, &key());
    assert_eq!(jws_verify(&jws, "weal-register+jws", &keys(Purposes::ALL)), Ok(register.to_vec()));
    assert_eq!(jws_verify(&jws, "weal-policy+jws", &keys(Purposes::ALL)), Err(JwsError::WrongType));
    let only_authentication = Purposes { authentication: true, assertion: false, invocation: false };
    let outcome = jws_verify(&jws, "weal-register+jws", &keys(only_authentication));
    assert_eq!(outcome, Err(JwsError::UnknownKey));
    assert_eq!(jws_verify(&jws, "weal-register+jws", &[]), Err(JwsError::UnknownKey));
    let mut others = keys(Purposes::ALL);
    others[0].key = NodeKey::from_seed(&[2; 32]).public().into();
    assert_eq!(jws_verify(&jws, "weal-register+jws", &others), Err(JwsError::BadSignature));
}

#[test]
fn the_header_chooses_nothing() {
    let verify = |jws: &str| jws_verify(jws, "t", &keys(Purposes::ALL));
    for alg in ["none", "None", "HS256", "ES256", "RS256", "eddsa", "Ed448", ""] {
        let jws = forge(&json!({"alg": alg, "typ": "t", "kid": KID}), b"x", &key());
        assert_eq!(verify(&jws), Err(JwsError::WrongAlgorithm), "{alg}");
        let unsigned = jws.rsplit_once('.').unwrap().0;
        assert_eq!(verify(&format!("{unsigned}.")), Err(JwsError::WrongAlgorithm), "{alg}");
    }
    let evil = NodeKey::from_seed(&[66; 32]);
    let header = json!({"alg": "EdDSA", "typ": "t", "kid": KID, "jwk": evil.public().to_jwk()});
    assert_eq!(verify(&forge(&header, b"x", &evil)), Err(JwsError::BadSignature));
    assert_eq!(verify(&forge(&header, b"x", &key())), Ok(b"x".to_vec()));
    let demanding = json!({"alg": "EdDSA", "typ": "t", "kid": KID, "crit": ["b64"], "b64": false});
    assert!(matches!(verify(&forge(&demanding, b"x", &key())), Err(JwsError::Malformed(_))));
    let no_kid = json!({"alg": "EdDSA", "typ": "t"});
    assert!(matches!(verify(&forge(&no_kid, b"x", &key())), Err(JwsError::Malformed(_))));
    let no_typ = json!({"alg": "EdDSA", "kid": KID});
    assert_eq!(verify(&forge(&no_typ, b"x", &key())), Err(JwsError::WrongType));
}

#[test]
fn refuses_malformed_documents() {
    let good = jws_sign(b"x", "t", KID, &key());
    let long_header =
        forge(&json!({"alg": "EdDSA", "typ": "t", "kid": KID, "x": "x".repeat(3000)}), b"x", &key());
    let twice = format!("{}.eA.eA", base64url(br#"{"alg":"none","alg":"EdDSA","kid":"k"}"#));
    for wrong in [
        "",
        ".",
        "..",
        "a.b",
        &format!("{good}="),
        &format!("{good}.x"),
        &format!(" {good}"),
        &long_header,
        &twice,
    ] {
        let outcome = jws_verify(wrong, "t", &keys(Purposes::ALL));
        assert!(matches!(outcome, Err(JwsError::Malformed(_))), "{wrong}: {outcome:?}");
    }
    let long = "a".repeat(JWS_BYTES_MAX + 1);
    let outcome = jws_verify(&long, "t", &keys(Purposes::ALL));
    assert_eq!(outcome, Err(JwsError::TooLong { bytes_max: JWS_BYTES_MAX }));
}
