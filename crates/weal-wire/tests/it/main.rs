//! The formats of the outside world, against their specifications and against hostile input.
#![allow(unreachable_pub, reason = "the modules of this one binary share helpers")]

mod differential;
mod kinds;
mod schemas;
mod vectors;
