//! # Compute, on the engine's floor
//!
//! Reading questions, pricing them, and answering them so that no person's row can be told from the answer.
//!
//! A private question goes `sql` (one SELECT, within limits) → `schema` (planned without data) → `reading`
//! (what is asked, or a refusal that names what cannot be: `relation`, `inner` and `joins` below the totals, `parts` the
//! totals, `after` what is done with them) → `public` (groups known beforehand) → `price` → `plan` and `sides`
//! (exact totals of bounded sensitivity: `subjects` and `bounding` add rows up by subject) → `exact` (run) → `release` (noise, then post-processing).

mod adding;
mod advice;
mod after;
mod answer;
mod bounding;
mod choose;
mod condition;
mod convert;
mod dates;
mod deep;
mod derived;
mod drawn;
mod exact;
mod functions;
mod gathered;
mod groupings;
mod in_order;
mod inner;
mod joins;
mod measure;
mod names;
mod numbered;
mod options;
mod owners;
mod parts;
mod plan;
mod prepare;
mod price;
mod public;
mod query;
mod question;
mod reading;
mod refuse;
mod relation;
mod release;
mod safe;
mod said;
mod same;
mod schema;
mod seam;
mod shield;
mod sides;
mod sql;
mod subjects;
mod tables;
mod tag;
mod texts;
mod turn;
mod variance;

pub use adding::{Added, Adding};
pub(crate) use choose::Planner;
pub use condition::check_filter;
pub(crate) use condition::condition;
pub(crate) use functions::Rounding;
pub(crate) use in_order::{ORDER, has_order};
pub use owners::{Heard, Split, SplitPart, split_between_owners};
pub use question::{Question, read_question};
pub use same::same_question;
pub(crate) use schema::{data_type, schema_of};
pub use seam::{ExactAnswer, ExactPart, Held, steps};
pub use sql::{FILTER_BYTES_MAX, SQL_BYTES_MAX, explained};
pub use tables::{Covered, PermitFor, Permitted};
pub use turn::Turn;
