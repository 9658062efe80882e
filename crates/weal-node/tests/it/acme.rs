//! A certificate from an authority that does as a test says: gives what is old already or another's, forgets
//! orders, or has no time. Everything that goes well is tried with Pebble (`cargo xtask conformance acme`).

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::net::TcpListener;
use weal_node::config::{Config, Folder, TlsConfig};
use weal_node::seams::{Clock as _, Seams};
use weal_node::{InitOptions, Running};
use weal_testkit::{Authority, Port, TurnedClock, Years};

const HOST: &str = "node.localhost";
const SOON: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);
const DAY_S: i64 = 24 * 3600;

/// What the authority does, and what was asked of it.
#[derive(Debug)]
struct Manner {
    /// For whom it certifies, and from when to when, from now on in seconds.
    gives: (&'static str, (i64, i64)),
    /// What it says to whoever asks after an order: a status and a type of RFC 8555, section 6.7.
    says_of_orders: Option<(u16, &'static str)>,
    orders: usize,
    looks: usize,
    given: String,
}

#[derive(Debug)]
struct Acme {
    origin: String,
    authority: Authority,
    clock: Arc<TurnedClock>,
    manner: Mutex<Manner>,
}

impl Acme {
    async fn opens(clock: Arc<TurnedClock>, gives: (&'static str, (i64, i64))) -> Arc<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let origin = format!("https://{}", listener.local_addr().expect("its address"));
        let authority = Authority::of_test();
        let own = authority.certifies("127.0.0.1", Years::VALID);
        let chain = vec![CertificateDer::from_pem_slice(own.certificate.as_bytes()).expect("a certificate")];
        let key = PrivateKeyDer::from_pem_slice(own.key.as_bytes()).expect("a key");
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let tls = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_no_client_auth()
            .with_single_cert(chain, key)
            .expect("its own certificate");
        let manner = Manner { gives, says_of_orders: None, orders: 0, looks: 0, given: String::new() };
        let this = Arc::new(Self { origin, authority, clock, manner: Mutex::new(manner) });
        let app = Router::new()
            .route("/directory", get(directory))
            .route("/nonce", get(|| async { nonced(StatusCode::OK, "") }))
            .route("/account", post(account))
            .route("/orders", post(new_order))
            .route("/orders/{number}", post(order))
            .route("/orders/{number}/finalize", post(finalize))
            .route("/orders/{number}/certificate", post(certificate))
            .with_state(Arc::clone(&this));
        tokio::spawn(answer(listener, tokio_rustls::TlsAcceptor::from(Arc::new(tls)), app));
        this
    }

    fn manner(&self) -> std::sync::MutexGuard<'_, Manner> {
        self.manner.lock().expect("nobody panicked")
    }

    fn orders(&self) -> usize {
        self.manner().orders
    }

    fn shown(&self, number: usize, status: &str) -> Value {
        let at = |what: &str| format!("{}/orders/{number}{what}", self.origin);
        json!({"status": status, "authorizations": [], "finalize": at("/finalize"),
               "certificate": (status == "valid").then(|| at("/certificate"))})
    }
}

async fn answer(listener: TcpListener, acceptor: tokio_rustls::TlsAcceptor, app: Router) {
    while let Ok((stream, _)) = listener.accept().await {
        let (acceptor, app) = (acceptor.clone(), app.clone());
        tokio::spawn(async move {
            let Ok(stream) = acceptor.accept(stream).await else { return };
            let app = hyper_util::service::TowerToHyperService::new(app);
            let stream = hyper_util::rt::TokioIo::new(stream);
            // Who breaks off is not answered.
            let _ = hyper::server::conn::http1::Builder::new().serve_connection(stream, app).await;
        });
    }
}

fn nonced(status: StatusCode, body: impl IntoResponse) -> Response {
    let mut response = (status, body).into_response();
    response.headers_mut().insert("replay-nonce", header::HeaderValue::from_static("bm9uY2U"));
    response
}

fn problem((status, kind): (u16, &str)) -> Response {
    let kind = format!("urn:ietf:params:acme:error:{kind}");
    let body = json!({"type": kind, "status": status, "detail": "As the test says."});
    nonced(StatusCode::from_u16(status).expect("a status"), Json(body))
}

async fn directory(State(acme): State<Arc<Acme>>) -> Response {
    let at = |what: &str| format!("{}/{what}", acme.origin);
    let body = json!({"newNonce": at("nonce"), "newAccount": at("account"), "newOrder": at("orders")});
    nonced(StatusCode::OK, Json(body))
}

async fn account(State(acme): State<Arc<Acme>>) -> Response {
    let mut response = nonced(StatusCode::CREATED, Json(json!({"status": "valid"})));
    let place = format!("{}/account/1", acme.origin);
    response.headers_mut().insert(header::LOCATION, place.parse().expect("a header"));
    response
}

async fn new_order(State(acme): State<Arc<Acme>>) -> Response {
    acme.manner().orders += 1;
    let number = acme.orders();
    let mut response = nonced(StatusCode::CREATED, Json(acme.shown(number, "ready")));
    let place = format!("{}/orders/{number}", acme.origin);
    response.headers_mut().insert(header::LOCATION, place.parse().expect("a header"));
    response
}

async fn order(State(acme): State<Arc<Acme>>, Path(number): Path<usize>) -> Response {
    acme.manner().looks += 1;
    let says = acme.manner().says_of_orders;
    match says {
        Some(says) => problem(says),
        None => nonced(StatusCode::OK, Json(acme.shown(number, "valid"))),
    }
}

async fn finalize(State(acme): State<Arc<Acme>>, Path(number): Path<usize>, body: String) -> Response {
    let part = |text: &Value| URL_SAFE_NO_PAD.decode(text.as_str().expect("text")).expect("base64url");
    let signed: Value = serde_json::from_str(&body).expect("a signed request");
    let payload: Value = serde_json::from_slice(&part(&signed["payload"])).expect("its content");
    let (host, (from_s, until_s)) = acme.manner().gives;
    let now_s = acme.clock.now().as_second();
    let given =
        acme.authority.certifies_request(&part(&payload["csr"]), host, (now_s + from_s, now_s + until_s));
    acme.manner().given = given;
    nonced(StatusCode::OK, Json(acme.shown(number, "valid")))
}

async fn certificate(State(acme): State<Arc<Acme>>) -> Response {
    nonced(StatusCode::OK, acme.manner().given.clone())
}

/// A node that was made and asks this authority.
struct Made {
    _place: TempDir,
    folder: Folder,
    config: Config,
    clock: Arc<TurnedClock>,
    acme: Arc<Acme>,
    _port: Port,
}

impl Made {
    async fn new(gives: (&'static str, (i64, i64))) -> Self {
        let place = tempfile::tempdir().expect("a folder");
        let clock = Arc::new(TurnedClock::default());
        let acme = Acme::opens(Arc::clone(&clock), gives).await;
        let port = Port::free();
        let listen = port.address;
        let folder = Folder::new(place.path().join("node"));
        let options = InitOptions {
            title: "Node".into(),
            origin: format!("https://{HOST}:{}", listen.port()),
            ..weal_testkit::governing(&folder, "node", listen)
        };
        weal_node::init(options).await.expect("made");
        let mut config = Config::read(&folder, []).expect("read");
        config.network.additional_ca_file = Some(acme.authority.written_in(place.path()));
        config.tls = TlsConfig {
            acme_directory: Some(format!("{}/directory", acme.origin)),
            acme_terms_agreed: true,
            ..TlsConfig::default()
        };
        Self { _place: place, folder, config, clock, acme, _port: port }
    }

    async fn starts(&self) -> Running {
        let seams = Seams { clock: Arc::clone(&self.clock) as Arc<_>, ..Seams::default() };
        weal_node::start_with(self.config.clone(), self.folder.clone(), seams).await.expect("it starts")
    }

    /// The chain that is kept on disk, without its key.
    fn kept(&self) -> Option<String> {
        let folders = std::fs::read_dir(self.folder.path().join("tls")).expect("its folder");
        let kept = folders.filter_map(|entry| {
            std::fs::read_to_string(entry.expect("an entry").path().join("certificate.pem")).ok()
        });
        let kept = kept.last()?;
        Some(kept[kept.find("-----BEGIN CERTIFICATE")?..].to_owned())
    }
}

/// When what is served now expires; None where nothing is.
fn served_until(running: &Running) -> Option<i64> {
    let text = running.house.metrics.text();
    let line = text.lines().find(|line| line.starts_with("weal_tls_certificate_expires_seconds"))?;
    line.split(' ').nth(1)?.parse().ok()
}

async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let began = Instant::now();
    while !holds() {
        assert!(began.elapsed() < SOON, "not in time: {what}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// So long a node that had no brake would have ordered again.
async fn a_while() {
    tokio::time::sleep(Duration::from_secs(4)).await;
}

/// In the last third of its life when it is given.
const OLD: (i64, i64) = (-80 * DAY_S, 10 * DAY_S);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_certificate_that_is_old_when_it_comes_is_ordered_once_an_hour() {
    let made = Made::new((HOST, OLD)).await;
    let running = made.starts().await;
    until("a certificate", || served_until(&running).is_some()).await;
    a_while().await;
    assert_eq!(made.acme.orders(), 1, "while it runs");
    running.stop().await;
    let running = made.starts().await;
    a_while().await;
    assert_eq!(made.acme.orders(), 1, "after a restart");
    running.stop().await;
    made.clock.turn(HOUR + Duration::from_secs(1));
    let running = made.starts().await;
    until("another order", || made.acme.orders() == 2).await;
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_certificate_that_lives_shorter_is_renewed_in_time() {
    // Two thirds of its life are over after eleven seconds, half of what it has left after twelve.
    let made = Made::new((HOST, (-16, 24))).await;
    let running = made.starts().await;
    until("a certificate", || served_until(&running).is_some()).await;
    let first = served_until(&running);
    until("the next one", || served_until(&running) > first).await;
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_certificate_that_peers_would_refuse_takes_the_place_of_none() {
    let made = Made::new((HOST, OLD)).await;
    let running = made.starts().await;
    until("a certificate", || served_until(&running).is_some()).await;
    let (good, expires) = (made.kept().expect("it is kept"), served_until(&running));
    running.stop().await;

    for bad in [("other.localhost", OLD), (HOST, (-80 * DAY_S, -DAY_S)), (HOST, (DAY_S, 80 * DAY_S))] {
        made.acme.manner().gives = bad;
        // Past the hour after a success, and past every wait after a failure.
        made.clock.turn(7 * HOUR);
        let before = made.acme.orders();
        let running = made.starts().await;
        until("it is refused", || running.house.metrics.text().contains("certificates_refused_total 1"))
            .await;
        assert_eq!(made.acme.orders(), before + 1);
        assert_eq!(served_until(&running), expires, "{bad:?}: what was good is served still");
        running.stop().await;
        assert_eq!(made.kept().as_ref(), Some(&good), "{bad:?}: and kept");
    }

    // One whose time is over is not served after a restart either.
    made.acme.manner().gives = ("other.localhost", OLD);
    made.clock.turn(11 * 24 * HOUR);
    let running = made.starts().await;
    until("another is asked for", || running.house.metrics.text().contains("certificates_refused_total 1"))
        .await;
    assert_eq!(served_until(&running), None);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_order_is_given_up_when_the_authority_says_that_it_does_not_know_it() {
    let made = Made::new((HOST, OLD)).await;
    let looked_at = async |says: (u16, &'static str)| {
        made.acme.manner().says_of_orders = Some(says);
        let before = made.acme.manner().looks;
        let running = made.starts().await;
        until("it asks after the order", || made.acme.manner().looks > before).await;
        until("it says why not", || running.house.metrics.text().contains("certificates_refused_total 1"))
            .await;
        running.stop().await;
        made.clock.turn(7 * HOUR);
    };
    looked_at((500, "serverInternal")).await;
    assert_eq!(made.acme.orders(), 1);
    looked_at((429, "rateLimited")).await;
    assert_eq!(made.acme.orders(), 1, "it was told to wait, not that there is no such order");
    looked_at((403, "unauthorized")).await;
    assert_eq!(made.acme.orders(), 1, "nor here");
    looked_at((404, "malformed")).await;
    assert_eq!(made.acme.orders(), 2, "now it was");
    made.acme.manner().says_of_orders = None;
    let running = made.starts().await;
    until("a certificate", || served_until(&running).is_some()).await;
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_key_of_an_account_given_beforehand_is_for_its_owner_alone() {
    use std::os::unix::fs::PermissionsExt as _;
    let mut made = Made::new((HOST, OLD)).await;
    let file = made.folder.path().join("eab.key");
    std::fs::write(&file, "c2VjcmV0").expect("written");
    made.config.tls.acme_eab_key_id = Some("weal-1".into());
    made.config.tls.acme_eab_key_file = Some(file.clone());
    let mode = |mode| std::fs::set_permissions(&file, std::fs::Permissions::from_mode(mode)).expect("set");
    mode(0o644);
    let seams = Seams { clock: Arc::clone(&made.clock) as Arc<_>, ..Seams::default() };
    let refused = weal_node::start_with(made.config.clone(), made.folder.clone(), seams).await;
    let refused = refused.expect_err("it does not start").to_string();
    assert!(
        refused.contains("acme_eab_key_file") && refused.contains("open to others (mode 644)"),
        "{refused}"
    );
    mode(0o600);
    made.starts().await.stop().await;
    // Once there is an account nobody needs it.
    std::fs::remove_file(&file).expect("removed");
    made.starts().await.stop().await;
}
