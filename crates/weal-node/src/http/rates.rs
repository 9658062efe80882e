//! So many requests a minute from one address or one peer, and no more.

use std::collections::HashMap;
use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher as _, Hash};
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};

use axum::extract::{ConnectInfo, Request, State};
use axum::http::HeaderMap;
use axum::middleware::Next;
use axum::response::Response;
use weal_domain::identity::Did;
use weal_domain::{Refusal, RefusalKind};

use super::answer::refused;
use crate::config::Prefix;
use crate::house::House;

/// Those counted one by one in a minute. Whoever comes later in it shares one of [`SHARED_COUNTS`].
const COUNTED_MAX: usize = 65_536;
/// Counts for everybody else. A flood of addresses slows others that are new in this minute, and nobody
/// chooses whom, because the digests are keyed.
const SHARED_COUNTS: usize = 4_096;
/// What one proxy after another wrote into the header; more hops than this nobody has.
const HOPS_MAX: usize = 32;
/// Where a proxy writes for whom it asks.
const FORWARDED_FOR: &str = "x-forwarded-for";

tokio::task_local! {
    /// From where the request came that this task answers.
    static FROM: ClientAddress;
}

/// From where a request came: what a limit holds for. Of IPv6 it is the network of 64 bits, since whoever
/// has one address there has all of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ClientAddress(IpAddr);

impl ClientAddress {
    /// From where the request came that is being answered; nowhere, for what a node does by itself.
    #[must_use]
    pub fn of_this_request() -> Option<Self> {
        FROM.try_with(|from| *from).ok()
    }

    #[must_use]
    pub fn of(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V6(six) => Self(IpAddr::V6((u128::from(six) >> 64 << 64).into())),
            four @ IpAddr::V4(_) => Self(four),
        }
    }

    /// Who a request is from, given who connected: behind proxies of ours, the last hop that is none.
    #[must_use]
    pub fn behind(connected: IpAddr, headers: &HeaderMap, proxies: &[Prefix]) -> Self {
        let is_proxy = |address: IpAddr| proxies.iter().any(|prefix| prefix.contains(address));
        let mut nearest = connected;
        let lines: Vec<&str> =
            headers.get_all(FORWARDED_FOR).iter().filter_map(|line| line.to_str().ok()).collect();
        // From the right: each proxy adds the one that asked it, and what stands further left may be made up.
        let hops = lines.iter().rev().flat_map(|line| line.rsplit(',')).take(HOPS_MAX);
        for hop in hops {
            if !is_proxy(nearest) {
                break;
            }
            let Some(address) = address_of(hop) else { break };
            nearest = address;
        }
        Self::of(nearest)
    }
}

impl std::fmt::Display for ClientAddress {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

/// An address as proxies write it: alone, with a port, or in brackets.
fn address_of(hop: &str) -> Option<IpAddr> {
    let hop = hop.trim();
    let bare = hop.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(hop);
    bare.parse().ok().or_else(|| hop.parse::<SocketAddr>().ok().map(|address| address.ip()))
}

/// What is counted, each for itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Counted<'a> {
    Address(ClientAddress),
    /// A node that has proved who it is, from whatever addresses it calls.
    Peer(&'a Did),
    /// Applications to the governing body.
    Strangers(ClientAddress),
}

/// Requests in the current minute. Its memory is bounded whoever comes.
#[derive(Debug, Default)]
pub struct Rates {
    hasher: RandomState,
    minute: Mutex<Minute>,
}

#[derive(Debug, Default)]
struct Minute {
    number: i64,
    counts: HashMap<u64, u32>,
    shared: Vec<u32>,
}

impl Rates {
    /// Counts one request in this minute; false when it is one too many.
    pub fn count(&self, who: &impl Hash, minute: i64, per_minute_max: u32) -> bool {
        let digest = self.hasher.hash_one(who);
        let mut guard = self.minute.lock().unwrap_or_else(PoisonError::into_inner);
        let Minute { number, counts, shared } = &mut *guard;
        if *number != minute {
            (*number, *counts, *shared) = (minute, HashMap::new(), Vec::new());
        }
        let count = if counts.len() < COUNTED_MAX || counts.contains_key(&digest) {
            counts.entry(digest).or_default()
        } else {
            shared.resize(SHARED_COUNTS, 0);
            &mut shared[usize::try_from(digest % SHARED_COUNTS as u64).unwrap_or_default()]
        };
        *count = count.saturating_add(1);
        *count <= per_minute_max
    }
}

impl House {
    /// Counts one request, or refuses it as one too many in this minute.
    pub fn count_request(&self, who: &Counted<'_>, per_minute_max: u32) -> Result<(), Refusal> {
        let minute = self.clock.now().as_second() / 60;
        if self.doors.rates.count(who, minute, per_minute_max) {
            return Ok(());
        }
        Err(Refusal::new(
            RefusalKind::Exhausted,
            "too-many-requests",
            format!("More than {per_minute_max} requests in this minute."),
        )
        .remedy("Wait a minute.")
        .changed_by("the operator of this node"))
    }
}

/// Finds out from where a request came, for whoever asks later, and counts it.
pub(super) async fn limit(State(house): State<Arc<House>>, mut request: Request, next: Next) -> Response {
    let connected = request.extensions().get::<ConnectInfo<SocketAddr>>().map(|info| info.0.ip());
    let connected = connected.unwrap_or(IpAddr::V4(std::net::Ipv4Addr::UNSPECIFIED));
    let proxies = &house.config.network.trusted_proxies;
    let from = ClientAddress::behind(connected, request.headers(), proxies);
    if let Err(refusal) =
        house.count_request(&Counted::Address(from), house.config.limits.requests_per_minute_max)
    {
        return refused(&refusal);
    }
    request.extensions_mut().insert(from);
    FROM.scope(from, next.run(request)).await
}
