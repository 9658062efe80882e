//! Quantiles from a noisy tree.

use proptest::prelude::*;
use weal_privacy::bounds::Sensitivity;
use weal_privacy::mechanism::{Gaussian, Leaves, RHO_NANO_MAX, Ranks};

fn noise(leaves: Leaves, rho_nano: u64) -> Gaussian {
    Gaussian::for_loss(Sensitivity::of_rows(leaves.levels(), 1).unwrap(), rho_nano).unwrap()
}

fn ranks(leaves: Leaves, values: &[i64], rho_nano: u64) -> Ranks {
    Ranks::new(leaves, noise(leaves, rho_nano), values.iter().map(|&value| (leaves.leaf(value), 1)))
}

proptest! {
    #[test]
    fn leaves_keep_the_order_and_cover_the_range(low in any::<i64>(), width in any::<u32>(), a in any::<u32>(), b in any::<u32>()) {
        let high = low.saturating_add(width.into());
        let leaves = Leaves::of(low, high).unwrap();
        let at = |x: u32| low.saturating_add((u64::from(x) % (u64::from(width) + 1)) as i64).min(high);
        let (a, b) = (at(a).min(at(b)), at(a).max(at(b)));
        prop_assert!(leaves.leaf(a) <= leaves.leaf(b));
        prop_assert!(leaves.leaf(b) < 16_u32.pow(leaves.levels()));
        prop_assert_eq!(leaves.leaf(low), 0);
        // What lies outside stands at the ends, and so does what cannot be there at all.
        prop_assert_eq!(leaves.leaf(i64::MIN), 0);
        prop_assert_eq!(leaves.leaf(i64::MAX), leaves.leaf(high));
    }
}

#[test]
fn the_whole_range_of_integers_has_leaves_and_a_range_upside_down_has_none() {
    let leaves = Leaves::of(i64::MIN + 1, i64::MAX).unwrap();
    assert_eq!((leaves.levels(), leaves.leaf(i64::MAX)), (4, 65_535));
    assert_eq!(Leaves::of(1, 0), None);
    assert_eq!(Leaves::of(7, 7).unwrap().levels(), 1);
    assert_eq!(Leaves::of(0, 256).unwrap().levels(), 3);
}

/// With as little noise as there can be, a quantile of well spread values is what it is without.
#[test]
fn with_hardly_any_noise_quantiles_are_exact_up_to_it() {
    let leaves = Leaves::of(0, 4_095).unwrap();
    // Of each value so many that noise of some 3 in a rank is less.
    let values: Vec<i64> = (0..40 * 4_096).map(|i| i % 4_096).collect();
    let mut ranks = ranks(leaves, &values, RHO_NANO_MAX);
    for fraction in [0.0, 0.01, 0.25, 0.5, 0.9, 1.0] {
        let (value, low, high) = ranks.quantile(fraction, 0.95).unwrap().unwrap();
        assert!((value - fraction * 4_095.0).abs() <= 1.0, "{fraction}: {value}");
        assert!(low <= value && value <= high && high - low <= 2.0, "{fraction}: {low} {value} {high}");
    }
}

/// The same nodes are drawn once, so asking again, or for another quantile, gives away nothing more.
#[test]
fn noise_is_drawn_once_for_each_node() {
    let leaves = Leaves::of(0, 4_095).unwrap();
    let mut ranks = ranks(leaves, &(0..500).collect::<Vec<_>>(), 1_000_000);
    let first = ranks.quantile(0.5, 0.95).unwrap();
    ranks.quantile(0.9, 0.5).unwrap();
    assert_eq!(ranks.quantile(0.5, 0.95).unwrap(), first);
}

/// 400 draws. An interval of just 95 % would miss more than 40 of them in one run of 10⁵; ours are wider and miss one
/// in a thousand, so more than 40 less than once in 10⁵⁰ runs. The widest of a run has some 10,000 at the most.
#[test]
fn intervals_hold_the_true_quantile() {
    // As many integers as there are leaves.
    let leaves = Leaves::of(0, 65_535).unwrap();
    // Skewed: squares, two thousand of them.
    let values: Vec<i64> = (0..2_000_i64).map(|i| i * i / 61).collect();
    let (mut missed, mut widest) = (0, 0.0_f64);
    for draw in 0..400 {
        let fraction = [0.1_f64, 0.5, 0.75, 0.99][draw % 4];
        let place = fraction * 1_999.0;
        let (below, above) = (values[place.floor() as usize] as f64, values[place.ceil() as usize] as f64);
        let truth = below + (above - below) * place.fract();
        let (value, low, high) =
            ranks(leaves, &values, 50_000_000).quantile(fraction, 0.95).unwrap().unwrap();
        assert!(low <= value && value <= high);
        missed += usize::from(!(low..=high).contains(&truth));
        widest = widest.max(high - low);
    }
    assert!(missed <= 40, "{missed} of 400 intervals missed");
    assert!(widest < 20_000.0, "an interval of {widest} says too little");
}

/// 400 draws; an end of the interval is cut off where the noise passes its bound, which is a miss as any other. It
/// does in one draw of 200, so in more than 40 of them less than once in 10³⁰ runs.
#[test]
fn of_nothing_there_is_no_quantile_or_one_that_may_be_anything() {
    let leaves = Leaves::of(-128, 127).unwrap();
    let (mut none, mut missed) = (0, 0);
    for _ in 0..400 {
        match ranks(leaves, &[], 10_000_000).quantile(0.5, 0.95).unwrap() {
            None => none += 1,
            Some((_, low, high)) => missed += usize::from((low, high) != (-128.0, 127.0)),
        }
    }
    // The total is less than 1 in half of the draws: 100 or fewer, or 300 or more, once in 10²³ runs.
    assert!((100..300).contains(&none), "{none} of 400 said that there is nothing");
    assert!(missed <= 40, "{missed} of 400 intervals left something out");
}

/// A range of 21 integers has 256 leaves. Of a hundred values at its end, noise leads the lower end of an interval of 50 %
/// beyond it in one draw of 40, so in none of 1,000 less than once in 10¹⁰ runs.
#[test]
fn an_interval_never_leaves_the_range() {
    let leaves = Leaves::of(0, 20).unwrap();
    for _ in 0..1_000 {
        if let Some((value, low, high)) = ranks(leaves, &[20; 100], 50_000_000).quantile(1.0, 0.5).unwrap() {
            assert!(0.0 <= low && low <= value && value <= high && high <= 20.0, "{low} {value} {high}");
        }
    }
}
