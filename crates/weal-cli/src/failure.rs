//! How a command ends when it does not end well: an exit code, what happened and the next step.

use std::process::ExitCode;

use serde::Serialize;
use weal_domain::Refusal;

use crate::print::wrap;

/// The exit codes of `weal`. They are a promise to scripts; `weal --help` prints them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    Ok = 0,
    /// It failed, or a check found something wrong.
    Failed = 1,
    /// The command line is wrong.
    Usage = 2,
    /// The node, or the other side, says no.
    Refused = 3,
    /// The node does not answer.
    Unreachable = 4,
    /// `weal.toml` or the environment is wrong (EX_USAGE of sysexits.h).
    Configuration = 64,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        ExitCode::from(exit as u8)
    }
}

#[derive(Debug)]
pub enum Failure {
    Failed { what: String, next: Option<String> },
    Usage { what: String, next: Option<String> },
    Refused { doing: String, refusal: Box<Refusal> },
    Unreachable { address: String, cause: String },
    Configuration(String),
}

pub type Result<T, E = Failure> = std::result::Result<T, E>;

impl Failure {
    pub fn failed(what: impl Into<String>) -> Self {
        Failure::Failed { what: what.into(), next: None }
    }
    pub fn usage(what: impl Into<String>) -> Self {
        Failure::Usage { what: what.into(), next: None }
    }
    /// `doing` is what was refused, as a phrase: `asking the question`.
    pub fn refused(doing: impl Into<String>, refusal: Refusal) -> Self {
        Failure::Refused { doing: doing.into(), refusal: Box::new(refusal) }
    }
    /// Adds what helps. Refusals bring their own.
    #[must_use]
    pub fn next(mut self, step: impl Into<String>) -> Self {
        if let Failure::Failed { next, .. } | Failure::Usage { next, .. } = &mut self {
            *next = Some(step.into());
        }
        self
    }

    #[must_use]
    pub fn exit(&self) -> Exit {
        match self {
            Failure::Failed { .. } => Exit::Failed,
            Failure::Usage { .. } => Exit::Usage,
            Failure::Refused { .. } => Exit::Refused,
            Failure::Unreachable { .. } => Exit::Unreachable,
            Failure::Configuration(_) => Exit::Configuration,
        }
    }

    /// For people, on several lines.
    #[must_use]
    pub fn words(&self) -> String {
        match self {
            Failure::Failed { what, next } | Failure::Usage { what, next } => {
                let next = next.as_ref().map(|step| format!("\n  next:     {step}")).unwrap_or_default();
                format!("error: {what}{next}")
            }
            Failure::Refused { doing, refusal } => refused(doing, refusal),
            Failure::Unreachable { address, cause } => format!(
                "error: the node at {address} does not answer ({cause})\n  next:     start it with `weal serve`, \
                 or name another node's folder with --node DIR"
            ),
            Failure::Configuration(what) => format!("error: {what}"),
        }
    }

    /// For programs.
    #[must_use]
    pub fn json(&self) -> serde_json::Value {
        #[derive(Serialize)]
        struct Body<'a> {
            exit: u8,
            error: String,
            #[serde(skip_serializing_if = "Option::is_none")]
            next: Option<&'a str>,
            #[serde(skip_serializing_if = "Option::is_none")]
            refusal: Option<&'a Refusal>,
        }
        let (error, next, refusal) = match self {
            Failure::Failed { what, next } | Failure::Usage { what, next } => {
                (what.clone(), next.as_deref(), None)
            }
            Failure::Refused { refusal, .. } => {
                (refusal.reason.clone(), refusal.remedy.as_deref(), Some(refusal.as_ref()))
            }
            Failure::Unreachable { address, cause } => {
                (format!("the node at {address} does not answer ({cause})"), None, None)
            }
            Failure::Configuration(what) => (what.clone(), None, None),
        };
        serde_json::json!(Body { exit: self.exit() as u8, error, next, refusal })
    }
}

/// Columns of a refusal's sentences, beside their labels.
const REFUSAL_WIDTH: usize = 84;

/// What was refused, why, what helps, what works instead, and who may change the rule.
fn refused(doing: &str, refusal: &Refusal) -> String {
    let mut words = format!("refused: {doing}");
    let mut line = |label: &str, text: &str| {
        let text = wrap(text, REFUSAL_WIDTH).join("\n            ");
        words.push_str(&format!("\n  {label:<9} {text}"));
    };
    line("why:", &refusal.reason);
    if let Some(remedy) = &refusal.remedy {
        line("next:", remedy);
    }
    if let Some(mode) = refusal.instead {
        line(
            "instead:",
            &format!("ask for {mode}; all that leaves the owner then: {}", mode.leaves_the_owner()),
        );
    }
    if let Some(who) = &refusal.changed_by {
        line("rule of:", who);
    }
    line("code:", &refusal.code);
    words
}

/// Names what was being done when the machine failed us.
pub trait Doing<T> {
    fn doing(self, what: impl std::fmt::Display) -> Result<T>;
}

impl<T, E: std::fmt::Display> Doing<T> for std::result::Result<T, E> {
    fn doing(self, what: impl std::fmt::Display) -> Result<T> {
        self.map_err(|cause| Failure::failed(format!("{what}: {cause}")))
    }
}
