//! Words that say nothing, as names of modules and types. GLOSSARY.md says what to write instead.

use super::Finding;
use super::tree::Tree;

/// Names of modules that would hold anything at all.
const MODULES: [&str; 12] = [
    "service",
    "services",
    "manager",
    "managers",
    "util",
    "utils",
    "helper",
    "helpers",
    "common",
    "misc",
    "shared_utils",
    "helper_functions",
];
/// Endings of types that do everything and name nothing.
const ENDINGS: [&str; 6] = ["Manager", "Helper", "Helpers", "Util", "Utils", "ServiceImpl"];
const GLOSSARY: &str = "GLOSSARY.md";
/// Words that people look for first.
const EXPLAINED: [&str; 14] = [
    "agreement",
    "budget",
    "entry",
    "fault",
    "gate",
    "ledger",
    "member",
    "node",
    "offer",
    "permit",
    "product",
    "receipt",
    "refusal",
    "use",
];

pub(super) fn check(tree: &Tree) -> Result<Vec<Finding>, String> {
    let mut findings = Vec::new();
    for file in tree.rust() {
        for part in file.path.split('/') {
            let name = part.strip_suffix(".rs").unwrap_or(part);
            if MODULES.contains(&name) {
                findings.push(Finding::new(&file.path, format!("`{name}` names nothing; see {GLOSSARY}")));
            }
        }
        for (number, line) in file.text.lines().enumerate() {
            let Some(name) = declared(line) else { continue };
            let said = MODULES.contains(&name) || ENDINGS.iter().any(|ending| name.ends_with(ending));
            if said {
                let place = format!("{}:{}", file.path, number + 1);
                findings.push(Finding::new(place, format!("`{name}` names nothing; see {GLOSSARY}")));
            }
        }
    }
    let glossary = tree.text(GLOSSARY)?;
    for word in EXPLAINED.iter().filter(|word| !glossary.contains(&format!("| **{word}** |"))) {
        findings.push(Finding::new(GLOSSARY, format!("{word} is not explained")));
    }
    Ok(findings)
}

/// The name of the module or type that a line declares.
fn declared(line: &str) -> Option<&str> {
    let mut words = line.split_whitespace().skip_while(|word| word.starts_with("pub"));
    let kind = words.next()?;
    if !matches!(kind, "mod" | "struct" | "enum" | "trait" | "type") {
        return None;
    }
    let rest = words.next()?;
    rest.split(|sign: char| !sign.is_alphanumeric() && sign != '_').next().filter(|name| !name.is_empty())
}
