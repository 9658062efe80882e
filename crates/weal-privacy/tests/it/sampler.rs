//! Goodness of fit of the noise: Pearson's chi-square against the exact probabilities.

use weal_privacy::bounds::Sensitivity;
use weal_privacy::mechanism::{CELLS_PER_THREAD_MAX, Gaussian};

use crate::exact::Pmf;

const SAMPLES: usize = 150_000;
/// Cells with fewer expected hits are put together with the tail.
const EXPECTED_MIN: f64 = 100.0;

/// The statistic minus what a right sampler stays under: a chi-square of k degrees exceeds
/// k + 2 sqrt(k t) + 2 t with probability at most e^-t (Laurent and Massart 2000, Lemma 1); t = 25 is
/// once in 10¹⁰.
fn misfit(samples: &[i64], pmf: &Pmf) -> f64 {
    const T: f64 = 25.0;
    let expected = |x: i64| pmf.of(x) * samples.len() as f64;
    let last = (0..).take_while(|&x| expected(x) >= EXPECTED_MIN).last().unwrap();
    let mut hits = vec![0_u64; 2 * last as usize + 3];
    for sample in samples {
        hits[(sample.clamp(&-(last + 1), &(last + 1)) + last + 1) as usize] += 1;
    }
    let statistic: f64 = (-(last + 1)..=last + 1)
        .zip(&hits)
        .map(|(x, &hit)| {
            let tail = pmf.from(last + 1) * samples.len() as f64;
            let expected = if x.abs() > last { tail } else { expected(x) };
            (hit as f64 - expected).powi(2) / expected
        })
        .sum();
    let freedom = hits.len() as f64 - 1.0;
    statistic - (freedom + 2.0 * (freedom * T).sqrt() + 2.0 * T)
}

fn noise(per_group: u64, rho_nano: u64) -> (Vec<i64>, f64) {
    let mechanism = Gaussian::for_loss(Sensitivity::new(1, per_group).unwrap(), rho_nano).unwrap();
    (mechanism.release(&vec![0; SAMPLES]).unwrap(), mechanism.scale())
}

#[test]
fn the_noise_is_discrete_gaussian() {
    for (per_group, rho_nano) in [(1, 1_000_000_000), (1, 20_000_000), (10, 20_000_000)] {
        let (samples, scale) = noise(per_group, rho_nano);
        let found = misfit(&samples, &Pmf::gaussian(scale));
        assert!(found < 0.0, "scale {scale}: {found} above the limit");
    }
}

#[test]
fn a_misfit_of_four_percent_is_found() {
    let (samples, scale) = noise(1, 20_000_000);
    assert!(misfit(&samples, &Pmf::gaussian(scale * 1.04)) > 0.0);
    assert!(misfit(&samples, &Pmf::gaussian(scale * 0.96)) > 0.0);
    let shifted: Vec<i64> = samples.iter().enumerate().map(|(i, x)| x + i64::from(i % 4 == 0)).collect();
    assert!(misfit(&shifted, &Pmf::gaussian(scale)) > 0.0);
}

#[test]
fn the_noise_of_two_cells_is_not_the_same() {
    let mechanism = Gaussian::for_loss(Sensitivity::new(1, 1 << 40).unwrap(), 1_000).unwrap();
    let mut cells = mechanism.release(&[0; 100]).unwrap();
    cells.sort_unstable();
    cells.dedup();
    // Two of 100 draws agree with probability below 100² / (2 * scale) = 2e-10.
    assert_eq!(cells.len(), 100);
    assert!(mechanism.scale() > 2e13);
}

/// The normal distribution function, by Simpson's rule from 0.
fn normal(x: f64) -> f64 {
    const STEPS: u32 = 400;
    let density = |x: f64| (-x * x / 2.0).exp() / (2.0 * std::f64::consts::PI).sqrt();
    let width = x / f64::from(STEPS);
    let weight = |i: u32| if i == 0 || i == STEPS { 1.0 } else { f64::from(2 + 2 * (i % 2)) };
    0.5 + (0..=STEPS).map(|i| weight(i) * density(f64::from(i) * width)).sum::<f64>() * width / 3.0
}

/// The largest distance between the distribution of the samples and the normal one of this scale, less what a right
/// sampler stays under but once in 10¹⁰ (Dvoretzky, Kiefer, Wolfowitz 1956; Massart 1990).
fn distance(samples: &[i64], scale: f64) -> f64 {
    let mut sorted = samples.to_vec();
    sorted.sort_unstable();
    let n = sorted.len() as f64;
    // Every fiftieth is enough: between them the distribution grows by 50 / n.
    let steps = sorted.iter().enumerate().step_by(50);
    let apart = steps.map(|(place, x)| (place as f64 / n - normal(*x as f64 / scale)).abs());
    apart.fold(0.0, f64::max) - 51.0 / n - ((2e10_f64).ln() / (2.0 * n)).sqrt()
}

#[test]
fn wide_noise_is_normal() {
    let (samples, scale) = noise(1_000_000, 20_000_000);
    assert!(scale > 1e6);
    let found = distance(&samples, scale);
    assert!(found < 0.0, "{found} too far");
    // A scale off by seven in a hundred moves the distribution by 0.0164 or more near one deviation; less than 0.0093 of
    // it is missed, so blindness would take an error there of 7 deviations (0.00095 each): once in 10¹⁰.
    assert!(distance(&samples, scale * 1.07) > 0.0 && distance(&samples, scale * 0.93) > 0.0, "it is blind");
}

#[test]
fn neighbouring_cells_do_not_move_together() {
    let (samples, scale) = noise(1_000_000, 20_000_000);
    let n = samples.len() as f64;
    for lag in [1, 2, 7] {
        let products =
            samples.iter().zip(&samples[lag..]).map(|(a, b)| *a as f64 / scale * (*b as f64 / scale));
        let correlation = products.sum::<f64>() / n;
        // Its deviation is 1 / sqrt(n); 6.5 of them come once in 10¹⁰.
        assert!(correlation.abs() < 6.5 / n.sqrt(), "lag {lag}: {correlation}");
    }
}

#[test]
fn threads_do_not_draw_the_same() {
    let mechanism = Gaussian::for_loss(Sensitivity::new(1, 1 << 46).unwrap(), 1_000).unwrap();
    assert!(mechanism.scale() > 4e16);
    let mut cells = mechanism.release(&vec![0; CELLS_PER_THREAD_MAX + 1]).unwrap();
    cells.sort_unstable();
    cells.dedup();
    // Two of 100,001 draws agree with probability below 10¹⁰ / (7 scale) = 4 * 10⁻⁸.
    assert_eq!(cells.len(), CELLS_PER_THREAD_MAX + 1);
}
