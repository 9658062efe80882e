//! Signing in with a password: slowly for whoever guesses, at once for whoever has been here before.

use std::sync::LazyLock;
use std::time::Duration;

use argon2::password_hash::PasswordHasher as _;
use argon2::{Argon2, PasswordVerifier as _};
use subtle::ConstantTimeEq as _;
use tokio::sync::Semaphore;
use weal_domain::identity::{AccountName, CountedFor};
use weal_domain::{Refusal, RefusalKind, Timestamp};
use weal_store::{SignInKind, Tx};
use weal_trust::keys::NodeKey;

use super::SESSION_HOURS;
use crate::acts::sha256_hex;
use crate::fault::{Fault, Result};
use crate::house::House;
use crate::http::ClientAddress;

/// How long a browser is known after a sign-in.
pub const BROWSER_DAYS: i64 = 180;
const DAY_S: i64 = 24 * 3600;
/// Characters of an account name that a count is kept under; longer ones are nobody's.
const ACCOUNT_CHARS_MAX: usize = 64;

/// Password hashes take memory on purpose, so only a few are computed at once.
pub(super) static HASHING: Semaphore = Semaphore::const_new(2);
/// Whoever has been here before does not queue behind those who guess.
static HASHING_KNOWN: Semaphore = Semaphore::const_new(1);

/// What an unknown account's password is compared with, so that it takes as long as a known one's.
static NOBODY: LazyLock<Option<String>> = LazyLock::new(|| hash("nobody has this password").ok());

pub(super) fn hash(password: &str) -> Result<String, Fault> {
    Argon2::default()
        .hash_password(password.as_bytes())
        .map(|hash| hash.to_string())
        .map_err(|cause| Fault::new("hashing a password", cause))
}

/// Whether the password is the stored one. It takes as long where there is none.
fn matches(password: &str, stored: Option<&str>) -> bool {
    // Made in either case, so that the first to ask for nobody is not told by the time it takes.
    let nobody = NOBODY.as_deref().unwrap_or_default();
    let right = argon2::PasswordHash::new(stored.unwrap_or(nobody))
        .is_ok_and(|stored| Argon2::default().verify_password(password.as_bytes(), &stored).is_ok());
    right && stored.is_some()
}

/// Somebody who wants to come in.
#[derive(Clone, Copy)]
pub struct Knock<'a> {
    pub account: &'a str,
    pub password: &'a str,
    pub from: ClientAddress,
    /// What [`SignedIn::browser`] was when this browser was last let in.
    pub browser: Option<&'a str>,
}

impl std::fmt::Debug for Knock<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Knock({:?}, {})", self.account, self.from)
    }
}

/// Cookies of somebody who was let in.
#[derive(Clone)]
pub struct SignedIn {
    pub session: String,
    /// Tells this browser from a stranger's the next time; opens nothing by itself.
    pub browser: String,
}

impl std::fmt::Debug for SignedIn {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SignedIn")
    }
}

/// A count of failures: its name in the store, and how it makes wait.
type Count = (String, CountedFor);

impl House {
    /// Signs a person in.
    pub async fn sign_in(&self, knock: Knock<'_>) -> Result<SignedIn> {
        let now = self.clock.now();
        let stored = self.sign_in_secret(knock.account).await?;
        let known = self.known_browser(&knock, stored.as_deref(), now);
        let is_known = known.is_some();
        let counts: Vec<Count> = match known {
            Some(nonce) => vec![(format!("browser:{nonce}"), CountedFor::Browser)],
            None => {
                let account: String = knock.account.chars().take(ACCOUNT_CHARS_MAX).collect();
                let address = format!("address:{}", knock.from);
                vec![(format!("account:{account}"), CountedFor::Account), (address, CountedFor::Address)]
            }
        };
        // Counted as failed before it is looked at: many at once are as slow as one after another.
        self.count_attempt(&counts, now).await?;
        let hashing = if is_known { &HASHING_KNOWN } else { &HASHING };
        let right = is_right(hashing, knock.password, stored.clone()).await?;
        match stored.filter(|_| right) {
            Some(secret) => self.let_in(knock.account, &secret, &counts, now).await,
            None => Err(wrong().into()),
        }
    }

    /// The stored secret of a person who says their password once more. A wrong one counts like any other;
    /// the count ends when whoever asks has done what it was asked for.
    pub(super) async fn password_again(&self, account: &AccountName, password: &str) -> Result<String> {
        let counts = [(format!("account:{account}"), CountedFor::Account)];
        self.count_attempt(&counts, self.clock.now()).await?;
        let stored = self.sign_in_secret(account.as_str()).await?;
        let right = is_right(&HASHING, password, stored.clone()).await?;
        Ok(stored.filter(|_| right).ok_or_else(current_wrong)?)
    }

    /// `secret` was found to be the password's; while that was computed it may have been replaced.
    async fn let_in(
        &self,
        account: &str,
        secret: &str,
        counts: &[Count],
        now: Timestamp,
    ) -> Result<SignedIn> {
        let account = AccountName::new(account).map_err(|_| wrong())?;
        let session = self.entropy.token()?;
        let until_s = now.as_second() + BROWSER_DAYS * DAY_S;
        let browser = browser_mark(&self.key(), account.as_str(), secret, &self.entropy.token()?, until_s);
        let kept = weal_store::Session {
            token_sha256: sha256_hex(&session),
            account,
            csrf: self.entropy.token()?,
            created_at: now,
            expires_at: now + Duration::from_secs(u64::try_from(SESSION_HOURS * 3600).unwrap_or(0)),
        };
        let mut tx = self.store.write("identity.sign-in").await?;
        if secret_in(&mut tx, &kept.account).await?.as_deref() != Some(secret) {
            return Err(wrong().into());
        }
        for (count, counted_for) in counts {
            match counted_for {
                CountedFor::Browser => tx.clear_sign_in_failures(count).await?,
                // Only its own: with an account of one's own nobody wipes out guesses at another's.
                CountedFor::Account | CountedFor::Address => tx.forgive_sign_in(count).await?,
            }
        }
        tx.put_session(&kept).await?;
        tx.commit().await?;
        Ok(SignedIn { session, browser })
    }

    /// Refuses whoever must wait; counts a failure for everybody else.
    async fn count_attempt(&self, counts: &[Count], now: Timestamp) -> Result<()> {
        let mut tx = self.store.write("identity.attempt").await?;
        tx.purge_identity(now).await?;
        for (count, counted_for) in counts {
            let Some(failed) = tx.sign_in_failures(count).await? else { continue };
            let until_s = failed.last_at.as_second() + counted_for.wait_s(failed.failures);
            let left_s = until_s - now.as_second();
            if left_s > 0 {
                return Err(wait(left_s).into());
            }
        }
        for (count, _) in counts {
            tx.count_sign_in_failure(count, now).await?;
        }
        tx.commit().await?;
        Ok(())
    }

    async fn sign_in_secret(&self, account: &str) -> Result<Option<String>> {
        let mut tx = self.store.read("identity.secret").await?;
        let Ok(account) = AccountName::new(account) else { return Ok(None) };
        secret_in(&mut tx, &account).await
    }

    /// The nonce of a browser that this account was let in with, while it is remembered and the password
    /// is the same.
    fn known_browser(&self, knock: &Knock<'_>, secret: Option<&str>, now: Timestamp) -> Option<String> {
        let mut parts = knock.browser?.split('.');
        let (nonce, until) = (parts.next()?, parts.next()?);
        let until_s: i64 = until.parse().ok().filter(|until_s| *until_s > now.as_second())?;
        let (secret, given) = (secret?, knock.browser?);
        let made_by = |key: &NodeKey| {
            let made = browser_mark(key, knock.account, secret, nonce, until_s);
            bool::from(made.as_bytes().ct_eq(given.as_bytes()))
        };
        self.keys.usable(now).iter().any(|key| made_by(key)).then(|| sha256_hex(nonce))
    }
}

/// `<nonce>.<until>.<digest>`; only a key of this node makes the digest.
fn browser_mark(key: &NodeKey, account: &str, secret: &str, nonce: &str, until_s: i64) -> String {
    let secret = sha256_hex(secret);
    let signed = format!("weal-browser-v1\n{account}\n{secret}\n{nonce}\n{until_s}");
    format!("{nonce}.{until_s}.{}", sha256_hex(key.sign(signed.as_bytes())))
}

/// What a person's password is compared with, as it stands now.
pub(super) async fn secret_in(tx: &mut Tx, account: &AccountName) -> Result<Option<String>> {
    let keys = tx.sign_in_keys(account, SignInKind::Password).await?;
    Ok(keys.into_iter().next().map(|key| key.secret))
}

/// Waits for its turn and compares.
async fn is_right(turns: &Semaphore, password: &str, stored: Option<String>) -> Result<bool> {
    let checking = |cause: String| Fault::new("checking a password", cause);
    let _turn = turns.acquire().await.map_err(|cause| checking(cause.to_string()))?;
    let password = password.to_owned();
    let compared = tokio::task::spawn_blocking(move || matches(&password, stored.as_deref())).await;
    Ok(compared.map_err(|cause| checking(cause.to_string()))?)
}

pub(super) fn current_wrong() -> Refusal {
    Refusal::forbidden("password-current", "Who changes their own password gives the one they have.")
        .remedy("Send it as `current`, which `weal person password` takes from WEAL_PASSWORD_CURRENT; or ask a colleague who may give roles to set a new one.")
}

fn wrong() -> Refusal {
    Refusal::new(
        RefusalKind::Unauthenticated,
        "sign-in-wrong",
        "The account and password do not go together.",
    )
    .remedy("Check both and try again.")
}

fn wait(left_s: i64) -> Refusal {
    let left = match left_s {
        ..=90 => format!("{left_s} seconds"),
        _ => format!("{} minutes", (left_s + 59) / 60),
    };
    Refusal::new(RefusalKind::Exhausted, "sign-in-wait", "Too many wrong passwords in a row.").remedy(format!(
        "Wait {left}, or sign in with a browser in which you have signed in before: it does not wait for others."
    ))
}
