//! Where a node connects to, and where never.

use std::net::IpAddr;

use weal_node::config::{NetworkConfig, Reach};
use weal_node::peers::{Peers, within};

const PRIVATE: [&str; 6] =
    ["10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1", "100.64.0.1", "fc00::1"];

/// One of each special range, at its ends where that can go wrong.
const NOBODYS: [&str; 56] = [
    "0.0.0.0",
    "0.255.255.255",
    "100.100.100.200",
    "168.63.129.16",
    "169.254.0.1",
    "169.254.169.254",
    "192.0.0.8",
    "192.0.0.192",
    "192.0.2.1",
    "192.31.196.1",
    "192.52.193.1",
    "192.88.99.1",
    "192.175.48.1",
    "198.18.0.1",
    "198.19.255.255",
    "198.51.100.1",
    "203.0.113.1",
    "224.0.0.1",
    "239.255.255.255",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::2",
    "::7f00:1",
    "::ffff:127.0.0.1",
    "::ffff:10.0.0.1",
    "::ffff:169.254.169.254",
    "::ffff:93.184.216.34",
    "::ffff:0:7f00:1",
    "64:ff9b::7f00:1",
    "64:ff9b::5db8:d822",
    "64:ff9b:1::1",
    "100::1",
    "100:0:0:1::1",
    "2001::1",
    "2001:0:53aa:64c::1",
    "2001:1::1",
    "2001:2::1",
    "2001:3::1",
    "2001:4:112::1",
    "2001:10::1",
    "2001:20::1",
    "2001:30::1",
    "2001:1ff:ffff::1",
    "2001:db8::1",
    "2002:7f00:1::1",
    "2002:5db8:d822::1",
    "2620:4f:8000::1",
    "3fff::1",
    "3fff:fff::1",
    "4000::1",
    "5f00::1",
    "fd00:ec2::254",
    "fd20:ce::254",
    "fe80::1",
    "fec0::1",
];

const PUBLIC: [&str; 9] = [
    "93.184.216.34",
    "100.63.255.255",
    "172.32.0.1",
    "198.20.0.1",
    "223.255.255.255",
    "2001:200::1",
    "2001:4860:4860::8888",
    "2606:4700::1111",
    "2a00:1450::1",
];

fn ip(text: &str) -> IpAddr {
    text.parse().expect("an address")
}

#[test]
fn special_addresses_are_nobodys_private_ones_are_for_private_networks() {
    for reach in [Reach::Public, Reach::Private, Reach::Loopback] {
        for address in NOBODYS.iter().chain(&["ff02::1", "ff0e::1"]) {
            assert!(!within(ip(address), reach), "{address} within {reach:?}");
        }
        for address in PUBLIC {
            assert!(within(ip(address), reach), "{address} not within {reach:?}");
        }
        for address in PRIVATE {
            assert_eq!(within(ip(address), reach), reach != Reach::Public, "{address} within {reach:?}");
        }
        for address in ["127.0.0.1", "127.255.255.255", "::1"] {
            assert_eq!(within(ip(address), reach), reach == Reach::Loopback, "{address} within {reach:?}");
        }
    }
}

#[tokio::test]
async fn names_of_this_machine_are_this_machine_and_out_of_reach_but_for_trying_out() {
    use reqwest::dns::Resolve as _;
    let resolve =
        |reach| weal_node::peers::GuardedResolver::new(reach).resolve("node.localhost".parse().unwrap());
    let found: Vec<_> = resolve(Reach::Loopback).await.expect("within reach").collect();
    assert_eq!(found, ["127.0.0.1:0".parse().unwrap()]);
    for reach in [Reach::Public, Reach::Private] {
        assert!(resolve(reach).await.is_err(), "{reach:?}");
    }
}

/// Paths that some readers take for others, or that say more than where.
const CROOKED: &str = "/.. /../x /x/../.. /%2e%2e/x /%2E%2e /.%2e/x /%2e./x /./x /%2e/x /%252e%252e/x /a%2fb \
    /a%5Cb /a\\b \\x /x?y /x#y # ? /x%3Fy /x%23y /a%00b /a%0Ab /a%7fb //x /a//b /% /%2 /%zz /%ff%fe /@x @x :1 1 \
    .evil.example /é";

/// Addresses that begin like the peer's only for some readers.
const ELSEWHERE: [&str; 10] = [
    "https://user@peer.example/x",
    "https://user:pass@peer.example/x",
    "https://peer.example:443/x",
    "http://peer.example/x",
    "https://PEER.example/x",
    "https:/peer.example/x",
    "https:\\\\peer.example/x",
    "https://peer.example%2f@evil.example/",
    "//peer.example/x",
    " https://peer.example/x",
];

#[test]
fn a_callback_means_the_same_to_every_reader() {
    let network = NetworkConfig { reach: Reach::Public, ..NetworkConfig::default() };
    let peers = Peers::new(&network, weal_trust::did::DidDocument::parse_of).expect("a client");
    for (peer, origin) in [
        ("did:web:peer.example", "https://peer.example"),
        ("did:web:peer.example%3A8443:of:two", "https://peer.example:8443/of/two"),
    ] {
        let peer = peer.parse().expect("a DID");
        let callback = |path: &str| peers.callback(&peer, &format!("{origin}{path}"));
        for good in ["", "/", "/dsp", "/dsp/2025-1/callback/", "/a.b/c~d", "/a%20b/%C3%A9", "/.well-known/x"]
        {
            let found = callback(good).expect(good);
            assert_eq!(found, format!("{origin}{}", good.trim_end_matches('/')));
        }
        for bad in CROOKED.split_whitespace().chain(["/a\nb", "/a b", "/a\tb", "/a\u{a0}b"]) {
            assert!(callback(bad).is_err(), "{origin}{bad:?}");
        }
    }
    let peer = "did:web:peer.example".parse().expect("a DID");
    for bad in ELSEWHERE {
        assert!(peers.callback(&peer, bad).is_err(), "{bad}");
    }
}

#[test]
fn an_address_in_a_document_is_one_that_anybody_may_have() {
    let peers = |reach| {
        let network = NetworkConfig { reach, ..NetworkConfig::default() };
        Peers::new(&network, weal_trust::did::DidDocument::parse_of).expect("a client")
    };
    for (address, public, private, loopback) in [
        ("https://wallet.example/a/b", true, true, true),
        ("https://wallet.example:8443", true, true, true),
        ("https://10.0.0.1/dcp", false, true, true),
        ("https://192.168.7.7", false, true, true),
        ("https://127.0.0.1:9/dcp", false, false, true),
        ("http://127.0.0.1:9/dcp", false, false, true),
        ("http://localhost:9/dcp", false, false, true),
        ("http://10.0.0.1/dcp", false, false, false),
        ("http://wallet.example/dcp", false, false, false),
        ("https://169.254.169.254/latest", false, false, false),
        ("https://[::ffff:10.0.0.1]/", false, false, false),
        ("https://0.0.0.0/", false, false, false),
        ("https://user@wallet.example/", false, false, false),
        ("https://wallet.example/?q=1", false, false, false),
        ("https://wallet.example/#f", false, false, false),
        ("ftp://wallet.example/", false, false, false),
        ("file:///etc/passwd", false, false, false),
        ("wallet.example", false, false, false),
    ] {
        for (reach, allowed) in
            [(Reach::Public, public), (Reach::Private, private), (Reach::Loopback, loopback)]
        {
            assert_eq!(peers(reach).elsewhere(address, "/x").is_ok(), allowed, "{address} within {reach:?}");
        }
    }
    let long = format!("https://wallet.example/{}", "x".repeat(600));
    assert!(peers(Reach::Public).elsewhere(&long, "").is_err());
    let joined = peers(Reach::Public).elsewhere("https://wallet.example/a/", "/presentations/query");
    assert_eq!(joined.expect("an address").as_str(), "https://wallet.example/a/presentations/query");
}

#[test]
fn nothing_is_asked_outside_of_a_peers_own_path() {
    let network = NetworkConfig { reach: Reach::Public, ..NetworkConfig::default() };
    let peers = Peers::new(&network, weal_trust::did::DidDocument::parse_of).expect("a client");
    let peer = "did:web:hosting.example:revenue".parse().expect("a DID");
    let ask = |url: &str| peers.request(reqwest::Method::GET, &peer, url, None).is_ok();
    assert!(ask("https://hosting.example/revenue/dsp/x"));
    for climbing in [
        "https://hosting.example/revenue/../other/x",
        "https://hosting.example/revenue/%2e%2e/other/x",
        "https://hosting.example/revenue\\..\\other",
        "https://hosting.example/revenuex/x",
        "https://hosting.example/other",
    ] {
        assert!(!ask(climbing), "{climbing}");
    }
}

/// What is temporary stays in the outbox; what the peer has decided is not sent again.
#[test]
fn an_answer_is_final_only_where_the_peer_has_decided() {
    let is_temporary = |status| weal_node::peers::Reply { status, body: Vec::new() }.is_temporary();
    for status in [401, 408, 425, 429, 500, 502, 503, 504] {
        assert!(is_temporary(status), "{status} may pass");
    }
    for status in [200, 201, 400, 403, 404, 409, 410, 413, 422] {
        assert!(!is_temporary(status), "{status} will not");
    }
}
