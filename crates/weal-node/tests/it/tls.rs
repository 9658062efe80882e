//! TLS of the node's own, as OpenSSL and curl see it: what is spoken, what is refused, which certificates a
//! node starts with, and how it takes up another.

use std::io::Write as _;
use std::net::SocketAddr;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use weal_node::config::{Config, Folder};
use weal_node::{InitOptions, Running, ServeError};
use weal_testkit::{Authority, Certified, Years};

const HOST: &str = "node.localhost";
const SOON: Duration = Duration::from_secs(20);

/// A node that was made and not started.
struct Made {
    place: TempDir,
    config: Config,
    listen: SocketAddr,
    authority: Authority,
}

impl Made {
    async fn new() -> Self {
        let place = tempfile::tempdir().expect("a folder");
        let listen = free_address();
        let options = InitOptions {
            title: "Node".into(),
            origin: format!("https://{HOST}:{}", listen.port()),
            ..weal_testkit::governing(&Folder::new(place.path().join("node")), "node", listen)
        };
        weal_node::init(options).await.expect("made");
        let mut config = Config::read(&Folder::new(place.path().join("node")), []).expect("read");
        config.tls.certificate_file = Some(Certified::certificate_in(place.path()));
        config.tls.key_file = Some(Certified::key_in(place.path()));
        let authority = Authority::of_test();
        authority.certifies(HOST, Years::VALID).write_in(place.path());
        Self { place, config, listen, authority }
    }

    async fn tries(&self) -> Result<Running, ServeError> {
        weal_node::start(self.config.clone(), Folder::new(self.place.path().join("node"))).await
    }

    async fn starts(&self) -> Running {
        self.tries().await.expect("it starts")
    }

    async fn is_refused_saying(&self, says: &str) {
        let error = self.tries().await.expect_err("it does not start").to_string();
        assert!(error.contains(says), "{error}");
    }

    /// `openssl s_client`, told what to say by `input`.
    fn s_client(&self, arguments: &[&str], input: &str) -> Said {
        let ca = self.authority.written_in(self.place.path());
        let mut command = Command::new("openssl");
        command.args(["s_client", "-connect", &self.listen.to_string(), "-CAfile"]).arg(ca);
        command.args(["-verify_return_error", "-servername", HOST]).args(arguments);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("openssl runs");
        let mut stdin = child.stdin.take().expect("its input");
        // It may have ended by now; then there is nobody to tell.
        let _ = stdin.write_all(input.as_bytes());
        let began = Instant::now();
        while child.try_wait().expect("watched").is_none() {
            if began.elapsed() > SOON {
                let _ = child.kill();
                panic!("openssl s_client {arguments:?} did not end");
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        drop(stdin);
        Said::of(child.wait_with_output().expect("its words"))
    }

    fn curl(&self, arguments: &[&str]) -> Said {
        let ca = self.authority.written_in(self.place.path());
        let port = self.listen.port();
        let mut command = Command::new("curl");
        command.args(["--silent", "--show-error", "--max-time", "15", "--noproxy", "*", "--cacert"]).arg(ca);
        command.args(["--resolve", &format!("{HOST}:{port}:127.0.0.1")]).args(arguments);
        Said::of(command.stdin(Stdio::null()).output().expect("curl runs"))
    }

    fn url(&self, path: &str) -> String {
        format!("https://{HOST}:{}{path}", self.listen.port())
    }

    /// The serial number that is served now.
    fn serial(&self) -> String {
        let shown = self.s_client(&["-showcerts"], "Q\n").text;
        let from = shown.find("-----BEGIN").unwrap_or_else(|| panic!("no certificate: {shown}"));
        let to = shown.find("-----END CERTIFICATE-----").expect("its end");
        shown[from..to].to_owned()
    }
}

struct Said {
    ok: bool,
    text: String,
}

impl Said {
    fn of(output: Output) -> Self {
        let text = [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
        Self { ok: output.status.success(), text: text.concat() }
    }
}

fn free_address() -> SocketAddr {
    let port = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    port.local_addr().expect("an address")
}

/// Whether the strangers are here.
fn strangers() -> bool {
    let here = |program: &str, argument: &str| {
        Command::new(program).arg(argument).stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok()
    };
    let all = here("openssl", "version") && here("curl", "--version");
    if !all {
        eprintln!("skipped: openssl and curl are not here");
    }
    all
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn modern_tls_is_spoken_and_nothing_else() {
    if !strangers() {
        return;
    }
    let made = Made::new().await;
    let running = made.starts().await;
    for (version, suite) in [("-tls1_3", "TLS_AES_"), ("-tls1_2", "ECDHE-ECDSA-")] {
        let said = made.s_client(&[version, "-alpn", "h2,http/1.1"], "Q\n");
        assert!(said.ok && said.text.contains(suite), "{version}: {}", said.text);
        assert!(said.text.contains("Verification: OK"), "{}", said.text);
        assert!(said.text.contains("ALPN protocol: http/1.1"), "{}", said.text);
    }
    let old = "DEFAULT:@SECLEVEL=0";
    for refused in [
        ["-tls1_1", "-cipher", old],
        ["-tls1", "-cipher", old],
        ["-tls1_2", "-cipher", "AES128-GCM-SHA256:@SECLEVEL=0"],
        ["-tls1_2", "-cipher", "ECDHE-ECDSA-AES128-SHA256:ECDHE-ECDSA-AES256-SHA:@SECLEVEL=0"],
        ["-tls1_2", "-groups", "P-521"],
    ] {
        let said = made.s_client(&refused, "Q\n");
        assert!(!said.ok && said.text.contains("alert"), "{refused:?}: {}", said.text);
    }
    let only_h2 = made.s_client(&["-alpn", "h2"], "Q\n");
    assert!(only_h2.text.contains("alert no application protocol"), "{}", only_h2.text);
    let other = made.s_client(&["-servername", "other.localhost"], "Q\n");
    assert!(!other.ok && !other.text.contains("BEGIN CERTIFICATE"), "{}", other.text);
    let renegotiated = made.s_client(&["-tls1_2"], "R\n");
    assert!(!renegotiated.ok && renegotiated.text.contains("RENEGOTIATING"), "{}", renegotiated.text);
    let early = made.s_client(&["-tls1_3"], "Q\n");
    assert!(early.text.contains("Early data was not sent"), "{}", early.text);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn browsers_are_told_to_come_back_over_tls_only_and_plain_http_has_a_clear_end() {
    if !strangers() {
        return;
    }
    let mut made = Made::new().await;
    let plain = free_address();
    made.config.tls.redirect_listen = Some(plain);
    let running = made.starts().await;
    let said = made.curl(&["--include", &made.url("/healthz")]);
    assert!(said.text.starts_with("HTTP/1.1 200"), "{}", said.text);
    assert!(said.text.contains("strict-transport-security: max-age="), "{}", said.text);

    let wrong = made.curl(&["--include", &format!("http://{}/sign-in", made.listen)]);
    assert!(wrong.text.starts_with("HTTP/1.1 400"), "{}", wrong.text);
    assert!(wrong.text.contains(&format!("This port speaks TLS. Ask {} instead.", made.url(""))));

    let sent_on = made.curl(&["--include", &format!("http://{plain}//evil.example/a?b=%0Ac")]);
    assert!(sent_on.text.starts_with("HTTP/1.1 308"), "{}", sent_on.text);
    let target = format!("location: {}\r\n", made.url("//evil.example/a?b=%0Ac"));
    assert!(sent_on.text.contains(&target), "{}", sent_on.text);
    let sent = made.curl(&["--include", "--data", "token=secret", &format!("http://{plain}/sign-in")]);
    assert!(sent.text.starts_with("HTTP/1.1 403") && sent.text.contains("unencrypted"), "{}", sent.text);
    let unknown = format!("http://{plain}/.well-known/acme-challenge/unknown");
    assert!(made.curl(&["--include", &unknown]).text.starts_with("HTTP/1.1 404"));
    running.stop().await;
}

/// What somebody gets who says this and then waits.
async fn waits(address: SocketAddr, bytes: &[u8]) -> (Vec<u8>, Duration) {
    let began = Instant::now();
    let mut stream = TcpStream::connect(address).await.expect("connected");
    stream.write_all(bytes).await.expect("said");
    let mut said = Vec::new();
    // A reset is an end too.
    let _ = tokio::time::timeout(SOON, stream.read_to_end(&mut said)).await.expect("an end");
    (said, began.elapsed())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn slow_and_broken_handshakes_end_and_take_only_their_own_places() {
    let mut made = Made::new().await;
    made.config.limits.stall_s_max = 2;
    let running = made.starts().await;
    // The beginning of a handshake, and nothing: both are cut off.
    for begun in [&b"\x16\x03\x01\x02\x00\x01"[..], b""] {
        let (_, took) = waits(made.listen, begun).await;
        assert!(took >= Duration::from_secs(1) && took < Duration::from_secs(8), "{took:?}");
    }
    // What is no handshake ends at once, with an alert where it claimed to be one.
    let (said, took) = waits(made.listen, b"\x16\x03\x01\x00\x05\x01\x00\x00\x01\xff").await;
    assert_eq!(said.first(), Some(&21), "an alert: {said:?}");
    assert!(took < Duration::from_secs(1), "{took:?}");
    let (_, took) = waits(made.listen, &[0xff; 64]).await;
    assert!(took < Duration::from_secs(1), "{took:?}");
    // As many handshakes as an address may have connections: the next one has its place all the same.
    let mut held = Vec::new();
    for _ in 0..128 {
        held.push(TcpStream::connect(made.listen).await.expect("connected"));
    }
    if strangers() {
        let said = made.curl(&[&made.url("/healthz")]);
        assert!(said.ok, "{}", said.text);
    }
    drop(held);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_certificate_that_peers_would_refuse_is_refused_at_start() {
    use std::os::unix::fs::PermissionsExt as _;
    let made = Made::new().await;
    let (place, authority) = (made.place.path(), &made.authority);
    let good = authority.certifies(HOST, Years::VALID);
    authority.certifies(HOST, Years(2020, 2021)).write_in(place);
    made.is_refused_saying("expired at 2021-01-01T00:00:00Z; renew it").await;
    authority.certifies(HOST, Years(2089, 2090)).write_in(place);
    made.is_refused_saying("valid from 2089-01-01T00:00:00Z only; is this machine's clock right?").await;
    authority.certifies("other.localhost", Years::VALID).write_in(place);
    made.is_refused_saying("is not for node.localhost, the host of [node] origin").await;
    let other = authority.certifies(HOST, Years::VALID);
    Certified { key: other.key, ..good.clone() }.write_in(place);
    made.is_refused_saying("the private key is not this certificate's").await;
    Certified { key: "none".into(), ..good.clone() }.write_in(place);
    made.is_refused_saying("holds no private key in PEM form").await;
    Certified { certificate: good.key.clone(), ..good.clone() }.write_in(place);
    made.is_refused_saying("holds no certificate in PEM form").await;
    good.write_in(place);
    for mode in [0o644, 0o604, 0o660] {
        let permissions = std::fs::Permissions::from_mode(mode);
        std::fs::set_permissions(Certified::key_in(place), permissions).expect("set");
        made.is_refused_saying(&format!("is open to others (mode {mode:o}): run `chmod 600")).await;
    }
    std::fs::remove_file(Certified::key_in(place)).expect("removed");
    made.is_refused_saying("cannot read").await;
    good.write_in(place);
    made.starts().await.stop().await;
}

/// Waits until this holds.
async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let began = Instant::now();
    while !holds() {
        assert!(began.elapsed() < SOON, "not in time: {what}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replaced_certificate_is_taken_up_and_connections_live_on() {
    if !strangers() {
        return;
    }
    let made = Made::new().await;
    let place = made.place.path();
    let running = made.starts().await;
    let first = made.serial();
    let metric = |name: &str| {
        let text = running.house.metrics.text();
        let line = text.lines().find(|line| line.starts_with(name)).unwrap_or_default().to_owned();
        line.split(' ').nth(1).map(str::to_owned)
    };
    assert_eq!(metric("weal_tls_certificate_expires_seconds").as_deref(), Some("3786912000"));
    let root = reqwest::Certificate::from_pem(made.authority.pem().as_bytes()).expect("a certificate");
    let client = reqwest::Client::builder().no_proxy().tls_certs_only([root]).resolve(HOST, made.listen);
    let client = client.pool_max_idle_per_host(1).build().expect("a client");
    let ask =
        || async { client.get(made.url("/healthz")).send().await.map(|answer| answer.status().as_u16()) };
    assert_eq!(ask().await.expect("answered"), 200);

    // Another authority's: whoever connected before asks on, whoever comes now sees the new one.
    let other = Authority::of_test();
    other.certifies(HOST, Years(2020, 2080)).write_in(place);
    until("the metric follows", || {
        metric("weal_tls_certificate_expires_seconds").as_deref() == Some("3471292800")
    })
    .await;
    assert_eq!(ask().await.expect("the open connection lives on"), 200);
    let said = made.curl(&[&made.url("/healthz")]);
    assert!(!said.ok, "a new connection sees the new certificate: {}", said.text);

    // One that is not fit stays where it is.
    made.authority.certifies(HOST, Years::VALID).write_in(place);
    until("the first authority again", || made.curl(&[&made.url("/healthz")]).ok).await;
    let second = made.serial();
    assert_ne!(first, second);
    made.authority.certifies(HOST, Years(2020, 2021)).write_in(place);
    until("the refusal is counted", || {
        metric("weal_tls_certificates_refused_total").is_some_and(|count| count != "0")
    })
    .await;
    assert_eq!(made.serial(), second, "the old one is served still");
    running.stop().await;
}
