//! # Compute
//!
//! **What this room is for:** what a computation on protected data costs, and whether that is left.
//! **Words:** account, budget, loss, granted, renewed, reserved, spent, release, step.
//! **What it never allows:** `BU-1` spent plus reserved never exceeds granted; `BU-2` a reservation is
//! durable before noise is drawn and is never given back by a crash; `BU-3` what was spent is never forgotten,
//! whatever becomes available again, and no other agreement, person or version of a product begins anew.

mod account;
mod answer;
mod budget;
mod drawing;
mod event;
mod loss;
mod release;
mod rules;
mod step;

pub use account::Account;
pub use answer::{
    Advice, Answer, AnswerColumn, Cell, Change, ColumnRole, LossCut, Preview, TotalsFit, Withheld,
};
pub use budget::Budget;
pub use drawing::{Drawing, Drawn, DrawnThreshold};
pub use event::{BUDGET_EVENT_VERSION, BudgetEvent, BudgetMove, Charge};
pub use loss::Loss;
pub use release::{Mechanism, Release};
pub use rules::{BudgetRules, RENEWAL_DAYS_MAX, Renewal};
pub use step::leaves_at;
