//! The Merkle tree of RFC 6962 section 2.1, stored as the hashes of its complete subtrees.
//!
//! A node at `(level, index)` is the root of the `2^level` leaves from `index * 2^level`. Such nodes never
//! change once written, so appending only adds rows: [`Frontier::append`] names them. Proofs come in two
//! steps, so that this crate needs no storage: [`inclusion_plan`] and [`consistency_plan`] name the nodes,
//! the caller loads them, [`Plan::build`] makes the proof.

mod frontier;
mod plan;
mod verify;

pub use frontier::{Frontier, FrontierError, Node};
pub use plan::{Coord, Plan, PlanError, consistency_plan, inclusion_plan, root_plan};
pub use verify::{ProofError, inclusion_root, verify_consistency, verify_inclusion};

use sha2::{Digest as _, Sha256};

/// The most leaves a ledger may have. It keeps all arithmetic on indices inside `u64`.
pub const LEAVES_MAX: u64 = 1 << 62;

/// A SHA-256 hash of a leaf or a node.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Hash(pub [u8; 32]);

impl std::fmt::Debug for Hash {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Hash({})", crate::encoding::hex(&self.0))
    }
}

impl AsRef<[u8]> for Hash {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl TryFrom<&[u8]> for Hash {
    type Error = std::array::TryFromSliceError;
    /// Exactly 32 bytes, as a store keeps them.
    fn try_from(bytes: &[u8]) -> Result<Self, Self::Error> {
        bytes.try_into().map(Self)
    }
}

/// `SHA-256(0x00 || data)`.
#[must_use]
pub fn leaf_hash(data: &[u8]) -> Hash {
    Hash(Sha256::new().chain_update([0]).chain_update(data).finalize().into())
}

/// `SHA-256(0x01 || left || right)`.
#[must_use]
pub fn node_hash(left: &Hash, right: &Hash) -> Hash {
    Hash(Sha256::new().chain_update([1]).chain_update(left.0).chain_update(right.0).finalize().into())
}

/// The root of the tree without leaves: `SHA-256()`.
#[must_use]
pub fn empty_root() -> Hash {
    Hash(Sha256::digest([]).into())
}
