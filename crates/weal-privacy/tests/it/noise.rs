//! What a mechanism says of itself before it is used.

use proptest::prelude::*;
use weal_privacy::bounds::{PER_GROUP_MAX, Sensitivity};
use weal_privacy::mechanism::{
    CELLS_PER_THREAD_MAX, Gaussian, MechanismError, RHO_NANO_MAX, half_width_of_sum,
};

use crate::exact::Pmf;

fn gaussian(groups: u32, per_group: u64, rho_nano: u64) -> Result<Gaussian, MechanismError> {
    Gaussian::for_loss(Sensitivity::new(groups, per_group).unwrap(), rho_nano)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    #[test]
    fn never_costs_more_than_allowed(groups in 1_u32..1_024, per_group in 1_u64..1 << 20, rho_nano in 1_000_u64..=RHO_NANO_MAX) {
        let mechanism = gaussian(groups, per_group, rho_nano).unwrap();
        prop_assert!(mechanism.loss().rho_nano <= rho_nano);
        prop_assert!(mechanism.loss().rho_nano >= rho_nano - 1 - rho_nano / 1_000_000_000, "{:?}", mechanism);
        prop_assert_eq!(mechanism.loss().delta_femto, 0);
        prop_assert!(costs_at_most(mechanism.scale(), mechanism.sensitivity(), rho_nano));
        // The scale is the smallest to a part in 10⁸.
        prop_assert!(!costs_at_most(mechanism.scale() * (1.0 - 1e-8), mechanism.sensitivity(), rho_nano));
    }

    #[test]
    fn intervals_hold_what_they_promise_and_no_more(rho_nano in 10_000_u64..RHO_NANO_MAX, confidence in 0.0_f64..0.999_999) {
        let mechanism = gaussian(1, 1, rho_nano).unwrap();
        let pmf = Pmf::gaussian(mechanism.scale());
        let width = mechanism.half_width(confidence) as i64;
        prop_assert!(pmf.within(width) >= confidence - 1e-12);
        prop_assert!(width == 0 || pmf.within(width - 1) < confidence + 1e-9);
    }
}

/// groups * per_group² / (2 scale²) <= rho, in whole numbers: the scale is m * 2^-places.
fn costs_at_most(scale: f64, sensitivity: Sensitivity, rho_nano: u64) -> bool {
    let mut places = 0;
    let mut scaled = scale;
    while scaled.fract() != 0.0 && places < 40 {
        (scaled, places) = (scaled * 2.0, places + 1);
    }
    // Cut off: errs towards "costs more", and never for the scales we choose.
    let m = scaled.floor() as u128;
    let allowed = m.checked_mul(m).and_then(|square| square.checked_mul(2 * u128::from(rho_nano)));
    allowed.is_some_and(|allowed| sensitivity.l2_squared() * 1_000_000_000 <= allowed >> (2 * places))
}

#[test]
fn wide_noise_has_intervals_within_one_of_the_exact_ones() {
    let mechanism = gaussian(1, 100, 1_000_000).unwrap();
    assert!(mechanism.scale() > 2_000.0);
    let pmf = Pmf::gaussian(mechanism.scale());
    for confidence in [0.01, 0.5, 0.9, 0.95, 0.99, 0.999_999] {
        let width = mechanism.half_width(confidence) as i64;
        assert!(pmf.within(width) >= confidence, "{confidence}: {width} is too narrow");
        assert!(pmf.within(width - 2) < confidence, "{confidence}: {width} is too wide");
    }
    let widest = gaussian(1, PER_GROUP_MAX, 1_000_000).unwrap();
    let ratio = widest.half_width(0.95) as f64 / widest.scale();
    assert!((ratio - 1.959_964).abs() < 1e-6, "{ratio}");
}

#[test]
fn impossible_confidences_have_no_finite_interval() {
    let mechanism = gaussian(1, 1, 1_000_000).unwrap();
    for confidence in [1.0, 2.0, f64::NAN, f64::INFINITY] {
        assert_eq!(mechanism.half_width(confidence), u64::MAX, "{confidence}");
    }
    for confidence in [0.0, -1.0, f64::NEG_INFINITY] {
        assert_eq!(mechanism.half_width(confidence), 0, "{confidence}");
    }
    assert!(mechanism.half_width(1.0_f64.next_down()) < 1_000);
}

#[test]
fn losses_that_make_no_sense_are_refused() {
    assert_eq!(gaussian(1, 1, 0), Err(MechanismError::NoLoss));
    let switched_off = RHO_NANO_MAX + 1;
    assert_eq!(gaussian(1, 1, switched_off), Err(MechanismError::LossTooLarge { rho_nano: switched_off }));
    assert_eq!(gaussian(1, 1, u64::MAX), Err(MechanismError::LossTooLarge { rho_nano: u64::MAX }));
    assert_eq!(gaussian(u32::MAX, PER_GROUP_MAX, 1), Err(MechanismError::TooMuchNoise));
}

#[test]
fn results_stop_at_the_ends_instead_of_turning_over() {
    let mechanism = gaussian(1, 1 << 30, 1_000_000).unwrap();
    let released = mechanism.release(&[i64::MAX, i64::MIN].repeat(200)).unwrap();
    for pair in released.chunks(2) {
        assert!(pair[0] > i64::MAX / 2 && pair[1] < i64::MIN / 2, "{pair:?}");
    }
    // Half of the draws push outward and stop at the end: none of 200 with probability 2^-200.
    assert!(released.contains(&i64::MAX) && released.contains(&i64::MIN));
    assert_eq!(mechanism.release(&[]), Ok(vec![]));
}

#[test]
fn many_cells_keep_their_order() {
    let mechanism = gaussian(1, 1, 1_000_000_000).unwrap();
    let exact: Vec<i64> = (0..CELLS_PER_THREAD_MAX as i64 + 7).map(|cell| cell * 1_000).collect();
    let released = mechanism.release(&exact).unwrap();
    assert_eq!(released.len(), exact.len());
    assert!(released.iter().zip(&exact).all(|(noisy, exact)| noisy.abs_diff(*exact) < 100));
    assert!(released != exact);
}

#[test]
fn a_mechanism_may_cross_threads() {
    fn crosses<T: Send + Sync>() {}
    crosses::<Gaussian>();
    crosses::<weal_privacy::mechanism::Thresholded>();
    crosses::<MechanismError>();
}

/// The interval of `X + 7 Y`, against the exact distribution of the two noises.
#[test]
fn a_weighted_sum_of_noises_stays_within_its_interval_and_fills_it() {
    for (first, second) in [(0.4, 0.4), (3.0, 1.0), (40.0, 9.0)] {
        let (x, y) = (Pmf::gaussian(first), Pmf::gaussian(second));
        for confidence in [0.5, 0.95, 0.999] {
            let within = |width: f64| -> f64 {
                let rest = |y: i64| {
                    x.between(
                        (-width - 7.0 * y as f64).ceil() as i64,
                        (width - 7.0 * y as f64).floor() as i64,
                    )
                };
                y.support().map(|noise| y.of(noise) * rest(noise)).sum()
            };
            let width = half_width_of_sum(&[(1.0, first), (7.0, second)], confidence);
            assert!(within(width) >= confidence, "{first} {second}: {width} is too narrow for {confidence}");
            // Wider than the normal interval by the weights alone.
            assert!(
                within(width - 16.0) <= confidence,
                "{first} {second}: {width} is too wide for {confidence}"
            );
        }
    }
    assert_eq!(half_width_of_sum(&[(1.0, 3.0)], 1.0), f64::INFINITY);
}
