//! `weal verify`

use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};

use serde::Serialize;
use tempfile::TempDir;
use weal_domain::words::count;
use weal_trust::export::{CHECKPOINT_FILE, DID_FILE, ENTRIES_FILE, body_json, verify_export_with};
use weal_trust::findings::{Finding, Severity};
use weal_trust::receipts::{Story, compare};

use crate::compose::Setting;
use crate::failure::{Doing as _, Exit, Failure, Result};
use crate::print::number::thousands;
use crate::print::terminal::Unit;

/// Where in a temporary folder the node's own ledger is exported to.
const EXPORTED: &str = "ledger";

/// Verify ledgers offline: nothing removed, nothing altered, both sides tell the same.
///
/// Without a folder it exports the node's own ledger and verifies that. With folders, made by `weal
/// ledger export`, it needs nothing but them: each is checked against its signed root, and where there
/// are several, every use that one member received is looked up in the ledger of the owner.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: weal verify revenue-ledger education-ledger")]
pub struct Args {
    /// Exported ledgers.
    #[arg(value_name = "FOLDER")]
    folders: Vec<PathBuf>,
}

/// What came out for one ledger.
#[derive(Debug, Clone, Serialize)]
pub struct LedgerVerdict {
    pub folder: PathBuf,
    /// The member who keeps it; unknown where the export is not even that whole.
    pub member: Option<String>,
    pub entries: u64,
    pub erased: u64,
    pub root: Option<String>,
}

/// What came out for all of them.
#[derive(Debug, Clone, Serialize)]
pub struct Verdict {
    pub sound: bool,
    pub ledgers: Vec<LedgerVerdict>,
    /// Uses of which two of the ledgers keep the same receipt.
    pub matched_uses: u64,
    pub findings: Vec<Finding>,
}

pub(super) async fn run(args: Args, setting: &Setting) -> Result<Exit> {
    let own = if args.folders.is_empty() { Some(export_own(setting).await?) } else { None };
    let folders = own.as_ref().map_or(args.folders, |own| vec![own.path().join(EXPORTED)]);
    let work = tokio::task::spawn_blocking(move || verify_folders(&folders));
    let progress = setting.terminal.progress("verifying", None, Unit::Things);
    let verdict = progress.during(work).await.doing("the verification was broken off")??;
    setting.terminal.answer(&verdict, || verdict.words());
    Ok(if verdict.sound { Exit::Ok } else { Exit::Failed })
}

/// In a folder that nobody else can foresee or read, and that is gone with the value.
async fn export_own(setting: &Setting) -> Result<TempDir> {
    let folder = TempDir::with_prefix("weal-ledger-").doing("no temporary folder can be made")?;
    weal_node::export_ledger(setting.folder().to_owned(), &folder.path().join(EXPORTED)).await?;
    Ok(folder)
}

/// Verifies each exported ledger alone and every two of them together.
pub fn verify_folders(folders: &[PathBuf]) -> Result<Verdict> {
    let mut verdict = Verdict { sound: true, ledgers: Vec::new(), matched_uses: 0, findings: Vec::new() };
    let mut stories = Vec::new();
    for folder in folders {
        let (ledger, story, findings) = read(folder)?;
        verdict.ledgers.push(ledger);
        verdict.findings.extend(findings);
        stories.extend(story);
    }
    for (index, one) in stories.iter().enumerate() {
        verdict.findings.extend(one.findings());
        for other in &stories[index + 1..] {
            let check = compare(one, other);
            verdict.matched_uses += check.matched;
            verdict.findings.extend(check.findings);
        }
    }
    verdict.sound = verdict.findings.iter().all(|finding| finding.severity < Severity::Wrong);
    Ok(verdict)
}

/// A ledger, its story where it is whole, and what is altered or missing where it is not.
fn read(folder: &Path) -> Result<(LedgerVerdict, Option<Story>, Vec<Finding>)> {
    let bytes = |name: &str| {
        std::fs::read(folder.join(name)).map_err(|cause| {
            Failure::failed(format!("{} is no exported ledger: {name}: {cause}", folder.display()))
                .next("make one with `weal ledger export DIR`")
        })
    };
    let (checkpoint, did_json) = (bytes(CHECKPOINT_FILE)?, bytes(DID_FILE)?);
    let entries =
        File::open(folder.join(ENTRIES_FILE)).doing(format!("{}: {ENTRIES_FILE}", folder.display()))?;
    let member = weal_trust::did::DidDocument::parse(&did_json).ok().map(|document| document.id);
    let mut story = Story::new(member.as_deref().unwrap_or_default());
    let mut seen = 0;
    let verified = verify_export_with(&checkpoint, &did_json, BufReader::new(entries), |index, body| {
        seen += 1;
        story.add(index, &body_json(body).unwrap_or_default());
    });
    let mut ledger =
        LedgerVerdict { folder: folder.to_owned(), member, entries: seen, erased: 0, root: None };
    match verified {
        Ok(verified) => {
            (ledger.entries, ledger.erased) = (verified.size, verified.erased);
            ledger.root = Some(weal_trust::encoding::hex(&verified.root.0));
            Ok((ledger, Some(story), Vec::new()))
        }
        Err(findings) => {
            let named = |finding: Finding| Finding { ledger: ledger.member.clone(), ..finding };
            let findings = findings.into_iter().map(named).collect();
            Ok((ledger, None, findings))
        }
    }
}

impl Verdict {
    #[must_use]
    pub fn words(&self) -> String {
        let mut lines: Vec<String> = self.ledgers.iter().map(LedgerVerdict::words).collect();
        if self.ledgers.len() > 1 {
            lines.push(format!(
                "uses of which both sides keep the same receipt: {}",
                thousands(self.matched_uses)
            ));
        }
        for finding in &self.findings {
            let severity = if finding.severity == Severity::Wrong { "WRONG" } else { "warning" };
            lines.push(format!("{severity}  {finding}"));
        }
        lines.push(if self.sound {
            "All is as it was sealed.".into()
        } else {
            "Something is wrong.".to_owned()
        });
        lines.join("\n")
    }
}

impl LedgerVerdict {
    fn words(&self) -> String {
        let member = self.member.as_deref().unwrap_or("unknown member");
        let erased = if self.erased > 0 { format!(", {} erased", self.erased) } else { String::new() };
        let entries = count(self.entries, "entry", "entries");
        match &self.root {
            Some(root) => {
                format!("ok     {member}: {entries}{erased}, signed root {}…", &root[..root.len().min(16)])
            }
            None => format!("WRONG  {member}: {} ({entries} read)", self.folder.display()),
        }
    }
}
