//! `cargo xtask mutants`: plants mistakes, one after the other, in a copy of the source, and wants a test to fail each
//! time. A mistake that no test sees, one that does not compile, and one whose place is gone, each make it fail.
//!
//! It builds a crate and its tests for every mistake, half an hour together: not for every change, but for every
//! change of what they are planted in. What it builds stays in `target/mutants`, so that nothing with a mistake in it is
//! ever taken for ours; the first time it builds everything anew.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use serde::Deserialize;

const LIST: &str = "tests/mutants/mutants.toml";
/// What the copy needs to be built.
const COPIED: [&str; 7] = ["Cargo.toml", "Cargo.lock", "clippy.toml", "crates", "xtask", "bench", "tests"];

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Mutants {
    mutant: Vec<Mutant>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Mutant {
    name: String,
    file: String,
    from: String,
    to: String,
    /// Where one mistake alone is made good by another line of defence: what is to be taken away as well.
    #[serde(default)]
    also: Vec<Change>,
    floor: String,
    tests: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Change {
    file: String,
    from: String,
    to: String,
}

pub(crate) fn run(root: &Path, arguments: &[&str]) -> Result<String, String> {
    let only = match arguments {
        [] => None,
        [name] if !name.starts_with('-') => Some(*name),
        _ => return Err(crate::USAGE.to_owned()),
    };
    let Mutants { mutant: mutants } =
        toml::from_str(&crate::read(&root.join(LIST))?).map_err(|cause| format!("{LIST}: {cause}"))?;
    let (copy, built) = (copied(root)?, crate::target(root).join("mutants/built"));
    let mut survived = Vec::new();
    let mut caught = 0;
    for mutant in mutants.iter().filter(|mutant| only.is_none_or(|only| mutant.name.contains(only))) {
        let began = Instant::now();
        let seen = mutant.planted(&copy, &built)?;
        let took = began.elapsed().as_secs();
        match seen {
            Ok(tests) => {
                println!("caught ({took} s): {}, by {tests}", mutant.name);
                caught += 1;
            }
            Err(why) => {
                println!("NOT CAUGHT ({took} s): {}: {why}", mutant.name);
                survived.push(mutant.name.as_str());
            }
        }
    }
    match (survived.is_empty(), caught) {
        (true, 0) => Err("no mistake was planted".to_owned()),
        (true, caught) => Ok(format!("every one of {caught} mistakes was caught")),
        (false, _) => Err(format!("{} not caught: {}", survived.len(), survived.join("; "))),
    }
}

/// The source without what was built of it.
fn copied(root: &Path) -> Result<PathBuf, String> {
    let copy = crate::target(root).join("mutants/tree");
    let _ = std::fs::remove_dir_all(&copy);
    std::fs::create_dir_all(&copy).map_err(|cause| format!("{}: {cause}", copy.display()))?;
    let from: Vec<PathBuf> = COPIED.iter().map(|name| root.join(name)).collect();
    let status = Command::new("cp").arg("-R").args(&from).arg(&copy).stdin(Stdio::null()).status();
    match status {
        Ok(status) if status.success() => Ok(copy),
        Ok(status) => Err(format!("cp: {status}")),
        Err(cause) => Err(format!("cp: {cause}")),
    }
}

impl Mutant {
    /// Plants it, runs its tests, and puts things right again. Answers which tests failed, or why none did.
    fn planted(&self, copy: &Path, built: &Path) -> Result<Result<String, String>, String> {
        let own = (self.file.as_str(), self.from.as_str(), self.to.as_str());
        let also =
            self.also.iter().map(|change| (change.file.as_str(), change.from.as_str(), change.to.as_str()));
        let mut before = Vec::new();
        for (name, from, to) in [own].into_iter().chain(also) {
            let file = copy.join(name);
            let text = crate::read(&file)?;
            let places = text.matches(from).count();
            if places != 1 {
                return Ok(Err(format!("its place stands {places} times in {name}")));
            }
            before.push((file, text.replace(from, to), text));
        }
        let write = |file: &Path, text: &str| {
            std::fs::write(file, text).map_err(|cause| format!("{}: {cause}", file.display()))
        };
        for (file, planted, _) in &before {
            write(file, planted)?;
        }
        let seen = self.seen(copy, built);
        for (file, _, text) in &before {
            write(file, text)?;
        }
        seen
    }

    fn seen(&self, copy: &Path, built: &Path) -> Result<Result<String, String>, String> {
        let cargo = |more: &[&str]| {
            let mut command = Command::new("cargo");
            command.args(["test", "--workspace", "--test", &self.floor]).args(more).current_dir(copy);
            command.env("CARGO_TARGET_DIR", built);
            command.stdin(Stdio::null());
            command.output().map_err(|cause| format!("cargo: {cause}"))
        };
        let built = cargo(&["--no-run"])?;
        if !built.status.success() {
            let said = String::from_utf8_lossy(&built.stderr).into_owned();
            return Ok(Err(format!("it does not compile\n{said}")));
        }
        let filters: Vec<&str> = self.tests.iter().map(String::as_str).collect();
        let done = cargo(&[&["--"][..], &filters].concat())?;
        let said = String::from_utf8_lossy(&done.stdout).into_owned();
        Ok(judged(&said, done.status.success()))
    }
}

/// The tests that failed, in the words of the test harness; that it merely ended badly is not enough.
fn judged(said: &str, passed: bool) -> Result<String, String> {
    let failed: Vec<&str> =
        said.lines().filter_map(|line| line.strip_prefix("test ")?.strip_suffix(" ... FAILED")).collect();
    match (passed, failed.is_empty()) {
        (_, false) => Ok(failed.join(", ")),
        (true, true) if said.contains("running 0 tests") => Err("its tests are not there".to_owned()),
        (true, true) => Err("every test passed".to_owned()),
        (false, true) => Err("the tests did not run to their end".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_test_that_failed_has_seen_a_mistake() {
        let failed = "running 2 tests\ntest a::b ... ok\ntest a::c ... FAILED\n";
        assert_eq!(judged(failed, false), Ok("a::c".to_owned()));
        assert!(judged("running 2 tests\ntest a::b ... ok\n", true).is_err());
        assert!(judged("running 0 tests\n", true).is_err_and(|why| why.contains("not there")));
        assert!(judged("", false).is_err());
    }
}
