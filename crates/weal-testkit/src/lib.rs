//! Federations of real nodes for tests: each with its own folder, keys, database and loopback port, in one
//! process, speaking to each other over HTTP as they do in life. And strangers, who do not behave.

mod authority;
mod clock;
pub mod dcp;
mod door;
pub mod edc;
mod federation;
mod port;
mod products;
mod stranger;
pub mod tck;
pub mod wire;

pub use authority::{Authority, Certified, Years};
pub use clock::TurnedClock;
pub use federation::{Answer, Federation, GOVERNING, MemberNode, Wish, governing};
pub use port::Port;
pub use products::{FRAUD, PUBLIC_TASK, RESEARCH, open_terms, paper, statistics_terms};
pub use stranger::{Stranger, claims, document, now_s, sign};
