use std::collections::HashMap;

use super::{Gaussian, MechanismError};

/// Into so many parts a range is cut at each level of the tree.
const FANOUT: u32 = 16;
/// At most 16⁴ = 65,536 leaves.
const LEVELS_MAX: u32 = 4;

/// A range of integers cut into leaves of equal width: one integer each where 65,536 are enough.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Leaves {
    low: i64,
    high: i64,
    levels: u32,
    /// Integers in one leaf.
    width: u64,
}

impl Leaves {
    /// `low` and `high` are public and inclusive; `None` where they stand the wrong way round.
    pub fn of(low: i64, high: i64) -> Option<Leaves> {
        let integers = u64::try_from(i128::from(high) - i128::from(low)).ok()?.checked_add(1)?;
        let enough = |levels: &u32| u64::from(FANOUT.pow(*levels)) >= integers;
        let levels = (1..LEVELS_MAX).find(enough).unwrap_or(LEVELS_MAX);
        Some(Leaves { low, high, levels, width: integers.div_ceil(FANOUT.pow(levels).into()) })
    }

    /// Where an integer stands; what lies outside stands at the end.
    pub fn leaf(self, value: i64) -> u32 {
        let value = value.clamp(self.low, self.high);
        // Both fit: the range is at most 2^64 wide, and there are at most 2^16 leaves.
        (value.wrapping_sub(self.low) as u64 / self.width) as u32
    }

    /// The nodes of the tree that one value is counted in; the root, whose count follows, is none of them.
    pub fn levels(self) -> u32 {
        self.levels
    }

    /// Leaves beyond the range hold nothing, and yet noise may lead there: they stand at its end.
    fn first(self, leaf: u32) -> f64 {
        (self.low as f64 + f64::from(leaf) * self.width as f64).min(self.high as f64)
    }

    fn last(self, leaf: u32) -> f64 {
        (self.first(leaf) + self.width as f64 - 1.0).min(self.high as f64)
    }
}

/// Noisy counts over every range of a tree of ranges: quantiles, as many as one likes, from one release.
///
/// *Source:* counts of intervals in a tree (Hay et al. 2010, arXiv 0904.0942; the quantile trees of Google's
/// differential privacy library), with discrete Gaussian noise on each node.
///
/// *Contract:* the noise was made for a sensitivity of `levels` cells for every group that a subject may be in,
/// each moved by at most the values that a subject may have in a group: a value is counted once at each level.
/// *Intervals:* inverted tests. At the true quantile the noisy rank is off by noise alone, so every place whose
/// noisy rank is not off by more is kept; each of the two ends is tested once per level, and the tests share
/// the error equally (Bonferroni). The noise is bounded as the sub-Gaussian variable that it is (Canonne, Kamath,
/// Steinke 2020, Proposition 25), so the interval is at least as wide as it needs to be.
/// *Rounding:* as [`Gaussian`]. *Leakage:* none besides the noisy counts that were looked at; noise is drawn once
/// for each node, when it is first looked at.
#[derive(Debug)]
pub struct Ranks {
    leaves: Leaves,
    noise: Gaussian,
    /// Leaves that hold anything, with the number of values up to and with each, in order.
    up_to: Vec<(u32, i64)>,
    /// The noisy counts of a node's children, by level and node.
    drawn: HashMap<(u32, u32), Vec<i64>>,
}

/// Where a path down the tree stands.
#[derive(Debug, Clone, Copy, Default)]
struct Place {
    node: u32,
    /// Noisy number of values before it.
    before: i64,
    /// Nodes below the top level that went into that number.
    nodes: u32,
    /// The child of the root that the path went through.
    top: u32,
}

/// A noisy rank, less the rank looked for, and the standard deviation of its noise at most.
#[derive(Debug, Clone, Copy)]
struct Off {
    by: f64,
    deviation: f64,
}

impl Ranks {
    /// `counts` are the exact numbers of values of every leaf that has any.
    pub fn new(leaves: Leaves, noise: Gaussian, counts: impl IntoIterator<Item = (u32, i64)>) -> Ranks {
        let mut up_to: Vec<(u32, i64)> = counts.into_iter().collect();
        up_to.sort_unstable();
        let mut all = 0_i64;
        for (_, count) in &mut up_to {
            all = all.saturating_add(*count);
            *count = all;
        }
        Ranks { leaves, noise, up_to, drawn: HashMap::new() }
    }

    /// The value below which a share `fraction` (0 to 1) of the values lies, and an interval that holds it with
    /// `confidence`, in the integers' own unit; `None` where there seem to be no values.
    pub fn quantile(
        &mut self,
        fraction: f64,
        confidence: f64,
    ) -> Result<Option<(f64, f64, f64)>, MechanismError> {
        let top = self.children(1, 0)?;
        let total: i64 = top.iter().fold(0, |sum, count| sum.saturating_add(*count));
        if total < 1 {
            return Ok(None);
        }
        let fraction = fraction.clamp(0.0, 1.0);
        let aim = Aim { fraction, rank: fraction * total as f64 };
        let error = (1.0 - confidence) / f64::from(2 * self.leaves.levels());
        let sure = |off: Off| off.deviation * (2.0 * (1.0 / error).ln()).sqrt() + 1.0;
        // A continuous quantile lies between two neighbours in rank, hence the 1.
        let (low, ..) = self.descend(aim, |_, end| end.by >= -sure(end))?;
        let (high, ..) = self.descend_from_above(aim, |start| start.by <= sure(start))?;
        let (leaf, start, end) = self.descend(aim, |_, end| end.by >= 0.0)?;
        let share = if end.by > start.by { (-start.by / (end.by - start.by)).clamp(0.0, 1.0) } else { 0.5 };
        let (first, last) = (self.leaves.first(leaf), self.leaves.last(leaf));
        let (low, high) = (self.leaves.first(low), self.leaves.last(high.max(low)));
        Ok(Some(((first + share * (last - first)).clamp(low, high), low, high)))
    }

    /// Down to the leaf that is found by taking the first child that is `good`, given the ranks at its two ends;
    /// the last one where none is.
    fn descend(
        &mut self,
        aim: Aim,
        good: impl Fn(Off, Off) -> bool,
    ) -> Result<(u32, Off, Off), MechanismError> {
        let mut place = Place::default();
        let mut ends = (Off { by: 0.0, deviation: 0.0 }, Off { by: 0.0, deviation: 0.0 });
        for level in 1..=self.leaves.levels() {
            let counts = self.children(level, place.node)?;
            let places = places(place, level, &counts);
            let child = (0..FANOUT as usize)
                .find(|&child| good(self.off(aim, places[child]), self.off(aim, places[child + 1])))
                .unwrap_or(FANOUT as usize - 1);
            ends = (self.off(aim, places[child]), self.off(aim, places[child + 1]));
            place = places[child];
        }
        Ok((place.node, ends.0, ends.1))
    }

    /// As [`Ranks::descend`], taking the last child whose beginning is `good`; the first one where none is.
    fn descend_from_above(
        &mut self,
        aim: Aim,
        good: impl Fn(Off) -> bool,
    ) -> Result<(u32, Off), MechanismError> {
        let mut place = Place::default();
        let mut start = Off { by: 0.0, deviation: 0.0 };
        for level in 1..=self.leaves.levels() {
            let counts = self.children(level, place.node)?;
            let places = places(place, level, &counts);
            let child =
                (0..FANOUT as usize).rev().find(|&child| good(self.off(aim, places[child]))).unwrap_or(0);
            start = self.off(aim, places[child]);
            place = places[child];
        }
        Ok((place.node, start))
    }

    /// The noisy rank of a place against the one looked for. The total is the sum of the top level, so its noise
    /// and that of the rank belong together.
    fn off(&self, aim: Aim, place: Place) -> Off {
        let Aim { fraction, rank } = aim;
        let (below, above) = (f64::from(place.top), f64::from(FANOUT - place.top));
        let weights = below * (1.0 - fraction).powi(2) + above * fraction.powi(2) + f64::from(place.nodes);
        Off { by: place.before as f64 - rank, deviation: self.noise.scale() * weights.sqrt() }
    }

    /// Noisy counts of the children of a node one level above `level`.
    fn children(&mut self, level: u32, node: u32) -> Result<Vec<i64>, MechanismError> {
        if let Some(counts) = self.drawn.get(&(level, node)) {
            return Ok(counts.clone());
        }
        let leaves_each = FANOUT.pow(self.leaves.levels() - level);
        let exact: Vec<i64> = (0..FANOUT)
            .map(|child| {
                let first = (node * FANOUT + child) * leaves_each;
                self.before(first + leaves_each) - self.before(first)
            })
            .collect();
        let counts = self.noise.release(&exact)?;
        self.drawn.insert((level, node), counts.clone());
        Ok(counts)
    }

    /// Values in the leaves before `leaf`.
    fn before(&self, leaf: u32) -> i64 {
        match self.up_to.partition_point(|&(known, _)| known < leaf) {
            0 => 0,
            after => self.up_to[after - 1].1,
        }
    }
}

/// What is looked for.
#[derive(Debug, Clone, Copy)]
struct Aim {
    fraction: f64,
    rank: f64,
}

/// The beginnings of a node's children, and the end of the last.
fn places(parent: Place, level: u32, counts: &[i64]) -> Vec<Place> {
    let mut places = Vec::with_capacity(counts.len() + 1);
    let mut before = parent.before;
    for child in 0..=counts.len() as u32 {
        let node = parent.node * FANOUT + child;
        let (nodes, top) = if level == 1 { (0, child) } else { (parent.nodes + child, parent.top) };
        places.push(Place { node, before, nodes, top });
        before = before.saturating_add(counts.get(child as usize).copied().unwrap_or(0));
    }
    places
}
