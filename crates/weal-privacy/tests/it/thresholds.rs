//! Groups whose keys are private: how often a group is shown that one subject brought into being.

use proptest::prelude::*;
use weal_privacy::mechanism::{CELLS_PER_THREAD_MAX, MechanismError, Thresholded};

use crate::auditor::{lower, upper};
use crate::defect::shown_by_opendp;
use crate::exact::Pmf;

const GROUPS: usize = 60_000;
const RHO_NANO: u64 = 500_000_000;
/// 10⁻²: large, so that it can be measured.
const DELTA_FEMTO: u64 = 10_000_000_000_000;

fn claimed(mechanism: &Thresholded) -> f64 {
    mechanism.loss().delta_femto as f64 / 1e15
}

/// How many of [`GROUPS`] groups that exist only because of one subject are shown.
fn shown(mechanism: &Thresholded, subjects: i64) -> u64 {
    mechanism.release(&vec![subjects; GROUPS]).unwrap().len() as u64
}

/// The same with OpenDP directly and a threshold of one's own choice: where mistakes are planted.
fn shown_by_mutant(scale: f64, threshold: u64, subjects: i64) -> u64 {
    shown_by_opendp(scale, threshold as i64, GROUPS, subjects)
}

#[test]
fn singletons_are_shown_no_more_often_than_delta_says() {
    for group_size_min in [1, 10] {
        let mechanism = Thresholded::for_loss(1, RHO_NANO, DELTA_FEMTO, group_size_min).unwrap();
        let shown = shown(&mechanism, group_size_min.into());
        let delta = claimed(&mechanism);
        assert!(delta <= 0.01);
        assert!(lower(shown, GROUPS as u64, 1e-11) <= delta, "{shown} of {GROUPS} against {delta}");
        // And not so rarely that the test could not fail.
        assert!(upper(shown, GROUPS as u64, 1e-11) > delta / 100.0, "{shown} of {GROUPS} against {delta}");
    }
}

#[test]
fn a_threshold_one_too_low_is_found() {
    let mechanism = Thresholded::for_loss(1, RHO_NANO, DELTA_FEMTO, 1).unwrap();
    let shown = shown_by_mutant(mechanism.scale(), mechanism.threshold() - 1, 1);
    let delta = claimed(&mechanism);
    assert!(lower(shown, GROUPS as u64, 1e-11) > delta, "missed: {shown} of {GROUPS} against {delta}");
}

#[test]
fn a_hard_minimum_that_does_not_move_the_threshold_is_found() {
    // "At least 10 subjects, then the usual threshold": whether the tenth came is plain to see.
    let mechanism = Thresholded::for_loss(1, RHO_NANO, DELTA_FEMTO, 1).unwrap();
    let shown = shown_by_mutant(mechanism.scale(), mechanism.threshold(), 10);
    assert!(lower(shown, GROUPS as u64, 1e-11) > claimed(&mechanism), "missed: {shown} of {GROUPS}");
}

#[test]
fn half_the_noise_would_need_another_threshold() {
    let mechanism = Thresholded::for_loss(1, RHO_NANO / 16, DELTA_FEMTO, 1).unwrap();
    let shown = shown_by_mutant(mechanism.scale() * 2.0, mechanism.threshold(), 1);
    assert!(lower(shown, GROUPS as u64, 1e-11) > claimed(&mechanism), "missed: {shown} of {GROUPS}");
}

#[test]
fn a_group_below_the_minimum_is_never_shown() {
    // So little noise and so large a delta that only the minimum keeps the group back.
    let mechanism = Thresholded::for_loss(1, 1_000_000, 900_000_000_000_000, 1_000).unwrap();
    assert!(mechanism.scale() > 20.0);
    assert_eq!(shown(&mechanism, 999), 0);
    assert_eq!(mechanism.release(&[0, -5, i64::MIN, 998]), Ok(vec![]));
    assert_eq!(mechanism.release(&[]), Ok(vec![]));
}

#[test]
fn what_is_shown_is_the_count_with_noise() {
    let mechanism = Thresholded::for_loss(3, RHO_NANO, 1_000_000, 50).unwrap();
    let counts = [10_000, 3, 20_000, 49, 30_000];
    let shown = mechanism.release(&counts).unwrap();
    assert_eq!(shown.iter().map(|(index, _)| *index).collect::<Vec<_>>(), [0, 2, 4]);
    // Noise beyond 30 scales: never.
    assert!(shown.iter().all(|(index, noisy)| noisy.abs_diff(counts[*index]) < 60), "{shown:?}");
    let largest = mechanism.release(&[i64::MAX]).unwrap();
    assert!(largest[0].1 > i64::MAX / 2);
}

#[test]
fn groups_of_the_stated_size_are_shown_as_often_as_stated() {
    let mechanism = Thresholded::for_loss(4, 50_000_000, 1_000_000, 10).unwrap();
    assert!(mechanism.shown_from(0.5) < mechanism.shown_from(0.95));
    assert_eq!(mechanism.shown_from(0.5), mechanism.threshold());
    for (probability, at_most) in [(0.5, 0.55), (0.95, 0.97)] {
        let hits = shown(&mechanism, mechanism.shown_from(probability) as i64);
        assert!(upper(hits, GROUPS as u64, 1e-11) > probability, "{hits} of {GROUPS} for {probability}");
        assert!(lower(hits, GROUPS as u64, 1e-11) < at_most, "{hits} of {GROUPS} for {probability}");
    }
    // One subject fewer is shown less often than stated: the size is the smallest, within one.
    let pmf = Pmf::gaussian(mechanism.scale());
    let exactly = |subjects: u64| pmf.from(mechanism.threshold() as i64 - subjects as i64);
    assert!(exactly(mechanism.shown_from(0.95)) >= 0.95);
    assert!(exactly(mechanism.shown_from(0.95) - 2) < 0.95);
    assert_eq!(mechanism.shown_from(f64::NAN), u64::MAX);
    assert_eq!(mechanism.shown_from(0.0), mechanism.threshold());
}

#[test]
fn many_groups_keep_their_index() {
    let mechanism = Thresholded::for_loss(1, 1_000_000_000, 1_000_000, 5).unwrap();
    let counts: Vec<i64> = (0..CELLS_PER_THREAD_MAX as i64 + 11)
        .map(|group| if group % 4 == 0 { 0 } else { group * 1_000 })
        .collect();
    let shown = mechanism.release(&counts).unwrap();
    assert!(shown.iter().map(|(index, _)| *index).eq((0..counts.len()).filter(|index| index % 4 != 0)));
    assert!(shown.iter().all(|(index, noisy)| noisy.abs_diff(counts[*index]) < 100));
}

#[test]
fn losses_that_make_no_sense_are_refused() {
    let refused =
        |groups, rho_nano, delta_femto| Thresholded::for_loss(groups, rho_nano, delta_femto, 1).unwrap_err();
    assert_eq!(refused(1, RHO_NANO, 0), MechanismError::NoDelta);
    assert_eq!(refused(1, RHO_NANO, 1_000_000_000_000_000), MechanismError::NoDelta);
    assert_eq!(refused(0, RHO_NANO, 1), MechanismError::NoGroups);
    assert_eq!(refused(1, 0, 1), MechanismError::NoLoss);
    assert_eq!(refused(1, u64::MAX, 1), MechanismError::LossTooLarge { rho_nano: u64::MAX });
    assert_eq!(refused(u32::MAX, RHO_NANO, 1), MechanismError::DeltaTooSmall { delta_femto: 1 });
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    /// The probability that any of a subject's own groups is shown, exactly.
    #[test]
    fn delta_covers_every_group_of_a_subject(
        groups in 1_u32..50, rho_nano in 50_000_u64..5_000_000_000, delta_exponent in 1.0_f64..11.0, group_size_min in 0_u32..100,
    ) {
        let delta_femto = (1e15 * 10_f64.powf(-delta_exponent)) as u64;
        let mechanism = Thresholded::for_loss(groups, rho_nano, delta_femto, group_size_min).unwrap();
        prop_assert!(mechanism.loss().rho_nano <= rho_nano && mechanism.loss().delta_femto <= delta_femto);
        let pmf = Pmf::gaussian(mechanism.scale());
        let size = i64::from(group_size_min.max(1));
        let one = pmf.from(mechanism.threshold() as i64 - size);
        let any = -(f64::from(groups) * (-one).ln_1p()).exp_m1();
        prop_assert!(any <= mechanism.loss().delta_femto as f64 / 1e15, "{} shown against {:?}", any, mechanism.loss());
        // Three steps lower would be too low: the threshold is not wildly strict.
        let lower = pmf.from(mechanism.threshold() as i64 - size - 3);
        prop_assert!(f64::from(groups) * lower > delta_femto as f64 / 1e15 * 0.99);
    }
}
