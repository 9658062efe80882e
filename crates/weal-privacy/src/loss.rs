use serde::{Deserialize, Serialize};

/// What a release costs, in approximate zero-concentrated terms (Bun and Steinke 2016, arXiv 1605.02065,
/// definition 8.1): `rho` in units of 10⁻⁹ and `delta` (spent by thresholds only) in units of 10⁻¹⁵.
///
/// Integers, so that losses add without error and in any order. Everything that converts into these units
/// rounds up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub struct Loss {
    pub rho_nano: u64,
    #[serde(default)]
    pub delta_femto: u64,
}

impl Loss {
    pub const ZERO: Loss = Loss { rho_nano: 0, delta_femto: 0 };
    /// No budget covers this one.
    pub const MAX: Loss = Loss { rho_nano: u64::MAX, delta_femto: u64::MAX };

    /// Composition: the loss of two releases together, `None` where it cannot be written down.
    pub fn checked_add(self, other: Loss) -> Option<Loss> {
        Some(Loss {
            rho_nano: self.rho_nano.checked_add(other.rho_nano)?,
            delta_femto: self.delta_femto.checked_add(other.delta_femto)?,
        })
    }

    /// As [`Loss::checked_add`], but stops at the largest loss, which no budget covers.
    pub fn saturating_add(self, other: Loss) -> Loss {
        Loss {
            rho_nano: self.rho_nano.saturating_add(other.rho_nano),
            delta_femto: self.delta_femto.saturating_add(other.delta_femto),
        }
    }

    /// Whether this loss is covered by `limit` in both of its parts.
    pub fn is_within(self, limit: Loss) -> bool {
        self.rho_nano <= limit.rho_nano && self.delta_femto <= limit.delta_femto
    }
}
