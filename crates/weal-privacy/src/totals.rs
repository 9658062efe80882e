//! Totals and what they are made of, fitted to each other after their noise: post-processing, at no further cost.

use opendp::accuracy::gaussian_scale_to_accuracy;

/// The greatest number, and the greatest noise scale, whose sums floating point keeps to a unit.
pub const EXACT_MAX: f64 = (1_u64 << 50) as f64;

/// One of several releases of which each refines the one before: a total, its parts, the parts of these.
#[derive(Debug, Clone)]
pub struct Level {
    /// Noisy numbers; the noise of each is independent of all others.
    pub released: Vec<i64>,
    /// The standard deviation of the noise, or more.
    pub scale: f64,
    /// Of each number, the place in the level before of what it is a part of. Not looked at in the first level.
    pub parents: Vec<usize>,
}

/// A number that fits the others.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Fitted {
    /// Parts add up to exactly the value of what they are parts of.
    pub value: i64,
    /// The least-squares estimate before it was made whole and, if need be, lifted to 0.
    pub estimate: f64,
    /// The standard deviation of the estimate's error.
    pub deviation: f64,
}

impl Fitted {
    /// The ends of an interval that holds the true number with probability `confidence`, and the value. `own` is
    /// half the width of the interval of the number's own release; half of this one is not wider, unless the value
    /// had to be moved out of it to keep numbers from falling below 0.
    ///
    /// The error is a weighted sum of independent draws, normal in good measure; half a unit is added because they
    /// are whole. The true number is whole as well, so the ends are rounded inwards.
    #[must_use]
    pub fn interval(&self, confidence: f64, own: u64) -> (i64, i64) {
        let normal = match gaussian_scale_to_accuracy(self.deviation.max(f64::MIN_POSITIVE), 1.0 - confidence)
        {
            Ok(width) if width.is_finite() => width + 0.5,
            _ => f64::INFINITY,
        };
        let half = if self.deviation == 0.0 { 0.0 } else { normal.min(own as f64) };
        let (low, high) = ((self.estimate - half).ceil() as i64, (self.estimate + half).floor() as i64);
        (low.min(self.value), high.max(self.value))
    }
}

/// For every level the numbers that add up and are nearest to what was released, each weighed by how exact it is.
///
/// *Source:* Hay, Rastogi, Miklau, Suciu 2010 (arXiv 0904.0942), Theorem 3: two passes over a tree give the least
/// squares; here with a variance for each level, so with inverse variances where that theorem counts nodes. By
/// Gauss and Markov no unbiased linear estimate is more exact, so none of the intervals gets wider.
///
/// *Contract:* the true number of whatever is in a level but the last is the sum of the true numbers of its
/// parts in the next; what has no parts there is truly 0. *Rounding:* the values are whole; largest remainders
/// are rounded up. With `not_negative` no value is below 0: what then is too much is taken from the
/// other parts of the same total, of each in proportion to its variance and as far as its own interval goes
/// (which moves the value, not the interval).
///
/// `None` where numbers are too large to be added exactly, or a parent is named that is not there.
#[must_use]
pub fn fit(levels: &[Level], not_negative: bool) -> Option<Vec<Vec<Fitted>>> {
    let fits = |level: &Level| {
        let small = level.released.iter().all(|number| (number.unsigned_abs() as f64) < EXACT_MAX);
        small && level.scale > 0.0 && level.scale < EXACT_MAX && level.parents.len() == level.released.len()
    };
    let known = |pair: &[Level]| pair[1].parents.iter().all(|&parent| parent < pair[0].released.len());
    if !levels.iter().all(fits) || !levels.windows(2).all(known) {
        return None;
    }
    let upward = upward(levels);
    let settled = downward(levels, &upward);
    Some(whole(levels, &settled, not_negative))
}

/// An estimate from a number's own release and everything below it, with its variance; and the same of its parts
/// alone.
#[derive(Debug, Clone, Copy, Default)]
struct Below {
    estimate: f64,
    variance: f64,
    parts: f64,
    parts_variance: f64,
}

fn upward(levels: &[Level]) -> Vec<Vec<Below>> {
    let mut all: Vec<Vec<Below>> = Vec::new();
    for (place, level) in levels.iter().enumerate().rev() {
        let own = level.scale * level.scale;
        let mut here: Vec<Below> = vec![Below::default(); level.released.len()];
        if let Some(finer) = all.last() {
            for (part, &parent) in finer.iter().zip(&levels[place + 1].parents) {
                here[parent].parts += part.estimate;
                here[parent].parts_variance += part.variance;
            }
        }
        let is_last = all.is_empty();
        for (below, &released) in here.iter_mut().zip(&level.released) {
            let (released, parts) = (released as f64, below.parts_variance);
            (below.estimate, below.variance) = if is_last {
                (released, own)
            } else {
                ((parts * released + own * below.parts) / (own + parts), own * parts / (own + parts))
            };
        }
        all.push(here);
    }
    all.reverse();
    all
}

/// The estimates from everything, with their variances.
fn downward(levels: &[Level], upward: &[Vec<Below>]) -> Vec<Vec<(f64, f64)>> {
    let mut all: Vec<Vec<(f64, f64)>> = Vec::new();
    for (place, below) in upward.iter().enumerate() {
        let here = match all.last() {
            None => below.iter().map(|below| (below.estimate, below.variance)).collect(),
            Some(coarser) => {
                let of_parent = below.iter().zip(&levels[place].parents);
                of_parent
                    .map(|(below, &parent)| {
                        let (estimate, variance) = coarser[parent];
                        let before = upward[place - 1][parent];
                        let share = share(below.variance, before.parts_variance);
                        let moved = below.estimate + share * (estimate - before.parts);
                        let left = below.variance - share * share * (before.parts_variance - variance);
                        (moved, left.max(0.0))
                    })
                    .collect()
            }
        };
        all.push(here);
    }
    all
}

fn share(of: f64, all: f64) -> f64 {
    if all > 0.0 { of / all } else { 0.0 }
}

/// Whole numbers that add up, from the coarsest level to the finest.
fn whole(levels: &[Level], settled: &[Vec<(f64, f64)>], not_negative: bool) -> Vec<Vec<Fitted>> {
    let mut all: Vec<Vec<Fitted>> = Vec::new();
    for (level, settled) in levels.iter().zip(settled) {
        let mut values = vec![0_i64; settled.len()];
        match all.last() {
            None => {
                for (value, (estimate, _)) in values.iter_mut().zip(settled) {
                    *value = estimate.round() as i64;
                    *value = if not_negative { (*value).max(0) } else { *value };
                }
            }
            Some(coarser) => {
                let mut families = vec![Vec::new(); coarser.len()];
                for (child, &parent) in level.parents.iter().enumerate() {
                    families[parent].push(child);
                }
                for (family, total) in families.iter().zip(coarser) {
                    let estimates: Vec<_> = family.iter().map(|&child| settled[child]).collect();
                    let shared = shared(&estimates, total.value, level.scale, not_negative);
                    family.iter().zip(shared).for_each(|(&child, value)| values[child] = value);
                }
            }
        }
        let fitted = values.into_iter().zip(settled);
        all.push(
            fitted
                .map(|(value, &(estimate, variance))| Fitted { value, estimate, deviation: variance.sqrt() })
                .collect(),
        );
    }
    all
}

/// How far a value may be moved down, in standard deviations, before others are: within every interval that is
/// shown.
const DEVIATIONS_DOWN: f64 = 1.5;

/// Whole numbers near the estimates whose sum is `total`.
fn shared(estimates: &[(f64, f64)], total: i64, scale: f64, not_negative: bool) -> Vec<i64> {
    let least = |&(estimate, variance): &(f64, f64)| match not_negative {
        true => (estimate - DEVIATIONS_DOWN * variance.sqrt()).max(0.0),
        false => f64::NEG_INFINITY,
    };
    let mut floors: Vec<f64> = estimates.iter().map(least).collect();
    if not_negative && floors.iter().sum::<f64>() > total as f64 {
        floors.fill(0.0);
    }
    let near = filled(estimates, &floors, total as f64, scale);
    rounded(&near, &floors, total)
}

/// Moves every estimate by its share of what is missing to `total`, none below its floor (the projection onto a
/// simplex, in the norm of the inverse variances).
fn filled(estimates: &[(f64, f64)], floors: &[f64], total: f64, scale: f64) -> Vec<f64> {
    // What is known exactly is as movable as it is known: hardly.
    let weight = |variance: f64| variance.max(scale * scale * 1e-12);
    let mut values: Vec<f64> = estimates.iter().map(|&(estimate, _)| estimate).collect();
    let mut is_free = vec![true; values.len()];
    loop {
        let free = || (0..estimates.len()).filter(|&place| is_free[place]);
        let weights: f64 = free().map(|place| weight(estimates[place].1)).sum();
        let fixed: f64 = (0..floors.len()).filter(|&place| !is_free[place]).map(|place| floors[place]).sum();
        let missing = total - fixed - free().map(|place| estimates[place].0).sum::<f64>();
        let free: Vec<usize> = free().collect();
        let mut is_done = true;
        for place in free {
            let (estimate, variance) = estimates[place];
            values[place] = estimate + share(weight(variance), weights) * missing;
            if values[place] < floors[place] {
                (values[place], is_free[place], is_done) = (floors[place], false, false);
            }
        }
        if is_done {
            return values;
        }
    }
}

/// Whole numbers with the sum `total`: all rounded down, and the largest remainders one more.
fn rounded(near: &[f64], floors: &[f64], total: i64) -> Vec<i64> {
    let mut values: Vec<i64> = near.iter().map(|value| value.floor() as i64).collect();
    let mut order: Vec<usize> = (0..near.len()).collect();
    let remainder = |place: usize| near[place] - near[place].floor();
    order.sort_by(|&a, &b| remainder(b).total_cmp(&remainder(a)));
    let mut missing = i128::from(total) - values.iter().copied().map(i128::from).sum::<i128>();
    // One pass, unless floating point was off by a unit or all stand on their floors.
    while missing != 0 && !order.is_empty() {
        let before = missing;
        for &place in &order {
            if missing > 0 {
                (values[place], missing) = (values[place] + 1, missing - 1);
            } else if missing < 0 && values[place] as f64 > floors[place].floor().max(-EXACT_MAX) {
                (values[place], missing) = (values[place] - 1, missing + 1);
            }
        }
        if missing == before {
            break;
        }
    }
    values
}
