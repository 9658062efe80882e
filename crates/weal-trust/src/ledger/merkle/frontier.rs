//! The right edge of a growing tree: all that an appender must remember.

use super::{Coord, Hash, LEAVES_MAX, empty_root, node_hash};

/// One row to store: the root of a complete subtree.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Node {
    pub level: u8,
    pub index: u64,
    pub hash: Hash,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FrontierError {
    #[error("the frontier of {size} leaves has {expected} nodes, but {given} were given")]
    WrongCount { size: u64, expected: u32, given: usize },
    #[error("the ledger holds as many entries as it can")]
    Full,
}

/// The roots of the complete subtrees that make up a tree of `size` leaves, largest first: one for every
/// bit set in `size`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Frontier {
    size: u64,
    subtrees: Vec<Hash>,
}

impl Frontier {
    /// The frontier of the empty tree.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The stored nodes that make up the frontier of a tree of `size` leaves, in the order that
    /// [`Frontier::load`] wants their hashes.
    #[must_use]
    pub fn coords(size: u64) -> Vec<Coord> {
        let mut start = 0;
        let mut coords = Vec::new();
        for level in (0..64u8).rev().filter(|level| size >> level & 1 == 1) {
            coords.push(Coord { level, index: start >> level });
            start += 1 << level;
        }
        coords
    }

    /// Takes up a stored tree. `hashes` are those of [`Frontier::coords`], in that order.
    pub fn load(size: u64, hashes: Vec<Hash>) -> Result<Self, FrontierError> {
        if size > LEAVES_MAX {
            return Err(FrontierError::Full);
        }
        let expected = size.count_ones();
        if hashes.len() != expected as usize {
            return Err(FrontierError::WrongCount { size, expected, given: hashes.len() });
        }
        Ok(Self { size, subtrees: hashes })
    }

    /// How many leaves the tree has.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Adds a leaf. Calls `completed` with every subtree that this leaf completes, the leaf itself first:
    /// the rows to store.
    pub fn append(&mut self, leaf: Hash, mut completed: impl FnMut(Node)) -> Result<(), FrontierError> {
        if self.size >= LEAVES_MAX {
            return Err(FrontierError::Full);
        }
        let index = self.size;
        let mut hash = leaf;
        completed(Node { level: 0, index, hash });
        let merges = u8::try_from(index.trailing_ones()).expect("at most 64");
        for level in 1..=merges {
            let left = self.subtrees.pop().expect("one subtree for every bit set in the size");
            hash = node_hash(&left, &hash);
            completed(Node { level, index: index >> level, hash });
        }
        self.subtrees.push(hash);
        self.size += 1;
        Ok(())
    }

    /// The root over all leaves so far.
    #[must_use]
    pub fn root(&self) -> Hash {
        fold_right(&self.subtrees).unwrap_or_else(empty_root)
    }
}

/// Joins adjacent complete subtrees, largest first, into the root over all of them.
pub(super) fn fold_right(subtrees: &[Hash]) -> Option<Hash> {
    let (last, rest) = subtrees.split_last()?;
    Some(rest.iter().rev().fold(*last, |right, left| node_hash(left, &right)))
}
