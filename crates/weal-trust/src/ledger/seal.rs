//! How an entry becomes a leaf: a salted commitment, so that the public tree says nothing of the entry,
//! and so that forgetting entry and nonce erases the entry while the tree stays whole.

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use subtle::ConstantTimeEq as _;
use zeroize::Zeroize;

use super::merkle::{Hash, leaf_hash};

/// Version 1 of the seal: what the commitment's message begins with. Never changed; a new seal gets a
/// new prefix.
pub const SEAL_PREFIX: &[u8] = b"weal-entry-v1\n";

/// What makes a commitment unguessable: 32 bytes of the caller's entropy, one for every entry.
#[derive(Clone)]
pub struct Nonce([u8; 32]);

impl Nonce {
    #[must_use]
    pub fn from_entropy(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }
    #[must_use]
    pub fn bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl Drop for Nonce {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

/// In constant time: a nonce is a secret as long as its entry is.
impl PartialEq for Nonce {
    fn eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}
impl Eq for Nonce {}

impl std::fmt::Debug for Nonce {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Nonce(..)")
    }
}

/// The leaf's data: HMAC-SHA256 with the nonce as key over [`SEAL_PREFIX`] and the entry's exact bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Commitment([u8; 32]);

impl Commitment {
    /// Seals `body`, the exact JSON text of the entry as it is stored.
    #[must_use]
    pub fn seal(nonce: &Nonce, body: &[u8]) -> Self {
        let mut mac = Hmac::<Sha256>::new_from_slice(&nonce.0).expect("HMAC takes keys of any length");
        mac.update(SEAL_PREFIX);
        mac.update(body);
        Self(mac.finalize().into_bytes().into())
    }

    /// A commitment as it was stored or served.
    #[must_use]
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    #[must_use]
    pub fn bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Whether this is the seal of `body` under `nonce`, in constant time.
    #[must_use]
    pub fn opens(&self, nonce: &Nonce, body: &[u8]) -> bool {
        self.0.ct_eq(&Self::seal(nonce, body).0).into()
    }

    /// The hash of the leaf whose data is this commitment (RFC 6962 section 2.1).
    #[must_use]
    pub fn leaf_hash(&self) -> Hash {
        leaf_hash(&self.0)
    }
}
