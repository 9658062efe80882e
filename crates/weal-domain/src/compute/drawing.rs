//! Numbers as they were drawn, for whoever adds them to those of other owners: neither held above zero nor divided
//! by each other, with all that the sum's interval depends on. It follows from the question and the owner's public
//! policy, never from the data.

use serde::{Deserialize, Serialize};

/// How the numbers of an answer are drawn.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Drawing {
    /// Of each estimate column, in their order.
    pub numbers: Vec<Drawn>,
    /// When a group is shown; `None` where the groups are public and all are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub threshold: Option<DrawnThreshold>,
    /// Of more groups than this the last are cut off.
    pub groups_max: u64,
}

/// One number in each group: a count, a sum, or a sum of distances from a middle.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Drawn {
    /// The noise's parameter sigma, in the units of the number.
    pub scale: f64,
    /// The number is a multiple of this.
    pub unit: f64,
    /// What was subtracted from each value before they were summed; 0 for counts and sums.
    pub middle: f64,
    /// Between these lies what is counted or summed.
    pub low: f64,
    pub high: f64,
    /// Between these lies what one subject adds to the number in one group.
    pub least: f64,
    pub most: f64,
}

/// A group is shown where the number of its subjects, with noise, comes to this.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct DrawnThreshold {
    pub shown_from: u64,
    pub scale: f64,
}
