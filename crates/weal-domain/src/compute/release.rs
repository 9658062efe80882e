//! What an independent accountant needs of an answer: which noise it was made with.

use serde::{Deserialize, Serialize};

use super::Loss;

/// By which kind of noise numbers are released.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mechanism {
    /// Discrete Gaussian noise on a vector of integers (Canonne, Kamath, Steinke 2020): rho is
    /// `l2² / (2 scale²)`.
    DiscreteGaussian,
    /// The same on numbers of distinct subjects, of which only those that pass a threshold are shown: its delta
    /// is what the threshold costs.
    DiscreteGaussianThreshold,
}

/// One kind of release within an answer, made `count` times. It depends on the question and the owner's policy,
/// never on the data, and is known before any is read.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Release {
    pub mechanism: Mechanism,
    /// The noise's parameter sigma, in the units of the numbers it is added to.
    pub scale: f64,
    /// How many of the vector's numbers one subject may change.
    pub l0: u32,
    /// By how much it may change each.
    pub linf: u64,
    /// The Euclidean length of what it may change together.
    pub l2: f64,
    /// The least noisy number that is ever shown, where there is a threshold.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub threshold: Option<u64>,
    pub count: u64,
    /// What one of them costs.
    pub loss: Loss,
}

impl Release {
    /// Like ones told once, with their number; the order is kept.
    #[must_use]
    pub fn counted(releases: impl IntoIterator<Item = Release>) -> Vec<Release> {
        let mut counted: Vec<Release> = Vec::new();
        for release in releases {
            let like = |one: &&mut Release| Release { count: release.count, ..(**one).clone() } == release;
            match counted.iter_mut().find(like) {
                Some(one) => one.count = one.count.saturating_add(release.count),
                None => counted.push(release),
            }
        }
        counted
    }

    /// What all of them cost together; `None` beyond all budgets.
    #[must_use]
    pub fn total(releases: &[Release]) -> Option<Loss> {
        let add = |sum: Loss, one: &Release| sum.checked_add(one.loss.checked_mul(one.count)?);
        releases.iter().try_fold(Loss::ZERO, add)
    }
}
