//! The targets of weal-wire's tests under libFuzzer. The first byte of an input chooses the target.
#![no_main]

#[path = "../../crates/weal-wire/tests/it/kinds.rs"]
#[allow(dead_code, reason = "shared with the tests")]
mod kinds;

mod vectors {
    use std::path::PathBuf;

    use serde_json::Value;

    /// The documents that the tests keep.
    pub(crate) fn own_vectors() -> Vec<(PathBuf, Value)> {
        let folder = super::here().join("tests/vectors/dsp");
        let files = std::fs::read_dir(folder).expect("the vectors of the tests").flatten();
        let read = |file: std::fs::DirEntry| {
            let text = std::fs::read(file.path()).expect("a vector");
            (file.path(), serde_json::from_slice(&text).expect("a vector is JSON"))
        };
        files.map(read).collect()
    }
}

#[path = "../../tests/fuzz/mod.rs"]
#[allow(dead_code, reason = "libFuzzer makes the inputs here")]
mod fuzzer;
#[path = "../../crates/weal-wire/tests/it/fuzz/targets.rs"]
#[allow(dead_code, reason = "shared with the tests")]
mod targets;

include!("all.rs");

fn here() -> std::path::PathBuf {
    std::path::PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../crates/weal-wire")
}
