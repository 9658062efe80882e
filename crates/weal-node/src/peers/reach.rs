//! Which addresses this node connects to: a stranger's callback must not reach inside our network.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use weal_domain::Refusal;

use crate::config::Reach;

/// Resolves a name and keeps only the addresses within reach. The connection is made to exactly the
/// addresses checked here, so a second answer of a hostile name server is never used.
#[derive(Debug, Clone, Copy)]
pub struct GuardedResolver {
    reach: Reach,
}

impl GuardedResolver {
    #[must_use]
    pub fn new(reach: Reach) -> Self {
        Self { reach }
    }
}

impl Resolve for GuardedResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let reach = self.reach;
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let allowed: Vec<SocketAddr> = found.filter(|address| within(address.ip(), reach)).collect();
            if allowed.is_empty() {
                return Err(format!("{} has no address within this node's reach", name.as_str()).into());
            }
            Ok(Box::new(allowed.into_iter()) as Addrs)
        })
    }
}

/// Refuses an origin whose host is a literal address out of reach; names are checked when resolved.
pub(super) fn check_origin(origin: &str, reach: Reach) -> Result<(), Refusal> {
    let out_of_reach = || {
        Refusal::forbidden(
            "address-out-of-reach",
            format!("{origin} is not an address this node connects to."),
        )
        .remedy("The operator can widen [network] reach in weal.toml.")
        .changed_by("the operator of this node")
    };
    let url = url::Url::parse(origin).map_err(|_| out_of_reach())?;
    let literal = match url.host() {
        Some(url::Host::Ipv4(address)) => Some(IpAddr::V4(address)),
        Some(url::Host::Ipv6(address)) => Some(IpAddr::V6(address)),
        Some(url::Host::Domain(_)) => None,
        None => return Err(out_of_reach()),
    };
    match literal {
        Some(address) if !within(address, reach) => Err(out_of_reach()),
        _ => Ok(()),
    }
}

/// Whether an address may be connected to.
pub(super) fn within(address: IpAddr, reach: Reach) -> bool {
    let address = match address {
        IpAddr::V6(six) => six.to_ipv4_mapped().map_or(IpAddr::V6(six), IpAddr::V4),
        four @ IpAddr::V4(_) => four,
    };
    if address.is_loopback() {
        return reach == Reach::Loopback;
    }
    match address {
        IpAddr::V4(four) => !never_v4(four) && (reach != Reach::Public || !private_v4(four)),
        IpAddr::V6(six) => !never_v6(six) && (reach != Reach::Public || !private_v6(six)),
    }
}

/// Nobody's peer: unspecified, link-local (cloud metadata), multicast, broadcast, documentation.
fn never_v4(address: Ipv4Addr) -> bool {
    let first = address.octets()[0];
    first == 0
        || first >= 240
        || address.is_link_local()
        || address.is_multicast()
        || address.is_broadcast()
        || address.is_documentation()
}

fn private_v4(address: Ipv4Addr) -> bool {
    let [a, b, ..] = address.octets();
    let shared = a == 100 && (64..128).contains(&b);
    let benchmark = a == 198 && (b == 18 || b == 19);
    let protocol = a == 192 && b == 0 && address.octets()[2] == 0;
    address.is_private() || shared || benchmark || protocol
}

fn never_v6(address: Ipv6Addr) -> bool {
    let s = address.segments();
    let link_local = s[0] & 0xffc0 == 0xfe80;
    let documentation = s[0] == 0x2001 && s[1] == 0x0db8;
    // NAT64 and 6to4 carry an IPv4 address inside that this check would not see.
    let translated = (s[0] == 0x0064 && s[1] == 0xff9b) || s[0] == 0x2002;
    let compatible = s[..6].iter().all(|part| *part == 0);
    address.is_unspecified()
        || address.is_multicast()
        || link_local
        || documentation
        || translated
        || compatible
}

fn private_v6(address: Ipv6Addr) -> bool {
    address.segments()[0] & 0xfe00 == 0xfc00
}
