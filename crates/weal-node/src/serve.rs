//! Running a node: open the house, bind, start the drivers, answer, and leave in order.

use std::future::Future;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::config::{Config, ConfigError, Folder};
use crate::fault::Fault;
use crate::house::House;
use crate::listen::{Manner, Places};
use crate::seams::Seams;
use crate::tls::{CertificateError, Tls, TlsError};
use crate::{drivers, http, listen, observe, tls};

/// How long open requests and streams are given to finish when the node is told to stop.
const DRAIN_SECONDS_MAX: u64 = 20;

/// Why a node did not start or did not end well.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error(
        "cannot listen on {address}: {cause}; is something else running there? Change [node] listen (or [tls] \
         redirect_listen) in weal.toml"
    )]
    Bind { address: SocketAddr, cause: std::io::Error },
    /// Why the configured certificate is not served.
    #[error("{0}")]
    Certificate(#[from] CertificateError),
    #[error("{0}")]
    Fault(#[from] Fault),
}

impl From<TlsError> for ServeError {
    fn from(error: TlsError) -> Self {
        match error {
            TlsError::Config(cause) => Self::Config(cause),
            TlsError::Certificate(cause) => Self::Certificate(cause),
        }
    }
}

/// Serves the node in `folder` until `stop` resolves, then drains.
pub async fn serve(folder: PathBuf, stop: impl Future<Output = ()> + Send) -> Result<(), ServeError> {
    let folder = Folder::new(folder);
    let config = Config::read(&folder, std::env::vars())?;
    let telemetry = observe::start(&config)?;
    let running = start(config, folder).await?;
    stop.await;
    running.stop().await;
    drop(telemetry);
    Ok(())
}

/// A node that answers.
#[derive(Debug)]
pub struct Running {
    pub house: Arc<House>,
    pub address: SocketAddr,
    stopping: CancellationToken,
    tasks: TaskTracker,
}

/// Opens the house and answers on its address. Logging is the caller's.
pub async fn start(config: Config, folder: Folder) -> Result<Running, ServeError> {
    start_with(config, folder, Seams::default()).await
}

/// The same with another clock, other chance, another way to know callers.
pub async fn start_with(config: Config, folder: Folder, seams: Seams) -> Result<Running, ServeError> {
    let began = std::time::Instant::now();
    tls::additional_authorities(&config.network)?;
    let (listener, address) = bind(config.node.listen).await?;
    let redirecting = match config.tls.redirect_listen {
        Some(listen) => Some(bind(listen).await?.0),
        None => None,
    };
    // Before the house is opened: a wrong certificate is said at once.
    let tls = Tls::of(&config, &folder, seams.clock.now())?.map(Arc::new);
    let house = Arc::new(House::open_with(config, folder, seams).await?);
    let (stopping, tasks) = (CancellationToken::new(), TaskTracker::new());
    drivers::start(&house, &stopping, &tasks);
    let manner = Manner {
        app: http::router(Arc::clone(&house)),
        tls: tls.clone(),
        stall: Duration::from_secs(house.config.limits.stall_s_max),
        proxies: house.config.network.trusted_proxies.clone(),
        places: Places::default(),
    };
    if let Some(tls) = tls {
        tls.start(&house, &stopping, &tasks);
        if let Some(listener) = redirecting {
            let plain = Manner { app: tls::redirect(tls), tls: None, ..manner.clone() };
            tasks.spawn(listen::answer(listener, plain, stopping.clone(), tasks.clone()));
        }
    }
    tasks.spawn(listen::answer(listener, manner, stopping.clone(), tasks.clone()));
    let took_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
    house.doors.started_in_ms(took_ms);
    tracing::info!(did = %house.did, %address, took_ms, "node is ready");
    Ok(Running { house, address, stopping, tasks })
}

async fn bind(address: SocketAddr) -> Result<(TcpListener, SocketAddr), ServeError> {
    let failed = |cause| ServeError::Bind { address, cause };
    let listener = TcpListener::bind(address).await.map_err(failed)?;
    let address = listener.local_addr().map_err(failed)?;
    Ok((listener, address))
}

impl Running {
    /// Stops taking requests, lets open ones finish, stops the drivers.
    pub async fn stop(self) {
        tracing::info!("node is stopping");
        self.stopping.cancel();
        self.house.doors.close_streams();
        self.tasks.close();
        let drained = tokio::time::timeout(Duration::from_secs(DRAIN_SECONDS_MAX), self.tasks.wait()).await;
        if drained.is_err() {
            tracing::warn!(seconds = DRAIN_SECONDS_MAX, "some requests did not finish in time and were cut");
        }
        self.house.store.close().await;
        tracing::info!("node has stopped");
    }
}
