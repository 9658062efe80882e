//! A median from noisy head counts per band: free, because it uses nothing but an answer already paid
//! for.

use super::country::{PAY_BANDS, WAGE_CEILING};

/// Below this many people a median says nothing.
const PEOPLE_MIN: f64 = 20.0;

/// The pay below which half of the people lie, interpolated within its band. `heads` has one count per
/// pay band; noise may have made some negative.
#[must_use]
pub fn of_bands(heads: &[f64]) -> Option<f64> {
    let heads: Vec<f64> = heads.iter().map(|count| count.max(0.0)).collect();
    let people: f64 = heads.iter().sum();
    if people < PEOPLE_MIN {
        return None;
    }
    let mut below = 0.0;
    for (index, count) in heads.iter().enumerate() {
        if below + count >= people / 2.0 {
            let first = f64::from(PAY_BANDS[index].0);
            let last = f64::from(PAY_BANDS.get(index + 1).map_or(WAGE_CEILING, |(next, _)| *next));
            return Some(first + (last - first) * (people / 2.0 - below) / count);
        }
        below += count;
    }
    None
}
