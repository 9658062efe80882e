//! Every test is run: a crate has one test binary, `tests/it`, and its library none of its own.

use super::Finding;
use super::tree::Tree;

/// What makes a test, or keeps something for tests alone.
const UNIT_TESTS: [&str; 4] = ["#[test]", "::test]", "cfg(test", "cfg(all(test"];

pub(super) fn check(tree: &Tree) -> Result<Vec<Finding>, String> {
    let in_crates = |path: &str| path.starts_with("crates/") && path.contains("/src/");
    let never_run = |path: &str| {
        Finding::new(path, "unit tests of a library are never run here: they belong in the crate's tests/it")
    };
    let found = tree
        .rust()
        .filter(|file| in_crates(&file.path) && UNIT_TESTS.iter().any(|mark| file.text.contains(mark)));
    Ok(found.map(|file| never_run(&file.path)).collect())
}
