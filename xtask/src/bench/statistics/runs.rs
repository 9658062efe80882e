//! One run of one engine, and the figures of several.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;

/// No engine is waited for longer.
const RUN_SECONDS_MAX: &str = "1800";

/// What one process took and said.
pub(super) struct Run {
    pub(super) cpu_s: f64,
    wall_s: f64,
    rss_mib: f64,
    cpu_without_imports_s: Option<f64>,
    /// COUNT, SUM and AVG by key.
    pub(super) groups: BTreeMap<String, [Option<f64>; 3]>,
    pub(super) settings: String,
}

impl Run {
    /// Runs `command` on `file`, under what measures it.
    pub(super) fn of(root: &Path, command: &[String], file: &Path) -> Result<Self, String> {
        let took = file.with_extension("took.json");
        let output = Command::new("python3")
            .arg(root.join(super::FOLDER).join("measure.py"))
            .arg(&took)
            .arg(RUN_SECONDS_MAX)
            .args(command)
            .arg(file)
            .stdin(Stdio::null())
            .output()
            .map_err(|cause| format!("python3: {cause}"))?;
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr);
            return Err(format!("{}: {}\n{}", command.join(" "), output.status, said.trim_end()));
        }
        let took = json(&crate::read(&took)?)?;
        let text = String::from_utf8_lossy(&output.stdout);
        Self::read(&took, &json(text.lines().next_back().unwrap_or_default())?)
    }

    fn read(took: &Value, said: &Value) -> Result<Self, String> {
        let number = |name: &str| took[name].as_f64().ok_or_else(|| format!("measure.py says no {name}"));
        let mut groups = BTreeMap::new();
        for (key, numbers) in said["groups"].as_object().into_iter().flatten() {
            groups.insert(key.clone(), [0, 1, 2].map(|place| numbers[place].as_f64()));
        }
        Ok(Self {
            cpu_s: number("cpu_s")?,
            wall_s: number("wall_s")?,
            rss_mib: number("rss_mib")?,
            cpu_without_imports_s: said["cpu_without_imports_s"].as_f64(),
            groups,
            settings: said["settings"].as_str().unwrap_or_default().to_owned(),
        })
    }

    /// The median over the groups of the truth that are shown, of COUNT, SUM and AVG.
    fn errors(&self, truth: &Self) -> [f64; 3] {
        [0, 1, 2].map(|place| {
            let errors = truth.groups.iter().filter_map(|(key, right)| {
                let (right, shown) = (right[place]?, self.groups.get(key)?[place]?);
                Some((shown - right).abs() / right.abs().max(f64::MIN_POSITIVE))
            });
            median(errors.collect())
        })
    }
}

fn json(text: &str) -> Result<Value, String> {
    serde_json::from_str(text)
        .map_err(|cause| format!("{cause}: {}", text.chars().take(200).collect::<String>()))
}

/// Medians over the runs of one engine.
pub(super) struct Figures {
    cpu_s: f64,
    cpu_without_imports_s: Option<f64>,
    wall_s: f64,
    rss_mib: f64,
    errors: [f64; 3],
    shown: usize,
}

impl Figures {
    pub(super) fn of(runs: &[Run], truth: &Run) -> Self {
        let over = |figure: &dyn Fn(&Run) -> f64| median(runs.iter().map(figure).collect());
        let without: Vec<f64> = runs.iter().filter_map(|run| run.cpu_without_imports_s).collect();
        Self {
            cpu_s: over(&|run| run.cpu_s),
            cpu_without_imports_s: (!without.is_empty()).then(|| median(without)),
            wall_s: over(&|run| run.wall_s),
            rss_mib: over(&|run| run.rss_mib),
            errors: [0, 1, 2].map(|place| over(&|run| run.errors(truth)[place])),
            shown: runs.iter().map(|run| run.groups.len()).min().unwrap_or(0),
        }
    }

    pub(super) fn row(&self, name: &str) -> String {
        let without =
            self.cpu_without_imports_s.map_or_else(|| "–".to_owned(), |seconds| format!("{seconds:.2} s"));
        let [count, sum, average] = self.errors.map(|error| format!("{error:.4}"));
        format!(
            "| {name} | {:.2} s | {without} | {:.2} s | {:.0} MiB | {count} | {sum} | {average} | {} |\n",
            self.cpu_s, self.wall_s, self.rss_mib, self.shown
        )
    }
}

/// Of an even number, the mean of the two in the middle; not a number of none.
pub(super) fn median(mut all: Vec<f64>) -> f64 {
    all.sort_by(f64::total_cmp);
    match (all.len() / 2, all.len() % 2) {
        (0, 0) => f64::NAN,
        (half, 0) => f64::midpoint(all[half - 1], all[half]),
        (half, _) => all[half],
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn errors_are_relative_and_of_the_groups_shown() {
        let took = json!({ "cpu_s": 1.0, "wall_s": 2.0, "rss_mib": 3.0 });
        let truth =
            json!({ "groups": { "a": [100.0, 50.0, 0.5], "b": [10.0, 5.0, 0.5], "c": [1.0, 1.0, 1.0] } });
        let said = json!({ "groups": { "a": [110.0, 50.0, null], "b": [13.0, 5.0, 1.0] } });
        let (truth, run) = (Run::read(&took, &truth).unwrap(), Run::read(&took, &said).unwrap());
        let [count, sum, average] = run.errors(&truth);
        assert!((count - 0.2).abs() < 1e-12 && sum.abs() < 1e-12 && (average - 1.0).abs() < 1e-12);
        assert!(Run::read(&json!({}), &said).is_err());
    }
}
