//! Which stored nodes make a proof, and how they are joined into it.

use super::frontier::fold_right;
use super::{Hash, LEAVES_MAX, empty_root};

/// Where a stored node stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Coord {
    pub level: u8,
    pub index: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    #[error("there is no entry {index} in a ledger of {size} entries")]
    NoSuchLeaf { index: u64, size: u64 },
    #[error("a ledger of {new} entries cannot continue one of {old}")]
    Shrinks { old: u64, new: u64 },
    #[error("the ledger's node at level {} index {} is missing", .0.level, .0.index)]
    MissingNode(Coord),
}

/// What to load, and how to join it. Every element of the proof is the root over adjacent complete
/// subtrees: one, except at the ragged right edge of the tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    elements: Vec<Vec<Coord>>,
}

impl Plan {
    /// The nodes to load. None is named twice.
    pub fn coords(&self) -> impl Iterator<Item = Coord> + '_ {
        self.elements.iter().flatten().copied()
    }

    /// The proof's hashes, in the order of RFC 6962.
    pub fn build(&self, load: impl Fn(Coord) -> Option<Hash>) -> Result<Vec<Hash>, PlanError> {
        let join = |coords: &Vec<Coord>| {
            let load = |coord: &Coord| load(*coord).ok_or(PlanError::MissingNode(*coord));
            let hashes = coords.iter().map(load).collect::<Result<Vec<_>, _>>()?;
            Ok(fold_right(&hashes).unwrap_or_else(empty_root))
        };
        self.elements.iter().map(join).collect()
    }
}

/// The audit path of leaf `index` in a tree of `size` leaves (RFC 6962 section 2.1.1), from the leaf's
/// sibling up to the root's child.
pub fn inclusion_plan(index: u64, size: u64) -> Result<Plan, PlanError> {
    if index >= size || size > LEAVES_MAX {
        return Err(PlanError::NoSuchLeaf { index, size });
    }
    let mut elements = Vec::new();
    let (mut lo, mut hi) = (0, size);
    while hi - lo > 1 {
        let middle = lo + split(hi - lo);
        if index < middle {
            elements.push(complete_subtrees(middle, hi));
            hi = middle;
        } else {
            elements.push(complete_subtrees(lo, middle));
            lo = middle;
        }
    }
    elements.reverse();
    Ok(Plan { elements })
}

/// That the tree of `new` leaves continues the tree of `old` leaves (RFC 6962 section 2.1.2). Empty for
/// equal sizes and for an empty old tree, which every tree continues.
pub fn consistency_plan(old: u64, new: u64) -> Result<Plan, PlanError> {
    if old > new || new > LEAVES_MAX {
        return Err(PlanError::Shrinks { old, new });
    }
    let mut elements = Vec::new();
    let (mut lo, mut hi) = (0, new);
    while old != 0 && old != hi {
        let middle = lo + split(hi - lo);
        if old <= middle {
            elements.push(complete_subtrees(middle, hi));
            hi = middle;
        } else {
            elements.push(complete_subtrees(lo, middle));
            lo = middle;
        }
    }
    // The old tree's last piece: the verifier knows it only where it is the whole old tree.
    if old != 0 && lo != 0 {
        elements.push(complete_subtrees(lo, hi));
    }
    elements.reverse();
    Ok(Plan { elements })
}

/// The root of any earlier tree of `size` leaves: a plan with one element.
pub fn root_plan(size: u64) -> Result<Plan, PlanError> {
    if size > LEAVES_MAX {
        return Err(PlanError::NoSuchLeaf { index: size, size });
    }
    Ok(Plan { elements: vec![complete_subtrees(0, size)] })
}

/// The largest power of two smaller than `size`, for `size` of at least 2.
fn split(size: u64) -> u64 {
    1 << (size - 1).ilog2()
}

/// The complete subtrees that leaves `lo..hi` consist of, largest first. `lo` is a multiple of every
/// subtree's size, as it is for each range that the recursions of RFC 6962 visit.
fn complete_subtrees(lo: u64, hi: u64) -> Vec<Coord> {
    let mut start = lo;
    let mut coords = Vec::new();
    while start < hi {
        let level = u8::try_from((hi - start).ilog2()).expect("below 64");
        coords.push(Coord { level, index: start >> level });
        start += 1 << level;
    }
    coords
}
