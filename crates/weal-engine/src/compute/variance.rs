//! A variance from released means: of the values, and of their squared distances from the middle.

use super::derived::Estimated;
use super::measure::middle_of;

/// The mean of squared distances from the middle of the bounds, less the square of the mean's distance from it.
pub(super) struct Variance {
    pub low: f64,
    pub high: f64,
    pub sample: bool,
    pub root: bool,
}

impl Variance {
    /// The interval covers every variance of a mean and a mean of squares within both their intervals. No variance
    /// is above a quarter of the squared range (Popoviciu 1935).
    pub(super) fn of(&self, mean: Estimated, square: Estimated, count: Estimated) -> Estimated {
        let (mean, square, count) = (mean?, square?, count?);
        let middle = middle_of(self.low, self.high);
        let most = ((self.high - self.low) / 2.0).powi(2);
        let distances = [mean.1, mean.2].map(|end| (end - middle).powi(2));
        let nearest = if mean.1 <= middle && middle <= mean.2 { 0.0 } else { distances[0].min(distances[1]) };
        let within = |variance: f64| variance.clamp(0.0, most);
        let population = [
            within(square.0 - (mean.0 - middle).powi(2)),
            within(square.1 - distances[0].max(distances[1])),
            within(square.2 - nearest),
        ];
        // n / (n - 1) falls as n grows, and says nothing below 2.
        let factor = |n: f64| if self.sample { n / (n - 1.0) } else { 1.0 };
        if self.sample && count.1 < 2.0 {
            return None;
        }
        let scaled = [
            factor(count.0) * population[0],
            factor(count.2) * population[1],
            factor(count.1) * population[2],
        ];
        let [value, low, high] = if self.root { scaled.map(f64::sqrt) } else { scaled };
        Some((value, low, high))
    }
}
