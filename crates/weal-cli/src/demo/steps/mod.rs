//! The nine steps, in the order they are told.

mod agree;
mod prove;
mod publish;
mod question;

use std::path::{Path, PathBuf};

use weal_domain::agreements::{LegalBasis, Purpose};

use super::agencies::{Agencies, Agency};
use super::files::{self, Files, Written};
use super::narration::Narrator;
use super::truth::Oracle;
use crate::failure::{Doing as _, Result};
use crate::print::number::{bytes, thousands};
use crate::{print, words};

/// Everything that the steps share.
#[derive(Debug)]
pub struct Stage {
    pub narrator: Narrator,
    pub folder: PathBuf,
    pub files: Files,
    pub written: Written,
    pub agencies: Agencies,
    pub oracle: Oracle,
    pub purpose: Purpose,
    pub legal_basis: LegalBasis,
    /// Of the analyst with the revenue agency.
    pub agreement: Option<String>,
    /// Questions and extracts that were answered: each must be in both ledgers.
    pub uses: u64,
}

impl Stage {
    /// The first step, and the nodes of the second.
    pub async fn set(mut narrator: Narrator, folder: &Path, people: u32, seed: u64) -> Result<Self> {
        let files = Files::below(&folder.join("source"));
        let written = populate(&mut narrator, &files, people, seed).await?;
        narrator.step("Four organisations start their nodes and publish what they hold");
        let began = std::time::Instant::now();
        let starting = narrator.progress("starting the nodes", None);
        let agencies = starting.during(Agencies::start(folder)).await?;
        narrator.say(&format!(
            "Four `weal serve` processes answer after {}, each with its own folder, key and database:",
            print::number::duration(began.elapsed())
        ));
        let table = nodes(&agencies);
        narrator.show(&table.to_string());
        Ok(Self {
            narrator,
            folder: folder.to_owned(),
            files,
            written,
            agencies,
            oracle: Oracle::new(folder)?,
            purpose: words::purpose("fraud")?,
            legal_basis: words::legal_basis("public-task")?,
            agreement: None,
            uses: 0,
        })
    }
}

/// Steps two to nine.
pub async fn play(stage: &mut Stage) -> Result<()> {
    publish::join(stage).await?;
    publish::publish(stage).await?;
    agree::search(stage).await?;
    agree::agree(stage).await?;
    question::ask(stage).await?;
    question::release(stage).await?;
    prove::revoke(stage).await?;
    prove::verify(stage).await?;
    look_around(stage);
    Ok(())
}

async fn populate(narrator: &mut Narrator, files: &Files, people: u32, seed: u64) -> Result<Written> {
    narrator.step("A population, and what each agency holds of it");
    let mut progress = narrator.progress("people", Some(people.into()));
    let to = files.clone();
    let writing =
        tokio::task::spawn_blocking(move || files::write(&to, people, seed, &mut |done| progress.at(done)));
    let written = writing.await.doing("the population was not made")?.doing("cannot write the files")?;
    narrator.say(&format!(
        "{} has {} residents aged 16 to 74 in eight regions; {} of them have work. Each agency holds its own \
         files and no other's:",
        super::country::COUNTRY,
        thousands(written.residents),
        thousands(written.employed)
    ));
    let mut table = print::Table::new(&["agency", "file", ">rows", ">size"]);
    let size =
        |path: &Path| std::fs::metadata(path).map_or_else(|_| String::new(), |about| bytes(about.len()));
    table.row(["revenue", "payroll.csv", &thousands(written.payroll_rows), &size(&files.payroll)]);
    table.row(["education", "claims.parquet", &thousands(written.claims), &size(&files.claims)]);
    table.row(["employment", "benefits.csv", &thousands(written.benefit_rows), &size(&files.benefits)]);
    table.row(["employment", "regions.csv", "8", &size(&files.regions)]);
    narrator.show(&table.to_string());
    let share = written.ghosts as f64 / written.claims.max(1) as f64;
    narrator.say(&format!(
        "{} of the {} apprenticeship claims ({:.1} %) are ghosts: no payroll record stands behind them. Neither \
         agency can see that alone.",
        thousands(written.ghosts),
        thousands(written.claims),
        share * 100.0
    ));
    narrator.check("every resident was written", written.residents == u64::from(people));
    // Chance alone moves the share of few claims.
    let around = 4.0 * (0.012 / written.claims.max(1) as f64).sqrt();
    narrator.check("about 1.2 % of the claims are ghosts", (share - 0.012).abs() <= around);
    Ok(written)
}

fn nodes(agencies: &Agencies) -> print::Table {
    let mut table = print::Table::new(&["member", "who", "portal", ">memory"]);
    for agency in agencies.all() {
        let memory = agency.resident_bytes().map_or_else(String::new, bytes);
        table.row([agency.name, agency.title, &agency.origin, &memory]);
    }
    table
}

fn look_around(stage: &mut Stage) {
    stage.narrator.step("Look around");
    let mut table = print::Table::new(&["who", "portal"]);
    for agency in stage.agencies.all() {
        table.row([agency.title, &agency.origin]);
    }
    stage.narrator.say(&format!(
        "Every node has a portal. Sign in as {} with the password {}:",
        super::agencies::ACCOUNT,
        super::agencies::PASSWORD
    ));
    stage.narrator.show(&table.to_string());
    stage.narrator.say("Or use the command line as one of them, for example:");
    stage.narrator.show(&format!("weal --node {} agreements", stage.agencies.education.folder.display()));
    stage.narrator.end_step();
}

/// The command line as an agency would type it.
fn typed(stage: &Stage, agency: &Agency, command: &str) {
    stage.narrator.command(agency.name, command);
}
