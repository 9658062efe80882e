//! Ed25519 against RFC 8032 section 7.1 and RFC 8037 appendix A.

use serde_json::json;
use weal_trust::encoding::hex as to_hex;
use weal_trust::keys::{BadSignature, KeyError, NodeKey, PublicKey};

fn bytes32(text: &str) -> [u8; 32] {
    hex::decode(text).unwrap().try_into().unwrap()
}

/// Seed, public key, message, signature.
const RFC_8032: [(&str, &str, &str, &str); 3] = [
    (
        "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
        "",
        "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
    ),
    (
        "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
        "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
        "72",
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
    ),
    (
        "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
        "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
        "af82",
        "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a",
    ),
];

#[test]
fn signs_as_rfc_8032_does() {
    for (seed, public, message, signature) in RFC_8032 {
        let key = NodeKey::from_seed(&bytes32(seed));
        let message = hex::decode(message).unwrap();
        assert_eq!(to_hex(&key.public().bytes()), public);
        assert_eq!(to_hex(&key.sign(&message)), signature);
        let public = PublicKey::from_bytes(&bytes32(public)).unwrap();
        let signature = hex::decode(signature).unwrap();
        assert_eq!(public.verify(&message, &signature), Ok(()));
        for nth in 0..signature.len() {
            let mut changed = signature.clone();
            changed[nth] ^= 1;
            assert_eq!(public.verify(&message, &changed), Err(BadSignature));
        }
        assert_eq!(public.verify(b"another message", &signature), Err(BadSignature));
        assert_eq!(public.verify(&message, &signature[..63]), Err(BadSignature));
    }
}

#[test]
fn refuses_keys_for_which_anyone_can_sign() {
    let mut identity = [0; 32];
    identity[0] = 1;
    assert_eq!(PublicKey::from_bytes(&identity), Err(KeyError::WeakKey));
    assert_eq!(PublicKey::from_bytes(&[0; 32]), Err(KeyError::WeakKey));
    let mut no_point = [0; 32];
    no_point[0] = 2;
    assert_eq!(PublicKey::from_bytes(&no_point), Err(KeyError::NotAPublicKey));
}

#[test]
fn keeps_a_key_in_pem() {
    let key = NodeKey::from_seed(&[7; 32]);
    let pem = key.to_pem();
    assert_eq!(NodeKey::from_pem(&pem).unwrap().public(), key.public());
    // RFC 8410 section 10.3: a version 1 key, and a version 2 key with its public half.
    let v1 = "-----BEGIN PRIVATE KEY-----\n\
        MC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC\n\
        -----END PRIVATE KEY-----\n";
    let published = "19bf44096984cdfe8541bac167dc3b96c85086aa30b6b6cb0c5c38ad703166e1";
    assert_eq!(to_hex(&NodeKey::from_pem(v1).unwrap().public().bytes()), published);
    assert_eq!(NodeKey::from_pem(v1).unwrap().to_pem().as_str(), v1);
    for wrong in ["", "-----BEGIN PRIVATE KEY-----", &pem.replace("PRIVATE", "PUBLIC"), &"A".repeat(5000)] {
        assert_eq!(NodeKey::from_pem(wrong).unwrap_err(), KeyError::NotPkcs8Pem);
    }
}

#[test]
fn never_shows_the_private_half() {
    let key = NodeKey::from_seed(&[7; 32]);
    let shown = format!("{key:?}");
    assert!(shown.contains(&to_hex(&key.public().bytes())), "{shown}");
    assert!(!shown.contains("0707") && !shown.contains("7, 7"), "{shown}");
}

#[test]
fn publishes_a_jwk_as_rfc_8037_does() {
    let key = PublicKey::from_bytes(&bytes32(RFC_8032[0].1)).unwrap();
    let jwk = json!({"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"});
    assert_eq!(key.to_jwk(), jwk);
    assert_eq!(PublicKey::from_jwk(&jwk), Ok(key));
    assert_eq!(key.thumbprint(), "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
}

#[test]
fn refuses_other_jwks() {
    let good = PublicKey::from_bytes(&bytes32(RFC_8032[0].1)).unwrap().to_jwk();
    for (member, value) in [
        ("kty", json!("EC")),
        ("crv", json!("X25519")),
        ("x", json!("11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo=")),
        ("x", json!("11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHUR")),
        ("x", json!(7)),
        ("d", json!("nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A")),
    ] {
        let mut jwk = good.clone();
        jwk[member] = value;
        assert_eq!(PublicKey::from_jwk(&jwk), Err(KeyError::NotAnEd25519Jwk), "{member}");
    }
}
