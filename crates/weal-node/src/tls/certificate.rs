//! One certificate with its key, looked at before it is served: what a peer would refuse is refused here,
//! with what to do about it.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::server::ParsedCertificate;
use rustls::sign::CertifiedKey;
use weal_domain::Timestamp;
use zeroize::Zeroizing;

use super::x509::{self, Facts};
use crate::private;

/// The largest file with a certificate or a key that is read.
const PEM_BYTES_MAX: u64 = 256 * 1024;
/// The most certificates between ours and its authority's.
const CHAIN_MAX: usize = 10;

/// Why a certificate is not served.
#[derive(Debug, thiserror::Error)]
pub enum CertificateError {
    #[error("cannot read {path}: {cause}; is this the file that [tls] {key} in weal.toml should name?")]
    Unreadable { path: PathBuf, key: &'static str, cause: std::io::Error },
    #[error("{path} holds no {what} in PEM form: is it the right file for [tls] {key} in weal.toml?")]
    NotThere { path: PathBuf, key: &'static str, what: &'static str },
    #[error(
        "{path} is open to others (mode {mode:03o}): run `chmod 600 {path}`, and if somebody else may have \
         read it, get a certificate with a new key"
    )]
    Exposed { path: PathBuf, mode: u32 },
    #[error(
        "{place}: the private key is not this certificate's; name the key that the certificate was asked for with"
    )]
    Mismatch { place: String },
    #[error("{place}: {cause}; get a certificate with a key of ECDSA P-256 or RSA 2048 or more")]
    Unusable { place: String, cause: String },
    #[error(
        "{place}: the certificate is not for {host}, the host of [node] origin; get one that has {host} \
         among its subject alternative names"
    )]
    OtherHost { place: String, host: String },
    #[error("{place}: the certificate expired at {at}; renew it, and put the new one in its place")]
    Expired { place: String, at: Timestamp },
    #[error("{place}: the certificate is valid from {at} only; is this machine's clock right?")]
    NotYet { place: String, at: Timestamp },
}

/// A certificate that may be served.
#[derive(Debug)]
pub(crate) struct Certificate {
    pub(super) key: Arc<CertifiedKey>,
    pub(super) facts: Facts,
}

/// Where a certificate and its key lie.
#[derive(Debug, Clone)]
pub(crate) struct Files {
    pub certificate: PathBuf,
    pub key: PathBuf,
}

impl Files {
    /// Reads and checks both for `host`.
    pub(super) fn read(&self, host: &str, now: Timestamp) -> Result<Certificate, CertificateError> {
        let chain = read(&self.certificate, "certificate_file")?;
        let key = Zeroizing::new(read(&self.key, "key_file")?);
        let exposed = private::exposed_as(&self.key).map_err(|cause| CertificateError::Unreadable {
            path: self.key.clone(),
            key: "key_file",
            cause,
        })?;
        if let Some(mode) = exposed {
            return Err(CertificateError::Exposed { path: self.key.clone(), mode });
        }
        let none = |path: &Path, key, what| CertificateError::NotThere { path: path.to_owned(), key, what };
        let chain =
            chain_of(&chain).ok_or_else(|| none(&self.certificate, "certificate_file", "certificate"))?;
        let key =
            PrivateKeyDer::from_pem_slice(&key).map_err(|_| none(&self.key, "key_file", "private key"))?;
        let certificate = Certificate::of(chain, key, &self.certificate.display().to_string())?;
        certificate.check(host, now, &self.certificate.display().to_string())?;
        Ok(certificate)
    }
}

/// The certificates in a text, ours first; None where there is none, or one that is broken.
pub(super) fn chain_of(pem: &[u8]) -> Option<Vec<CertificateDer<'static>>> {
    let chain: Vec<_> = CertificateDer::pem_slice_iter(pem).take(CHAIN_MAX).collect::<Result<_, _>>().ok()?;
    (!chain.is_empty()).then_some(chain)
}

fn read(path: &Path, key: &'static str) -> Result<Vec<u8>, CertificateError> {
    use std::io::Read as _;
    let unreadable = |cause| CertificateError::Unreadable { path: path.to_owned(), key, cause };
    let file = std::fs::File::open(path).map_err(unreadable)?;
    let mut bytes = Vec::new();
    file.take(PEM_BYTES_MAX).read_to_end(&mut bytes).map_err(unreadable)?;
    Ok(bytes)
}

impl Certificate {
    /// Puts a chain and its key together. `place` is where they come from, for whoever reads the error.
    pub(super) fn of(
        chain: Vec<CertificateDer<'static>>,
        key: PrivateKeyDer<'static>,
        place: &str,
    ) -> Result<Self, CertificateError> {
        let unusable = |cause: String| CertificateError::Unusable { place: place.to_owned(), cause };
        let provider = super::provider();
        let facts = chain.first().and_then(|leaf| x509::facts(leaf));
        let facts = facts.ok_or_else(|| unusable("the certificate cannot be read".into()))?;
        let key = CertifiedKey::from_der(chain, key, &provider).map_err(|cause| match cause {
            rustls::Error::InconsistentKeys(_) => CertificateError::Mismatch { place: place.to_owned() },
            other => unusable(other.to_string()),
        })?;
        Ok(Self { key: Arc::new(key), facts })
    }

    /// Whether peers would take it for `host` at this time.
    pub(super) fn check(&self, host: &str, now: Timestamp, place: &str) -> Result<(), CertificateError> {
        let place = place.to_owned();
        if !self.is_for(host) {
            return Err(CertificateError::OtherHost { place, host: host.to_owned() });
        }
        let at = |second: i64| Timestamp::from_second(second).unwrap_or(Timestamp::MAX);
        if now.as_second() > self.facts.not_after {
            return Err(CertificateError::Expired { place, at: at(self.facts.not_after) });
        }
        if now.as_second() < self.facts.not_before {
            return Err(CertificateError::NotYet { place, at: at(self.facts.not_before) });
        }
        Ok(())
    }

    /// Whether it names this host (RFC 9525; a common name does not count).
    pub(super) fn is_for(&self, host: &str) -> bool {
        let parsed = self.key.end_entity_cert().and_then(ParsedCertificate::try_from);
        match (parsed, ServerName::try_from(host)) {
            (Ok(parsed), Ok(name)) => rustls::client::verify_server_name(&parsed, &name).is_ok(),
            _ => false,
        }
    }

    /// The chain as PEM text, without the key.
    pub(super) fn to_pem(&self) -> String {
        use base64::Engine as _;
        let mut text = String::new();
        for certificate in &self.key.cert {
            let body = base64::engine::general_purpose::STANDARD.encode(certificate);
            text.push_str("-----BEGIN CERTIFICATE-----\n");
            for line in body.as_bytes().chunks(64) {
                text.extend(line.iter().map(|byte| char::from(*byte)));
                text.push('\n');
            }
            text.push_str("-----END CERTIFICATE-----\n");
        }
        text
    }

    /// From its first second to its last.
    pub(super) fn lifetime_s(&self) -> i64 {
        self.facts.not_after.saturating_sub(self.facts.not_before).max(0)
    }
}
