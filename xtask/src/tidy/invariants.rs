//! Named invariants: every name in the code is explained in ARCHITECTURE.md, and every one explained there
//! stands in the code.

use std::collections::{BTreeMap, BTreeSet};

use super::Finding;
use super::rooms::MAP;
use super::tree::{Tree, table_below};

const HEADING: &str = "## Invariants";

pub(super) fn check(tree: &Tree) -> Result<Vec<Finding>, String> {
    let map = tree.text(MAP)?;
    let rows = table_below(map, HEADING);
    let listed: BTreeSet<&str> = rows.iter().skip(1).map(|cells| cells[0].trim_matches(['`', '*'])).collect();
    let prefixes: BTreeSet<&str> =
        listed.iter().filter_map(|name| name.split_once('-')).map(|(prefix, _)| prefix).collect();
    let mut used: BTreeMap<String, &str> = BTreeMap::new();
    for file in tree.rust().filter(|file| file.path.starts_with("crates/")) {
        for name in names_in(&file.text, &prefixes) {
            used.entry(name).or_insert(&file.path);
        }
    }
    let mut findings = Vec::new();
    for (name, path) in &used {
        if !listed.contains(name.as_str()) {
            findings.push(Finding::new(*path, format!("{name} is not explained in {MAP}")));
        }
    }
    for name in listed.iter().filter(|name| !used.contains_key(**name)) {
        findings.push(Finding::new(MAP, format!("{name} stands nowhere in the code")));
    }
    Ok(findings)
}

/// Words such as `GT-1` whose letters one of the listed invariants has.
fn names_in(text: &str, prefixes: &BTreeSet<&str>) -> BTreeSet<String> {
    let word = |sign: char| sign.is_ascii_alphanumeric() || sign == '-';
    let named = |word: &&str| {
        word.split_once('-').is_some_and(|(prefix, number)| {
            prefixes.contains(prefix)
                && !number.is_empty()
                && number.len() < 3
                && number.bytes().all(|byte| byte.is_ascii_digit())
        })
    };
    text.split(|sign| !word(sign)).filter(named).map(str::to_owned).collect()
}
