//! Steps seven and eight: revoked at once, and proved from the ledgers alone.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use weal_domain::RefusalKind;
use weal_domain::agreements::AgreementStatus;
use weal_domain::words::moment;
use weal_node::api::{AgreementShown, Revoke};
use weal_trust::export::ENTRIES_FILE;

use super::{Stage, typed};
use crate::client::segment;
use crate::commands::{Verdict, statistics, verify_folders};
use crate::demo::agencies::Agency;
use crate::failure::{Doing as _, Failure, Result};
use crate::print::number::duration;

const HEADS: &str = "SELECT COUNT(*) AS jobs FROM revenue.payroll";
/// After this long the demo stops hoping for a refusal.
const PATIENCE: Duration = Duration::from_secs(5);

pub(super) async fn revoke(stage: &mut Stage) -> Result<()> {
    stage.narrator.step("The owner revokes, and the next question is refused");
    let agreement =
        stage.agreement.clone().ok_or_else(|| Failure::failed("there is no agreement to revoke"))?;
    let reason = "the inquiry is closed";
    typed(stage, &stage.agencies.revenue, &format!("weal revoke {agreement} --reason \"{reason}\""));
    let path = format!("/agreements/{}/revoke", segment(&agreement));
    let body = Revoke { reason: reason.into() };
    let began = Instant::now();
    let shown: AgreementShown =
        stage.agencies.revenue.client.post(&path, &body, "revoking an agreement").await?;
    typed(stage, &stage.agencies.education, &format!("weal ask \"{HEADS}\""));
    let mut answered = 0;
    let refusal = loop {
        match statistics(&stage.agencies.education.client, HEADS).await {
            Err(Failure::Refused { refusal, .. }) => break Some(refusal),
            Err(other) => return Err(other),
            Ok(_) => answered += 1,
        }
        if began.elapsed() > PATIENCE {
            break None;
        }
    };
    let took = began.elapsed();
    stage.uses += answered;
    let Some(refusal) = refusal else {
        stage.narrator.check("questions are refused after the revocation", false);
        return Ok(());
    };
    let told = format!("{} {}", refusal.reason, refusal.remedy.clone().unwrap_or_default());
    let by = &stage.agencies.revenue;
    let names_whom = told.contains(by.title) || told.contains(by.did.as_str());
    let names_when = match &shown.agreement.status {
        AgreementStatus::Revoked { at, .. } => told.contains(&moment(*at)),
        AgreementStatus::Pending | AgreementStatus::InForce => false,
    };
    let kind = refusal.kind;
    stage.narrator.show(&Failure::Refused { doing: "the question".into(), refusal }.words());
    stage.narrator.say(&format!("Refused {} after the owner's word.", duration(took)));
    // Within milliseconds, which is for people to see: how many, a busy machine decides.
    stage.narrator.check("the first question after the revocation is refused", answered == 0);
    stage.narrator.check("it is refused as not allowed", kind == RefusalKind::Forbidden);
    stage.narrator.check("the refusal names who revoked", names_whom);
    stage.narrator.check("the refusal names when", names_when);
    Ok(())
}

pub(super) async fn verify(stage: &mut Stage) -> Result<()> {
    stage.narrator.step("Both ledgers are verified offline, then one byte is flipped");
    let mut folders = Vec::new();
    for agency in stage.agencies.members() {
        typed(stage, agency, &format!("weal ledger export ledgers/{}", agency.name));
        folders.push(export(&stage.folder, agency).await?);
    }
    typed(
        stage,
        &stage.agencies.education,
        "weal verify ledgers/revenue ledgers/education ledgers/employment",
    );
    let verdict = check(folders.clone()).await?;
    stage.narrator.show(&verdict.words());
    stage.narrator.check("the ledgers are whole and tell the same", verdict.sound);
    let matched = verdict.matched_uses;
    stage.narrator.check(format!("all {} uses are in both ledgers", stage.uses), matched == stage.uses);
    flip(stage, &folders[0]).await
}

async fn export(root: &Path, agency: &Agency) -> Result<PathBuf> {
    let folder = root.join("ledgers").join(agency.name);
    weal_node::export_ledger(agency.folder.clone(), &folder).await?;
    Ok(folder)
}

async fn check(folders: Vec<PathBuf>) -> Result<Verdict> {
    let work = tokio::task::spawn_blocking(move || verify_folders(&folders));
    work.await.doing("the verification was broken off")?
}

/// Changes one digit in a copy of a ledger and verifies that.
async fn flip(stage: &mut Stage, original: &Path) -> Result<()> {
    let copy = original.with_extension("copy");
    std::fs::create_dir_all(&copy).doing("cannot copy a ledger")?;
    for entry in std::fs::read_dir(original).doing("cannot copy a ledger")? {
        let entry = entry.doing("cannot copy a ledger")?;
        std::fs::copy(entry.path(), copy.join(entry.file_name())).doing("cannot copy a ledger")?;
    }
    let path = copy.join(ENTRIES_FILE);
    let mut bytes = std::fs::read(&path).doing("cannot read a ledger")?;
    let place =
        digit_near_the_middle(&bytes).ok_or_else(|| Failure::failed("the ledger has no digit to flip"))?;
    // The lowest bit: one digit becomes its neighbour, as a careful forger would have it.
    bytes[place] ^= 1;
    std::fs::write(&path, &bytes).doing("cannot write a ledger")?;
    stage.narrator.blank();
    stage.narrator.say(&format!(
        "In a copy of the revenue agency's ledger, byte {place} of {} is changed:",
        bytes.len()
    ));
    let verdict = check(vec![copy]).await?;
    stage.narrator.show(&verdict.words());
    stage.narrator.check("the flipped byte is found", !verdict.sound && !verdict.findings.is_empty());
    Ok(())
}

/// Of an entry's text, where a changed digit still is good JSON.
fn digit_near_the_middle(bytes: &[u8]) -> Option<usize> {
    let middle = bytes.len() / 2;
    (middle..bytes.len()).chain(0..middle).find(|index| {
        let neighbours = bytes.get(index.wrapping_sub(1)).zip(bytes.get(index + 1));
        let inside = neighbours.is_some_and(|(left, right)| left.is_ascii_digit() && right.is_ascii_digit());
        inside && (b'2'..=b'8').contains(&bytes[*index])
    })
}
