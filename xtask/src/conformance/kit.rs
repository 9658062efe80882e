//! What it takes to run a public test kit, whichever it is: its archives, the node under test, its tests' outcomes.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

/// What the options of a kit say.
#[derive(Debug, Default)]
pub(super) struct Options<'a> {
    pub(super) node: Option<PathBuf>,
    pub(super) version: Option<&'a str>,
}

impl<'a> Options<'a> {
    pub(super) fn read(arguments: &[&'a str]) -> Result<Self, String> {
        let mut options = Self::default();
        let mut rest = arguments;
        while let [name, value, more @ ..] = rest {
            match *name {
                "--node" => options.node = Some(PathBuf::from(value)),
                "--kit" => options.version = Some(*value),
                _ => return Err(crate::USAGE.to_owned()),
            }
            rest = more;
        }
        if rest.is_empty() { Ok(options) } else { Err(crate::USAGE.to_owned()) }
    }

    /// The program that was named, or the one that the workspace's tests build.
    pub(super) fn program(&self, root: &Path) -> Result<PathBuf, String> {
        if let Some(node) = &self.node {
            return Ok(node.clone());
        }
        let arguments = ["test", "--quiet", "--workspace", "--test", "testkit", "--no-run"];
        let done = Command::new("cargo").args(arguments).current_dir(root).status();
        match done {
            Ok(status) if status.success() => Ok(crate::target(root).join("debug/weal-tck")),
            Ok(status) => Err(format!("cargo {}: {status}", arguments.join(" "))),
            Err(cause) => Err(format!("cargo: {cause}")),
        }
    }
}

/// The archives of the kit `name` in one folder, copied there by Maven where this was not done before.
pub(super) fn assemble(root: &Path, name: &str, version: Option<&str>) -> Result<PathBuf, String> {
    let pom = root.join("tests/conformance").join(name).join("pom.xml");
    let asked = format!("{}{version:?}", crate::read(&pom)?);
    let jars = crate::target(root).join(format!("conformance/{name}-kit"));
    let made_of = jars.join("made-of");
    if std::fs::read_to_string(&made_of).is_ok_and(|before| before == asked) {
        return Ok(jars);
    }
    // What was there before would be on the class path too.
    let _ = std::fs::remove_dir_all(&jars);
    let version = version.map(|version| format!("-Dkit.version={version}"));
    crate::download::by_maven(&pom, &jars, version)?;
    std::fs::write(&made_of, asked).map_err(|cause| format!("{}: {cause}", made_of.display()))?;
    Ok(jars)
}

/// For the node under test to be ready; it takes a second where the machine has time.
const READY_TIME_MAX: Duration = Duration::from_secs(180);

/// The node under test, running. It ends when its standard input does.
#[derive(Debug)]
pub(super) struct Tested {
    process: Child,
    complained: mpsc::Receiver<String>,
    printed: mpsc::Receiver<String>,
}

impl Tested {
    /// Starts `program` in one of its parts, beside a kit that will listen on a free port. It writes what the kit
    /// must be told to `properties`.
    pub(super) fn start(program: &Path, part: &str, properties: &Path) -> Result<Self, String> {
        let kit = crate::ports::free_address()?;
        let mut process = Command::new(program)
            .args([part, &kit])
            .arg(properties)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|cause| format!("{}: {cause}", program.display()))?;
        let printed = process.stdout.take().map(lines_of).ok_or("no output")?;
        let complained = process.stderr.take().map(lines_of).ok_or("no output")?;
        let tested = Self { process, complained, printed };
        match tested.printed.recv_timeout(READY_TIME_MAX) {
            Ok(line) if line.starts_with("ready: ") => Ok(tested),
            _ => Err(format!("{} is not ready\n{}", program.display(), tested.end().1)),
        }
    }

    /// Ends it; answers what it said last and what it complained of.
    pub(super) fn end(mut self) -> (String, String) {
        drop(self.process.stdin.take());
        let _ = self.process.wait();
        let all = |lines: &mpsc::Receiver<String>| lines.iter().collect::<Vec<_>>().join("\n");
        (all(&self.printed), all(&self.complained))
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

/// How one test ended, in the kit's words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Outcome {
    Passed,
    Failed(String),
    /// Not run, because the kit itself has switched it off.
    Skipped(String),
}

/// One test and its outcome, as Run.java says it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Report {
    pub(super) method: String,
    pub(super) title: String,
    pub(super) outcome: Outcome,
}

/// Which tests of a kit are run.
#[derive(Debug)]
pub(super) struct Selection<'a> {
    pub(super) packages: &'a [&'a str],
    /// Those too that the kit has switched off.
    pub(super) all: bool,
    pub(super) time_max: Duration,
}

/// Runs a kit to its end, telling `hear` of every outcome as it comes. Everything that the kit printed goes to `log`.
pub(super) fn run(
    root: &Path,
    jars: &Path,
    properties: &Path,
    log: &Path,
    selection: &Selection<'_>,
    mut hear: impl FnMut(Report),
) -> Result<(), String> {
    let mut process = Command::new("java")
        // It runs for half a minute: what only pays in the long run would make it late.
        .arg("-XX:TieredStopAtLevel=1")
        .arg("-cp")
        .arg(jars.join("*"))
        .arg(root.join("tests/conformance/Run.java"))
        .arg(properties)
        .args(selection.all.then_some("--all"))
        .args(selection.packages)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(std::fs::File::create(log.with_extension("err")).map_err(|cause| cause.to_string())?)
        .spawn()
        .map_err(|cause| format!("java: {cause}; install a JDK 17"))?;
    let lines = process.stdout.take().map(lines_of).ok_or("no output")?;
    let mut text = String::new();
    let began = Instant::now();
    while let Ok(line) = lines.recv_timeout(selection.time_max.saturating_sub(began.elapsed())) {
        if let Some(report) = report_of(&line) {
            hear(report);
        }
        text.push_str(&line);
        text.push('\n');
    }
    if began.elapsed() >= selection.time_max {
        let _ = process.kill();
        text.push_str("the kit did not end in time and was ended\n");
    }
    let _ = process.wait();
    std::fs::write(log, text).map_err(|cause| format!("{}: {cause}", log.display()))
}

/// One of the lines that Run.java prints for us.
fn report_of(line: &str) -> Option<Report> {
    let mut parts = line.strip_prefix("#tck ")?.split('\t');
    let (outcome, method, title) = (parts.next()?, parts.next()?, parts.next()?);
    let why = parts.next().unwrap_or_default().to_owned();
    let outcome = match outcome {
        "began" => return None,
        "passed" => Outcome::Passed,
        "skipped" => Outcome::Skipped(why),
        _ => Outcome::Failed(why),
    };
    Some(Report { method: method.to_owned(), title: title.to_owned(), outcome })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_a_kit_are_read() {
        let report = |title: &str, outcome| Report { method: "cn_01".into(), title: title.into(), outcome };
        assert_eq!(
            report_of("#tck passed\tcn_01\tCN_C:01-01: Verify something\t"),
            Some(report("CN_C:01-01: Verify something", Outcome::Passed))
        );
        assert_eq!(
            report_of("#tck skipped\tcn_01\tTP:02-04: Verify\tdisabled"),
            Some(report("TP:02-04: Verify", Outcome::Skipped("disabled".into())))
        );
        assert_eq!(
            report_of("#tck failed\tcn_01\tTP:02-04: Verify\tno"),
            Some(report("TP:02-04: Verify", Outcome::Failed("no".into())))
        );
        assert_eq!(report_of("#tck began\tcn_01\tTP:02-04: Verify\t"), None);
        assert_eq!(report_of("SUCCESSFUL: TP:02-04"), None);
    }
}
