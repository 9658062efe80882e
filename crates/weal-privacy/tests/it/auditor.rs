//! A minimal auditor. From samples of a mechanism on two neighbouring data sets it computes a lower bound
//! on what the mechanism really leaks; a claim below the bound is wrong.
//!
//! One half of the samples chooses the event (at least c, at most c) that tells the two data sets
//! apart best, the other half bounds its probabilities (Clopper and Pearson 1934), so choosing costs
//! nothing. A claim of `Loss` promises an epsilon for *every* delta, so the bound is held against several.

use weal_privacy::Loss;
use weal_privacy::accounting::epsilon_of;

/// Each one-sided bound is wrong at most this often.
const WRONG: f64 = 1e-11;
const DELTAS: [f64; 6] = [1e-6, 1e-4, 1e-2, 0.03, 0.1, 0.3];

/// What an audit found: by how much the lower bound on epsilon exceeds the claim, at the worst delta.
/// Positive means that the claim is wrong; a true claim gives this by chance less than once in 10¹⁰.
pub(crate) fn excess(claim: Loss, with: &[i64], without: &[i64]) -> f64 {
    let claimed: Vec<(f64, f64)> =
        DELTAS.iter().filter_map(|&delta| Some((delta, epsilon_of(claim, delta).ok()?))).collect();
    let worst = |direction: i64| {
        let turned = |samples: &[i64]| samples.iter().map(|x| x * direction).collect::<Vec<_>>();
        let (with, without) = (turned(with), turned(without));
        let (choose_with, judge_with) = with.split_at(with.len() / 2);
        let (choose_without, judge_without) = without.split_at(without.len() / 2);
        let (event, _) = candidates(choose_with, choose_without)
            .map(|c| (c, gap(&claimed, c, choose_with, choose_without, 0.01)))
            .max_by(|a, b| a.1.total_cmp(&b.1))
            .expect("there are samples");
        gap(&claimed, event, judge_with, judge_without, WRONG)
    };
    worst(1).max(worst(-1))
}

/// Some 40 quantiles of both samples together.
fn candidates(a: &[i64], b: &[i64]) -> impl Iterator<Item = i64> + use<> {
    let mut all: Vec<i64> = a.iter().chain(b).copied().collect();
    all.sort_unstable();
    let step = (all.len() / 40).max(1);
    all.into_iter().step_by(step)
}

/// The excess of the bound on epsilon over what is claimed per delta, for the event "at least c".
fn gap(claimed: &[(f64, f64)], c: i64, with: &[i64], without: &[i64], wrong: f64) -> f64 {
    let hits = |samples: &[i64]| samples.iter().filter(|x| **x >= c).count() as u64;
    let likely = lower(hits(with), with.len() as u64, wrong);
    let rarely = upper(hits(without), without.len() as u64, wrong);
    claimed
        .iter()
        .map(|(delta, epsilon)| ((likely - delta).max(1e-300) / rarely).ln() - epsilon)
        .fold(f64::NEG_INFINITY, f64::max)
}

/// The least probability that `hits` of `trials` do not refute: below it, so many would be seen less
/// often than `wrong`.
pub(crate) fn lower(hits: u64, trials: u64, wrong: f64) -> f64 {
    if hits == 0 {
        return 0.0;
    }
    let (k, n) = (hits as f64, trials as f64);
    bisect(|p| beta(p, k, n - k + 1.0) > wrong)
}

/// The greatest probability that `hits` of `trials` do not refute.
pub(crate) fn upper(hits: u64, trials: u64, wrong: f64) -> f64 {
    if hits == trials {
        return 1.0;
    }
    let (k, n) = (hits as f64, trials as f64);
    bisect(|p| beta(1.0 - p, n - k, k + 1.0) < wrong)
}

/// Where a monotone question turns from no to yes.
fn bisect(yes: impl Fn(f64) -> bool) -> f64 {
    let (mut low, mut high) = (0.0, 1.0);
    for _ in 0..60 {
        let middle = (low + high) / 2.0;
        if yes(middle) { high = middle } else { low = middle }
    }
    (low + high) / 2.0
}

/// The regularised incomplete beta function I_x(a, b), by Lentz's continued fraction (Numerical Recipes
/// 6.4); `I_p(k, n - k + 1)` is the probability of at least k hits in n trials.
fn beta(x: f64, a: f64, b: f64) -> f64 {
    if x <= 0.0 || x >= 1.0 {
        return x.clamp(0.0, 1.0);
    }
    if x > (a + 1.0) / (a + b + 2.0) {
        return 1.0 - beta(1.0 - x, b, a);
    }
    let front = (ln_gamma(a + b) - ln_gamma(a) - ln_gamma(b) + a * x.ln() + b * (-x).ln_1p()).exp() / a;
    let away_from_zero = |value: f64| if value.abs() < 1e-300 { 1e-300 } else { value };
    let mut c = 1.0;
    let mut d = 1.0 / away_from_zero(1.0 - (a + b) * x / (a + 1.0));
    let mut fraction = d;
    for m in 1..10_000 {
        let m = f64::from(m);
        let even = m * (b - m) * x / ((a + 2.0 * m - 1.0) * (a + 2.0 * m));
        let odd = -(a + m) * (a + b + m) * x / ((a + 2.0 * m) * (a + 2.0 * m + 1.0));
        let mut change = 1.0;
        for term in [even, odd] {
            d = 1.0 / away_from_zero(1.0 + term * d);
            c = away_from_zero(1.0 + term / c);
            change = c * d;
            fraction *= change;
        }
        if (change - 1.0_f64).abs() < 1e-14 {
            break;
        }
    }
    front * fraction
}

/// Stirling's series after shifting the argument above 10.
fn ln_gamma(x: f64) -> f64 {
    if x < 10.0 {
        return ln_gamma(x + 1.0) - x.ln();
    }
    let series = 1.0 / (12.0 * x) - 1.0 / (360.0 * x.powi(3)) + 1.0 / (1260.0 * x.powi(5))
        - 1.0 / (1680.0 * x.powi(7));
    (x - 0.5) * x.ln() - x + 0.5 * (2.0 * std::f64::consts::PI).ln() + series
}

#[test]
fn the_bounds_are_those_of_clopper_and_pearson() {
    let near = |a: f64, b: f64| assert!((a / b - 1.0).abs() < 1e-6, "{a} is not {b}");
    // No hit in n: the upper bound has a closed form, 1 - wrong^(1/n); all hits likewise.
    near(upper(0, 100_000, 1e-11), 1.0 - (1e-11_f64.ln() / 1e5).exp());
    near(lower(50, 50, 1e-3), 1e-3_f64.powf(1.0 / 50.0));
    // 95 % of 5 in 100, as in every table: 0.01643 to 0.11284.
    assert!((lower(5, 100, 0.025) - 0.016_43).abs() < 1e-5);
    assert!((upper(5, 100, 0.025) - 0.112_84).abs() < 1e-5);
    // Against the binomial tail, summed.
    let (n, k, p) = (1_000.0, 130.0, 0.1_f64);
    let term = |i: f64| {
        (ln_gamma(n + 1.0) - ln_gamma(i + 1.0) - ln_gamma(n - i + 1.0)
            + i * p.ln()
            + (n - i) * (1.0 - p).ln())
        .exp()
    };
    near(beta(p, k, n - k + 1.0), (130..=1_000).rev().map(|i| term(f64::from(i))).sum());
}
