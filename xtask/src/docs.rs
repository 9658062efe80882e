//! Pages that are written by a program: `docs/api.md`, from the local API's own source.

use std::path::Path;

use crate::tidy::{TidyFinding, TidyTree};

const SOURCE: &str = "crates/weal-node/src/api.rs";
/// Bodies of the rooms that have a file of their own.
const MORE: [&str; 5] = [
    "crates/weal-node/src/api/budgets.rs",
    "crates/weal-node/src/api/credentials.rs",
    "crates/weal-node/src/api/governance.rs",
    "crates/weal-node/src/api/keys.rs",
    "crates/weal-node/src/api/questions.rs",
];
const PAGE: &str = "docs/api.md";
const HEAD: &str = "\
# The local API

What the command line and a member's own programs say to their node. This page is written by `cargo xtask docs` from
`crates/weal-node/src/api.rs`; change that file, not this page.

The token is in the file `operator.token` of the node's folder, and acts for the node's first person. It is for programs on the
member's own side: other nodes never use this API. The exact form of names in square brackets is below; `Option` may be left
out, and names that are not explained here are those of `weal-domain`.
";

/// The page as it should be.
fn page(source: &str, more: &[String]) -> String {
    let mut page = HEAD.to_owned();
    for line in source.lines().take_while(|line| line.starts_with("//!")).skip(1) {
        page.push_str(&plain(line.trim_start_matches("//!").trim_start()));
        page.push('\n');
    }
    page.push_str("\n## Bodies\n");
    for item in std::iter::once(source).chain(more.iter().map(String::as_str)).flat_map(items) {
        page.push_str(&item);
    }
    page
}

fn fresh(root: &Path) -> Result<String, String> {
    let more: Vec<String> =
        MORE.iter().map(|path| crate::read(&root.join(path))).collect::<Result<_, _>>()?;
    Ok(page(&crate::read(&root.join(SOURCE))?, &more))
}

/// Links of rustdoc are plain code on a page.
fn plain(line: &str) -> String {
    line.replace("[`", "`").replace("`]", "`")
}

/// Every public struct and enum: its name, its remark and its fields.
fn items(source: &str) -> Vec<String> {
    let (mut items, mut remark, mut open) = (Vec::new(), String::new(), None::<String>);
    for line in source.lines() {
        let trimmed = line.trim();
        if let Some(said) = trimmed.strip_prefix("///") {
            remark = format!("{remark}{}{}", if remark.is_empty() { "" } else { " " }, said.trim());
        } else if line.starts_with("pub struct ") || line.starts_with("pub enum ") {
            let name = trimmed.split([' ', '{', '<']).nth(2).unwrap_or_default();
            let said = if remark.is_empty() { String::new() } else { format!("{}\n\n", plain(&remark)) };
            open = Some(format!("\n### {name}\n\n{said}| field | type | |\n|---|---|---|\n"));
            remark.clear();
        } else if line == "}" {
            items.extend(open.take());
            remark.clear();
        } else if let Some(item) = &mut open
            && !trimmed.starts_with("#[")
        {
            item.push_str(&field(trimmed, &remark));
            remark.clear();
        } else if !trimmed.starts_with("#[") {
            remark.clear();
        }
    }
    items
}

/// One line of a struct or of a variant, as a row.
fn field(line: &str, remark: &str) -> String {
    let line = line.trim_start_matches("pub ").trim_end_matches(',');
    match line.split_once(": ") {
        Some((name, kind)) => format!("| `{name}` | `{}` | {} |\n", kind.replace('|', "\\|"), plain(remark)),
        None if line.ends_with('{') => {
            format!("| **{}** | | {} |\n", line.trim_end_matches('{').trim(), plain(remark))
        }
        None => String::new(),
    }
}

pub(crate) fn write(root: &Path) -> Result<String, String> {
    std::fs::write(root.join(PAGE), fresh(root)?).map_err(|cause| format!("{PAGE}: {cause}"))?;
    Ok(format!("wrote {PAGE}"))
}

pub(crate) fn check(root: &Path) -> Result<String, String> {
    let fresh = fresh(root)?;
    if crate::read(&root.join(PAGE))? == fresh {
        return Ok(format!("{PAGE} is fresh"));
    }
    Err(format!("{PAGE} is not what {SOURCE} says; run `cargo xtask docs`"))
}

pub(crate) fn findings(tree: &TidyTree) -> Result<Vec<TidyFinding>, String> {
    let more = MORE.iter().map(|path| tree.text(path).map(str::to_owned));
    let more: Vec<String> = more.collect::<Result<_, _>>()?;
    if tree.text(PAGE)? == page(tree.text(SOURCE)?, &more) {
        return Ok(Vec::new());
    }
    Ok(vec![TidyFinding::new(PAGE, format!("is not what {SOURCE} says; run `cargo xtask docs`"))])
}
