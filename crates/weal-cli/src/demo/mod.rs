//! The main job of Commonweal, played through by four organisations of an invented country: nine
//! steps, each told, timed and checked.

pub mod agencies;
pub mod claims;
pub mod country;
pub mod files;
pub mod narration;
pub mod population;
pub mod steps;
pub mod truth;

use std::path::{Path, PathBuf};

use serde::Serialize;
use tokio::signal::unix::{SignalKind, signal};

use crate::compose::Setting;
use crate::failure::{Doing as _, Exit, Failure, Result};
use crate::print::number::{duration, thousands};
use narration::{Narrator, StepReport};
use steps::Stage;

/// See the main job played through by four organisations on this machine.
///
/// A revenue, an education and an employment agency and a governing body, all invented, each run a
/// node on loopback. They publish, find, agree, ask, prove and revoke; the last step leaves them
/// running so that you can look around in their portals. Everything is deleted at the end.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: weal demo --people 20000 --check")]
pub struct Args {
    /// How many people live in the country.
    #[arg(long, default_value_t = 200_000, value_parser = clap::value_parser!(u32).range(1_000..=5_000_000))]
    people: u32,
    /// Another seed makes another country.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Check every step and end after the last: exit code 0 where all is as it should be, 1 where not.
    #[arg(long)]
    check: bool,
    /// Work in this folder and keep it; it must be empty or not exist.
    #[arg(long, value_name = "DIR")]
    folder: Option<PathBuf>,
    /// Keep the temporary folder.
    #[arg(long, conflicts_with = "folder")]
    keep: bool,
}

/// What `--json` prints at the end.
#[derive(Debug, Serialize)]
struct Report {
    ok: bool,
    people: u32,
    seed: u64,
    took_ms: u64,
    steps: Vec<StepReport>,
}

pub async fn run(args: Args, setting: &Setting) -> Result<Exit> {
    let place = Place::make(args.folder.as_deref(), args.keep)?;
    let mut terminated = signal(SignalKind::terminate()).doing("cannot listen for SIGTERM")?;
    // Dropping the play kills every node that it has started.
    let stopped = tokio::select! {
        played = play(&args, setting, &place.folder) => return played,
        _ = tokio::signal::ctrl_c() => "Ctrl-C",
        _ = terminated.recv() => "SIGTERM",
    };
    setting.terminal.say(format!("\nStopped by {stopped}."));
    Ok(if args.check { Exit::Failed } else { Exit::Ok })
}

async fn play(args: &Args, setting: &Setting, folder: &Path) -> Result<Exit> {
    let narrator = Narrator::new(setting.terminal, args.check);
    narrator.terminal().say(format!(
        "Commonweal: data shared with the least disclosure that answers the question.\n{} people, seed {}, in {}",
        thousands(args.people.into()),
        args.seed,
        folder.display()
    ));
    let mut stage = Stage::set(narrator, folder, args.people, args.seed).await?;
    steps::play(&mut stage).await?;
    if !args.check {
        stage.narrator.say("The nodes run until you press Ctrl-C.");
        std::future::pending::<()>().await;
    }
    let Stage { narrator, agencies, .. } = stage;
    agencies.stop().await;
    Ok(conclude(narrator, args, setting))
}

fn conclude(narrator: Narrator, args: &Args, setting: &Setting) -> Exit {
    let (checked, failed) = (narrator.checked(), narrator.failed().len());
    let (steps, took) = narrator.report();
    let ok = failed == 0;
    let took_ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
    let report = Report { ok, people: args.people, seed: args.seed, took_ms, steps };
    setting.terminal.answer(&report, || {
        let verdict = if ok { "All is as it should be" } else { "Something is not as it should be" };
        format!("\n{verdict}: {} of {checked} checks hold, {}.", checked - failed, duration(took))
    });
    if ok { Exit::Ok } else { Exit::Failed }
}

/// Where the demo works. A temporary folder is gone with this value.
struct Place {
    folder: PathBuf,
    keep: bool,
}

impl Place {
    fn make(named: Option<&Path>, keep: bool) -> Result<Self> {
        let Some(folder) = named else { return Ok(Self { folder: temporary()?, keep }) };
        let taken = std::fs::read_dir(folder).is_ok_and(|mut entries| entries.next().is_some());
        if taken {
            return Err(Failure::usage(format!("{} is not empty", folder.display()))
                .next("name an empty folder or one that does not exist yet"));
        }
        std::fs::create_dir_all(folder).doing(format!("cannot make {}", folder.display()))?;
        Ok(Self { folder: folder.to_owned(), keep: true })
    }
}

/// A folder of our own. What a demo that was killed has left under the same process id is not taken for it.
fn temporary() -> Result<PathBuf> {
    const TRIES_MAX: u32 = 1_000;
    let mut number = 0;
    loop {
        let folder = std::env::temp_dir().join(format!("weal-demo-{}-{number}", std::process::id()));
        match std::fs::create_dir(&folder) {
            Ok(()) => return Ok(folder),
            Err(cause) if cause.kind() == std::io::ErrorKind::AlreadyExists && number < TRIES_MAX => {
                number += 1;
            }
            Err(cause) => return Err(cause).doing(format!("cannot make {}", folder.display())),
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if !self.keep {
            // What cannot be removed is the operating system's to clean.
            let _ = std::fs::remove_dir_all(&self.folder);
        }
    }
}
