//! The house: configuration, acts, doors, drivers and peers of one Commonweal node.
//!
//! An act loads, decides (in `weal-domain`), saves; drivers carry what was decided to others. Read
//! [`House`] first, then `acts`.

pub mod acts;
pub mod api;
pub mod config;
mod doors;
pub mod drivers;
pub mod fault;
mod house;
pub mod http;
mod init;
mod keep;
pub mod keys;
mod listen;
pub mod observe;
pub mod peers;
mod private;
pub mod seams;
mod serve;
pub mod tls;

pub use doors::Doors;
pub use house::House;
pub use init::{InitError, InitOptions, Initialised, init};
pub use keep::{KeepError, Restored, backup, export_ledger, restore};
pub use serve::{Running, ServeError, serve, start, start_with};
