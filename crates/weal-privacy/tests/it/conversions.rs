use proptest::prelude::*;
use weal_privacy::Loss;
use weal_privacy::accounting::{AccountingError, epsilon_of, gaussian_rho_nano, rho_nano_for, rho_of_pure};
use weal_privacy::bounds::Sensitivity;

fn rho(rho_nano: u64) -> Loss {
    Loss { rho_nano, delta_femto: 0 }
}

/// (rho in 1e-9, delta, epsilon): Corollary 13 minimised with 60 digits.
const VECTORS: [(u64, f64, f64); 18] = [
    (1, 1e-12, 0.000_244_151_620_025_342),
    (1, 1e-6, 8.953_361_886_779_917e-5),
    (1, 1e-2, 0.0),
    (1_000, 1e-6, 0.004_496_493_980_648_612),
    (1_000_000, 1e-9, 0.245_119_253_871_951_4),
    (5_000_000, 1e-6, 0.429_941_468_836_949_3),
    (50_000_000, 1e-12, 2.218_941_298_551_756),
    (50_000_000, 1e-6, 1.471_594_750_532_416),
    (50_000_000, 1e-2, 0.627_216_883_880_470_5),
    (100_000_000, 1e-9, 2.715_481_886_730_502),
    (500_000_000, 1e-12, 7.515_142_752_890_129),
    (500_000_000, 1e-6, 5.221_534_444_530_169),
    (500_000_000, 1e-2, 2.753_049_548_325_312),
    (1_000_000_000, 1e-6, 7.766_216_625_311_721),
    (10_000_000_000, 1e-9, 37.637_453_577_913_26),
    (10_000_000_000, 1e-2, 21.881_613_154_154_67),
    (100_000_000_000_000, 1e-12, 103_319.410_865_799_6),
    (100_000_000_000_000, 1e-2, 101_351.231_460_628_3),
];

#[test]
fn epsilon_is_the_known_one_rounded_up() {
    for (rho_nano, delta, known) in VECTORS {
        let epsilon = epsilon_of(rho(rho_nano), delta).unwrap();
        assert!(epsilon >= known, "rho {rho_nano}e-9, delta {delta}: {epsilon} is below {known}");
        assert!(
            epsilon <= known * (1.0 + 1e-6),
            "rho {rho_nano}e-9, delta {delta}: {epsilon} is far above {known}"
        );
    }
}

#[test]
fn a_hundred_small_questions_cost_what_they_cost_together() {
    // A hundred times Laplace at epsilon 0.1: dp-accounting says 4.69 (PLD), the simple formula 5.76.
    let each = rho(rho_of_pure(0.1));
    let total = (0..100).try_fold(Loss::ZERO, |sum, _| sum.checked_add(each)).unwrap();
    let epsilon = epsilon_of(total, 1e-6).unwrap();
    assert!((4.69..5.76).contains(&epsilon) && (epsilon - 5.2215).abs() < 1e-3, "{epsilon}");
}

#[test]
fn what_thresholds_spent_is_taken_off_the_delta() {
    let spent = Loss { rho_nano: 500_000_000, delta_femto: 900_000_000 };
    let left = epsilon_of(spent, 1e-6).unwrap();
    let same = epsilon_of(rho(500_000_000), 1e-7).unwrap();
    assert!(left >= same && left < same * 1.000_001, "{left} is not {same}");
    let nothing_left = Loss { rho_nano: 0, delta_femto: 1_000_000_000 };
    assert_eq!(
        epsilon_of(nothing_left, 1e-6),
        Err(AccountingError::DeltaSpent { delta: 1e-6, spent_femto: 1_000_000_000 })
    );
    assert_eq!(epsilon_of(Loss { delta_femto: 1, ..Loss::ZERO }, 1e-6), Ok(0.0));
}

#[test]
fn senseless_parameters_are_refused_or_allow_nothing() {
    for delta in [0.0, 1.0, -0.1, f64::NAN, f64::INFINITY] {
        assert!(matches!(epsilon_of(rho(1), delta), Err(AccountingError::DeltaOutOfRange { .. })), "{delta}");
        assert_eq!(rho_nano_for(1.0, delta), 0);
    }
    for epsilon in [0.0, -1.0, f64::NAN, f64::NEG_INFINITY] {
        assert_eq!(rho_nano_for(epsilon, 1e-6), 0, "{epsilon}");
    }
    assert!(epsilon_of(Loss { rho_nano: u64::MAX, delta_femto: 0 }, 1e-300).unwrap().is_finite());
}

#[test]
fn pure_losses_round_up() {
    assert_eq!(rho_of_pure(0.0), 0);
    assert_eq!(rho_of_pure(1.0), 500_000_000);
    assert_eq!(rho_of_pure(0.5), 125_000_000);
    assert_eq!(rho_of_pure(0.1), 5_000_001, "the nearest float to 0.1 is above 0.1");
    assert_eq!(rho_of_pure(2.0_f64.powi(-15)), 1);
    assert_eq!(rho_of_pure(1e-200), 1);
    for senseless in [-1.0, f64::NAN, f64::INFINITY, f64::MAX, 1e20] {
        assert_eq!(rho_of_pure(senseless), u64::MAX, "{senseless}");
    }
}

#[test]
fn gaussian_losses_round_up() {
    let count = Sensitivity::of_subjects(1).unwrap();
    assert_eq!(gaussian_rho_nano(count, 2.0), 125_000_000);
    assert_eq!(gaussian_rho_nano(count, 3.0), 55_555_556);
    let four_groups_of_100 = Sensitivity::new(4, 100).unwrap();
    assert_eq!(gaussian_rho_nano(four_groups_of_100, 200.0), 500_000_000);
    assert_eq!(gaussian_rho_nano(count, 1e100), 1);
    assert_eq!(gaussian_rho_nano(count, f64::MAX), 1);
    for no_noise in [0.0, -1.0, f64::NAN, f64::INFINITY, 1e-200, f64::MIN_POSITIVE] {
        assert_eq!(gaussian_rho_nano(count, no_noise), u64::MAX, "{no_noise}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn epsilon_grows_with_rho_and_falls_with_delta(
        rho_nano in 1_u64..20_000_000_000, more in 1_u64..1_000_000_000, exponent in 0.01_f64..14.0, less in 0.001_f64..3.0,
    ) {
        let delta = 10_f64.powf(-exponent);
        let epsilon = epsilon_of(rho(rho_nano), delta).unwrap();
        // Beyond the margin of rounding.
        prop_assert!(epsilon_of(rho(rho_nano + more), delta).unwrap() * (1.0 + 1e-9) + 1e-9 >= epsilon);
        prop_assert!(epsilon_of(rho(rho_nano), delta * 10_f64.powf(-less)).unwrap() >= epsilon);
        // Never worse than the simple formula of Bun and Steinke 2016, Proposition 1.3.
        let r = rho_nano as f64 / 1e9;
        prop_assert!(epsilon <= (r + 2.0 * (r * -delta.ln()).sqrt()) * (1.0 + 1e-9));
    }

    #[test]
    fn rho_for_epsilon_is_the_largest_that_fits(epsilon in 0.001_f64..40.0, exponent in 1.0_f64..14.0) {
        let delta = 10_f64.powf(-exponent);
        let fitting = rho_nano_for(epsilon, delta);
        prop_assert!(epsilon_of(rho(fitting), delta).unwrap() <= epsilon);
        prop_assert!(epsilon_of(rho(fitting + 1), delta).unwrap() > epsilon);
    }

    #[test]
    fn a_pure_loss_is_never_understated(epsilon in 0.0_f64..1_000.0) {
        let exact = epsilon * epsilon / 2.0 * 1e9;
        let charged = rho_of_pure(epsilon) as f64;
        prop_assert!(charged >= exact * (1.0 - 1e-15) && charged <= exact * (1.0 + 1e-15) + 1.0);
    }

    #[test]
    fn losses_add_exactly(a in any::<u64>(), b in any::<u64>(), c in any::<u64>(), d in any::<u64>()) {
        let (one, other) = (Loss { rho_nano: a, delta_femto: b }, Loss { rho_nano: c, delta_femto: d });
        prop_assert_eq!(one.checked_add(other), other.checked_add(one));
        match one.checked_add(other) {
            Some(sum) => {
                prop_assert_eq!((sum.rho_nano - a, sum.delta_femto - b), (c, d));
                prop_assert_eq!(sum, one.saturating_add(other));
                prop_assert!(one.is_within(sum) && other.is_within(sum));
            }
            None => {
                let sum = one.saturating_add(other);
                prop_assert!(sum.rho_nano == u64::MAX || sum.delta_femto == u64::MAX);
            }
        }
    }
}
