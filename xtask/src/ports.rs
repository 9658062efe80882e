//! Ports of loopback for programs that must be told where they listen before they do.

use std::net::{Ipv4Addr, TcpListener, UdpSocket};
use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::{Mutex, PoisonError};

/// Below the ports that systems give to outgoing connections and to whoever asks for any (from 32,768 on Linux), so that
/// nobody is given by chance what is free for a moment: before a program starts, and while it is stopped.
const FIRST: u16 = 20_000;
const COUNT: u16 = 12_000;

/// Nobody speaks UDP at these: that a number is taken there tells other programs of ours (and the nodes of weal-testkit,
/// which do the same) to leave it alone, for as long as this program runs.
static MARKS: Mutex<Vec<UdpSocket>> = Mutex::new(Vec::new());

/// An address that nobody listens at, and that no other test takes before this program ends. None is given twice.
pub(crate) fn free_address() -> Result<String, String> {
    static TRIED: AtomicU16 = AtomicU16::new(0);
    // Programs that run side by side begin at different places.
    let begin = u16::try_from(std::process::id() % u32::from(COUNT)).unwrap_or_default();
    loop {
        let tried = TRIED.fetch_add(1, Ordering::Relaxed);
        if tried >= COUNT {
            return Err(format!("no port from {FIRST} on is free"));
        }
        let port = FIRST + (begin + tried) % COUNT;
        let Ok(mark) = UdpSocket::bind((Ipv4Addr::LOCALHOST, port)) else { continue };
        // Connectors listen at every address of the machine, so all of them must be free.
        if TcpListener::bind((Ipv4Addr::UNSPECIFIED, port)).is_ok() {
            MARKS.lock().unwrap_or_else(PoisonError::into_inner).push(mark);
            return Ok(format!("{}:{port}", Ipv4Addr::LOCALHOST));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_another_program_has_marked_is_left_alone() {
        let first = free_address().expect("a port");
        let port: u16 = first.rsplit(':').next().and_then(|text| text.parse().ok()).expect("a number");
        // Another program's mark on the next one, where that is free; nobody listens there.
        let next = FIRST + (port - FIRST + 1) % COUNT;
        let mark = UdpSocket::bind((Ipv4Addr::LOCALHOST, next));
        for _ in 0..3 {
            let given = free_address().expect("a port");
            assert!(given != first && given != format!("127.0.0.1:{next}"), "{given} was given");
        }
        drop(mark);
        assert!(UdpSocket::bind(&*first).is_err(), "{first} is not marked");
    }
}
