//! The smallest honest values of the domain's types.

use serde::de::DeserializeOwned;
use serde_json::json;
use weal_domain::Timestamp;
use weal_domain::agreements::{Agreement, Negotiation, Side, negotiation};
use weal_domain::catalogue::{Offer, Product};
use weal_domain::compute::Loss;
use weal_domain::exchange::{Transfer, transfer};
use weal_domain::governance::{Member, Standing};
use weal_domain::identity::{Did, Person, Role};
use weal_domain::ledger::{Actor, ENTRY_VERSION, Entry, Fact, Receipt};
use weal_trust::checkpoint::Checkpoint;
use weal_trust::keys::NodeKey;
use weal_trust::merkle::Hash;
use weal_trust::note::{Note, NoteError};

pub(crate) const ORIGIN: &str = "127.0.0.1:7001/ledger";

fn read<T: DeserializeOwned>(value: serde_json::Value) -> T {
    serde_json::from_value(value).unwrap()
}

/// A moment `s` seconds into the tests' time.
pub(crate) fn at(s: i64) -> Timestamp {
    Timestamp::from_second(1_795_000_000 + s).unwrap()
}

pub(crate) fn did(name: &str) -> Did {
    format!("did:web:{name}.example").parse().unwrap()
}

pub(crate) fn id<T: std::str::FromStr<Err: std::fmt::Debug>>(text: &str) -> T {
    text.parse().unwrap()
}

pub(crate) fn loss(rho_nano: u64, delta_femto: u64) -> Loss {
    Loss { rho_nano, delta_femto }
}

pub(crate) fn product(name: &str, version: u32) -> Product {
    Product {
        identifier: None,
        name: id(name),
        version,
        title: format!("{name} of the example"),
        description: "Ünïcode survives, so do \u{1F512} and 'quotes'".into(),
        keywords: vec!["pay".into()],
        classification: weal_domain::catalogue::Classification::Personal,
        about_nobody: false,
        columns: Vec::new(),
        privacy: None,
        rows: 3,
        size_bytes: 99,
        profile: Vec::new(),
        particulars: Default::default(),
        published_at: at(0),
        updated_at: at(i64::from(version)),
    }
}

fn terms() -> serde_json::Value {
    json!({
        "purposes": ["https://w3id.org/dpv#FraudPreventionAndDetection"],
        "legal_bases": ["https://w3id.org/dpv/legal/eu/gdpr#A6-1-e"],
        "service_level": "answers within a second", "liability": "none", "licence": "CC0-1.0",
        "retention_days": 30, "disposal": "delete", "approval": "automatic"
    })
}

pub(crate) fn offer(id: &str, product: &str, mode: &str) -> Offer {
    read(json!({"id": id, "product": product, "mode": mode, "terms": terms(), "withdrawn_at": null}))
}

pub(crate) fn agreement(id: &str, side: Side, peer: &str) -> Agreement {
    let (provider, consumer) = match side {
        Side::Provider => ("did:web:us.example".to_owned(), format!("did:web:{peer}.example")),
        Side::Consumer => (format!("did:web:{peer}.example"), "did:web:us.example".to_owned()),
    };
    read(json!({
        "id": id, "side": side, "provider": provider, "consumer": consumer,
        "dataset": format!("{provider}#payroll"), "product": "payroll", "mode": "statistics",
        "purpose": "https://w3id.org/dpv#FraudPreventionAndDetection",
        "legal_basis": "https://w3id.org/dpv/legal/eu/gdpr#A6-1-e",
        "terms": terms(), "policy": {}, "agreed_at": at(5), "status": {"status": "in_force"}
    }))
}

pub(crate) fn negotiation(own_pid: &str, peer: &str) -> Negotiation {
    let opening = negotiation::Opening {
        us: did("us"),
        peer: did(peer),
        own_pid: own_pid.into(),
        peer_address: "https://peer.example/dsp".into(),
        proposal: read(
            json!({"offer": "urn:uuid:o1", "dataset": "did:web:us.example#payroll", "policy": {}}),
        ),
    };
    let mut negotiation = Negotiation::request(opening, at(1)).next;
    negotiation.side = Side::Provider;
    negotiation.talk.peer_pid = Some(format!("{own_pid}-theirs"));
    negotiation
}

pub(crate) fn transfer(own_pid: &str, peer: &str, agreement: &str) -> Transfer {
    let opening = transfer::Opening {
        peer: did(peer),
        own_pid: own_pid.into(),
        peer_address: "https://peer.example/dsp".into(),
        agreement: id(agreement),
        format: "weal:statistics".into(),
    };
    let mut transfer = Transfer::request(opening, at(1)).next;
    transfer.side = Side::Provider;
    transfer.talk.peer_pid = Some(format!("{own_pid}-theirs"));
    transfer
}

pub(crate) fn member(name: &str, standing: Standing) -> Member {
    Member {
        did: did(name),
        name: id(name),
        title: format!("The {name} agency"),
        origin: format!("https://{name}.example"),
        standing,
        since: at(2),
    }
}

pub(crate) fn person(account: &str) -> Person {
    Person { account: id(account), display_name: "Ada".into(), roles: vec![Role::Analyst, Role::Owner] }
}

pub(crate) fn receipt(use_id: &str, agreement: &str) -> Receipt {
    read(json!({
        "v": 1, "use_id": use_id, "agreement": agreement, "provider": "did:web:us.example",
        "consumer": "did:web:education.example", "product": "payroll", "mode": "statistics",
        "purpose": "https://w3id.org/dpv#FraudPreventionAndDetection",
        "legal_basis": "https://w3id.org/dpv/legal/eu/gdpr#A6-1-e", "person": "p-1",
        "question_sha256": "00", "loss": {"rho_nano": 5, "delta_femto": 1}, "at": at(9)
    }))
}

pub(crate) fn entry(number: u64) -> Entry {
    Entry {
        v: ENTRY_VERSION,
        at: at(number as i64),
        by: Actor { member: did("us"), role: Some(Role::Steward), person: None },
        fact: Fact::MemberSuspended { member: did("other"), reason: format!("entry {number}") },
    }
}

pub(crate) fn key() -> NodeKey {
    NodeKey::from_seed(&[7; 32])
}

pub(crate) fn sign(size: u64, root: Hash) -> Result<Note, NoteError> {
    Checkpoint { origin: ORIGIN.to_owned(), size, root }.sign(&key())
}

/// Nonces that differ, as long as nobody asks how good they are.
pub(crate) fn nonces(mut from: u64) -> impl FnMut() -> [u8; 32] + Send {
    move || {
        from += 1;
        let mut nonce = [0; 32];
        nonce[..8].copy_from_slice(&from.to_be_bytes());
        nonce
    }
}
