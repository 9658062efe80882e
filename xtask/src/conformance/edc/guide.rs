//! The guide for connecting a foreign connector, run as it stands: the `sh` blocks of one section after the other, in
//! one shell, while what the other side does in between is done by the test.

use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

pub(super) const GUIDE: &str = "docs/guides/connect-a-foreign-connector.md";
/// For the next line of a section; most take a second where the machine has time.
const SECTION_TIME_MAX: Duration = Duration::from_secs(300);
const DONE: &str = "### done";
/// Reads the names of files and runs them in itself. Nothing that it starts reads them instead, or outlives it.
const SHELL: &str = "set -euo pipefail; exec 9<&0 </dev/null; trap 'kill $(jobs -p) 2>/dev/null || true' EXIT; \
     while read -r -u 9 part; do . \"$part\" 9<&-; echo '### done'; done";

/// A shell in a folder of its own, and the sections that it has yet to run.
#[derive(Debug)]
pub(super) struct Guide {
    place: PathBuf,
    sections: Vec<(String, String)>,
    process: Child,
    input: Option<ChildStdin>,
    lines: mpsc::Receiver<String>,
}

impl Guide {
    /// `weal` is the program that the guide calls so; `environment` is what it leaves to its reader.
    pub(super) fn open(
        root: &Path,
        place: &Path,
        weal: &Path,
        environment: &[(&str, &str)],
    ) -> Result<Self, String> {
        let sections = sections(&crate::read(&root.join(GUIDE))?);
        let folder = weal.parent().ok_or_else(|| format!("{} lies nowhere", weal.display()))?;
        if !weal.exists() {
            return Err(format!("{} is not built", weal.display()));
        }
        let search = format!("{}:{}", folder.display(), std::env::var("PATH").unwrap_or_default());
        let (reader, writer) = std::io::pipe().map_err(|cause| format!("no pipe: {cause}"))?;
        let copy = writer.try_clone().map_err(|cause| format!("no pipe: {cause}"))?;
        let mut command = Command::new("bash");
        command.args(["-c", SHELL]).current_dir(place).process_group(0).env("PATH", search);
        command.stdin(Stdio::piped()).stdout(writer).stderr(copy);
        for (name, value) in environment {
            command.env(name, value);
        }
        let mut process = command.spawn().map_err(|cause| format!("bash: {cause}"))?;
        // It holds our ends of the pipe.
        drop(command);
        let input = process.stdin.take();
        let (sender, lines) = mpsc::channel();
        std::thread::spawn(move || {
            for line in BufReader::new(reader).lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    return;
                }
            }
        });
        Ok(Self { place: place.to_owned(), sections, process, input, lines })
    }

    /// Runs the next section, which must be this one; answers what it printed.
    pub(super) fn section(&mut self, title: &str) -> Result<String, String> {
        if self.sections.first().is_none_or(|(next, _)| next != title) {
            return Err(format!("{GUIDE} has no section `{title}` here"));
        }
        let (_, script) = self.sections.remove(0);
        let part = self.place.join(format!("part-{}.sh", self.sections.len()));
        std::fs::write(&part, script).map_err(|cause| format!("{}: {cause}", part.display()))?;
        let input = self.input.as_mut().ok_or("the shell has ended")?;
        writeln!(input, "{}", part.display()).map_err(|cause| format!("bash: {cause}"))?;
        let mut said = String::new();
        loop {
            match self.lines.recv_timeout(SECTION_TIME_MAX) {
                Ok(line) if line == DONE => return Ok(said),
                Ok(line) => said.push_str(&format!("{line}\n")),
                Err(_) => return Err(format!("`{title}` of {GUIDE} failed:\n{said}{}", self.logs())),
            }
        }
    }

    /// The titles of sections that were not run.
    pub(super) fn left(&self) -> Vec<&str> {
        self.sections.iter().map(|(title, _)| title.as_str()).collect()
    }

    /// The last lines of the nodes' logs.
    pub(super) fn logs(&self) -> String {
        const LINES: usize = 20;
        let mut all = String::new();
        for node in ["council", "revenue"] {
            let log = std::fs::read_to_string(self.place.join(format!("{node}.log"))).unwrap_or_default();
            let lines: Vec<&str> = log.lines().collect();
            let last = lines[lines.len().saturating_sub(LINES)..].join("\n");
            all.push_str(&format!("--- {node}.log\n{last}\n"));
        }
        all
    }
}

impl Drop for Guide {
    fn drop(&mut self) {
        drop(self.input.take());
        // Fails where all have ended by themselves, as they should.
        let group = format!("-{}", self.process.id());
        let _ = Command::new("kill").args(["-KILL", "--", &group]).stderr(Stdio::null()).status();
        let _ = self.process.wait();
    }
}

/// The sections that have `sh` blocks: title, commands.
fn sections(text: &str) -> Vec<(String, String)> {
    let mut all: Vec<(String, String)> = Vec::new();
    let (mut title, mut open) = ("", false);
    for line in text.lines() {
        match line {
            "```sh" => {
                open = true;
                if all.last().is_none_or(|(last, _)| last != title) {
                    all.push((title.to_owned(), String::new()));
                }
            }
            "```" => open = false,
            line if open => {
                if let Some((_, script)) = all.last_mut() {
                    script.push_str(&format!("{line}\n"));
                }
            }
            line => title = line.strip_prefix("## ").unwrap_or(title),
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sections_are_those_with_commands() {
        let text = "# T\n## One\nwords\n```sh\na\n```\nmore\n```sh\nb\n```\n## Two\n```text\nc\n```\n## Three\n```sh\nd\n```\n";
        let of = |title: &str, script: &str| (title.to_owned(), script.to_owned());
        assert_eq!(sections(text), [of("One", "a\nb\n"), of("Three", "d\n")]);
    }
}
