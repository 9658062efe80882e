use super::gaussian::half_width;
use super::opendp_seam::{charged_threshold_loss, release_groups, scale_for};
use super::{MechanismError, SCALE_MAX};
use crate::bounds::Sensitivity;
use crate::loss::Loss;
use crate::rounding::FEMTO;

/// Decides which groups may be shown at all where their keys are private, and counts their subjects.
///
/// *Source:* Rogers 2023 (arXiv 2309.09170) for noise and threshold; Google's pre-thresholding
/// (`common_docs/pre_thresholding.md` of `google/differential-privacy`) for the hard minimum.
///
/// *Contract:* the input is the number of **distinct subjects** of every group that has any, and no subject
/// is in more than `groups_per_subject_max` groups. The same noisy count serves as test and as answer.
///
/// *Why the threshold is one above OpenDP's.* OpenDP 0.16 shows a group whose noisy count is at least t, but
/// counts in its delta only the tail strictly above t (opendp issue 2922). On integers "at least t + 1" is
/// "above t", so the map is asked for t and the release made with t + 1. Should a later version mend this, the
/// release stays safe and is one step too strict.
///
/// *Why the hard minimum n costs nothing.* A count c becomes `max(0, c - (n - 1))` before anything random
/// happens, a group at 0 is left out as if nobody were in it, and n - 1 is added again to what is released. The
/// step in front sends no subjects to none and never widens a difference between neighbours: one subject still
/// moves one group by at most 1, and no more groups. So the shifted counts are a valid input of the
/// mechanism with the same sensitivity and the loss is the same; the step behind is post-processing. A group
/// of n subjects is as safe as a group of one is without a minimum, and one of fewer than n is never shown.
///
/// *Rounding:* scale and threshold are rounded up, the loss is OpenDP's map rounded up.
/// *Leakage:* the time the sampler takes, which grows with the number of groups of at least n subjects.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Thresholded {
    scale: f64,
    /// What OpenDP is asked to keep from: t + 1, in shifted counts.
    released_from: i64,
    /// n - 1.
    shift: i64,
    loss: Loss,
}

impl Thresholded {
    /// The least noise and the lowest threshold whose loss is within `rho_nano` and `delta_femto`.
    /// A `group_size_min` of 0 is read as 1: a group of nobody is nothing to show.
    pub fn for_loss(
        groups_per_subject_max: u32,
        rho_nano: u64,
        delta_femto: u64,
        group_size_min: u32,
    ) -> Result<Thresholded, MechanismError> {
        if delta_femto == 0 || delta_femto >= FEMTO {
            return Err(MechanismError::NoDelta);
        }
        let sensitivity =
            Sensitivity::of_subjects(groups_per_subject_max).map_err(|_| MechanismError::NoGroups)?;
        let scale = scale_for(sensitivity, rho_nano)?;
        let allowed = Loss { rho_nano, delta_femto };
        let (charged, loss) = lowest_threshold(sensitivity, scale, allowed)?;
        let shift = i64::from(group_size_min.saturating_sub(1));
        Ok(Thresholded { scale, released_from: charged + 1, shift, loss })
    }

    /// `counts[i]` is the exact number of distinct subjects of group `i`. Gives the groups that may be shown,
    /// by index, with their noisy counts. Each call costs [`Thresholded::loss`] again.
    pub fn release(&self, counts: &[i64]) -> Result<Vec<(usize, i64)>, MechanismError> {
        let shifted: Vec<_> = counts
            .iter()
            .map(|&count| count.max(0) - self.shift)
            .enumerate()
            .filter(|&(_, count)| count > 0)
            .collect();
        let mut shown = release_groups(self.scale, self.released_from, &shifted)?;
        shown.iter_mut().for_each(|(_, noisy)| *noisy = noisy.saturating_add(self.shift));
        Ok(shown)
    }

    /// About how many subjects a group needs to be shown with this `probability`: 0.5 gives the threshold
    /// itself, and so does anything less.
    pub fn shown_from(&self, probability: f64) -> u64 {
        self.threshold().saturating_add(half_width(self.scale, 2.0 * probability - 1.0))
    }

    /// The least noisy count that is ever shown.
    pub fn threshold(&self) -> u64 {
        self.released_from.saturating_add(self.shift).unsigned_abs()
    }

    /// As [`super::Gaussian::half_width`], for the noise of the counts shown. Counts close to
    /// [`Thresholded::threshold`] are shown only when the noise is in their favour, so they read high.
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
}

/// The lowest threshold, at least one above what a subject adds, that OpenDP's map charges within `allowed`.
fn lowest_threshold(
    sensitivity: Sensitivity,
    scale: f64,
    allowed: Loss,
) -> Result<(i64, Loss), MechanismError> {
    let within = |threshold| {
        charged_threshold_loss(sensitivity, scale, threshold)
            .map(|loss| loss.filter(|loss| loss.is_within(allowed)))
    };
    let unreachable = MechanismError::DeltaTooSmall { delta_femto: allowed.delta_femto };
    let mut below = 1_i64;
    let mut enough = 2_i64;
    let mut loss = within(enough)?;
    while loss.is_none() && (enough as f64) < SCALE_MAX {
        (below, enough) = (enough, enough * 2);
        loss = within(enough)?;
    }
    while loss.is_some() && enough - below > 1 {
        let middle = below + (enough - below) / 2;
        match within(middle)? {
            Some(found) => (enough, loss) = (middle, Some(found)),
            None => below = middle,
        }
    }
    loss.map(|loss| (enough, loss)).ok_or(unreachable)
}
