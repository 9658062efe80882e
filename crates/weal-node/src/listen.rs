//! Connections: HTTP/1.1 over TCP, or over TLS over TCP, with a time for everything that a stranger could
//! be slow at. HTTP/2 is a reverse proxy's: see ADR 0009.

use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::Sleep;
use tokio_rustls::server::TlsStream;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::Service as _;

use crate::config::Prefix;
use crate::http::ClientAddress;
use crate::tls::Tls;

/// Connections open at once; the next ones wait until one is closed.
const CONNECTIONS_MAX: usize = 1_024;
/// Of those, from one address; with one more, the one that was not used for longest has to end. A proxy of
/// ours brings everybody's.
const CONNECTIONS_OF_ADDRESS_MAX: usize = 64;
/// Of one address, that were asked to end and still answer; one more is closed at once.
const CONNECTIONS_ENDING_MAX: usize = 64;
/// The longest time that a request's head may take, and an idle connection until its next one.
const HEAD_TIME_MAX: Duration = Duration::from_secs(30);
/// The longest time that a handshake of TLS may take. It counts among the connections of its address.
const HANDSHAKE_TIME_MAX: Duration = Duration::from_secs(10);
/// The first byte of every handshake (RFC 8446, section 5.1).
const HANDSHAKE_BYTE: u8 = 22;
/// What is still read, and for how long, of somebody who is told that this is no port for plain HTTP.
const PLAIN_BYTES_MAX: u64 = 64 * 1024;
const PLAIN_TIME_MAX: Duration = Duration::from_secs(2);
/// After an accept that failed for want of something (open files, say).
const ACCEPT_AGAIN: Duration = Duration::from_secs(1);

/// What is answered, and how.
#[derive(Debug, Clone)]
pub(crate) struct Manner {
    pub app: Router,
    /// None: plain HTTP.
    pub tls: Option<Arc<Tls>>,
    /// A client that takes nothing of its answer for so long, or as long for the head of a request, is cut
    /// off.
    pub stall: Duration,
    pub proxies: Vec<Prefix>,
}

/// Answers on `listener` until `stopping`; open requests are finished after that.
pub(crate) async fn answer(
    listener: TcpListener,
    manner: Manner,
    stopping: CancellationToken,
    conversations: TaskTracker,
) {
    let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    let open = Open::default();
    loop {
        let accepted = async {
            let place = Arc::clone(&places).acquire_owned().await.map_err(io::Error::other)?;
            Ok::<_, io::Error>((place, listener.accept().await?))
        };
        let accepted = tokio::select! {
            () = stopping.cancelled() => return,
            accepted = accepted => accepted,
        };
        match accepted {
            Ok((place, (stream, from))) => {
                let is_proxy = manner.proxies.iter().any(|prefix| prefix.contains(from.ip()));
                let line = match is_proxy {
                    true => Line::new(None),
                    false => match open.one_more(ClientAddress::of(from.ip())) {
                        Some(line) => line,
                        None => continue,
                    },
                };
                let conversation = receive(stream, from, manner.clone(), line, stopping.clone());
                conversations.spawn(async move {
                    conversation.await;
                    drop(place);
                });
            }
            // The client's own doing; the next one waits already.
            Err(cause) if cause.kind() == io::ErrorKind::ConnectionAborted => {}
            Err(cause) => {
                tracing::warn!(%cause, "a connection could not be accepted");
                tokio::time::sleep(ACCEPT_AGAIN).await;
            }
        }
    }
}

/// Connections that are open, by address.
#[derive(Debug, Clone, Default)]
struct Open(Arc<Mutex<HashMap<ClientAddress, Vec<Arc<Kept>>>>>);

/// What is known of an open connection by those that come after it.
#[derive(Debug)]
struct Kept {
    opened: Instant,
    /// When its last request began.
    asked: Mutex<Option<Instant>>,
    /// Asked to end once what it answers now is answered.
    retires: CancellationToken,
}

/// An open connection, until this is dropped.
#[derive(Debug)]
struct Line {
    kept: Arc<Kept>,
    counted: Option<(Open, ClientAddress)>,
}

impl Open {
    /// Clients keep connections that they may never use again. Where this address has as many as it may,
    /// the one that was not used for longest is asked to end; None where enough of them are ending already.
    fn one_more(&self, from: ClientAddress) -> Option<Line> {
        let mut lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let kept = lines.entry(from).or_default();
        if kept.len() >= CONNECTIONS_OF_ADDRESS_MAX + CONNECTIONS_ENDING_MAX {
            return None;
        }
        if kept.len() >= CONNECTIONS_OF_ADDRESS_MAX {
            let staying = kept.iter().filter(|kept| !kept.retires.is_cancelled());
            if let Some(longest) = staying.min_by_key(|kept| kept.last_used()) {
                longest.retires.cancel();
            }
        }
        let line = Line::new(Some((self.clone(), from)));
        kept.push(Arc::clone(&line.kept));
        Some(line)
    }
}

impl Kept {
    fn last_used(&self) -> Instant {
        self.last_asked().unwrap_or(self.opened)
    }

    fn last_asked(&self) -> Option<Instant> {
        *self.asked.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_asked(&self) {
        *self.asked.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
    }
}

impl Line {
    fn new(counted: Option<(Open, ClientAddress)>) -> Self {
        let kept =
            Kept { opened: Instant::now(), asked: Mutex::new(None), retires: CancellationToken::new() };
        Self { kept: Arc::new(kept), counted }
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        let Some((open, from)) = &self.counted else { return };
        let mut lines = open.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(kept) = lines.get_mut(from) {
            kept.retain(|kept| !Arc::ptr_eq(kept, &self.kept));
            if kept.is_empty() {
                lines.remove(from);
            }
        }
    }
}

/// One connection from its first byte to its last.
async fn receive(
    stream: TcpStream,
    from: SocketAddr,
    manner: Manner,
    line: Line,
    stopping: CancellationToken,
) {
    if let Err(cause) = stream.set_nodelay(true) {
        tracing::debug!(%cause, "a connection was gone before it began");
        return;
    }
    let Manner { app, tls, stall, .. } = manner;
    let Some(tls) = tls else {
        return converse(Patient::new(stream, stall), from, app, stall, &line, stopping).await;
    };
    let shaken = tokio::select! {
        shaken = tokio::time::timeout(stall.min(HANDSHAKE_TIME_MAX), shake(stream, &tls, stall)) => shaken,
        () = stopping.cancelled() => return,
        // It asked nothing yet.
        () = line.kept.retires.cancelled() => return,
    };
    match shaken {
        Ok(Ok(Some(stream))) => converse(*stream, from, app, stall, &line, stopping).await,
        Ok(Ok(None)) => {}
        Ok(Err(cause)) => tracing::debug!(%from, %cause, "a handshake failed"),
        Err(_) => tracing::debug!(%from, "a handshake took too long"),
    }
}

/// The handshake; None where nothing follows it. Boxed, because few bytes of all that are still needed then.
async fn shake(stream: TcpStream, tls: &Tls, stall: Duration) -> io::Result<Option<Box<TlsStream<Patient>>>> {
    let mut first = [0];
    let is_plain = stream.peek(&mut first).await? == 1 && first[0] != HANDSHAKE_BYTE;
    if is_plain && first[0].is_ascii_alphabetic() {
        let mut stream = Patient::new(stream, stall);
        stream.write_all(tls.plain_words().as_bytes()).await?;
        stream.shutdown().await?;
        // What was not read would take the words back.
        let rest = async { tokio::io::copy(&mut stream.take(PLAIN_BYTES_MAX), &mut tokio::io::sink()).await };
        let _ = tokio::time::timeout(PLAIN_TIME_MAX, rest).await;
        return Ok(None);
    }
    Ok(Box::pin(tls.open(Patient::new(stream, stall))).await?.map(Box::new))
}

async fn converse(
    stream: impl AsyncRead + AsyncWrite + Unpin,
    from: SocketAddr,
    app: Router,
    stall: Duration,
    line: &Line,
    stopping: CancellationToken,
) {
    let answer = hyper::service::service_fn(|request: hyper::Request<Incoming>| {
        line.kept.is_asked();
        let mut request = request.map(Body::new);
        request.extensions_mut().insert(ConnectInfo(from));
        app.clone().call(request)
    });
    let mut connection = pin!(
        http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(stall.min(HEAD_TIME_MAX))
            .serve_connection(TokioIo::new(stream), answer)
    );
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = stopping.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
        // On one that asked nothing yet there is nothing to end well.
        () = line.kept.retires.cancelled() => match line.kept.last_asked() {
            None => return,
            Some(_) => {
                connection.as_mut().graceful_shutdown();
                connection.await
            }
        },
    };
    if let Err(cause) = ended {
        tracing::debug!(%from, %cause, "a connection broke");
    }
}

/// A stream that breaks when the other side takes nothing for too long.
#[derive(Debug)]
struct Patient {
    stream: TcpStream,
    stall: Duration,
    /// Since the last byte could not be written.
    waiting: Option<Pin<Box<Sleep>>>,
}

impl Patient {
    fn new(stream: TcpStream, stall: Duration) -> Self {
        Self { stream, stall, waiting: None }
    }

    fn patiently<T>(
        &mut self,
        context: &mut Context<'_>,
        polled: Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        if polled.is_ready() {
            self.waiting = None;
            return polled;
        }
        let stall = self.stall;
        let waiting = self.waiting.get_or_insert_with(|| Box::pin(tokio::time::sleep(stall)));
        ready!(waiting.as_mut().poll(context));
        self.waiting = None;
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }
}

impl AsyncRead for Patient {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for Patient {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.patiently(context, polled)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.stream).poll_write_vectored(context, slices);
        self.patiently(context, polled)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let polled = Pin::new(&mut self.stream).poll_flush(context);
        self.patiently(context, polled)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let polled = Pin::new(&mut self.stream).poll_shutdown(context);
        self.patiently(context, polled)
    }
}
