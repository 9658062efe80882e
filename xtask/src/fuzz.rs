//! `cargo xtask fuzz`: the fuzzer of `tests/fuzz` for longer than the tests let it run, with another seed each time.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};

const MINUTES: u64 = 5;
/// The floors that have targets.
const FLOORS: [&str; 2] = ["wire", "trust"];

pub(crate) fn run(root: &Path, arguments: &[&str]) -> Result<String, String> {
    let (mut minutes, mut target, mut has_tried) = (MINUTES, None, false);
    let mut rest = arguments.iter();
    while let Some(word) = rest.next() {
        match *word {
            "--minutes" => {
                let number = rest.next().and_then(|number| number.parse().ok());
                minutes = number.ok_or_else(|| format!("--minutes needs a number\n{}", crate::USAGE))?;
            }
            name if !name.starts_with('-') && target.is_none() => target = Some(name),
            _ => return Err(crate::USAGE.to_owned()),
        }
    }
    let nanos = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let seed = nanos.map_or(1, |time| u64::from(time.subsec_nanos())).to_string();
    let seconds = (minutes * 60 / FLOORS.len() as u64).max(1).to_string();
    for floor in FLOORS {
        let mut command = Command::new("cargo");
        command.args(["test", "--workspace", "--test", floor, "--", "fuzz::whatever", "--nocapture"]);
        command.env("FUZZ_SECONDS", &seconds).env("FUZZ_SEED", &seed).current_dir(root);
        if let Some(target) = target {
            command.env("FUZZ_TARGET", target);
        }
        let mut running =
            command.stdout(Stdio::piped()).spawn().map_err(|cause| format!("cargo: {cause}"))?;
        for line in running.stdout.take().into_iter().flat_map(|out| BufReader::new(out).lines()) {
            let line = line.map_err(|cause| format!("cargo: {cause}"))?;
            has_tried |= line.contains("fuzz: ") && line.contains(" targets, ");
            println!("{line}");
        }
        let status = running.wait().map_err(|cause| format!("cargo: {cause}"))?;
        if !status.success() {
            return Err(format!("{floor}: an input failed; it stands above, with seed {seed}"));
        }
    }
    // A name that is none would otherwise be a target that nothing makes fail.
    if !has_tried {
        return Err(format!("no floor has a target of the name {}", target.unwrap_or_default()));
    }
    Ok(format!("fuzz: {seconds} s on each of {}, seed {seed}: nothing failed", FLOORS.join(" and ")))
}
