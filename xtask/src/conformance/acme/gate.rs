//! A gate before a node: whoever comes waits there until it is opened.

use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, PoisonError};

pub(super) struct Gate {
    pub(super) port: u16,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    opened: Condvar,
}

#[derive(Default)]
struct State {
    came: usize,
    is_open: bool,
}

impl Gate {
    /// Listens on loopback until the program ends, and leads to `to` once it is open.
    pub(super) fn before(to: SocketAddr) -> Result<Self, String> {
        let failed = |cause: std::io::Error| format!("a gate: {cause}");
        let listener = TcpListener::bind("127.0.0.1:0").map_err(failed)?;
        let port = listener.local_addr().map_err(failed)?.port();
        let shared = Arc::<Shared>::default();
        let own = Arc::clone(&shared);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let shared = Arc::clone(&own);
                std::thread::spawn(move || {
                    shared.waits();
                    // Who goes away, on either side, ends it.
                    let _ = lead(&stream, to);
                });
            }
        });
        Ok(Self { port, shared })
    }

    /// How many have come.
    pub(super) fn came(&self) -> usize {
        self.shared.state.lock().unwrap_or_else(PoisonError::into_inner).came
    }

    pub(super) fn opens(&self) {
        self.shared.state.lock().unwrap_or_else(PoisonError::into_inner).is_open = true;
        self.shared.opened.notify_all();
    }
}

impl Shared {
    fn waits(&self) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.came += 1;
        while !state.is_open {
            state = self.opened.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

fn lead(from: &TcpStream, to: SocketAddr) -> std::io::Result<()> {
    let other = TcpStream::connect(to)?;
    let back = (other.try_clone()?, from.try_clone()?);
    let returning = std::thread::spawn(move || carry(&back.0, &back.1));
    carry(from, &other);
    let _ = returning.join();
    Ok(())
}

/// Everything that comes, and its end.
fn carry(mut from: &TcpStream, mut to: &TcpStream) {
    let _ = std::io::copy(&mut from, &mut to);
    let _ = to.shutdown(Shutdown::Write);
}
