//! The house in parts: configuration, reach, keeping. Whole federations are tested in weal-testkit.

mod config;
mod keep;
mod pages;
