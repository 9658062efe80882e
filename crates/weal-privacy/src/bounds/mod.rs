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

/// Shares `total` between the `parts` numbers of one answer, as equally as whole units allow; the shares'
/// rho add up to exactly that of `total`. The first part is the count that decides which groups are shown:
/// it alone gets the whole delta, and only `with_threshold`; otherwise no delta is given to anyone.
pub fn split_loss(total: Loss, parts: usize, with_threshold: bool) -> Vec<Loss> {
    if parts == 0 {
        return Vec::new();
    }
    let (share, left_over) = (total.rho_nano / parts as u64, total.rho_nano % parts as u64);
    (0..parts)
        .map(|part| Loss {
            rho_nano: share + u64::from((part as u64) < left_over),
            delta_femto: if part == 0 && with_threshold { total.delta_femto } else { 0 },
        })
        .collect()
}
