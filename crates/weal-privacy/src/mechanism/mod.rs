//! Releases. A mechanism is built for a loss it may cost, tells what it really costs and how exact it will
//! be (free of charge: no data is read), and then releases.

mod gaussian;
mod opendp_seam;
mod ranks;
mod thresholded;

pub use gaussian::{Gaussian, half_width_of_sum};
pub use ranks::{Leaves, Ranks};
pub use thresholded::Thresholded;

/// The largest rho (10⁻⁹) of one release. At 10 the noise of a count is nearly always 0 and the epsilon
/// is above 30: a larger "loss" would be a way to switch noise off.
pub const RHO_NANO_MAX: u64 = 10_000_000_000;
/// The largest noise scale: an interval of such noise still fits the integers released.
pub const SCALE_MAX: f64 = (1u64 << 58) as f64;
/// Above this many cells a release is drawn on several threads.
pub const CELLS_PER_THREAD_MAX: usize = 100_000;

/// Why there is no release. Nothing in it depends on data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum MechanismError {
    #[error("nothing can be released at no loss")]
    NoLoss,
    #[error("a loss of {rho_nano}e-9 (rho) for one release is more than {RHO_NANO_MAX}e-9")]
    LossTooLarge { rho_nano: u64 },
    #[error("groups with private keys need a delta above 0 and below 1")]
    NoDelta,
    #[error(
        "a delta of {delta_femto}e-15 is too small for so many groups per subject; allow more delta or fewer groups"
    )]
    DeltaTooSmall { delta_femto: u64 },
    #[error("a subject must be allowed at least one group")]
    NoGroups,
    #[error(
        "so small a loss needs more noise than the numbers released can hold; allow more loss or narrow the bounds"
    )]
    TooMuchNoise,
    #[error("no noise could be drawn")]
    NoiseUnavailable,
}
