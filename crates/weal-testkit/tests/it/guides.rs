//! The guides are run as they stand: every `sh` block, in order, in one shell, on real data.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use weal_testkit::Port;

/// In the order in which they are run. The first hour's last section, which stops the nodes, comes last.
const GUIDES: [&str; 8] = [
    "docs/guides/first-hour.md",
    "docs/guides/steward.md",
    "docs/guides/protect-a-product.md",
    "docs/guides/analyst.md",
    "docs/guides/ask-privately.md",
    "docs/guides/operator.md",
    "docs/guides/auditor.md",
    "docs/guides/governing-body.md",
];
const LAST_SECTION: &str = "## Stop";
/// From the checkout's folder.
const DATA: &str = "../shared/data/cps_tax_units.csv.gz";
const SECONDS_MAX: u64 = 900;

/// What a reader would see if all goes as the guides say, in this order.
const SEEN: [&str; 42] = [
    "Revenue Agency (revenue)",
    "is now in good standing",
    "We are a member of Tax and Welfare Commons",
    "Published wages version 1: 280,005 rows",
    "v3.1.0",
    "revenue.wages",
    "refused: extract of revenue.wages",
    "instead:  ask for statistics",
    "Agreed: ",
    "This would cost",
    "±",
    "rows-not-agreed",
    "California",
    "Wrote states.parquet",
    "Revoked ",
    "revoked this agreement",
    "All is as it was sealed.",
    "Something is wrong.",
    "On its way to Welfare Agency",
    "data-theme/GOVE",
    "Described elsewhere, not offered here:",
    "What typical questions would cost",
    "Published visits version 1",
    "A typical question (",
    "Given before, so it cost nothing.",
    "visits, Welfare Agency",
    "asks to spend epsilon",
    "would be one subject",
    "divides by zero",
    "Revenue Agency: Cost",
    "Welfare Agency: Cost",
    "ready",
    "Treasury (treasury)",
    "Ended the token ",
    "Added Ada Lind (steward, auditor).",
    "Ada Lind is now auditor.",
    "Changed the password of ada",
    "Signed ada out everywhere.",
    "Removed ada.",
    "Restored the node",
    "All is as it was sealed.",
    "is now suspended",
];

#[test]
fn every_command_of_the_guides_works() {
    let root =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().expect("the checkout is here");
    let data = root.join(DATA);
    if !data.exists() {
        eprintln!("skipped: {DATA} is not here");
        return;
    }
    let place = tempfile::tempdir().expect("a folder for the nodes can be made");
    let script = place.path().join("guides.sh");
    std::fs::write(&script, script_of(&root)).expect("the script can be written");
    let transcript = run(&script, place.path(), &data);
    let mut rest = transcript.as_str();
    for text in SEEN {
        let Some((_, after)) = rest.split_once(text) else {
            panic!("`{text}` is not seen, or not where it should be, in:\n{transcript}");
        };
        rest = after;
    }
}

/// All blocks as one script that stops at the first command that fails.
fn script_of(root: &Path) -> String {
    let mut script = String::from("set -euo pipefail\n");
    let mut last = String::new();
    for guide in GUIDES {
        let text = std::fs::read_to_string(root.join(guide)).expect("the guide is there");
        let (now, later) = text.split_once(&format!("\n{LAST_SECTION}\n")).unwrap_or((&text, ""));
        script.push_str(&blocks(guide, now));
        last.push_str(&blocks(guide, later));
    }
    script + &last
}

fn blocks(guide: &str, text: &str) -> String {
    let (mut script, mut section, mut open) = (String::new(), "", false);
    for line in text.lines() {
        match line {
            "```sh" => {
                open = true;
                script.push_str(&format!("echo '### {guide}: {}'\n", section.replace('\'', "")));
            }
            "```" => open = false,
            line if open => script.push_str(&format!("{line}\n")),
            line if line.starts_with("## ") => section = line.trim_start_matches("## "),
            _ => {}
        }
    }
    script
}

/// A shell and everything it started; ended with this value.
struct Group(Child);

impl Drop for Group {
    fn drop(&mut self) {
        // Fails where all have ended by themselves, as they should.
        let group = format!("-{}", self.0.id());
        let _ = Command::new("kill").args(["-KILL", "--", &group]).stderr(Stdio::null()).status();
        let _ = self.0.wait();
    }
}

/// Runs the script and answers with everything it printed.
fn run(script: &Path, place: &Path, data: &Path) -> String {
    use std::os::unix::process::CommandExt as _;
    let printed = place.join("printed.txt");
    let output = std::fs::File::create(&printed).expect("a file can be made");
    let mut command = Command::new("bash");
    command.arg(script).current_dir(place).process_group(0).stdin(Stdio::null());
    command.stdout(output.try_clone().expect("a handle can be copied")).stderr(output);
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("WEAL_")) {
        command.env_remove(name);
    }
    let search = format!("{}:{}", programs().display(), std::env::var("PATH").unwrap_or_default());
    command.env("PATH", search).env("CPS", data).env("RUST_BACKTRACE", "0");
    let ports = ports();
    for (name, port) in ["COUNCIL", "REVENUE", "WELFARE", "TREASURY"].iter().zip(&ports) {
        command.env(name, port.address.to_string());
    }
    let mut group = Group(command.spawn().expect("bash starts"));
    let began = Instant::now();
    let status = loop {
        if let Some(status) = group.0.try_wait().expect("bash can be watched") {
            break Some(status);
        }
        if began.elapsed() > Duration::from_secs(SECONDS_MAX) {
            break None;
        }
        std::thread::sleep(Duration::from_millis(50));
    };
    drop(group);
    let transcript = std::fs::read_to_string(&printed).unwrap_or_default();
    match status {
        Some(status) if status.success() => transcript,
        Some(status) => panic!("a command of the guides failed ({status}):\n{transcript}\n{}", logs(place)),
        None => panic!("the guides took longer than {SECONDS_MAX} s:\n{transcript}\n{}", logs(place)),
    }
}

/// The last lines of every node's log.
fn logs(place: &Path) -> String {
    let mut all = String::new();
    for node in ["council", "revenue", "welfare", "treasury"] {
        let log = std::fs::read_to_string(place.join(format!("{node}.log"))).unwrap_or_default();
        let lines: Vec<&str> = log.lines().collect();
        all.push_str(&format!("--- {node}.log\n{}\n", lines[lines.len().saturating_sub(12)..].join("\n")));
    }
    all
}

/// Where `weal` lies: two folders above this very program, put there by `cargo test --workspace`.
fn programs() -> PathBuf {
    let own = std::env::current_exe().expect("a program knows its own file");
    let folder = own.parent().and_then(Path::parent).expect("a test lies in target/PROFILE/deps").to_owned();
    assert!(
        folder.join("weal").exists(),
        "{} is not built: run the tests with `cargo test --workspace`",
        folder.join("weal").display()
    );
    folder
}

/// Four free ports of loopback, which are nobody else's while the guides are followed.
fn ports() -> [Port; 4] {
    std::array::from_fn(|_| Port::free())
}
