//! Every document that a stranger may send us, changed at random (`tests/fuzz`).

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
    let mut targets: Vec<String> = targets::all().iter().map(|target| target.name.to_owned()).collect();
    targets.sort();
    // `parse` is the door that every message goes through, and `Exact::parse` the one of its parts.
    let through = ["mod::parse", "exact::parse"];
    let mut readers = readers(&here().join("src"), &["parse", "_of_header"]);
    readers.retain(|name| !through.contains(&name.as_str()));
    let known: Vec<&String> =
        targets.iter().filter(|name| !targets::FURTHER.contains(&name.as_str())).collect();
    assert_eq!(known, readers.iter().collect::<Vec<_>>(), "targets (left) and readers in the source (right)");
}
