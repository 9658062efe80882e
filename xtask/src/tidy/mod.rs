//! The checks. Each looks at the tree and answers with findings; none changes anything.

mod arrows;
mod guides;
mod invariants;
mod rooms;
mod sizes;
mod tests;
mod text;
mod tree;
mod words;

use std::path::Path;

use tree::Tree;

/// Something that is not as ARCHITECTURE.md, GLOSSARY.md or CONTRIBUTING.md says.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Finding {
    /// The file, relative to the checkout, and the line where there is one.
    place: String,
    what: String,
}

impl Finding {
    pub(crate) fn new(place: impl Into<String>, what: impl Into<String>) -> Self {
        Self { place: place.into(), what: what.into() }
    }
}

type Check = fn(&Tree) -> Result<Vec<Finding>, String>;

const CHECKS: [(&str, Check); 9] = [
    ("rooms by floors", rooms::check),
    ("arrows and fences", arrows::check),
    ("invariants", invariants::check),
    ("words", words::check),
    ("sizes", sizes::check),
    ("tests", tests::check),
    ("text", text::check),
    ("guides", guides::check),
    ("generated pages", crate::docs::findings),
];

pub(crate) fn run(root: &Path) -> Result<String, String> {
    let tree = Tree::read(root)?;
    let mut report = String::new();
    let mut count = 0;
    for (name, check) in CHECKS {
        for finding in check(&tree)? {
            report.push_str(&format!("{}: {} ({name})\n", finding.place, finding.what));
            count += 1;
        }
    }
    if count == 0 {
        return Ok(format!("tidy: {} checks over {} files, nothing to say", CHECKS.len(), tree.files.len()));
    }
    Err(format!("{report}tidy: {count} findings"))
}

pub(crate) use self::Finding as TidyFinding;
pub(crate) use self::tree::Tree as TidyTree;
