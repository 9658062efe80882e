//! Text that must not be in the project: unfinished work, paths of somebody's machine, stray blanks.

use super::Finding;
use super::tree::{File, Tree};

/// Unfinished work is finished or an issue, not a remark. Written apart, or this file would find itself.
const UNFINISHED: [&str; 5] = [
    concat!("TO", "DO"),
    concat!("FIX", "ME"),
    concat!("XX", "X:"),
    concat!("todo", "!("),
    concat!("unimplemented", "!("),
];
/// Where somebody's own files lie.
const MACHINES: [&str; 5] = [
    concat!("/ho", "me/"),
    concat!("/Us", "ers/"),
    concat!("/ro", "ot/"),
    concat!("/wo", "rk/"),
    concat!("C:", "\\Users"),
];

pub(super) fn check(tree: &Tree) -> Result<Vec<Finding>, String> {
    let mut findings = Vec::new();
    for file in tree.files.iter().filter(|file| is_written_by_hand(file)) {
        for (number, line) in file.text.lines().enumerate() {
            let place = || format!("{}:{}", file.path, number + 1);
            if line.ends_with([' ', '\t']) {
                findings.push(Finding::new(place(), "ends with a blank"));
            }
            for word in UNFINISHED.iter().filter(|word| line.contains(**word)) {
                findings.push(Finding::new(place(), format!("{word}: finish it, or write an issue")));
            }
            for path in MACHINES.iter().filter(|path| line.contains(**path)) {
                findings.push(Finding::new(place(), format!("{path} is a path of one machine")));
            }
        }
        if !file.text.is_empty() && !file.text.ends_with('\n') {
            findings.push(Finding::new(&file.path, "does not end with a line"));
        }
    }
    Ok(findings)
}

/// Vectors, snapshots and locks are as their makers wrote them.
fn is_written_by_hand(file: &File) -> bool {
    let made = [".snap", ".lock", ".svg", "package-lock.json", ".ndjson", ".seed"];
    let kept = ["/golden/", "/vectors/", "/snapshots/", "proptest-regressions"];
    file.path != "LICENSE"
        && !made.iter().any(|ending| file.path.ends_with(ending))
        && !kept.iter().any(|folder| file.path.contains(folder))
}
