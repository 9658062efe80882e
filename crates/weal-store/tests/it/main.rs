//! One suite for both databases: every test of a room is written once and runs on SQLite always and on
//! PostgreSQL where `WEAL_TEST_POSTGRES_URL` names a server (`.ci/postgres` starts a throw-away one).

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod bed;
mod samples;
mod shown;

mod agreements;
mod catalogue;
mod compute;
mod crash;
mod credentials;
mod exchange;
mod foreign;
mod governance;
mod identity;
mod ledger;
mod opening;
mod outbox;
mod sqlite;
