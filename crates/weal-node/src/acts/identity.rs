//! Persons of this member: who they are, how they sign in, what they may do.

mod access;
mod credentials;
mod keys;
mod present;
mod sign_in;

use weal_domain::identity::{Act, Person, Role, fitting};
use weal_domain::ledger::Fact;
use weal_domain::words::is_line;
use weal_domain::{Refusal, RefusalKind, Timestamp};
use weal_store::{ApiToken, SignInKey, SignInKind};

pub use access::Came;
pub use keys::{ISSUED_FOR, KNOWN_AFTER, SIGNED_FOR};
pub(crate) use present::Granted;
pub use sign_in::{BROWSER_DAYS, Knock, SignedIn};

use super::sha256_hex;
use crate::fault::{Fault, Result};
use crate::house::House;
use crate::http::Session;

/// How long a session lasts without being renewed by signing in.
pub const SESSION_HOURS: i64 = 12;
/// How exactly it is known when a token was last used.
const LAST_USED_S: i64 = 3600;
/// The shortest and longest password, in characters.
pub const PASSWORD_CHARS_MIN: usize = 10;
const PASSWORD_CHARS_MAX: usize = 256;
/// The longest name of a person as others see it, in characters.
const DISPLAY_NAME_CHARS_MAX: usize = 100;

pub(super) fn check_password(password: &str) -> Result<(), Refusal> {
    let count = password.chars().count();
    if (PASSWORD_CHARS_MIN..=PASSWORD_CHARS_MAX).contains(&count) {
        return Ok(());
    }
    Err(Refusal::invalid("password-length", "A password has between 10 and 256 characters.")
        .remedy("Three or four unrelated words are easy to remember and hard to guess."))
}

impl House {
    /// The person `init` was run for, and the token the command line uses.
    pub async fn add_first_person(&self, person: Person, password: &str, token: &str) -> Result<()> {
        check_password(password)?;
        let secret = self.hash_password(password.to_owned()).await?;
        let now = self.clock.now();
        let api_token = ApiToken {
            token_sha256: sha256_hex(token),
            account: person.account.clone(),
            label: "command line".into(),
            roles: person.roles.clone(),
            created_at: now,
            last_used_at: None,
        };
        let mut tx = self.store.write("identity.first").await?;
        self.save_person(&mut tx, None, &person, secret, now).await?;
        tx.put_api_token(&api_token).await?;
        tx.commit().await?;
        Ok(())
    }

    pub async fn add_person(&self, by: &Person, person: Person, password: &str) -> Result<Person> {
        self.require_act(by, Act::GiveRoles)?;
        if person.account == by.account {
            return Err(access::roles_own().into());
        }
        check_password(password)?;
        if !is_line(&person.display_name, DISPLAY_NAME_CHARS_MAX) {
            return Err(Refusal::invalid(
                "display-name",
                format!("A person's name has 1 to {DISPLAY_NAME_CHARS_MAX} characters on one line."),
            )
            .into());
        }
        let secret = self.hash_password(password.to_owned()).await?;
        let mut tx = self.store.write("identity.add").await?;
        let (by, role) = self.giving_roles(&mut tx, by).await?;
        if tx.person(&person.account).await?.is_some() {
            return Err(Refusal::conflict(
                "account-taken",
                format!("There is an account `{}` already.", person.account),
            )
            .remedy("Choose another account name.")
            .into());
        }
        self.save_person(&mut tx, Some((&by, role)), &person, secret, self.clock.now()).await?;
        tx.commit().await?;
        Ok(person)
    }

    async fn save_person(
        &self,
        tx: &mut weal_store::Tx,
        by: Option<(&Person, Role)>,
        person: &Person,
        secret: String,
        now: Timestamp,
    ) -> Result<()> {
        tx.put_person(person).await?;
        let key = SignInKey {
            account: person.account.clone(),
            kind: SignInKind::Password,
            id: "password".into(),
            secret,
            created_at: now,
        };
        tx.put_sign_in_key(&key).await?;
        let fact = Fact::PersonAdded { person: self.pseudonym(person), roles: person.roles.clone() };
        self.remember(tx, &self.actor(by), vec![fact]).await?;
        Ok(())
    }

    pub async fn persons(&self) -> Result<Vec<Person>> {
        Ok(self.store.read("identity.persons").await?.persons().await?)
    }

    /// The role in which the person does the act; refuses where none of theirs may (`ID-1`).
    pub fn require_act(&self, person: &Person, act: Act) -> Result<Role, Refusal> {
        fitting(&person.roles, act).ok_or_else(|| {
            Refusal::forbidden(
                "role-missing",
                format!("{} has no role that may {}.", person.display_name, act.in_words()),
            )
            .remedy("Ask a colleague who may, or one who may give you the role.")
            .changed_by("an owner or the chief data officer of your organisation")
        })
    }

    pub(super) async fn hash_password(&self, password: String) -> Result<String> {
        let _turn =
            sign_in::HASHING.acquire().await.map_err(|cause| Fault::new("hashing a password", cause))?;
        let hashed = tokio::task::spawn_blocking(move || sign_in::hash(&password)).await;
        Ok(hashed.map_err(|cause| Fault::new("hashing a password", cause))??)
    }

    /// The person behind an API token; the token's roles are never more than the person's own.
    pub async fn person_of_token(&self, token: &str) -> Result<Person> {
        let mut tx = self.store.read("identity.token").await?;
        let unknown = || {
            Refusal::new(RefusalKind::Unauthenticated, "token-unknown", "This token is not one of this node's.")
                .remedy("The command line reads it from operator.token in the node's folder: name the folder with --node.")
        };
        let token = tx.api_token(&sha256_hex(token)).await?.ok_or_else(unknown)?;
        let mut person = tx.person(&token.account).await?.ok_or_else(unknown)?;
        drop(tx);
        person.roles.retain(|role| token.roles.contains(role));
        self.require_act(&person, Act::Look)?;
        let now = self.clock.now();
        if token.last_used_at.is_none_or(|at| now.as_second() - at.as_second() >= LAST_USED_S) {
            let mut tx = self.store.write("identity.token-used").await?;
            tx.api_token_used(&token.token_sha256, now).await?;
            tx.commit().await?;
        }
        Ok(person)
    }

    /// The session a cookie stands for, if it still does.
    pub async fn session(&self, token: &str) -> Result<Option<Session>> {
        if token.is_empty() {
            return Ok(None);
        }
        let mut tx = self.store.read("identity.session").await?;
        let Some(session) = tx.session(&sha256_hex(token), self.clock.now()).await? else { return Ok(None) };
        let person = tx.person(&session.account).await?;
        Ok(person.map(|person| Session { person, csrf: session.csrf }))
    }

    pub async fn sign_out(&self, token: &str) -> Result<()> {
        let mut tx = self.store.write("identity.sign-out").await?;
        tx.remove_session(&sha256_hex(token)).await?;
        tx.commit().await?;
        Ok(())
    }
}

impl House {
    /// The node as its own people and programs see it.
    pub async fn info(&self) -> Result<crate::api::NodeInfo> {
        let ecosystem = self.ecosystem();
        Ok(crate::api::NodeInfo {
            version: env!("CARGO_PKG_VERSION").into(),
            did: self.did.clone(),
            name: self.config.node.name.clone(),
            title: self.config.node.title.clone(),
            origin: self.config.node.origin.clone(),
            ecosystem: ecosystem.charter.as_ref().map(|charter| charter.name.clone()),
            governs: self.config.ecosystem.governs,
            admitted: ecosystem.credential.is_some(),
            ledger_size: self.store.read("identity.info").await?.ledger_size().await?,
            resident_bytes: resident_bytes(),
            started_in_ms: self.doors.start_took_ms(),
        })
    }
}

/// Memory in use, where the system tells it (Linux).
fn resident_bytes() -> Option<u64> {
    let statm = std::fs::read_to_string("/proc/self/statm").ok()?;
    let pages: u64 = statm.split_whitespace().nth(1)?.parse().ok()?;
    Some(pages * 4096)
}
