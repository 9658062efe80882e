//! The did:web method (W3C CCG, did-method-web): a DID that is an address.

use url::{Host, Url};
use weal_domain::identity::Did;

use crate::WireError;

/// Where a node that owns a whole host publishes its document.
const WELL_KNOWN: &str = "/.well-known/did.json";
/// The most segments of a path in a DID.
const SEGMENTS_MAX: usize = 16;

/// Which of the two schemes resolves a DID. Plain HTTP is for loopback in tests and demonstrations.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scheme {
    Https,
    /// http for a loopback address or `localhost`, https for everything else.
    HttpOnLoopback,
}

/// The DID of a node whose public address is `origin`: `https://revenue.example:8443` becomes
/// `did:web:revenue.example%3A8443`. Segments of a path follow after colons.
pub fn did_of(origin: &str) -> Result<Did, WireError> {
    let expected = "an http or https address such as `https://revenue.example`";
    let url = Url::parse(origin).map_err(|_| WireError::wrong("origin", expected))?;
    let plain = url.query().is_none() && url.fragment().is_none();
    if !matches!(url.scheme(), "http" | "https") || !plain || has_userinfo(&url) {
        return Err(WireError::wrong("origin", expected));
    }
    let Some(host) = url.host_str() else { return Err(WireError::wrong("origin", expected)) };
    if host.starts_with('[') {
        return Err(WireError::wrong("origin", "an address with a host name; did:web has no IPv6 form"));
    }
    let mut did = format!("did:web:{host}");
    if let Some(port) = url.port() {
        did.push_str(&format!("%3A{port}"));
    }
    for segment in url.path().split('/').filter(|segment| !segment.is_empty()) {
        did.push(':');
        did.push_str(segment);
    }
    let did = Did::new(did).map_err(|error| WireError::wrong("origin", error.rule))?;
    parts(&did)?;
    Ok(did)
}

/// Where the DID document is.
pub fn document_url(did: &Did, scheme: Scheme) -> Result<Url, WireError> {
    let parts = parts(did)?;
    let mut url = parts.origin(scheme)?;
    match parts.segments.as_slice() {
        [] => url.set_path(WELL_KNOWN),
        segments => url.set_path(&format!("/{}/did.json", segments.join("/"))),
    }
    Ok(url)
}

/// The node's address, without a slash at its end: `https://revenue.example:8443`, with the path of
/// the DID where it has one.
pub fn origin_of(did: &Did, scheme: Scheme) -> Result<String, WireError> {
    let parts = parts(did)?;
    let mut origin = parts.origin(scheme)?.origin().ascii_serialization();
    for segment in &parts.segments {
        origin.push('/');
        origin.push_str(segment);
    }
    Ok(origin)
}

#[derive(Debug)]
struct Parts<'d> {
    host: String,
    port: Option<u16>,
    segments: Vec<&'d str>,
}

impl Parts<'_> {
    fn origin(&self, scheme: Scheme) -> Result<Url, WireError> {
        let loopback = match Host::parse(&self.host) {
            Ok(Host::Ipv4(address)) => address.is_loopback(),
            Ok(Host::Domain(name)) => name == "localhost",
            _ => false,
        };
        let scheme = if loopback && scheme == Scheme::HttpOnLoopback { "http" } else { "https" };
        let port = self.port.map(|port| format!(":{port}")).unwrap_or_default();
        Url::parse(&format!("{scheme}://{}{port}/", self.host))
            .map_err(|_| WireError::wrong("the DID", "a did:web with a valid host"))
    }
}

/// Takes a did:web apart. Anything that could be read as another host by another reader is refused:
/// capital letters, user names, encoded characters other than the colon of the port, numbers that
/// only some readers take for an IPv4 address.
fn parts(did: &Did) -> Result<Parts<'_>, WireError> {
    let wrong = |expected: &str| WireError::wrong("the DID", expected);
    let rest = did
        .as_str()
        .strip_prefix("did:web:")
        .ok_or_else(|| wrong("a did:web, for example `did:web:revenue.example`"))?;
    let mut segments = rest.split(':');
    let authority = segments.next().unwrap_or_default();
    let (host, port) = match authority.split_once("%3A").or_else(|| authority.split_once("%3a")) {
        None => (authority, None),
        Some((host, port)) => {
            let digits = port.bytes().all(|byte| byte.is_ascii_digit()) && !port.starts_with('0');
            let port = port.parse::<u16>().ok().filter(|_| digits);
            (host, Some(port.ok_or_else(|| wrong("a did:web with a port from 1 to 65535 after `%3A`"))?))
        }
    };
    let lower = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b".-".contains(&byte);
    if host.is_empty() || !host.bytes().all(lower) {
        return Err(wrong("a did:web whose host has only lower-case letters, digits, dots and hyphens"));
    }
    match Host::parse(host) {
        Ok(parsed) if parsed.to_string() == host && !host.ends_with('.') => {}
        _ => return Err(wrong("a did:web with a host name as DNS writes it")),
    }
    let segments: Vec<&str> = segments.collect();
    let letter = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte);
    let plain =
        |segment: &&str| !segment.is_empty() && !segment.starts_with('.') && segment.bytes().all(letter);
    if segments.len() > SEGMENTS_MAX || !segments.iter().all(plain) {
        return Err(wrong("a did:web whose path has only letters, digits, hyphens, dots and underscores"));
    }
    Ok(Parts { host: host.to_owned(), port, segments })
}

fn has_userinfo(url: &Url) -> bool {
    !url.username().is_empty() || url.password().is_some()
}
