//! did:web, and what must not pass for one.

use proptest::prelude::*;
use weal_domain::identity::Did;
use weal_wire::did::{Scheme, did_of, document_url, origin_of};

fn did(text: &str) -> Did {
    Did::new(text).unwrap()
}

#[test]
fn origins_and_documents() {
    let cases = [
        (
            "https://revenue.example",
            "did:web:revenue.example",
            "https://revenue.example/.well-known/did.json",
        ),
        (
            "https://revenue.example:8443",
            "did:web:revenue.example%3A8443",
            "https://revenue.example:8443/.well-known/did.json",
        ),
        ("http://127.0.0.1:7001", "did:web:127.0.0.1%3A7001", "http://127.0.0.1:7001/.well-known/did.json"),
        ("http://localhost:7001", "did:web:localhost%3A7001", "http://localhost:7001/.well-known/did.json"),
        (
            "https://gov.example/nodes/tax",
            "did:web:gov.example:nodes:tax",
            "https://gov.example/nodes/tax/did.json",
        ),
        (
            "https://xn--bcher-kva.example",
            "did:web:xn--bcher-kva.example",
            "https://xn--bcher-kva.example/.well-known/did.json",
        ),
    ];
    for (origin, expected, document) in cases {
        assert_eq!(did_of(origin).unwrap(), did(expected), "{origin}");
        assert_eq!(document_url(&did(expected), Scheme::HttpOnLoopback).unwrap().as_str(), document);
        assert_eq!(origin_of(&did(expected), Scheme::HttpOnLoopback).unwrap(), origin);
    }
    // A slash at the end and a default port change nothing.
    assert_eq!(did_of("https://revenue.example:443/").unwrap(), did("did:web:revenue.example"));
}

#[test]
fn plain_http_is_for_loopback_and_only_where_allowed() {
    let loopback = did("did:web:127.0.0.1%3A7001");
    assert_eq!(document_url(&loopback, Scheme::Https).unwrap().scheme(), "https");
    for other in ["did:web:revenue.example", "did:web:10.0.0.1%3A80", "did:web:localhost.example"] {
        assert_eq!(document_url(&did(other), Scheme::HttpOnLoopback).unwrap().scheme(), "https", "{other}");
    }
}

#[test]
fn what_two_readers_could_take_for_two_hosts_is_refused() {
    for text in [
        "did:key:z6Mk",
        "did:web:",
        "did:web::path",
        "did:web:Revenue.example",
        "did:web:revenue.example.",
        "did:web:user%40revenue.example",
        "did:web:user@revenue.example",
        "did:web:revenue.example/path",
        "did:web:revenue.example?x",
        "did:web:revenue.example#key",
        "did:web:revenue.example%2Fpath",
        "did:web:revenue.example%3A",
        "did:web:revenue.example%3A0",
        "did:web:revenue.example%3A080",
        "did:web:revenue.example%3A65536",
        "did:web:revenue.example%3A80%3A81",
        "did:web:revenue.example:..:x",
        "did:web:revenue.example:a:",
        "did:web:revenue.example:%2e%2e",
        "did:web:127.1",
        "did:web:2130706433",
        "did:web:0x7f.0.0.1",
        "did:web:0177.0.0.1",
        "did:web:[::1]",
        "did:web:%5B::1%5D",
        "did:web:revenue_example",
    ] {
        assert!(document_url(&did(text), Scheme::HttpOnLoopback).is_err(), "{text} was resolved");
        assert!(origin_of(&did(text), Scheme::HttpOnLoopback).is_err(), "{text} has an origin");
    }
    for origin in [
        "",
        "revenue.example",
        "ftp://revenue.example",
        "https://",
        "https://user@revenue.example",
        "https://user:secret@revenue.example",
        "https://revenue.example?x",
        "https://revenue.example#x",
        "https://[::1]:7001",
        "file:///etc/passwd",
        "https://revenue.example/a%2Fb",
    ] {
        assert!(did_of(origin).is_err(), "{origin} has a DID");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn an_origin_comes_back(
        host in "[a-z][a-z0-9]{0,6}(\\.[a-z]{2,6}){1,2}", port in proptest::option::of(1_u16..), path in "(/[a-z0-9]{1,5}){0,3}",
    ) {
        let port = port.filter(|port| *port != 443).map(|port| format!(":{port}")).unwrap_or_default();
        let origin = format!("https://{host}{port}{path}");
        let did = did_of(&origin).unwrap();
        prop_assert_eq!(origin_of(&did, Scheme::Https).unwrap(), origin);
    }
}
