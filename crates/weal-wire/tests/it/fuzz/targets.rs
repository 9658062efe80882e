//! The list of all messages, each with good documents and the function that reads it.

use std::fmt::Debug;

use serde_json::{Value, json};
use weal_domain::Refusal;
use weal_domain::identity::Did;
use weal_wire::catalogue::{EntriesReader, Skimmed, entries_of};
use weal_wire::dcat::{Form, Reading, read_foreign};
use weal_wire::did::{Scheme, did_of, document_url};
use weal_wire::dsp::Turned;
use weal_wire::dsp::catalogue::*;
use weal_wire::dsp::negotiation::*;
use weal_wire::dsp::transfer::*;
use weal_wire::dsp::versions::*;
use weal_wire::link::{next_in, next_link};
use weal_wire::odcs::Contract;
use weal_wire::peer::*;
use weal_wire::problem::Problem;
use weal_wire::{Message, WireError, parse, print};

use super::fuzzer::{Kind, Target};
use crate::kinds::kind_of;
use crate::vectors::own_vectors;

/// What readers of strangers' text are called or begin or end with, where they are no messages.
pub(super) const VERBS: [&str; 8] =
    ["parse", "_of_header", "did_of", "document_url", "entries_of", "page", "next_in", "read_foreign"];

/// An error's words go to strangers and into logs.
const ERROR_BYTES_MAX: usize = 700;

fn refused(error: WireError) -> bool {
    let refusal = Refusal::from(error);
    assert!(refusal.reason.len() <= ERROR_BYTES_MAX, "it says too much: {}", refusal.reason);
    assert!(
        !refusal.reason.contains(|c: char| c.is_control()),
        "it repeats what is unseen: {:?}",
        refusal.reason
    );
    false
}

pub(super) fn message<M: Message + PartialEq + Debug>(bytes: &[u8]) -> bool {
    let read: M = match parse(bytes) {
        Ok(read) => read,
        Err(error) => return refused(error),
    };
    let printed = print(&read);
    match parse::<M>(printed.as_bytes()) {
        Ok(again) => assert_eq!(again, read, "printed: {printed}"),
        Err(error) => panic!("what we print, we do not read: {error}: {printed}"),
    }
    assert!(printed.len() <= 64 * 1024 + bytes.len() * 32, "{} bytes of {}", printed.len(), bytes.len());
    true
}

fn answer(bytes: &[u8]) -> bool {
    let read = match AnswerMessage::parse(bytes) {
        Ok(read) => read,
        Err(error) => return refused(error),
    };
    assert_eq!(AnswerMessage::parse(read.print().as_bytes()).as_ref(), Ok(&read));
    true
}

fn receipt(bytes: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(bytes) else { return false };
    let read = match receipt_of_header(text) {
        Ok(read) => read,
        Err(error) => return refused(error),
    };
    assert_eq!(receipt_of_header(&receipt_header(&read)).as_ref(), Ok(&read));
    true
}

fn contract(read: Result<Contract, WireError>) -> bool {
    let read = match read {
        Ok(read) => read,
        Err(error) => return refused(error),
    };
    assert_eq!(Contract::parse_json(read.to_json().to_string().as_bytes()).as_ref(), Ok(&read));
    assert_eq!(Contract::parse_yaml(read.to_yaml().as_bytes()).as_ref(), Ok(&read), "{}", read.to_yaml());
    if let Err(error) = read.described() {
        refused(error);
    }
    true
}

/// A catalogue elsewhere: what is kept of it is read again, whole.
fn foreign(form: Form, bytes: &[u8]) -> bool {
    let reading = Reading { source: "city", base: None, label: "s1" };
    let read = match read_foreign(form, bytes, reading, |_| false) {
        Ok(read) => read,
        Err(error) => return refused(error),
    };
    let parts = read.entries.iter().flat_map(|described| &described.triples);
    let kept: String = parts.chain(&read.rest).map(String::as_str).collect();
    let again = read_foreign(Form::Turtle, kept.as_bytes(), reading, |_| false);
    assert_eq!(again.map(|again| again.triples), Ok(read.triples), "{kept}");
    true
}

fn origin(bytes: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(bytes) else { return false };
    let did = match did_of(text) {
        Ok(did) => did,
        Err(error) => return refused(error),
    };
    let url = document_url(&did, Scheme::HttpOnLoopback).expect("the DID of an address has a document");
    assert!(url.path().ends_with("/did.json"), "{text}: {url}");
    true
}

fn document_of(bytes: &[u8]) -> bool {
    let Ok(did) = Did::new(String::from_utf8_lossy(bytes)) else { return false };
    let url = match document_url(&did, Scheme::Https) {
        Ok(url) => url,
        Err(error) => return refused(error),
    };
    assert_eq!(url.scheme(), "https");
    assert!(url.username().is_empty() && url.query().is_none() && url.fragment().is_none(), "{url}");
    true
}

/// Our own vectors of a type.
pub(super) fn vectors(kind: &str) -> Vec<Vec<u8>> {
    let of_kind = own_vectors().into_iter().filter(|(_, document)| kind_of(document) == kind);
    of_kind.map(|(_, document)| document.to_string().into_bytes()).collect()
}

fn golden(name: &str) -> Vec<u8> {
    let file = super::here().join("tests/vectors/golden").join(name);
    std::fs::read(file).expect("a golden file")
}

pub(super) fn text(value: &Value) -> Vec<u8> {
    value.to_string().into_bytes()
}

macro_rules! of_the_protocol {
    ($($name:ident),* $(,)?) => {
        vec![$(Target {
            name: stringify!($name), kind: Kind::Json, corpus: vectors(stringify!($name)), check: message::<$name>,
        }),*]
    };
}

pub(super) fn all() -> Vec<Target> {
    let mut all = of_the_protocol![
        CatalogRequestMessage,
        DatasetRequestMessage,
        Catalog,
        Dataset,
        CatalogError,
        ContractRequestMessage,
        ContractOfferMessage,
        ContractAgreementMessage,
        ContractAgreementVerificationMessage,
        ContractNegotiationEventMessage,
        ContractNegotiationTerminationMessage,
        ContractNegotiation,
        ContractNegotiationError,
        TransferRequestMessage,
        TransferStartMessage,
        TransferCompletionMessage,
        TransferSuspensionMessage,
        TransferTerminationMessage,
        TransferProcess,
        TransferError,
        VersionDocument,
        DidService,
    ];
    all.extend(ours());
    all.extend(elsewhere());
    all.extend(super::claims::all());
    all
}

pub(super) fn json_target(name: &'static str, corpus: Vec<Vec<u8>>, check: fn(&[u8]) -> bool) -> Target {
    Target { name, kind: Kind::Json, corpus, check }
}

fn text_target(name: &'static str, corpus: Vec<Vec<u8>>, check: fn(&[u8]) -> bool) -> Target {
    Target { name, kind: Kind::Text, corpus, check }
}

/// What is not the protocol's.
fn ours() -> Vec<Target> {
    let turned = vectors("ContractRequestMessage").into_iter().map(|good| {
        let mut good: Value = serde_json::from_slice(&good).expect("a vector");
        good["urn:weal:turn"] = json!(2048);
        text(&good)
    });
    let loss = json!({ "rho_nano": 5, "delta_femto": 1 });
    let budget = json!({ "before": loss, "after": loss });
    let receipt_text = receipt_json();
    let answer_text = json!({
        "answer": {
            "columns": [{ "name": "region", "role": "key" }, { "name": "mean", "role": "estimate" }],
            "rows": [[{ "key": "north" }, { "estimate": { "value": 0.5, "low": 0.1, "high": 1e300 } }]],
            "loss": loss, "confidence": 0.95, "protection": ["Noise was added."],
        },
        "receipt": receipt_text,
        "ledger": { "index": 41, "proof": "c2sp.org/tlog-proof@v1\nindex 41\n", "nonce": "00", "body": "{}" },
        "budget": budget,
        "also": [{ "receipt": receipt_text, "ledger": { "index": 42, "proof": "", "nonce": "00", "body": "{}" } }],
    });
    let question = json!({ "sql": "SELECT 1", "person": "p-7f3a", "role": "analyst", "loss": loss, "preview": true,
            "also": [{ "transfer": "urn:uuid:7", "token": "t" }] });
    let preview = json!({ "preview": preview_json(), "budget": budget, "also": [budget, null] });
    let application = json!({
        "did": "did:web:revenue.example%3A8443", "name": "revenue", "title": "Revenue agency",
        "origin": "https://revenue.example:8443", "charter_version": 1,
    });
    let header = receipt_header(&Exact::new(serde_json::from_value(receipt_text).expect("a receipt")));
    let contract_yaml = golden("payroll.odcs.yaml");
    let contract_json = Contract::parse_yaml(&contract_yaml).expect("the golden contract").to_json();
    vec![
        json_target("Turned", turned.collect(), message::<Turned<ContractRequestMessage>>),
        json_target("Problem", vec![golden("refusal.json")], message::<Problem>),
        json_target("QuestionMessage", vec![text(&question)], message::<QuestionMessage>),
        json_target("PreviewMessage", vec![text(&preview)], message::<PreviewMessage>),
        json_target("RevocationMessage", vec![golden("revocation.v1.json")], message::<RevocationMessage>),
        json_target("ApplicationMessage", vec![text(&application)], message::<ApplicationMessage>),
        json_target(
            "AdmissionMessage",
            vec![
                text(&json!({ "standing": "good", "credential": "a.b.c" })),
                text(&json!({ "standing": "applied" })),
            ],
            message::<AdmissionMessage>,
        ),
        json_target("RegisterMessage", vec![golden("register.v1.json")], message::<RegisterMessage>),
        json_target("CharterMessage", vec![golden("charter.v1.json")], message::<CharterMessage>),
        json_target("peer::parse", vec![text(&answer_text)], answer),
        text_target("peer::receipt_of_header", vec![header.into_bytes()], receipt),
        text_target("odcs::parse_yaml", vec![contract_yaml], |bytes| contract(Contract::parse_yaml(bytes))),
        json_target("odcs::parse_json", vec![text(&contract_json)], |bytes| {
            contract(Contract::parse_json(bytes))
        }),
        text_target(
            "did::did_of",
            vec![b"https://revenue.example:8443/a/b".to_vec(), b"http://127.0.0.1:7001".to_vec()],
            origin,
        ),
        text_target(
            "did::document_url",
            vec![b"did:web:revenue.example".to_vec(), b"did:web:127.0.0.1%3A7001:a:b".to_vec()],
            document_of,
        ),
    ]
}

/// A member's catalogue, of which nobody knows what else it says: each entry once and the member's own.
fn entries(bytes: &[u8]) -> bool {
    let catalog: Catalog = match parse(bytes) {
        Ok(catalog) => catalog,
        Err(error) => return refused(error),
    };
    let mut member = crate::catalogue::publisher();
    if let Ok(did) = catalog.participant_id.parse() {
        member.did = did;
    }
    let at = weal_domain::Timestamp::UNIX_EPOCH;
    let read = match entries_of(catalog.clone(), &member, at) {
        Ok(read) => read,
        Err(error) => return refused(error),
    };
    let mut names: Vec<&str> = read.entries.iter().map(|entry| entry.product.as_str()).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), read.entries.len(), "each name once");
    assert!(read.entries.iter().all(|entry| entry.did == member.did));
    let offers = read.entries.iter().flat_map(|entry| entry.offers.iter().map(move |offer| (entry, offer)));
    for (entry, offer) in offers {
        assert_eq!(offer.product, entry.product);
    }
    // Of what is cut out because it is known by its text, nothing is read, and of the rest everything.
    if let Some(skimmed) = Skimmed::of(bytes) {
        let places: Vec<usize> = skimmed.own_of(&member.did).iter().map(|dataset| dataset.place).collect();
        let rest: Catalog = parse(&skimmed.without(&places)).expect("what is left can still be read");
        let mut expected = catalog.clone();
        let mut place = 0;
        expected.content.datasets.retain(|_| {
            place += 1;
            !places.contains(&(place - 1))
        });
        assert_eq!(rest, expected);
    }
    // As it is read in pages: a second time it brings nothing.
    let mut reader = EntriesReader::new(member);
    let first = reader.page(catalog.clone(), at);
    assert_eq!(first.map(|first| first.entries.len()), Ok(names.len()));
    assert_eq!(reader.page(catalog, at).map(|second| second.entries.len()), Ok(0));
    true
}

fn next_page(bytes: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(bytes) else { return false };
    let Some(target) = next_in(text) else { return false };
    if target.len() < 8_000 {
        assert_eq!(next_in(&next_link(target)), Some(target), "{text}");
    }
    true
}

/// Catalogues of others, which stewards take in or the node reads.
fn elsewhere() -> Vec<Target> {
    vec![
        json_target(
            "catalogue::entries_of",
            [vectors("Catalog"), vec![golden("catalogue.dsp.json")]].concat(),
            entries,
        ),
        text_target(
            "link::next_in",
            vec![
                b"<https://a.example/x?page=2>; rel=\"next\"".to_vec(),
                b"</first>; rel=first, <?page=b,c>; title=\"a, <b>\"; rel=\"last Next\"".to_vec(),
            ],
            next_page,
        ),
        text_target(
            "foreign::read_foreign of Turtle",
            vec![golden("catalogue.ttl"), golden("foreign.ttl")],
            |bytes| foreign(Form::Turtle, bytes),
        ),
        json_target(
            "foreign::read_foreign of JSON-LD",
            vec![golden("catalogue.jsonld"), golden("foreign.jsonld")],
            |bytes| foreign(Form::JsonLd, bytes),
        ),
    ]
}

fn receipt_json() -> Value {
    json!({
        "v": 1, "use_id": "urn:uuid:1", "agreement": "urn:uuid:2", "provider": "did:web:revenue.example",
        "consumer": "did:web:education.example", "product": "payroll", "mode": "statistics",
        "purpose": "https://w3id.org/dpv#FraudPreventionAndDetection",
        "legal_basis": "https://w3id.org/dpv/legal/eu/gdpr#A6-1-e", "person": "p-1",
        "question_sha256": "00", "loss": { "rho_nano": 5, "delta_femto": 0 }, "at": "2026-03-01T08:00:00Z",
    })
}

fn preview_json() -> Value {
    json!({
        "loss": { "rho_nano": 5, "delta_femto": 1 }, "columns": [{ "name": "mean", "role": "estimate" }],
        "half_widths": [0.5, null], "shown_from": 12, "explanation": ["Two groups."],
    })
}
