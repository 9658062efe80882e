//! `cargo xtask conformance dsp`: the public test kit of the Dataspace Protocol against a real node, weal-tck of
//! weal-testkit. It ends well only if every test that is written down here was run and passed.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

const FOLDER: &str = "tests/conformance/dsp";
const USAGE: &str = "usage: cargo xtask conformance dsp [--node FILE] [--kit VERSION]";
/// All tests together need less than a minute; one that waits in vain gives up after some seconds.
const RUN_TIME_MAX: Duration = Duration::from_secs(600);
const READY_TIME_MAX: Duration = Duration::from_secs(60);

/// The tests, group by group: `CN:01` has 4, `CN:01-01` to `CN:01-04`.
const TESTS: [(&str, u32); 14] = [
    ("MET:01", 1),
    ("CAT:01", 3),
    ("CN:01", 4),
    ("CN:02", 7),
    ("CN:03", 4),
    ("CN_C:01", 4),
    ("CN_C:02", 6),
    ("CN_C:03", 6),
    ("TP:01", 5),
    ("TP:02", 5),
    ("TP:03", 6),
    ("TP_C:01", 5),
    ("TP_C:02", 5),
    ("TP_C:03", 6),
];
const TESTS_COUNT: usize = 67;

fn ids() -> Vec<String> {
    let ids = |(group, count): &(&str, u32)| -> Vec<String> {
        (1..=*count).map(|number| format!("{group}-{number:02}")).collect()
    };
    TESTS.iter().flat_map(ids).collect()
}

/// How one test ended, in the kit's words.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Outcome {
    passed: bool,
    why: String,
}

pub(crate) fn dsp(root: &Path, arguments: &[&str]) -> Result<String, String> {
    let (mut node, mut kit) = (None, None);
    let mut rest = arguments;
    while let [name, value, more @ ..] = rest {
        match *name {
            "--node" => node = Some(PathBuf::from(value)),
            "--kit" => kit = Some(*value),
            _ => return Err(USAGE.to_owned()),
        }
        rest = more;
    }
    if !rest.is_empty() {
        return Err(USAGE.to_owned());
    }
    let node = match node {
        Some(node) => node,
        None => build(root)?,
    };
    let jars = assemble(root, kit)?;
    let place = crate::target(root).join("conformance");
    let properties = place.join("dsp.properties");
    let log = place.join("dsp.log");
    let tested = Tested::start(&node, &properties)?;
    let report = run(root, &jars, &properties, &log);
    let said = tested.end();
    let (outcomes, text) = report?;
    std::fs::write(&log, text).map_err(|cause| format!("{}: {cause}", log.display()))?;
    judge(&outcomes).map_err(|why| format!("{why}\nThe kit's log is {}.\n{said}", log.display()))
}

/// The node as the workspace's tests build it.
fn build(root: &Path) -> Result<PathBuf, String> {
    let arguments = ["test", "--quiet", "--workspace", "--test", "testkit", "--no-run"];
    let done = Command::new("cargo").args(arguments).current_dir(root).status();
    match done {
        Ok(status) if status.success() => Ok(crate::target(root).join("debug/weal-tck")),
        Ok(status) => Err(format!("cargo {}: {status}", arguments.join(" "))),
        Err(cause) => Err(format!("cargo: {cause}")),
    }
}

/// The kit's archives in one folder, copied there by Maven where this was not done before.
fn assemble(root: &Path, version: Option<&str>) -> Result<PathBuf, String> {
    let pom = root.join(FOLDER).join("pom.xml");
    let asked = format!("{}{version:?}", crate::read(&pom)?);
    let jars = crate::target(root).join("conformance/dsp-kit");
    let made_of = jars.join("made-of");
    if std::fs::read_to_string(&made_of).is_ok_and(|before| before == asked) {
        return Ok(jars);
    }
    // What was there before would be on the class path too.
    let _ = std::fs::remove_dir_all(&jars);
    let mut maven = Command::new("mvn");
    maven.args(["--batch-mode", "--quiet", "dependency:copy-dependencies", "--file"]).arg(&pom);
    maven.arg(format!("-DoutputDirectory={}", jars.display())).stdin(Stdio::null());
    if let Some(version) = version {
        maven.arg(format!("-Dkit.version={version}"));
    }
    match maven.status() {
        Ok(status) if status.success() => {}
        Ok(status) => return Err(format!("mvn: {status}")),
        Err(cause) => return Err(format!("mvn: {cause}; install Maven and a JDK 17")),
    }
    std::fs::write(&made_of, asked).map_err(|cause| format!("{}: {cause}", made_of.display()))?;
    Ok(jars)
}

/// The node under test, running. It ends when its standard input does.
struct Tested {
    process: Child,
}

impl Tested {
    fn start(program: &Path, properties: &Path) -> Result<Self, String> {
        let port = std::net::TcpListener::bind("127.0.0.1:0").and_then(|port| port.local_addr());
        let kit = port.map_err(|cause| format!("no free port: {cause}"))?.to_string();
        let mut process = Command::new(program)
            .arg(kit)
            .arg(properties)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|cause| format!("{}: {cause}", program.display()))?;
        let lines = process.stdout.take().map(lines_of).ok_or("no output")?;
        let tested = Self { process };
        match lines.recv_timeout(READY_TIME_MAX) {
            Ok(line) if line.starts_with("ready: ") => Ok(tested),
            _ => Err(format!("{} is not ready\n{}", program.display(), tested.end())),
        }
    }

    /// Ends it; answers what it complained of.
    fn end(mut self) -> String {
        drop(self.process.stdin.take());
        let said = self.process.stderr.take().map(|mut stderr| {
            let mut text = String::new();
            let _ = std::io::Read::read_to_string(&mut stderr, &mut text);
            text
        });
        let _ = self.process.wait();
        said.unwrap_or_default()
    }
}

impl Drop for Tested {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// The lines that a process prints, as they come.
fn lines_of(output: impl std::io::Read + Send + 'static) -> mpsc::Receiver<String> {
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || {
        for line in BufReader::new(output).lines().map_while(Result::ok) {
            if sender.send(line).is_err() {
                return;
            }
        }
    });
    receiver
}

/// Runs the kit to its end: how each of its tests ended, and everything that it printed.
fn run(
    root: &Path,
    jars: &Path,
    properties: &Path,
    log: &Path,
) -> Result<(BTreeMap<String, Outcome>, String), String> {
    let mut process = Command::new("java")
        .arg("-cp")
        .arg(jars.join("*"))
        .arg(root.join(FOLDER).join("Run.java"))
        .arg(properties)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(std::fs::File::create(log.with_extension("err")).map_err(|cause| cause.to_string())?)
        .spawn()
        .map_err(|cause| format!("java: {cause}; install a JDK 17"))?;
    let lines = process.stdout.take().map(lines_of).ok_or("no output")?;
    let (mut outcomes, mut text) = (BTreeMap::new(), String::new());
    let began = Instant::now();
    while let Ok(line) = lines.recv_timeout(RUN_TIME_MAX.saturating_sub(began.elapsed())) {
        if let Some((id, outcome)) = outcome_of(&line) {
            println!("{id:11} {}", if outcome.passed { "passed" } else { "FAILED" });
            outcomes.insert(id, outcome);
        }
        text.push_str(&line);
        text.push('\n');
    }
    if began.elapsed() >= RUN_TIME_MAX {
        let _ = process.kill();
        text.push_str("the kit did not end in time and was ended\n");
    }
    let _ = process.wait();
    Ok((outcomes, text))
}

/// One of the lines that Run.java prints for us.
fn outcome_of(line: &str) -> Option<(String, Outcome)> {
    let mut parts = line.strip_prefix("#tck ")?.split('\t');
    let (outcome, name, why) = (parts.next()?, parts.next()?, parts.next().unwrap_or_default());
    if outcome == "began" {
        return None;
    }
    let id = match name.split_once(": ") {
        Some((id, _)) => id.to_owned(),
        None => name.to_owned(),
    };
    Some((id, Outcome { passed: outcome == "passed", why: why.to_owned() }))
}

fn judge(outcomes: &BTreeMap<String, Outcome>) -> Result<String, String> {
    let ids = ids();
    let mut wrong = Vec::new();
    for id in &ids {
        match outcomes.get(id) {
            Some(outcome) if outcome.passed => {}
            Some(outcome) => wrong.push(format!("{id} failed: {}", outcome.why)),
            None => wrong.push(format!("{id} was not run")),
        }
    }
    let unknown = outcomes.iter().filter(|(id, _)| !ids.contains(id));
    wrong.extend(unknown.map(|(id, outcome)| format!("{id} is not one of ours: {}", outcome.why)));
    let passed = outcomes.values().filter(|outcome| outcome.passed).count();
    let summary = format!("{passed} of {TESTS_COUNT}");
    if wrong.is_empty() && ids.len() == TESTS_COUNT {
        return Ok(format!("{summary} tests of the Dataspace Protocol's public kit passed"));
    }
    Err(format!("{}\n{summary}", wrong.join("\n")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all_passed() -> BTreeMap<String, Outcome> {
        ids().into_iter().map(|id| (id, Outcome { passed: true, why: String::new() })).collect()
    }

    #[test]
    fn every_test_must_have_been_run_and_passed() {
        assert_eq!(ids().len(), TESTS_COUNT);
        assert!(judge(&all_passed()).is_ok());
        let mut missing = all_passed();
        missing.remove("TP:02-04");
        assert!(judge(&missing).is_err_and(|why| why.contains("TP:02-04 was not run")));
        let mut failed = all_passed();
        failed.insert("CN:01-01".into(), Outcome { passed: false, why: "no".into() });
        assert!(judge(&failed).is_err_and(|why| why.contains("CN:01-01 failed: no")));
        let mut more = all_passed();
        more.insert("XX:01-01".into(), Outcome { passed: true, why: String::new() });
        assert!(judge(&more).is_err());
        assert!(judge(&BTreeMap::new()).is_err());
    }

    #[test]
    fn lines_of_the_kit_are_read() {
        let passed = Outcome { passed: true, why: String::new() };
        assert_eq!(
            outcome_of("#tck passed\tCN_C:01-01: Verify something\t"),
            Some(("CN_C:01-01".into(), passed))
        );
        let skipped = Outcome { passed: false, why: "disabled".into() };
        assert_eq!(
            outcome_of("#tck skipped\tTP:02-04: Verify\tdisabled"),
            Some(("TP:02-04".into(), skipped))
        );
        assert_eq!(outcome_of("#tck began\tTP:02-04: Verify\t"), None);
        assert_eq!(outcome_of("SUCCESSFUL: TP:02-04"), None);
    }
}
