//! The rules of the house, tried: one module per room and one for the wire between two machines.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should stop where it is")]

mod agreements;
mod catalogue;
mod compute;
mod exchange;
mod finding;
mod given;
mod governance;
mod identity;
mod ledger;
mod simulation;
