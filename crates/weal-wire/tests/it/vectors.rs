//! The specification's examples and our own vectors are read, printed and read again.

use std::collections::BTreeSet;
use std::path::PathBuf;

use serde_json::Value;

use crate::kinds::{KINDS, kind_of, reprinted};
use crate::schemas::{assert_valid, json_files, shared};

pub fn own_vectors() -> Vec<(PathBuf, Value)> {
    json_files(&PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/vectors/dsp"))
}

/// One of our own vectors by the name of its file.
pub fn vector(name: &str) -> Value {
    let (_, value) = own_vectors()
        .into_iter()
        .find(|(path, _)| path.file_stem().is_some_and(|stem| stem == name))
        .unwrap_or_else(|| panic!("no vector {name}"));
    value
}

#[test]
fn own_vectors_cover_every_type_and_come_back_as_they_were() {
    let mut seen = BTreeSet::new();
    for (path, document) in own_vectors() {
        let kind = kind_of(&document).to_owned();
        let printed = reprinted(&kind, document.to_string().as_bytes())
            .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        assert_eq!(printed, document, "{}", path.display());
        assert_valid(&kind, &printed);
        seen.insert(kind);
    }
    let all: BTreeSet<_> = KINDS.iter().map(|(kind, _)| (*kind).to_owned()).collect();
    assert_eq!(seen, all);
}

#[test]
fn the_examples_of_the_specification_come_back_as_they_were() {
    let Some(root) = shared("dsp-2025-1") else { return };
    let mut count = 0;
    for room in ["common", "catalog", "negotiation", "transfer"] {
        for (path, document) in json_files(&root.join(room).join("example")) {
            let kind = kind_of(&document);
            let printed = reprinted(kind, document.to_string().as_bytes())
                .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
            assert_eq!(printed, document, "{}", path.display());
            assert_valid(kind, &printed);
            count += 1;
        }
    }
    assert_eq!(count, 27);
}
