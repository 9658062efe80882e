//! # Over many owners
//!
//! A question whose rows come from products of several owners, stacked by one UNION ALL. Each owner is asked for its
//! own private release of the totals, as drawn; what comes back is added, and everything above the totals runs over
//! the sums. `union` (the UNION ALL, out of the text) → `split` (one question for each owner; no data, no owner asked)
//! → `table` (answers read, groups matched by their keys) → `combine` (one number with one interval for each) →
//! `told` (the answer, or what it would be).

mod combine;
mod split;
mod table;
mod told;
mod union;

pub use split::{Split, SplitPart, split_between_owners};
pub use told::Heard;
