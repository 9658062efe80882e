//! The list of features: each question asked of every engine, and its answers held against DuckDB's.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

use super::{Engine, FOLDER};

pub(super) fn table(
    root: &Path,
    program: &str,
    peers: &[Engine],
    file: &Path,
    place: &Path,
) -> Result<String, String> {
    let list = root.join(FOLDER).join("features.json");
    let judge =
        crate::python::environment(&root.join(FOLDER).join("requirements/judge.txt"), &place.join("judge"))?;
    let ours = Engine { name: "weal".into(), command: vec![program.to_owned()] };
    let mut judged = Command::new(judge);
    judged.arg(root.join(FOLDER).join("judge.py")).arg(file).arg(&list);
    let names: Vec<&str> = [&ours].into_iter().chain(peers).map(|engine| engine.name.as_str()).collect();
    for engine in [&ours].into_iter().chain(peers) {
        eprintln!("features: {}", engine.name);
        let answers = asked(engine, file, &list, place)?;
        judged.arg(format!("{}={}", engine.name, answers.display()));
    }
    let output = judged.stdin(Stdio::null()).output().map_err(|cause| format!("judge.py: {cause}"))?;
    if !output.status.success() {
        return Err(format!("judge.py: {}\n{}", output.status, String::from_utf8_lossy(&output.stderr)));
    }
    let verdicts: Value =
        serde_json::from_slice(&output.stdout).map_err(|cause| format!("judge.py: {cause}"))?;
    Ok(written(&verdicts, &names))
}

/// What an engine says of each feature, as lines in a file. One that ends half-way has said as much as it has.
fn asked(engine: &Engine, file: &Path, list: &Path, place: &Path) -> Result<PathBuf, String> {
    let answers = place.join(format!("features-{}.jsonl", engine.name.replace(' ', "-")));
    let out = std::fs::File::create(&answers).map_err(|cause| format!("{}: {cause}", answers.display()))?;
    let complaints =
        std::fs::File::create(answers.with_extension("err")).map_err(|cause| cause.to_string())?;
    let [program, arguments @ ..] = &engine.command[..] else { return Err("no program".to_owned()) };
    let mut command = Command::new(program);
    command.args(arguments).arg("features").arg(file).arg(list);
    let status = command.stdin(Stdio::null()).stdout(out).stderr(complaints).status();
    match status {
        Ok(status) if !status.success() => eprintln!("{}: {status}", engine.name),
        Ok(_) => {}
        Err(cause) => return Err(format!("{program}: {cause}")),
    }
    Ok(answers)
}

fn written(verdicts: &Value, names: &[&str]) -> String {
    let mut text = format!("\n| feature | {} |\n|---|{}\n", names.join(" | "), "---|".repeat(names.len()));
    let mut notes = String::new();
    let mut works = vec![0_usize; names.len()];
    let all = verdicts.as_array().map(Vec::as_slice).unwrap_or_default();
    for line in all {
        let feature = line["feature"].as_str().unwrap_or_default();
        let mut cells = Vec::new();
        for (place, name) in names.iter().enumerate() {
            let verdict = &line["engines"][name];
            let word = verdict["verdict"].as_str().unwrap_or("?");
            works[place] += usize::from(word == "works");
            cells.push(if word == "wrong" { "**wrong**".to_owned() } else { word.to_owned() });
            if let (true, Some(why)) = (word != "works", verdict["why"].as_str()) {
                let why: String =
                    why.split_whitespace().collect::<Vec<_>>().join(" ").chars().take(200).collect();
                notes.push_str(&format!("- {name}, {feature}: {word}: {why}\n"));
            }
        }
        text.push_str(&format!("| {feature} | {} |\n", cells.join(" | ")));
    }
    let counts: Vec<String> = works.iter().map(|works| format!("{works} of {}", all.len())).collect();
    text.push_str(&format!("| all that work | {} |\n\n{notes}", counts.join(" | ")));
    text
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_wrong_answer_stands_out() {
        let verdicts = json!([
            { "feature": "SUM", "engines": { "one": { "verdict": "works" }, "other": { "verdict": "wrong", "why": "0 for 5" } } }
        ]);
        let text = written(&verdicts, &["one", "other"]);
        assert!(text.contains("| SUM | works | **wrong** |"), "{text}");
        assert!(text.contains("1 of 1 | 0 of 1") && text.contains("- other, SUM: wrong: 0 for 5"), "{text}");
    }
}
