//! Governance: the charter, the members, our own membership, and small settings.

use weal_domain::Timestamp;
use weal_domain::governance::{Charter, Member, Standing};
use weal_domain::identity::{Did, MemberName};

use crate::tx::{BindBody, get, get_body, get_text, get_time, ms, sql};
use crate::{StoreError, Tx};

/// Our own membership credential.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Membership {
    pub governing_body: Did,
    /// The credential exactly as it was signed (a JWT).
    pub credential: String,
    pub received_at: Timestamp,
    pub expires_at: Timestamp,
}

/// A governing body's register of members, exactly as it was signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedRegister {
    pub governing_body: Did,
    pub signed: String,
    pub fetched_at: Timestamp,
}

impl Tx {
    /// Keeps a version of the charter and the signed text it was read from.
    pub async fn put_charter(&mut self, charter: &Charter, signed: &str) -> Result<(), StoreError> {
        let query = sql("INSERT INTO charter (version, signed, v, body) VALUES ($1, $2, $3, $4)
             ON CONFLICT (version) DO UPDATE SET signed = excluded.signed, v = excluded.v, body = excluded.body")
        .bind(i64::from(charter.version))
        .bind(signed.to_owned())
        .bind_body(charter)?;
        self.run(query).await.map(|_| ())
    }

    /// The newest charter and its signed text.
    pub async fn charter(&mut self) -> Result<Option<(Charter, String)>, StoreError> {
        let row = self.row(sql("SELECT signed, v, body FROM charter ORDER BY version DESC LIMIT 1")).await?;
        row.map(|row| Ok((get_body(&row, "charter")?, get(&row, "signed")?))).transpose()
    }

    /// Adds a member or changes its line. A name that another member has is a [`StoreError::Conflict`].
    pub async fn put_member(&mut self, member: &Member) -> Result<(), StoreError> {
        let query = sql("INSERT INTO member (did, name, standing, v, body) VALUES ($1, $2, $3, $4, $5)
             ON CONFLICT (did) DO UPDATE SET name = excluded.name, standing = excluded.standing,
                 v = excluded.v, body = excluded.body")
        .bind(member.did.to_string())
        .bind(member.name.to_string())
        .bind(standing(member.standing))
        .bind_body(member)?;
        self.run(query).await.map(|_| ())
    }

    /// Takes a line out of the list; its name is free again.
    pub async fn remove_member(&mut self, did: &Did) -> Result<(), StoreError> {
        self.run(sql("DELETE FROM member WHERE did = $1").bind(did.to_string())).await.map(|_| ())
    }

    /// Replaces the whole list, as after fetching a newer register.
    pub async fn replace_members(&mut self, members: &[Member]) -> Result<(), StoreError> {
        self.run(sql("DELETE FROM member")).await?;
        for member in members {
            self.put_member(member).await?;
        }
        Ok(())
    }

    /// Every member, by name, whatever its standing.
    pub async fn members(&mut self) -> Result<Vec<Member>, StoreError> {
        let rows = self.rows(sql("SELECT v, body FROM member ORDER BY name")).await?;
        rows.iter().map(|row| get_body(row, "member")).collect()
    }

    pub async fn member(&mut self, did: &Did) -> Result<Option<Member>, StoreError> {
        let query = sql("SELECT v, body FROM member WHERE did = $1").bind(did.to_string());
        self.row(query).await?.map(|row| get_body(&row, "member")).transpose()
    }

    pub async fn member_by_name(&mut self, name: &MemberName) -> Result<Option<Member>, StoreError> {
        let query = sql("SELECT v, body FROM member WHERE name = $1").bind(name.to_string());
        self.row(query).await?.map(|row| get_body(&row, "member")).transpose()
    }

    /// Keeps our own membership credential; one per governing body.
    pub async fn put_membership(&mut self, membership: &Membership) -> Result<(), StoreError> {
        let query = sql("INSERT INTO membership (governing_body, credential, received_ms, expires_ms)
             VALUES ($1, $2, $3, $4) ON CONFLICT (governing_body) DO UPDATE SET
                 credential = excluded.credential, received_ms = excluded.received_ms,
                 expires_ms = excluded.expires_ms")
        .bind(membership.governing_body.to_string())
        .bind(membership.credential.clone())
        .bind(ms(membership.received_at))
        .bind(ms(membership.expires_at));
        self.run(query).await.map(|_| ())
    }

    /// Our own membership credentials, expired ones too.
    pub async fn memberships(&mut self) -> Result<Vec<Membership>, StoreError> {
        let rows = self.rows(sql("SELECT * FROM membership ORDER BY governing_body")).await?;
        rows.iter()
            .map(|row| {
                Ok(Membership {
                    governing_body: get_text(row, "governing_body")?,
                    credential: get(row, "credential")?,
                    received_at: get_time(row, "received_ms")?,
                    expires_at: get_time(row, "expires_ms")?,
                })
            })
            .collect()
    }

    /// Keeps the newest register of a governing body.
    pub async fn put_register(&mut self, register: &SignedRegister) -> Result<(), StoreError> {
        let query = sql("INSERT INTO register (governing_body, signed, fetched_ms) VALUES ($1, $2, $3)
             ON CONFLICT (governing_body) DO UPDATE SET signed = excluded.signed, fetched_ms = excluded.fetched_ms")
        .bind(register.governing_body.to_string())
        .bind(register.signed.clone())
        .bind(ms(register.fetched_at));
        self.run(query).await.map(|_| ())
    }

    pub async fn register(&mut self, governing_body: &Did) -> Result<Option<SignedRegister>, StoreError> {
        let query = sql("SELECT * FROM register WHERE governing_body = $1").bind(governing_body.to_string());
        let row = self.row(query).await?;
        row.map(|row| {
            Ok(SignedRegister {
                governing_body: get_text(&row, "governing_body")?,
                signed: get(&row, "signed")?,
                fetched_at: get_time(&row, "fetched_ms")?,
            })
        })
        .transpose()
    }

    pub async fn put_setting(&mut self, name: &str, value: &str) -> Result<(), StoreError> {
        let query = sql("INSERT INTO setting (name, value) VALUES ($1, $2)
             ON CONFLICT (name) DO UPDATE SET value = excluded.value");
        self.run(query.bind(name.to_owned()).bind(value.to_owned())).await.map(|_| ())
    }

    pub async fn setting(&mut self, name: &str) -> Result<Option<String>, StoreError> {
        let query = sql("SELECT value FROM setting WHERE name = $1").bind(name.to_owned());
        self.row(query).await?.map(|row| get(&row, "value")).transpose()
    }

    pub async fn remove_setting(&mut self, name: &str) -> Result<(), StoreError> {
        self.run(sql("DELETE FROM setting WHERE name = $1").bind(name.to_owned())).await.map(|_| ())
    }
}

fn standing(standing: Standing) -> &'static str {
    match standing {
        Standing::Applied => "applied",
        Standing::Good => "good",
        Standing::Suspended => "suspended",
        Standing::Left => "left",
    }
}
