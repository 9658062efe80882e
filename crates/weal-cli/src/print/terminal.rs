//! Where words go: people's to the terminal, programs' to standard output, progress beside both.

use std::io::{self, IsTerminal as _, Write as _};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde::Serialize;

use crate::failure::{Failure, Result};

/// Work that takes less is not worth a progress bar.
const PROGRESS_AFTER: Duration = Duration::from_secs(1);
/// How often work reports itself where no bar can be drawn.
const PLAIN_LINE_EVERY: Duration = Duration::from_secs(5);

/// The ways out of a command. With `--json`, standard output carries JSON alone and words go to
/// standard error.
#[derive(Debug, Clone, Copy)]
pub struct Terminal {
    json: bool,
}

impl Terminal {
    #[must_use]
    pub fn new(json: bool) -> Self {
        Self { json }
    }

    #[must_use]
    pub fn is_json(&self) -> bool {
        self.json
    }

    /// The result of a command: `value` for programs, `words` for people.
    pub fn answer(&self, value: &impl Serialize, words: impl FnOnce() -> String) {
        if self.json {
            // Our own types print; a map with other keys than texts would be a mistake of ours.
            let text = serde_json::to_string_pretty(value).expect("the types of the local API print as JSON");
            out(text.trim_end());
        } else {
            out(words().trim_end());
        }
    }

    /// Words for people along the way.
    pub fn say(&self, words: impl AsRef<str>) {
        if self.json {
            err(words.as_ref());
        } else {
            out(words.as_ref());
        }
    }

    /// Words beside the result, never in its way.
    pub fn note(&self, words: impl AsRef<str>) {
        err(words.as_ref());
    }

    /// The result as it is, without a line break added.
    pub fn raw(&self, bytes: &[u8]) -> io::Result<()> {
        let mut out = io::stdout().lock();
        out.write_all(bytes)?;
        out.flush()
    }

    #[must_use]
    pub fn stdout_is_terminal(&self) -> bool {
        io::stdout().is_terminal()
    }

    /// Asks a person for yes or no. `yes_flag` names the flag that answers without asking.
    pub fn confirm(&self, question: &str, default: bool, yes_flag: &str) -> Result<bool> {
        let choices = if default { "Y/n" } else { "y/N" };
        loop {
            let given = self.read_line(&format!("{question} [{choices}] "), yes_flag)?;
            match given.to_lowercase().as_str() {
                "" => return Ok(default),
                "y" | "yes" => return Ok(true),
                "n" | "no" => return Ok(false),
                _ => self.note("Please answer y or n."),
            }
        }
    }

    /// Asks a person for a line; an empty one means `default`.
    pub fn line(&self, question: &str, default: &str, yes_flag: &str) -> Result<String> {
        let given = self.read_line(&format!("{question} [{default}] "), yes_flag)?;
        Ok(if given.is_empty() { default.to_owned() } else { given })
    }

    fn read_line(&self, prompt: &str, yes_flag: &str) -> Result<String> {
        if !io::stdin().is_terminal() {
            let next = format!("accept the proposals with {yes_flag}, or run it in a terminal");
            return Err(Failure::usage("this needs an answer and nobody is there to give it").next(next));
        }
        let mut stderr = io::stderr().lock();
        let _ = write!(stderr, "{prompt}");
        let _ = stderr.flush();
        let mut line = String::new();
        match io::stdin().read_line(&mut line) {
            Ok(0) | Err(_) => Err(Failure::failed("stopped: no answer was given")),
            Ok(_) => Ok(line.trim().to_owned()),
        }
    }

    /// Reports on work of `total` steps: a bar on a terminal, a plain line every few seconds elsewhere,
    /// nothing where it is over within a second.
    #[must_use]
    pub fn progress(&self, what: &str, total: Option<u64>, unit: Unit) -> Progress {
        Progress::begin(what, total, unit)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    Bytes,
    /// People, rows, questions.
    Things,
}

/// Work that is under way. Dropping it takes the bar away.
#[derive(Debug)]
pub struct Progress {
    what: String,
    bar: ProgressBar,
    unit: Unit,
    began: Instant,
    shown: bool,
    last_line: Instant,
}

impl Progress {
    fn begin(what: &str, total: Option<u64>, unit: Unit) -> Self {
        let bar = total.map_or_else(ProgressBar::no_length, ProgressBar::new);
        bar.set_draw_target(ProgressDrawTarget::hidden());
        let counts = match unit {
            Unit::Bytes => "{bytes} of {total_bytes}, {eta} left",
            Unit::Things => "{human_pos} of {human_len}, {eta} left",
        };
        let style = match total {
            Some(_) => format!("   {{msg}} {{bar:30}} {counts}"),
            None => "   {msg} {spinner} {elapsed}".to_owned(),
        };
        if let Ok(style) = ProgressStyle::with_template(&style) {
            bar.set_style(style.progress_chars("█▌░"));
        }
        bar.set_message(what.to_owned());
        let began = Instant::now();
        Self { what: what.to_owned(), bar, unit, began, shown: false, last_line: began }
    }

    /// How far the work is, counted from its beginning.
    pub fn at(&mut self, done: u64) {
        self.bar.set_position(done);
        if !self.shown && self.began.elapsed() >= PROGRESS_AFTER {
            self.shown = true;
            if io::stderr().is_terminal() {
                self.bar.set_draw_target(ProgressDrawTarget::stderr());
            }
        }
        if !io::stderr().is_terminal() && self.last_line.elapsed() >= PLAIN_LINE_EVERY {
            self.last_line = Instant::now();
            let amount = |count| match self.unit {
                Unit::Bytes => super::number::bytes(count),
                Unit::Things => super::number::thousands(count),
            };
            let far = match self.bar.length() {
                Some(total) => format!("{} of {}", amount(done), amount(total)),
                None => format!("for {}", super::number::duration(self.began.elapsed())),
            };
            err(&format!("   {}: {far}", self.what));
        }
    }

    /// Waits for `work`, keeping the clock on the bar moving.
    pub async fn during<T>(mut self, work: impl Future<Output = T>) -> T {
        let mut work = std::pin::pin!(work);
        let mut tick = tokio::time::interval(Duration::from_millis(100));
        loop {
            tokio::select! {
                done = &mut work => return done,
                _ = tick.tick() => self.at(self.bar.position()),
            }
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

/// A reader that has gone away (`weal ... | head`) is no reason to fail.
fn out(text: &str) {
    let _ = writeln!(io::stdout().lock(), "{text}");
}

fn err(text: &str) {
    let _ = writeln!(io::stderr().lock(), "{text}");
}
