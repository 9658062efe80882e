//! A certificate from an ACME authority (RFC 8555), and always a fresh one: asked for when there is none,
//! again when two thirds of its life are over or when the authority says so (RFC 9773) but not within an hour,
//! and after failures later and later. Everything needed after a crash lies in the node's folder before it is
//! relied on, so no account and no order is made twice.

mod errors;
mod kept;
mod order;
mod web;

use std::sync::Arc;
use std::time::Duration;

use instant_acme::{Account, CertificateIdentifier};
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;
use weal_domain::Timestamp;

use super::Tls;
use super::certificate::Certificate;
use crate::house::House;
use errors::AcmeError;
use kept::{Attempts, Kept};
pub(super) use order::check_external;

/// The longest sleep: clocks are set and machines are suspended.
const SLEEP_MAX: Duration = Duration::from_secs(3600);
/// How often an authority is asked for its advice, at most and at least.
const ADVICE_EVERY_S: std::ops::RangeInclusive<i64> = 3600..=24 * 3600;

pub(super) async fn run(tls: Arc<Tls>, house: Arc<House>, stopping: CancellationToken) {
    let Some(directory) = house.config.tls.directory_url() else { return };
    // Operators who are used to it send it; without anybody to hear, it would end the process.
    let _heard = signal(SignalKind::hangup());
    let mut renewal = match Renewal::begin(tls, Arc::clone(&house), directory) {
        Ok(renewal) => renewal,
        Err(cause) => {
            tracing::error!(%cause, "no certificate can be got: the folder `tls` cannot be used");
            return;
        }
    };
    loop {
        let wait = tokio::select! {
            () = stopping.cancelled() => return,
            wait = renewal.turn() => wait,
        };
        tokio::select! {
            () = stopping.cancelled() => return,
            () = tokio::time::sleep(wait.min(SLEEP_MAX)) => {}
        }
    }
}

/// One authority, and what we have of it.
pub(super) struct Renewal {
    tls: Arc<Tls>,
    house: Arc<House>,
    directory: String,
    kept: Kept,
    attempts: Attempts,
    advice: Option<Advice>,
}

/// What the authority says about renewing the certificate that is served.
#[derive(Debug, Clone, Copy)]
struct Advice {
    window: Option<(i64, i64)>,
    /// The moment chosen in the window.
    renew_at: Option<i64>,
    ask_again_at: i64,
}

impl Renewal {
    fn begin(tls: Arc<Tls>, house: Arc<House>, directory: &str) -> std::io::Result<Self> {
        let kept = Kept::of(&house.folder, directory)?;
        let attempts = kept.attempts();
        let this = Self { tls, house, directory: directory.to_owned(), kept, attempts, advice: None };
        let Some(certificate) = this.kept.certificate() else {
            tracing::info!(directory = %this.directory, "a first certificate is asked for");
            return Ok(this);
        };
        match certificate.check(&this.tls.host, this.house.clock.now(), "the certificate kept") {
            Ok(()) => this.tls.serve(certificate, &this.house),
            Err(cause) => tracing::warn!(%cause, "it is not served; another is asked for"),
        }
        Ok(this)
    }

    /// Does what is due, and says how long there is nothing to do.
    async fn turn(&mut self) -> Duration {
        let until = |moment: i64, now: Timestamp| {
            Duration::from_secs(u64::try_from(moment - now.as_second()).unwrap_or(0))
                .max(Duration::from_secs(1))
        };
        let now = self.house.clock.now();
        let due = self.due(now).await;
        if now.as_second() < due {
            return until(due, now);
        }
        match Box::pin(self.obtain()).await {
            Ok(certificate) => {
                self.attempts = Attempts::obtained(self.house.clock.now().as_second());
                self.kept.put_attempts(&self.attempts);
                self.advice = None;
                let expires = Timestamp::from_second(certificate.facts.not_after).unwrap_or(Timestamp::MAX);
                self.tls.serve(certificate, &self.house);
                tracing::info!(%expires, "the authority gave a certificate");
                Duration::from_secs(1)
            }
            Err(cause) => {
                self.house.metrics.certificate_refused();
                let now = self.house.clock.now();
                let again_at = self.attempts.one_more(&cause, now.as_second(), self.chance());
                self.kept.put_attempts(&self.attempts);
                let again = Timestamp::from_second(again_at).unwrap_or(Timestamp::MAX);
                tracing::warn!(%cause, %again, "the authority gave no certificate");
                until(again_at, now)
            }
        }
    }

    /// When the next certificate is asked for, in Unix seconds.
    async fn due(&mut self, now: Timestamp) -> i64 {
        let Some(served) = self.tls.certificates.served() else { return self.attempts.not_before() };
        if self.advice.is_none_or(|advice| advice.ask_again_at <= now.as_second()) {
            let before = self.advice;
            self.advice = Some(self.ask_advice(&served, before, now).await);
        }
        let by_life = served.facts.not_after - served.lifetime_s() / 3;
        // However late an authority would like it: not after the last moment.
        let at_last = served.facts.not_after - served.lifetime_s() / 20;
        let advised = self.advice.and_then(|advice| advice.renew_at);
        let brake = self.attempts.not_renewed_before(served.facts.not_after, now.as_second());
        advised.unwrap_or(by_life).min(at_last).max(brake)
    }

    /// RFC 9773: a moment in the window, by chance, and the same one as long as the window stays.
    async fn ask_advice(&self, served: &Certificate, before: Option<Advice>, now: Timestamp) -> Advice {
        let later = now.as_second() + ADVICE_EVERY_S.end() / 4;
        let none = Advice { window: None, renew_at: None, ask_again_at: later };
        let Some(name) = name_of(served) else { return none };
        // Who has no account yet got this certificate from elsewhere.
        let Ok(Some(account)) = self.known_account().await else { return none };
        let (info, again) = match account.renewal_info(&name).await {
            Ok(found) => found,
            Err(cause) => {
                tracing::debug!(%cause, "no advice on renewing");
                return before.map_or(none, |before| Advice { ask_again_at: later, ..before });
            }
        };
        let window =
            (info.suggested_window.start.unix_timestamp(), info.suggested_window.end.unix_timestamp());
        let again_s = i64::try_from(again.as_secs()).unwrap_or(i64::MAX);
        let ask_again_at = now.as_second() + again_s.clamp(*ADVICE_EVERY_S.start(), *ADVICE_EVERY_S.end());
        if let Some(before) = before.filter(|before| before.window == Some(window)) {
            return Advice { ask_again_at, ..before };
        }
        let (from, to) = (window.0, window.1.max(window.0));
        let renew_at = from + ((to - from) as f64 * self.chance()) as i64;
        Advice { window: Some(window), renew_at: Some(renew_at), ask_again_at }
    }

    async fn known_account(&self) -> Result<Option<Account>, AcmeError> {
        let Some(credentials) = self.kept.account() else { return Ok(None) };
        let builder = Account::builder_with_http(web::client(&self.house.config.network)?);
        Ok(Some(builder.from_credentials(credentials).await?))
    }

    /// From 0 to 1, without 1. Without entropy nothing is left to chance.
    fn chance(&self) -> f64 {
        let drawn = self.house.entropy.bytes::<4>().map(u32::from_le_bytes).unwrap_or(0);
        f64::from(drawn) / (f64::from(u32::MAX) + 1.0)
    }
}

/// How the authority knows a certificate again (RFC 9773, section 4.1).
pub(super) fn name_of(certificate: &Certificate) -> Option<CertificateIdentifier<'static>> {
    use base64::Engine as _;
    let code = |bytes: &[u8]| base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(bytes);
    let authority_key = certificate.facts.authority_key.as_deref()?;
    Some(CertificateIdentifier {
        authority_key_identifier: code(authority_key).into(),
        serial: code(&certificate.facts.serial).into(),
    })
}
