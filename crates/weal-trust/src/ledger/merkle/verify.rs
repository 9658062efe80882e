//! Checking proofs: the algorithms of RFC 9162 sections 2.1.3.2 and 2.1.4.2, for the same trees.

use super::{Hash, LEAVES_MAX, empty_root, node_hash};

/// Why a proof proves nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ProofError {
    #[error("there is no entry {index} in a ledger of {size} entries")]
    NoSuchLeaf { index: u64, size: u64 },
    #[error("a ledger of {new} entries cannot continue one of {old}")]
    Shrinks { old: u64, new: u64 },
    #[error("the proof has the wrong number of hashes")]
    WrongLength,
    #[error("the proof leads to another root than the signed one")]
    WrongRoot,
    #[error("the proof leads to another old root than the one known")]
    WrongOldRoot,
}

/// That the leaf stands at `index` of the tree with this `root`.
pub fn verify_inclusion(
    leaf: &Hash,
    index: u64,
    size: u64,
    proof: &[Hash],
    root: &Hash,
) -> Result<(), ProofError> {
    if inclusion_root(leaf, index, size, proof)? == *root { Ok(()) } else { Err(ProofError::WrongRoot) }
}

/// The root to which a proof leads from the leaf, whatever root was signed.
pub fn inclusion_root(leaf: &Hash, index: u64, size: u64, proof: &[Hash]) -> Result<Hash, ProofError> {
    if index >= size || size > LEAVES_MAX {
        return Err(ProofError::NoSuchLeaf { index, size });
    }
    let (mut at, mut last) = (index, size - 1);
    let mut hash = *leaf;
    for sibling in proof {
        if last == 0 {
            return Err(ProofError::WrongLength);
        }
        if at & 1 == 1 || at == last {
            hash = node_hash(sibling, &hash);
            while at & 1 == 0 && at != 0 {
                at >>= 1;
                last >>= 1;
            }
        } else {
            hash = node_hash(&hash, sibling);
        }
        at >>= 1;
        last >>= 1;
    }
    if last != 0 {
        return Err(ProofError::WrongLength);
    }
    Ok(hash)
}

/// That the tree of `new` leaves continues the tree of `old` leaves without changing any.
pub fn verify_consistency(
    old: u64,
    old_root: &Hash,
    new: u64,
    new_root: &Hash,
    proof: &[Hash],
) -> Result<(), ProofError> {
    if old > new || new > LEAVES_MAX {
        return Err(ProofError::Shrinks { old, new });
    }
    if old == 0 || old == new {
        let known = if old == 0 { empty_root() } else { *new_root };
        return match proof {
            [] if *old_root == known => Ok(()),
            [] => Err(ProofError::WrongOldRoot),
            _ => Err(ProofError::WrongLength),
        };
    }
    climb(old, old_root, new, new_root, proof)
}

/// The case of two different trees, neither empty.
fn climb(old: u64, old_root: &Hash, new: u64, new_root: &Hash, proof: &[Hash]) -> Result<(), ProofError> {
    // Where the old tree is one complete subtree, its root is the first piece and not in the proof.
    let (first, rest) = if old.is_power_of_two() {
        (old_root, proof)
    } else {
        proof.split_first().ok_or(ProofError::WrongLength)?
    };
    let (mut at, mut last) = (old - 1, new - 1);
    while at & 1 == 1 {
        at >>= 1;
        last >>= 1;
    }
    let (mut old_hash, mut new_hash) = (*first, *first);
    for sibling in rest {
        if last == 0 {
            return Err(ProofError::WrongLength);
        }
        if at & 1 == 1 || at == last {
            old_hash = node_hash(sibling, &old_hash);
            new_hash = node_hash(sibling, &new_hash);
            while at & 1 == 0 && at != 0 {
                at >>= 1;
                last >>= 1;
            }
        } else {
            new_hash = node_hash(&new_hash, sibling);
        }
        at >>= 1;
        last >>= 1;
    }
    if last != 0 {
        Err(ProofError::WrongLength)
    } else if old_hash != *old_root {
        Err(ProofError::WrongOldRoot)
    } else if new_hash != *new_root {
        Err(ProofError::WrongRoot)
    } else {
        Ok(())
    }
}
