//! Whatever arrives: never a panic, never unbounded work, always an error that says what to do.

use std::time::{Duration, Instant};

use proptest::prelude::*;
use serde_json::{Value, json};
use weal_domain::{Refusal, RefusalKind};
use weal_wire::dsp::catalogue::{Catalog, CatalogRequestMessage};
use weal_wire::dsp::negotiation::ContractRequestMessage;
use weal_wire::odcs::{CONTRACT_BYTES_MAX, Contract};
use weal_wire::peer::{AnswerMessage, CharterMessage, QuestionMessage, RegisterMessage, receipt_of_header};
use weal_wire::problem::Problem;
use weal_wire::{DEPTH_MAX, MESSAGE_BYTES_MAX, Message, VALUES_MAX, WireError, parse};

use crate::any;
use crate::differential::with;
use crate::kinds::{KINDS, kind_of, reprinted};
use crate::vectors::{own_vectors, vector};

/// Gives the bytes to every reader there is.
fn read_by_all(bytes: &[u8]) {
    for (kind, _) in KINDS {
        _ = reprinted(kind, bytes);
    }
    _ = parse::<Problem>(bytes);
    _ = parse::<QuestionMessage>(bytes);
    _ = parse::<RegisterMessage>(bytes);
    _ = parse::<CharterMessage>(bytes);
    _ = AnswerMessage::parse(bytes);
    for contract in [Contract::parse_json(bytes), Contract::parse_yaml(bytes)].into_iter().flatten() {
        _ = contract.described();
    }
    let text = String::from_utf8_lossy(bytes);
    _ = receipt_of_header(&text);
    _ = weal_wire::did::did_of(&text);
    if let Ok(did) = weal_domain::identity::Did::new(text) {
        _ = weal_wire::did::document_url(&did, weal_wire::did::Scheme::HttpOnLoopback);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn arbitrary_bytes(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        read_by_all(&bytes);
    }

    #[test]
    fn arbitrary_text(text in "[\\[\\]{}:,\"'&*!|>%@a-z0-9 \n.-]{0,120}|\\PC{0,60}") {
        read_by_all(text.as_bytes());
    }

    #[test]
    fn arbitrary_json(value in any::json()) {
        read_by_all(value.to_string().as_bytes());
    }

    #[test]
    fn good_documents_with_something_else_inside(
        which in any::<prop::sample::Index>(), place in any::<prop::sample::Index>(), value in any::json(),
    ) {
        let vectors = own_vectors();
        let (_, document) = &vectors[which.index(vectors.len())];
        let places = crate::differential::all_pointers(document);
        let changed = with(document, &places[place.index(places.len())], &value);
        read_by_all(changed.to_string().as_bytes());
        if let Ok(printed) = reprinted(kind_of(document), changed.to_string().as_bytes()) {
            crate::schemas::assert_valid(kind_of(document), &printed);
        }
    }

    #[test]
    fn good_documents_cut_off(which in any::<prop::sample::Index>(), at in any::<prop::sample::Index>()) {
        let vectors = own_vectors();
        let (_, document) = &vectors[which.index(vectors.len())];
        let text = document.to_string();
        let cut = &text.as_bytes()[..at.index(text.len())];
        prop_assert!(reprinted(kind_of(document), cut).is_err());
        read_by_all(cut);
    }
}

fn refused<M: Message + std::fmt::Debug>(bytes: &[u8]) -> WireError {
    let began = Instant::now();
    let error = parse::<M>(bytes).expect_err("hostile input is refused");
    assert!(began.elapsed() < Duration::from_secs(5), "refused only after {:?}", began.elapsed());
    assert!(error.to_string().len() < 500, "an error repeats too much: {error}");
    error
}

#[test]
fn too_many_bytes_are_not_even_looked_at() {
    let padding = " ".repeat(MESSAGE_BYTES_MAX);
    let text = format!("{}{padding}", vector("catalog_request_message"));
    assert!(matches!(refused::<CatalogRequestMessage>(text.as_bytes()), WireError::TooLarge { .. }));
    let refusal = Refusal::from(refused::<CatalogRequestMessage>(text.as_bytes()));
    assert_eq!((refusal.kind, &*refusal.code), (RefusalKind::TooLarge, "document-too-large"));
}

#[test]
fn depth_is_limited_before_anything_recursive_reads() {
    for (open, close) in [("[", "]"), ("{\"a\":", "}"), ("[{\"a\":", "}]")] {
        let count = MESSAGE_BYTES_MAX / (open.len() + close.len()) - 1;
        let text = format!("{}1{}", open.repeat(count), close.repeat(count));
        assert_eq!(
            refused::<CatalogRequestMessage>(text.as_bytes()),
            WireError::TooDeep { limit: DEPTH_MAX }
        );
        assert_eq!(
            refused::<CatalogRequestMessage>(open.repeat(count).as_bytes()),
            WireError::TooDeep { limit: DEPTH_MAX }
        );
    }
    let nested = |levels: usize| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
    let filter = |levels: usize| {
        let mut document = vector("catalog_request_message.filter");
        document["filter"] = serde_json::from_str(&nested(levels)).unwrap();
        document.to_string()
    };
    parse::<CatalogRequestMessage>(filter(DEPTH_MAX - 1).as_bytes()).expect("the limit itself is allowed");
    refused::<CatalogRequestMessage>(filter(DEPTH_MAX).as_bytes());
    // Brackets inside a text are no depth.
    let mut document = vector("catalog_request_message.filter");
    document["filter"] = json!(["[{\"".repeat(1000), "\\\"[[[["]);
    parse::<CatalogRequestMessage>(document.to_string().as_bytes()).expect("text is not depth");
}

#[test]
fn constraints_nested_to_the_limit_are_read_and_beyond_it_refused() {
    let mut document = vector("contract_request_message");
    let mut constraint = document["offer"]["permission"][0]["constraint"][0].clone();
    for _ in 0..28 {
        constraint = json!({ "and": [constraint] });
    }
    document["offer"]["permission"][0]["constraint"] = json!([constraint]);
    parse::<ContractRequestMessage>(document.to_string().as_bytes()).expect("deep but allowed");
    for _ in 0..10 {
        constraint = json!({ "and": [constraint] });
    }
    document["offer"]["permission"][0]["constraint"] = json!([constraint]);
    let error = refused::<ContractRequestMessage>(document.to_string().as_bytes());
    assert_eq!(error, WireError::TooDeep { limit: DEPTH_MAX });
}

#[test]
fn values_are_counted() {
    let text = format!("[{}1]", "1,".repeat(VALUES_MAX));
    let error = refused::<Catalog>(text.as_bytes());
    assert_eq!(error, WireError::TooMany { what: "values", limit: VALUES_MAX });
}

#[test]
fn a_member_that_stands_twice_is_refused() {
    let good = vector("contract_negotiation").to_string();
    let twice = good.replacen('{', "{\"state\":\"REQUESTED\",", 1);
    let error = reprinted("ContractNegotiation", twice.as_bytes()).unwrap_err();
    assert!(error.to_string().contains("`state` stands twice"), "{error}");
}

#[test]
fn yaml_aliases_do_not_unfold_beyond_the_limits() {
    let mut laughs = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x]\n");
    for level in 1..12 {
        let below = format!("*a{}", level - 1);
        laughs.push_str(&format!("a{level}: &a{level} [{}]\n", vec![below; 9].join(", ")));
    }
    let long = "x".repeat(CONTRACT_BYTES_MAX / 2);
    let texts = format!("a: &a {long}\nb: [{}]\n", vec!["*a"; 50_000].join(", "));
    let deep = "[".repeat(100_000);
    let began = Instant::now();
    for bomb in [laughs, texts, deep] {
        Contract::parse_yaml(bomb.as_bytes()).expect_err("a bomb is refused");
    }
    assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
}

#[test]
fn errors_name_the_place_and_the_next_step() {
    let mut document = vector("contract_agreement_message");
    document["agreement"]["permission"][0]["constraint"][0]["rightOperand"] = json!(7);
    let error = reprinted("ContractAgreementMessage", document.to_string().as_bytes()).unwrap_err();
    let refusal = Refusal::from(error);
    assert_eq!(refusal.kind, RefusalKind::Invalid);
    assert_eq!(refusal.code, "member-wrong");
    assert_eq!(
        refusal.reason,
        "`agreement.permission[0].constraint[0].rightOperand` is not a string; write `\"7\"`."
    );
    assert!(refusal.remedy.is_some());
    // Somebody else's text is repeated only in part, and never its control characters.
    let long = format!("{{\"{}\": 1, \"{0}\": 2}}", "x\\u001b[31m".repeat(1000));
    let error = refused::<CatalogRequestMessage>(long.as_bytes()).to_string();
    assert!(!error.contains('\u{1b}'), "{error}");
    let nothing: Value = json!({});
    let error = refused::<CatalogRequestMessage>(nothing.to_string().as_bytes());
    assert_eq!(error, WireError::Missing { at: "@context".into() });
}
