//! The ladder: seven ways to use a product, from least to most disclosure.

use serde::{Deserialize, Serialize};

/// One rung of the ladder.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    Metadata,
    Synthetic,
    Statistics,
    Matching,
    Training,
    Lookup,
    Extract,
}

impl Mode {
    /// All rungs, lowest disclosure first.
    pub const LADDER: [Mode; 7] = [
        Mode::Metadata,
        Mode::Synthetic,
        Mode::Statistics,
        Mode::Matching,
        Mode::Training,
        Mode::Lookup,
        Mode::Extract,
    ];

    /// 1 (metadata) to 7 (extract).
    #[must_use]
    pub fn rung(self) -> u8 {
        self as u8 + 1
    }

    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Mode::Metadata => "metadata",
            Mode::Synthetic => "synthetic",
            Mode::Statistics => "statistics",
            Mode::Matching => "matching",
            Mode::Training => "training",
            Mode::Lookup => "lookup",
            Mode::Extract => "extract",
        }
    }

    /// What leaves the owner's node on this rung, in plain words.
    #[must_use]
    pub fn leaves_the_owner(self) -> &'static str {
        match self {
            Mode::Metadata => "the catalogue entry, quality and service figures",
            Mode::Synthetic => "rows of a differentially private synthetic twin",
            Mode::Statistics => "differentially private totals, charged to a budget",
            Mode::Matching => "the count, sum or identifiers that the agreement names of a private match",
            Mode::Training => "securely aggregated model updates",
            Mode::Lookup => "one record at a time, by key, each with a reason",
            Mode::Extract => "the rows and columns that the agreement permits",
        }
    }
}

impl std::fmt::Display for Mode {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

impl std::str::FromStr for Mode {
    type Err = crate::InvalidName;
    fn from_str(given: &str) -> Result<Self, Self::Err> {
        Mode::LADDER.into_iter().find(|mode| mode.as_str() == given).ok_or_else(|| crate::InvalidName {
            what: "mode",
            given: given.chars().take(80).collect(),
            rule: "use metadata, synthetic, statistics, matching, training, lookup or extract",
        })
    }
}
