//! Identity: persons and how they sign in, sessions, API tokens, and tokens of peers already seen.
//! Tokens come here as SHA-256 digests in lower-case hex, never as themselves.

use std::time::Duration;

use sqlx::any::AnyRow;
use weal_domain::Timestamp;
use weal_domain::identity::{AccountName, Did, Person, Role};

use crate::tx::{BindBody, get, get_body, get_text, get_time, get_time_option, get_u64, ms, sql};
use crate::{StoreError, Tx};

/// How long after the last one failed sign-ins still count.
pub const SIGN_IN_FAILURES_KEPT: Duration = Duration::from_secs(24 * 3600);

/// How a person proves who they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SignInKind {
    /// `secret` is an argon2 hash in PHC form; one per account, with the id `password`.
    Password,
    /// `secret` is the passkey's public part; `id` its credential id.
    Passkey,
}

impl SignInKind {
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            SignInKind::Password => "password",
            SignInKind::Passkey => "passkey",
        }
    }
}

/// One way of one person to sign in.
#[derive(Clone, PartialEq, Eq)]
pub struct SignInKey {
    pub account: AccountName,
    pub kind: SignInKind,
    pub id: String,
    /// Opaque to the store.
    pub secret: String,
    pub created_at: Timestamp,
}

impl std::fmt::Debug for SignInKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { account, kind, id, .. } = self;
        write!(f, "SignInKey({account}, {kind:?}, {id})")
    }
}

/// A signed-in browser.
#[derive(Clone, PartialEq, Eq)]
pub struct Session {
    pub token_sha256: String,
    pub account: AccountName,
    /// What every form must send back.
    pub csrf: String,
    pub created_at: Timestamp,
    pub expires_at: Timestamp,
}

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Session({}, until {})", self.account, self.expires_at)
    }
}

/// A token for programs that act for a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiToken {
    pub token_sha256: String,
    pub account: AccountName,
    pub label: String,
    /// Never more than the person has; the node checks both.
    pub roles: Vec<Role>,
    pub created_at: Timestamp,
    pub last_used_at: Option<Timestamp>,
}

/// Failed sign-ins of one account or one address, in a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SignInFailures {
    pub failures: u64,
    pub first_at: Timestamp,
    pub last_at: Timestamp,
}

impl Tx {
    /// Adds a person or changes their name and roles.
    pub async fn put_person(&mut self, person: &Person) -> Result<(), StoreError> {
        let query = sql("INSERT INTO person (account, v, body) VALUES ($1, $2, $3)
             ON CONFLICT (account) DO UPDATE SET v = excluded.v, body = excluded.body")
        .bind(person.account.to_string())
        .bind_body(person)?;
        self.run(query).await.map(|_| ())
    }

    pub async fn person(&mut self, account: &AccountName) -> Result<Option<Person>, StoreError> {
        let query = sql("SELECT v, body FROM person WHERE account = $1").bind(account.to_string());
        self.row(query).await?.map(|row| get_body(&row, "person")).transpose()
    }

    pub async fn persons(&mut self) -> Result<Vec<Person>, StoreError> {
        let rows = self.rows(sql("SELECT v, body FROM person ORDER BY account")).await?;
        rows.iter().map(|row| get_body(row, "person")).collect()
    }

    /// Removes a person with everything they could sign in with.
    pub async fn remove_person(&mut self, account: &AccountName) -> Result<(), StoreError> {
        self.run(sql("DELETE FROM person WHERE account = $1").bind(account.to_string())).await.map(|_| ())
    }

    /// Adds a way to sign in; the same kind and id again replaces the secret.
    pub async fn put_sign_in_key(&mut self, key: &SignInKey) -> Result<(), StoreError> {
        let query = sql("INSERT INTO sign_in_key (account, kind, id, secret, created_ms)
             VALUES ($1, $2, $3, $4, $5) ON CONFLICT (account, kind, id) DO UPDATE SET
                 secret = excluded.secret, created_ms = excluded.created_ms")
        .bind(key.account.to_string())
        .bind(key.kind.as_str())
        .bind(key.id.clone())
        .bind(key.secret.clone())
        .bind(ms(key.created_at));
        self.run(query).await.map(|_| ())
    }

    pub async fn sign_in_keys(
        &mut self,
        account: &AccountName,
        kind: SignInKind,
    ) -> Result<Vec<SignInKey>, StoreError> {
        let query = sql("SELECT * FROM sign_in_key WHERE account = $1 AND kind = $2 ORDER BY created_ms, id");
        let rows = self.rows(query.bind(account.to_string()).bind(kind.as_str())).await?;
        rows.iter()
            .map(|row| {
                Ok(SignInKey {
                    account: get_text(row, "account")?,
                    kind,
                    id: get(row, "id")?,
                    secret: get(row, "secret")?,
                    created_at: get_time(row, "created_ms")?,
                })
            })
            .collect()
    }

    pub async fn put_session(&mut self, session: &Session) -> Result<(), StoreError> {
        let query = sql("INSERT INTO session (token_sha256, account, csrf, created_ms, expires_ms)
             VALUES ($1, $2, $3, $4, $5)")
        .bind(session.token_sha256.clone())
        .bind(session.account.to_string())
        .bind(session.csrf.clone())
        .bind(ms(session.created_at))
        .bind(ms(session.expires_at));
        self.run(query).await.map(|_| ())
    }

    /// A session that has not ended at `now`.
    pub async fn session(
        &mut self,
        token_sha256: &str,
        now: Timestamp,
    ) -> Result<Option<Session>, StoreError> {
        let query = sql("SELECT * FROM session WHERE token_sha256 = $1 AND expires_ms > $2")
            .bind(token_sha256.to_owned())
            .bind(ms(now));
        let row = self.row(query).await?;
        row.map(|row| {
            Ok(Session {
                token_sha256: get(&row, "token_sha256")?,
                account: get_text(&row, "account")?,
                csrf: get(&row, "csrf")?,
                created_at: get_time(&row, "created_ms")?,
                expires_at: get_time(&row, "expires_ms")?,
            })
        })
        .transpose()
    }

    pub async fn remove_session(&mut self, token_sha256: &str) -> Result<(), StoreError> {
        let query = sql("DELETE FROM session WHERE token_sha256 = $1").bind(token_sha256.to_owned());
        self.run(query).await.map(|_| ())
    }

    /// Signs a person out everywhere (a new password).
    pub async fn remove_sessions_of(&mut self, account: &AccountName) -> Result<u64, StoreError> {
        self.run(sql("DELETE FROM session WHERE account = $1").bind(account.to_string())).await
    }

    pub async fn put_api_token(&mut self, token: &ApiToken) -> Result<(), StoreError> {
        let roles: Vec<&str> = token.roles.iter().map(|role| role.as_str()).collect();
        let query =
            sql("INSERT INTO api_token (token_sha256, account, label, roles, created_ms, last_used_ms)
             VALUES ($1, $2, $3, $4, $5, $6)")
            .bind(token.token_sha256.clone())
            .bind(token.account.to_string())
            .bind(token.label.clone())
            .bind(roles.join(" "))
            .bind(ms(token.created_at))
            .bind(token.last_used_at.map(ms));
        self.run(query).await.map(|_| ())
    }

    pub async fn api_token(&mut self, token_sha256: &str) -> Result<Option<ApiToken>, StoreError> {
        let query = sql("SELECT * FROM api_token WHERE token_sha256 = $1").bind(token_sha256.to_owned());
        self.row(query).await?.map(|row| api_token(&row)).transpose()
    }

    pub async fn api_tokens_of(&mut self, account: &AccountName) -> Result<Vec<ApiToken>, StoreError> {
        let query = sql("SELECT * FROM api_token WHERE account = $1 ORDER BY created_ms, token_sha256");
        self.rows(query.bind(account.to_string())).await?.iter().map(api_token).collect()
    }

    pub async fn api_token_used(&mut self, token_sha256: &str, at: Timestamp) -> Result<(), StoreError> {
        let query = sql("UPDATE api_token SET last_used_ms = $2 WHERE token_sha256 = $1");
        self.run(query.bind(token_sha256.to_owned()).bind(ms(at))).await.map(|_| ())
    }

    pub async fn remove_api_token(&mut self, token_sha256: &str) -> Result<(), StoreError> {
        let query = sql("DELETE FROM api_token WHERE token_sha256 = $1").bind(token_sha256.to_owned());
        self.run(query).await.map(|_| ())
    }

    /// Whether this token of a peer is seen for the first time. Kept until `expires_at`, when the token
    /// would be refused anyway.
    pub async fn remember_jti(
        &mut self,
        issuer: &Did,
        jti: &str,
        expires_at: Timestamp,
    ) -> Result<bool, StoreError> {
        let query = sql("INSERT INTO seen_token (issuer, jti, expires_ms) VALUES ($1, $2, $3)
             ON CONFLICT (issuer, jti) DO NOTHING")
        .bind(issuer.to_string())
        .bind(jti.to_owned())
        .bind(ms(expires_at));
        Ok(self.run(query).await? == 1)
    }

    /// Forgets what can no longer be used: sessions and seen tokens that have ended before `now`, and
    /// failed sign-ins that are older than [`SIGN_IN_FAILURES_KEPT`].
    pub async fn purge_identity(&mut self, now: Timestamp) -> Result<u64, StoreError> {
        let seen = self.run(sql("DELETE FROM seen_token WHERE expires_ms < $1").bind(ms(now))).await?;
        let sessions = self.run(sql("DELETE FROM session WHERE expires_ms < $1").bind(ms(now))).await?;
        let before = ms(now - SIGN_IN_FAILURES_KEPT);
        let failures = self.run(sql("DELETE FROM sign_in_failure WHERE last_ms < $1").bind(before)).await?;
        Ok(seen + sessions + failures)
    }

    /// Counts a failed sign-in of `who` (`account:ada`, `address:192.0.2.7`); how many in a row now.
    pub async fn count_sign_in_failure(
        &mut self,
        who: &str,
        at: Timestamp,
    ) -> Result<SignInFailures, StoreError> {
        let query =
            sql("INSERT INTO sign_in_failure (who, failures, first_ms, last_ms) VALUES ($1, 1, $2, $2)
             ON CONFLICT (who) DO UPDATE SET failures = sign_in_failure.failures + 1,
                 last_ms = excluded.last_ms
             RETURNING failures, first_ms, last_ms")
            .bind(who.to_owned())
            .bind(ms(at));
        let row = self.row(query).await?.ok_or_else(|| StoreError::corrupt("sign_in_failure"))?;
        sign_in_failures(&row)
    }

    pub async fn sign_in_failures(&mut self, who: &str) -> Result<Option<SignInFailures>, StoreError> {
        let query = sql("SELECT * FROM sign_in_failure WHERE who = $1").bind(who.to_owned());
        self.row(query).await?.map(|row| sign_in_failures(&row)).transpose()
    }

    /// Takes one failure back: the attempt that was counted beforehand was none.
    pub async fn forgive_sign_in(&mut self, who: &str) -> Result<(), StoreError> {
        let query = sql("UPDATE sign_in_failure SET failures = failures - 1 WHERE who = $1 AND failures > 0");
        self.run(query.bind(who.to_owned())).await.map(|_| ())
    }

    /// A sign-in that worked, or enough time, wipes the count.
    pub async fn clear_sign_in_failures(&mut self, who: &str) -> Result<(), StoreError> {
        self.run(sql("DELETE FROM sign_in_failure WHERE who = $1").bind(who.to_owned())).await.map(|_| ())
    }
}

fn sign_in_failures(row: &AnyRow) -> Result<SignInFailures, StoreError> {
    Ok(SignInFailures {
        failures: get_u64(row, "failures")?,
        first_at: get_time(row, "first_ms")?,
        last_at: get_time(row, "last_ms")?,
    })
}

fn api_token(row: &AnyRow) -> Result<ApiToken, StoreError> {
    let named = |name: &str| Role::ALL.into_iter().find(|role| role.as_str() == name);
    let roles = get::<&str>(row, "roles")?
        .split_whitespace()
        .map(|name| named(name).ok_or_else(|| StoreError::corrupt("api_token.roles")))
        .collect::<Result<_, _>>()?;
    Ok(ApiToken {
        token_sha256: get(row, "token_sha256")?,
        account: get_text(row, "account")?,
        label: get(row, "label")?,
        roles,
        created_at: get_time(row, "created_ms")?,
        last_used_at: get_time_option(row, "last_used_ms")?,
    })
}
