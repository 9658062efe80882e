//! The house in parts: configuration, reach, keeping. Whole federations are tested in weal-testkit.

mod access;
mod acme;
mod config;
mod connections;
mod documents;
mod foreign;
mod harvest;
mod http2;
mod keep;
mod pages;
mod rates;
mod reach;
mod standing;
mod tls;
mod unanswered;
mod uploads;
