//! Everything that touches OpenDP. Its measurements hold functions that must stay on their thread, so they
//! are built and invoked within one call and never stored.

use std::collections::HashMap;
use std::thread::{self, ScopedJoinHandle};

use opendp::core::Measurement;
use opendp::domains::{AtomDomain, MapDomain, VectorDomain};
use opendp::measurements::{make_gaussian, make_gaussian_threshold};
use opendp::measures::{Approximate, ZeroConcentratedDivergence};
use opendp::metrics::{AbsoluteDistance, L0PInfDistance, L2Distance};
use opendp::traits::InfSqrt;

use super::{CELLS_PER_THREAD_MAX, MechanismError, RHO_NANO_MAX, SCALE_MAX};
use crate::bounds::Sensitivity;
use crate::loss::Loss;
use crate::rounding::{FEMTO, NANO, ceil_to_bits, units_up};

type Cells = VectorDomain<AtomDomain<i64>>;
type Groups = MapDomain<AtomDomain<usize>, AtomDomain<i64>>;
type GroupDistance = L0PInfDistance<2, AbsoluteDistance<f64>>;
type Noisy<T> =
    Measurement<T, L2Distance<f64>, ZeroConcentratedDivergence, <T as opendp::core::Domain>::Carrier>;
type Shown = Measurement<Groups, GroupDistance, Approximate<ZeroConcentratedDivergence>, HashMap<usize, i64>>;

/// Bits of the noise scale's significand: few enough that drawing stays fast, so many that rounding the
/// scale up costs less than one unit of loss.
const SCALE_BITS: u32 = 34;
/// The first candidate is off by floating-point error alone, so the second already fits; more than a few
/// would be a mistake of ours.
const SCALE_STEPS_MAX: usize = 8;

fn gaussian(scale: f64) -> Result<Noisy<Cells>, MechanismError> {
    let domain = VectorDomain::new(AtomDomain::<i64>::new_non_nan());
    make_gaussian(domain, L2Distance::default(), scale, None).map_err(|_| MechanismError::NoiseUnavailable)
}

fn gaussian_threshold(scale: f64, threshold: i64) -> Result<Shown, MechanismError> {
    let domain = MapDomain::new(AtomDomain::<usize>::new_non_nan(), AtomDomain::<i64>::new_non_nan());
    make_gaussian_threshold(domain, L0PInfDistance::default(), scale, threshold, None)
        .map_err(|_| MechanismError::NoiseUnavailable)
}

/// The L2 sensitivity, rounded up.
fn l2(sensitivity: Sensitivity) -> Result<f64, MechanismError> {
    let squared = sensitivity.l2_squared();
    let nearest = squared as f64;
    // A float above 2^53 is a whole number, so the comparison is exact.
    let up = if (nearest as u128) < squared { nearest.next_up() } else { nearest };
    up.inf_sqrt().map_err(|_| MechanismError::TooMuchNoise)
}

/// What OpenDP's privacy map says a vector release costs; rounded up.
pub(super) fn charged_rho_nano(sensitivity: Sensitivity, scale: f64) -> Result<u64, MechanismError> {
    let rho = gaussian(scale)?.map(&l2(sensitivity)?).map_err(|_| MechanismError::TooMuchNoise)?;
    Ok(units_up(rho, NANO))
}

/// What OpenDP's privacy map says a release of groups at `threshold` costs; rounded up. `None` where the
/// map refuses the threshold as too small.
pub(super) fn charged_threshold_loss(
    sensitivity: Sensitivity,
    scale: f64,
    threshold: i64,
) -> Result<Option<Loss>, MechanismError> {
    let each = sensitivity.per_group() as f64;
    let distance = (sensitivity.groups(), l2(sensitivity)?, each);
    Ok(gaussian_threshold(scale, threshold)?
        .map(&distance)
        .ok()
        .map(|(rho, delta)| Loss { rho_nano: units_up(rho, NANO), delta_femto: units_up(delta, FEMTO) }))
}

/// The smallest noise scale (of those with few bits) whose cost is not above `rho_nano`.
pub(super) fn scale_for(sensitivity: Sensitivity, rho_nano: u64) -> Result<f64, MechanismError> {
    if rho_nano == 0 {
        return Err(MechanismError::NoLoss);
    }
    if rho_nano > RHO_NANO_MAX {
        return Err(MechanismError::LossTooLarge { rho_nano });
    }
    let rho = rho_nano as f64 / NANO as f64;
    let nearly = (sensitivity.l2_squared() as f64 / (2.0 * rho)).sqrt();
    let (mut scale, mut next) = ceil_to_bits(nearly, SCALE_BITS);
    for _ in 0..SCALE_STEPS_MAX {
        if scale > SCALE_MAX {
            return Err(MechanismError::TooMuchNoise);
        }
        if charged_rho_nano(sensitivity, scale)? <= rho_nano {
            return Ok(scale);
        }
        (scale, next) = (next, ceil_to_bits(next, SCALE_BITS).1);
    }
    Err(MechanismError::TooMuchNoise)
}

/// Adds noise to every cell.
pub(super) fn release_cells(scale: f64, exact: &[i64]) -> Result<Vec<i64>, MechanismError> {
    let parts = in_parts(exact, |part| {
        gaussian(scale)?.invoke(&part.to_vec()).map_err(|_| MechanismError::NoiseUnavailable)
    })?;
    Ok(parts.into_iter().flatten().collect())
}

/// Adds noise to every count and keeps those whose noisy count is at least `threshold`, in order.
pub(super) fn release_groups(
    scale: f64,
    threshold: i64,
    counts: &[(usize, i64)],
) -> Result<Vec<(usize, i64)>, MechanismError> {
    let parts = in_parts(counts, |part| {
        gaussian_threshold(scale, threshold)?
            .invoke(&part.iter().copied().collect())
            .map_err(|_| MechanismError::NoiseUnavailable)
    })?;
    let mut shown: Vec<_> = parts.into_iter().flatten().collect();
    shown.sort_unstable();
    Ok(shown)
}

/// Runs `draw` on the items, on as many threads as there are processors once there are many items. The
/// noise of each item is independent of all others, so the cut changes nothing.
fn in_parts<T: Sync, R: Send>(
    items: &[T],
    draw: impl Fn(&[T]) -> Result<R, MechanismError> + Sync,
) -> Result<Vec<R>, MechanismError> {
    if items.len() <= CELLS_PER_THREAD_MAX {
        return Ok(vec![draw(items)?]);
    }
    let threads = thread::available_parallelism().map_or(1, |threads| threads.get());
    let draw = &draw;
    thread::scope(|scope| {
        let running: Vec<_> = items
            .chunks(items.len().div_ceil(threads))
            .map(|part| thread::Builder::new().spawn_scoped(scope, move || draw(part)))
            .collect();
        running
            .into_iter()
            .map(|part| match part.map(ScopedJoinHandle::join) {
                Ok(Ok(drawn)) => drawn,
                // The system gave no thread, or the thread died.
                Err(_) | Ok(Err(_)) => Err(MechanismError::NoiseUnavailable),
            })
            .collect()
    })
}
