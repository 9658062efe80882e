//! Every version of every format ever written is read forever: `tests/golden` keeps one of each.
//!
//! A test here both reads the kept file and writes it anew, byte for byte. A format that must change gets
//! a new version beside the old one; the old file stays and must still be read.

use std::path::PathBuf;

use serde_json::json;
use weal_trust::checkpoint::{Checkpoint, origin_of};
use weal_trust::credential::{self, Expected, Membership};
use weal_trust::did::{DidDocument, Service};
use weal_trust::encoding::{from_base64url, hex};
use weal_trust::keys::NodeKey;
use weal_trust::merkle::{Frontier, inclusion_plan};
use weal_trust::note::{Note, SignatureType, VerifierKey};
use weal_trust::proof::TlogProof;
use weal_trust::seal::{Commitment, Nonce};
use weal_trust::status::StatusEntry;
use weal_trust::tiles::{Content, Tile, bundle};
use weal_trust::token::{self, Claims};
use weal_trust::{cosignature, export, vc};

use crate::tree::{Stored, leaf, leaves};

const DID: &str = "did:web:revenue.example";
const KID: &str = "did:web:revenue.example#key-1";
const NOW_S: i64 = 1_800_000_000;

fn key() -> NodeKey {
    NodeKey::from_seed(&[7; 32])
}

/// Compares with the kept file. Set `WEAL_GOLDEN=write` to keep one that is not there yet.
fn kept(name: &str, written: &[u8]) -> Vec<u8> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name);
    if !path.exists() && std::env::var_os("WEAL_GOLDEN").is_some_and(|how| how == "write") {
        std::fs::write(&path, written).unwrap();
    }
    let kept = std::fs::read(&path).unwrap_or_else(|error| panic!("{name}: {error}"));
    assert!(kept == written, "{name} is written differently now:\n{}", String::from_utf8_lossy(written));
    kept
}

fn kept_text(name: &str, written: &str) -> String {
    String::from_utf8(kept(name, written.as_bytes())).unwrap()
}

fn document() -> DidDocument {
    let service = Service {
        id: format!("{DID}#dsp"),
        kind: "DataService".into(),
        endpoint: "https://revenue.example/dsp".into(),
    };
    DidDocument::new(DID, &[("key-1", key().public())], vec![service])
}

#[test]
fn private_key() {
    let pem = kept_text("key_v1.pem", &key().to_pem());
    assert_eq!(NodeKey::from_pem(&pem).unwrap().public(), key().public());
}

/// A document as earlier versions published it.
fn did_v1() -> Vec<u8> {
    std::fs::read(PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden/did_v1.json")).unwrap()
}

#[test]
fn did_document() {
    let first = DidDocument::parse(&did_v1()).unwrap();
    assert_eq!(first.keys[0].key, key().public());
    assert!(first.keys[0].purposes.authentication && !first.keys[0].purposes.invocation);
    let text = kept_text("did_v2.json", &export::did_json(&document()));
    assert_eq!(DidDocument::parse(text.as_bytes()), Ok(document()));
}

#[test]
fn node_token() {
    let claims = Claims {
        iss: DID.into(),
        sub: DID.into(),
        aud: "did:web:education.example".into(),
        iat: NOW_S,
        exp: NOW_S + 300,
        nbf: Some(NOW_S),
        jti: "0b0f6f0e-7b5e-4c59-8a2f-5a4f0d6f3c22".into(),
        membership: None,
        token: None,
    };
    let text = kept_text("token_v1.jwt", &token::sign(&claims, KID, &key()).unwrap());
    assert_eq!(token::verify(&text, &document().keys, &claims.aud, NOW_S), Ok(claims));
}

#[test]
fn membership_credential() {
    let membership = Membership {
        id: "urn:uuid:0b0f6f0e-7b5e-4c59-8a2f-5a4f0d6f3c22".into(),
        issuer: DID.into(),
        subject: "did:web:education.example".into(),
        member_name: "education".into(),
        ecosystem: "urn:uuid:6f1c2c64-4c1e-4b0e-9b8d-0a9f4b8f8a11".into(),
        valid_from_s: NOW_S,
        valid_until_s: NOW_S + 31_536_000,
        status_id: Some("https://governing.example/register#education".into()),
        status: None,
        kind: None,
    };
    let text = kept_text("credential_v1.jwt", &credential::issue(&membership, KID, &key()).unwrap());
    let payload = from_base64url(text.split('.').nth(1).unwrap()).unwrap();
    kept("credential_v1.payload.json", &payload);
    let expected = Expected { issuer: DID, subject: &membership.subject, ecosystem: &membership.ecosystem };
    assert_eq!(credential::verify(&text, &document().keys, expected, NOW_S), Ok(membership.clone()));
    let status = StatusEntry {
        list: "https://governing.example/dcp/status/1".into(),
        index: 94_567,
        purpose: "revocation".into(),
    };
    let second = Membership {
        status_id: None,
        status: Some(status),
        kind: Some("MembershipCredential".into()),
        ..membership.clone()
    };
    let text = kept_text("credential_v2.jwt", &credential::issue(&second, KID, &key()).unwrap());
    assert_eq!(credential::verify(&text, &document().keys, expected, NOW_S), Ok(second.clone()));
    let text = kept_text("credential_vc11_v1.jwt", &credential::issue_v11(&second, KID, &key()).unwrap());
    let read = vc::verify(&text, &document(), &second.subject, NOW_S).unwrap();
    assert_eq!(read.kinds, ["MembershipCredential", "WealMembershipCredential"]);
    assert_eq!(read.statuses, Vec::from_iter(second.status));
}

#[test]
fn seal() {
    let nonce = Nonce::from_entropy([9; 32]);
    let body = r#"{"v":1,"at":"2027-01-15T08:00:00Z"}"#;
    let seal = Commitment::seal(&nonce, body.as_bytes());
    let written = json!({
        "nonce": hex(nonce.bytes()),
        "body": body,
        "commitment": hex(seal.bytes()),
        "leaf_hash": hex(&seal.leaf_hash().0),
    });
    kept("seal_v1.json", format!("{written:#}\n").as_bytes());
}

fn head(size: usize) -> (Checkpoint, Stored) {
    let stored = Stored::of(&leaves(size));
    let origin = origin_of(DID).unwrap();
    (Checkpoint { origin, size: size as u64, root: stored.frontier.root() }, stored)
}

#[test]
fn checkpoint_with_cosignature() {
    let (head, _) = head(70);
    let witness = NodeKey::from_seed(&[8; 32]);
    let mut note = head.sign(&key()).unwrap();
    cosignature::cosign(&mut note, "education.example/witness", &witness, 1_800_000_000).unwrap();
    let text = kept_text("checkpoint_v1.txt", &note.to_string());
    assert_eq!(Checkpoint::open(&text, "revenue.example/ledger", &key().public()), Ok(head));
    let read = Note::parse(&text).unwrap();
    let time = cosignature::verify(&read, "education.example/witness", &witness.public());
    assert_eq!(time, Ok(1_800_000_000));
    let vkey = VerifierKey::new("revenue.example/ledger", SignatureType::Ed25519, key().public()).unwrap();
    kept("verifier_key_v1.txt", vkey.to_vkey().as_bytes());
}

#[test]
fn proof_of_an_entry() {
    let (head, stored) = head(70);
    let hashes = inclusion_plan(66, 70).unwrap().build(|at| stored.load(at)).unwrap();
    let checkpoint = head.sign(&key()).unwrap();
    let proof = TlogProof { extra: Some(b"extra".to_vec()), index: 66, hashes, checkpoint };
    let text = kept_text("entry_v1.tlog-proof", &proof.to_string());
    let read = TlogProof::parse(&text).unwrap();
    assert_eq!(read.verify(&leaf(66), "revenue.example/ledger", &key().public()), Ok(head));
}

#[test]
fn tile_and_bundle() {
    let (_, stored) = head(70);
    let tile = Tile { content: Content::Hashes { level: 0 }, index: 0, width: 3 };
    let hashes: Vec<_> = tile.coords().map(|at| stored.load(at).unwrap()).collect();
    kept("tile_v1.bin", &tile.hash_bytes(&hashes).unwrap());
    let entries: Vec<_> = hashes.iter().map(|hash| hash.0.as_slice()).collect();
    kept("bundle_v1.bin", &bundle(entries).unwrap());
}

#[test]
fn exported_ledger() {
    let mut frontier = Frontier::new();
    let mut lines = String::new();
    for index in 0..4u64 {
        let nonce = Nonce::from_entropy([u8::try_from(index).unwrap(); 32]);
        let body = format!(r#"{{"v":1,"at":"2027-01-15T08:00:0{index}Z","text":"Łódź \"{index}\""}}"#);
        let seal = Commitment::seal(&nonce, body.as_bytes());
        frontier.append(seal.leaf_hash(), |_| ()).unwrap();
        lines += &match index {
            2 => export::erased_line(index, &seal),
            _ => export::entry_line(index, &nonce, &body),
        };
    }
    let head = Checkpoint { origin: origin_of(DID).unwrap(), size: 4, root: frontier.root() };
    let checkpoint = kept("export_v1.checkpoint", head.sign(&key()).unwrap().to_string().as_bytes());
    let lines = kept("export_v1.entries.ndjson", lines.as_bytes());
    let did = kept("did_v2.json", export::did_json(&document()).as_bytes());
    for did in [did, did_v1()] {
        let verified = export::verify_export(&checkpoint, &did, &lines[..]).unwrap();
        assert_eq!((verified.size, verified.erased, verified.root), (4, 1, head.root));
    }
}
