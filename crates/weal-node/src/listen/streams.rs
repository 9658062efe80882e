//! HTTP/2 (RFC 9113): many requests at once over one connection, within the limits that they would have over a
//! connection each. Each request beyond the first one takes the place of a connection; a client that takes nothing
//! of one answer for too long loses the connection, and so does one that breaks off request after request.

use std::collections::HashMap;
use std::convert::Infallible;
use std::future::Future;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::{HeaderValue, Request, Response, StatusCode, Uri, header};
use axum::response::IntoResponse as _;
use bytes::Bytes;
use hyper::body::{Body as _, Frame, Incoming, SizeHint};
use hyper::server::conn::http2;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::Service as _;

use super::HEAD_TIME_MAX;
use super::places::{Further, Kept, Line, Places};

/// What a client names in its handshake that speaks it (RFC 9113, section 3.2).
pub(crate) const H2: &[u8] = b"h2";

/// Requests at once on one connection.
const AT_ONCE_MAX: u32 = 32;
/// Requests of one connection that its client began and broke off, or that found no place; one more ends the
/// connection. A person who leaves pages before they are there does that now and then, the rapid reset
/// (CVE-2023-44487) all the time.
const IN_VAIN_MAX: usize = 100;
/// Of those, that were broken off before this node so much as looked at them.
const UNSEEN_BROKEN_OFF_MAX: usize = 20;
/// Streams that this node itself had to reset for what came over them.
const RESET_MAX: usize = 100;
/// The headers of one request, with 32 bytes for each beside its text (RFC 9113, section 10.5.1).
const HEADERS_BYTES_MAX: u32 = 16 * 1024;
/// What may arrive of a request's body, and of all of a connection, before this node has taken it: as much as is
/// read ahead over HTTP/1.1.
const AHEAD_BYTES_MAX: u32 = 256 * 1024;
const AHEAD_OF_ALL_BYTES_MAX: u32 = 384 * 1024;
/// What waits of one answer for its client, beside the part that is on its way.
const WAITING_BYTES_MAX: usize = 64 * 1024;
/// How long a client that has nothing to be answered any more is given to hear that the connection ends.
const GOODBYE_TIME_MAX: Duration = Duration::from_secs(5);
/// Answers are handed on in parts of this size, so that it shows whether somebody takes them.
const PART_BYTES_MAX: usize = 16 * 1024;

/// Answers on one connection until its end.
pub(super) async fn converse(
    stream: impl AsyncRead + AsyncWrite + Unpin,
    from: SocketAddr,
    app: Router,
    stall: Duration,
    line: &Line,
    (stopping, conversations): (&CancellationToken, TaskTracker),
) {
    let talk = Talk::of(line, stall);
    let answer = hyper::service::service_fn(|request: Request<Incoming>| {
        let (app, asked) = (app.clone(), talk.begins());
        async move { Ok::<_, Infallible>(answered(app, request.map(Body::new), from, asked).await) }
    });
    let mut connection = pin!(
        http2::Builder::new(Tracked(conversations))
            .max_concurrent_streams(AT_ONCE_MAX)
            .max_header_list_size(HEADERS_BYTES_MAX)
            .initial_stream_window_size(AHEAD_BYTES_MAX)
            .initial_connection_window_size(AHEAD_OF_ALL_BYTES_MAX)
            .max_send_buf_size(WAITING_BYTES_MAX)
            .max_pending_accept_reset_streams(UNSEEN_BROKEN_OFF_MAX)
            .max_local_error_reset_streams(RESET_MAX)
            .serve_connection(TokioIo::new(stream), answer)
    );
    let mut ends = false;
    let ended = loop {
        let idle = stall.min(if ends { GOODBYE_TIME_MAX } else { HEAD_TIME_MAX });
        tokio::select! {
            ended = connection.as_mut() => break ended,
            end = talk.end(idle) => if ends || end == End::Abused {
                return tracing::debug!(%from, ?end, "a connection was cut");
            },
            () = stopping.cancelled(), if !ends => {}
            () = line.kept.retires.cancelled(), if !ends => if line.kept.last_asked().is_none() {
                // On one that asked nothing yet there is nothing to end well.
                return;
            },
        }
        ends = true;
        connection.as_mut().graceful_shutdown();
    };
    if let Err(cause) = ended {
        tracing::debug!(%from, %cause, "a connection broke");
    }
}

async fn answered(
    mut app: Router,
    request: Request<Body>,
    from: SocketAddr,
    asked: Option<Asked>,
) -> Response<Given> {
    let Some(asked) = asked else {
        let text = "Too many requests at once from your address. Try again in a moment.\n";
        let mut refused = (StatusCode::SERVICE_UNAVAILABLE, text).into_response();
        refused.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
        return refused.map(|body| Given { body, rest: Bytes::new(), asked: None });
    };
    let mut request = as_over_http1(request);
    request.extensions_mut().insert(ConnectInfo(from));
    let Ok(response) = app.call(request).await;
    response.map(|body| Given::of(body, asked))
}

/// The host in its header and the bare path as the address, as everything behind this door knows it.
fn as_over_http1(request: Request<Body>) -> Request<Body> {
    let (mut head, body) = request.into_parts();
    let host = head.uri.authority().and_then(|authority| HeaderValue::from_str(authority.as_str()).ok());
    if let Some(host) = host
        && !head.headers.contains_key(header::HOST)
    {
        head.headers.insert(header::HOST, host);
    }
    if let Some(path) = head.uri.path_and_query() {
        head.uri = Uri::from(path.clone());
    }
    Request::from_parts(head, body)
}

/// Requests are finished before the node ends.
#[derive(Debug, Clone)]
struct Tracked(TaskTracker);

impl<F> hyper::rt::Executor<F> for Tracked
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    fn execute(&self, request: F) {
        self.0.spawn(request);
    }
}

/// One connection and what is asked over it.
#[derive(Debug, Clone)]
struct Talk {
    kept: Arc<Kept>,
    places: Places,
    from: Option<crate::http::ClientAddress>,
    stall: Duration,
    state: Arc<Mutex<State>>,
    /// Too many requests were in vain.
    broken: CancellationToken,
}

#[derive(Debug)]
struct State {
    /// What is being answered, and since when the client takes nothing of it. None: it is this node's turn.
    open: HashMap<u64, Option<Instant>>,
    number: u64,
    in_vain: usize,
    /// When the last one was answered.
    ended: Instant,
}

/// Why a connection ends that did not end by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    /// Nothing was asked for too long.
    Idle,
    /// Nothing of an answer was taken for too long, or too much was in vain.
    Abused,
}

/// A request that is being answered, until this is dropped.
#[derive(Debug)]
struct Asked {
    talk: Talk,
    number: u64,
    /// None: it has its connection's.
    _place: Option<Further>,
    is_answered: bool,
}

impl Talk {
    fn of(line: &Line, stall: Duration) -> Self {
        let state = State { open: HashMap::new(), number: 0, in_vain: 0, ended: Instant::now() };
        Self {
            kept: Arc::clone(&line.kept),
            places: line.places.clone(),
            from: line.from,
            stall,
            state: Arc::new(Mutex::new(state)),
            broken: CancellationToken::new(),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A request begins; None where there is no place for it.
    fn begins(&self) -> Option<Asked> {
        self.kept.is_asked();
        let is_first = self.state().open.is_empty();
        let place = if is_first { None } else { self.places.further(&self.kept, self.from) };
        let mut state = self.state();
        if !is_first && place.is_none() {
            self.one_in_vain(&mut state);
            return None;
        }
        state.number += 1;
        let number = state.number;
        state.open.insert(number, None);
        Some(Asked { talk: self.clone(), number, _place: place, is_answered: false })
    }

    fn one_in_vain(&self, state: &mut State) {
        state.in_vain += 1;
        if state.in_vain > IN_VAIN_MAX {
            self.broken.cancel();
        }
    }

    /// Waits for a reason to end this connection. `idle`: how long nothing need be asked, from now on.
    async fn end(&self, idle: Duration) -> End {
        let begun = Instant::now();
        loop {
            let again = {
                let state = self.state();
                let now = Instant::now();
                let waits = state.open.values().flatten().min();
                if waits.is_some_and(|since| now.duration_since(*since) >= self.stall) {
                    return End::Abused;
                }
                let idle_at = state.ended.max(begun) + idle;
                if state.open.is_empty() && now >= idle_at {
                    return End::Idle;
                }
                match waits {
                    Some(since) => *since + self.stall,
                    None if state.open.is_empty() => idle_at,
                    None => now + idle.min(self.stall),
                }
            };
            tokio::select! {
                () = tokio::time::sleep_until(again.into()) => {}
                () = self.broken.cancelled() => return End::Abused,
            }
        }
    }
}

impl Asked {
    /// Whose turn it is: the client's since now, or this node's.
    fn waits_for_client(&self, waits: bool) {
        let since = waits.then(Instant::now);
        self.talk.state().open.insert(self.number, since);
    }
}

impl Drop for Asked {
    fn drop(&mut self) {
        let mut state = self.talk.state();
        state.open.remove(&self.number);
        state.ended = Instant::now();
        if !self.is_answered {
            self.talk.one_in_vain(&mut state);
        }
    }
}

/// An answer, handed on part by part.
#[derive(Debug)]
struct Given {
    body: Body,
    rest: Bytes,
    /// None: it was refused for want of a place.
    asked: Option<Asked>,
}

impl Given {
    fn of(body: Body, mut asked: Asked) -> Self {
        asked.is_answered = body.is_end_stream();
        Self { body, rest: Bytes::new(), asked: Some(asked) }
    }

    fn is_answered(&mut self) {
        if let Some(asked) = &mut self.asked {
            asked.is_answered = true;
        }
    }

    fn waits_for_client(&self, waits: bool) {
        if let Some(asked) = &self.asked {
            asked.waits_for_client(waits);
        }
    }
}

impl hyper::body::Body for Given {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        if self.rest.is_empty() {
            match Pin::new(&mut self.body).poll_frame(context) {
                Poll::Pending => {
                    self.waits_for_client(false);
                    return Poll::Pending;
                }
                Poll::Ready(Some(Ok(frame))) => match frame.into_data() {
                    Ok(data) => self.rest = data,
                    Err(trailers) => {
                        self.is_answered();
                        return Poll::Ready(Some(Ok(trailers)));
                    }
                },
                // A stream that this node cut is answered too.
                Poll::Ready(ended) => {
                    self.is_answered();
                    return Poll::Ready(ended);
                }
            }
        }
        let length = self.rest.len().min(PART_BYTES_MAX);
        let part = self.rest.split_to(length);
        if self.is_end_stream() {
            self.is_answered();
        }
        self.waits_for_client(true);
        Poll::Ready(Some(Ok(Frame::data(part))))
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty() && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let (rest, inner) = (self.rest.len() as u64, self.body.size_hint());
        let mut hint = SizeHint::new();
        hint.set_lower(inner.lower() + rest);
        if let Some(upper) = inner.upper() {
            hint.set_upper(upper + rest);
        }
        hint
    }
}
