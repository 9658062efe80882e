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
    let limits = (if not_negative { 0 } else { i64::MIN }, i64::MAX);
    let limits: Vec<_> = levels.iter().map(|level| vec![limits; level.released.len()]).collect();
    fit_within(levels, &limits)
}

/// As [`fit`], with the least and the greatest that each value may be: limits of a total that are the sums of the
/// limits of its parts, or none at all.
#[must_use]
pub fn fit_within(levels: &[Level], limits: &[Vec<(i64, i64)>]) -> Option<Vec<Vec<Fitted>>> {
    let fits = |level: &Level| {
        let small = level.released.iter().all(|number| (number.unsigned_abs() as f64) < EXACT_MAX);
        small && level.scale > 0.0 && level.scale < EXACT_MAX && level.parents.len() == level.released.len()
    };
    let known = |pair: &[Level]| pair[1].parents.iter().all(|&parent| parent < pair[0].released.len());
    let lengths = levels.iter().map(|level| level.released.len());
    let limited = lengths.eq(limits.iter().map(Vec::len));
    let ordered = limits.iter().flatten().all(|(least, most)| least <= most);
    if !levels.iter().all(fits) || !levels.windows(2).all(known) || !limited || !ordered {
        return None;
    }
    let upward = upward(levels);
    let settled = downward(levels, &upward);
    Some(whole(levels, &settled, limits))
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
fn whole(levels: &[Level], settled: &[Vec<(f64, f64)>], limits: &[Vec<(i64, i64)>]) -> Vec<Vec<Fitted>> {
    let mut all: Vec<Vec<Fitted>> = Vec::new();
    for ((level, settled), limits) in levels.iter().zip(settled).zip(limits) {
        let mut values = vec![0_i64; settled.len()];
        match all.last() {
            None => {
                for ((value, (estimate, _)), (least, most)) in values.iter_mut().zip(settled).zip(limits) {
                    *value = (estimate.round() as i64).clamp(*least, *most);
                }
            }
            Some(coarser) => {
                let mut families = vec![Vec::new(); coarser.len()];
                for (child, &parent) in level.parents.iter().enumerate() {
                    families[parent].push(child);
                }
                for (family, total) in families.iter().zip(coarser) {
                    let estimates: Vec<_> = family.iter().map(|&child| settled[child]).collect();
                    let limits: Vec<_> = family.iter().map(|&child| limits[child]).collect();
                    let shared = shared(&estimates, &limits, total.value, level.scale);
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

/// How far a value may be moved, in standard deviations, before others are: within every interval that is shown.
const DEVIATIONS_MOVED: f64 = 1.5;

/// Whole numbers near the estimates, within their limits, whose sum is `total`.
fn shared(estimates: &[(f64, f64)], limits: &[(i64, i64)], total: i64, scale: f64) -> Vec<i64> {
    let (mut least, mut most) = (Vec::new(), Vec::new());
    for (&(estimate, variance), &(low, high)) in estimates.iter().zip(limits) {
        let (low, high, far) = (low as f64, high as f64, DEVIATIONS_MOVED * variance.sqrt());
        least.push((estimate - far).clamp(low, high));
        most.push((estimate + far).clamp(low, high));
    }
    if least.iter().sum::<f64>() > total as f64 {
        least = limits.iter().map(|limits| limits.0 as f64).collect();
    }
    if most.iter().sum::<f64>() < total as f64 {
        most = limits.iter().map(|limits| limits.1 as f64).collect();
    }
    rounded(&filled(estimates, &least, &most, (total as f64, scale)), limits, total)
}

/// Halvings of a bracket: below the rounding of what it brackets.
const HALVINGS: usize = 80;
const DOUBLINGS_MAX: usize = 200;

/// Moves every estimate in proportion to its variance, none beyond its ends, until their sum is `total` (the
/// projection onto it, in the norm of the inverse variances). `scale` is that of the noise.
fn filled(estimates: &[(f64, f64)], least: &[f64], most: &[f64], (total, scale): (f64, f64)) -> Vec<f64> {
    // What is known exactly is as movable as it is known: hardly.
    let weight = |variance: f64| variance.max(scale * scale * 1e-12);
    let moved = |by: f64| {
        let ends = least.iter().zip(most);
        let moved = estimates.iter().zip(ends).map(move |(&(estimate, variance), (&least, &most))| {
            (estimate + by * weight(variance)).clamp(least, most)
        });
        moved.collect::<Vec<f64>>()
    };
    let missing = |by: f64| total - moved(by).iter().sum::<f64>();
    let (weights, start): (f64, f64) =
        (estimates.iter().map(|&(_, variance)| weight(variance)).sum(), missing(0.0));
    if weights == 0.0 || start == 0.0 {
        return moved(0.0);
    }
    // Where no end is met this is all there is to do.
    let (mut near, mut far) = (0.0, start / weights);
    for _ in 0..DOUBLINGS_MAX {
        if missing(far) * start <= 0.0 {
            break;
        }
        (near, far) = (far, far * 2.0);
    }
    for _ in 0..HALVINGS {
        let middle = f64::midpoint(near, far);
        if missing(middle) * start > 0.0 { near = middle } else { far = middle }
    }
    moved(far)
}

/// Whole numbers within their limits with the sum `total`: all rounded down, and the largest remainders one more.
fn rounded(near: &[f64], limits: &[(i64, i64)], total: i64) -> Vec<i64> {
    let mut values: Vec<i64> = near.iter().map(|value| value.floor() as i64).collect();
    let mut order: Vec<usize> = (0..near.len()).collect();
    let remainder = |place: usize| near[place] - near[place].floor();
    order.sort_by(|&a, &b| remainder(b).total_cmp(&remainder(a)));
    let mut missing = i128::from(total) - values.iter().copied().map(i128::from).sum::<i128>();
    // One pass, unless floating point was off by a unit or all stand at their limits.
    while missing != 0 && !order.is_empty() {
        let before = missing;
        for &place in &order {
            if missing > 0 && values[place] < limits[place].1 {
                (values[place], missing) = (values[place] + 1, missing - 1);
            } else if missing < 0 && values[place] > limits[place].0 {
                (values[place], missing) = (values[place] - 1, missing + 1);
            }
        }
        if missing == before {
            break;
        }
    }
    values
}
