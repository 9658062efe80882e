//! Which crate may depend on which, and which heavy libraries stand on which floor: the tables of
//! ARCHITECTURE.md against every Cargo.toml.

use std::collections::{BTreeMap, BTreeSet};

use super::Finding;
use super::rooms::MAP;
use super::tree::{Tree, table_below};

const ARROWS: &str = "## Arrows";
const FENCES: &str = "## Fences";
/// The floor that is for tests only; nothing that ships may depend on it.
const TESTKIT: &str = "weal-testkit";

pub(super) fn check(tree: &Tree) -> Result<Vec<Finding>, String> {
    let map = tree.text(MAP)?;
    let mut manifests = BTreeMap::new();
    for floor in tree.crates() {
        let path = format!("crates/{floor}/Cargo.toml");
        let manifest: toml::Table = tree.text(&path)?.parse().map_err(|cause| format!("{path}: {cause}"))?;
        manifests.insert(floor.to_owned(), manifest);
    }
    let mut findings = arrows(map, &manifests);
    findings.extend(fences(map, &manifests));
    findings.extend(dependencies_of_tests(&manifests));
    Ok(findings)
}

/// Dependencies of one kind, by name.
fn names(manifest: &toml::Table, kind: &str) -> BTreeSet<String> {
    let table = manifest.get(kind).and_then(toml::Value::as_table);
    table.map(|table| table.keys().cloned().collect()).unwrap_or_default()
}

fn ours(manifest: &toml::Table, kind: &str) -> BTreeSet<String> {
    names(manifest, kind).into_iter().filter(|name| name.starts_with("weal-")).collect()
}

fn words_of(cell: &str) -> BTreeSet<String> {
    let words = cell.split([',', ' ']).map(|word| word.trim_matches('`')).filter(|word| !word.is_empty());
    words.map(str::to_owned).collect()
}

fn arrows(map: &str, manifests: &BTreeMap<String, toml::Table>) -> Vec<Finding> {
    let rows = table_below(map, ARROWS);
    let mut findings = Vec::new();
    let mut seen = BTreeSet::new();
    for cells in rows.iter().skip(1) {
        let [floor, .., on] = cells.as_slice() else { continue };
        let floor = floor.trim_matches('`').to_owned();
        let Some(manifest) = manifests.get(&floor) else {
            findings.push(Finding::new(MAP, format!("{floor} is no crate")));
            continue;
        };
        let named = |word: String| if word.starts_with("weal-") { word } else { format!("weal-{word}") };
        let drawn: BTreeSet<String> = words_of(on)
            .into_iter()
            .filter(|word| word != "nothing" && word != "of" && word != "ours")
            .map(named)
            .collect();
        let real = ours(manifest, "dependencies");
        let place = format!("crates/{floor}/Cargo.toml");
        for extra in real.difference(&drawn) {
            findings.push(Finding::new(&place, format!("depends on {extra}; {MAP} draws no such arrow")));
        }
        for gone in drawn.difference(&real) {
            findings.push(Finding::new(MAP, format!("draws an arrow from {floor} to {gone}; there is none")));
        }
        seen.insert(floor);
    }
    for floor in manifests.keys().filter(|floor| !seen.contains(*floor)) {
        findings.push(Finding::new(MAP, format!("the table of arrows leaves out {floor}")));
    }
    findings
}

fn fences(map: &str, manifests: &BTreeMap<String, toml::Table>) -> Vec<Finding> {
    let rows = table_below(map, FENCES);
    let mut findings = Vec::new();
    if rows.len() < 2 {
        findings.push(Finding::new(MAP, format!("no table below `{FENCES}`")));
    }
    for cells in rows.iter().skip(1) {
        let [libraries, floors, ..] = cells.as_slice() else { continue };
        let allowed: BTreeSet<String> = words_of(floors)
            .into_iter()
            .map(|floor| format!("weal-{}", floor.trim_start_matches("weal-")))
            .collect();
        for library in words_of(libraries) {
            for (floor, manifest) in manifests {
                let held = names(manifest, "dependencies").contains(&library)
                    || names(manifest, "dev-dependencies").contains(&library);
                if held && !allowed.contains(floor) {
                    let place = format!("crates/{floor}/Cargo.toml");
                    findings.push(Finding::new(place, format!("{library} stands on {floors} only")));
                }
            }
        }
    }
    findings
}

/// Nothing that ships depends on the testkit, and tests only look downwards.
fn dependencies_of_tests(manifests: &BTreeMap<String, toml::Table>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (floor, manifest) in manifests {
        if ours(manifest, "dependencies").contains(TESTKIT) {
            findings.push(Finding::new(format!("crates/{floor}/Cargo.toml"), "ships the testkit"));
        }
    }
    findings
}
