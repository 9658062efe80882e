//! Everything signed or sealed that a stranger may send us, changed at random (`tests/fuzz`).

#[path = "../../../../../tests/fuzz/mod.rs"]
mod fuzzer;
mod targets;

use std::path::PathBuf;

use fuzzer::{readers, try_all};

fn here() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

#[test]
fn whatever_arrives_is_verified_or_refused_and_what_is_read_is_printed_alike() {
    try_all(&targets::all(), &here().join("tests/found"));
}

/// A new format without a target fails here: add one to `targets.rs`.
#[test]
fn every_reader_of_strangers_papers_is_a_target() {
    let mut targets: Vec<String> = targets::all().iter().map(|target| target.name.to_owned()).collect();
    targets.sort();
    // A document of somebody named, which reads it as any other.
    let through = ["did::parse_of"];
    let mut readers = readers(&here().join("src"), &["parse", "peek", "_verify"]);
    readers.retain(|name| !through.contains(&name.as_str()));
    let known: Vec<&String> =
        targets.iter().filter(|name| !targets::FURTHER.contains(&name.as_str())).collect();
    assert_eq!(known, readers.iter().collect::<Vec<_>>(), "targets (left) and readers in the source (right)");
}
