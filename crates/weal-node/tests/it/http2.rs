//! HTTP/2 over TLS of the node's own: it is spoken, and its limits are those of HTTP/1.1. What strangers do is done
//! frame by frame here, because no client does it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use rustls::pki_types::ServerName;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::tls::Made;

const SOON: Duration = Duration::from_secs(60);
/// RFC 9113, section 6: types of frames, and their flags.
const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RESET: u8 = 3;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const GOAWAY: u8 = 7;
const END_STREAM: u8 = 0x1;
const END_HEADERS: u8 = 0x4;
/// RFC 9113, section 3.4.
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// What is asked (RFC 7541, appendix A has the numbers of what is common).
const GET: u8 = 0x82;
const POST: u8 = 0x83;

#[derive(Debug)]
struct Frame {
    kind: u8,
    stream: u32,
    payload: Vec<u8>,
}

/// A client that says what it is told to.
struct Raw {
    stream: TlsStream<TcpStream>,
    host: ServerName<'static>,
}

impl Raw {
    /// Connected, with settings of its own: identifiers and values (RFC 9113, section 6.5.2).
    async fn connects(made: &Made, settings: &[(u16, u32)]) -> Self {
        let mut client = made.client();
        client.alpn_protocols = vec![b"h2".to_vec()];
        let stream = TcpStream::connect(made.listen).await.expect("connected");
        let host = made.name();
        let stream = TlsConnector::from(Arc::new(client)).connect(host.clone(), stream).await;
        let mut this = Self { stream: stream.expect("a handshake"), host };
        assert_eq!(this.stream.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
        let settings: Vec<u8> = settings
            .iter()
            .flat_map(|(name, value)| [&name.to_be_bytes()[..], &value.to_be_bytes()].concat())
            .collect();
        this.stream.write_all(PREFACE).await.expect("said");
        this.says(SETTINGS, 0, 0, &settings).await.expect("said");
        this
    }

    async fn says(&mut self, kind: u8, flags: u8, stream: u32, payload: &[u8]) -> std::io::Result<()> {
        let length = u32::try_from(payload.len()).expect("short").to_be_bytes();
        let mut frame = length[1..].to_vec();
        frame.extend([kind, flags]);
        frame.extend(stream.to_be_bytes());
        frame.extend(payload);
        self.stream.write_all(&frame).await?;
        self.stream.flush().await
    }

    /// A request's head.
    async fn asks(&mut self, stream: u32, method: u8, path: &str, flags: u8) -> std::io::Result<()> {
        let host = self.host.to_str();
        // https, then `:path` and `:authority` as they are here, not to be remembered.
        let mut block = vec![method, 0x87, 0x04, u8::try_from(path.len()).expect("short")];
        block.extend(path.as_bytes());
        block.extend([0x01, u8::try_from(host.len()).expect("short")]);
        block.extend(host.as_bytes());
        if method == POST {
            let form = "application/x-www-form-urlencoded";
            // `content-type` is name 31: what fits into four bits, and the rest.
            block.extend([0x0f, 31 - 0x0f, u8::try_from(form.len()).expect("short")]);
            block.extend(form.as_bytes());
        }
        self.says(HEADERS, END_HEADERS | flags, stream, &block).await
    }

    /// The next frame; None at the connection's end.
    async fn hears(&mut self) -> Option<Frame> {
        let mut head = [0; 9];
        self.stream.read_exact(&mut head).await.ok()?;
        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
        let mut payload = vec![0; usize::try_from(length).expect("it fits")];
        self.stream.read_exact(&mut payload).await.ok()?;
        let stream = u32::from_be_bytes([head[5], head[6], head[7], head[8]]) & 0x7fff_ffff;
        Some(Frame { kind: head[3], stream, payload })
    }

    /// Everything until the connection ends.
    async fn hears_out(&mut self) -> Vec<Frame> {
        let all = async {
            let mut heard = Vec::new();
            while let Some(frame) = self.hears().await {
                heard.push(frame);
            }
            heard
        };
        tokio::time::timeout(SOON, all).await.expect("the connection ends")
    }

    /// Everything that is said until this is `enough`.
    async fn hears_until(&mut self, enough: impl Fn(&[Frame]) -> bool) -> Vec<Frame> {
        let mut heard = Vec::new();
        while !enough(&heard) {
            let next = tokio::time::timeout(SOON, self.hears()).await.expect("something in time");
            heard.push(next.expect("the connection goes on"));
        }
        heard
    }

    /// What is said within this time.
    async fn hears_for(&mut self, time: Duration) -> Vec<Frame> {
        let mut heard = Vec::new();
        let until = tokio::time::Instant::now() + time;
        while let Ok(Some(frame)) = tokio::time::timeout_at(until, self.hears()).await {
            heard.push(frame);
        }
        heard
    }
}

fn client(made: &Made) -> reqwest::Client {
    let root = reqwest::Certificate::from_pem(made.authority_pem().as_bytes()).expect("a certificate");
    let builder = reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none());
    let builder = builder.tls_certs_only([root]).resolve(&made.name().to_str(), made.listen);
    builder.build().expect("a client")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pages_forms_and_refusals_are_the_same_over_http_2() {
    let made = Made::new().await;
    let running = made.starts().await;
    let client = client(&made);
    let health = client.get(made.url("/healthz")).send().await.expect("answered");
    assert_eq!((health.version(), health.status().as_u16()), (reqwest::Version::HTTP_2, 200));
    let page = client.get(made.url("/sign-in?next=/ledger")).send().await.expect("answered");
    assert_eq!((page.version(), page.status().as_u16()), (reqwest::Version::HTTP_2, 200));
    let cookie = page.headers()["set-cookie"].to_str().expect("text");
    let cookie = cookie.split(';').next().unwrap_or_default().to_owned();
    let text = page.text().await.expect("a page");
    let secret = text.split("name=\"csrf\" value=\"").nth(1).and_then(|rest| rest.split('"').next());
    let secret = secret.expect("the form's secret");
    // Browsers split cookies over lines here (RFC 9113, section 8.2.3).
    let form =
        [("csrf", secret), ("account", "ada"), ("password", "correct horse battery"), ("next", "/ledger")];
    let body: Vec<String> =
        form.iter().map(|(name, value)| format!("{name}={}", value.replace(' ', "+"))).collect();
    let signed_in = client
        .post(made.url("/sign-in"))
        .header("content-type", "application/x-www-form-urlencoded")
        .header("origin", made.url(""))
        .header("cookie", "theme=dark")
        .header("cookie", cookie)
        .body(body.join("&"))
        .send()
        .await
        .expect("answered");
    assert_eq!(signed_in.version(), reqwest::Version::HTTP_2);
    assert_eq!(
        (signed_in.status().as_u16(), &signed_in.headers()["location"]),
        (303, &"/ledger".parse().expect("text"))
    );
    // Of headers as much as a setting of this connection allows.
    let much = client.get(made.url("/healthz")).header("x-much", "m".repeat(20_000)).send().await;
    assert!(much.is_err() || much.is_ok_and(|answer| answer.status() == 431));
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn settings_say_the_limits() {
    let made = Made::new().await;
    let running = made.starts().await;
    let mut raw = Raw::connects(&made, &[]).await;
    let settings = raw.hears().await.expect("its settings");
    assert_eq!(settings.kind, SETTINGS);
    let said: Vec<(u16, u32)> = settings
        .payload
        .chunks_exact(6)
        .map(|s| (u16::from_be_bytes([s[0], s[1]]), u32::from_be_bytes([s[2], s[3], s[4], s[5]])))
        .collect();
    // Streams at once, what may come of a body, headers.
    for expected in [(3, 32), (4, 256 * 1024), (6, 16 * 1024)] {
        assert!(said.contains(&expected), "{expected:?} in {said:?}");
    }
    // A client that does not hear that the node ends does not hold it up for long.
    raw.asks(1, GET, "/healthz", END_STREAM).await.expect("asked");
    raw.hears_until(|heard| heard.iter().any(|frame| frame.kind == HEADERS)).await;
    let began = Instant::now();
    running.stop().await;
    assert!(began.elapsed() < Duration::from_secs(15), "{:?}", began.elapsed());
    assert!(raw.hears_out().await.iter().any(|frame| frame.kind == GOAWAY));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_breaks_off_request_after_request_is_cut_off() {
    let made = Made::new().await;
    let running = made.starts().await;
    // Slowly, so that this node has begun to answer each one; and as fast as they go.
    for pause in [Duration::from_millis(20), Duration::ZERO] {
        let mut raw = Raw::connects(&made, &[]).await;
        let mut asked = 0;
        while asked < 500 {
            let stream = 2 * asked + 1;
            // A body that does not come: it waits, until it is broken off.
            if raw.asks(stream, POST, "/sign-in", 0).await.is_err() {
                break;
            }
            tokio::time::sleep(pause).await;
            if raw.says(RESET, 0, stream, &8_u32.to_be_bytes()).await.is_err() {
                break;
            }
            asked += 1;
        }
        // It ends, and long before it would for saying nothing.
        raw.hears_out().await;
        if !pause.is_zero() {
            assert!((90..300).contains(&asked), "{asked} were begun and broken off");
        }
    }
    // Everybody else is served.
    assert_eq!(client(&made).get(made.url("/healthz")).send().await.expect("answered").status(), 200);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_asks_nothing_or_takes_nothing_is_cut_off() {
    let mut made = Made::new().await;
    made.config.limits.stall_s_max = 2;
    let running = made.starts().await;
    // It may not be sent a byte of any answer.
    let mut full = Raw::connects(&made, &[(4, 0)]).await;
    full.asks(1, GET, "/sign-in", END_STREAM).await.expect("asked");
    let mut silent = Raw::connects(&made, &[]).await;
    // The head of a request that does not end.
    let mut half = Raw::connects(&made, &[]).await;
    half.says(HEADERS, 0, 1, &[GET]).await.expect("said");
    let began = Instant::now();
    let (full, silent, half) = tokio::join!(full.hears_out(), silent.hears_out(), half.hears_out());
    assert!(began.elapsed() > Duration::from_secs(1) && began.elapsed() < Duration::from_secs(9));
    assert!(full.iter().any(|frame| frame.kind == HEADERS && frame.stream == 1), "{full:?}");
    assert!(full.iter().all(|frame| frame.kind != DATA || frame.payload.is_empty()), "{full:?}");
    assert!(silent.iter().any(|frame| frame.kind == GOAWAY), "{silent:?}");
    assert!(half.iter().all(|frame| frame.kind != HEADERS), "{half:?}");
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn requests_at_once_take_the_places_of_connections() {
    let made = Made::new().await;
    let running = made.starts().await;
    let mut all = Vec::new();
    // Whoever gets a place waits for this form's body.
    for _ in 0..5 {
        let mut raw = Raw::connects(&made, &[]).await;
        raw.asks(1, POST, "/sign-in", 0).await.expect("asked");
        all.push(raw);
    }
    // An address has 128 places at the most; these are 160.
    const REFUSED: [usize; 5] = [0, 0, 0, 1, 31];
    let answers = |heard: &[Frame]| heard.iter().filter(|frame| frame.kind == HEADERS).count();
    let mut refused = Vec::new();
    for (raw, expected) in all.iter_mut().zip(REFUSED) {
        for number in 1..32 {
            raw.asks(2 * number + 1, POST, "/sign-in", 0).await.expect("asked");
        }
        // What answers this has read everything before it.
        raw.says(PING, 0, 0, &[7; 8]).await.expect("said");
        let is_read = |frame: &Frame| frame.kind == PING && frame.payload == [7; 8];
        let mut heard =
            raw.hears_until(|heard| heard.iter().any(is_read) && answers(heard) >= expected).await;
        heard.extend(raw.hears_for(Duration::from_millis(500)).await);
        refused.push(answers(&heard));
    }
    assert_eq!(refused, REFUSED, "answers to requests that are not complete");
    assert!(
        client(&made).get(made.url("/healthz")).send().await.is_err(),
        "nor is there one for a connection"
    );
    // Who asks on all the same is cut off.
    let last = all.last_mut().expect("the fifth");
    for round in 1..5 {
        for number in 1..32 {
            // When it is cut off, there is nobody to ask.
            let _ = last.asks(2 * (32 * round + number) + 1, POST, "/sign-in", 0).await;
        }
        last.hears_for(Duration::from_millis(500)).await;
    }
    last.hears_out().await;
    drop(all);
    // And when they are gone there is room again.
    let began = Instant::now();
    while client(&made).get(made.url("/healthz")).send().await.is_err() {
        assert!(began.elapsed() < SOON, "no room");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    running.stop().await;
}
