//! What stands between two nodes: a wire that loses, delays and repeats messages, and tells the lane when somebody
//! is to die. It listens at the address that a node's DID names and hands on to wherever the node is now.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, oneshot};

/// What becomes of one message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    Lost,
    AnswerLost,
    Late {
        ms: u64,
    },
    Twice {
        ms: u64,
    },
    /// The receiver is reached and cannot now.
    Busy,
    SenderDiesBefore,
    ReceiverDiesBefore,
    /// The receiver has committed and answered; its answer dies with it.
    ReceiverDiesAfter,
    /// The receiver has committed and answered; the sender never hears it.
    SenderDiesAfter,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Who {
    Owner,
    Asker,
}

impl Who {
    pub(super) fn other(self) -> Self {
        match self {
            Self::Owner => Self::Asker,
            Self::Asker => Self::Owner,
        }
    }
}

/// Somebody is to die, and says when it is done.
pub(super) type Death = (Who, oneshot::Sender<()>);

/// What both proxies of a lane share.
#[derive(Debug)]
pub(super) struct Wire {
    state: Mutex<State>,
    deaths: mpsc::Sender<Death>,
}

#[derive(Debug, Default)]
struct State {
    owner: Option<SocketAddr>,
    asker: Option<SocketAddr>,
    fates: Vec<(usize, Fate)>,
    messages: usize,
    history: Vec<String>,
}

impl Wire {
    pub(super) fn new(deaths: mpsc::Sender<Death>) -> Arc<Self> {
        Arc::new(Self { state: Mutex::default(), deaths })
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().expect("nobody panics with it")
    }

    /// Where a node is now, if it is anywhere.
    pub(super) fn put(&self, who: Who, address: Option<SocketAddr>) {
        let mut state = self.state();
        match who {
            Who::Owner => state.owner = address,
            Who::Asker => state.asker = address,
        }
    }

    /// From now on messages are counted anew and have these fates.
    pub(super) fn troubled(&self, fates: Vec<(usize, Fate)>) {
        let mut state = self.state();
        state.fates = fates;
        state.messages = 0;
        state.history.clear();
    }

    pub(super) fn healed(&self) {
        self.state().fates.clear();
        self.tell("the wire is good again".to_owned());
    }

    pub(super) fn tell(&self, what: String) {
        self.state().history.push(what);
    }

    pub(super) fn history(&self) -> String {
        self.state().history.join("\n")
    }

    fn address(&self, who: Who) -> Option<SocketAddr> {
        let state = self.state();
        if who == Who::Owner { state.owner } else { state.asker }
    }

    /// The number and the fate of the next message.
    fn next(&self, to: Who, path: &str) -> (usize, Option<Fate>) {
        let mut state = self.state();
        let nth = state.messages;
        state.messages += 1;
        let fate = state.fates.iter().find(|(which, _)| *which == nth).map(|(_, fate)| *fate);
        state.history.push(format!("{nth}: to {to:?}: {path}; fate {fate:?}"));
        (nth, fate)
    }

    async fn dies(&self, who: Who) {
        let (done, is_done) = oneshot::channel();
        if self.deaths.send((who, done)).await.is_ok() {
            // Where the lane has ended meanwhile, nobody is left to die.
            let _ = is_done.await;
        }
    }
}

/// Takes connections for `to` until the test ends.
pub(super) async fn stand_in(listener: TcpListener, to: Who, wire: Arc<Wire>) {
    while let Ok((client, _)) = listener.accept().await {
        let wire = Arc::clone(&wire);
        tokio::spawn(async move {
            // A connection that breaks is what this is about.
            let _ = pass(client, to, &wire).await;
        });
    }
}

/// One request, and its answer if it has one. Whatever is not answered is a broken connection.
async fn pass(mut client: TcpStream, to: Who, wire: &Arc<Wire>) -> std::io::Result<()> {
    let request = read_request(&mut client).await?;
    let line = String::from_utf8_lossy(request.split(|byte| *byte == b'\r').next().unwrap_or_default());
    let is_message =
        line.starts_with("POST ") && (line.contains("/dsp/") || line.contains("/peer/revocation"));
    if !is_message {
        let answer = forward(wire, to, &request).await?;
        return client.write_all(&answer).await;
    }
    let path = line.split(' ').nth(1).unwrap_or_default().to_owned();
    let (nth, fate) = wire.next(to, &path);
    match fate {
        Some(Fate::Lost) => return Ok(()),
        Some(Fate::Busy) => {
            let busy = b"HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
            return client.write_all(busy).await;
        }
        Some(Fate::SenderDiesBefore) => wire.dies(to.other()).await,
        Some(Fate::ReceiverDiesBefore) => wire.dies(to).await,
        Some(Fate::Late { ms }) => tokio::time::sleep(Duration::from_millis(ms)).await,
        _ => {}
    }
    let answer = forward(wire, to, &request).await?;
    let status = String::from_utf8_lossy(answer.get(9..12).unwrap_or_default()).into_owned();
    wire.tell(format!("{nth}: answered {status}"));
    match fate {
        Some(Fate::AnswerLost) => return Ok(()),
        Some(Fate::ReceiverDiesAfter) => {
            wire.dies(to).await;
            return Ok(());
        }
        Some(Fate::SenderDiesAfter) => {
            wire.dies(to.other()).await;
            return Ok(());
        }
        Some(Fate::Twice { ms }) => {
            let wire = Arc::clone(wire);
            tokio::spawn(async move {
                tokio::time::sleep(Duration::from_millis(ms)).await;
                let again = forward(&wire, to, &request).await;
                wire.tell(format!("{nth}: once more, {}", if again.is_ok() { "heard" } else { "in vain" }));
            });
        }
        _ => {}
    }
    client.write_all(&answer).await
}

async fn read_request(client: &mut TcpStream) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    loop {
        if client.read_buf(&mut bytes).await? == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") else { continue };
        let head = String::from_utf8_lossy(&bytes[..end]).to_ascii_lowercase();
        let length = head.lines().find_map(|line| line.strip_prefix("content-length:"));
        let length: usize = length.and_then(|text| text.trim().parse().ok()).unwrap_or(0);
        while bytes.len() < end + 4 + length {
            if client.read_buf(&mut bytes).await? == 0 {
                return Err(std::io::ErrorKind::UnexpectedEof.into());
            }
        }
        // One request per connection, on both sides.
        let mut once = bytes[..end].to_vec();
        once.extend_from_slice(b"\r\nconnection: close");
        once.extend_from_slice(&bytes[end..]);
        return Ok(once);
    }
}

async fn forward(wire: &Wire, to: Who, request: &[u8]) -> std::io::Result<Vec<u8>> {
    let address = wire.address(to).ok_or(std::io::ErrorKind::ConnectionRefused)?;
    let mut node = TcpStream::connect(address).await?;
    node.write_all(request).await?;
    let mut answer = Vec::new();
    node.read_to_end(&mut answer).await?;
    if answer.is_empty() { Err(std::io::ErrorKind::UnexpectedEof.into()) } else { Ok(answer) }
}
