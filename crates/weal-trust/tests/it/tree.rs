//! RFC 6962 section 2.1 as it is written, recursion for recursion: slow, and plainly right. The oracle for
//! the real thing.

use std::collections::HashMap;

use weal_trust::merkle::{Coord, Frontier, Hash, empty_root, leaf_hash, node_hash};

/// Leaf `n` of every test tree: distinct, and not of one length.
pub(crate) fn leaf(n: usize) -> Hash {
    leaf_hash(format!("leaf {n}").as_bytes())
}

pub(crate) fn leaves(count: usize) -> Vec<Hash> {
    (0..count).map(leaf).collect()
}

/// A tree as a store keeps it.
#[derive(Debug, Default)]
pub(crate) struct Stored {
    pub(crate) frontier: Frontier,
    pub(crate) nodes: HashMap<Coord, Hash>,
}

impl Stored {
    pub(crate) fn of(leaves: &[Hash]) -> Self {
        let mut stored = Self::default();
        for leaf in leaves {
            let Self { frontier, nodes } = &mut stored;
            let keep = |node: weal_trust::merkle::Node| {
                let old = nodes.insert(Coord { level: node.level, index: node.index }, node.hash);
                assert_eq!(old, None, "a node is written once");
            };
            frontier.append(*leaf, keep).unwrap();
        }
        stored
    }

    pub(crate) fn load(&self, coord: Coord) -> Option<Hash> {
        self.nodes.get(&coord).copied()
    }
}

/// MTH(D[n]).
pub(crate) fn root(leaves: &[Hash]) -> Hash {
    match leaves {
        [] => empty_root(),
        [one] => *one,
        many => {
            let (left, right) = many.split_at(split(many.len()));
            node_hash(&root(left), &root(right))
        }
    }
}

/// PATH(m, D[n]).
pub(crate) fn path(index: usize, leaves: &[Hash]) -> Vec<Hash> {
    if leaves.len() <= 1 {
        return Vec::new();
    }
    let k = split(leaves.len());
    let (left, right) = leaves.split_at(k);
    if index < k {
        [path(index, left), vec![root(right)]].concat()
    } else {
        [path(index - k, right), vec![root(left)]].concat()
    }
}

/// PROOF(m, D[n]).
pub(crate) fn consistency(old: usize, leaves: &[Hash]) -> Vec<Hash> {
    sub_proof(old, leaves, true)
}

fn sub_proof(old: usize, leaves: &[Hash], known: bool) -> Vec<Hash> {
    if old == leaves.len() {
        return if known { Vec::new() } else { vec![root(leaves)] };
    }
    let k = split(leaves.len());
    let (left, right) = leaves.split_at(k);
    if old <= k {
        [sub_proof(old, left, known), vec![root(right)]].concat()
    } else {
        [sub_proof(old - k, right, false), vec![root(left)]].concat()
    }
}

fn split(count: usize) -> usize {
    let mut k = 1;
    while k * 2 < count {
        k *= 2;
    }
    k
}
