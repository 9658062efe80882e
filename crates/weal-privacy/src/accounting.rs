//! From zero-concentrated privacy to the (epsilon, delta) that people quote, and back.
//!
//! Source: Canonne, Kamath, Steinke, *The Discrete Gaussian for Differential Privacy*, 2020,
//! arXiv 2004.00010, Corollary 13: a mechanism with `rho`-zCDP has (epsilon, delta)-differential privacy for
//!
//! ```text
//! delta = exp((a - 1)(a rho - epsilon)) / (a - 1) * (1 - 1/a)^a      for every a > 1
//! ```
//!
//! Every order `a` gives a true statement, so the search for the best order needs no care about rounding;
//! only the last evaluation does. A sum of releases is converted once, after adding the losses, never part
//! by part: conversions do not add.

use crate::bounds::Sensitivity;
use crate::loss::Loss;
use crate::rounding::{FEMTO, NANO, float_up, quotient_up, square_down, square_up, units_up};

/// Why no epsilon can be stated.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
pub enum AccountingError {
    #[error("delta must lie strictly between 0 and 1, not {delta}")]
    DeltaOutOfRange { delta: f64 },
    #[error(
        "the thresholds alone spend a delta of {spent_femto}e-15, which leaves nothing of the delta {delta} asked for; state a larger delta"
    )]
    DeltaSpent { delta: f64, spent_femto: u64 },
}

/// The epsilon that goes with `delta` for releases that together cost `loss`; rounded up.
///
/// What thresholds spent is taken off `delta` first, since (rho, d)-approximate zCDP that gives epsilon at
/// `delta - d` gives epsilon at `delta`.
pub fn epsilon_of(loss: Loss, delta: f64) -> Result<f64, AccountingError> {
    if !(delta > 0.0 && delta < 1.0) {
        return Err(AccountingError::DeltaOutOfRange { delta });
    }
    let mut left = delta;
    if loss.delta_femto > 0 {
        let spent = (loss.delta_femto as f64 / FEMTO as f64).next_up();
        left = (delta - spent).next_down();
    }
    if left <= 0.0 {
        return Err(AccountingError::DeltaSpent { delta, spent_femto: loss.delta_femto });
    }
    if loss.rho_nano == 0 {
        return Ok(0.0);
    }
    let rho = (loss.rho_nano as f64 / NANO as f64).next_up();
    Ok(epsilon_at_best_order(rho, left))
}

/// The largest rho (in 10⁻⁹) whose [`epsilon_of`] at `delta` is not above `epsilon`; rounded down.
/// Nothing fits parameters that make no sense (not a number, `epsilon` not above 0, `delta` not between
/// 0 and 1): they give 0.
pub fn rho_nano_for(epsilon: f64, delta: f64) -> u64 {
    let fits = |rho_nano| epsilon_of(Loss { rho_nano, delta_femto: 0 }, delta).is_ok_and(|e| e <= epsilon);
    let (mut fitting, mut above) = (0, u64::MAX);
    if epsilon.is_nan() || epsilon <= 0.0 {
        return 0;
    }
    while above - fitting > 1 {
        let middle = fitting + (above - fitting) / 2;
        if fits(middle) {
            fitting = middle;
        } else {
            above = middle;
        }
    }
    fitting
}

/// The rho (in 10⁻⁹, rounded up) of a mechanism with pure `epsilon`-differential privacy: epsilon²/2
/// (Bun and Steinke 2016, Proposition 1.4). Anything that is not a finite number of at least 0 costs
/// `u64::MAX`.
pub fn rho_of_pure(epsilon: f64) -> u64 {
    if epsilon == 0.0 {
        return 0;
    }
    if !(epsilon > 0.0 && epsilon.is_finite()) {
        return u64::MAX;
    }
    units_up(quotient_up(square_up(epsilon), 2.0), NANO)
}

/// The rho (in 10⁻⁹, rounded up) of adding discrete Gaussian noise of `scale` to cells of `sensitivity`:
/// L2²/(2 scale²) (Canonne, Kamath, Steinke 2020, Theorem 4). A scale that is not a finite positive
/// number costs `u64::MAX`.
pub fn gaussian_rho_nano(sensitivity: Sensitivity, scale: f64) -> u64 {
    if !(scale > 0.0 && scale.is_finite()) {
        return u64::MAX;
    }
    let variance = square_down(scale);
    if variance == 0.0 {
        return u64::MAX;
    }
    units_up(quotient_up(float_up(sensitivity.l2_squared()), variance) / 2.0, NANO)
}

/// Golden-section search over the logarithm of `a - 1`. For a fixed epsilon the logarithm of delta is convex in
/// the order, so for a fixed delta epsilon falls and then rises.
fn epsilon_at_best_order(rho: f64, delta: f64) -> f64 {
    const GOLDEN: f64 = 0.618_033_988_749_894_9;
    const STEPS: usize = 120;
    let at = |log_order: f64| epsilon_at_order(rho, delta, log_order.exp());
    let (mut low, mut high) = (-40.0_f64, 40.0_f64);
    let mut left = high - GOLDEN * (high - low);
    let mut right = low + GOLDEN * (high - low);
    let (mut at_left, mut at_right) = (at(left), at(right));
    for _ in 0..STEPS {
        if at_left <= at_right {
            (high, right, at_right) = (right, left, at_left);
            left = high - GOLDEN * (high - low);
            at_left = at(left);
        } else {
            (low, left, at_left) = (left, right, at_right);
            right = low + GOLDEN * (high - low);
            at_right = at(right);
        }
    }
    at_left.min(at_right).max(0.0)
}

/// Corollary 13 solved for epsilon at the order `1 + u`, and a margin above every rounding error (that of
/// `rho` and `delta` included): each term is accurate to a few parts in 10¹⁶, the margin is one part in 10¹²
/// of their magnitudes.
fn epsilon_at_order(rho: f64, delta: f64, u: f64) -> f64 {
    const MARGIN: f64 = 1e-12;
    let terms = [(1.0 + u) * rho, u.ln(), -u.ln_1p(), -delta.ln() / u, -u.ln_1p() / u];
    let sum: f64 = terms.iter().sum();
    let magnitude: f64 = terms.iter().map(|term| term.abs()).sum();
    sum + MARGIN * magnitude
}
