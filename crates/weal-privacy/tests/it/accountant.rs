//! An independent accountant: the exact privacy profile, by integration and by summation, of the very
//! mechanisms that we account for in zCDP. What we report must never be below what is true.

use weal_privacy::accounting::{epsilon_of, gaussian_rho_nano};
use weal_privacy::bounds::Sensitivity;
use weal_privacy::mechanism::Gaussian;
use weal_privacy::{Loss, accounting::rho_nano_for};

use crate::exact::{Pmf, profile};

/// The smallest epsilon whose delta is not above the one given; `profile` falls with epsilon.
fn solve(profile: impl Fn(f64) -> f64, delta: f64) -> f64 {
    let (mut low, mut high) = (0.0, 200.0);
    for _ in 0..60 {
        let middle = (low + high) / 2.0;
        if profile(middle) > delta { low = middle } else { high = middle }
    }
    low
}

/// delta(epsilon) of continuous Gaussian noise whose sensitivity is `mu` standard deviations: the integral of
/// what N(mu, 1) has above e^epsilon N(0, 1), by Simpson's rule from the crossing on (Balle and Wang 2018).
fn gaussian_profile(mu: f64, epsilon: f64) -> f64 {
    const STEPS: u32 = 4_000;
    let crossing = epsilon / mu + mu / 2.0;
    let (start, end) = (crossing, crossing.max(mu) + 12.0);
    let density = |x: f64| (-(x - mu).powi(2) / 2.0).exp() / (2.0 * std::f64::consts::PI).sqrt();
    let excess = |x: f64| density(x) * (1.0 - (epsilon - mu * x + mu * mu / 2.0).exp()).max(0.0);
    let width = (end - start) / f64::from(STEPS);
    let sum: f64 = (0..=STEPS)
        .map(|i| {
            let weight = if i == 0 || i == STEPS { 1.0 } else { f64::from(2 + 2 * (i % 2)) };
            weight * excess(start + f64::from(i) * width)
        })
        .sum();
    sum * width / 3.0
}

#[test]
fn the_integral_is_the_published_one() {
    // Balle and Wang 2018: delta(epsilon) = Phi(mu/2 - e/mu) - e^e Phi(-mu/2 - e/mu); mu = 1, e = 1 and 0.
    assert!((gaussian_profile(1.0, 1.0) - 0.126_936_737_507).abs() < 1e-9);
    assert!((gaussian_profile(1.0, 0.0) - 0.382_924_922_548).abs() < 1e-9);
}

#[test]
fn gaussian_noise_never_costs_more_than_reported() {
    for rho_nano in [1_000_000, 50_000_000, 500_000_000, 2_000_000_000, 10_000_000_000] {
        let mu = (2.0 * rho_nano as f64 / 1e9).sqrt();
        for delta in [1e-2, 1e-4, 1e-6, 1e-9, 1e-12] {
            let reported = epsilon_of(Loss { rho_nano, delta_femto: 0 }, delta).unwrap();
            let exact = solve(|epsilon| gaussian_profile(mu, epsilon), delta);
            assert!(reported >= exact, "rho {rho_nano}e-9, delta {delta}: {reported} hides {exact}");
            // Tight enough that a wrong formula would be seen.
            assert!(
                reported <= exact * 1.35 + 0.1,
                "rho {rho_nano}e-9, delta {delta}: {reported} for {exact}"
            );
        }
    }
}

#[test]
fn the_discrete_mechanism_never_costs_more_than_reported() {
    for (groups, per_group, rho_nano) in [
        (1, 1, 10_000_000),
        (1, 1, 500_000_000),
        (1, 1, 5_000_000_000),
        (1, 7, 200_000_000),
        (3, 1, 100_000_000),
        (4, 2, 1_000_000_000),
    ] {
        let sensitivity = Sensitivity::new(groups, per_group).unwrap();
        let mechanism = Gaussian::for_loss(sensitivity, rho_nano).unwrap();
        // With every one of the groups moved by d, all that matters is the sum of their noise.
        let sum = Pmf::gaussian(mechanism.scale()).sum_of(groups);
        let (d, cells) = (per_group as f64, f64::from(groups));
        let variance = mechanism.scale().powi(2);
        let log_ratio = |x: i64| (d * x as f64 + cells * d * d / 2.0) / variance;
        for delta in [1e-2, 1e-5, 1e-8] {
            let reported = epsilon_of(mechanism.loss(), delta).unwrap();
            let exact = solve(|epsilon| profile(epsilon, log_ratio, &sum), delta);
            assert!(reported >= exact, "{mechanism:?}, delta {delta}: {reported} hides {exact}");
            // Below a scale of 1 the exact epsilon jumps from one whole number to the next.
            let tight = reported <= exact * 1.6 + 0.2 || mechanism.scale() < 1.0;
            assert!(tight, "{mechanism:?}, delta {delta}: {reported} for {exact}");
        }
    }
}

#[test]
fn a_mistake_of_a_tenth_in_the_scale_would_be_seen() {
    // The oracle is not blind: 10 % less noise than charged, at its most telling delta, costs more than
    // what is left between the conversion and the truth.
    let mu = 1.1 * 1.0;
    let delta = 1e-12;
    let reported = epsilon_of(Loss { rho_nano: 500_000_000, delta_femto: 0 }, delta).unwrap();
    assert!(solve(|epsilon| gaussian_profile(mu, epsilon), delta) > reported);
}

#[test]
fn ours_and_the_maps_of_opendp_agree() {
    for (groups, per_group, rho_nano) in
        [(1, 1, 1), (1, 1, 123_456_789), (20, 5_000, 987_654), (7, 1 << 40, 10_000_000_000)]
    {
        let sensitivity = Sensitivity::new(groups, per_group).unwrap();
        let mechanism = Gaussian::for_loss(sensitivity, rho_nano).unwrap();
        let ours = gaussian_rho_nano(sensitivity, mechanism.scale());
        assert!(
            ours.abs_diff(mechanism.loss().rho_nano) <= 1 + rho_nano / 1_000_000_000_000,
            "{mechanism:?}: {ours}"
        );
    }
    assert!(rho_nano_for(1.0, 1e-6) > 24_000_000);
}
