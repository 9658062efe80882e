//! Changing and ending access: passwords, roles, sessions, tokens for programs, and persons who leave.

use weal_domain::Refusal;
use weal_domain::identity::{AccountName, Act, Person, Role, one_may};
use weal_domain::ledger::Fact;
use weal_domain::words::is_line;
use weal_store::{ApiToken, SignInKey, SignInKind, Tx};

use super::super::sha256_hex;
use super::check_password;
use crate::api::{MakeToken, TokenMade, TokenShown};
use crate::fault::Result;
use crate::house::House;

/// The longest label of a token, in characters.
const LABEL_CHARS_MAX: usize = 60;
/// Tokens of one person.
const TOKENS_MAX: usize = 50;
/// How much of the digest of a token's digest names it.
const TOKEN_ID_CHARS: usize = 16;

impl House {
    /// Gives a person a new password, and signs them out everywhere. Everybody may change their own.
    pub async fn set_password(&self, by: &Person, account: &AccountName, password: &str) -> Result<()> {
        let role = self.require_over(by, account)?;
        check_password(password)?;
        let secret = self.hash_password(password.to_owned()).await?;
        let mut tx = self.store.write("identity.password").await?;
        let person = person_in(&mut tx, account).await?;
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
        self.remember(&mut tx, &self.actor(Some((by, role))), vec![fact]).await?;
        tx.commit().await?;
        Ok(())
    }

    /// Ends every session of a person. Everybody may end their own.
    pub async fn sign_out_everywhere(&self, by: &Person, account: &AccountName) -> Result<()> {
        let role = self.require_over(by, account)?;
        let mut tx = self.store.write("identity.sign-out-all").await?;
        let person = person_in(&mut tx, account).await?;
        tx.remove_sessions_of(account).await?;
        let fact = Fact::SessionsEnded { person: self.pseudonym(&person) };
        self.remember(&mut tx, &self.actor(Some((by, role))), vec![fact]).await?;
        tx.commit().await?;
        Ok(())
    }

    /// Gives a person these roles and no others; from the next request on they may do nothing else.
    pub async fn set_roles(&self, by: &Person, account: &AccountName, roles: Vec<Role>) -> Result<Person> {
        let role = self.require_act(by, Act::GiveRoles)?;
        if by.account == *account && roles.iter().any(|role| !by.roles.contains(role)) {
            return Err(roles_own().into());
        }
        if by.account == *account && !one_may(&roles, Act::GiveRoles) {
            return Err(own_account("take from yourself the role in which you give roles").into());
        }
        let mut tx = self.store.write("identity.roles").await?;
        let person = Person { roles, ..person_in(&mut tx, account).await? };
        tx.put_person(&person).await?;
        let fact = Fact::RolesGiven { person: self.pseudonym(&person), roles: person.roles.clone() };
        self.remember(&mut tx, &self.actor(Some((by, role))), vec![fact]).await?;
        tx.commit().await?;
        Ok(person)
    }

    /// Removes a person with their password, sessions and tokens. What they did stays in the ledger.
    pub async fn remove_person(&self, by: &Person, account: &AccountName) -> Result<()> {
        let role = self.require_act(by, Act::GiveRoles)?;
        if by.account == *account {
            return Err(own_account("remove yourself").into());
        }
        let mut tx = self.store.write("identity.remove").await?;
        let person = person_in(&mut tx, account).await?;
        tx.remove_person(account).await?;
        let fact = Fact::PersonRemoved { person: self.pseudonym(&person) };
        self.remember(&mut tx, &self.actor(Some((by, role))), vec![fact]).await?;
        tx.commit().await?;
        Ok(())
    }

    /// Makes a token for a program that acts for `by`, in some of the roles they have and no others.
    pub async fn make_token(&self, by: &Person, make: MakeToken) -> Result<TokenMade> {
        let role = self.require_act(by, Act::Look)?;
        let label = make.label.trim();
        if !is_line(label, LABEL_CHARS_MAX) {
            return Err(Refusal::invalid(
                "token-label",
                format!("A token's label has 1 to {LABEL_CHARS_MAX} characters on one line."),
            )
            .remedy("Say which program it is for: `prometheus`.")
            .into());
        }
        if make.roles.is_empty() || make.roles.iter().any(|role| !by.roles.contains(role)) {
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
            account: by.account.clone(),
            label: label.to_owned(),
            roles: make.roles.clone(),
            created_at: now,
            last_used_at: None,
        };
        let mut tx = self.store.write("identity.token-make").await?;
        if tx.api_tokens_of(&by.account).await?.len() >= TOKENS_MAX {
            return Err(Refusal::conflict("too-many-tokens", format!("You have {TOKENS_MAX} tokens."))
                .remedy("Revoke those you do not need: `weal token list`.")
                .into());
        }
        tx.put_api_token(&kept).await?;
        let fact = Fact::TokenMade { person: self.pseudonym(by), roles: make.roles };
        self.remember(&mut tx, &self.actor(Some((by, role))), vec![fact]).await?;
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
    pub async fn revoke_token(&self, by: &Person, id: &str) -> Result<()> {
        let role = self.require_act(by, Act::Look)?;
        let mut tx = self.store.write("identity.token-revoke").await?;
        let all = self.tokens_in(&mut tx, by).await?;
        let found = all.into_iter().find(|token| id_of(&token.token_sha256) == id).ok_or_else(|| {
            Refusal::not_found("token-unknown", "There is no such token.").remedy("See `weal token list`.")
        })?;
        let person = person_in(&mut tx, &found.account).await?;
        tx.remove_api_token(&found.token_sha256).await?;
        let fact = Fact::TokenRevoked { person: self.pseudonym(&person) };
        self.remember(&mut tx, &self.actor(Some((by, role))), vec![fact]).await?;
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

    /// The role in which somebody changes how a person signs in: their own account's owner in any, others
    /// only who may give roles.
    fn require_over(&self, by: &Person, account: &AccountName) -> Result<Role, Refusal> {
        let act = if by.account == *account { Act::Look } else { Act::GiveRoles };
        self.require_act(by, act)
    }
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

fn own_account(what: &str) -> Refusal {
    Refusal::conflict("own-account", format!("You cannot {what}: nobody might be left who can undo it."))
        .remedy("Ask a colleague who may give roles.")
}
