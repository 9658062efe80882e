//! The ledger as a folder of three files that anyone can verify offline, with this crate alone:
//!
//! - `checkpoint`: the signed note;
//! - `did.json`: the node's DID document with the key that signed, from [`did_json`];
//! - `entries.ndjson`: a line for every entry, from [`entry_line`] or, where the entry was erased,
//!   [`erased_line`].
//!
//! Every file has exactly one spelling, so that any changed byte is found. The commitment beside an entry
//! only helps to name the altered one: what counts is the signed root. Nothing signs the services and
//! unused keys of a DID document, nor cosignatures by witnesses unknown to the reader; export a document
//! with the signing key alone.

use std::io::BufRead;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::checkpoint::{Checkpoint, CheckpointError, origin_of};
use super::findings::{Finding, FindingKind, Findings};
use super::merkle::{Frontier, Hash};
use super::note::NoteError;
use super::seal::{Commitment, Nonce};
use crate::did::DidDocument;
use crate::encoding::{bytes32_from_hex, canonical_json, hex};
use crate::keys::PublicKey;

pub const CHECKPOINT_FILE: &str = "checkpoint";
pub const DID_FILE: &str = "did.json";
pub const ENTRIES_FILE: &str = "entries.ndjson";

/// The longest line of `entries.ndjson`, in bytes with its newline.
pub const LINE_BYTES_MAX: usize = 1024 * 1024;

/// A ledger whose every entry was checked against the root that `key` signed.
///
/// An export brings its own key along. That the key is the member's, a reader knows from elsewhere: from
/// the document that the member publishes, or from an export taken before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified {
    /// The member who keeps the ledger.
    pub did: String,
    pub origin: String,
    pub size: u64,
    pub root: Hash,
    /// The key that signed the checkpoint, and its id in the DID document.
    pub key: PublicKey,
    pub kid: String,
    /// Entries whose text was erased. Their place in the tree is proven, their content is not.
    pub erased: u64,
}

/// The line of an entry, with its newline. `body` is the exact JSON text that was sealed.
#[must_use]
pub fn entry_line(index: u64, nonce: &Nonce, body: &str) -> String {
    Line {
        index,
        commitment: Some(hex(Commitment::seal(nonce, body.as_bytes()).bytes())),
        nonce: Some(hex(nonce.bytes())),
        body: Some(body.to_owned()),
    }
    .print()
}

/// The line of an entry whose text and nonce were erased, with its newline.
#[must_use]
pub fn erased_line(index: u64, commitment: &Commitment) -> String {
    Line { index, commitment: Some(hex(commitment.bytes())), nonce: None, body: None }.print()
}

/// The contents of `did.json`.
#[must_use]
pub fn did_json(document: &DidDocument) -> String {
    canonical_json(&document.to_json()) + "\n"
}

/// Verifies an exported ledger. Memory stays bounded at any size.
pub fn verify_export(
    checkpoint: &[u8],
    did_json: &[u8],
    entries: impl BufRead,
) -> Result<Verified, Vec<Finding>> {
    verify_export_with(checkpoint, did_json, entries, |_, _| ())
}

/// As [`verify_export`], handing every entry that is still there to `on_entry` as it passes: index and
/// body. Nothing handed out counts before the whole export is verified.
pub fn verify_export_with(
    checkpoint: &[u8],
    did_json: &[u8],
    entries: impl BufRead,
    on_entry: impl FnMut(u64, &str),
) -> Result<Verified, Vec<Finding>> {
    let mut findings = Findings::default();
    let head = open_head(checkpoint, did_json, &mut findings);
    let tree = Reading::new(&mut findings).read_all(entries, on_entry);
    if let (Some(head), Some(tree)) = (&head, &tree) {
        compare(&head.checkpoint, tree, &mut findings);
    }
    match (head, tree, findings.into_list()) {
        (Some(head), Some(tree), findings) if findings.is_empty() => Ok(Verified {
            did: head.did,
            origin: head.checkpoint.origin,
            size: head.checkpoint.size,
            root: head.checkpoint.root,
            key: head.key,
            kid: head.kid,
            erased: tree.erased,
        }),
        (_, _, findings) => Err(findings),
    }
}

/// The signed half of an export.
struct Head {
    did: String,
    kid: String,
    key: PublicKey,
    checkpoint: Checkpoint,
}

/// The unsigned half: what the entries lead to.
struct Tree {
    size: u64,
    root: Hash,
    erased: u64,
}

fn open_head(checkpoint: &[u8], did_json: &[u8], findings: &mut Findings) -> Option<Head> {
    let mut wrong = |kind, says: String| findings.add(kind, None, says);
    let document = match DidDocument::parse(did_json) {
        Ok(document) => document,
        Err(error) => {
            wrong(FindingKind::DidInvalid, format!("did.json: {error}"));
            return None;
        }
    };
    let canonical = self::did_json(&document);
    if did_json != canonical.as_bytes() && did_json != canonical.trim_end().as_bytes() {
        wrong(FindingKind::DidInvalid, "did.json is not in the exact form that an export has".into());
    }
    let Ok(note) = std::str::from_utf8(checkpoint) else {
        wrong(FindingKind::CheckpointInvalid, "the checkpoint is not UTF-8 text".into());
        return None;
    };
    let origin = note.lines().next().unwrap_or_default();
    if origin_of(&document.id).as_deref() != Some(origin) {
        let says = "the checkpoint is of another ledger than that of the member in did.json";
        wrong(FindingKind::WrongOrigin, says.into());
        return None;
    }
    let mut error = CheckpointError::Note(NoteError::NotSigned);
    let own = document.keys.iter().filter(|key| key.purposes.authentication);
    for (kid, key) in own.filter_map(|key| Some((&key.id, key.key.ed25519()?))) {
        match Checkpoint::open(note, origin, key) {
            Ok(checkpoint) => {
                return Some(Head { did: document.id.clone(), kid: kid.clone(), key: *key, checkpoint });
            }
            Err(CheckpointError::Note(NoteError::NotSigned)) => {}
            Err(other) => error = other,
        }
    }
    wrong(FindingKind::CheckpointInvalid, format!("checkpoint: {error}"));
    None
}

fn compare(checkpoint: &Checkpoint, tree: &Tree, findings: &mut Findings) {
    let (signed, there) = (checkpoint.size, tree.size);
    if signed != there {
        let says = format!("the checkpoint signs {signed} entries, and {there} are there");
        findings.add(FindingKind::WrongSize, None, says);
    } else if checkpoint.root != tree.root {
        let says = "the entries do not lead to the signed root: at least one was changed after it was sealed";
        findings.add(FindingKind::WrongRoot, None, says);
    }
}

/// Reads the lines one after the other, growing the tree.
struct Reading<'a> {
    findings: &'a mut Findings,
    frontier: Frontier,
    expected: u64,
    erased: u64,
}

impl<'a> Reading<'a> {
    fn new(findings: &'a mut Findings) -> Self {
        Self { findings, frontier: Frontier::new(), expected: 0, erased: 0 }
    }

    /// `None` where the entries could not be read to their end.
    fn read_all(mut self, entries: impl BufRead, mut on_entry: impl FnMut(u64, &str)) -> Option<Tree> {
        let mut lines = Lines::new(entries);
        let mut whole = true;
        while let Some(line) = lines.next() {
            match line {
                Ok(entry) => self.take(entry, &mut on_entry),
                Err(LineError { kind, says, last }) => {
                    self.findings.add(kind, Some(self.expected), says);
                    self.expected = self.expected.saturating_add(1);
                    whole = false;
                    if last {
                        break;
                    }
                }
            }
            if self.findings.full() {
                return None;
            }
        }
        let Self { frontier, erased, .. } = self;
        whole.then(|| Tree { size: frontier.size(), root: frontier.root(), erased })
    }

    fn take(&mut self, entry: Exported, on_entry: &mut impl FnMut(u64, &str)) {
        let Exported { index, content } = entry;
        if index != self.expected {
            let expected = self.expected;
            let says = format!("it stands where entry {expected} belongs");
            self.findings.add(FindingKind::OutOfOrder, Some(index), says);
        }
        self.expected = index.saturating_add(1);
        let seal = match content {
            Content::Kept { nonce, body, commitment } => {
                on_entry(index, &body);
                let seal = Commitment::seal(&nonce, body.as_bytes());
                if commitment.is_some_and(|commitment| commitment != seal) {
                    let says = "its text or nonce is not what was sealed";
                    self.findings.add(FindingKind::EntryAltered, Some(index), says);
                }
                // With the commitment that came along, the tree tells whether more than this is wrong.
                commitment.unwrap_or(seal)
            }
            Content::Erased { commitment } => {
                self.erased += 1;
                commitment
            }
        };
        if self.frontier.append(seal.leaf_hash(), |_| ()).is_err() {
            self.findings.add(FindingKind::WrongSize, Some(index), "no ledger has so many entries");
        }
    }
}

/// One line, read but not yet checked against anything.
struct Exported {
    index: u64,
    content: Content,
}

enum Content {
    Kept { nonce: Nonce, body: String, commitment: Option<Commitment> },
    Erased { commitment: Commitment },
}

/// The line's members in the order they are written.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    index: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    commitment: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    nonce: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    body: Option<String>,
}

impl Line {
    fn print(&self) -> String {
        serde_json::to_string(self).expect("integers and strings always serialise") + "\n"
    }

    /// `None` unless `line` is exactly what [`Line::print`] writes.
    fn read(line: &[u8]) -> Option<Exported> {
        let read: Line = serde_json::from_slice(line).ok()?;
        if read.print().as_bytes() != line {
            return None;
        }
        let bytes32 = |hex: &String| bytes32_from_hex(hex).ok();
        let commitment = match &read.commitment {
            Some(hex) => Some(Commitment::from_bytes(bytes32(hex)?)),
            None => None,
        };
        let content = match (&read.nonce, read.body, commitment) {
            (Some(nonce), Some(body), commitment) => {
                Content::Kept { nonce: Nonce::from_entropy(bytes32(nonce)?), body, commitment }
            }
            (None, None, Some(commitment)) => Content::Erased { commitment },
            _ => return None,
        };
        Some(Exported { index: read.index, content })
    }
}

struct LineError {
    kind: FindingKind,
    says: &'static str,
    /// Whether nothing can be read after it.
    last: bool,
}

/// Reads lines of at most [`LINE_BYTES_MAX`] without ever holding more.
struct Lines<R> {
    entries: R,
    line: Vec<u8>,
}

impl<R: BufRead> Lines<R> {
    fn new(entries: R) -> Self {
        Self { entries, line: Vec::new() }
    }

    fn next(&mut self) -> Option<Result<Exported, LineError>> {
        self.line.clear();
        let limit = u64::try_from(LINE_BYTES_MAX).expect("fits");
        let wrong = |kind, says, last| Some(Err(LineError { kind, says, last }));
        match std::io::Read::take(&mut self.entries, limit).read_until(b'\n', &mut self.line) {
            Err(_) => wrong(FindingKind::Unreadable, "the entries cannot be read from here on", true),
            Ok(0) => None,
            Ok(_) if self.line.last() == Some(&b'\n') => match Line::read(&self.line) {
                Some(exported) => Some(Ok(exported)),
                None => {
                    wrong(FindingKind::LineInvalid, "its line is not in the exact form of an export", false)
                }
            },
            Ok(LINE_BYTES_MAX) => wrong(FindingKind::LineInvalid, "its line is longer than 1 MiB", true),
            Ok(_) => wrong(FindingKind::LineInvalid, "its line is cut off", true),
        }
    }
}

/// The body as JSON, for [`crate::receipts`]. `None` where it is not a JSON object.
#[must_use]
pub fn body_json(body: &str) -> Option<Value> {
    serde_json::from_str(body).ok().filter(Value::is_object)
}
