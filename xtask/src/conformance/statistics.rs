//! `cargo xtask conformance statistics`: the exact totals behind private answers, computed once more by DuckDB for
//! thousands of generated questions, and what our accountant says of random mixtures of releases, held against PLD and
//! RDP of dp-accounting. It fails on every difference, and when less was compared than is written down here.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

const FOLDER: &str = "tests/conformance/statistics";
/// Questions that were answered; those refused are counted beside them.
const QUESTIONS: u64 = 2_400;
const MIXTURES: u64 = 150;
/// Of the mixtures, those whose thresholds leave nothing of the delta have no epsilon.
const MIXTURES_MIN: u64 = 100;
/// Of those, so many at least are about two private products.
const JOINED_MIN: u64 = 300;
/// Every aggregate is in so many questions at least.
const EACH_AGGREGATE_MIN: u64 = 150;
const AGGREGATES: [&str; 8] = ["count", "subjects", "sum", "avg", "var", "present", "distinct", "quantile"];
const SEED: &str = "20261122";
const SHOWN_MAX: usize = 20;

struct Wish<'a> {
    program: Option<PathBuf>,
    /// The journal of a node's budgets.
    events: Option<PathBuf>,
    seed: &'a str,
}

pub(crate) fn statistics(root: &Path, arguments: &[&str]) -> Result<String, String> {
    let wish = read(root, arguments)?;
    let program = match &wish.program {
        Some(program) => program.clone(),
        None => build(root)?,
    };
    let place = crate::target(root).join("conformance/statistics");
    let python = crate::python::environment(&root.join(FOLDER).join("requirements.txt"), &place)?;
    let tables = place.join("tables");
    let _ = std::fs::remove_dir_all(&tables);
    let (asked, lost) = (place.join("questions.jsonl"), place.join("losses.jsonl"));
    let folder = tables.display().to_string();
    written(&program, &["questions", &folder, &QUESTIONS.to_string(), wish.seed], &asked)?;
    written(&program, &["losses", &MIXTURES.to_string(), wish.seed], &lost)?;
    let check = root.join(FOLDER).join("check.py");
    let checked = |what: &str, file: &Path| said(Command::new(&python).arg(&check).arg(what).arg(file));
    let mut report = judge_questions(&checked("questions", &asked)?)?;
    report += &judge_losses(&checked("losses", &lost)?)?;
    if let Some(events) = &wish.events {
        report += &judge_events(&checked("events", events)?)?;
    }
    Ok(report)
}

fn read<'a>(root: &Path, arguments: &[&'a str]) -> Result<Wish<'a>, String> {
    let mut wish = Wish { program: None, events: None, seed: SEED };
    let mut rest = arguments;
    while let [name, value, more @ ..] = rest {
        match *name {
            "--program" => wish.program = Some(root.join(value)),
            "--events" => wish.events = Some(root.join(value)),
            "--seed" => wish.seed = value,
            _ => return Err(crate::USAGE.to_owned()),
        }
        rest = more;
    }
    if rest.is_empty() { Ok(wish) } else { Err(crate::USAGE.to_owned()) }
}

/// As the workspace's tests build it.
fn build(root: &Path) -> Result<PathBuf, String> {
    let arguments = ["build", "--quiet", "--workspace", "--example", "statistics"];
    crate::bench::cargo(root, &arguments)?;
    Ok(crate::target(root).join("debug/examples/statistics"))
}

/// Runs the program and keeps what it prints.
fn written(program: &Path, arguments: &[&str], file: &Path) -> Result<(), String> {
    let out = std::fs::File::create(file).map_err(|cause| format!("{}: {cause}", file.display()))?;
    let status = Command::new(program).args(arguments).stdin(Stdio::null()).stdout(out).status();
    match status {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("{} {}: {status}", program.display(), arguments.join(" "))),
        Err(cause) => Err(format!("{}: {cause}", program.display())),
    }
}

fn said(command: &mut Command) -> Result<String, String> {
    let output = command.stdin(Stdio::null()).output().map_err(|cause| format!("python: {cause}"))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    Err(format!("check.py: {}\n{}", output.status, String::from_utf8_lossy(&output.stderr)))
}

/// The last line that begins with `word`, as names and figures; and every difference found.
fn figures<'t>(said: &'t str, word: &str) -> Result<BTreeMap<&'t str, &'t str>, String> {
    let failed: Vec<&str> = said.lines().filter_map(|line| line.strip_prefix("FAILED\t")).collect();
    if !failed.is_empty() {
        let shown = failed.iter().take(SHOWN_MAX).copied().collect::<Vec<_>>().join("\n");
        return Err(format!("{shown}\n{} differences", failed.len()));
    }
    let line = said.lines().rfind(|line| line.split('\t').next() == Some(word));
    let parts: Vec<&str> = line.ok_or_else(|| format!("nothing was said of {word}"))?.split('\t').collect();
    Ok(parts.chunks_exact(2).map(|pair| (pair[0], pair[1])).collect())
}

fn number(figures: &BTreeMap<&str, &str>, name: &str) -> u64 {
    figures.get(name).and_then(|text| text.parse().ok()).unwrap_or(0)
}

fn judge_questions(said: &str) -> Result<String, String> {
    let figures = figures(said, "questions")?;
    let (compared, groups) = (number(&figures, "questions"), number(&figures, "groups"));
    if compared < QUESTIONS || groups < compared {
        return Err(format!("{compared} questions with {groups} groups were compared, not {QUESTIONS}"));
    }
    let joined = number(&figures, "joined");
    if joined < JOINED_MIN {
        return Err(format!("{joined} questions about two products, not {JOINED_MIN}"));
    }
    let kinds = figures.get("aggregates").copied().unwrap_or("{}");
    let kinds: BTreeMap<String, u64> = serde_json::from_str(kinds).map_err(|cause| cause.to_string())?;
    for kind in AGGREGATES {
        let found = kinds.get(kind).copied().unwrap_or(0);
        if found < EACH_AGGREGATE_MIN {
            return Err(format!("{found} questions with {kind}, not {EACH_AGGREGATE_MIN}"));
        }
    }
    let refused = number(&figures, "refused");
    Ok(format!(
        "the exact totals of {compared} questions ({joined} about two products) in {groups} groups are those of DuckDB \
         ({refused} more were refused)\n"
    ))
}

fn judge_losses(said: &str) -> Result<String, String> {
    let figures = figures(said, "losses")?;
    let mixtures = number(&figures, "losses");
    if mixtures < MIXTURES_MIN {
        return Err(format!("{mixtures} mixtures were compared, not {MIXTURES_MIN}"));
    }
    let over = figures.get("ours over PLD").copied().unwrap_or("nothing");
    Ok(format!(
        "{mixtures} mixtures of releases cost no more than our accountant says; ours is {over} times the PLD's\n"
    ))
}

fn judge_events(said: &str) -> Result<String, String> {
    let figures = figures(said, "events")?;
    let (events, releases) = (number(&figures, "events"), number(&figures, "releases"));
    if events == 0 || releases == 0 {
        return Err("the journal holds nothing that was spent".to_owned());
    }
    Ok(format!("{events} uses in the journal were charged at least what their {releases} releases cost\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "questions\t2400\tgroups\t9000\trefused\t3\tjoined\t500\taggregates\t{\"count\": 900, \"subjects\": 300, \"sum\": 900, \"avg\": 700, \"var\": 500, \"present\": 300, \"distinct\": 300, \"quantile\": 500}\n";

    #[test]
    fn everything_must_have_been_compared_and_the_same() {
        assert!(judge_questions(GOOD).is_ok());
        assert!(judge_questions("").is_err());
        assert!(judge_questions(&GOOD.replace("2400", "0")).is_err());
        assert!(judge_questions(&GOOD.replace("\t500\tagg", "\t5\tagg")).is_err());
        assert!(
            judge_questions(&GOOD.replace("\"avg\": 700", "\"avg\": 7"))
                .is_err_and(|why| why.contains("avg"))
        );
        let failed = format!("FAILED\tSELECT 1\t1 and 2\n{GOOD}");
        assert!(judge_questions(&failed).is_err_and(|why| why.contains("1 and 2")));
        assert!(judge_losses("losses\t150\tours over PLD\t1.05 to 1.20\n").is_ok());
        assert!(judge_losses("losses\t0\tours over PLD\t10 to 0\n").is_err());
        assert!(judge_losses("FAILED\tmixture 1\tPLD says 2\nlosses\t150\tours over PLD\t1 to 2\n").is_err());
        assert!(judge_events("events\t0\treleases\t0\n").is_err());
    }
}
