//! What must be known before noise is added: integers, how far one subject can move them, and how a
//! loss is shared between the numbers of one answer.

mod fixed;
mod sensitivity;

pub use fixed::{DECIMALS_MAX, FIXED_MAX, FixedPoint, saturate, saturating_sum};
pub use sensitivity::{PER_GROUP_MAX, Sensitivity};

use crate::loss::Loss;

/// A statement about the data, made by its owner, that cannot be right.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
pub enum BoundsError {
    #[error("bounds must be two finite numbers, the lower first, not {low} and {high}")]
    NotAnInterval { low: f64, high: f64 },
    #[error("{decimals} decimal places are more than {DECIMALS_MAX}")]
    TooManyDecimals { decimals: u8 },
    #[error(
        "a bound of {bound} with {decimals} decimal places does not fit the integers used; keep fewer places or narrow the bounds"
    )]
    TooWide { bound: f64, decimals: u8 },
    #[error("a subject must be allowed at least one group and one row per group")]
    NothingAllowed,
    #[error(
        "one subject could move one group by {per_group}, more than {PER_GROUP_MAX}; narrow the bounds, keep fewer decimal places or allow fewer rows"
    )]
    TooMuchPerGroup { per_group: u128 },
}

/// Shares `total` between the numbers of one answer by their `weights`, as exactly as whole units allow; the
/// shares' rho add up to exactly that of `total`. The first number is the count that decides which groups are
/// shown: it alone gets the whole delta, and only `with_threshold`; otherwise no delta is given to anyone.
pub fn split_loss(total: Loss, weights: &[u32], with_threshold: bool) -> Vec<Loss> {
    let all: u128 = weights.iter().copied().map(u128::from).sum();
    // What the first so many parts have together, rounded down: the last has the whole.
    let up_to = |weight: u128| (u128::from(total.rho_nano) * weight).checked_div(all).unwrap_or(0) as u64;
    let (mut weight, mut given) = (0, 0);
    let share = |(part, own): (usize, &u32)| {
        weight += u128::from(*own);
        let rho_nano = up_to(weight) - given;
        given += rho_nano;
        Loss { rho_nano, delta_femto: if part == 0 && with_threshold { total.delta_femto } else { 0 } }
    };
    weights.iter().enumerate().map(share).collect()
}
