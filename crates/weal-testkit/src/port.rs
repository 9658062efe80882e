//! Ports of loopback for nodes that must be told where they listen before they do.

use std::net::{Ipv4Addr, SocketAddr, TcpListener, UdpSocket};
use std::sync::atomic::{AtomicU16, Ordering};

/// Below the ports that Linux gives to outgoing connections and to whoever asks for any (from 32,768 on), so that
/// nobody is given by chance what is free for a moment: before a node starts, and while it is stopped.
const FIRST: u16 = 20_000;
const COUNT: u16 = 12_000;

/// A port that no other test takes until this is dropped, whether anybody listens there or not.
#[derive(Debug)]
pub struct Port {
    pub address: SocketAddr,
    /// Nobody speaks UDP there: that it is taken tells other programs of ours to leave the number alone.
    _mark: UdpSocket,
}

impl Port {
    /// The next one that is free.
    #[must_use]
    pub fn free() -> Self {
        static NEXT: AtomicU16 = AtomicU16::new(0);
        // Programs that run side by side begin at different places.
        let begin = u16::try_from(std::process::id() % u32::from(COUNT)).unwrap_or_default();
        for _ in 0..COUNT {
            let next = NEXT.fetch_add(1, Ordering::Relaxed) % COUNT;
            let address = SocketAddr::from((Ipv4Addr::LOCALHOST, FIRST + (begin + next) % COUNT));
            let Ok(mark) = UdpSocket::bind(address) else { continue };
            if TcpListener::bind(address).is_ok() {
                return Self { address, _mark: mark };
            }
        }
        panic!("no port of loopback from {FIRST} on is free");
    }
}
