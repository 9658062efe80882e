//! The list of all papers, each with good ones and the function that reads it. Where a signature would keep a
//! changed payload from being read at all, the target signs it again.

use weal_trust::checkpoint::{Checkpoint, origin_of};
use weal_trust::credential::{self, Expected};
use weal_trust::did::{DidDocument, DidKey};
use weal_trust::encoding::from_base64url;
use weal_trust::export::{did_json, verify_export};
use weal_trust::jws::{jws_sign, jws_verify};
use weal_trust::keys::{NodeKey, PublicKey};
use weal_trust::note::{Note, VerifierKey};
use weal_trust::presentation::{self, NewPresentation};
use weal_trust::proof::TlogProof;
use weal_trust::status::{ListKind, StatusList};
use weal_trust::tiles::{Tile, bundle, parse_bundle};
use weal_trust::{token, vc};

use super::fuzzer::{Kind, Target};

/// Targets that the search for readers does not find.
pub(super) const FURTHER: [&str; 11] = [
    "credential::verify",
    "export::verify_export of entries",
    "export::verify_export of its head",
    "jws::jws_verify of a payload",
    "keys::from_jwk",
    "keys::from_pem",
    "note::from_vkey",
    "presentation::verify",
    "status::decode",
    "token::verify",
    "vc::verify",
];

const DID: &str = "did:web:revenue.example";
const KID: &str = "did:web:revenue.example#key-1";
const PEER: &str = "did:web:education.example";
const ECOSYSTEM: &str = "urn:uuid:6f1c2c64-4c1e-4b0e-9b8d-0a9f4b8f8a11";
const NOW_S: i64 = 1_800_000_000;

fn key() -> NodeKey {
    NodeKey::from_seed(&[7; 32])
}

fn keys() -> Vec<DidKey> {
    DidDocument::new(DID, &[("key-1", key().public())], Vec::new()).keys
}

fn golden(name: &str) -> Vec<u8> {
    let file = super::here().join("tests/golden").join(name);
    std::fs::read(file).expect("a golden file")
}

/// The payload of a golden JWT.
fn payload(name: &str) -> Vec<u8> {
    let jwt = String::from_utf8(golden(name)).expect("a JWT is text");
    from_base64url(jwt.split('.').nth(1).expect("three parts")).expect("base64url")
}

fn on_text(bytes: &[u8], read: impl FnOnce(&str) -> bool) -> bool {
    std::str::from_utf8(bytes).is_ok_and(read)
}

fn did_document(bytes: &[u8]) -> bool {
    let Ok(read) = DidDocument::parse(bytes) else { return false };
    assert_eq!(DidDocument::parse(did_json(&read).as_bytes()).as_ref(), Ok(&read));
    assert_eq!(DidDocument::parse_of(&read.id, did_json(&read).as_bytes()).as_ref(), Ok(&read));
    true
}

fn token_claims(bytes: &[u8]) -> bool {
    let signed = jws_sign(bytes, "JWT", KID, &key());
    let Ok(claims) = token::verify(&signed, &keys(), PEER, NOW_S) else { return false };
    assert!(claims.iss == DID && claims.sub == DID && claims.aud == PEER, "{claims:?}");
    assert!(claims.exp > NOW_S - 120 && claims.iat <= NOW_S + 120, "{claims:?}");
    let again = token::sign(&claims, KID, &key()).expect("what is verified can be signed");
    assert_eq!(token::verify(&again, &keys(), PEER, NOW_S), Ok(claims));
    true
}

fn credential_claims(bytes: &[u8]) -> bool {
    let signed = jws_sign(bytes, "vc+jwt", KID, &key());
    let expected = || Expected { issuer: DID, subject: PEER, ecosystem: ECOSYSTEM };
    let Ok(read) = credential::verify(&signed, &keys(), expected(), NOW_S) else { return false };
    assert!(read.issuer == DID && read.subject == PEER && read.ecosystem == ECOSYSTEM, "{read:?}");
    let again = credential::issue(&read, KID, &key()).expect("what is verified can be issued");
    assert_eq!(credential::verify(&again, &keys(), expected(), NOW_S), Ok(read));
    true
}

/// Whatever was signed, only exactly that is verified: a changed JWS that still holds has the same payload.
fn jws(bytes: &[u8]) -> bool {
    on_text(bytes, |text| {
        let verified = jws_verify(text, "JWT", &keys());
        if let Ok(payload) = &verified {
            assert_eq!(*payload, self::payload("token_v1.jwt"), "a forged payload: {text}");
        }
        verified.is_ok()
    })
}

fn note(bytes: &[u8]) -> bool {
    on_text(bytes, |text| {
        let Ok(read) = Note::parse(text) else { return false };
        assert_eq!(read.to_string(), text, "only one spelling is read");
        let key = VerifierKey::from_vkey(String::from_utf8_lossy(&golden("verifier_key_v1.txt")).trim());
        if let Ok(opened) = read.open(&key.expect("the golden verifier key")) {
            let golden = golden("checkpoint_v1.txt");
            assert!(golden.starts_with(opened.as_bytes()), "a forged note: {text}");
        }
        true
    })
}

fn proof(bytes: &[u8]) -> bool {
    on_text(bytes, |text| {
        let Ok(read) = TlogProof::parse(text) else { return false };
        assert_eq!(TlogProof::parse(&read.to_string()).as_ref(), Ok(&read));
        true
    })
}

fn checkpoint(bytes: &[u8]) -> bool {
    on_text(bytes, |text| {
        let Ok(read) = Checkpoint::parse_text(text) else { return false };
        assert_eq!(Checkpoint::parse_text(&read.to_text()).as_ref(), Ok(&read));
        true
    })
}

fn entries_bundle(bytes: &[u8]) -> bool {
    let Ok(entries) = parse_bundle(bytes) else { return false };
    assert_eq!(bundle(entries).expect("what is read fits"), bytes);
    true
}

fn jwk(bytes: &[u8]) -> bool {
    let Ok(value) = serde_json::from_slice(bytes) else { return false };
    let Ok(read) = PublicKey::from_jwk(&value) else { return false };
    assert_eq!(PublicKey::from_jwk(&read.to_jwk()), Ok(read));
    true
}

fn document() -> DidDocument {
    DidDocument::new(DID, &[("key-1", key().public())], Vec::new())
}

fn vc_claims(bytes: &[u8]) -> bool {
    let signed = jws_sign(bytes, "JWT", KID, &key());
    let Ok(read) = vc::verify(&signed, &document(), PEER, NOW_S) else { return false };
    assert!(read.issuer == DID && read.holder == PEER && !read.has_schema, "{read:?}");
    assert!(read.valid_until_s.is_none_or(|until_s| until_s > NOW_S - 60), "{read:?}");
    true
}

/// What holders sign: the payload of each form.
fn presentations() -> Vec<Vec<u8>> {
    let credentials = [String::from_utf8(golden("credential_v2.jwt")).expect("a JWT is text")];
    let each = vc::Profile::ALL.map(|profile| {
        let new = NewPresentation {
            profile,
            id: "urn:uuid:1",
            holder: DID,
            audience: PEER,
            credentials: &credentials,
            now_s: NOW_S,
            valid_s: 60,
        };
        let signed = presentation::sign(&new, KID, &key());
        from_base64url(signed.split('.').nth(1).expect("three parts")).expect("base64url")
    });
    each.to_vec()
}

fn presented(bytes: &[u8]) -> bool {
    let signed = jws_sign(bytes, "JWT", KID, &key());
    let Ok(credentials) = presentation::verify(&signed, &document(), PEER, NOW_S) else { return false };
    assert!(credentials.len() <= presentation::CREDENTIALS_MAX);
    true
}

fn status_list() -> Vec<u8> {
    StatusList::new(0, "revocation").encode(ListKind::Bitstring).into_bytes()
}

fn json(name: &'static str, corpus: Vec<Vec<u8>>, check: fn(&[u8]) -> bool) -> Target {
    Target { name, kind: Kind::Json, corpus, check }
}

fn text(name: &'static str, corpus: Vec<Vec<u8>>, check: fn(&[u8]) -> bool) -> Target {
    Target { name, kind: Kind::Text, corpus, check }
}

fn checkpoint_text() -> Vec<u8> {
    let note = String::from_utf8(golden("checkpoint_v1.txt")).expect("a note is text");
    Note::parse(&note).expect("the golden note").text().as_bytes().to_vec()
}

/// An export whose head or whose entries are changed never verifies as anything but what was signed.
fn exported(head: &[u8], entries: &[u8]) -> bool {
    let did = golden("did_v1.json");
    let verified = verify_export(head, &did, entries);
    if let Ok(verified) = &verified {
        assert_eq!(Some(verified.origin.clone()), origin_of(DID));
        assert_eq!(verified.did, DID);
    }
    verified.is_ok()
}

fn exports() -> [Target; 2] {
    let (head, entries) = (golden("export_v1.checkpoint"), golden("export_v1.entries.ndjson"));
    [
        text("export::verify_export of its head", vec![head], |bytes| {
            exported(bytes, &golden("export_v1.entries.ndjson"))
        }),
        text("export::verify_export of entries", vec![entries], |bytes| {
            exported(&golden("export_v1.checkpoint"), bytes)
        }),
    ]
}

pub(super) fn all() -> Vec<Target> {
    let jwk_text = key().public().to_jwk().to_string().into_bytes();
    let mut all = vec![
        json("did::parse", vec![golden("did_v1.json"), golden("did_v2.json")], did_document),
        json("vc::verify", vec![payload("credential_vc11_v1.jwt"), payload("credential_v2.jwt")], vc_claims),
        text("vc::peek", vec![golden("credential_vc11_v1.jwt"), golden("credential_v2.jwt")], |bytes| {
            on_text(bytes, |text| vc::peek(text).is_ok())
        }),
        json("presentation::verify", presentations(), presented),
        text("status::decode", vec![status_list()], |bytes| {
            on_text(bytes, |text| {
                let Ok(list) = StatusList::decode(text, "revocation") else { return false };
                let again = StatusList::decode(&list.encode(ListKind::Bitstring), "revocation");
                assert_eq!(again, Ok(list));
                true
            })
        }),
        json("token::verify", vec![payload("token_v1.jwt")], token_claims),
        json("credential::verify", vec![payload("credential_v1.jwt")], credential_claims),
        json("jws::jws_verify of a payload", vec![payload("token_v1.jwt")], |bytes| {
            assert_eq!(
                jws_verify(&jws_sign(bytes, "JWT", KID, &key()), "JWT", &keys()).as_deref(),
                Ok(bytes)
            );
            true
        }),
        json("keys::from_jwk", vec![jwk_text], jwk),
        text("token::peek", vec![golden("token_v1.jwt")], |bytes| {
            on_text(bytes, |text| token::peek(text).is_ok())
        }),
        text("credential::peek", vec![golden("credential_v1.jwt")], |bytes| {
            on_text(bytes, |text| credential::peek(text).is_ok())
        }),
        text("jws::jws_verify", vec![golden("token_v1.jwt")], jws),
        text("note::parse", vec![golden("checkpoint_v1.txt")], note),
        text("proof::parse", vec![golden("entry_v1.tlog-proof")], proof),
        text("checkpoint::parse_text", vec![checkpoint_text()], checkpoint),
        text("tiles::parse_bundle", vec![golden("bundle_v1.bin")], entries_bundle),
        text(
            "tiles::parse",
            vec![b"tile/0/x001/x234/067.p/7".to_vec(), b"tile/entries/000".to_vec()],
            |bytes| on_text(bytes, |text| Tile::parse(text).is_ok_and(|tile| tile.to_string() == text)),
        ),
        text("note::from_vkey", vec![golden("verifier_key_v1.txt").trim_ascii().to_vec()], |bytes| {
            on_text(bytes, |text| VerifierKey::from_vkey(text).is_ok_and(|key| key.to_vkey() == text))
        }),
        text("keys::from_pem", vec![golden("key_v1.pem")], |bytes| {
            on_text(bytes, |text| NodeKey::from_pem(text).is_ok())
        }),
    ];
    all.extend(exports());
    all
}
