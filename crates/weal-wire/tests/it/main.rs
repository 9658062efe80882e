//! The formats of the outside world, against their specifications and against hostile input.
#![allow(unreachable_pub, reason = "the modules of this one binary share helpers")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod any;
mod catalogue;
mod dcat;
mod dcp;
mod did;
mod differential;
mod foreign;
mod fuzz;
mod golden;
mod hostile;
mod kinds;
mod odcs;
mod odrl;
mod peer;
mod problem;
mod refused;
mod roundtrip;
mod schemas;
mod vectors;
