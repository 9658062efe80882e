//! What an answer costs and how exact it will be, before any data is read.

use weal_domain::catalogue::PrivacyPolicy;
use weal_domain::compute::{Loss, Mechanism, Release};
use weal_domain::{Refusal, RefusalKind};
use weal_privacy::bounds::{BoundsError, PER_GROUP_MAX, Sensitivity, split_loss};
use weal_privacy::mechanism::{Gaussian, MechanismError, Thresholded, half_width_of_sum};

use super::measure::Value;
use super::reading::{Part, Reading};
use super::sides::leaves_of;

/// Of every interval.
pub(crate) const CONFIDENCE: f64 = 0.95;

/// Of each of so many numbers, so that all hold at once with [`CONFIDENCE`].
pub(crate) fn confidence_of_each(numbers: usize) -> f64 {
    share_of(CONFIDENCE, numbers)
}

/// Of each of so many numbers, so that all hold at once with `confidence` (Bonferroni).
pub(crate) fn share_of(confidence: f64, numbers: usize) -> f64 {
    1.0 - (1.0 - confidence) / numbers.max(1) as f64
}

/// How the parts of one answer are released.
#[derive(Debug, Clone)]
pub(crate) struct Price {
    /// Decides which groups are shown, where that is not public; its count is the first part.
    pub threshold: Option<Thresholded>,
    /// Of the other parts, in their order.
    pub noise: Vec<Gaussian>,
    /// Of the number of subjects in groups that do not pass the threshold, where that is told.
    pub withheld: Option<Gaussian>,
    /// The same for whoever keeps accounts.
    pub releases: Vec<Release>,
}

/// Of a grouping's loss one part in so many tells how much is withheld; every interval is one in a hundred wider
/// for it.
const WITHHELD_PARTS: u64 = 50;

/// A value in fixed point, and what one subject adds to its total in one group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Contribution {
    /// Subtracted from each value first; 0 for totals.
    pub middle: i64,
    pub low: i64,
    pub high: i64,
}

impl Contribution {
    pub(crate) fn of_total(value: &Value, rows_max: u32) -> Result<Self, Refusal> {
        let fixed = value.fixed()?;
        Self::of_rows(0, (fixed.low().min(0), fixed.high().max(0)), rows_max)
    }
    pub(crate) fn of_spread(value: &Value, rows_max: u32) -> Result<Self, Refusal> {
        let fixed = value.fixed()?;
        let middle = (fixed.low() + fixed.high()).div_euclid(2);
        Self::of_rows(middle, (fixed.low() - middle, fixed.high() - middle), rows_max)
    }
    /// Computed wide: a product that wrapped around would be noised as if it were small.
    fn of_rows(middle: i64, (low, high): (i64, i64), rows_max: u32) -> Result<Self, Refusal> {
        let times = |each: i64| i128::from(each) * i128::from(rows_max);
        let (low, high) = (times(low), times(high));
        let per_group = low.unsigned_abs().max(high.unsigned_abs());
        match (i64::try_from(low), i64::try_from(high)) {
            (Ok(low), Ok(high)) if per_group <= PER_GROUP_MAX.into() => Ok(Self { middle, low, high }),
            _ => Err(bad_bounds(BoundsError::TooMuchPerGroup { per_group })),
        }
    }
    /// Linf, at least 1: noise is never off.
    pub(crate) fn widest(self) -> u64 {
        self.low.unsigned_abs().max(self.high.unsigned_abs()).max(1)
    }
}

/// Makes the count of subjects the first part where groups must pass a threshold.
pub(crate) fn with_threshold(reading: &mut Reading) {
    let place = reading.parts.iter().position(|part| *part == Part::Subjects);
    let moved = |old: usize| match place {
        Some(place) if old == place => 0,
        Some(place) if old < place => old + 1,
        Some(_) => old,
        None => old + 1,
    };
    if let Some(place) = place {
        reading.parts.remove(place);
    }
    reading.parts.insert(0, Part::Subjects);
    for estimate in &mut reading.estimates {
        *estimate = estimate.over(moved);
    }
}

/// Of parts that are shown, against that of a count which decides which groups are shown and is not.
const WEIGHT: u32 = 2;

/// How the loss is shared between the parts.
fn weights(reading: &Reading, private: bool) -> Vec<u32> {
    let asked = |part: usize| reading.estimates.iter().any(|estimate| estimate.parts().contains(&part));
    let weight = |part| if private && part == 0 && !asked(part) { 1 } else { WEIGHT };
    (0..reading.parts.len()).map(weight).collect()
}

/// Shares what is asked between the groupings of a question: rho between all, delta between those that need it.
pub(crate) fn shares_of(asked: Loss, private: &[bool]) -> Vec<Loss> {
    let total = weal_privacy::Loss { rho_nano: asked.rho_nano, delta_femto: 0 };
    let needing = private.iter().filter(|private| **private).count().max(1) as u64;
    let shares = split_loss(total, &vec![1; private.len()], false).into_iter().zip(private);
    let delta = |private: bool| if private { asked.delta_femto / needing } else { 0 };
    shares.map(|(share, &private)| Loss { rho_nano: share.rho_nano, delta_femto: delta(private) }).collect()
}

/// As [`price`], and where groups must pass a threshold some of the loss is for telling how much did not.
///
/// That number is the sum of the counts of the groups that were not shown. Given which were, a subject moves it by at
/// most one for each group that it may be in, so it is a release of its own after the one that chose the groups.
pub(crate) fn price_with_withheld(
    reading: &Reading,
    policy: &PrivacyPolicy,
    public_groups: Option<usize>,
    asked: Loss,
) -> Result<Price, Refusal> {
    let aside = if public_groups.is_none() { asked.rho_nano / WITHHELD_PARTS } else { 0 };
    let rest = Loss { rho_nano: asked.rho_nano - aside, ..asked };
    let mut price = price(reading, policy, public_groups, rest)?;
    let sensitivity = Sensitivity::new(1, policy.groups_per_subject_max.into()).map_err(bad_bounds)?;
    // With too little loss for it, it is not told.
    if let Ok(noise) = Gaussian::for_loss(sensitivity, aside) {
        price.releases.push(told(Mechanism::DiscreteGaussian, noise.scale(), sensitivity, noise.loss()));
        price.withheld = Some(noise);
    }
    Ok(price)
}

/// Prices the parts of `reading` in one grouping at `asked`. `public_groups` is their number where it is public.
pub(crate) fn price(
    reading: &Reading,
    policy: &PrivacyPolicy,
    public_groups: Option<usize>,
    asked: Loss,
) -> Result<Price, Refusal> {
    if reading.parts.is_empty() {
        return Err(Refusal::invalid(
            "nothing-asked",
            "The question asks for public keys alone, which you know already.",
        )
        .remedy("Add COUNT(*), SUM(...) or AVG(...)."));
    }
    let groups = policy.groups_per_subject_max;
    // Nobody is in more groups than there are.
    let groups =
        public_groups.map_or(groups, |count| groups.min(u32::try_from(count).unwrap_or(u32::MAX))).max(1);
    // What has a plan of its own is not bounded by rows in all.
    let rows = policy.rows_per_group_max;
    let of_rows = |sensitivity: Sensitivity| match policy.rows_per_subject_max {
        Some(most) => sensitivity.with_rows(rows, most),
        None => sensitivity,
    };
    let private = public_groups.is_none();
    let total = weal_privacy::Loss { rho_nano: asked.rho_nano, delta_femto: asked.delta_femto };
    let shares = split_loss(total, &weights(reading, private), private);
    let (mut threshold, mut noise, mut releases) = (None, Vec::new(), Vec::new());
    for (i, (part, share)) in reading.parts.iter().zip(&shares).enumerate() {
        if i == 0 && private {
            let min = policy.group_size_min;
            let found = Thresholded::for_loss(groups, share.rho_nano, share.delta_femto, min);
            let found = found.map_err(no_noise)?;
            let sensitivity = Sensitivity::of_subjects(groups).map_err(bad_bounds)?;
            releases.push(Release {
                threshold: Some(found.threshold()),
                ..told(Mechanism::DiscreteGaussianThreshold, found.scale(), sensitivity, found.loss())
            });
            threshold = Some(found);
            continue;
        }
        let sensitivity = match part {
            Part::Subjects | Part::Present(_) => Sensitivity::of_subjects(groups),
            Part::Rows | Part::Values(_) => Sensitivity::of_rows(groups, rows).map(of_rows),
            Part::Distinct(_) => Sensitivity::of_rows(groups, rows),
            // Every value is counted at each level of the tree.
            Part::Ranks(value) => {
                let cells = groups.saturating_mul(leaves_of(value)?.levels());
                Sensitivity::of_rows(cells, rows)
            }
            Part::Total(value) => {
                Sensitivity::new(groups, Contribution::of_total(value, rows)?.widest()).map(of_rows)
            }
            Part::Spread(value) => {
                Sensitivity::new(groups, Contribution::of_spread(value, rows)?.widest()).map(of_rows)
            }
        };
        let found = Gaussian::for_loss(sensitivity.map_err(bad_bounds)?, share.rho_nano).map_err(no_noise)?;
        releases.push(told(Mechanism::DiscreteGaussian, found.scale(), found.sensitivity(), found.loss()));
        noise.push(found);
    }
    Ok(Price { threshold, noise, withheld: None, releases })
}

/// One release as an accountant reads it.
fn told(mechanism: Mechanism, scale: f64, sensitivity: Sensitivity, loss: weal_privacy::Loss) -> Release {
    Release {
        mechanism,
        scale,
        l0: sensitivity.groups(),
        linf: sensitivity.per_group(),
        l2: (sensitivity.l2_squared() as f64).sqrt(),
        threshold: None,
        count: 1,
        loss: Loss { rho_nano: loss.rho_nano, delta_femto: loss.delta_femto },
    }
}

impl Price {
    /// Half the width of the interval around `part + weight * other`, whose noises are independent.
    pub(crate) fn half_width_of_sum(&self, part: usize, weight: i64, other: usize, confidence: f64) -> f64 {
        half_width_of_sum(&[(1.0, self.scale(part)), (weight as f64, self.scale(other))], confidence).ceil()
    }

    /// The standard deviation of a part's noise, or a little more.
    pub(crate) fn scale(&self, part: usize) -> f64 {
        match (&self.threshold, part) {
            (Some(threshold), 0) => threshold.scale(),
            (Some(_), part) => self.noise[part - 1].scale(),
            (None, part) => self.noise[part].scale(),
        }
    }

    /// Half the width of the interval of a part's noise.
    pub(crate) fn half_width(&self, part: usize, confidence: f64) -> u64 {
        match (&self.threshold, part) {
            (Some(threshold), 0) => threshold.half_width(confidence),
            (Some(_), part) => self.noise[part - 1].half_width(confidence),
            (None, part) => self.noise[part].half_width(confidence),
        }
    }
}

fn no_noise(error: MechanismError) -> Refusal {
    let kind = match error {
        MechanismError::NoLoss | MechanismError::NoDelta => RefusalKind::Exhausted,
        _ => RefusalKind::Invalid,
    };
    let remedy = match error {
        MechanismError::NoDelta => "Allow a delta above 0, or group by public keys alone.",
        MechanismError::NoLoss => "Allow a larger loss for this question.",
        _ => "Ask for fewer totals at once, allow more loss, or ask the owner for narrower bounds.",
    };
    Refusal::new(kind, "no-private-answer", format!("This cannot be answered privately: {error}."))
        .remedy(remedy)
}

pub(crate) fn bad_bounds(error: BoundsError) -> Refusal {
    Refusal::invalid("bounds-too-wide", format!("This cannot be summed privately: {error}."))
        .remedy("Sum a narrower expression, or ask the owner for narrower bounds.")
        .changed_by("the owner's steward")
}
