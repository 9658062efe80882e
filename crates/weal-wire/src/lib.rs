//! The outside world's formats, parsed and printed.
//!
//! Everything that another party sends or reads passes through here and becomes words of
//! `weal-domain`, or a [`WireError`] that says what to send instead. Nothing here opens a socket or a
//! file. What arrives is hostile until parsed: every format has a limit on size, depth and count.
//!
//! | Module | Format |
//! |---|---|
//! | [`dsp`] | Dataspace Protocol 2025-1, plain JSON as its schemas define it |
//! | [`odrl`] | ODRL 2.2, the subset that the Dataspace Protocol models |
//! | [`problem`] | RFC 9457 problem details, for refusals and faults |
//! | [`peer`] | what nodes of ours say to each other beyond the protocol |
//! | [`catalogue`] | our catalogue as the protocol's, and back |
//! | [`dcat`] | DCAT-AP 3 in Turtle and JSON-LD |
//! | [`odcs`] | Open Data Contract Standard 3.1 |
//! | [`did`] | the did:web method |
//! | [`dcp`] | Decentralized Claims Protocol 1.0 |

mod error;
mod json;
mod publisher;

pub mod catalogue;
pub mod dcat;
pub mod dcp;
pub mod did;
pub mod dsp;
pub mod link;
pub mod odcs;
pub mod odrl;
pub mod peer;
pub mod problem;

pub use error::WireError;
pub use json::{DEPTH_MAX, MESSAGE_BYTES_MAX, Message, Node, VALUES_MAX, parse, print, print_pretty};
pub use publisher::Publisher;
