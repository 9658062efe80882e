//! Federations of real nodes for tests: each with its own folder, keys, database and loopback port, in one
//! process, speaking to each other over HTTP as they do in life.

mod federation;
mod products;

pub use federation::{Answer, Federation, GOVERNING, MemberNode, Wish};
pub use products::{FRAUD, PUBLIC_TASK, RESEARCH, open_terms, statistics_terms};
