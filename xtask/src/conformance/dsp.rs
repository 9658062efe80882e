//! `cargo xtask conformance dsp`: the public test kit of the Dataspace Protocol against a real node, weal-tck of
//! weal-testkit. It ends well only if every test that is written down here was run and passed.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use super::kit::{Options, Outcome, Selection, Tested, assemble, run};

const PACKAGE: &str = "org.eclipse.dataspacetck.dsp.verification";
/// All tests together need less than a minute; one that waits in vain gives up after some seconds.
const RUN_TIME_MAX: Duration = Duration::from_secs(1_800);

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

pub(crate) fn dsp(root: &Path, arguments: &[&str]) -> Result<String, String> {
    let options = Options::read(arguments)?;
    let node = options.program(root)?;
    let jars = assemble(root, "dsp", options.version)?;
    let place = crate::target(root).join("conformance");
    let properties = place.join("dsp.properties");
    let log = place.join("dsp.log");
    let tested = Tested::start(&node, "dsp", &properties)?;
    let selection = Selection { packages: &[PACKAGE], all: true, time_max: RUN_TIME_MAX };
    let mut outcomes = BTreeMap::new();
    let ran = run(root, &jars, &properties, &log, &selection, |report| {
        // A title is `CN:01-01: Verify ...`.
        let id = report.title.split(": ").next().unwrap_or_default().to_owned();
        println!("{id:11} {}", if report.outcome == Outcome::Passed { "passed" } else { "FAILED" });
        outcomes.insert(id, report.outcome);
    });
    let (_, complaints) = tested.end();
    ran?;
    judge(&outcomes).map_err(|why| format!("{why}\nThe kit's log is {}.\n{complaints}", log.display()))
}

fn judge(outcomes: &BTreeMap<String, Outcome>) -> Result<String, String> {
    let ids = ids();
    let mut wrong = Vec::new();
    for id in &ids {
        match outcomes.get(id) {
            Some(Outcome::Passed) => {}
            Some(Outcome::Failed(why) | Outcome::Skipped(why)) => wrong.push(format!("{id} failed: {why}")),
            None => wrong.push(format!("{id} was not run")),
        }
    }
    let unknown = outcomes.iter().filter(|(id, _)| !ids.contains(id));
    wrong.extend(unknown.map(|(id, outcome)| format!("{id} is not one of ours: {outcome:?}")));
    let passed = outcomes.values().filter(|outcome| **outcome == Outcome::Passed).count();
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
        ids().into_iter().map(|id| (id, Outcome::Passed)).collect()
    }

    #[test]
    fn every_test_must_have_been_run_and_passed() {
        assert_eq!(ids().len(), TESTS_COUNT);
        assert!(judge(&all_passed()).is_ok());
        let mut missing = all_passed();
        missing.remove("TP:02-04");
        assert!(judge(&missing).is_err_and(|why| why.contains("TP:02-04 was not run")));
        let mut failed = all_passed();
        failed.insert("CN:01-01".into(), Outcome::Failed("no".into()));
        assert!(judge(&failed).is_err_and(|why| why.contains("CN:01-01 failed: no")));
        let mut more = all_passed();
        more.insert("XX:01-01".into(), Outcome::Passed);
        assert!(judge(&more).is_err());
        assert!(judge(&BTreeMap::new()).is_err());
    }
}
