//! Who is counted as whom, and that counting stays within bounds.

use std::net::IpAddr;

use weal_node::config::Prefix;
use weal_node::http::{ClientAddress, Rates};

fn ip(text: &str) -> IpAddr {
    text.parse().expect("an address")
}

fn behind(connected: &str, lines: &[&str], proxies: &[&str]) -> String {
    let mut headers = axum::http::HeaderMap::new();
    for line in lines {
        headers.append("x-forwarded-for", line.parse().expect("a header"));
    }
    let proxies: Vec<Prefix> = proxies.iter().map(|one| one.parse().expect("a prefix")).collect();
    ClientAddress::behind(ip(connected), &headers, &proxies).to_string()
}

#[test]
fn a_header_counts_only_from_a_proxy_of_ours_and_only_its_last_stranger() {
    let ours = ["127.0.0.1", "10.0.0.0/8", "fd00::/8"];
    // Nobody's word but a proxy's.
    assert_eq!(behind("192.0.2.1", &["203.0.113.9"], &ours), "192.0.2.1");
    assert_eq!(behind("127.0.0.1", &["203.0.113.9"], &[]), "127.0.0.1");
    assert_eq!(behind("127.0.0.1", &[], &ours), "127.0.0.1");
    // What stands left of the last stranger was written by that stranger.
    assert_eq!(behind("127.0.0.1", &["198.51.100.1, 203.0.113.9"], &ours), "203.0.113.9");
    assert_eq!(behind("127.0.0.1", &["198.51.100.1", "203.0.113.9, 10.1.2.3"], &ours), "203.0.113.9");
    assert_eq!(behind("::ffff:127.0.0.1", &["203.0.113.9:4711"], &ours), "203.0.113.9");
    assert_eq!(behind("fd00::1", &["[2001:db8:1:2:3::4]:443"], &ours), "2001:db8:1:2::");
    assert_eq!(behind("127.0.0.1", &["10.0.0.1, 10.0.0.2"], &ours), "10.0.0.1", "all of them ours");
    // What cannot be read ends the search at whoever wrote it.
    assert_eq!(behind("127.0.0.1", &["203.0.113.9, nonsense"], &ours), "127.0.0.1");
    assert_eq!(behind("127.0.0.1", &["203.0.113.9, unknown, 10.0.0.2"], &ours), "10.0.0.2");
    let long = format!("203.0.113.9{}", ", 10.0.0.1".repeat(10_000));
    assert_eq!(behind("127.0.0.1", &[&long], &ours), "10.0.0.1");
}

#[test]
fn of_ipv6_the_network_is_counted_and_mapped_ipv4_is_ipv4() {
    let of = |text: &str| ClientAddress::of(ip(text));
    assert_eq!(of("2001:db8:1:2::1"), of("2001:db8:1:2:ffff::9"));
    assert_ne!(of("2001:db8:1:2::1"), of("2001:db8:1:3::1"));
    assert_eq!(of("::ffff:192.0.2.1"), of("192.0.2.1"));
    assert_ne!(of("192.0.2.1"), of("192.0.2.2"));
}

#[test]
fn a_prefix_is_an_address_or_all_that_begin_alike() {
    let prefix = |text: &str| text.parse::<Prefix>();
    for wrong in ["", "10.0.0.0/33", "10.0.0.0/", "::/129", "proxy.example", "10.0.0.0/8/8", "/8"] {
        assert!(prefix(wrong).is_err(), "{wrong}");
    }
    let within = |prefix: &str, address: &str| prefix.parse::<Prefix>().expect("good").contains(ip(address));
    assert!(within("10.0.0.0/8", "10.255.0.1") && !within("10.0.0.0/8", "11.0.0.1"));
    assert!(within("0.0.0.0/0", "192.0.2.1") && !within("0.0.0.0/0", "2001:db8::1"));
    assert!(within("::/0", "2001:db8::1") && !within("::/0", "192.0.2.1"));
    assert!(within("192.0.2.1", "::ffff:192.0.2.1") && !within("192.0.2.1", "192.0.2.0"));
    assert!(within("fd00::/8", "fdff::1") && !within("fd00::/8", "fc00::1"));
}

#[test]
fn each_has_a_count_of_its_own_until_the_minute_ends() {
    let rates = Rates::default();
    for _ in 0..3 {
        assert!(rates.count(&"one", 1, 3));
    }
    assert!(!rates.count(&"one", 1, 3));
    assert!(rates.count(&"other", 1, 3), "not for the deeds of another");
    assert!(rates.count(&"one", 2, 3));
}

#[test]
fn a_flood_of_addresses_neither_wipes_out_a_count_nor_grows_without_end() {
    let rates = Rates::default();
    for _ in 0..4 {
        rates.count(&"steady", 1, 3);
    }
    for flood in 0..200_000_u32 {
        rates.count(&flood, 1, 3);
    }
    assert!(!rates.count(&"steady", 1, 3), "still counted as it was");
    let late = (0..1_000_u32).filter(|late| rates.count(&("late", late), 1, 3)).count();
    assert!(late < 1_000, "whoever comes after the flood is counted together with others");
    assert!(rates.count(&"late", 2, 3), "until the next minute");
}
