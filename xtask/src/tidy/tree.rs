//! The checkout as the checks see it: every text file that is under version control, read once.

use std::path::Path;
use std::process::Command;

/// One file. Its path is relative to the checkout, with slashes.
#[derive(Debug)]
pub(crate) struct File {
    pub(crate) path: String,
    pub(crate) text: String,
}

#[derive(Debug)]
pub(crate) struct Tree {
    pub(crate) files: Vec<File>,
}

impl Tree {
    /// Tracked files, and new ones that are not ignored.
    pub(crate) fn read(root: &Path) -> Result<Self, String> {
        let listed = Command::new("git")
            .args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"])
            .current_dir(root)
            .output()
            .map_err(|cause| format!("cannot run git: {cause}"))?;
        if !listed.status.success() {
            return Err(format!("git ls-files: {}", String::from_utf8_lossy(&listed.stderr)));
        }
        let mut files = Vec::new();
        for path in String::from_utf8_lossy(&listed.stdout).split('\0').filter(|path| !path.is_empty()) {
            // What is deleted and not yet committed, and what is not text, is not looked at.
            if let Ok(text) = std::fs::read_to_string(root.join(path)) {
                files.push(File { path: path.to_owned(), text });
            }
        }
        files.sort_by(|one, other| one.path.cmp(&other.path));
        files.dedup_by(|one, other| one.path == other.path);
        Ok(Self { files })
    }

    pub(crate) fn text(&self, path: &str) -> Result<&str, String> {
        let found = self.files.iter().find(|file| file.path == path);
        found.map(|file| file.text.as_str()).ok_or_else(|| format!("{path} is missing"))
    }

    /// Whether a file or a folder is there.
    pub(crate) fn has(&self, path: &str) -> bool {
        let path = path.trim_end_matches('/');
        let below = format!("{path}/");
        self.files.iter().any(|file| file.path == path || file.path.starts_with(&below))
    }

    /// Rust files of our own, those of tests included.
    pub(crate) fn rust(&self) -> impl Iterator<Item = &File> {
        self.files.iter().filter(|file| file.path.ends_with(".rs"))
    }

    /// The names of the crates, `weal-domain` and so on.
    pub(crate) fn crates(&self) -> Vec<&str> {
        let manifest =
            |file: &'_ File| file.path.split('/').count() == 3 && file.path.ends_with("/Cargo.toml");
        let name = |path: &'_ str| path.split('/').nth(1).map(str::len);
        self.files
            .iter()
            .filter(|file| file.path.starts_with("crates/") && manifest(file))
            .filter_map(|file| name(&file.path).map(|length| &file.path[7..7 + length]))
            .collect()
    }
}

/// The rows of the Markdown table that stands first below a heading: cells without their padding, the rule
/// line left out.
pub(crate) fn table_below<'t>(text: &'t str, heading: &str) -> Vec<Vec<&'t str>> {
    let mut rows = Vec::new();
    let below = text.lines().skip_while(|line| *line != heading).skip(1);
    for line in below {
        if line.starts_with("## ") || (!line.starts_with('|') && !rows.is_empty()) {
            break;
        }
        if line.starts_with('|') && !line.starts_with("|--") && !line.starts_with("|-") {
            let cells = line.trim_matches('|').split('|').map(str::trim).collect();
            rows.push(cells);
        }
    }
    rows
}
