//! Privacy loss as an exact quantity: it adds, compares and never wraps around.

use serde::{Deserialize, Serialize};

/// Privacy loss in zero-concentrated terms (Bun and Steinke 2016), exact: rho in units of 10⁻⁹ and
/// delta (of thresholds) in units of 10⁻¹⁵. Losses add; conversions into these units round up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub struct Loss {
    pub rho_nano: u64,
    #[serde(default)]
    pub delta_femto: u64,
}

impl Loss {
    pub const ZERO: Loss = Loss { rho_nano: 0, delta_femto: 0 };

    #[must_use]
    pub const fn new(rho_nano: u64, delta_femto: u64) -> Self {
        Self { rho_nano, delta_femto }
    }

    #[must_use]
    pub fn is_zero(self) -> bool {
        self == Self::ZERO
    }

    /// Both components are at most those of `other`.
    #[must_use]
    pub fn fits(self, other: Loss) -> bool {
        self.rho_nano <= other.rho_nano && self.delta_femto <= other.delta_femto
    }

    /// `None` where a component would overflow: a loss beyond all budgets.
    #[must_use]
    pub fn checked_add(self, other: Loss) -> Option<Loss> {
        Some(Loss {
            rho_nano: self.rho_nano.checked_add(other.rho_nano)?,
            delta_femto: self.delta_femto.checked_add(other.delta_femto)?,
        })
    }

    /// `None` where a component would be negative.
    #[must_use]
    pub fn checked_sub(self, other: Loss) -> Option<Loss> {
        Some(Loss {
            rho_nano: self.rho_nano.checked_sub(other.rho_nano)?,
            delta_femto: self.delta_femto.checked_sub(other.delta_femto)?,
        })
    }

    #[must_use]
    pub fn saturating_add(self, other: Loss) -> Loss {
        Loss {
            rho_nano: self.rho_nano.saturating_add(other.rho_nano),
            delta_femto: self.delta_femto.saturating_add(other.delta_femto),
        }
    }

    #[must_use]
    pub fn saturating_sub(self, other: Loss) -> Loss {
        Loss {
            rho_nano: self.rho_nano.saturating_sub(other.rho_nano),
            delta_femto: self.delta_femto.saturating_sub(other.delta_femto),
        }
    }

    /// The smaller of each component.
    #[must_use]
    pub fn min(self, other: Loss) -> Loss {
        Loss {
            rho_nano: self.rho_nano.min(other.rho_nano),
            delta_femto: self.delta_femto.min(other.delta_femto),
        }
    }

    /// `self` split into `parts`, each rounded down, so that together they never exceed the whole.
    #[must_use]
    pub fn scaled_down(self, parts: u64) -> Loss {
        let parts = parts.max(1);
        Loss { rho_nano: self.rho_nano / parts, delta_femto: self.delta_femto / parts }
    }

    /// `count` times the loss, `None` beyond all budgets.
    #[must_use]
    pub fn checked_mul(self, count: u64) -> Option<Loss> {
        Some(Loss {
            rho_nano: self.rho_nano.checked_mul(count)?,
            delta_femto: self.delta_femto.checked_mul(count)?,
        })
    }
}

/// `0.05 rho` or `0.05 rho and 0.0000001 delta`: the exact figure, trailing zeros left out.
impl std::fmt::Display for Loss {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} rho", decimal(self.rho_nano, 9))?;
        if self.delta_femto > 0 {
            write!(f, " and {} delta", decimal(self.delta_femto, 15))?;
        }
        Ok(())
    }
}

/// `units` of 10^-places as a decimal fraction, exactly.
fn decimal(units: u64, places: usize) -> String {
    let digits = format!("{units:0>width$}", width = places + 1);
    let (whole, fraction) = digits.split_at(digits.len() - places);
    let fraction = fraction.trim_end_matches('0');
    if fraction.is_empty() { whole.to_owned() } else { format!("{whole}.{fraction}") }
}
