//! The rooms-by-floors table of ARCHITECTURE.md against the tree, both ways.

use std::collections::BTreeSet;

use super::Finding;
use super::tree::{Tree, table_below};

pub(super) const MAP: &str = "ARCHITECTURE.md";
const HEADING: &str = "## Rooms by floors";
const ROOMS: [&str; 8] =
    ["catalogue", "agreements", "exchange", "compute", "governance", "citizens", "ledger", "identity"];
/// The map is read in a quarter of an hour.
const MAP_LINES_MAX: usize = 300;

pub(super) fn check(tree: &Tree) -> Result<Vec<Finding>, String> {
    let map = tree.text(MAP)?;
    let mut findings = Vec::new();
    let lines = map.lines().count();
    if lines > MAP_LINES_MAX {
        findings.push(Finding::new(MAP, format!("{lines} lines; at most {MAP_LINES_MAX}")));
    }
    let rows = table_below(map, HEADING);
    let Some((head, rows)) = rows.split_first() else {
        return Ok(vec![Finding::new(MAP, format!("no table below `{HEADING}`"))]);
    };
    for room in ROOMS {
        let Some(cells) = rows.iter().find(|cells| cells[0].trim_matches(['`', '*']) == room) else {
            findings.push(Finding::new(MAP, format!("the room {room} has no row")));
            continue;
        };
        for (floor, cell) in head.iter().zip(cells).skip(1) {
            let floor = format!("weal-{}", floor.trim_matches('`'));
            findings.extend(check_cell(tree, room, &floor, cell));
        }
        for floor in floors_with(tree, room) {
            if !head.iter().any(|cell| format!("weal-{}", cell.trim_matches('`')) == floor) {
                findings.push(Finding::new(MAP, format!("{room} is on {floor}, which is no column")));
            }
        }
    }
    findings.extend(broken_links(tree));
    Ok(findings)
}

fn check_cell(tree: &Tree, room: &str, floor: &str, cell: &str) -> Vec<Finding> {
    let links: BTreeSet<String> = links_of(cell).map(|link| without_ending(link).to_owned()).collect();
    let there = places_of(tree, room, floor);
    let missing = there.difference(&links);
    let say = |place: &String| Finding::new(MAP, format!("{room} x {floor}: link {place}"));
    let mut findings: Vec<Finding> = missing.map(say).collect();
    for link in links.iter().filter(|link| !link.starts_with(&format!("crates/{floor}/"))) {
        findings.push(Finding::new(MAP, format!("{room} x {floor}: {link} is on another floor")));
    }
    findings
}

/// Where a room is on a floor: modules that bear its name, without `.rs` and `/mod.rs`.
fn places_of(tree: &Tree, room: &str, floor: &str) -> BTreeSet<String> {
    let source = format!("crates/{floor}/src/");
    let mut places = BTreeSet::new();
    for file in tree.rust().filter(|file| file.path.starts_with(&source)) {
        let parts: Vec<&str> = file.path.split('/').collect();
        let named = |part: &&str| part.strip_suffix(".rs").unwrap_or(part) == room;
        // Words and views of a language are kept by the same names; they belong to the portal's own shape.
        if let Some(at) = parts.iter().position(named) {
            places.insert(without_ending(&parts[..=at].join("/")).to_owned());
        }
    }
    places
}

fn floors_with(tree: &Tree, room: &str) -> Vec<String> {
    let floors = tree.crates().into_iter().filter(|floor| !places_of(tree, room, floor).is_empty());
    floors.filter(|floor| *floor != "weal-cli" && *floor != "weal-testkit").map(str::to_owned).collect()
}

fn without_ending(path: &str) -> &str {
    path.trim_end_matches('/').trim_end_matches("/mod.rs").trim_end_matches(".rs")
}

/// The targets of Markdown links.
pub(super) fn links_of(text: &str) -> impl Iterator<Item = &str> {
    text.split("](").skip(1).filter_map(|rest| rest.split_once(')')).map(|(target, _)| target)
}

/// Links from any document to a file that is not there.
fn broken_links(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in tree.files.iter().filter(|file| file.path.ends_with(".md")) {
        let folder = file.path.rsplit_once('/').map_or("", |(folder, _)| folder);
        for link in links_of(&file.text).filter(|link| !link.contains("://") && !link.starts_with('#')) {
            let target = link.split_once('#').map_or(link, |(target, _)| target);
            if !target.contains(char::is_whitespace) && !tree.has(&resolve(folder, target)) {
                findings.push(Finding::new(&file.path, format!("links to {target}, which is not there")));
            }
        }
    }
    findings
}

fn resolve(folder: &str, target: &str) -> String {
    let mut parts: Vec<&str> = folder.split('/').filter(|part| !part.is_empty()).collect();
    for part in target.split('/') {
        match part {
            ".." => drop(parts.pop()),
            "." | "" => {}
            part => parts.push(part),
        }
    }
    parts.join("/")
}
