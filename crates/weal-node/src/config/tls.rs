//! `[tls]`: a certificate from files or from an ACME authority; without either, plain HTTP for a reverse
//! proxy.

use std::net::SocketAddr;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// Short names of ACME directories (RFC 8555, section 7.1.1). The second one is for trying out: nobody
/// believes its certificates.
const DIRECTORIES: &[(&str, &str)] = &[
    ("letsencrypt", "https://acme-v02.api.letsencrypt.org/directory"),
    ("letsencrypt-staging", "https://acme-staging-v02.api.letsencrypt.org/directory"),
];

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TlsConfig {
    /// PEM: the certificate for the origin's host, then those that lead to its authority. Read again when
    /// it changes. Files are looked for from the node's folder where they are not absolute.
    pub certificate_file: Option<PathBuf>,
    /// PEM: the certificate's private key, which nobody else may read.
    pub key_file: Option<PathBuf>,
    /// `letsencrypt`, `letsencrypt-staging`, or the https address of an authority's directory.
    pub acme_directory: Option<String>,
    /// The mail address at which the authority reaches the operator.
    pub acme_contact: Option<String>,
    /// The operator has read and accepts the authority's terms.
    pub acme_terms_agreed: bool,
    pub acme_challenge: Challenge,
    /// Of an account that the authority gave beforehand (RFC 8555, section 7.3.4): its key's identifier,
    /// and a file with that key in base64url.
    pub acme_eab_key_id: Option<String>,
    pub acme_eab_key_file: Option<PathBuf>,
    /// A plain port, commonly 0.0.0.0:80, that sends everybody to the origin and answers http-01.
    pub redirect_listen: Option<SocketAddr>,
}

/// How this node shows an authority that the origin's host is its own.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Challenge {
    /// On the port of TLS itself (RFC 8737); the authority comes to port 443.
    #[default]
    #[serde(rename = "tls-alpn-01")]
    TlsAlpn01,
    /// On `redirect_listen` (RFC 8555, section 8.3); the authority comes to port 80.
    #[serde(rename = "http-01")]
    Http01,
}

impl TlsConfig {
    /// Whether this node speaks TLS itself.
    #[must_use]
    pub fn is_on(&self) -> bool {
        self.certificate_file.is_some() || self.acme_directory.is_some()
    }

    /// The address of the authority's directory.
    #[must_use]
    pub fn directory_url(&self) -> Option<&str> {
        let given = self.acme_directory.as_deref()?;
        let known = DIRECTORIES.iter().find(|(name, _)| *name == given);
        Some(known.map_or(given, |(_, url)| url))
    }

    pub(super) fn is_default(&self) -> bool {
        *self == Self::default()
    }

    pub(super) fn files(&mut self) -> impl IntoIterator<Item = &mut PathBuf> {
        [&mut self.certificate_file, &mut self.key_file, &mut self.acme_eab_key_file].into_iter().flatten()
    }

    pub(super) fn check(&self, is_https: bool) -> Result<(), String> {
        let said = |text: &str| Err(format!("[tls] {text}"));
        match (&self.certificate_file, &self.key_file, &self.acme_directory) {
            (Some(_), _, Some(_)) | (_, Some(_), Some(_)) => {
                return said("a certificate comes from files or from acme_directory: remove one of them");
            }
            (Some(_), None, _) => return said("certificate_file: name its key_file too"),
            (None, Some(_), _) => return said("key_file: name its certificate_file too"),
            (None, None, None) if self.redirect_listen.is_some() => {
                return said("redirect_listen: set a certificate, or let the reverse proxy redirect");
            }
            (None, None, None) if !self.is_default() => {
                return said("set certificate_file and key_file, or acme_directory");
            }
            _ => {}
        }
        if self.is_on() && !is_https {
            return said("[node] origin must be https where this node has a certificate");
        }
        if self.acme_directory.is_some() { self.check_acme() } else { Ok(()) }
    }

    fn check_acme(&self) -> Result<(), String> {
        let said = |text: &str| Err(format!("[tls] {text}"));
        let url = self.directory_url().and_then(|url| url::Url::parse(url).ok());
        if url.is_none_or(|url| url.scheme() != "https") {
            let names: Vec<&str> = DIRECTORIES.iter().map(|(name, _)| *name).collect();
            return said(&format!("acme_directory: {} or an https address", names.join(", ")));
        }
        if !self.acme_terms_agreed {
            return said("acme_terms_agreed: read the authority's terms, then write true");
        }
        if self.acme_contact.as_ref().is_some_and(|contact| !contact.contains('@')) {
            return said("acme_contact: a mail address, such as operators@revenue.example");
        }
        if self.acme_eab_key_id.is_some() != self.acme_eab_key_file.is_some() {
            return said("acme_eab_key_id and acme_eab_key_file belong together");
        }
        if self.acme_challenge == Challenge::Http01 && self.redirect_listen.is_none() {
            return said("acme_challenge http-01 is answered on redirect_listen: set it to 0.0.0.0:80");
        }
        Ok(())
    }
}
