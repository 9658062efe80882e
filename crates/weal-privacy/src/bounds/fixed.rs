use super::BoundsError;

/// The most decimal places of a fixed-point number.
pub const DECIMALS_MAX: u8 = 9;
/// The largest magnitude of a fixed-point value: below it every integer is also an exact `f64`.
pub const FIXED_MAX: i64 = 1 << 53;

/// Turns measured values into clamped integers and estimates back into numbers.
///
/// Sums of floating-point numbers must not be released however much noise is added: rounding and the order
/// of addition move them further than their sensitivity says (Casacuberta et al. 2022, arXiv 2207.10635).
/// So every value becomes an integer of 10^-decimals first, by a function of this value and of public
/// bounds alone, and integers are summed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct FixedPoint {
    decimals: u8,
    bounds: (f64, f64),
    fixed: (i64, i64),
}

impl FixedPoint {
    /// `low` and `high` are public and inclusive, in the unit of the data.
    pub fn new(decimals: u8, low: f64, high: f64) -> Result<FixedPoint, BoundsError> {
        if decimals > DECIMALS_MAX {
            return Err(BoundsError::TooManyDecimals { decimals });
        }
        if !(low.is_finite() && high.is_finite() && low <= high) {
            return Err(BoundsError::NotAnInterval { low, high });
        }
        let fixed = |bound: f64| {
            let scaled = (bound * power_of_ten(decimals)).round();
            if scaled.abs() <= FIXED_MAX as f64 {
                Ok(scaled as i64)
            } else {
                Err(BoundsError::TooWide { bound, decimals })
            }
        };
        Ok(FixedPoint { decimals, bounds: (low, high), fixed: (fixed(low)?, fixed(high)?) })
    }

    /// The value clamped to the bounds, times 10^decimals, rounded to the nearest integer (halves away
    /// from zero). What is not a number becomes the point of the bounds nearest to zero: never an error,
    /// since an error would tell that such a value is there.
    pub fn to_fixed(&self, value: f64) -> i64 {
        let value = if value.is_nan() { 0.0 } else { value };
        let clamped = value.clamp(self.bounds.0, self.bounds.1);
        ((clamped * power_of_ten(self.decimals)).round() as i64).clamp(self.fixed.0, self.fixed.1)
    }

    /// As [`FixedPoint::to_fixed`] for a value that is an integer already, of any size.
    pub fn integer_to_fixed(&self, value: i64) -> i64 {
        let scaled = i128::from(value) * 10_i128.pow(self.decimals.into());
        scaled.clamp(self.fixed.0.into(), self.fixed.1.into()) as i64
    }

    /// An estimate back in the unit of the data. Only for numbers that already carry noise.
    pub fn from_fixed(&self, estimate: i64) -> f64 {
        estimate as f64 / power_of_ten(self.decimals)
    }

    pub fn decimals(&self) -> u8 {
        self.decimals
    }

    /// The least integer that [`FixedPoint::to_fixed`] gives.
    pub fn low(&self) -> i64 {
        self.fixed.0
    }

    /// The greatest integer that [`FixedPoint::to_fixed`] gives.
    pub fn high(&self) -> i64 {
        self.fixed.1
    }
}

/// Exact for the places allowed.
fn power_of_ten(decimals: u8) -> f64 {
    10_f64.powi(decimals.into())
}

/// The sum, stopped at the ends of `i64` as [`saturate`] does: once, at the end.
pub fn saturating_sum(values: impl IntoIterator<Item = i64>) -> i64 {
    saturate(values.into_iter().map(i128::from).sum())
}

/// An exact sum, stopped at the ends of `i64`. Stopping once, after the last addition, neither makes the
/// order of the values matter nor lets one value move the result by more than itself; stopping after each
/// addition would do both, and an error on overflow would tell that the sum was large.
pub fn saturate(exact: i128) -> i64 {
    exact.clamp(i64::MIN.into(), i64::MAX.into()) as i64
}
