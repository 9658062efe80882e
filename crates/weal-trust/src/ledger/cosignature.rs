//! Witness cosignatures (c2sp.org/tlog-cosignature, `cosignature/v1`, Ed25519): another node's word that,
//! at a time, this was the largest consistent tree it had seen of a ledger. With one, a ledger cannot
//! show different histories to different readers.
//!
//! The signed message does not commit to the witness's name: a witness uses one key for one name.

use super::checkpoint::{Checkpoint, CheckpointError};
use super::note::{Note, NoteError, NoteSignature, SignatureType, VerifierKey};
use crate::keys::{NodeKey, PublicKey, SIGNATURE_BYTES};

/// The latest time a cosignature may bear.
const TIME_S_MAX: u64 = i64::MAX as u64;

/// Adds the witness's cosignature to a checkpoint. The witness has verified the log's own signature and
/// consistency with the checkpoint it cosigned before; `time_s` is seconds since 1970.
pub fn cosign(
    checkpoint: &mut Note,
    witness: &str,
    key: &NodeKey,
    time_s: u64,
) -> Result<(), CheckpointError> {
    Checkpoint::parse_text(checkpoint.text())?;
    if time_s > TIME_S_MAX {
        return Err(CheckpointError::Malformed("a time beyond 2^63 - 1"));
    }
    let verifier = VerifierKey::new(witness, SignatureType::CosignatureV1, key.public())?;
    let signature = key.sign(message(time_s, checkpoint.text()).as_bytes());
    let bytes = [time_s.to_be_bytes().as_slice(), &signature].concat();
    checkpoint.put(NoteSignature { name: witness.to_owned(), id: verifier.id(), bytes });
    Ok(())
}

/// When the witness cosigned, in seconds since 1970: its latest word where it gave several.
pub fn verify(checkpoint: &Note, witness: &str, key: &PublicKey) -> Result<u64, NoteError> {
    let verifier = VerifierKey::new(witness, SignatureType::CosignatureV1, *key)?;
    let mut latest_s = 0;
    for claimed in checkpoint.claimed_by(&verifier)? {
        let (time_s, signature) = claimed.split_first_chunk::<8>().ok_or(NoteError::BadSignature)?;
        let time_s = u64::from_be_bytes(*time_s);
        if time_s > TIME_S_MAX || signature.len() != SIGNATURE_BYTES {
            return Err(NoteError::BadSignature);
        }
        let verified = key.verify(message(time_s, checkpoint.text()).as_bytes(), signature);
        verified.map_err(|_| NoteError::BadSignature)?;
        latest_s = latest_s.max(time_s);
    }
    Ok(latest_s)
}

fn message(time_s: u64, text: &str) -> String {
    format!("cosignature/v1\ntime {time_s}\n{text}")
}
