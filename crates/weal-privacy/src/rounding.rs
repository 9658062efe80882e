//! Exact steps between floating point and the integer units of a [`crate::Loss`].

/// Units of rho in 1.
pub(crate) const NANO: u64 = 1_000_000_000;
/// Units of delta in 1.
pub(crate) const FEMTO: u64 = 1_000_000_000_000_000;

/// The smallest whole number that is at least `value * units_per_one`, computed without rounding.
/// Not a number, infinity and anything too large give `u64::MAX`; negative numbers give 0.
pub(crate) fn units_up(value: f64, units_per_one: u64) -> u64 {
    if value.is_nan() || value == f64::INFINITY {
        return u64::MAX;
    }
    if value <= 0.0 {
        return 0;
    }
    let (mantissa, exponent) = parts(value);
    let product = u128::from(mantissa) * u128::from(units_per_one);
    let whole = match exponent {
        0.. if product.leading_zeros() >= exponent.unsigned_abs() => product << exponent,
        0.. => u128::MAX,
        // The product is below 2^117, so it is less than one unit.
        ..=-120 => 1,
        _ => product.div_ceil(1 << exponent.unsigned_abs()),
    };
    u64::try_from(whole).unwrap_or(u64::MAX)
}

/// `value = mantissa * 2^exponent`, exactly, for a finite positive value.
fn parts(value: f64) -> (u64, i32) {
    let bits = value.to_bits();
    let raw = ((bits >> 52) & 0x7ff) as i32;
    let fraction = bits & ((1 << 52) - 1);
    if raw == 0 { (fraction, -1074) } else { (fraction | (1 << 52), raw - 1075) }
}

/// The square, rounded up. For positive numbers.
pub(crate) fn square_up(value: f64) -> f64 {
    let square = value * value;
    let too_low = value.mul_add(value, -square) > 0.0;
    if too_low { square.next_up() } else { square.max(f64::MIN_POSITIVE) }
}

/// The square, rounded down; 0 where it is too small to be exact about. For positive numbers.
pub(crate) fn square_down(value: f64) -> f64 {
    let square = value * value;
    let too_high = value.mul_add(value, -square) < 0.0;
    match if too_high { square.next_down() } else { square } {
        small if small < f64::MIN_POSITIVE => 0.0,
        square => square,
    }
}

/// The quotient, rounded up. For positive numbers.
pub(crate) fn quotient_up(dividend: f64, divisor: f64) -> f64 {
    let quotient = dividend / divisor;
    let too_low = quotient.mul_add(divisor, -dividend) < 0.0;
    if too_low { quotient.next_up() } else { quotient.max(f64::MIN_POSITIVE) }
}

/// The whole number as a floating-point number, rounded up.
pub(crate) fn float_up(whole: u128) -> f64 {
    let float = whole as f64;
    // The cast back is exact, or stops at the end for 2^128 itself, which is above every `whole`.
    if (float as u128) < whole { float.next_up() } else { float }
}

/// The nearest positive floating-point number not below `value` whose significand has `bits` bits, and
/// the one after it.
pub(crate) fn ceil_to_bits(value: f64, bits: u32) -> (f64, f64) {
    let step = 1u64 << (53 - bits);
    let up = (value.to_bits() + (step - 1)) & !(step - 1);
    (f64::from_bits(up), f64::from_bits(up + step))
}
