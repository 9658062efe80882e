//! Addresses in the configuration: one, or all that begin alike.

use std::net::IpAddr;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// `192.0.2.7`, `10.0.0.0/8`, `fd00::/8`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Prefix {
    address: IpAddr,
    bits: u32,
}

impl Prefix {
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        let (ours, theirs) = (whole(self.address), whole(address));
        let same_kind = self.address.is_ipv4() == address.to_canonical().is_ipv4();
        let width = if self.address.is_ipv4() { 32 } else { 128 };
        same_kind && (ours ^ theirs).checked_shr(width - self.bits).unwrap_or(0) == 0
    }
}

fn whole(address: IpAddr) -> u128 {
    match address.to_canonical() {
        IpAddr::V4(four) => u128::from(u32::from(four)),
        IpAddr::V6(six) => u128::from(six),
    }
}

impl FromStr for Prefix {
    type Err = String;
    fn from_str(given: &str) -> Result<Self, String> {
        let wrong = || format!("`{given}` is no address and no prefix such as 10.0.0.0/8");
        let (address, bits) =
            given.trim().split_once('/').map_or((given.trim(), None), |(a, b)| (a, Some(b)));
        let address: IpAddr = address.parse().map_err(|_| wrong())?;
        let address = address.to_canonical();
        let width = if address.is_ipv4() { 32 } else { 128 };
        let bits = match bits {
            None => width,
            Some(bits) => bits.parse::<u32>().ok().filter(|bits| *bits <= width).ok_or_else(wrong)?,
        };
        Ok(Self { address, bits })
    }
}

impl std::fmt::Display for Prefix {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.address, self.bits)
    }
}

impl Serialize for Prefix {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

/// A list, or as a variable of the environment has it, one text with commas.
pub(super) fn list<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<Prefix>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Given {
        Text(String),
        List(Vec<String>),
    }
    let parts = match Given::deserialize(from)? {
        Given::Text(text) => text.split(',').map(str::to_owned).collect(),
        Given::List(list) => list,
    };
    let parts = parts.iter().filter(|part| !part.trim().is_empty());
    parts.map(|part| part.parse()).collect::<Result<_, String>>().map_err(serde::de::Error::custom)
}
