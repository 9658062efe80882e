//! The discrete Gaussian, written down once more and straight from its definition: the oracle of the
//! other tests. Shares no code with the crate or with OpenDP.

/// Probabilities of a range of whole numbers; everything outside is below 1e-300.
#[derive(Debug, Clone)]
pub(crate) struct Pmf {
    first: i64,
    probability: Vec<f64>,
}

impl Pmf {
    pub(crate) fn gaussian(scale: f64) -> Pmf {
        let last = (scale * 38.0).ceil() as i64 + 1;
        let weight: Vec<f64> = (-last..=last).map(|x| (-(x as f64 / scale).powi(2) / 2.0).exp()).collect();
        let total: f64 = weight.iter().sum();
        Pmf { first: -last, probability: weight.iter().map(|weight| weight / total).collect() }
    }

    pub(crate) fn of(&self, x: i64) -> f64 {
        let index = usize::try_from(x - self.first).ok();
        index.and_then(|index| self.probability.get(index)).copied().unwrap_or(0.0)
    }

    /// P[X >= x], small terms first.
    pub(crate) fn from(&self, x: i64) -> f64 {
        let start = (x - self.first).clamp(0, self.probability.len() as i64) as usize;
        self.probability[start..].iter().rev().sum()
    }

    /// P[low <= X <= high].
    pub(crate) fn between(&self, low: i64, high: i64) -> f64 {
        let place = |x: i64| (x - self.first).clamp(0, self.probability.len() as i64) as usize;
        self.probability[place(low)..place(high + 1).max(place(low))].iter().sum()
    }

    /// P[|X| <= width].
    pub(crate) fn within(&self, width: i64) -> f64 {
        1.0 - 2.0 * self.from(width + 1)
    }

    pub(crate) fn support(&self) -> impl Iterator<Item = i64> + use<> {
        self.first..self.first + self.probability.len() as i64
    }

    /// The distribution of the sum of `copies` independent draws.
    pub(crate) fn sum_of(&self, copies: u32) -> Pmf {
        (1..copies).fold(self.clone(), |sum, _| sum.plus(self))
    }

    fn plus(&self, other: &Pmf) -> Pmf {
        let mut probability = vec![0.0; self.probability.len() + other.probability.len() - 1];
        for (i, p) in self.probability.iter().enumerate().filter(|(_, p)| **p > 1e-40) {
            for (j, q) in other.probability.iter().enumerate() {
                probability[i + j] += p * q;
            }
        }
        Pmf { first: self.first + other.first, probability }
    }
}

/// The delta at which a mechanism whose output is `noise + shift` on one data set and `noise` on its
/// neighbour has `epsilon`: the sum of what the first probability has above e^epsilon times the second.
pub(crate) fn profile(epsilon: f64, log_ratio: impl Fn(i64) -> f64, noise: &Pmf) -> f64 {
    noise.support().map(|x| noise.of(x) * (1.0 - (epsilon - log_ratio(x)).exp()).max(0.0)).sum()
}
