//! Our side of `cargo xtask bench statistics` and of `cargo xtask conformance statistics`. Prints JSON.
//!
//! ```text
//! statistics data ROWS SUBJECTS FOLDER one table as a node keeps it, in FOLDER/visits.parquet
//! statistics answer FILE               count, sum and average by group, privately, at epsilon 1 and delta 1e-6
//! statistics plain FILE                the same without privacy
//! statistics bounded FILE              the same without noise, with the same bounds on each subject, as plain SQL
//! statistics features FILE FEATURES    whether each of these questions is answered, and what
//! statistics questions FOLDER N SEED   N generated questions with their exact bounded totals
//! statistics losses N SEED             N mixtures of releases, with what our accountant says of them
//! ```

#![allow(clippy::unwrap_used, reason = "a measurement that fails ends")]

mod bench;
mod features;
#[path = "../../tests/generated/mod.rs"]
mod generated;
#[path = "../../tests/it/given.rs"]
#[allow(dead_code, reason = "the tests use all of it")]
mod given;
mod losses;
mod questions;

use std::path::Path;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let number = |text: &str| text.parse::<u64>().expect("a number");
    match words.as_slice() {
        ["data", rows, subjects, folder] => bench::data((number(rows), number(subjects)), Path::new(folder)),
        ["answer", file] => bench::answer(Path::new(file)),
        ["plain", file] => bench::ordinary(Path::new(file), bench::PLAIN),
        ["bounded", file] => bench::ordinary(Path::new(file), &bench::bounded()),
        ["features", file, list] => features::features(Path::new(file), Path::new(list)),
        ["questions", folder, count, seed] => {
            questions::questions(Path::new(folder), number(count), number(seed))
        }
        ["losses", count, seed] => losses::losses(number(count), number(seed)),
        _ => {
            eprintln!("statistics: the arguments stand at the head of main.rs");
            std::process::exit(2);
        }
    }
}

/// Runs on as many threads as the machine has.
fn run<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap().block_on(work)
}
