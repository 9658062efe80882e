//! Every document that a stranger may send us, changed at random (`tests/fuzz`).

mod claims;
#[path = "../../../../../tests/fuzz/mod.rs"]
mod fuzzer;
mod targets;

use std::path::PathBuf;

use fuzzer::{readers, try_all};

fn here() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

#[test]
fn whatever_arrives_is_read_or_refused_and_what_is_read_is_printed_alike() {
    try_all(&targets::all(), &here().join("tests/found"));
}

/// A new message without a target fails here: add one to `targets.rs`.
#[test]
fn every_reader_of_strangers_documents_is_a_target() {
    let all = targets::all();
    // A reader of two forms is two targets.
    let name = |target: &fuzzer::Target| target.name.split(" of ").next().map(str::to_owned);
    let mut targets: Vec<String> = all.iter().filter_map(name).collect();
    targets.sort();
    targets.dedup();
    // `parse` is the door that every message goes through, and `Exact::parse` the one of its parts; a page is read
    // with the entries.
    let through = ["mod::parse", "exact::parse", "catalogue::page"];
    let mut readers = readers(&here().join("src"), &targets::VERBS);
    readers.retain(|name| !through.contains(&name.as_str()));
    assert_eq!(targets, readers, "targets (left) and readers in the source (right)");
}

type Reader = fn(&[u8]) -> bool;

/// The proof that the fuzzer can fail: readers with mistakes in them.
#[test]
fn planted_mistakes_are_noticed() {
    let planted: [(&str, Reader); 3] = [
        ("it panics where an array is unexpected", |bytes| {
            let Ok(value) = serde_json::from_slice::<serde_json::Value>(bytes) else { return false };
            assert!(!value["offer"]["permission"][0].is_array(), "planted");
            true
        }),
        ("it cuts text between two bytes of a letter", |bytes| {
            let Ok(value) = serde_json::from_slice::<serde_json::Value>(bytes) else { return false };
            let texts = [&value["consumerPid"], &value["offer"]["@id"], &value["offer"]["target"]];
            texts.iter().all(|text| text.as_str().is_none_or(|text| !text[..text.len().min(60)].is_empty()))
        }),
        ("it prints what it cannot read", |bytes| {
            let Ok(value) = serde_json::from_slice::<serde_json::Value>(bytes) else { return false };
            let printed = value["consumerPid"].as_str().map(|pid| format!("\"{pid}\""));
            assert!(printed.is_none_or(|text| serde_json::from_str::<String>(&text).is_ok()), "planted");
            true
        }),
    ];
    let corpus = || targets::vectors("ContractRequestMessage");
    let unnoticed: Vec<&str> = planted
        .into_iter()
        .filter(|(name, check)| {
            let target = fuzzer::Target { name, kind: fuzzer::Kind::Json, corpus: corpus(), check: *check };
            !fuzzer::fails(&target)
        })
        .map(|(name, _)| name)
        .collect();
    assert!(unnoticed.is_empty(), "{unnoticed:?}");
}
