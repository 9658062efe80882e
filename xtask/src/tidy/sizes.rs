//! Files stay small. Functions do too; clippy's `too_many_lines` counts those.

use super::Finding;
use super::tree::Tree;

const FILE_LINES_MAX: usize = 500;
/// Tests and tables of data may be longer.
const TEST_LINES_MAX: usize = 700;

pub(super) fn check(tree: &Tree) -> Result<Vec<Finding>, String> {
    let mut findings = Vec::new();
    for file in tree.rust() {
        let lines = file.text.lines().count();
        let most = if file.path.contains("/tests/") { TEST_LINES_MAX } else { FILE_LINES_MAX };
        if lines > most {
            findings
                .push(Finding::new(&file.path, format!("{lines} lines; at most {most}: split it by idea")));
        }
    }
    let clippy = tree.text("clippy.toml")?;
    if !clippy.contains("too-many-lines-threshold = 70") {
        findings
            .push(Finding::new("clippy.toml", "functions have at most 70 lines: too-many-lines-threshold"));
    }
    Ok(findings)
}
