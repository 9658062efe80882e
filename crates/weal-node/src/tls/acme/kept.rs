//! What is kept of an authority, in a folder of its own: the account and its key, the order under way with
//! the key of its certificate, the certificate, and how the attempts went. A certificate and its key are one
//! file, so that they are replaced together.

use std::path::PathBuf;

use instant_acme::{AccountCredentials, Key};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use serde::{Deserialize, Serialize};
use sha2::Digest as _;
use weal_domain::Timestamp;
use zeroize::Zeroizing;

use super::errors::AcmeError;
use crate::config::Folder;
use crate::private;
use crate::tls::certificate::{Certificate, chain_of};

/// Failures that an authority counts come this far apart at least, restarts included: public authorities
/// allow five an hour.
const REFUSED_WAIT_S: i64 = 12 * 60;
/// After failures that nobody counts.
const UNREACHED_WAIT_S: i64 = 30;
const WAIT_S_MAX: i64 = 6 * 3600;
/// After a certificate no other is ordered for so long, whatever it says of its life and the authority of
/// renewing it. Where it has less than twice that to live, for half of what it has.
const ORDER_EVERY_S: i64 = 3600;
/// However short a life an authority gives.
const ORDER_EVERY_S_MIN: i64 = 10;
/// An order that came to nothing in so long is given up: authorities forget theirs within a week.
const PENDING_S_MAX: i64 = 7 * 24 * 3600;

#[derive(Debug)]
pub(super) struct Kept(PathBuf);

/// An order that was made and is not finished.
#[derive(Serialize, Deserialize)]
pub(super) struct Pending {
    pub url: String,
    /// The host that it is for.
    pub host: String,
    /// PEM, of the certificate to come.
    pub key: String,
    /// When it was made, in Unix seconds.
    #[serde(default)]
    pub made_at: i64,
}

/// When it last went well, and how often it failed since.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
pub(super) struct Attempts {
    /// Failures of the same kind, one after the other.
    count: u32,
    /// Of the kind that the authority counts.
    counted: bool,
    again_at: i64,
    #[serde(default)]
    obtained_at: Option<i64>,
}

impl Attempts {
    /// Before this, in Unix seconds, nothing is asked for: failures wait.
    pub(super) fn not_before(&self) -> i64 {
        self.again_at
    }

    /// Before this no certificate is ordered beside the one that is served until `not_after`: success waits too.
    pub(super) fn not_renewed_before(&self, not_after: i64, now_s: i64) -> i64 {
        // A clock that was set back must not make us wait for its former time.
        let Some(obtained_at) = self.obtained_at.map(|at| at.min(now_s)) else { return self.again_at };
        let wait = ((not_after - obtained_at) / 2).clamp(ORDER_EVERY_S_MIN, ORDER_EVERY_S);
        self.again_at.max(obtained_at + wait)
    }

    /// It went well.
    pub(super) fn obtained(now_s: i64) -> Self {
        Self { obtained_at: Some(now_s), ..Self::default() }
    }

    /// When to try again: twice as long after each failure, and by chance up to half as long again, so that
    /// not all nodes come at once. Answers in Unix seconds.
    pub(super) fn one_more(&mut self, cause: &AcmeError, now_s: i64, chance: f64) -> i64 {
        if self.counted != cause.counts() {
            self.count = 0;
        }
        let first = if cause.counts() { REFUSED_WAIT_S } else { UNREACHED_WAIT_S };
        let wait = (first << self.count.min(10)).min(WAIT_S_MAX);
        self.count += 1;
        self.counted = cause.counts();
        self.again_at = now_s + wait + ((wait / 2) as f64 * chance) as i64;
        self.again_at
    }
}

impl Kept {
    /// The folder for this authority: what one knows means nothing to another.
    pub(super) fn of(folder: &Folder, directory: &str) -> std::io::Result<Self> {
        let digest = sha2::Sha256::digest(directory.as_bytes());
        let name: String = digest.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
        let path = folder.tls().join(format!("acme-{name}"));
        private::make_folder(&path)?;
        private::write(&path.join("directory.txt"), format!("{directory}\n").as_bytes())?;
        Ok(Self(path))
    }

    fn read(&self, name: &str) -> Option<Zeroizing<Vec<u8>>> {
        match std::fs::read(self.0.join(name)) {
            Ok(bytes) => Some(Zeroizing::new(bytes)),
            Err(cause) if cause.kind() == std::io::ErrorKind::NotFound => None,
            Err(cause) => {
                tracing::warn!(%cause, name, "what was kept of an authority cannot be read");
                None
            }
        }
    }

    fn remove(&self, name: &str) {
        if let Err(cause) = std::fs::remove_file(self.0.join(name))
            && cause.kind() != std::io::ErrorKind::NotFound
        {
            tracing::warn!(%cause, name, "what was kept of an authority cannot be removed");
        }
    }

    /// The account's key, made and written down before the authority hears of it.
    pub(super) fn account_key(&self) -> Result<(Key, PrivateKeyDer<'static>), AcmeError> {
        const NAME: &str = "account-key.der";
        if let Some(der) = self.read(NAME)
            && let Ok(key) = Key::from_pkcs8_der(PrivatePkcs8KeyDer::from(der.as_slice()))
        {
            return Ok((key, PrivatePkcs8KeyDer::from(der.to_vec()).into()));
        }
        let (key, der) = Key::generate_pkcs8()?;
        private::write(&self.0.join(NAME), der.secret_pkcs8_der())?;
        Ok((key, der.into()))
    }

    pub(super) fn account(&self) -> Option<AccountCredentials> {
        serde_json::from_slice(&self.read("account.json")?).ok()
    }

    pub(super) fn put_account(&self, credentials: &AccountCredentials) -> Result<(), AcmeError> {
        let text = Zeroizing::new(serde_json::to_vec(credentials).map_err(std::io::Error::other)?);
        Ok(private::write(&self.0.join("account.json"), &text)?)
    }

    /// The authority does not know it any more. Its key stays.
    pub(super) fn drop_account(&self) {
        self.remove("account.json");
        self.drop_pending();
    }

    pub(super) fn pending(&self, now: Timestamp) -> Option<Pending> {
        let pending: Pending = serde_json::from_slice(&self.read("order.json")?).ok()?;
        (now.as_second() - pending.made_at < PENDING_S_MAX).then_some(pending)
    }

    pub(super) fn put_pending(&self, pending: &Pending) -> Result<(), AcmeError> {
        let text = Zeroizing::new(serde_json::to_vec(pending).map_err(std::io::Error::other)?);
        Ok(private::write(&self.0.join("order.json"), &text)?)
    }

    pub(super) fn drop_pending(&self) {
        self.remove("order.json");
    }

    pub(super) fn attempts(&self) -> Attempts {
        self.read("attempts.json").and_then(|text| serde_json::from_slice(&text).ok()).unwrap_or_default()
    }

    pub(super) fn put_attempts(&self, attempts: &Attempts) {
        let text = serde_json::to_vec(attempts).unwrap_or_default();
        if let Err(cause) = private::write(&self.0.join("attempts.json"), &text) {
            tracing::warn!(%cause, "it could not be written down that the authority was asked");
        }
    }

    pub(super) fn certificate(&self) -> Option<Certificate> {
        let pem = self.read("certificate.pem")?;
        parse(&pem, "the certificate kept")
            .inspect_err(|cause| tracing::warn!(%cause, "it is asked for anew"))
            .ok()
    }

    /// Keeps a chain with its key, where peers would take it for the host that it was ordered for. One that they
    /// would not take leaves the one before in its place.
    pub(super) fn put_certificate(
        &self,
        pending: &Pending,
        chain: &str,
        now: Timestamp,
    ) -> Result<Certificate, AcmeError> {
        const PLACE: &str = "the certificate given";
        let text = Zeroizing::new(format!("{}{chain}", pending.key));
        let certificate = parse(text.as_bytes(), PLACE)?;
        certificate.check(&pending.host, now, PLACE)?;
        private::write(&self.0.join("certificate.pem"), text.as_bytes())?;
        Ok(certificate)
    }
}

fn parse(pem: &[u8], place: &str) -> Result<Certificate, crate::tls::CertificateError> {
    let unusable = |cause: &str| crate::tls::CertificateError::Unusable {
        place: place.to_owned(),
        cause: cause.to_owned(),
    };
    let chain = chain_of(pem).ok_or_else(|| unusable("no certificate is in it"))?;
    let key = PrivateKeyDer::from_pem_slice(pem).map_err(|_| unusable("no key is in it"))?;
    Certificate::of(chain, key, place)
}
