//! The house in parts: configuration, reach, keeping. Whole federations are tested in weal-testkit.

mod config;
mod harvest;
mod keep;
mod pages;
