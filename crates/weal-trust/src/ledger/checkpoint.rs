//! Checkpoints (c2sp.org/tlog-checkpoint v1.0.0): a log's signed word on its size and root.

use super::merkle::Hash;
use super::note::{Note, NoteError, SignatureType, VerifierKey};
use crate::encoding::{base64, decimal, from_base64};
use crate::keys::{NodeKey, PublicKey};

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CheckpointError {
    #[error(transparent)]
    Note(#[from] NoteError),
    #[error("the checkpoint is malformed: {0}")]
    Malformed(&'static str),
    #[error("the checkpoint belongs to another ledger")]
    WrongOrigin,
}

/// The head of a ledger's tree. `origin` names the ledger (see [`origin_of`]); it is also the name of the
/// key that signs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    pub origin: String,
    pub size: u64,
    pub root: Hash,
}

/// The name of the ledger that the node of a `did:web` keeps: `did:web:a.example%3A7001:x` keeps
/// `a.example:7001/x/ledger`. `None` for DIDs of other methods.
#[must_use]
pub fn origin_of(did: &str) -> Option<String> {
    let (host, path) = did.strip_prefix("did:web:").map(|name| name.split_once(':').unwrap_or((name, "")))?;
    let host = host.replacen("%3A", ":", 1);
    let path: String =
        path.split(':').filter(|part| !part.is_empty()).map(|part| format!("/{part}")).collect();
    (!host.is_empty()).then(|| format!("{host}{path}/ledger"))
}

impl Checkpoint {
    /// The signed note, ready to be served.
    pub fn sign(&self, key: &NodeKey) -> Result<Note, NoteError> {
        let mut note = Note::new(self.to_text())?;
        note.sign(&self.origin, key)?;
        Ok(note)
    }

    /// Reads a checkpoint that the ledger `origin` signed with `key`.
    pub fn open(note: &str, origin: &str, key: &PublicKey) -> Result<Self, CheckpointError> {
        Self::open_note(&Note::parse(note)?, origin, key)
    }

    /// As [`Checkpoint::open`], for a note already parsed.
    pub fn open_note(note: &Note, origin: &str, key: &PublicKey) -> Result<Self, CheckpointError> {
        let verifier = VerifierKey::new(origin, SignatureType::Ed25519, *key)?;
        let checkpoint = Self::parse_text(note.open(&verifier)?)?;
        if checkpoint.origin == origin { Ok(checkpoint) } else { Err(CheckpointError::WrongOrigin) }
    }

    /// The note's text: three lines.
    #[must_use]
    pub fn to_text(&self) -> String {
        format!("{}\n{}\n{}\n", self.origin, self.size, base64(&self.root.0))
    }

    /// Reads the first three lines. Further lines, which other logs may add, are passed over.
    pub fn parse_text(text: &str) -> Result<Self, CheckpointError> {
        let wrong = CheckpointError::Malformed;
        let mut lines = text.strip_suffix('\n').ok_or(wrong("no newline at its end"))?.split('\n');
        let mut line = || lines.next().filter(|l| !l.is_empty()).ok_or(wrong("fewer than three lines"));
        let (origin, size, root) = (line()?, line()?, line()?);
        if lines.any(str::is_empty) {
            return Err(wrong("an empty line"));
        }
        let size = decimal(size).ok_or(wrong("the size is not a plain decimal number"))?;
        let root = from_base64(root).ok().and_then(|bytes| bytes.try_into().ok());
        let root = Hash(root.ok_or(wrong("the root is not 32 bytes of base64"))?);
        Ok(Self { origin: origin.to_owned(), size, root })
    }
}
