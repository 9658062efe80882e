//! The targets of weal-trust's tests under libFuzzer. The first byte of an input chooses the target.
#![no_main]

#[path = "../../tests/fuzz/mod.rs"]
#[allow(dead_code, reason = "libFuzzer makes the inputs here")]
mod fuzzer;
#[path = "../../crates/weal-trust/tests/it/fuzz/targets.rs"]
#[allow(dead_code, reason = "shared with the tests")]
mod targets;

include!("all.rs");

fn here() -> std::path::PathBuf {
    std::path::PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../crates/weal-trust")
}
