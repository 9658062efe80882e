//! Every command that a document shows is run by a test.
//!
//! - ```` ```sh ```` blocks of a guide are run by the test `guides` of `weal-testkit`, which lists the guides.
//! - Those of the guide for connecting a foreign connector are run against one: `cargo xtask conformance edc`.
//! - ```` ```sh ```` blocks of README.md are run by `.ci/run`.
//! - Commands in ```` ```text ```` blocks are for reading: each `weal` command there, with its options, must be
//!   run in a guide.

use std::collections::{BTreeMap, BTreeSet};

use super::Finding;
use super::tree::Tree;

const TEST: &str = "crates/weal-testkit/tests/it/guides.rs";
/// Names the guide that needs a foreign connector, and runs it.
const CONFORMANCE: &str = "xtask/src/conformance/edc/guide.rs";
const CI: &str = ".ci/run";
/// What README.md tells a reader to run, and the text of `.ci/run` that does the same.
const README_COMMANDS: [(&str, &str); 2] = [
    ("cargo run --release -- demo", "weal\" demo --check"),
    ("cargo test --workspace", "cargo test --workspace"),
];

pub(super) fn check(tree: &Tree) -> Result<Vec<Finding>, String> {
    let (test, conformance, ci) = (tree.text(TEST)?, tree.text(CONFORMANCE)?, tree.text(CI)?);
    let mut findings = Vec::new();
    let mut run: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let mut shown = Vec::new();
    for file in tree.files.iter().filter(|file| file.path.ends_with(".md")) {
        for line in lines_of(&file.text, "text") {
            shown.extend(command_of(line).map(|command| (file.path.clone(), command)));
        }
        let lines: Vec<&str> = lines_of(&file.text, "sh").collect();
        if lines.is_empty() {
            continue;
        }
        if file.path == "README.md" {
            findings.extend(readme(&lines, ci));
        } else if [test, conformance].iter().any(|runner| runner.contains(&format!("\"{}\"", file.path))) {
            for (name, options) in lines.iter().filter_map(|line| command_of(line)) {
                run.entry(name).or_default().extend(options);
            }
        } else {
            let what = format!("has sh blocks, and neither {TEST} nor {CONFORMANCE} lists it");
            findings.push(Finding::new(&file.path, what));
        }
    }
    for (path, (name, options)) in shown {
        match run.get(&name) {
            None => findings.push(Finding::new(path, format!("shows `weal {name}`, which no guide runs"))),
            Some(known) => {
                for option in options.difference(known) {
                    let what = format!("shows `weal {name} {option}`, which no guide runs");
                    findings.push(Finding::new(&path, what));
                }
            }
        }
    }
    Ok(findings)
}

fn readme(lines: &[&str], ci: &str) -> Vec<Finding> {
    let mut findings = Vec::new();
    for line in lines {
        match README_COMMANDS.iter().find(|(command, _)| command == line) {
            Some((_, proof)) if ci.contains(proof) => {}
            Some((_, proof)) => {
                findings.push(Finding::new(CI, format!("does not run `{line}` (looked for: {proof})")));
            }
            None => {
                findings.push(Finding::new("README.md", format!("shows `{line}`, which {CI} does not run")))
            }
        }
    }
    findings
}

/// The lines of all fenced blocks of one kind, without remarks and blank ones.
fn lines_of<'t>(text: &'t str, kind: &'t str) -> impl Iterator<Item = &'t str> {
    let mut open = None;
    text.lines().filter(move |line| {
        if let Some(opened) = line.trim_start().strip_prefix("```") {
            open = if open.is_none() { Some(opened.trim()) } else { None };
            return false;
        }
        open == Some(kind) && !line.trim().is_empty() && !line.trim_start().starts_with('#')
    })
}

/// The subcommand and the options of a line that calls `weal`.
fn command_of(line: &str) -> Option<(String, BTreeSet<String>)> {
    let line = line.split(" # ").next().unwrap_or(line);
    let start = line.find("weal ").filter(|at| *at == 0 || line[..*at].ends_with([' ', '(', '!']))?;
    let mut words = line[start..].split_whitespace().skip(1);
    let name = words.next()?.trim_matches(['"', '`', ')']).to_owned();
    if name.starts_with('-') || !name.chars().all(|sign| sign.is_ascii_lowercase()) {
        return None;
    }
    let options =
        words.filter(|word| word.starts_with("--")).map(|word| word.split('=').next().unwrap_or(word));
    Some((name, options.map(|word| word.trim_matches(['"', '`', ')', ';']).to_owned()).collect()))
}
