//! Questions: asked in SQL here, answered by the owner there, paid from a budget.

mod answer;
mod ask;

mod budgets;
mod results;

pub use ask::Asked;
pub use budgets::TOLD_DELTA;
