//! Every test is run: a crate has one test binary, `tests/it`, and its library none of its own.

use super::Finding;
use super::tree::Tree;

/// Written so that this file is not found by itself.
const UNIT_TESTS: &str = concat!("#[cfg", "(test)]");

pub(super) fn check(tree: &Tree) -> Result<Vec<Finding>, String> {
    let in_crates = |path: &str| path.starts_with("crates/") && path.contains("/src/");
    let never_run = |path: &str| {
        Finding::new(path, "unit tests of a library are never run here: they belong in the crate's tests/it")
    };
    let found = tree.rust().filter(|file| in_crates(&file.path) && file.text.contains(UNIT_TESTS));
    Ok(found.map(|file| never_run(&file.path)).collect())
}
