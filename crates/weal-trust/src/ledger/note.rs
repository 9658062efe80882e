//! Signed notes (c2sp.org/signed-note v1.0.0): text, a blank line, one line for every signature.

use sha2::{Digest as _, Sha256};

use crate::encoding::{base64, from_base64};
use crate::keys::{NodeKey, PublicKey};

/// The largest note, in bytes: room for 16 post-quantum signatures, which a reader must accept.
pub const NOTE_BYTES_MAX: usize = 128 * 1024;
/// The most signature lines in a note.
pub const SIGNATURES_MAX: usize = 32;
/// The longest key name, in bytes.
pub const KEY_NAME_BYTES_MAX: usize = 512;

const SIGNATURE_PREFIX: &str = "— ";

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NoteError {
    #[error("the note is larger than 131072 bytes")]
    TooLarge,
    #[error("the note is malformed: {0}")]
    Malformed(&'static str),
    #[error("not a valid key name: it is empty, too long, or has spaces or plus signs")]
    BadKeyName,
    #[error("not a valid verifier key")]
    BadVerifierKey,
    #[error("the note is not signed with the expected key")]
    NotSigned,
    #[error("the note bears a signature of the expected key that does not verify")]
    BadSignature,
}

/// What a signature is made over, and how: the type byte of signed notes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum SignatureType {
    /// Ed25519 over the note's text.
    Ed25519 = 0x01,
    /// A witness's timestamped Ed25519 cosignature (see [`crate::cosignature`]).
    CosignatureV1 = 0x04,
}

/// A key as a reader is configured with it: the name and the id together identify it in notes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifierKey {
    name: String,
    kind: SignatureType,
    key: PublicKey,
}

impl VerifierKey {
    pub fn new(name: &str, kind: SignatureType, key: PublicKey) -> Result<Self, NoteError> {
        check_name(name)?;
        Ok(Self { name: name.to_owned(), kind, key })
    }

    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    #[must_use]
    pub fn public(&self) -> &PublicKey {
        &self.key
    }

    #[must_use]
    pub fn kind(&self) -> SignatureType {
        self.kind
    }

    /// The first four bytes of `SHA-256(name || 0x0A || type || public key)`, big-endian.
    #[must_use]
    pub fn id(&self) -> u32 {
        let hash = Sha256::new()
            .chain_update(self.name.as_bytes())
            .chain_update([b'\n', self.kind as u8])
            .chain_update(self.key.bytes())
            .finalize();
        u32::from_be_bytes([hash[0], hash[1], hash[2], hash[3]])
    }

    /// `<name>+<id, 8 hexadecimal digits>+<base64 of type and key>`.
    #[must_use]
    pub fn to_vkey(&self) -> String {
        let mut material = vec![self.kind as u8];
        material.extend_from_slice(&self.key.bytes());
        format!("{}+{:08x}+{}", self.name, self.id(), base64(&material))
    }

    /// Reads a verifier key and checks its id.
    pub fn from_vkey(vkey: &str) -> Result<Self, NoteError> {
        let mut parts = vkey.splitn(3, '+');
        let mut part = || parts.next().ok_or(NoteError::BadVerifierKey);
        let (name, id, material) = (part()?, part()?, part()?);
        let material = from_base64(material).map_err(|_| NoteError::BadVerifierKey)?;
        let (kind, key) = material.split_first().ok_or(NoteError::BadVerifierKey)?;
        let kind = match kind {
            0x01 => SignatureType::Ed25519,
            0x04 => SignatureType::CosignatureV1,
            _ => return Err(NoteError::BadVerifierKey),
        };
        let key = key.try_into().map_err(|_| NoteError::BadVerifierKey)?;
        let key = PublicKey::from_bytes(key).map_err(|_| NoteError::BadVerifierKey)?;
        let verifier = Self::new(name, kind, key)?;
        if format!("{:08x}", verifier.id()) == id { Ok(verifier) } else { Err(NoteError::BadVerifierKey) }
    }
}

/// One signature line. `bytes` is what follows the key id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoteSignature {
    pub name: String,
    pub id: u32,
    pub bytes: Vec<u8>,
}

/// A well-formed note. Its text means nothing until a signature was verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    text: String,
    signatures: Vec<NoteSignature>,
}

impl Note {
    /// A note without signatures yet. `text` ends in a newline.
    pub fn new(text: impl Into<String>) -> Result<Self, NoteError> {
        let text = text.into();
        check_characters(&text)?;
        if !text.ends_with('\n') {
            return Err(NoteError::Malformed("the text does not end in a newline"));
        }
        Ok(Self { text, signatures: Vec::new() })
    }

    /// Reads text and signature lines. The last blank line parts them.
    pub fn parse(note: &str) -> Result<Self, NoteError> {
        if note.len() > NOTE_BYTES_MAX {
            return Err(NoteError::TooLarge);
        }
        let (text, lines) =
            note.rsplit_once("\n\n").ok_or(NoteError::Malformed("no blank line before signatures"))?;
        let lines =
            lines.strip_suffix('\n').ok_or(NoteError::Malformed("no newline after the last signature"))?;
        let mut parsed = Self::new(format!("{text}\n"))?;
        for line in lines.split('\n') {
            if parsed.signatures.len() == SIGNATURES_MAX {
                return Err(NoteError::Malformed("more than 32 signatures"));
            }
            parsed.signatures.push(parse_signature(line)?);
        }
        Ok(parsed)
    }

    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    #[must_use]
    pub fn signatures(&self) -> &[NoteSignature] {
        &self.signatures
    }

    /// Adds an Ed25519 signature over the text under the key name `name`.
    pub fn sign(&mut self, name: &str, key: &NodeKey) -> Result<(), NoteError> {
        let verifier = VerifierKey::new(name, SignatureType::Ed25519, key.public())?;
        let bytes = key.sign(self.text.as_bytes()).to_vec();
        self.put(NoteSignature { name: name.to_owned(), id: verifier.id(), bytes });
        Ok(())
    }

    /// Adds a signature line; an earlier one of the same key gives way.
    pub(super) fn put(&mut self, signature: NoteSignature) {
        self.signatures.retain(|old| (&old.name, old.id) != (&signature.name, signature.id));
        self.signatures.push(signature);
    }

    /// The signatures that claim to be of `verifier`, one at least.
    pub(super) fn claimed_by(&self, verifier: &VerifierKey) -> Result<Vec<&[u8]>, NoteError> {
        let id = verifier.id();
        let of_key = |s: &&NoteSignature| s.id == id && s.name == verifier.name;
        let claimed: Vec<_> = self.signatures.iter().filter(of_key).map(|s| s.bytes.as_slice()).collect();
        if claimed.is_empty() { Err(NoteError::NotSigned) } else { Ok(claimed) }
    }

    /// The text, if `verifier` (of type Ed25519) signed it. Signatures of other keys are ignored, but a
    /// false one of this key spoils the note.
    pub fn open(&self, verifier: &VerifierKey) -> Result<&str, NoteError> {
        if verifier.kind != SignatureType::Ed25519 {
            return Err(NoteError::BadVerifierKey);
        }
        for signature in self.claimed_by(verifier)? {
            let verified = verifier.key.verify(self.text.as_bytes(), signature);
            verified.map_err(|_| NoteError::BadSignature)?;
        }
        Ok(&self.text)
    }
}

/// The note as it is stored and served.
impl std::fmt::Display for Note {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        writeln!(f, "{}", self.text)?;
        for NoteSignature { name, id, bytes } in &self.signatures {
            let signature = [id.to_be_bytes().as_slice(), bytes].concat();
            writeln!(f, "{SIGNATURE_PREFIX}{name} {}", base64(&signature))?;
        }
        Ok(())
    }
}

fn parse_signature(line: &str) -> Result<NoteSignature, NoteError> {
    let wrong = NoteError::Malformed("a signature line is not `— name base64`");
    let rest = line.strip_prefix(SIGNATURE_PREFIX).ok_or(wrong)?;
    let (name, signature) = rest.split_once(' ').ok_or(wrong)?;
    check_name(name)?;
    let signature = from_base64(signature).map_err(|_| wrong)?;
    let (id, bytes) = signature.split_first_chunk::<4>().ok_or(wrong)?;
    if bytes.is_empty() {
        return Err(wrong);
    }
    Ok(NoteSignature { name: name.to_owned(), id: u32::from_be_bytes(*id), bytes: bytes.to_vec() })
}

fn check_name(name: &str) -> Result<(), NoteError> {
    let plain = |c: char| !c.is_whitespace() && c != '+' && c >= ' ';
    let length = 1..=KEY_NAME_BYTES_MAX;
    if length.contains(&name.len()) && name.chars().all(plain) { Ok(()) } else { Err(NoteError::BadKeyName) }
}

fn check_characters(text: &str) -> Result<(), NoteError> {
    if text.len() > NOTE_BYTES_MAX {
        return Err(NoteError::TooLarge);
    }
    if text.chars().all(|c| c >= ' ' || c == '\n') {
        Ok(())
    } else {
        Err(NoteError::Malformed("a control character"))
    }
}
