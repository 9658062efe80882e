//! Numbers of several owners as one: intervals hold as often as they say, for sums and for ratios.

use weal_privacy::bounds::Sensitivity;
use weal_privacy::combining::{Noise, Term, half_width, ratio, reach, sum};
use weal_privacy::mechanism::Gaussian;

/// Draws of each case.
const DRAWS: usize = 4_000;

/// At most so many of [`DRAWS`] intervals may miss: five in a hundred, and six deviations of that, which chance
/// exceeds once in 10⁹ cases.
fn misses_max() -> usize {
    let expected = DRAWS as f64 * 0.05;
    (expected + 6.0 * (expected * 0.95).sqrt()) as usize
}

/// Noise of a scale near the one asked for.
fn noise_of(scale: f64) -> Gaussian {
    let rho_nano = (1e9 / (2.0 * scale * scale)) as u64;
    Gaussian::for_loss(Sensitivity::new(1, 1).unwrap(), rho_nano).unwrap()
}

fn term(value: i64, noise: &Gaussian, above: f64, below: f64) -> Term {
    Term { value: value as f64, noise: Noise { scale: noise.scale(), unit: 1.0 }, above, below }
}

#[test]
fn sums_over_owners_hold_the_truth_in_95_of_100_cases() {
    for scales in [vec![0.3], vec![0.4, 0.6], vec![1.0, 5.0, 30.0], vec![8.0; 16]] {
        let noises: Vec<Gaussian> = scales.iter().map(|scale| noise_of(*scale)).collect();
        // Nobody in any group: where owners held such counts at 0 their sum would be far above.
        let drawn: Vec<Vec<i64>> = noises.iter().map(|noise| noise.release(&[0; DRAWS]).unwrap()).collect();
        let misses = (0..DRAWS).filter(|&draw| {
            let terms: Vec<Term> =
                noises.iter().zip(&drawn).map(|(noise, drawn)| term(drawn[draw], noise, 1.0, 0.0)).collect();
            let within = sum(&terms, 0.95);
            !(within.low..=within.high).contains(&0.0)
        });
        let misses = misses.count();
        assert!(misses <= misses_max(), "{misses} of {DRAWS} for {scales:?}");
    }
}

#[test]
fn the_interval_of_one_number_is_that_of_its_noise_and_half_a_unit() {
    let noise = Noise { scale: 10.0, unit: 1.0 };
    let alone = half_width([(1.0, noise)], 0.95);
    assert!((alone - (19.599_64 + 0.5)).abs() < 1e-3, "{alone}");
    // Sixteen owners are four times as wide, not sixteen times.
    let many = half_width(vec![(1.0, noise); 16], 0.95);
    assert!((many - 4.0 * alone).abs() < 1e-9, "{many}");
    assert!((reach(1.0, 0.95) - 1.959_964).abs() < 1e-5);
    assert_eq!(reach(1.0, 1.0), f64::INFINITY);
    // More confidences than are remembered, each of them again.
    let all = || (1..1_000).map(|n| reach(3.0, f64::from(n) / 1_000.0)).collect::<Vec<_>>();
    let first = all();
    assert!(first.is_sorted_by(|one, next| one < next), "surer is wider: {first:?}");
    assert_eq!(all(), first);
}

/// Sums of distances from an owner's own middle over counts, as averages are made of.
#[test]
fn ratios_over_owners_hold_the_truth_in_95_of_100_cases_however_small_the_divisor() {
    // Of each owner: true count, true mean, middle, noise of the count and of the distances.
    type Owner = (i64, f64, f64, f64, f64);
    let cases: [&[Owner]; 4] = [
        &[(1_000, 40.0, 50.0, 10.0, 500.0), (3_000, 70.0, 60.0, 20.0, 900.0)],
        &[(80, 10.0, 50.0, 10.0, 500.0)],
        &[(3, 10.0, 50.0, 10.0, 500.0), (4, 90.0, 50.0, 10.0, 500.0)],
        &[(200, 99.0, 50.0, 0.5, 30.0), (100, 1.0, 10.0, 5.0, 30.0), (50, 50.0, 90.0, 9.0, 300.0)],
    ];
    for owners in cases {
        let spread = |(count, mean, middle, ..): &Owner| (*count as f64 * (mean - middle)).round() as i64;
        let above: f64 = owners.iter().map(|owner| spread(owner) as f64 + owner.2 * owner.0 as f64).sum();
        let truth = above / owners.iter().map(|owner| owner.0 as f64).sum::<f64>();
        let drawn: Vec<(Vec<Term>, Vec<Term>)> = owners
            .iter()
            .map(|owner| {
                let (of_count, of_spread) = (noise_of(owner.3), noise_of(owner.4));
                let counts = of_count.release(&[owner.0; DRAWS]).unwrap();
                let spreads = of_spread.release(&[spread(owner); DRAWS]).unwrap();
                let counts = counts.iter().map(|&value| term(value, &of_count, owner.2, 1.0)).collect();
                (counts, spreads.iter().map(|&value| term(value, &of_spread, 1.0, 0.0)).collect())
            })
            .collect();
        let (mut misses, mut wide, mut unknown) = (0, 0, 0);
        for draw in 0..DRAWS {
            let terms: Vec<Term> =
                drawn.iter().flat_map(|(counts, spreads)| [counts[draw], spreads[draw]]).collect();
            match ratio(&terms, 0.95) {
                Some(within) if within.low == f64::NEG_INFINITY => wide += 1,
                Some(within) if (within.low..=within.high).contains(&truth) => {
                    assert!(within.low <= within.value && within.value <= within.high);
                }
                Some(_) => misses += 1,
                None => unknown += 1,
            }
        }
        assert!(misses <= misses_max(), "{misses} of {DRAWS} for {owners:?}");
        let is_small = owners.iter().map(|owner| owner.0).sum::<i64>() < 10;
        assert_eq!(is_small, wide + unknown > DRAWS / 10, "{wide} and {unknown} for {owners:?}");
    }
}
