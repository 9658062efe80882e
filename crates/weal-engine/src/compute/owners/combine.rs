//! One number with one interval, from the numbers that owners drew for a group.
//!
//! The rows of two owners are different rows, so their numbers are added, each once: weighting them by their noise
//! would be an estimate of something else. What an owner does not show it may still have, up to what its threshold
//! lets through: the interval reaches that far, and the value leaves it out.

use weal_domain::compute::{Drawing, Drawn, DrawnThreshold};
use weal_privacy::combining::{Noise, Term, Within, ratio, reach, sum};

use super::super::derived::Estimated;
use super::super::measure::middle_of;
use super::super::price::share_of;
use super::super::release::at_least;
use super::super::variance::Variance;
use super::split::Total;

/// What an owner has in a group.
#[derive(Debug, Clone, Copy)]
pub(super) struct Stand<'a> {
    pub drawing: &'a Drawing,
    pub stood: Stood<'a>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Stood<'a> {
    /// Its numbers.
    Here(&'a [f64]),
    /// It shows groups of enough subjects, and not this one.
    Hidden,
    /// Its groups are public, and this is none of them.
    Nobody,
    /// Its answer ended before it came to this group.
    Cut,
}

/// An aggregate in one group over all owners; `None` where nothing can be said.
pub(super) fn estimated(total: Total, stands: &[Stand<'_>], confidence: f64) -> Estimated {
    if stands.iter().any(|stand| stand.stood == Stood::Cut) {
        return None;
    }
    match total {
        Total::Count { at } => at_least(0.0, triple(added(stands, at, confidence))),
        Total::Sum { at } => {
            // A sum of what is never negative is not negative either.
            let all_above = drawn(stands, at).all(|drawn| drawn.low >= 0.0);
            at_least(if all_above { 0.0 } else { f64::NEG_INFINITY }, triple(added(stands, at, confidence)))
        }
        Total::Average { at } => average(stands, at, confidence),
        Total::Variance { at, sample, root } => variance(stands, at, (sample, root), confidence),
    }
}

fn triple(within: Within) -> Estimated {
    Some((within.value, within.low, within.high))
}

/// The number at `at` of every owner that may have one.
fn drawn<'a>(stands: &'a [Stand<'_>], at: usize) -> impl Iterator<Item = &'a Drawn> {
    stands.iter().filter(|stand| stand.stood != Stood::Nobody).map(move |stand| &stand.drawing.numbers[at])
}

fn hidden<'a>(stands: &'a [Stand<'_>]) -> impl Iterator<Item = &'a Drawing> {
    stands.iter().filter(|stand| stand.stood == Stood::Hidden).map(|stand| stand.drawing)
}

/// What is known of a number, and with which weights it counts.
fn term(drawn: &Drawn, value: f64, above: f64, below: f64) -> Term {
    Term { value, noise: Noise { scale: drawn.scale, unit: drawn.unit }, above, below }
}

/// The terms of every owner that shows the group.
fn terms(stands: &[Stand<'_>], of: impl Fn(&[Drawn], &[f64]) -> Vec<Term>) -> Vec<Term> {
    let here = stands.iter().filter_map(|stand| match stand.stood {
        Stood::Here(numbers) => Some(of(&stand.drawing.numbers, numbers)),
        _ => None,
    });
    here.flatten().collect()
}

/// The most subjects of an owner that are in a group which it does not show, with this confidence.
fn unseen_max(drawing: &Drawing, confidence: f64) -> f64 {
    let of = |threshold: &DrawnThreshold| {
        threshold.shown_from as f64 + reach(threshold.scale, 2.0 * confidence - 1.0).ceil()
    };
    drawing.threshold.as_ref().map_or(0.0, of)
}

/// Confidences of `numbers` intervals and of what each of so many owners hides, so that all hold at once.
fn shares(confidence: f64, numbers: usize, hiding: usize) -> (f64, f64) {
    if hiding == 0 {
        return (share_of(confidence, numbers), 1.0);
    }
    let each = share_of(confidence, numbers + 1);
    (each, share_of(each, hiding))
}

fn added(stands: &[Stand<'_>], at: usize, confidence: f64) -> Within {
    let (each, of_unseen) = shares(confidence, 1, hidden(stands).count());
    let shown = sum(&terms(stands, |drawn, values| vec![term(&drawn[at], values[at], 1.0, 0.0)]), each);
    hidden(stands).fold(shown, |all, drawing| {
        let (subjects, drawn) = (unseen_max(drawing, of_unseen), &drawing.numbers[at]);
        let (low, high) =
            (all.low + subjects * drawn.least.min(0.0), all.high + subjects * drawn.most.max(0.0));
        Within { low, high, ..all }
    })
}

/// Sums of distances, each with what was subtracted, over counts.
fn average(stands: &[Stand<'_>], at: usize, confidence: f64) -> Estimated {
    let (low, high) = bounds(stands, at)?;
    let hiding = hidden(stands).count();
    let (each, of_unseen) = shares(confidence, if hiding == 0 { 1 } else { 2 }, hiding);
    let distances = terms(stands, |drawn, values| {
        let (spread, count) = (&drawn[at], &drawn[at + 1]);
        vec![term(spread, values[at], 1.0, 0.0), term(count, values[at + 1], spread.middle, 1.0)]
    });
    let mean = ratio(&distances, each)?;
    let within = |x: f64| x.clamp(low, high);
    let mut mean = (within(mean.value), within(mean.low), within(mean.high));
    if hiding > 0 {
        // Fewest that are shown, most that are not, and these all at the one bound or the other.
        let shown = added(&shown_only(stands), at + 1, each).low;
        let (mut lowest, mut highest, mut rows) = (mean.1 * shown, mean.2 * shown, shown);
        for drawing in hidden(stands) {
            let most = unseen_max(drawing, of_unseen) * drawing.numbers[at + 1].most;
            lowest += most * drawing.numbers[at].low.min(mean.1);
            highest += most * drawing.numbers[at].high.max(mean.2);
            rows += most;
        }
        mean = match shown >= 1.0 {
            true => (mean.0, within(lowest / rows).min(mean.1), within(highest / rows).max(mean.2)),
            false => (mean.0, low, high),
        };
    }
    Some(mean)
}

fn shown_only<'a>(stands: &[Stand<'a>]) -> Vec<Stand<'a>> {
    stands.iter().filter(|stand| matches!(stand.stood, Stood::Here(_))).copied().collect()
}

/// Between which all values lie, of all owners that may have any.
fn bounds(stands: &[Stand<'_>], at: usize) -> Option<(f64, f64)> {
    drawn(stands, at)
        .map(|drawn| (drawn.low, drawn.high))
        .reduce(|one, other| (one.0.min(other.0), one.1.max(other.1)))
}

/// The mean of squared distances from one middle, less the square of the mean's distance from it. Each owner summed
/// squares of distances from a middle of its own: `(x - c)² = (x - m)² + 2 (m - c)(x - m) + (m - c)²`.
fn variance(stands: &[Stand<'_>], at: usize, (sample, root): (bool, bool), confidence: f64) -> Estimated {
    let (low, high) = bounds(stands, at + 1)?;
    let most = ((high - low) / 2.0).powi(2);
    let middle = middle_of(low, high);
    let each = share_of(confidence, if sample { 3 } else { 2 });
    let squares = terms(stands, |drawn, values| {
        let (square, spread, count) = (&drawn[at], &drawn[at + 1], &drawn[at + 2]);
        let own = middle_of(spread.low, spread.high);
        let apart = own - middle;
        let of_count = square.middle + 2.0 * apart * (spread.middle - own) + apart.powi(2);
        vec![
            term(square, values[at], 1.0, 0.0),
            term(spread, values[at + 1], 2.0 * apart, 0.0),
            term(count, values[at + 2], of_count, 1.0),
        ]
    });
    let square = ratio(&squares, each)?;
    let square = (square.value.clamp(0.0, most), square.low.clamp(0.0, most), square.high.clamp(0.0, most));
    let shown = shown_only(stands);
    let mean = average(&shown, at + 1, each)?;
    let count = triple(added(&shown, at + 2, each));
    let (value, least, greatest) =
        Variance { low, high, sample, root }.of(Some(mean), Some(square), count)?;
    if hidden(stands).next().is_none() {
        return Some((value, least, greatest));
    }
    // What is not shown may lie anywhere.
    let most = if sample { 2.0 * most } else { most };
    let most = if root { most.sqrt() } else { most };
    Some((value, 0.0, most.max(greatest)))
}
