use opendp::accuracy::gaussian_scale_to_accuracy;

use super::MechanismError;
use super::opendp_seam::{charged_rho_nano, release_cells, scale_for};
use crate::bounds::Sensitivity;
use crate::loss::Loss;

/// Up to this scale the width of an interval is summed from the exact probabilities.
const SUMMED_SCALE_MAX: f64 = 1_000.0;

/// Adds independent discrete Gaussian noise to every cell of a vector of integers.
///
/// *Source:* Canonne, Kamath, Steinke 2020 (arXiv 2004.00010), Theorem 4 and Algorithm 3, as sampled by
/// OpenDP over big rationals.
/// *Contract:* the vectors of neighbouring data sets differ within `sensitivity`, and have the same length:
/// the list of cells is public, or was itself released privately before.
/// *Rounding:* the scale is rounded up; the loss is OpenDP's own privacy map rounded up, never above what
/// was allowed. Results are stopped at the ends of `i64`.
/// *Leakage:* the number of cells, and the time the sampler takes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Gaussian {
    scale: f64,
    sensitivity: Sensitivity,
    loss: Loss,
}

impl Gaussian {
    /// The least noise whose loss is not above `rho_nano`.
    pub fn for_loss(sensitivity: Sensitivity, rho_nano: u64) -> Result<Gaussian, MechanismError> {
        let scale = scale_for(sensitivity, rho_nano)?;
        let loss = Loss { rho_nano: charged_rho_nano(sensitivity, scale)?, delta_femto: 0 };
        Ok(Gaussian { scale, sensitivity, loss })
    }

    /// One draw per cell. Each call costs [`Gaussian::loss`] again.
    pub fn release(&self, exact: &[i64]) -> Result<Vec<i64>, MechanismError> {
        release_cells(self.scale, exact)
    }

    /// The least whole number that the noise exceeds in neither direction with probability `confidence`;
    /// rounded up, by at most one. No number is wide enough for a confidence of 1 or none at all (not a
    /// number): `u64::MAX`.
    pub fn half_width(&self, confidence: f64) -> u64 {
        half_width(self.scale, confidence)
    }

    /// What one release costs.
    pub fn loss(&self) -> Loss {
        self.loss
    }

    /// The noise's parameter; its standard deviation is this or a little less.
    pub fn scale(&self) -> f64 {
        self.scale
    }

    pub fn sensitivity(&self) -> Sensitivity {
        self.sensitivity
    }
}

pub(super) fn half_width(scale: f64, confidence: f64) -> u64 {
    if confidence.is_nan() || confidence >= 1.0 {
        return u64::MAX;
    }
    if confidence <= 0.0 {
        return 0;
    }
    if scale <= SUMMED_SCALE_MAX { summed(scale, confidence) } else { from_normal(scale, confidence) }
}

/// Adds up the probabilities of 0, 1, -1, 2, -2 ... until there is enough.
fn summed(scale: f64, confidence: f64) -> u64 {
    let weight = |x: u64| (-(x as f64 / scale).powi(2) / 2.0).exp();
    // Beyond 40 scales the weight is below the smallest positive number.
    let last = (scale * 40.0).ceil() as u64 + 1;
    let total = 1.0 + 2.0 * (1..=last).rev().map(weight).sum::<f64>();
    let mut within = 1.0;
    // A hair more than asked covers the rounding of the sums.
    let enough = confidence * total * (1.0 + 1e-12);
    (1..=last)
        .find(|&x| {
            let reached = within >= enough;
            within += 2.0 * weight(x);
            reached
        })
        .map_or(last, |x| x - 1)
}

/// Half the width of the interval that holds a weighted sum of independent noises, given as weights and scales,
/// with `confidence`. The discrete tail from m on is lighter than the normal tail from m - 1 on, so each noise is
/// below a normal one plus 1 (in stochastic order), and so is their sum below a normal one plus the weights.
pub fn half_width_of_sum(terms: &[(f64, f64)], confidence: f64) -> f64 {
    if confidence.is_nan() || confidence >= 1.0 {
        return f64::INFINITY;
    }
    let scale = terms.iter().map(|(weight, scale)| (weight * scale).powi(2)).sum::<f64>().sqrt();
    let more: f64 = terms.iter().map(|(weight, _)| weight.abs()).sum();
    let normal = gaussian_scale_to_accuracy(scale, 1.0 - confidence.max(0.0)).unwrap_or(f64::INFINITY);
    normal * (1.0 + 1e-9) + more
}

/// The discrete tail from m on is lighter than the normal tail from m - 1 on (Canonne, Kamath, Steinke
/// 2020, Proposition 25), so the normal interval rounded up is wide enough.
fn from_normal(scale: f64, confidence: f64) -> u64 {
    match gaussian_scale_to_accuracy(scale, 1.0 - confidence) {
        Ok(width) if width.is_finite() => (width * (1.0 + 1e-9)).ceil() as u64,
        _ => u64::MAX,
    }
}
