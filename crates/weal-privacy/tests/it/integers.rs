//! Integers with a stated sensitivity, whatever values and neighbours come.

use proptest::prelude::*;
use weal_privacy::Loss;
use weal_privacy::bounds::{
    BoundsError, DECIMALS_MAX, FIXED_MAX, FixedPoint, PER_GROUP_MAX, Sensitivity, saturate, saturating_sum,
    split_loss,
};

fn any_value() -> impl Strategy<Value = f64> {
    prop_oneof![
        any::<f64>(),
        -2_000.0..2_000.0_f64,
        Just(f64::NAN),
        Just(f64::INFINITY),
        Just(f64::NEG_INFINITY),
        Just(-0.0),
        Just(f64::MAX),
        Just(f64::MIN_POSITIVE),
    ]
}

fn any_fixed() -> impl Strategy<Value = FixedPoint> {
    (0..=6_u8, -1_000_000.0..1_000_000.0_f64, 0.0..1_000_000.0_f64)
        .prop_map(|(decimals, low, width)| FixedPoint::new(decimals, low, low + width).unwrap())
}

#[test]
fn values_are_clamped_and_rounded() {
    let cents = FixedPoint::new(2, -10.0, 1_000.0).unwrap();
    assert_eq!((cents.low(), cents.high(), cents.decimals()), (-1_000, 100_000, 2));
    for (value, fixed) in [
        (1.0, 100),
        (0.125, 13),
        (-0.125, -13),
        (999.999, 100_000),
        (1e300, 100_000),
        (f64::INFINITY, 100_000),
        (-10.01, -1_000),
        (f64::NEG_INFINITY, -1_000),
        (f64::NAN, 0),
    ] {
        assert_eq!(cents.to_fixed(value), fixed, "{value}");
    }
    assert_eq!(cents.integer_to_fixed(7), 700);
    assert_eq!(cents.integer_to_fixed(i64::MAX), 100_000);
    assert_eq!(cents.integer_to_fixed(i64::MIN), -1_000);
    assert_eq!(cents.from_fixed(-1_250), -12.5);
    // The point of the bounds nearest to zero.
    assert_eq!(FixedPoint::new(0, 5.0, 9.0).unwrap().to_fixed(f64::NAN), 5);
    assert_eq!(FixedPoint::new(0, -9.0, -5.0).unwrap().to_fixed(f64::NAN), -5);
}

#[test]
fn bounds_that_cannot_be_are_refused() {
    for (low, high) in
        [(1.0, 0.0), (f64::NAN, 1.0), (0.0, f64::NAN), (0.0, f64::INFINITY), (f64::NEG_INFINITY, 0.0)]
    {
        assert!(
            matches!(FixedPoint::new(0, low, high), Err(BoundsError::NotAnInterval { .. })),
            "{low} {high}"
        );
    }
    assert_eq!(
        FixedPoint::new(DECIMALS_MAX + 1, 0.0, 1.0),
        Err(BoundsError::TooManyDecimals { decimals: DECIMALS_MAX + 1 })
    );
    assert!(FixedPoint::new(0, 0.0, FIXED_MAX as f64).is_ok());
    assert_eq!(
        FixedPoint::new(1, 0.0, FIXED_MAX as f64),
        Err(BoundsError::TooWide { bound: FIXED_MAX as f64, decimals: 1 })
    );
    assert!(matches!(FixedPoint::new(0, f64::MIN, 0.0), Err(BoundsError::TooWide { .. })));
}

#[test]
fn sensitivities() {
    let wages = FixedPoint::new(2, -100.0, 5_000.0).unwrap();
    let sum = Sensitivity::of_sum(3, 2, &wages).unwrap();
    assert_eq!((sum.groups(), sum.per_group(), sum.l2_squared()), (3, 1_000_000, 3_000_000_000_000));
    assert_eq!(Sensitivity::of_rows(3, 2), Sensitivity::new(3, 2));
    assert_eq!(Sensitivity::of_subjects(3), Sensitivity::new(3, 1));
    assert_eq!(Sensitivity::new(0, 1), Err(BoundsError::NothingAllowed));
    assert_eq!(Sensitivity::of_rows(1, 0), Err(BoundsError::NothingAllowed));
    assert_eq!(Sensitivity::of_sum(1, 0, &wages), Err(BoundsError::NothingAllowed));
    let too_much = u128::from(PER_GROUP_MAX) + 1;
    assert_eq!(
        Sensitivity::new(1, PER_GROUP_MAX + 1),
        Err(BoundsError::TooMuchPerGroup { per_group: too_much })
    );
    let widest = FixedPoint::new(0, 0.0, FIXED_MAX as f64).unwrap();
    assert!(matches!(Sensitivity::of_sum(1, u32::MAX, &widest), Err(BoundsError::TooMuchPerGroup { .. })));
    assert_eq!(Sensitivity::new(u32::MAX, PER_GROUP_MAX).unwrap().l2_squared(), u128::from(u32::MAX) << 94,);
    // Noise is never off, even where it would not be needed.
    assert_eq!(Sensitivity::of_sum(1, 1, &FixedPoint::new(0, 0.0, 0.0).unwrap()), Sensitivity::new(1, 1));
}

#[test]
fn sums_stop_at_the_ends() {
    assert_eq!(saturating_sum([]), 0);
    assert_eq!(saturating_sum([i64::MAX, 1]), i64::MAX);
    assert_eq!(saturating_sum([i64::MAX, 1, -1]), i64::MAX);
    assert_eq!(saturating_sum([i64::MAX, i64::MAX, i64::MIN]), i64::MAX - 1);
    assert_eq!(saturate(i128::MIN), i64::MIN);
    assert_eq!(saturate(i128::MAX), i64::MAX);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn every_value_lands_within_the_bounds(fixed in any_fixed(), value in any_value()) {
        let integer = fixed.to_fixed(value);
        prop_assert!((fixed.low()..=fixed.high()).contains(&integer));
        // And an integer is the same by either way.
        if value.fract() == 0.0 && value.abs() < 1e15 {
            prop_assert_eq!(fixed.integer_to_fixed(value as i64), integer);
        }
    }

    #[test]
    fn larger_values_do_not_become_smaller(fixed in any_fixed(), a in -2e6..2e6_f64, b in -2e6..2e6_f64) {
        prop_assert!(a > b || fixed.to_fixed(a) <= fixed.to_fixed(b));
    }

    #[test]
    fn inner_values_come_back_to_half_a_place(fixed in any_fixed(), share in 0.0..1.0_f64) {
        let (low, high) = (fixed.from_fixed(fixed.low()), fixed.from_fixed(fixed.high()));
        let value = low + (high - low) * share;
        let place = 10_f64.powi(-i32::from(fixed.decimals()));
        prop_assert!((fixed.from_fixed(fixed.to_fixed(value)) - value).abs() <= place * 1.000_001);
    }

    /// Any rows of any subject, added or removed: the sum moves by no more than stated.
    #[test]
    fn neighbouring_sums_differ_within_the_sensitivity(
        fixed in any_fixed(),
        others in prop::collection::vec(any_value(), 0..20),
        subject in prop::collection::vec(any_value(), 1..4),
        pushed in prop_oneof![Just(0_i64), Just(i64::MAX), Just(i64::MIN)],
    ) {
        let stated = Sensitivity::of_sum(1, subject.len() as u32, &fixed).unwrap();
        let of = |values: &[f64]| values.iter().map(|value| fixed.to_fixed(*value)).collect::<Vec<_>>();
        let without = saturating_sum(of(&others).into_iter().chain([pushed]));
        let with = saturating_sum(of(&subject).into_iter().chain(of(&others)).chain([pushed]));
        prop_assert!(with.abs_diff(without) <= stated.per_group(), "{} and {}: {:?}", with, without, stated);
    }

    #[test]
    fn the_order_of_a_sum_does_not_matter(mut values in prop::collection::vec(any::<i64>(), 0..20)) {
        let sum = saturating_sum(values.iter().copied());
        values.reverse();
        prop_assert_eq!(saturating_sum(values.iter().copied()), sum);
        values.sort_unstable();
        prop_assert_eq!(saturating_sum(values), sum);
    }

    #[test]
    fn a_split_loss_loses_nothing(rho_nano in any::<u64>(), delta_femto in any::<u64>(), weights in prop::collection::vec(1_u32..9, 1..40), with_threshold in any::<bool>()) {
        let total = Loss { rho_nano, delta_femto };
        let shares = split_loss(total, &weights, with_threshold);
        prop_assert_eq!(shares.len(), weights.len());
        let sum = shares.iter().try_fold(Loss::ZERO, |sum, share| sum.checked_add(*share)).unwrap();
        prop_assert_eq!(sum, Loss { rho_nano, delta_femto: if with_threshold { delta_femto } else { 0 } });
        let all: u32 = weights.iter().sum();
        for (share, weight) in shares.iter().zip(&weights) {
            let fair = u128::from(rho_nano) * u128::from(*weight) / u128::from(all);
            prop_assert!(u128::from(share.rho_nano).abs_diff(fair) <= 1);
        }
        prop_assert!(shares[1..].iter().all(|share| share.delta_femto == 0));
        prop_assert!(split_loss(total, &[], with_threshold).is_empty());
    }
}

/// The largest sum of squares of `groups` numbers of at most `each` that add up to `left` or less.
fn squares(groups: u32, each: u32, left: u32) -> u128 {
    if groups == 0 {
        return 0;
    }
    let with = |own: u32| u128::from(own).pow(2) + squares(groups - 1, each, left - own);
    (0..=each.min(left)).map(with).max().unwrap()
}

#[test]
fn rows_limited_in_all_move_as_much_as_the_worst_way_to_share_them() {
    for groups in 1..5 {
        for each in 1..4 {
            for all in 1..14 {
                let unlimited = Sensitivity::new(groups, 7 * u64::from(each)).unwrap();
                let limited = unlimited.with_rows(each, all);
                assert_eq!(limited.l2_squared(), 49 * squares(groups, each, all), "{groups} {each} {all}");
                assert_eq!(limited.groups(), groups.min(all));
                assert_eq!(limited.per_group(), unlimited.per_group());
            }
        }
    }
    // Where rows do not divide what a group may have, what one row brings is rounded up.
    assert_eq!(Sensitivity::new(3, 10).unwrap().with_rows(3, 4).l2_squared(), 4 * 4 * (9 + 1));
    assert_eq!(Sensitivity::new(3, 10).unwrap().with_rows(3, 9).l2_squared(), 300);
}
