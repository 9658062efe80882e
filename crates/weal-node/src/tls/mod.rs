//! TLS of this node's own: rustls with ring, TLS 1.3 and 1.2 with AEAD suites only. What it serves is a
//! certificate from files (`watch`) or from an ACME authority (`acme`), replaced while connections live
//! on.
//!
//! Sessions are resumed from memory: there are no ticket keys, on disk or elsewhere. Early data, which could
//! be replayed, is not taken. Renegotiation does not exist in rustls.

mod acme;
mod certificate;
mod redirect;
mod watch;
mod x509;

use std::collections::HashMap;
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use rustls::crypto::CryptoProvider;
use rustls::server::{Acceptor, ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::{ServerConfig, version};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt as _};
use tokio_rustls::LazyConfigAcceptor;
use tokio_rustls::server::TlsStream;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use weal_domain::Timestamp;

use crate::config::{Config, ConfigError, Folder, NetworkConfig};
use crate::house::House;
use crate::listen::H2;
use crate::private;

pub use certificate::CertificateError;
use certificate::{Certificate, Files};
pub(crate) use redirect::redirect;

/// The protocol of an authority's look at a host (RFC 8737, section 6.1).
const ACME_TLS: &[u8] = b"acme-tls/1";
/// What is spoken over TLS, the better first.
const PROTOCOLS: &[&[u8]] = &[H2, b"http/1.1"];
/// In [`Folder::tls`]: what is served now, so that this node's own programs know it again.
const SERVED_FILE: &str = "served.pem";

fn provider() -> CryptoProvider {
    rustls::crypto::ring::default_provider()
}

/// The file in which a node that speaks TLS keeps the certificate that it serves now.
#[must_use]
pub fn served_file(folder: &Folder) -> PathBuf {
    folder.tls().join(SERVED_FILE)
}

/// The authorities that are believed of peers beside the machine's.
pub fn additional_authorities(network: &NetworkConfig) -> Result<Vec<reqwest::Certificate>, ConfigError> {
    let Some(path) = &network.additional_ca_file else { return Ok(Vec::new()) };
    let wrong = |cause: String| {
        ConfigError::wrong("[network] additional_ca_file", format!("{}: {cause}", path.display()))
    };
    let pem = std::fs::read(path).map_err(|cause| wrong(cause.to_string()))?;
    let found = reqwest::Certificate::from_pem_bundle(&pem).map_err(|cause| wrong(cause.to_string()))?;
    if found.is_empty() {
        return Err(wrong("holds no certificate in PEM form".into()));
    }
    Ok(found)
}

/// What the listener needs, and what the drivers renew.
#[derive(Debug)]
pub(crate) struct Tls {
    server: Arc<ServerConfig>,
    certificates: Arc<Certificates>,
    /// `https://host:port`
    origin: String,
    host: String,
    folder: Folder,
    /// The files as they were found before they were read: whoever changes them later is noticed.
    looked: Option<watch::Look>,
}

/// What is shown to whom.
#[derive(Debug, Default)]
struct Certificates {
    served: RwLock<Option<Arc<Certificate>>>,
    /// For an authority that looks now, by host.
    shown: Mutex<HashMap<String, Arc<ServerConfig>>>,
    /// For an authority that looks at the plain port now: what it finds, by token.
    said: Mutex<HashMap<String, String>>,
}

impl Certificates {
    fn served(&self) -> Option<Arc<Certificate>> {
        self.served.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn shown_to_authority(&self, host: &str) -> Option<Arc<ServerConfig>> {
        self.shown.lock().unwrap_or_else(PoisonError::into_inner).get(host).cloned()
    }
}

impl ResolvesServerCert for Certificates {
    /// A client that names another host would not believe this certificate, and is told nothing by it. One
    /// that names none (an address was typed, or a program of this machine's) gets it.
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let served = self.served()?;
        hello.server_name().is_none_or(|name| served.is_for(name)).then(|| Arc::clone(&served.key))
    }
}

impl Tls {
    /// TLS as it is configured; None where a reverse proxy does it. A certificate in files is read and
    /// checked here, so that a node does not start with one that its peers would refuse.
    pub(crate) fn of(config: &Config, folder: &Folder, now: Timestamp) -> Result<Option<Self>, TlsError> {
        if !config.tls.is_on() {
            // Left by a time in which it was on: this node's own programs would look for it.
            let _ = std::fs::remove_file(served_file(folder));
            return Ok(None);
        }
        acme::check_external(&config.tls)?;
        let origin = config.node.origin.clone();
        let host = url::Url::parse(&origin).ok().and_then(|url| url.host_str().map(str::to_owned));
        let host = host.ok_or_else(|| ConfigError::wrong("[node] origin", "has no host"))?;
        let host = host.trim_matches(['[', ']']).to_owned();
        let certificates = Arc::new(Certificates::default());
        let server = server_config(Arc::clone(&certificates) as Arc<dyn ResolvesServerCert>, PROTOCOLS)?;
        let files = files(config);
        let looked = files.as_ref().map(watch::Look::at);
        let tls = Self { server, certificates, origin, host, folder: folder.clone(), looked };
        private::make_folder(&folder.tls())
            .map_err(|cause| ConfigError::wrong("tls in the node's folder", cause))?;
        if let Some(files) = files {
            tls.put(files.read(&tls.host, now)?);
        }
        Ok(Some(tls))
    }

    /// Takes up what keeps the certificate fresh.
    pub(crate) fn start(self: &Arc<Self>, house: &Arc<House>, stop: &CancellationToken, tasks: &TaskTracker) {
        if let Some(served) = self.certificates.served() {
            house.metrics.certificate_expires(served.facts.not_after);
        }
        match files(&house.config) {
            Some(files) => {
                tasks.spawn(watch::run(Arc::clone(self), Arc::clone(house), files, stop.clone()));
            }
            None => {
                tasks.spawn(acme::run(Arc::clone(self), Arc::clone(house), stop.clone()));
            }
        }
    }

    /// From now on this certificate is served; open connections keep theirs.
    fn serve(&self, certificate: Certificate, house: &House) {
        house.metrics.certificate_expires(certificate.facts.not_after);
        self.put(certificate);
    }

    fn put(&self, certificate: Certificate) {
        let kept = private::write(&served_file(&self.folder), certificate.to_pem().as_bytes());
        if let Err(cause) = kept {
            tracing::warn!(%cause, "the certificate served could not be written down: this node's own programs will not know it");
        }
        *self.certificates.served.write().unwrap_or_else(PoisonError::into_inner) =
            Some(Arc::new(certificate));
    }

    /// The server's part of a handshake. None: an authority has looked, and there is nothing more to say.
    pub(crate) async fn open<S>(&self, stream: S) -> io::Result<Option<TlsStream<S>>>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let start = LazyConfigAcceptor::new(Acceptor::default(), stream).await?;
        let hello = start.client_hello();
        let is_look = hello
            .alpn()
            .is_some_and(|mut offered| offered.next() == Some(ACME_TLS) && offered.next().is_none());
        if !is_look {
            return start.into_stream(Arc::clone(&self.server)).await.map(Some);
        }
        let shown = hello.server_name().and_then(|host| self.certificates.shown_to_authority(host));
        if let Some(shown) = shown {
            start.into_stream(shown).await?.shutdown().await?;
        }
        Ok(None)
    }

    /// What is told in plain text to whoever speaks plain HTTP to this port.
    pub(crate) fn plain_words(&self) -> String {
        let text = format!("This port speaks TLS. Ask {} instead.\n", self.origin);
        format!(
            "HTTP/1.1 400 Bad Request\r\ncontent-type: text/plain; charset=utf-8\r\ncontent-length: {}\r\n\
             connection: close\r\n\r\n{text}",
            text.len()
        )
    }
}

fn files(config: &Config) -> Option<Files> {
    let (certificate, key) = (config.tls.certificate_file.clone()?, config.tls.key_file.clone()?);
    Some(Files { certificate, key })
}

/// Written out rather than left to defaults: who reads this knows what is spoken.
fn server_config(
    resolver: Arc<dyn ResolvesServerCert>,
    protocols: &[&[u8]],
) -> Result<Arc<ServerConfig>, ConfigError> {
    let builder = ServerConfig::builder_with_provider(Arc::new(provider()))
        .with_protocol_versions(&[&version::TLS13, &version::TLS12])
        .map_err(|cause| ConfigError::wrong("[tls]", cause))?;
    let mut server = builder.with_no_client_auth().with_cert_resolver(resolver);
    server.alpn_protocols = protocols.iter().map(|name| name.to_vec()).collect();
    server.max_early_data_size = 0;
    Ok(Arc::new(server))
}

/// Why TLS cannot begin.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TlsError {
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error(transparent)]
    Certificate(#[from] CertificateError),
}
