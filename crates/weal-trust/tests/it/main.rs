//! The tests of `weal-trust`: published vectors, properties, hostile input, and other people's code.
#![allow(clippy::unwrap_used, reason = "a test that panics has failed, which is what it is for")]

mod credential;
mod did;
mod export;
mod fuzz;
mod go;
mod golden;
mod jws;
mod keys;
mod merkle;
mod notes;
mod presentation;
mod receipts;
mod seal;
mod status;
mod tiles;
mod token;
mod tree;
mod vc;
