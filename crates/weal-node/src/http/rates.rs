//! So many requests a minute from one address, and no more.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex};

use axum::extract::{ConnectInfo, Request, State};
use axum::middleware::Next;
use axum::response::Response;
use weal_domain::{Refusal, RefusalKind};

use super::answer::refused;
use crate::house::House;

/// Addresses counted at once; beyond it the oldest minute is forgotten.
const ADDRESSES_MAX: usize = 100_000;

/// Requests per address in the current minute.
#[derive(Debug, Default)]
pub struct Rates(Mutex<(i64, HashMap<IpAddr, u32>)>);

impl Rates {
    /// Counts one request; false when it is one too many.
    fn count(&self, address: IpAddr, minute: i64, per_minute_max: u32) -> bool {
        let mut guard = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if guard.0 != minute || guard.1.len() >= ADDRESSES_MAX {
            *guard = (minute, HashMap::new());
        }
        let count = guard.1.entry(address).or_default();
        *count = count.saturating_add(1);
        *count <= per_minute_max
    }
}

pub(super) async fn limit(State(house): State<Arc<House>>, request: Request, next: Next) -> Response {
    let address = request.extensions().get::<ConnectInfo<SocketAddr>>().map(|info| info.0.ip());
    let minute = house.clock.now().as_second() / 60;
    let per_minute_max = house.config.limits.requests_per_minute_max;
    match address {
        Some(address) if !house.doors.rates.count(address, minute, per_minute_max) => refused(
            &Refusal::new(
                RefusalKind::Exhausted,
                "too-many-requests",
                format!("More than {per_minute_max} requests in this minute."),
            )
            .remedy("Wait a minute.")
            .changed_by("the operator of this node"),
        ),
        _ => next.run(request).await,
    }
}
