//! Identity: credentials held and asked for. Governance: credentials to be issued, and places in status lists.

use std::time::Duration;

use sqlx::any::AnyRow;
use weal_domain::Timestamp;
use weal_domain::identity::Did;

use crate::tx::{get, get_text, get_time, get_time_option, ms, sql};
use crate::{StoreError, Tx};

/// How long an issuance that has ended can be asked after.
const ISSUANCE_KEPT: Duration = Duration::from_secs(30 * 24 * 3600);

/// A credential that this node holds, exactly as it was signed.
#[derive(Clone, PartialEq, Eq)]
pub struct HeldCredential {
    /// Its number here, by which people name it.
    pub number: String,
    pub issuer: Did,
    /// Its types, `VerifiableCredential` left out.
    pub kinds: Vec<String>,
    /// The protocol's alias of its profile.
    pub profile: String,
    pub signed: String,
    /// How it came: `membership`, `issued` or `imported`.
    pub source: String,
    pub received_at: Timestamp,
    pub expires_at: Option<Timestamp>,
}

impl std::fmt::Debug for HeldCredential {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "HeldCredential({}, {} by {})", self.number, self.kinds.join(" "), self.issuer)
    }
}

/// What this node asked an issuer for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CredentialRequest {
    /// Our name of the request.
    pub holder_pid: String,
    pub issuer: Did,
    /// Where its status is asked.
    pub address: String,
    /// In the protocol's words.
    pub status: String,
    pub reason: Option<String>,
    pub asked_at: Timestamp,
}

/// A credential that an issuer says can be had.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CredentialOffer {
    pub issuer: Did,
    /// The issuer's id of it.
    pub object: String,
    pub kind: Option<String>,
    pub reason: Option<String>,
    pub received_at: Timestamp,
}

/// What a governing body was asked to issue.
#[derive(Clone, PartialEq, Eq)]
pub struct Issuance {
    /// Our name of it.
    pub issuer_pid: String,
    pub holder: Did,
    pub holder_pid: String,
    /// Ids of the objects asked for; none has a space in it.
    pub objects: Vec<String>,
    /// What opens the holder's store to us. Opaque.
    pub access: Option<String>,
    /// In the protocol's words.
    pub status: String,
    pub asked_at: Timestamp,
}

/// A place in the status list of a governing body, and what was issued with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IssuedPlace {
    /// From 0.
    pub place: u32,
    pub subject: Did,
    /// None is known of what an earlier version issued.
    pub kinds: Vec<String>,
    /// Of the last of them.
    pub valid_until: Option<Timestamp>,
    pub revoked_at: Option<Timestamp>,
}

impl std::fmt::Debug for Issuance {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Issuance({} to {}, {})", self.issuer_pid, self.holder, self.status)
    }
}

impl Tx {
    /// Keeps a credential; the same number again replaces it.
    pub async fn put_held_credential(&mut self, held: &HeldCredential) -> Result<(), StoreError> {
        let query = sql("INSERT INTO held_credential
                 (number, issuer, kinds, profile, signed, source, received_ms, expires_ms)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (number) DO UPDATE SET
                 issuer = excluded.issuer, kinds = excluded.kinds, profile = excluded.profile,
                 signed = excluded.signed, source = excluded.source, received_ms = excluded.received_ms,
                 expires_ms = excluded.expires_ms")
        .bind(held.number.clone())
        .bind(held.issuer.to_string())
        .bind(held.kinds.join(" "))
        .bind(held.profile.clone())
        .bind(held.signed.clone())
        .bind(held.source.clone())
        .bind(ms(held.received_at))
        .bind(held.expires_at.map(ms));
        self.run(query).await.map(|_| ())
    }

    /// Every credential, newest first, expired ones too.
    pub async fn held_credentials(&mut self) -> Result<Vec<HeldCredential>, StoreError> {
        let query = sql("SELECT * FROM held_credential ORDER BY received_ms DESC, number");
        self.rows(query).await?.iter().map(held).collect()
    }

    pub async fn held_credential(&mut self, number: &str) -> Result<Option<HeldCredential>, StoreError> {
        let query = sql("SELECT * FROM held_credential WHERE number = $1").bind(number.to_owned());
        self.row(query).await?.map(|row| held(&row)).transpose()
    }

    /// Whether there was one of this number.
    pub async fn remove_held_credential(&mut self, number: &str) -> Result<bool, StoreError> {
        let query = sql("DELETE FROM held_credential WHERE number = $1").bind(number.to_owned());
        Ok(self.run(query).await? > 0)
    }

    /// Takes away what a newer one of the same issuer, kinds and profile replaces.
    pub async fn remove_held_before(&mut self, newer: &HeldCredential) -> Result<(), StoreError> {
        let query = sql("DELETE FROM held_credential
             WHERE issuer = $1 AND kinds = $2 AND profile = $3 AND source = $4 AND number <> $5")
        .bind(newer.issuer.to_string())
        .bind(newer.kinds.join(" "))
        .bind(newer.profile.clone())
        .bind(newer.source.clone())
        .bind(newer.number.clone());
        self.run(query).await.map(|_| ())
    }

    /// Keeps a request of ours or what has become of it.
    pub async fn put_credential_request(&mut self, request: &CredentialRequest) -> Result<(), StoreError> {
        let query =
            sql("INSERT INTO credential_request (holder_pid, issuer, address, status, reason, asked_ms)
             VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (holder_pid) DO UPDATE SET
                 address = excluded.address, status = excluded.status, reason = excluded.reason")
            .bind(request.holder_pid.clone())
            .bind(request.issuer.to_string())
            .bind(request.address.clone())
            .bind(request.status.clone())
            .bind(request.reason.clone())
            .bind(ms(request.asked_at));
        self.run(query).await.map(|_| ())
    }

    pub async fn credential_request(
        &mut self,
        holder_pid: &str,
    ) -> Result<Option<CredentialRequest>, StoreError> {
        let query = sql("SELECT * FROM credential_request WHERE holder_pid = $1").bind(holder_pid.to_owned());
        self.row(query).await?.map(|row| request(&row)).transpose()
    }

    /// Our requests, newest first.
    pub async fn credential_requests(&mut self) -> Result<Vec<CredentialRequest>, StoreError> {
        let query = sql("SELECT * FROM credential_request ORDER BY asked_ms DESC LIMIT 200");
        self.rows(query).await?.iter().map(request).collect()
    }

    pub async fn put_credential_offer(&mut self, offer: &CredentialOffer) -> Result<(), StoreError> {
        let query = sql("INSERT INTO credential_offer (issuer, object, kind, reason, received_ms)
             VALUES ($1, $2, $3, $4, $5) ON CONFLICT (issuer, object) DO UPDATE SET
                 kind = excluded.kind, reason = excluded.reason, received_ms = excluded.received_ms")
        .bind(offer.issuer.to_string())
        .bind(offer.object.clone())
        .bind(offer.kind.clone())
        .bind(offer.reason.clone())
        .bind(ms(offer.received_at));
        self.run(query).await.map(|_| ())
    }

    /// What was offered, newest first.
    pub async fn credential_offers(&mut self) -> Result<Vec<CredentialOffer>, StoreError> {
        let query = sql("SELECT * FROM credential_offer ORDER BY received_ms DESC, object LIMIT 200");
        self.rows(query).await?.iter().map(offer).collect()
    }

    /// Forgets offers received before a moment.
    pub async fn purge_credential_offers(&mut self, before: Timestamp) -> Result<(), StoreError> {
        let query = sql("DELETE FROM credential_offer WHERE received_ms < $1").bind(ms(before));
        self.run(query).await.map(|_| ())
    }

    /// Keeps an issuance or what has become of it, and forgets those that ended long ago.
    pub async fn put_issuance(&mut self, issuance: &Issuance, now: Timestamp) -> Result<(), StoreError> {
        let query = sql("INSERT INTO issuance
                 (issuer_pid, holder, holder_pid, objects, access, status, asked_ms)
             VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (issuer_pid) DO UPDATE SET
                 access = excluded.access, status = excluded.status")
        .bind(issuance.issuer_pid.clone())
        .bind(issuance.holder.to_string())
        .bind(issuance.holder_pid.clone())
        .bind(issuance.objects.join(" "))
        .bind(issuance.access.clone())
        .bind(issuance.status.clone())
        .bind(ms(issuance.asked_at));
        self.run(query).await?;
        let old = sql("DELETE FROM issuance WHERE status <> 'RECEIVED' AND asked_ms < $1");
        self.run(old.bind(ms(now - ISSUANCE_KEPT))).await.map(|_| ())
    }

    pub async fn issuance(&mut self, issuer_pid: &str) -> Result<Option<Issuance>, StoreError> {
        let query = sql("SELECT * FROM issuance WHERE issuer_pid = $1").bind(issuer_pid.to_owned());
        self.row(query).await?.map(|row| issuance(&row)).transpose()
    }

    /// What somebody asked for and has neither got nor been refused.
    pub async fn open_issuances(&mut self, holder: &Did) -> Result<Vec<Issuance>, StoreError> {
        let query = sql("SELECT * FROM issuance WHERE holder = $1 AND status = 'RECEIVED' ORDER BY asked_ms");
        self.rows(query.bind(holder.to_string())).await?.iter().map(issuance).collect()
    }

    /// The bit of a member in the status list, from 0: the one that it has, or a fresh one where it has none
    /// that is good.
    pub async fn status_place(&mut self, subject: &Did) -> Result<u32, StoreError> {
        let query = sql("SELECT place FROM status_place WHERE subject = $1 AND revoked_ms IS NULL");
        let place = match self.row(query.bind(subject.to_string())).await? {
            Some(row) => get::<i64>(&row, "place")?,
            None => {
                let place = self.next("status_place").await? - 1;
                let query = sql("INSERT INTO status_place (place, subject) VALUES ($1, $2)");
                self.run(query.bind(place).bind(subject.to_string())).await?;
                place
            }
        };
        u32::try_from(place).map_err(|_| StoreError::corrupt("status_place"))
    }

    /// Notes what is issued to a member with the place that it has now.
    pub async fn put_issued(
        &mut self,
        subject: &Did,
        kind: &str,
        until: Timestamp,
    ) -> Result<(), StoreError> {
        let query = sql("SELECT kinds, until_ms FROM status_place WHERE subject = $1 AND revoked_ms IS NULL");
        let Some(row) = self.row(query.bind(subject.to_string())).await? else { return Ok(()) };
        let mut kinds = words(&row, "kinds")?;
        if !kinds.iter().any(|known| known == kind) {
            kinds.push(kind.to_owned());
        }
        let last = get_time_option(&row, "until_ms")?.map_or(until, |known| known.max(until));
        let query = sql("UPDATE status_place SET kinds = $2, until_ms = $3
             WHERE subject = $1 AND revoked_ms IS NULL");
        let query = query.bind(subject.to_string()).bind(kinds.join(" ")).bind(ms(last));
        self.run(query).await.map(|_| ())
    }

    /// What was issued, the newest places first.
    pub async fn issued_places(&mut self) -> Result<Vec<IssuedPlace>, StoreError> {
        let query = sql("SELECT * FROM status_place ORDER BY place DESC LIMIT 1000");
        self.rows(query).await?.iter().map(issued_place).collect()
    }

    /// Revokes what was issued to a member so far, for good.
    pub async fn revoke_status(&mut self, subject: &Did, at: Timestamp) -> Result<(), StoreError> {
        let query = sql("UPDATE status_place SET revoked_ms = $2 WHERE subject = $1 AND revoked_ms IS NULL");
        self.run(query.bind(subject.to_string()).bind(ms(at))).await.map(|_| ())
    }

    /// Bits that are set.
    pub async fn revoked_places(&mut self) -> Result<Vec<u32>, StoreError> {
        let query = sql("SELECT place FROM status_place WHERE revoked_ms IS NOT NULL ORDER BY place");
        self.rows(query).await?.iter().map(place).collect()
    }
}

fn place(row: &AnyRow) -> Result<u32, StoreError> {
    u32::try_from(get::<i64>(row, "place")?).map_err(|_| StoreError::corrupt("status_place"))
}

fn issued_place(row: &AnyRow) -> Result<IssuedPlace, StoreError> {
    Ok(IssuedPlace {
        place: place(row)?,
        subject: get_text(row, "subject")?,
        kinds: words(row, "kinds")?,
        valid_until: get_time_option(row, "until_ms")?,
        revoked_at: get_time_option(row, "revoked_ms")?,
    })
}

fn words(row: &AnyRow, column: &'static str) -> Result<Vec<String>, StoreError> {
    Ok(get::<&str>(row, column)?.split_whitespace().map(str::to_owned).collect())
}

fn held(row: &AnyRow) -> Result<HeldCredential, StoreError> {
    Ok(HeldCredential {
        number: get(row, "number")?,
        issuer: get_text(row, "issuer")?,
        kinds: words(row, "kinds")?,
        profile: get(row, "profile")?,
        signed: get(row, "signed")?,
        source: get(row, "source")?,
        received_at: get_time(row, "received_ms")?,
        expires_at: get_time_option(row, "expires_ms")?,
    })
}

fn request(row: &AnyRow) -> Result<CredentialRequest, StoreError> {
    Ok(CredentialRequest {
        holder_pid: get(row, "holder_pid")?,
        issuer: get_text(row, "issuer")?,
        address: get(row, "address")?,
        status: get(row, "status")?,
        reason: get(row, "reason")?,
        asked_at: get_time(row, "asked_ms")?,
    })
}

fn offer(row: &AnyRow) -> Result<CredentialOffer, StoreError> {
    Ok(CredentialOffer {
        issuer: get_text(row, "issuer")?,
        object: get(row, "object")?,
        kind: get(row, "kind")?,
        reason: get(row, "reason")?,
        received_at: get_time(row, "received_ms")?,
    })
}

fn issuance(row: &AnyRow) -> Result<Issuance, StoreError> {
    Ok(Issuance {
        issuer_pid: get(row, "issuer_pid")?,
        holder: get_text(row, "holder")?,
        holder_pid: get(row, "holder_pid")?,
        objects: words(row, "objects")?,
        access: get(row, "access")?,
        status: get(row, "status")?,
        asked_at: get_time(row, "asked_ms")?,
    })
}
