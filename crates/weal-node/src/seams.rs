//! What a node is given at start: time, chance, how callers are known and who decides. The system's own in a
//! running node, chosen ones in tests.

use std::sync::Arc;

use weal_domain::Timestamp;
use weal_trust::did::{DidDocument, DidError};
use weal_trust::jws::JwsSigner;

use crate::fault::Fault;
use crate::peers::{Identity, SignedTokens};

/// Everything of the kind. The default is what a running node has.
#[derive(Debug, Clone)]
pub struct Seams {
    pub clock: Arc<dyn Clock>,
    pub entropy: Arc<dyn Entropy>,
    pub identity: Arc<dyn Identity>,
    pub moves: Moves,
    /// Who signs what is shown to strangers, where it is not the node's own key.
    pub signer: Option<Arc<dyn JwsSigner>>,
    /// How a DID document of another is read.
    pub documents: ReadDocument,
}

/// Reads the bytes of the document that belongs to a DID.
pub type ReadDocument = fn(&str, &[u8]) -> Result<DidDocument, DidError>;

impl Default for Seams {
    fn default() -> Self {
        Self {
            clock: Arc::new(SystemClock),
            entropy: Arc::new(SystemEntropy),
            identity: Arc::new(SignedTokens),
            moves: Moves::ByRule,
            signer: None,
            documents: DidDocument::parse_of,
        }
    }
}

/// Who makes this node's next move in a negotiation or a transfer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moves {
    /// The node itself, wherever its rules do not leave it to a person.
    ByRule,
    /// Nobody but persons: every move waits for somebody to make it.
    ByHand,
}

/// What the time is. The only reader of the system clock in this crate.
pub trait Clock: Send + Sync + std::fmt::Debug {
    fn now(&self) -> Timestamp;
}

/// Unpredictable bytes for keys, nonces, tokens and identifiers.
pub trait Entropy: Send + Sync + std::fmt::Debug {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), Fault>;
}

impl dyn Entropy {
    pub fn bytes<const N: usize>(&self) -> Result<[u8; N], Fault> {
        let mut bytes = [0; N];
        self.fill(&mut bytes)?;
        Ok(bytes)
    }

    /// A fresh `urn:uuid:` IRI (RFC 9562, version 4).
    pub fn urn(&self) -> Result<String, Fault> {
        let mut b: [u8; 16] = self.bytes()?;
        b[6] = (b[6] & 0x0f) | 0x40;
        b[8] = (b[8] & 0x3f) | 0x80;
        let hex: String = b.iter().map(|byte| format!("{byte:02x}")).collect();
        let [p1, p2, p3, p4, p5] = [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]];
        Ok(format!("urn:uuid:{p1}-{p2}-{p3}-{p4}-{p5}"))
    }

    /// 256 bits as base64url, for bearer tokens.
    pub fn token(&self) -> Result<String, Fault> {
        use base64::Engine as _;
        Ok(base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(self.bytes::<32>()?))
    }
}

/// The machine's clock, in whole milliseconds as everything stored and sent is.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        let now = Timestamp::now();
        Timestamp::from_millisecond(now.as_millisecond()).unwrap_or(now)
    }
}

/// The operating system's generator.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemEntropy;

impl Entropy for SystemEntropy {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), Fault> {
        getrandom::fill(bytes).map_err(|cause| Fault::new("entropy", cause))
    }
}

// Another living implementation of each stands in weal-testkit: a clock that tests turn by hand and a
// seeded generator.
