//! Self-contained proofs (c2sp.org/tlog-proof@v1): one file with which anyone can check, offline, that an
//! entry stands in a ledger.

use super::checkpoint::{Checkpoint, CheckpointError};
use super::merkle::{Hash, ProofError, verify_inclusion};
use super::note::{NOTE_BYTES_MAX, Note};
use crate::encoding::{base64, decimal, from_base64};
use crate::keys::PublicKey;

/// The first line of the format.
pub const HEADER: &str = "c2sp.org/tlog-proof@v1";
/// The most hashes in a proof: the height of the tallest tree.
pub const HASHES_MAX: usize = 63;
/// The most opaque extra data, in bytes.
pub const EXTRA_BYTES_MAX: usize = 4096;
/// The largest proof, in bytes.
pub const PROOF_BYTES_MAX: usize = NOTE_BYTES_MAX + 16 * 1024;

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TlogProofError {
    #[error("the proof is larger than it may be")]
    TooLarge,
    #[error("the proof is malformed: {0}")]
    Malformed(&'static str),
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    #[error(transparent)]
    Inclusion(#[from] ProofError),
}

/// A proof as it travels. Nothing in it is verified yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlogProof {
    /// Opaque data for the application. Not authenticated by anything.
    pub extra: Option<Vec<u8>>,
    /// Where the entry stands in the ledger.
    pub index: u64,
    /// From the leaf's sibling up to the root's child.
    pub hashes: Vec<Hash>,
    /// The signed checkpoint, with any cosignatures.
    pub checkpoint: Note,
}

impl TlogProof {
    /// The checkpoint, if `key` signed it for the ledger `origin` and the leaf stands in it at `index`.
    pub fn verify(&self, leaf: &Hash, origin: &str, key: &PublicKey) -> Result<Checkpoint, TlogProofError> {
        let checkpoint = Checkpoint::open_note(&self.checkpoint, origin, key)?;
        verify_inclusion(leaf, self.index, checkpoint.size, &self.hashes, &checkpoint.root)?;
        Ok(checkpoint)
    }

    pub fn parse(text: &str) -> Result<Self, TlogProofError> {
        if text.len() > PROOF_BYTES_MAX {
            return Err(TlogProofError::TooLarge);
        }
        let wrong = TlogProofError::Malformed;
        let (head, checkpoint) = text.split_once("\n\n").ok_or(wrong("no checkpoint"))?;
        let mut lines = head.split('\n').peekable();
        if lines.next() != Some(HEADER) {
            return Err(wrong("it does not begin with c2sp.org/tlog-proof@v1"));
        }
        let extra = match lines.peek().and_then(|line| line.strip_prefix("extra ")) {
            Some(extra) => {
                lines.next();
                Some(from_base64(extra).map_err(|_| wrong("the extra data is not base64"))?)
            }
            None => None,
        };
        if extra.as_ref().is_some_and(|extra| extra.len() > EXTRA_BYTES_MAX) {
            return Err(TlogProofError::TooLarge);
        }
        let index = lines.next().and_then(|line| line.strip_prefix("index ")).and_then(decimal);
        let index = index.ok_or(wrong("no index"))?;
        let mut hashes = Vec::new();
        for line in lines {
            let hash = from_base64(line).ok().and_then(|bytes| bytes.try_into().ok());
            hashes.push(Hash(hash.ok_or(wrong("a hash is not 32 bytes of base64"))?));
            if hashes.len() > HASHES_MAX {
                return Err(wrong("more hashes than any tree is tall"));
            }
        }
        let checkpoint = Note::parse(checkpoint).map_err(CheckpointError::from)?;
        Ok(Self { extra, index, hashes, checkpoint })
    }
}

/// The text of the proof, to be stored with the extension `.tlog-proof`.
impl std::fmt::Display for TlogProof {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        writeln!(f, "{HEADER}")?;
        if let Some(extra) = &self.extra {
            writeln!(f, "extra {}", base64(extra))?;
        }
        writeln!(f, "index {}", self.index)?;
        for hash in &self.hashes {
            writeln!(f, "{}", base64(&hash.0))?;
        }
        write!(f, "\n{}", self.checkpoint)
    }
}
