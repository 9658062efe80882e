//! The house in parts: configuration, reach, keeping. Whole federations are tested in weal-testkit.

mod access;
mod config;
mod documents;
mod harvest;
mod keep;
mod pages;
mod rates;
mod reach;
mod uploads;
