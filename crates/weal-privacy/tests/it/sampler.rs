//! Goodness of fit of the noise: Pearson's chi-square against the exact probabilities.

use weal_privacy::bounds::Sensitivity;
use weal_privacy::mechanism::Gaussian;

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
