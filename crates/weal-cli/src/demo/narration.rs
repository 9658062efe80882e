//! What the demo tells: steps with a duration, plain sentences, and whether each came out as promised.

use std::time::{Duration, Instant};

use serde::Serialize;

use crate::print::number::duration;
use crate::print::terminal::{Progress, Terminal, Unit};
use crate::print::wrap;

/// Columns of narration, its indentation left out.
const TEXT_WIDTH: usize = 92;
const STEPS: usize = 9;

/// One step as it went.
#[derive(Debug, Clone, Serialize)]
pub struct StepReport {
    pub number: usize,
    pub title: String,
    pub took_ms: u64,
    pub checks: Vec<Check>,
}

/// Something that must hold for the demo to be true.
#[derive(Debug, Clone, Serialize)]
pub struct Check {
    pub what: String,
    pub holds: bool,
}

#[derive(Debug)]
pub struct Narrator {
    terminal: Terminal,
    /// Tell of checks that hold, too.
    tell_checks: bool,
    steps: Vec<StepReport>,
    began: Instant,
    step_began: Instant,
}

impl Narrator {
    #[must_use]
    pub fn new(terminal: Terminal, tell_checks: bool) -> Self {
        let now = Instant::now();
        Self { terminal, tell_checks, steps: Vec::new(), began: now, step_began: now }
    }

    /// Ends the step before, if there is one, and begins the next.
    pub fn step(&mut self, title: &str) {
        self.end_step();
        let number = self.steps.len() + 1;
        self.steps.push(StepReport { number, title: title.to_owned(), took_ms: 0, checks: Vec::new() });
        self.step_began = Instant::now();
        self.terminal.say(format!("\n{number}/{STEPS}  {title}"));
    }

    pub fn end_step(&mut self) {
        let took = self.step_began.elapsed();
        if let Some(step) = self.steps.last_mut().filter(|step| step.took_ms == 0) {
            step.took_ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX).max(1);
            self.terminal.say(format!("     ({})", duration(took)));
        }
    }

    /// A paragraph.
    pub fn say(&self, text: &str) {
        for line in wrap(text, TEXT_WIDTH) {
            self.terminal.say(format!("     {line}"));
        }
    }

    /// Lines that stay as they are: a command, a table.
    pub fn show(&self, text: &str) {
        for line in text.lines() {
            self.terminal.say(format!("       {line}").trim_end());
        }
    }

    /// A command that a person could type for what comes next.
    pub fn command(&self, member: &str, command: &str) {
        let lead = format!("{member} $ ");
        for (index, line) in wrap(&format!("{lead}{command}"), TEXT_WIDTH).iter().enumerate() {
            let indent = if index == 0 { 0 } else { lead.len() };
            self.terminal.say(format!("     {:indent$}{line}", ""));
        }
    }

    pub fn blank(&self) {
        self.terminal.say("");
    }

    #[must_use]
    pub fn progress(&self, what: &str, total: Option<u64>) -> Progress {
        self.terminal.progress(what, total, Unit::Things)
    }

    #[must_use]
    pub fn terminal(&self) -> Terminal {
        self.terminal
    }

    /// Notes whether `what` holds.
    pub fn check(&mut self, what: impl Into<String>, holds: bool) {
        let what = what.into();
        if !holds {
            self.say(&format!("FAILED: {what}"));
        } else if self.tell_checks {
            self.say(&format!("ok: {what}"));
        }
        if let Some(step) = self.steps.last_mut() {
            step.checks.push(Check { what, holds });
        }
    }

    /// Everything that was told, and whether all of it held.
    #[must_use]
    pub fn report(mut self) -> (Vec<StepReport>, Duration) {
        self.end_step();
        (self.steps, self.began.elapsed())
    }

    #[must_use]
    pub fn failed(&self) -> Vec<&Check> {
        self.steps.iter().flat_map(|step| &step.checks).filter(|check| !check.holds).collect()
    }

    #[must_use]
    pub fn checked(&self) -> usize {
        self.steps.iter().map(|step| step.checks.len()).sum()
    }

    #[must_use]
    pub fn elapsed(&self) -> Duration {
        self.began.elapsed()
    }
}
