//! TLS of the node's own, as OpenSSL and curl see it: what is spoken, what is refused, which certificates a
//! node starts with, and how it takes up another.

use std::io::{Read as _, Write as _};
use std::net::SocketAddr;
use std::process::{Command, Output, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustls::NamedGroup;
use rustls::client::{
    ClientSessionMemoryCache, ClientSessionStore, Resumption, Tls12ClientSessionValue,
    Tls13ClientSessionValue,
};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use weal_node::config::{Config, Folder};
use weal_node::{InitOptions, Running, ServeError};
use weal_testkit::{Authority, Certified, Port, Years};

const HOST: &str = "node.localhost";
const SOON: Duration = Duration::from_secs(60);

/// A node that was made and not started.
pub(crate) struct Made {
    place: TempDir,
    pub config: Config,
    pub listen: SocketAddr,
    authority: Authority,
    _port: Port,
}

impl Made {
    pub(crate) async fn new() -> Self {
        let place = tempfile::tempdir().expect("a folder");
        let port = Port::free();
        let listen = port.address;
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
        Self { place, config, listen, authority, _port: port }
    }

    async fn tries(&self) -> Result<Running, ServeError> {
        weal_node::start(self.config.clone(), Folder::new(self.place.path().join("node"))).await
    }

    pub(crate) async fn starts(&self) -> Running {
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
        command.args(["--silent", "--show-error", "--max-time", "60", "--noproxy", "*", "--cacert"]).arg(ca);
        command.args(["--resolve", &format!("{HOST}:{port}:127.0.0.1")]).args(arguments);
        Said::of(command.stdin(Stdio::null()).output().expect("curl runs"))
    }

    /// What a client of ours is that believes its authority.
    pub(crate) fn client(&self) -> rustls::ClientConfig {
        let mut roots = rustls::RootCertStore::empty();
        let root = CertificateDer::from_pem_slice(self.authority.pem().as_bytes()).expect("a certificate");
        roots.add(root).expect("an authority");
        rustls::ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_root_certificates(roots)
            .with_no_client_auth()
    }

    pub(crate) fn name(&self) -> ServerName<'static> {
        ServerName::try_from(HOST).expect("a name")
    }

    pub(crate) fn authority_pem(&self) -> &str {
        self.authority.pem()
    }

    pub(crate) fn url(&self, path: &str) -> String {
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
        for (offered, spoken) in [("http/1.1,h2", "h2"), ("http/1.1", "http/1.1")] {
            let said = made.s_client(&[version, "-alpn", offered], "Q\n");
            assert!(said.ok && said.text.contains(suite), "{version}: {}", said.text);
            assert!(said.text.contains("Verification: OK"), "{}", said.text);
            assert!(said.text.contains(&format!("ALPN protocol: {spoken}\n")), "{}", said.text);
        }
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
    let unknown = made.s_client(&["-alpn", "spdy/3"], "Q\n");
    assert!(unknown.text.contains("alert no application protocol"), "{}", unknown.text);
    let other = made.s_client(&["-servername", "other.localhost"], "Q\n");
    assert!(!other.ok && !other.text.contains("BEGIN CERTIFICATE"), "{}", other.text);
    let renegotiated = made.s_client(&["-tls1_2"], "R\n");
    assert!(!renegotiated.ok && renegotiated.text.contains("RENEGOTIATING"), "{}", renegotiated.text);
    running.stop().await;
}

/// Sessions of a client that sends early data with each, whatever the server allowed.
#[derive(Debug)]
struct Eager(ClientSessionMemoryCache);

impl ClientSessionStore for Eager {
    fn set_kx_hint(&self, name: ServerName<'static>, group: NamedGroup) {
        self.0.set_kx_hint(name, group);
    }

    fn kx_hint(&self, name: &ServerName<'_>) -> Option<NamedGroup> {
        self.0.kx_hint(name)
    }

    fn set_tls12_session(&self, name: ServerName<'static>, session: Tls12ClientSessionValue) {
        self.0.set_tls12_session(name, session);
    }

    fn tls12_session(&self, name: &ServerName<'_>) -> Option<Tls12ClientSessionValue> {
        self.0.tls12_session(name)
    }

    fn remove_tls12_session(&self, name: &ServerName<'static>) {
        self.0.remove_tls12_session(name);
    }

    fn insert_tls13_ticket(&self, name: ServerName<'static>, session: Tls13ClientSessionValue) {
        self.0.insert_tls13_ticket(name, session);
    }

    fn take_tls13_ticket(&self, name: &ServerName<'static>) -> Option<Tls13ClientSessionValue> {
        let mut session = self.0.take_tls13_ticket(name)?;
        session._private_set_max_early_data_size(1024);
        Some(session)
    }
}

const HEALTH: &[u8] = b"GET /healthz HTTP/1.1\r\nHost: node\r\nConnection: close\r\n\r\n";

/// What a server says to a request in early data, of a session that was used for one before.
fn early(mut client: rustls::ClientConfig, name: &ServerName<'static>, at: SocketAddr) -> String {
    client.enable_early_data = true;
    client.resumption = Resumption::store(Arc::new(Eager(ClientSessionMemoryCache::new(8))));
    let client = Arc::new(client);
    let connected = || {
        let stream = std::net::TcpStream::connect(at).expect("connected");
        stream.set_read_timeout(Some(SOON)).expect("set");
        let shaken = rustls::ClientConnection::new(Arc::clone(&client), name.clone()).expect("a client");
        rustls::StreamOwned::new(shaken, stream)
    };
    let mut first = connected();
    first.write_all(HEALTH).expect("asked");
    let mut said = String::new();
    first.read_to_string(&mut said).expect("answered");
    assert!(said.starts_with("HTTP/1.1 200"), "{said}");

    let mut second = connected();
    let mut early = second.conn.early_data().expect("a session that it sends early data with");
    assert_eq!(early.write(HEALTH).expect("it has room"), HEALTH.len());
    while second.conn.is_handshaking() {
        second.conn.complete_io(&mut second.sock).expect("a handshake");
    }
    assert_eq!(second.conn.handshake_kind(), Some(rustls::HandshakeKind::Resumed), "else nothing is early");
    second.sock.set_read_timeout(Some(Duration::from_secs(2))).expect("set");
    let mut said = Vec::new();
    // It says nothing, or is cut off: both are an end.
    let _ = second.read_to_end(&mut said);
    format!("{} {}", second.conn.is_early_data_accepted(), String::from_utf8_lossy(&said))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn early_data_is_not_taken_from_a_client_that_sends_it() {
    let made = Made::new().await;
    let running = made.starts().await;
    let (client, name, at) = (made.client(), made.name(), made.listen);
    let said = tokio::task::spawn_blocking(move || early(client, &name, at)).await.expect("it ends");
    assert_eq!(said, "false ");
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn both_listeners_share_the_places_of_an_address() {
    let mut made = Made::new().await;
    let port = Port::free();
    let plain = port.address;
    made.config.tls.redirect_listen = Some(plain);
    let running = made.starts().await;
    let mut kept = Vec::new();
    for _ in 0..64 {
        let mut stream = TcpStream::connect(plain).await.expect("connected");
        stream.write_all(b"GET / HTTP/1.1\r\nHost: node\r\n\r\n").await.expect("asked");
        let mut begun = [0; 12];
        stream.read_exact(&mut begun).await.expect("answered");
        kept.push(stream);
    }
    // One more, on the other port: the one that was not used for longest ends.
    let more = TcpStream::connect(made.listen).await.expect("connected");
    let mut rest = Vec::new();
    let ends = tokio::time::timeout(SOON, kept[0].read_to_end(&mut rest)).await;
    assert!(ends.is_ok(), "it makes room");
    let stays = tokio::time::timeout(SOON, kept[1].read(&mut [0])).await;
    drop((more, kept));
    assert!(stays.is_ok_and(|read| read.is_ok_and(|count| count > 0)), "the rest of its answer");
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_an_earlier_attempt_left_lends_its_mode_to_no_secret() {
    use std::os::unix::fs::PermissionsExt as _;
    let made = Made::new().await;
    let tls = made.place.path().join("node").join("tls");
    std::fs::create_dir_all(&tls).expect("made");
    let part = tls.join("served.part");
    std::fs::write(&part, "half").expect("written");
    std::fs::set_permissions(&part, std::fs::Permissions::from_mode(0o644)).expect("set");
    let running = made.starts().await;
    let mode = std::fs::metadata(tls.join("served.pem")).expect("written").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn browsers_are_told_to_come_back_over_tls_only_and_plain_http_has_a_clear_end() {
    if !strangers() {
        return;
    }
    let mut made = Made::new().await;
    let port = Port::free();
    let plain = port.address;
    made.config.tls.redirect_listen = Some(plain);
    let running = made.starts().await;
    let said = made.curl(&["--include", &made.url("/healthz")]);
    assert!(said.text.starts_with("HTTP/2 200"), "{}", said.text);
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
    // What is no handshake ends at once, with an alert where it claimed to be one. A busy machine needs longer for some.
    let (mut claimed, mut nonsense) = (SOON, SOON);
    for _ in 0..5 {
        let (said, took) = waits(made.listen, b"\x16\x03\x01\x00\x05\x01\x00\x00\x01\xff").await;
        assert_eq!(said.first(), Some(&21), "an alert: {said:?}");
        claimed = claimed.min(took);
        let (_, took) = waits(made.listen, &[0xff; 64]).await;
        nonsense = nonsense.min(took);
    }
    assert!(claimed.max(nonsense) < Duration::from_secs(1), "{claimed:?} {nonsense:?}");
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

    // A key that others can read is not taken up until `chmod`, which changes nothing in the file, closes it.
    use std::os::unix::fs::PermissionsExt as _;
    let refused =
        || metric("weal_tls_certificates_refused_total").and_then(|count| count.parse::<u32>().ok());
    let before = refused();
    made.authority.certifies(HOST, Years(2020, 2070)).write_in(place);
    let mode = |mode| {
        let permissions = std::fs::Permissions::from_mode(mode);
        std::fs::set_permissions(Certified::key_in(place), permissions).expect("set");
    };
    mode(0o644);
    until("the next refusal", || refused() > before).await;
    // The first look may have come between the key and its certificate, and have been counted for that.
    tokio::time::sleep(Duration::from_secs(6)).await;
    let counted = refused();
    // It is looked at again and again, and counted once.
    tokio::time::sleep(Duration::from_secs(6)).await;
    assert_eq!(refused(), counted);
    mode(0o600);
    until("it is taken up", || {
        metric("weal_tls_certificate_expires_seconds").as_deref() == Some("3155760000")
    })
    .await;
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_certificate_whose_time_comes_is_taken_up_then() {
    let made = Made::new().await;
    let place = made.place.path();
    let clock = Arc::new(weal_testkit::TurnedClock::default());
    let seams = weal_node::seams::Seams { clock: Arc::clone(&clock) as Arc<_>, ..Default::default() };
    let folder = Folder::new(place.join("node"));
    let running = weal_node::start_with(made.config.clone(), folder, seams).await.expect("it starts");
    let says = |what: &str| running.house.metrics.text().contains(what);
    made.authority.certifies(HOST, Years(2089, 2095)).write_in(place);
    until("it is refused", || says("weal_tls_certificates_refused_total 1")).await;
    // Nobody touches the files again.
    clock.turn(Duration::from_secs(64 * 366 * 24 * 3600));
    until("it is taken up", || says(" 3944678400\n")).await;
    running.stop().await;
}
