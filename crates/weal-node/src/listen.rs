//! Connections: HTTP/1.1 over TCP, or over TLS over TCP, where who wants it gets HTTP/2 (`streams`). There is a
//! time for everything that a stranger could be slow at, and a number for everything there could be too many of
//! (`places`).

mod patient;
mod places;
mod streams;

use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::server::TlsStream;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::Service as _;

use crate::config::Prefix;
use crate::http::ClientAddress;
use crate::tls::Tls;
use patient::Patient;
use places::Line;
pub(crate) use places::Places;
pub(crate) use streams::H2;

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
    /// Of all listeners together.
    pub places: Places,
}

/// Answers on `listener` until `stopping`; open requests are finished after that.
pub(crate) async fn answer(
    listener: TcpListener,
    manner: Manner,
    stopping: CancellationToken,
    conversations: TaskTracker,
) {
    loop {
        let accepted = async {
            let place = manner.places.one().await?;
            Ok::<_, io::Error>((place, listener.accept().await?))
        };
        let accepted = tokio::select! {
            () = stopping.cancelled() => return,
            accepted = accepted => accepted,
        };
        match accepted {
            Ok((place, (stream, from))) => {
                let is_proxy = manner.proxies.iter().any(|prefix| prefix.contains(from.ip()));
                let counted = (!is_proxy).then(|| ClientAddress::of(from.ip()));
                let Some(line) = manner.places.connection(counted) else { continue };
                let ending = (stopping.clone(), conversations.clone());
                let conversation = receive(stream, from, manner.clone(), line, ending);
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

/// One connection from its first byte to its last.
async fn receive(
    stream: TcpStream,
    from: SocketAddr,
    manner: Manner,
    line: Line,
    (stopping, conversations): (CancellationToken, TaskTracker),
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
        Ok(Ok(Some(stream))) if stream.get_ref().1.alpn_protocol() == Some(H2) => {
            Box::pin(streams::converse(*stream, from, app, stall, &line, (&stopping, conversations))).await;
        }
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
