//! What people and programs read: tables, intervals, CSV, JSON, progress.

pub mod csv;
pub mod number;
pub mod table;
pub mod terminal;

pub use table::Table;
pub use terminal::{Progress, Terminal};
