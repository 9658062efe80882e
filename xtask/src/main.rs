//! What the project does to itself.
//!
//! `cargo xtask tidy` checks what a stranger relies on: the map in ARCHITECTURE.md, the arrows, the words,
//! the sizes, the documents. `cargo xtask docs` writes the generated pages. `cargo xtask conformance` lets
//! strangers test us. `cargo xtask bench` measures.

mod api;
mod bench;
mod conformance;
mod crash;
mod docs;
mod download;
mod edc;
mod fuzz;
mod http;
mod mutants;
mod ports;
mod processes;
mod python;
mod tidy;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

const USAGE: &str = "\
usage: cargo xtask tidy             check map, arrows, words, sizes and documents
       cargo xtask docs [--check]   write the generated pages, or check that they are fresh
       cargo xtask conformance dsp [--node FILE] [--kit VERSION]
                                    the Dataspace Protocol's public test kit; needs Maven and a JDK 17
       cargo xtask conformance dcat-ap [--weal FILE] [--without-shapes]
                                    the catalogue for harvesters: official shapes, CKAN's parser; needs Python
       cargo xtask conformance dcp [--node FILE] [--kit VERSION]
                                    the Decentralized Claims Protocol's, in every role of a node; likewise
       cargo xtask conformance dps  why none of Data Plane Signaling's is run
       cargo xtask conformance edc [--node FILE] [--identity mock|dcp]
                                    a node and the reference connector, both ways; needs Maven and a JDK 17
       cargo xtask conformance acme [--weal FILE] [--pebble FILE]
                                    certificates from an authority; needs OpenSSL, curl, and Pebble or Go
       cargo xtask conformance statistics [--program FILE] [--events FILE] [--seed N]
                                    exact totals and privacy losses against DuckDB and dp-accounting; needs Python
       cargo xtask bench node [--weal FILE] [--data FILE]
                                    measure a node; builds the release binary where none is named
       cargo xtask bench catalogue [--entries N] [--only-search]
       cargo xtask bench connector [--weal FILE] [--quick] [--only weal|edc]
                                    measure nodes beside the reference connector; needs Maven and a JDK 17
       cargo xtask bench statistics [--program FILE] [--rows N,N] [--runs N] [--only NAME,NAME]
                             [--no-features | --only-features]
                                    measure private answers beside other engines; needs Python
       cargo xtask mutants [NAME]   plant mistakes in the engine and see a test catch each; takes long
       cargo xtask crash [--weal FILE] [--negotiations N] [--seed N]
                                    kill nodes in the middle of negotiations, and see them end well
       cargo xtask fuzz [--minutes N] [TARGET]
                                    strange documents for every reader, or for one";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let root = root();
    let done = match words.as_slice() {
        ["tidy"] => tidy::run(&root),
        ["docs"] => docs::write(&root),
        ["docs", "--check"] => docs::check(&root),
        ["conformance", "dcat-ap", rest @ ..] => conformance::dcat_ap(&root, rest),
        ["conformance", "dsp", rest @ ..] => conformance::dsp(&root, rest),
        ["conformance", "acme", rest @ ..] => conformance::acme(&root, rest),
        ["conformance", "dcp", rest @ ..] => conformance::dcp(&root, rest),
        ["conformance", "dps"] => conformance::dps(),
        ["bench", "node", rest @ ..] => bench::node(&root, rest),
        ["conformance", "edc", rest @ ..] => conformance::edc(&root, rest),
        ["conformance", "statistics", rest @ ..] => conformance::statistics(&root, rest),
        ["bench", "catalogue", rest @ ..] => bench::catalogue(&root, rest),
        ["bench", "connector", rest @ ..] => bench::connector(&root, rest),
        ["bench", "statistics", rest @ ..] => bench::statistics(&root, rest),
        ["mutants", rest @ ..] => mutants::run(&root, rest),
        ["crash", rest @ ..] => crash::run_crash(&root, rest),
        ["fuzz", rest @ ..] => fuzz::run(&root, rest),
        _ => Err(USAGE.to_owned()),
    };
    match done {
        Ok(said) => {
            println!("{said}");
            ExitCode::SUCCESS
        }
        Err(why) => {
            eprintln!("{why}");
            ExitCode::FAILURE
        }
    }
}

/// The checkout that this program is run in. Cargo says where; a target folder that several checkouts share may
/// hold a program that was built in another one.
fn root() -> PathBuf {
    let own = std::env::var_os("CARGO_MANIFEST_DIR")
        .map_or_else(|| env!("CARGO_MANIFEST_DIR").into(), PathBuf::from);
    own.parent().map_or_else(|| own.clone(), Path::to_owned)
}

/// Where everything built goes.
fn target(root: &Path) -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from)
}

/// The binary as the workspace's tests build it.
fn build_weal(root: &Path) -> Result<PathBuf, String> {
    bench::cargo(root, &["test", "--quiet", "--workspace", "--test", "cli", "--no-run"])?;
    Ok(target(root).join("debug/weal"))
}

/// Reads a file, or says which one cannot be read.
fn read(path: &Path) -> Result<String, String> {
    std::fs::read_to_string(path).map_err(|cause| format!("{}: {cause}", path.display()))
}
