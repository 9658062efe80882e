//! The auditor at work: true claims pass, planted mistakes are found. Each planted mistake is one that
//! an engine makes easily.

use weal_privacy::Loss;
use weal_privacy::bounds::{FixedPoint, Sensitivity, saturating_sum};
use weal_privacy::mechanism::{Gaussian, Thresholded};

use crate::auditor::excess;

const RHO_NANO: u64 = 500_000_000;
const CLAIM: Loss = Loss { rho_nano: RHO_NANO, delta_femto: 0 };
const SAMPLES: usize = 40_000;

/// Independent releases of one number.
fn draws(mechanism: &Gaussian, exact: i64) -> Vec<i64> {
    mechanism.release(&vec![exact; SAMPLES]).unwrap()
}

fn count(rho_nano: u64) -> Gaussian {
    Gaussian::for_loss(Sensitivity::of_subjects(1).unwrap(), rho_nano).unwrap()
}

#[test]
fn a_count_keeps_its_promise() {
    let found = excess(CLAIM, &draws(&count(RHO_NANO), 101), &draws(&count(RHO_NANO), 100));
    assert!(found < 0.0, "leaks {found} more than claimed");
}

#[test]
fn half_the_noise_is_found() {
    // Half the scale is four times the rho.
    let mutant = count(4 * RHO_NANO);
    assert!((mutant.scale() * 2.0 - count(RHO_NANO).scale()).abs() < 1e-6);
    let found = excess(CLAIM, &draws(&mutant, 101), &draws(&mutant, 100));
    assert!(found > 0.0, "missed: {found}");
}

/// Incomes between 0 and 5,000.00; the neighbour lacks the subject who says 1,000,000.
const INCOMES: [f64; 5] = [1_200.5, 3_000.0, -20.0, f64::NAN, 1_000_000.0];

fn sums(to_fixed: impl Fn(f64) -> i64) -> (i64, i64) {
    let sum = |values: &[f64]| saturating_sum(values.iter().map(|value| to_fixed(*value)));
    (sum(&INCOMES), sum(&INCOMES[..4]))
}

#[test]
fn a_clamped_sum_keeps_its_promise() {
    let income = FixedPoint::new(2, 0.0, 5_000.0).unwrap();
    let mechanism = Gaussian::for_loss(Sensitivity::of_sum(1, 1, &income).unwrap(), RHO_NANO).unwrap();
    let (with, without) = sums(|value| income.to_fixed(value));
    let found = excess(CLAIM, &draws(&mechanism, with), &draws(&mechanism, without));
    assert!(found < 0.0, "leaks {found} more than claimed");
}

#[test]
fn an_unclamped_value_is_found() {
    let income = FixedPoint::new(2, 0.0, 5_000.0).unwrap();
    let mechanism = Gaussian::for_loss(Sensitivity::of_sum(1, 1, &income).unwrap(), RHO_NANO).unwrap();
    let (with, without) = sums(|value| (value * 100.0) as i64);
    let found = excess(CLAIM, &draws(&mechanism, with), &draws(&mechanism, without));
    assert!(found > 0.0, "missed: {found}");
}

/// One subject in four groups: what is observed is the sum of the four noisy cells, over and over.
fn sums_of_four(mechanism: &Gaussian, each: i64) -> Vec<i64> {
    mechanism.release(&vec![each; 2 * SAMPLES]).unwrap().chunks(4).map(|cells| cells.iter().sum()).collect()
}

#[test]
fn a_subject_in_four_groups_keeps_the_promise() {
    let mechanism = Gaussian::for_loss(Sensitivity::of_subjects(4).unwrap(), RHO_NANO).unwrap();
    let found = excess(CLAIM, &sums_of_four(&mechanism, 1), &sums_of_four(&mechanism, 0));
    assert!(found < 0.0, "leaks {found} more than claimed");
}

#[test]
fn four_groups_passed_off_as_one_are_found() {
    let mechanism = count(RHO_NANO);
    let found = excess(CLAIM, &sums_of_four(&mechanism, 1), &sums_of_four(&mechanism, 0));
    assert!(found > 0.0, "missed: {found}");
}

/// Independent releases of one group; a group that is not shown is seen as -1.
fn shown(mechanism: &Thresholded, subjects: i64) -> Vec<i64> {
    let mut seen = vec![-1; SAMPLES];
    for (index, noisy) in mechanism.release(&vec![subjects; SAMPLES]).unwrap() {
        seen[index] = noisy;
    }
    seen
}

#[test]
fn a_group_near_the_threshold_keeps_the_promise() {
    let claim = Loss { rho_nano: RHO_NANO, delta_femto: 1_000_000_000 };
    let mechanism = Thresholded::for_loss(1, RHO_NANO, 1_000_000_000, 5).unwrap();
    let near = mechanism.threshold() as i64;
    for subjects in [near, near - 1, 5] {
        let found = excess(claim, &shown(&mechanism, subjects), &shown(&mechanism, subjects - 1));
        assert!(found < 0.0, "leaks {found} more than claimed with {subjects} subjects");
    }
}

#[test]
fn half_the_noise_near_the_threshold_is_found() {
    let claim = Loss { rho_nano: RHO_NANO, delta_femto: 1_000_000_000 };
    let mutant = Thresholded::for_loss(1, 4 * RHO_NANO, 1_000_000_000, 5).unwrap();
    let near = mutant.threshold() as i64;
    let found = excess(claim, &shown(&mutant, near), &shown(&mutant, near - 1));
    assert!(found > 0.0, "missed: {found}");
}
