//! Questions: asked in SQL here, answered by the owner there, paid from a budget.

mod answer;
mod ask;

mod budgets;
mod results;
mod unanswered;

pub use ask::Asked;
pub use budgets::TOLD_DELTA;
pub use unanswered::{COUNTED_FOR, Slot, UNANSWERED_MAX, Unanswered};
