//! The portal's doors, one module per room. A handler parses, acts and prints: it fills a view of
//! `weal-portal` from an act's outcome, at exactly the addresses of `weal_portal::paths`.
//!
//! - `frame`: who visits, what stands around every page, and how a refusal or a fault becomes one;
//! - every form is `frame::Posted`: it proves first that it came from the session's own page;
//! - pages are never stored by browsers or proxies, and never compressed: they hold the form's secret
//!   beside text that others chose.

mod agreements;
mod assets;
mod catalogue;
mod compute;
mod frame;
mod governance;
mod home;
mod identity;
mod ledger;
mod negotiations;
mod once;
mod parties;

use std::sync::Arc;

use axum::Router;

use crate::house::House;

pub(super) use assets::routes as asset_routes;
pub use compute::Answers;
pub(super) use frame::{no_such_page, paint};
pub use once::Forms;

/// Every page and form.
pub(super) fn routes() -> Router<Arc<House>> {
    Router::new()
        .merge(agreements::routes())
        .merge(catalogue::routes())
        .merge(compute::routes())
        .merge(governance::routes())
        .merge(home::routes())
        .merge(identity::routes())
        .merge(ledger::routes())
        .merge(negotiations::routes())
}

/// The form whose answer takes as long as other nodes take.
pub(super) fn patient_routes() -> Router<Arc<House>> {
    compute::ask_routes()
}

/// The path of one thing, its identifier standing for a whole segment.
fn one(under: &str, rest: &str) -> String {
    format!("{under}/{{id}}{rest}")
}
