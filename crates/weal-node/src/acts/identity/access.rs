//! Changing and ending access: passwords, roles, sessions, tokens for programs, and persons who leave.

use weal_domain::Refusal;
use weal_domain::identity::{AccountName, Act, Person, Role, fitting, one_may};
use weal_domain::ledger::Fact;
use weal_domain::words::is_line;
use weal_store::{ApiToken, SignInKey, SignInKind, Tx};

use super::super::sha256_hex;
use super::check_password;
use super::sign_in::{current_wrong, secret_in};
use crate::api::{MakeToken, TokenMade, TokenShown};
use crate::fault::Result;
use crate::house::House;

/// The longest label of a token, in characters.
const LABEL_CHARS_MAX: usize = 60;
/// Tokens of one person.
const TOKENS_MAX: usize = 50;
/// How much of the digest of a token's digest names it.
const TOKEN_ID_CHARS: usize = 16;

/// Somebody who changes how a person comes in, and how they came in themselves.
#[derive(Debug, Clone, Copy)]
pub enum Came<'a> {
    /// With a session, in all their roles.
    SignedIn(&'a Person),
    /// By a token, in those of its person's roles that it has. Whoever holds it need not be that person.
    ByToken(&'a Person),
}

impl<'a> Came<'a> {
    #[must_use]
    pub fn person(self) -> &'a Person {
        match self {
            Came::SignedIn(person) | Came::ByToken(person) => person,
        }
    }

    fn with(self, person: &Person) -> Came<'_> {
        match self {
            Came::SignedIn(_) => Came::SignedIn(person),
            Came::ByToken(_) => Came::ByToken(person),
        }
    }

    /// Whether a new password for this person asks for the old one: nobody gets more by it than they have.
    /// A token in all of a person's roles, like the node's own, could do everything already.
    fn needs_current(self, person: &Person) -> bool {
        let is_whole = |by: &Person| person.roles.iter().all(|role| by.roles.contains(role));
        let is_own = self.person().account == person.account;
        is_own && !matches!(self, Came::ByToken(by) if is_whole(by))
    }
}

impl House {
    /// Gives a person a new password, and signs them out everywhere. Everybody may change their own who
    /// knows it (`current`); a token changes it only in a role that gives roles.
    pub async fn set_password(
        &self,
        by: Came<'_>,
        account: &AccountName,
        password: &str,
        current: Option<&str>,
    ) -> Result<()> {
        self.require_over(by, account)?;
        check_password(password)?;
        let before = person_in(&mut self.store.read("identity.before").await?, account).await?;
        let proven = match by.needs_current(&before) {
            true => Some(self.password_again(account, current.ok_or_else(current_wrong)?).await?),
            false => None,
        };
        let secret = self.hash_password(password.to_owned()).await?;
        let mut tx = self.store.write("identity.password").await?;
        let still = still(&mut tx, by.person()).await?;
        let role = self.require_over(by.with(&still), account)?;
        let person = person_in(&mut tx, account).await?;
        if by.with(&still).needs_current(&person)
            && (proven.is_none() || secret_in(&mut tx, account).await? != proven)
        {
            return Err(current_wrong().into());
        }
        let key = SignInKey {
            account: account.clone(),
            kind: SignInKind::Password,
            id: "password".into(),
            secret,
            created_at: self.clock.now(),
        };
        tx.put_sign_in_key(&key).await?;
        tx.remove_sessions_of(account).await?;
        tx.clear_sign_in_failures(&format!("account:{account}")).await?;
        let fact = Fact::PasswordSet { person: self.pseudonym(&person) };
        self.remember(&mut tx, &self.actor(Some((&still, role))), vec![fact]).await?;
        tx.commit().await?;
        Ok(())
    }

    /// Ends every session of a person. Everybody may end their own.
    pub async fn sign_out_everywhere(&self, by: Came<'_>, account: &AccountName) -> Result<()> {
        let mut tx = self.store.write("identity.sign-out-all").await?;
        let still = still(&mut tx, by.person()).await?;
        let role = self.require_over(by.with(&still), account)?;
        let person = person_in(&mut tx, account).await?;
        tx.remove_sessions_of(account).await?;
        let fact = Fact::SessionsEnded { person: self.pseudonym(&person) };
        self.remember(&mut tx, &self.actor(Some((&still, role))), vec![fact]).await?;
        tx.commit().await?;
        Ok(())
    }

    /// Gives a person these roles and no others; from the next request on they may do nothing else.
    pub async fn set_roles(&self, by: &Person, account: &AccountName, roles: Vec<Role>) -> Result<Person> {
        let mut tx = self.store.write("identity.roles").await?;
        let (by, role) = self.giving_roles(&mut tx, by).await?;
        if by.account == *account && roles.iter().any(|role| !by.roles.contains(role)) {
            return Err(roles_own().into());
        }
        if by.account == *account && !one_may(&roles, Act::GiveRoles) {
            return Err(own_account("take from yourself the role in which you give roles").into());
        }
        let person = Person { roles, ..person_in(&mut tx, account).await? };
        tx.put_person(&person).await?;
        check_somebody_gives_roles(&mut tx).await?;
        let fact = Fact::RolesGiven { person: self.pseudonym(&person), roles: person.roles.clone() };
        self.remember(&mut tx, &self.actor(Some((&by, role))), vec![fact]).await?;
        tx.commit().await?;
        Ok(person)
    }

    /// Removes a person with their password, sessions and tokens. What they did stays in the ledger.
    pub async fn remove_person(&self, by: &Person, account: &AccountName) -> Result<()> {
        let mut tx = self.store.write("identity.remove").await?;
        let (by, role) = self.giving_roles(&mut tx, by).await?;
        if by.account == *account {
            return Err(own_account("remove yourself").into());
        }
        let person = person_in(&mut tx, account).await?;
        tx.remove_person(account).await?;
        check_somebody_gives_roles(&mut tx).await?;
        let fact = Fact::PersonRemoved { person: self.pseudonym(&person) };
        self.remember(&mut tx, &self.actor(Some((&by, role))), vec![fact]).await?;
        tx.commit().await?;
        Ok(())
    }

    /// Whoever gives roles, with the roles they still have in the transaction in which they do, and the one
    /// in which they do it.
    pub(super) async fn giving_roles(&self, tx: &mut Tx, by: &Person) -> Result<(Person, Role)> {
        // Cheap, and says the same of those who never might.
        self.require_act(by, Act::GiveRoles)?;
        let still = still(tx, by).await?;
        let role = self.require_act(&still, Act::GiveRoles)?;
        Ok((still, role))
    }

    /// Makes a token for a program that acts for `by`, in some of the roles they have and no others. It
    /// outlives the token it was made with, so one that may not give roles makes none.
    pub async fn make_token(&self, by: Came<'_>, make: MakeToken) -> Result<TokenMade> {
        let mut tx = self.store.write("identity.token-make").await?;
        let still = still(&mut tx, by.person()).await?;
        let role = self.require_over(by.with(&still), &still.account)?;
        let label = make.label.trim();
        if !is_line(label, LABEL_CHARS_MAX) {
            return Err(Refusal::invalid(
                "token-label",
                format!("A token's label has 1 to {LABEL_CHARS_MAX} characters on one line."),
            )
            .remedy("Say which program it is for: `prometheus`.")
            .into());
        }
        if make.roles.is_empty() || make.roles.iter().any(|role| !still.roles.contains(role)) {
            return Err(Refusal::forbidden(
                "token-roles",
                "A token acts in one or more of the roles that you have yourself.",
            )
            .remedy("Name one of your own roles with --role.")
            .into());
        }
        let token = self.entropy.token()?;
        let now = self.clock.now();
        let kept = ApiToken {
            token_sha256: sha256_hex(&token),
            account: still.account.clone(),
            label: label.to_owned(),
            roles: make.roles.clone(),
            created_at: now,
            last_used_at: None,
        };
        if tx.api_tokens_of(&still.account).await?.len() >= TOKENS_MAX {
            return Err(Refusal::conflict("too-many-tokens", format!("You have {TOKENS_MAX} tokens."))
                .remedy("Revoke those you do not need: `weal token list`.")
                .into());
        }
        tx.put_api_token(&kept).await?;
        let fact = Fact::TokenMade { person: self.pseudonym(&still), roles: make.roles };
        self.remember(&mut tx, &self.actor(Some((&still, role))), vec![fact]).await?;
        tx.commit().await?;
        Ok(TokenMade { shown: shown(kept), token })
    }

    /// One's own tokens; everybody's for those who give roles.
    pub async fn tokens(&self, by: &Person) -> Result<Vec<TokenShown>> {
        self.require_act(by, Act::Look)?;
        let mut tx = self.store.read("identity.tokens").await?;
        Ok(self.tokens_in(&mut tx, by).await?.into_iter().map(shown).collect())
    }

    /// Ends a token at once.
    pub async fn revoke_token(&self, by: Came<'_>, id: &str) -> Result<()> {
        let mut tx = self.store.write("identity.token-revoke").await?;
        let still = still(&mut tx, by.person()).await?;
        let role = self.require_over(by.with(&still), &still.account)?;
        let all = self.tokens_in(&mut tx, &still).await?;
        let found = all.into_iter().find(|token| id_of(&token.token_sha256) == id).ok_or_else(|| {
            Refusal::not_found("token-unknown", "There is no such token.").remedy("See `weal token list`.")
        })?;
        let person = person_in(&mut tx, &found.account).await?;
        tx.remove_api_token(&found.token_sha256).await?;
        let fact = Fact::TokenRevoked { person: self.pseudonym(&person) };
        self.remember(&mut tx, &self.actor(Some((&still, role))), vec![fact]).await?;
        tx.commit().await?;
        Ok(())
    }

    async fn tokens_in(&self, tx: &mut Tx, by: &Person) -> Result<Vec<ApiToken>> {
        let mut all = tx.api_tokens_of(&by.account).await?;
        if one_may(&by.roles, Act::GiveRoles) {
            for person in tx.persons().await?.iter().filter(|person| person.account != by.account) {
                all.extend(tx.api_tokens_of(&person.account).await?);
            }
        }
        Ok(all)
    }

    /// The role in which somebody changes how a person comes in: who is signed in their own in any, everything
    /// else only in one that gives roles.
    fn require_over(&self, by: Came<'_>, account: &AccountName) -> Result<Role, Refusal> {
        let is_own = by.person().account == *account;
        match by {
            Came::SignedIn(person) if is_own => self.require_act(person, Act::Look),
            Came::ByToken(person) if is_own => {
                fitting(&person.roles, Act::GiveRoles).ok_or_else(token_narrow)
            }
            Came::SignedIn(person) | Came::ByToken(person) => self.require_act(person, Act::GiveRoles),
        }
    }
}

/// The person as they stand in this transaction, in no more roles than they came with.
async fn still(tx: &mut Tx, by: &Person) -> Result<Person> {
    let now = tx.person(&by.account).await?.map(|person| person.roles).unwrap_or_default();
    let roles = by.roles.iter().copied().filter(|role| now.contains(role)).collect();
    Ok(Person { roles, ..by.clone() })
}

/// A node in which nobody gives roles could never have anybody again who does.
async fn check_somebody_gives_roles(tx: &mut Tx) -> Result<()> {
    if tx.persons().await?.iter().any(|person| one_may(&person.roles, Act::GiveRoles)) {
        return Ok(());
    }
    Err(own_account("take the role from the last person who gives roles").into())
}

fn shown(token: ApiToken) -> TokenShown {
    TokenShown {
        id: id_of(&token.token_sha256),
        account: token.account,
        label: token.label,
        roles: token.roles,
        created_at: token.created_at,
        last_used_at: token.last_used_at,
    }
}

/// What a token is called by: nothing in it opens anything.
fn id_of(token_sha256: &str) -> String {
    sha256_hex(token_sha256).chars().take(TOKEN_ID_CHARS).collect()
}

async fn person_in(tx: &mut Tx, account: &AccountName) -> Result<Person> {
    Ok(tx.person(account).await?.ok_or_else(|| {
        Refusal::not_found("person-unknown", format!("There is no account `{account}`."))
            .remedy("See `weal person list`.")
    })?)
}

/// Whoever gives roles gives them to others.
pub(super) fn roles_own() -> Refusal {
    Refusal::forbidden("roles-own", "Nobody gives roles to themselves.")
        .remedy("Ask a colleague who may give roles.")
}

fn token_narrow() -> Refusal {
    Refusal::forbidden(
        "token-narrow",
        "A token changes how its person comes in only if it may give roles, and this one may not.",
    )
    .remedy("Use the node's own token (operator.token), or one made with the role owner.")
}

fn own_account(what: &str) -> Refusal {
    Refusal::conflict("own-account", format!("You cannot {what}: nobody might be left who can undo it."))
        .remedy("Ask a colleague who may give roles.")
}
