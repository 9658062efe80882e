//! One certificate: an account, an order, an authority's look at this host, a request, a chain.

use std::net::IpAddr;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use instant_acme::{
    Account, AuthorizationStatus, ChallengeStatus, ChallengeType, ExternalAccountKey, Identifier,
    KeyAuthorization, NewAccount, NewOrder, Order, OrderStatus, RetryPolicy,
};
use rcgen::{CertificateParams, CustomExtension, DistinguishedName, KeyPair};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::server::ResolvesServerCert;
use rustls::sign::{CertifiedKey, SingleCertAndKey};

use super::errors::{AcmeError, is_forgotten, is_problem};
use super::kept::Pending;
use super::{Renewal, name_of, web};
use crate::config::{Challenge, ConfigError, TlsConfig};
use crate::private;
use crate::tls::certificate::Certificate;
use crate::tls::{ACME_TLS, Tls, provider, server_config};

/// How long an authority may take to look, and how long to sign.
const PATIENCE: RetryPolicy =
    RetryPolicy::new().initial_delay(Duration::from_millis(500)).timeout(Duration::from_secs(120));

impl Renewal {
    /// A certificate, kept and fit to be served.
    pub(super) async fn obtain(&mut self) -> Result<Certificate, AcmeError> {
        let account = self.account().await?;
        let (mut order, pending) = self.order(&account).await?;
        let shown = Shown { tls: Arc::clone(&self.tls) };
        let outcome = self.finish(&mut order, &pending).await;
        drop(shown);
        if outcome.as_ref().is_ok() || outcome.as_ref().is_err_and(AcmeError::ends_order) {
            // Finished, or refused for good: neither is taken up again.
            self.kept.drop_pending();
        }
        outcome
    }

    async fn account(&self) -> Result<Account, AcmeError> {
        if let Some(known) = self.known_account().await? {
            return Ok(known);
        }
        let builder = Account::builder_with_http(web::client(&self.house.config.network)?);
        let config = &self.house.config.tls;
        let contact: Vec<String> = config.acme_contact.iter().map(|mail| format!("mailto:{mail}")).collect();
        let contact: Vec<&str> = contact.iter().map(String::as_str).collect();
        let (account, credentials) = match self.external()? {
            Some(external) => {
                let new = NewAccount {
                    contact: &contact,
                    terms_of_service_agreed: true,
                    only_return_existing: false,
                };
                builder.create(&new, self.directory.clone(), Some(&external)).await?
            }
            // With a key that is kept already: the account it gives is found again after a crash.
            None => builder.create_from_key(self.kept.account_key()?, self.directory.clone()).await?,
        };
        self.kept.put_account(&credentials)?;
        if config.acme_eab_key_id.is_none() && !contact.is_empty() {
            account.update_contacts(&contact).await?;
        }
        tracing::info!(account = account.id(), "the authority knows this node");
        Ok(account)
    }

    fn external(&self) -> Result<Option<ExternalAccountKey>, AcmeError> {
        use base64::Engine as _;
        let config = &self.house.config.tls;
        let (Some(name), Some(file)) = (&config.acme_eab_key_id, &config.acme_eab_key_file) else {
            return Ok(None);
        };
        let wrong = |cause: &dyn std::fmt::Display| {
            ConfigError::wrong("[tls] acme_eab_key_file", format!("{}: {cause}", file.display()))
        };
        check_external(config)?;
        let text =
            std::fs::read_to_string(file).map(zeroize::Zeroizing::new).map_err(|cause| wrong(&cause))?;
        let key = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(text.trim().trim_end_matches('='));
        let key = zeroize::Zeroizing::new(key.map_err(|_| wrong(&"is not base64url"))?);
        Ok(Some(ExternalAccountKey::new(name.clone(), &key)))
    }

    /// The order under way, or a new one.
    async fn order(&self, account: &Account) -> Result<(Order, Pending), AcmeError> {
        let host = &self.tls.host;
        let now = self.house.clock.now();
        let unknown = |cause: &instant_acme::Error| {
            if is_problem(cause, "accountDoesNotExist") {
                self.kept.drop_account();
            }
        };
        if let Some(pending) = self.kept.pending(now).filter(|pending| pending.host == *host) {
            match account.order(pending.url.clone()).await.inspect_err(unknown) {
                Ok(mut order) => {
                    if order.state().status != OrderStatus::Invalid {
                        return Ok((order, pending));
                    }
                    self.kept.drop_pending();
                }
                Err(cause) if is_forgotten(&cause) => self.kept.drop_pending(),
                // It may still know it: another order would be one too many.
                Err(cause) => return Err(cause.into()),
            }
        }
        let names = [match host.parse::<IpAddr>() {
            Ok(address) => Identifier::Ip(address),
            Err(_) => Identifier::Dns(host.clone()),
        }];
        let order = self.new_order(account, &names).await.inspect_err(unknown)?;
        let key = KeyPair::generate()?.serialize_pem();
        let (url, host, made_at) = (order.url().to_owned(), host.clone(), now.as_second());
        let pending = Pending { url, host, key, made_at };
        self.kept.put_pending(&pending)?;
        Ok((order, pending))
    }

    /// An order that names the certificate it replaces (RFC 9773, section 5), where the authority
    /// understands that.
    async fn new_order(&self, account: &Account, names: &[Identifier]) -> Result<Order, instant_acme::Error> {
        let served = self.tls.certificates.served();
        if let Some(name) = served.as_deref().and_then(name_of) {
            match account.new_order(&NewOrder::new(names).replaces(name)).await {
                Err(cause @ instant_acme::Error::Api(_))
                    if !is_problem(&cause, "alreadyReplaced") && !is_problem(&cause, "malformed") =>
                {
                    return Err(cause);
                }
                Err(cause) => tracing::debug!(%cause, "ordered without saying what is replaced"),
                Ok(order) => return Ok(order),
            }
        }
        account.new_order(&NewOrder::new(names)).await
    }

    async fn finish(&self, order: &mut Order, pending: &Pending) -> Result<Certificate, AcmeError> {
        if order.state().status == OrderStatus::Pending {
            self.show(order).await?;
            if order.poll_ready(&PATIENCE).await? == OrderStatus::Invalid {
                return Err(AcmeError::Refused(self.why_invalid(order).await));
            }
        }
        if order.state().status == OrderStatus::Ready {
            let mut request = CertificateParams::new(vec![pending.host.clone()])?;
            request.distinguished_name = DistinguishedName::new();
            let request = request.serialize_request(&KeyPair::from_pem(&pending.key)?)?;
            order.finalize_csr(request.der()).await?;
        }
        let chain = order.poll_certificate(&PATIENCE).await?;
        self.kept.put_certificate(pending, &chain, self.house.clock.now())
    }

    /// Makes ready what the authority will look at, and tells it to look.
    async fn show(&self, order: &mut Order) -> Result<(), AcmeError> {
        let host = self.tls.host.clone();
        let (kind, name) = match self.house.config.tls.acme_challenge {
            Challenge::TlsAlpn01 => (ChallengeType::TlsAlpn01, "tls-alpn-01"),
            Challenge::Http01 => (ChallengeType::Http01, "http-01"),
        };
        let mut authorizations = order.authorizations();
        while let Some(authorization) = authorizations.next().await {
            let mut authorization = authorization?;
            if authorization.status == AuthorizationStatus::Valid {
                continue;
            }
            let mut challenge =
                authorization.challenge(kind.clone()).ok_or(AcmeError::NoSuchChallenge(name))?;
            let answer = challenge.key_authorization();
            match kind {
                ChallengeType::Http01 => {
                    let mut said = self.tls.certificates.said.lock().unwrap_or_else(PoisonError::into_inner);
                    said.insert(challenge.token.clone(), answer.as_str().to_owned());
                }
                _ => show_in_handshakes(&self.tls, &host, &answer)?,
            }
            // Else it was told so before a crash, and looks or has looked.
            if challenge.status == ChallengeStatus::Pending {
                challenge.set_ready().await?;
            }
        }
        Ok(())
    }

    /// The authority's own words on what it saw.
    async fn why_invalid(&self, order: &mut Order) -> String {
        let mut authorizations = order.authorizations();
        while let Some(Ok(mut authorization)) = authorizations.next().await {
            let Ok(state) = authorization.refresh().await else { continue };
            if let Some(problem) = state.challenges.iter().find_map(|challenge| challenge.error.as_ref()) {
                return problem.to_string();
            }
        }
        "the order is invalid".into()
    }
}

/// Refuses a file with the key of an account where others can read it. One that is not there is no matter: once the
/// account is made, nobody needs it.
pub(in crate::tls) fn check_external(config: &TlsConfig) -> Result<(), ConfigError> {
    let Some(file) = &config.acme_eab_key_file else { return Ok(()) };
    match private::exposed_as(file) {
        Ok(Some(mode)) => Err(ConfigError::wrong(
            "[tls] acme_eab_key_file",
            format!(
                "{} is open to others (mode {mode:03o}): run `chmod 600` on it, and if somebody else may have read \
                 it, ask the authority for another",
                file.display()
            ),
        )),
        Ok(None) | Err(_) => Ok(()),
    }
}

/// RFC 8737, section 3: a certificate of our own making with the answer's digest in it.
fn show_in_handshakes(tls: &Tls, host: &str, answer: &KeyAuthorization) -> Result<(), AcmeError> {
    let mut shown = CertificateParams::new(vec![host.to_owned()])?;
    shown.custom_extensions = vec![CustomExtension::new_acme_identifier(answer.digest().as_ref())];
    let key = KeyPair::generate()?;
    let shown = shown.self_signed(&key)?;
    let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let failed = |cause: rustls::Error| ConfigError::wrong("tls-alpn-01", cause);
    let key = provider().key_provider.load_private_key(key).map_err(failed)?;
    // Not by `from_der`: it would refuse the extension that this certificate is all about.
    let certified = CertifiedKey::new(vec![shown.der().clone()], key);
    let resolver: Arc<dyn ResolvesServerCert> = Arc::new(SingleCertAndKey::from(certified));
    let server = server_config(resolver, &[ACME_TLS])?;
    let mut all = tls.certificates.shown.lock().unwrap_or_else(PoisonError::into_inner);
    all.insert(name_asked_for(host), server);
    Ok(())
}

/// Who looks at an address names it backwards (RFC 8738, section 6): names alone can be asked for.
fn name_asked_for(host: &str) -> String {
    match host.parse::<IpAddr>() {
        Err(_) => host.to_owned(),
        Ok(IpAddr::V4(address)) => {
            let [a, b, c, d] = address.octets();
            format!("{d}.{c}.{b}.{a}.in-addr.arpa")
        }
        Ok(IpAddr::V6(address)) => {
            let nibbles = address.octets().into_iter().rev().flat_map(|byte| [byte & 0xf, byte >> 4]);
            nibbles.map(|nibble| format!("{nibble:x}.")).collect::<String>() + "ip6.arpa"
        }
    }
}

/// Until it is dropped, authorities that look find what they ask for.
struct Shown {
    tls: Arc<Tls>,
}

impl Drop for Shown {
    fn drop(&mut self) {
        self.tls.certificates.shown.lock().unwrap_or_else(PoisonError::into_inner).clear();
        self.tls.certificates.said.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}
