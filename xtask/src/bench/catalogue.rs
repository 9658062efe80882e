//! `cargo xtask bench catalogue`: finding among a million entries, and serving large catalogues.

use std::path::Path;

use serde_json::Value;

use super::{Rows, cargo, machine, run};

const ENTRIES_DEFAULT: &str = "1000000";

pub(crate) fn catalogue(root: &Path, arguments: &[&str]) -> Result<String, String> {
    let (mut entries, mut serves) = (ENTRIES_DEFAULT, true);
    let mut rest = arguments.iter();
    while let Some(option) = rest.next() {
        match *option {
            "--entries" => entries = rest.next().ok_or(crate::USAGE)?,
            "--only-search" => serves = false,
            _ => return Err(crate::USAGE.to_owned()),
        }
    }
    let mut rows = Rows::new();
    searching(root, entries, &mut rows)?;
    if serves {
        for products in ["10000", "100000"] {
            serving(root, products, &mut rows)?;
        }
    }
    let mut text = format!("command: cargo xtask bench catalogue {}\n", arguments.join(" "));
    for line in machine::lines("true") {
        text.push_str(&format!("{line}\n"));
    }
    text.push_str("\n| what | figure |\n|---|---|\n");
    for (what, figure) in &rows {
        text.push_str(&format!("| {what} | {figure} |\n"));
    }
    Ok(text)
}

/// Builds an example of a crate optimised, runs it, and reads what it says.
fn example(root: &Path, package: &str, name: &str, argument: &str) -> Result<Value, String> {
    cargo(root, &["build", "--release", "--package", package, "--example", name])?;
    let program = crate::target(root).join("release/examples").join(name).display().to_string();
    let said = run(&program, &[argument])?;
    serde_json::from_str(&said).map_err(|cause| format!("{program}: {cause}"))
}

fn searching(root: &Path, entries: &str, rows: &mut Rows) -> Result<(), String> {
    let said = example(root, "weal-store", "catalogue_search", entries)?;
    let number = |name: &str| said[name].as_f64().unwrap_or(0.0);
    let mib = |name: &str| said["sizes"][name].as_f64().unwrap_or(0.0) / 1024.0 / 1024.0;
    let mut row = |what: String, figure: String| rows.push((what, figure));
    row("entries, of members".into(), format!("{}, {}", said["entries"], said["members"]));
    row("entries as they are stored".into(), format!("{:.0} MiB", mib("entries_bytes")));
    row("index".into(), format!("{:.0} MiB", mib("index_bytes")));
    row("writing and indexing all of them".into(), format!("{:.0} s", number("loaded_s")));
    row(
        format!("{} entries with another title and description", said["changed"]),
        format!("{:.1} s", number("changed_s")),
    );
    row(
        format!("{} entries that are as they were", said["changed"]),
        format!("{:.2} s", number("unchanged_s")),
    );
    row(
        "a search, all kinds: median, p99".into(),
        format!("{:.1} ms, {:.1} ms", number("median_ms"), number("p99_ms")),
    );
    for kind in said["kinds"].as_array().into_iter().flatten() {
        let part = |name: &str| kind[name].as_f64().unwrap_or(0.0);
        let what = kind["kind"].as_str().unwrap_or_default();
        let figure = format!("{:.1} ms, {:.1} ms", part("median_ms"), part("p99_ms"));
        row(format!("{what} (finds {} on average)", kind["found_mean"]), figure);
    }
    row("one word without an index: a scan of the same rows".into(), format!("{:.0} ms", number("scan_ms")));
    Ok(())
}

fn serving(root: &Path, products: &str, rows: &mut Rows) -> Result<(), String> {
    let said = example(root, "weal-testkit", "catalogue_serving", products)?;
    for served in said["served"].as_array().into_iter().flatten() {
        let part = |name: &str| served[name].as_f64().unwrap_or(0.0);
        rows.push((
            format!("{products} products, {}", served["what"].as_str().unwrap_or_default()),
            format!(
                "{:.2} s, {:.0} MB, {} requests; {:.1} MiB more resident at most",
                part("seconds"),
                part("bytes") / 1e6,
                served["requests"],
                part("more_mib"),
            ),
        ));
    }
    Ok(())
}
