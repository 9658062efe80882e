//! Which addresses this node connects to: a stranger's callback must not reach inside our network.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use weal_domain::Refusal;

use crate::config::Reach;

/// Names of this very machine, whatever a name server says (RFC 6761, section 6.3).
const LOCALHOST: &str = ".localhost";

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
            let found: Vec<SocketAddr> = if name.as_str().ends_with(LOCALHOST) {
                vec![(Ipv4Addr::LOCALHOST, 0).into()]
            } else {
                tokio::net::lookup_host((name.as_str(), 0)).await?.collect()
            };
            let allowed: Vec<SocketAddr> =
                found.into_iter().filter(|address| within(address.ip(), reach)).collect();
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

/// Whether an address may be connected to. The lists are IANA's registries of special purpose addresses
/// (RFC 6890 and what was added since), and the addresses at which clouds tell a machine its secrets.
#[must_use]
pub fn within(address: IpAddr, reach: Reach) -> bool {
    if address.is_loopback() {
        return reach == Reach::Loopback;
    }
    let kind = match address {
        IpAddr::V4(four) => kind_of_v4(four),
        IpAddr::V6(six) => kind_of_v6(six),
    };
    match kind {
        Kind::Public => true,
        Kind::Private => reach != Reach::Public,
        Kind::Nobody => false,
    }
}

/// Whose an address is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Public,
    /// An organisation's own network.
    Private,
    /// No peer's, whatever is configured.
    Nobody,
}

/// First octets, bits that count, whose it is.
const SPECIAL_V4: &[([u8; 4], u32, Kind)] = &[
    ([0, 0, 0, 0], 8, Kind::Nobody),          // this network
    ([10, 0, 0, 0], 8, Kind::Private),        // RFC 1918
    ([100, 100, 100, 200], 32, Kind::Nobody), // a cloud's metadata
    ([100, 64, 0, 0], 10, Kind::Private),     // shared by a carrier's customers
    ([127, 0, 0, 0], 8, Kind::Nobody),        // loopback, decided before
    ([168, 63, 129, 16], 32, Kind::Nobody),   // a cloud's metadata
    ([169, 254, 0, 0], 16, Kind::Nobody),     // link-local, most clouds' metadata
    ([172, 16, 0, 0], 12, Kind::Private),     // RFC 1918
    ([192, 0, 0, 0], 24, Kind::Nobody),       // protocol assignments
    ([192, 0, 2, 0], 24, Kind::Nobody),       // documentation
    ([192, 31, 196, 0], 24, Kind::Nobody),    // AS112
    ([192, 52, 193, 0], 24, Kind::Nobody),    // AMT
    ([192, 88, 99, 0], 24, Kind::Nobody),     // 6to4 relays, deprecated
    ([192, 168, 0, 0], 16, Kind::Private),    // RFC 1918
    ([192, 175, 48, 0], 24, Kind::Nobody),    // AS112
    ([198, 18, 0, 0], 15, Kind::Nobody),      // benchmarks
    ([198, 51, 100, 0], 24, Kind::Nobody),    // documentation
    ([203, 0, 113, 0], 24, Kind::Nobody),     // documentation
    ([224, 0, 0, 0], 4, Kind::Nobody),        // multicast
    ([240, 0, 0, 0], 4, Kind::Nobody),        // reserved, broadcast
];

/// First segments, bits that count, whose it is. What matches none must be global unicast.
const SPECIAL_V6: &[([u16; 4], u32, Kind)] = &[
    ([0x2001, 0, 0, 0], 23, Kind::Nobody), // protocol assignments: Teredo, benchmarks, ORCHID, DRIP
    ([0x2001, 0x0db8, 0, 0], 32, Kind::Nobody), // documentation
    ([0x2002, 0, 0, 0], 16, Kind::Nobody), // 6to4: an IPv4 address that this check would not see
    ([0x2620, 0x004f, 0x8000, 0], 48, Kind::Nobody), // AS112
    ([0x3fff, 0, 0, 0], 20, Kind::Nobody), // documentation
    ([0xfd00, 0x0ec2, 0, 0], 32, Kind::Nobody), // a cloud's metadata
    ([0xfd20, 0x00ce, 0, 0], 32, Kind::Nobody), // a cloud's metadata
    ([0xfc00, 0, 0, 0], 7, Kind::Private), // unique local
];

fn kind_of_v4(address: Ipv4Addr) -> Kind {
    let given = u32::from(address);
    let matches = |start: [u8; 4], bits: u32| (given ^ u32::from_be_bytes(start)) >> (32 - bits) == 0;
    let special = SPECIAL_V4.iter().find(|(start, bits, _)| matches(*start, *bits));
    special.map_or(Kind::Public, |(_, _, kind)| *kind)
}

/// Outside of 2000::/3 and fc00::/7 lie, among others: unspecified, loopback, IPv4-mapped and -compatible
/// (::/96, ::ffff:0:0/96), NAT64 (64:ff9b::/96, 64:ff9b:1::/48), discard (100::/64), segment routing
/// (5f00::/16), link-local (fe80::/10), site-local (fec0::/10) and multicast (ff00::/8). None is a peer's.
fn kind_of_v6(address: Ipv6Addr) -> Kind {
    let segments = address.segments();
    let matches = |start: [u16; 4], bits: u32| {
        let whole = |four: [u16; 4]| four.iter().fold(0_u64, |sum, part| sum << 16 | u64::from(*part));
        let given = [segments[0], segments[1], segments[2], segments[3]];
        (whole(given) ^ whole(start)) >> (64 - bits) == 0
    };
    let special = SPECIAL_V6.iter().find(|(start, bits, _)| matches(*start, *bits));
    let other = if segments[0] & 0xe000 == 0x2000 { Kind::Public } else { Kind::Nobody };
    special.map_or(other, |(_, _, kind)| *kind)
}

/// The callback address that a peer gave, where every reader takes it for one under `origin`: no user,
/// query or fragment, no backslash, no step upwards, written out or not.
pub(super) fn under(origin: &str, given: &str) -> Option<String> {
    let rest = given.strip_prefix(origin)?;
    if !rest.is_empty() && !rest.starts_with('/') {
        return None;
    }
    let rest = rest.trim_end_matches('/');
    let segments = rest.strip_prefix('/').map(|path| path.split('/').collect::<Vec<_>>()).unwrap_or_default();
    let whole = format!("{origin}{rest}");
    let same = url::Url::parse(&whole).is_ok_and(|url| url.as_str().trim_end_matches('/') == whole);
    (same && segments.iter().all(|segment| is_plain(segment))).then_some(whole)
}

/// A segment that means the same to everybody. An escape may stand for a letter of some other alphabet or
/// a space, never for what takes a path apart.
fn is_plain(segment: &str) -> bool {
    let mut bytes = segment.bytes();
    let mut decoded = Vec::with_capacity(segment.len());
    while let Some(byte) = bytes.next() {
        decoded.push(match byte {
            b'%' => {
                let digits = [bytes.next(), bytes.next()].map(|digit| digit.map_or('?', char::from));
                let [Some(high), Some(low)] = digits.map(|digit| digit.to_digit(16)) else { return false };
                match u8::try_from(high * 16 + low) {
                    Ok(plain) if plain > b' ' && plain.is_ascii() => return false,
                    Ok(other @ (b' ' | 0x80..)) => other,
                    _ => return false,
                }
            }
            letter if letter.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=:".contains(&letter) => letter,
            _ => return false,
        });
    }
    !segment.is_empty() && !matches!(segment, "." | "..") && std::str::from_utf8(&decoded).is_ok()
}
