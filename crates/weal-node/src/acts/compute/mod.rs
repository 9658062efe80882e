//! Questions: asked in SQL here, answered by the owner there, paid from a budget.

mod accounts;
mod answer;
mod ask;
mod budgets;
mod joining;
mod owners;
mod results;
mod together;
mod typical;
mod unanswered;

pub use ask::Asked;
pub(crate) use budgets::Granting;
pub use budgets::TOLD_DELTA;
pub use together::Together;
pub use unanswered::{COUNTED_FOR, Slot, UNANSWERED_MAX, Unanswered};
