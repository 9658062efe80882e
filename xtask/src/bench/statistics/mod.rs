//! `cargo xtask bench statistics`: private answers beside other engines, on the same file and at the same true cost.
//!
//! Every run is a process of its own. What it and its descendants took is what the operating system counts for them
//! when they have ended; the truth is the same aggregate without privacy.

mod features;
mod runs;

use std::path::{Path, PathBuf};

use super::{cargo, machine, run};
use runs::{Figures, Run, median};

pub(super) const FOLDER: &str = "bench/statistics";
const ROWS: [u64; 2] = [1_000_000, 10_000_000];
/// Of the file for the list of features: nearly every subject has one row or two, so bounds take little away.
const FEATURE_ROWS: u64 = 200_000;
const FEATURE_SUBJECTS: u64 = 200_000;
const RUNS: usize = 5;

/// Another engine: its script, and what it is installed from.
pub(super) struct Peer {
    pub(super) name: &'static str,
    pub(super) script: &'static str,
}

pub(super) const PEERS: [Peer; 4] = [
    Peer { name: "smartnoise-sql", script: "smartnoise_sql.py" },
    Peer { name: "opendp", script: "opendp_polars.py" },
    Peer { name: "pyqrlew", script: "qrlew.py" },
    Peer { name: "pipeline-dp", script: "pipelinedp.py" },
];
/// What of ours is run, by the word for it.
const OURS: [(&str, &str); 3] = [
    ("weal", "answer"),
    ("the same engine without privacy (DataFusion)", "plain"),
    ("the same with bounds as plain SQL, no noise (DataFusion)", "bounded"),
];

struct Wish<'a> {
    program: Option<PathBuf>,
    rows: Vec<u64>,
    runs: usize,
    only: Option<Vec<&'a str>>,
    features: bool,
}

impl<'a> Wish<'a> {
    fn read(root: &Path, arguments: &[&'a str]) -> Result<Self, String> {
        let mut wish = Self { program: None, rows: ROWS.into(), runs: RUNS, only: None, features: true };
        let mut rest = arguments.iter();
        while let Some(option) = rest.next() {
            match *option {
                "--no-features" => wish.features = false,
                "--only-features" => wish.rows.clear(),
                _ => {}
            }
            if option.ends_with("-features") {
                continue;
            }
            let value = rest.next().ok_or_else(|| format!("{option} needs a value\n{}", crate::USAGE))?;
            let number = |text: &str| text.parse::<u64>().map_err(|_| format!("{option} needs numbers"));
            match *option {
                "--program" => wish.program = Some(root.join(value)),
                "--rows" => wish.rows = value.split(',').map(number).collect::<Result<_, _>>()?,
                "--runs" => wish.runs = usize::try_from(number(value)?).unwrap_or(1).max(1),
                "--only" => wish.only = Some(value.split(',').collect()),
                _ => return Err(crate::USAGE.to_owned()),
            }
        }
        Ok(wish)
    }
}

/// An engine that can be run: its name and version, and how it is started.
pub(super) struct Engine {
    pub(super) name: String,
    pub(super) command: Vec<String>,
}

pub(crate) fn statistics(root: &Path, arguments: &[&str]) -> Result<String, String> {
    let wish = Wish::read(root, arguments)?;
    let program = match &wish.program {
        Some(program) => program.clone(),
        None => {
            cargo(root, &["build", "--release", "--workspace", "--example", "statistics"])?;
            crate::target(root).join("release/examples/statistics")
        }
    };
    let place = crate::target(root).join("bench/statistics");
    let (peers, skipped) = install(root, &place, wish.only.as_deref());
    let program = program.display().to_string();
    let mut text = format!("command: cargo xtask bench statistics {}\n", arguments.join(" "));
    for line in machine::lines("true") {
        text.push_str(&format!("{line}\n"));
    }
    text.push_str(&format!("load before: {}\n", crate::read(Path::new("/proc/loadavg"))?.trim()));
    for line in skipped {
        text.push_str(&format!("skipped: {line}\n"));
    }
    for rows in &wish.rows {
        let file = data(&program, &place, *rows, None)?;
        text.push_str(&table(root, &program, &peers, &file, (*rows, wish.runs))?);
    }
    if wish.features {
        let file = data(&program, &place, FEATURE_ROWS, Some(FEATURE_SUBJECTS))?;
        text.push_str(&features::table(root, &program, &peers, &file, &place)?);
    }
    Ok(text)
}

/// The peers that can be run here, and why the others cannot.
fn install(root: &Path, place: &Path, only: Option<&[&str]>) -> (Vec<Engine>, Vec<String>) {
    let (mut installed, mut skipped) = (Vec::new(), Vec::new());
    for peer in PEERS.iter().filter(|peer| only.is_none_or(|only| only.contains(&peer.name))) {
        let requirements = root.join(FOLDER).join("requirements").join(format!("{}.txt", peer.name));
        match crate::python::environment(&requirements, &place.join(peer.name)) {
            Ok(python) => {
                let script = root.join(FOLDER).join(peer.script).display().to_string();
                let version = version(&requirements, peer.name).unwrap_or_default();
                let name = format!("{} {version}", peer.name);
                installed.push(Engine { name, command: vec![python.display().to_string(), script] });
            }
            Err(why) => skipped.push(format!("{} cannot be installed: {why}", peer.name)),
        }
    }
    (installed, skipped)
}

fn version(requirements: &Path, package: &str) -> Option<String> {
    let text = crate::read(requirements).ok()?;
    text.lines().find_map(|line| line.strip_prefix(package)?.strip_prefix("==").map(str::to_owned))
}

/// The file of so many rows, made where it was not made before.
fn data(program: &str, place: &Path, rows: u64, subjects: Option<u64>) -> Result<PathBuf, String> {
    let subjects = subjects.unwrap_or(rows / 5);
    let folder = place.join(format!("rows-{rows}-of-{subjects}"));
    let file = folder.join("visits.parquet");
    if !file.exists() {
        run(program, &["data", &rows.to_string(), &subjects.to_string(), &folder.display().to_string()])?;
    }
    Ok(file)
}

fn table(
    root: &Path,
    program: &str,
    peers: &[Engine],
    file: &Path,
    (rows, runs): (u64, usize),
) -> Result<String, String> {
    let ours = OURS.map(|(name, mode)| Engine {
        name: name.to_owned(),
        command: vec![program.to_owned(), mode.to_owned()],
    });
    let truth = Run::of(root, &ours[1].command, file)?;
    let mut all: Vec<(&Engine, Vec<Run>, Option<String>)> = Vec::new();
    all.extend(ours.iter().chain(peers).map(|engine| (engine, Vec::new(), None)));
    for number in 1..=runs {
        for (engine, done, failed) in all.iter_mut().filter(|(_, _, failed)| failed.is_none()) {
            eprintln!("{rows} rows, run {number}: {}", engine.name);
            let own = engine.command[0] == program;
            let command =
                if own { engine.command.clone() } else { [&engine.command[..], &["answer".into()]].concat() };
            match Run::of(root, &command, file) {
                Ok(run) => done.push(run),
                Err(why) => *failed = Some(why),
            }
        }
    }
    let mut text = format!("\n{rows} rows, {} groups, {runs} runs each, medians:\n\n", truth.groups.len());
    text.push_str("| engine | CPU | CPU without imports | wall clock | peak memory | error of COUNT | of SUM | of AVG | groups shown |\n");
    text.push_str("|---|---|---|---|---|---|---|---|---|\n");
    let mut settings = String::new();
    for (engine, done, failed) in &all {
        if let Some(why) = failed {
            let short: String = why.lines().next_back().unwrap_or_default().chars().take(160).collect();
            text.push_str(&format!("| {} | did not survive: {short} | | | | | | | |\n", engine.name));
            continue;
        }
        text.push_str(&Figures::of(done, &truth).row(&engine.name));
        let said = done.first().map(|run| run.settings.as_str()).unwrap_or_default();
        if !said.is_empty() {
            settings.push_str(&format!("- {}: {said}\n", engine.name));
        }
    }
    let cpu = |place: usize| median(all[place].1.iter().map(|run| run.cpu_s).collect());
    text.push_str(&format!("\nprivate against plain, CPU: {:.2} times\n\n{settings}", cpu(0) / cpu(1)));
    Ok(text)
}
