//! One number and one interval from numbers that several owners released, each with noise of its own.
//!
//! Releases of different owners are about different rows and their noise is independent, so numbers add and so do
//! the variances of their noise. What two of them divide is not normal, and gets the interval of Fieller 1954: every
//! ratio that the numbers do not speak against. It holds with the stated confidence whatever the divisor, and says so
//! where the divisor cannot be told from nothing.
//!
//! *Rounding:* noise on whole numbers reaches as far as normal noise and half a unit; half a unit is added to each
//! deviation, in the terms of the interval. So an interval of one number is that of its normal noise and half a unit.
//! *Leakage:* none; all of it is computed from what was released.

use std::cell::RefCell;
use std::collections::BTreeMap;

use opendp::accuracy::gaussian_scale_to_accuracy;

/// The noise of one released number.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Noise {
    /// Sigma of the discrete Gaussian, in the number's own units.
    pub scale: f64,
    /// The number is a multiple of this.
    pub unit: f64,
}

/// A released number with its weights in what is computed: above the line, and below it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Term {
    pub value: f64,
    pub noise: Noise,
    pub above: f64,
    pub below: f64,
}

/// A number and the ends of its interval.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Within {
    pub value: f64,
    pub low: f64,
    pub high: f64,
}

/// How far normal noise of this scale reaches to both sides with this confidence. Infinite for a confidence of 1.
#[must_use]
pub fn reach(scale: f64, confidence: f64) -> f64 {
    if scale <= 0.0 || confidence <= 0.0 {
        return 0.0;
    }
    let width = scale * deviations(confidence);
    if width.is_finite() { width } else { f64::INFINITY }
}

/// Confidences whose deviations a thread remembers: a question asks for few, and for each of them in every group.
const CONFIDENCES_KEPT_MAX: usize = 256;

thread_local! {
    /// By the bits of the confidence.
    static DEVIATIONS: RefCell<BTreeMap<u64, f64>> = const { RefCell::new(BTreeMap::new()) };
}

/// How far normal noise of scale 1 reaches, worked out once.
fn deviations(confidence: f64) -> f64 {
    DEVIATIONS.with_borrow_mut(|known| {
        let key = confidence.to_bits();
        if let Some(deviations) = known.get(&key) {
            return *deviations;
        }
        if known.len() >= CONFIDENCES_KEPT_MAX {
            known.clear();
        }
        let deviations = gaussian_scale_to_accuracy(1.0, 1.0 - confidence).unwrap_or(f64::INFINITY);
        known.insert(key, deviations);
        deviations
    })
}

/// Half the width of the interval of the sum of independent numbers, each times a weight.
pub fn half_width(noises: impl IntoIterator<Item = (f64, Noise)>, confidence: f64) -> f64 {
    let z = reach(1.0, confidence);
    z * noises.into_iter().map(|(weight, noise)| square(weight * noise.deviation(z))).sum::<f64>().sqrt()
}

/// The sum of the terms, each times its weight above the line.
#[must_use]
pub fn sum(terms: &[Term], confidence: f64) -> Within {
    let value = terms.iter().map(|term| term.above * term.value).sum::<f64>();
    let half = half_width(terms.iter().map(|term| (term.above, term.noise)), confidence);
    Within { value, low: value - half, high: value + half }
}

/// What stands above the line over what stands below it, which counts something and so is never negative. `None`
/// where nothing seems to be below; an interval without ends where that cannot be ruled out.
#[must_use]
pub fn ratio(terms: &[Term], confidence: f64) -> Option<Within> {
    let total = |of: &dyn Fn(&Term) -> f64| terms.iter().map(of).sum::<f64>();
    let below = total(&|term| term.below * term.value);
    if below.is_nan() || below <= 0.0 {
        return None;
    }
    let value = total(&|term| term.above * term.value) / below;
    let z = reach(1.0, confidence);
    let variance = |term: &Term| square(term.noise.deviation(z));
    // Of the numerator less `value` times the divisor: measured from there, little is lost to rounding.
    let apart = |term: &Term| term.above - value * term.below;
    let above_variance = total(&|term| square(apart(term)) * variance(term));
    let covariance = total(&|term| apart(term) * term.below * variance(term));
    let below_variance = total(&|term| square(term.below) * variance(term));
    // All d for which |(value + d) * below - above| is within reach: a d^2 + 2 b d - c is not above 0.
    let a = square(below) - square(z) * below_variance;
    let b = square(z) * covariance;
    let c = square(z) * above_variance;
    if a.is_nan() || a <= 0.0 || !c.is_finite() {
        return Some(Within { value, low: f64::NEG_INFINITY, high: f64::INFINITY });
    }
    let root = (square(b) + a * c).max(0.0).sqrt();
    Some(Within { value, low: value + (-b - root) / a, high: value + (-b + root) / a })
}

impl Noise {
    /// With what whole numbers reach beyond normal noise, for an interval of `z` deviations.
    fn deviation(self, z: f64) -> f64 {
        if z > 0.0 { self.scale + self.unit / (2.0 * z) } else { self.scale }
    }
}

fn square(x: f64) -> f64 {
    x * x
}
