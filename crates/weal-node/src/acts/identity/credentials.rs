//! Credentials that this node holds: received from an issuer, imported by a person, shown, exported, removed.

use std::time::Duration;

use weal_domain::identity::{Act, Did, Person};
use weal_domain::{Refusal, RefusalKind, Timestamp};
use weal_store::{CredentialOffer, CredentialRequest, HeldCredential, IssuedPlace, Tx};
use weal_trust::did::DidDocument;
use weal_trust::vc::{self, Profile, VcError};
use weal_wire::dcp::{
    CredentialMessage, CredentialOfferMessage, CredentialRequestMessage, ISSUER_SERVICE, IssuerMetadata,
    MESSAGE_BYTES_MAX, MessageStatus, RequestStatus,
};

use crate::acts::sha256_hex;
use crate::api::{
    CredentialShown, CredentialsShown, IssuedCredential, OfferedCredential, RequestedCredential,
};
use crate::fault::Result;
use crate::house::House;
use crate::peers::{Age, Asker, Status};

/// The most credentials that a node holds.
const HELD_MAX: usize = 200;
/// Those of them that one issuer may have signed.
const HELD_OF_ISSUER_MAX: usize = 50;
/// The longest number by which people name one.
const NUMBER_CHARS: usize = 12;
/// How long an offer is shown.
const OFFER_KEPT: Duration = Duration::from_secs(90 * 24 * 3600);
/// How long an issuer may take to answer.
const ISSUER_TIME_MAX: Duration = Duration::from_secs(20);
/// How long all status lists together may take before a list of credentials is shown without them.
const STATUSES_TIME_MAX: Duration = Duration::from_secs(6);

/// How a credential came to this node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Source {
    Membership,
    Issued,
    Imported,
}

impl Source {
    fn as_str(self) -> &'static str {
        match self {
            Self::Membership => "membership",
            Self::Issued => "issued",
            Self::Imported => "imported",
        }
    }
}

fn credential_unknown() -> Refusal {
    Refusal::not_found("credential-unknown", "This node holds no credential of that number.")
        .remedy("List them with `weal credentials list`.")
}

fn not_acceptable(cause: &VcError) -> Refusal {
    Refusal::invalid("credential-invalid", format!("The credential is not accepted: {cause}."))
}

/// Whether a caller may write into this node's store; the same answer for all who may not.
fn not_asked() -> Refusal {
    Refusal::forbidden(
        "credential-not-asked",
        "This node has not asked you for credentials, and does not know you as an issuer.",
    )
    .changed_by("the operator of this node")
}

impl House {
    pub async fn credentials_shown(&self, by: &Person) -> Result<CredentialsShown> {
        self.require_act(by, Act::Look)?;
        let mut tx = self.store.read("identity.credentials").await?;
        let held = tx.held_credentials().await?;
        let requests = tx.credential_requests().await?;
        let offers = tx.credential_offers().await?;
        let places = tx.issued_places().await?;
        drop(tx);
        // All at once and for a bounded time: an issuer that is away delays nobody's view of the others.
        let by_then = tokio::time::Instant::now() + STATUSES_TIME_MAX;
        let statuses = held.iter().map(|one| async move {
            let statuses = vc::peek(&one.signed).map(|credential| credential.statuses).unwrap_or_default();
            let asked = self.status_of(&one.issuer, &statuses);
            tokio::time::timeout_at(by_then, asked).await.unwrap_or(Status::Unknown)
        });
        let statuses = futures::future::join_all(statuses).await;
        let now = self.clock.now();
        Ok(CredentialsShown {
            credentials: held
                .into_iter()
                .zip(statuses)
                .map(|(one, status)| shown(one, status, now))
                .collect(),
            requests: requests.into_iter().map(requested).collect(),
            offers: offers.into_iter().map(offered).collect(),
            issued: places.into_iter().map(|place| issued(place, now)).collect(),
        })
    }

    /// The credential exactly as it was signed.
    pub async fn export_credential(&self, by: &Person, number: &str) -> Result<String> {
        self.require_act(by, Act::Operate)?;
        let held = self.store.read("identity.credential").await?.held_credential(number).await?;
        Ok(held.ok_or_else(credential_unknown)?.signed)
    }

    pub async fn remove_credential(&self, by: &Person, number: &str) -> Result<()> {
        self.require_act(by, Act::Operate)?;
        let mut tx = self.store.write("identity.credential").await?;
        if !tx.remove_held_credential(number).await? {
            return Err(credential_unknown().into());
        }
        Ok(tx.commit().await?)
    }

    /// Takes in a credential about this node that somebody issued elsewhere. From then on whoever asks for its kind
    /// is shown it.
    pub async fn import_credential(&self, by: &Person, signed: &str) -> Result<CredentialShown> {
        self.require_act(by, Act::ImportCredential)?;
        let signed = signed.trim();
        let issuer = vc::peek(signed).map_err(|cause| not_acceptable(&cause))?.issuer;
        let issuer = Did::new(issuer)
            .map_err(|_| Refusal::invalid("credential-invalid", "The credential's issuer is not a DID."))?;
        let document = if issuer == self.did {
            std::sync::Arc::new(self.did_document())
        } else {
            self.peers.fetch_document(&issuer, self.clock.now()).await?
        };
        let held = self.checked_credential(signed, &document, Source::Imported)?;
        let statuses = vc::peek(signed).map(|credential| credential.statuses).unwrap_or_default();
        let status = self.status_of(&issuer, &statuses).await;
        if status == Status::Set {
            return Err(Refusal::invalid("credential-revoked", "Its issuer has revoked this credential.")
                .remedy("Ask the issuer for a new one.")
                .into());
        }
        let mut tx = self.store.write("identity.import").await?;
        self.keep_credential(&mut tx, &held).await?;
        tx.commit().await?;
        Ok(shown(held, status, self.clock.now()))
    }

    /// Checks a credential about this node by its issuer's document.
    pub(crate) fn checked_credential(
        &self,
        signed: &str,
        issuer: &DidDocument,
        source: Source,
    ) -> Result<HeldCredential, Refusal> {
        let now = self.clock.now();
        let credential = match vc::verify(signed, issuer, self.did.as_str(), now.as_second()) {
            // Whoever is shown it may check the schema; to hold it nobody needs to.
            Err(VcError::HasSchema) => vc::peek(signed),
            other => other,
        };
        let credential = credential.map_err(|cause| not_acceptable(&cause))?;
        let expires_at = credential.valid_until_s.and_then(|at| Timestamp::from_second(at).ok());
        let issuer = Did::new(credential.issuer)
            .map_err(|_| Refusal::invalid("credential-invalid", "The credential's issuer is not a DID."))?;
        let kinds = credential.kinds.into_iter().filter(|kind| !kind.contains(char::is_whitespace));
        Ok(HeldCredential {
            number: sha256_hex(signed).chars().take(NUMBER_CHARS).collect(),
            issuer,
            kinds: kinds.collect(),
            profile: credential.profile.as_str().into(),
            signed: signed.to_owned(),
            source: source.as_str().into(),
            received_at: now,
            expires_at,
        })
    }

    /// Keeps a credential. What an issuer sends takes the place of what it sent before; what a person imports
    /// stands beside it.
    pub(crate) async fn keep_credential(&self, tx: &mut Tx, held: &HeldCredential) -> Result<()> {
        if held.source != Source::Imported.as_str() {
            tx.remove_held_before(held).await?;
        }
        let all = tx.held_credentials().await?;
        let of_issuer = all.iter().filter(|one| one.issuer == held.issuer).count();
        if all.len() >= HELD_MAX || of_issuer >= HELD_OF_ISSUER_MAX {
            return Err(Refusal::new(
                RefusalKind::Exhausted,
                "credentials-many",
                format!(
                    "This node holds {HELD_MAX} credentials, {HELD_OF_ISSUER_MAX} of one issuer, and no more."
                ),
            )
            .remedy("Remove some with `weal credentials remove`.")
            .into());
        }
        Ok(tx.put_held_credential(held).await?)
    }

    /// Refuses an issuer that this node neither trusts nor waits for, before it is looked up.
    pub(crate) async fn check_asked(&self, said: &Did, message: &CredentialMessage) -> Result<()> {
        let asked = self.open_request(said, message).await?.is_some();
        if asked { Ok(()) } else { Ok(self.check_trusted(said)?) }
    }

    pub(crate) fn check_trusted(&self, issuer: &Did) -> Result<(), Refusal> {
        if self.trusts_issuer(issuer.as_str()) { Ok(()) } else { Err(not_asked()) }
    }

    /// What this node asked this issuer for and was not answered yet: one answer is all that it asked for.
    async fn open_request(
        &self,
        from: &Did,
        message: &CredentialMessage,
    ) -> Result<Option<CredentialRequest>> {
        let mut tx = self.store.read("identity.request").await?;
        let found = tx.credential_request(&message.holder_pid).await?;
        let waits = |asked: &CredentialRequest| asked.status == RequestStatus::Received.as_str();
        Ok(found.filter(|asked| asked.issuer == *from && waits(asked)))
    }

    /// An issuer brings what this node asked for, or says that it does not.
    pub(crate) async fn receive_credentials(&self, from: &Did, message: CredentialMessage) -> Result<()> {
        let request = self.open_request(from, &message).await?;
        if request.is_none() {
            self.check_trusted(from)?;
        }
        let mut held = Vec::new();
        if message.status == MessageStatus::Issued {
            let asker = Asker::Member;
            let document = self.peers.document_for(from, asker, Age::Fresh, self.clock.now()).await?;
            for container in &message.credentials {
                held.push(self.checked_credential(&container.payload, &document, Source::Issued)?);
            }
        }
        let mut tx = self.store.write("identity.issued").await?;
        for one in &held {
            self.keep_credential(&mut tx, one).await?;
        }
        if let Some(mut request) = request {
            request.status = message.status.as_str().into();
            request.reason = message.rejection_reason;
            tx.put_credential_request(&request).await?;
        }
        Ok(tx.commit().await?)
    }

    /// An issuer says what can be had. Nothing is asked for by itself: a person sees it and decides.
    pub(crate) async fn receive_credential_offer(
        &self,
        from: &Did,
        message: CredentialOfferMessage,
    ) -> Result<()> {
        if message.issuer != from.as_str() {
            return Err(
                Refusal::invalid("issuer-not-own", "An issuer can only offer its own credentials.").into()
            );
        }
        self.check_trusted(from)?;
        let received_at = self.clock.now();
        let mut tx = self.store.write("identity.offer").await?;
        tx.purge_credential_offers(received_at - OFFER_KEPT).await?;
        for object in message.credentials {
            let offer = CredentialOffer {
                issuer: from.clone(),
                object: object.id,
                kind: object.credential_type,
                reason: object.offer_reason,
                received_at,
            };
            tx.put_credential_offer(&offer).await?;
        }
        Ok(tx.commit().await?)
    }

    /// Asks an issuer for credentials: those of a kind in the profile that this node presents, or all of that
    /// profile.
    pub async fn request_credentials(
        &self,
        by: &Person,
        issuer: &Did,
        kind: Option<&str>,
    ) -> Result<RequestedCredential> {
        self.require_act(by, Act::Operate)?;
        let document = self.peers.fetch_document(issuer, self.clock.now()).await?;
        let base = document.endpoint(ISSUER_SERVICE).map(str::to_owned).ok_or_else(|| {
            Refusal::not_found(
                "issuer-unknown",
                format!("{issuer} publishes no address to ask for credentials."),
            )
        })?;
        let url = self.peers.elsewhere(&base, "/metadata")?;
        let request = self.peers.request_elsewhere(reqwest::Method::GET, url);
        let request = request.bearer_auth(self.token_to(issuer, None, None)?);
        let asked = self.peers.ask_elsewhere(request, issuer, MESSAGE_BYTES_MAX, ISSUER_TIME_MAX).await?;
        let metadata: IssuerMetadata = asked.0.accept(issuer)?;
        let profile = self.config.identity.presented_profile.as_str();
        let wanted = metadata.credentials_supported.into_iter().filter(|object| {
            let is_kind = kind.is_none_or(|kind| object.credential_type.as_deref() == Some(kind));
            is_kind && object.profile.as_deref().is_none_or(|of| of == profile || Profile::of(of).is_none())
        });
        let credentials: Vec<String> = wanted.map(|object| object.id).collect();
        if credentials.is_empty() {
            return Err(Refusal::not_found(
                "credential-not-issued",
                format!("{issuer} does not issue that."),
            )
            .into());
        }
        let holder_pid = self.entropy.urn()?;
        let mut kept = CredentialRequest {
            holder_pid: holder_pid.clone(),
            issuer: issuer.clone(),
            address: String::new(),
            status: RequestStatus::Received.as_str().into(),
            reason: None,
            asked_at: self.clock.now(),
        };
        // Known before it is sent: the answer may come before the acknowledgement.
        self.keep_request(&kept).await?;
        let url = self.peers.elsewhere(&base, "/credentials")?;
        let message = CredentialRequestMessage { holder_pid, credentials };
        let access = self.access_token(issuer, &[]);
        let request = self
            .peers
            .request_elsewhere(reqwest::Method::POST, url)
            .bearer_auth(self.token_to(issuer, None, Some(access))?)
            .header(reqwest::header::CONTENT_TYPE, "application/json")
            .body(weal_wire::print(&message));
        let asked = self.peers.ask_elsewhere(request, issuer, MESSAGE_BYTES_MAX, ISSUER_TIME_MAX).await;
        let (reply, headers) = asked?;
        reply.check(issuer)?;
        let location = headers.get(reqwest::header::LOCATION).and_then(|value| value.to_str().ok());
        kept.address = location.unwrap_or_default().chars().take(512).collect();
        let mut tx = self.store.write("identity.asked").await?;
        // What has come meanwhile stands.
        if let Some(now) = tx.credential_request(&kept.holder_pid).await? {
            (kept.status, kept.reason) = (now.status, now.reason);
        }
        tx.put_credential_request(&kept).await?;
        tx.commit().await?;
        Ok(requested(kept))
    }

    /// Keeps a request of this node, so that its issuer may answer it.
    pub async fn keep_request(&self, request: &CredentialRequest) -> Result<()> {
        let mut tx = self.store.write("identity.ask").await?;
        tx.put_credential_request(request).await?;
        Ok(tx.commit().await?)
    }

    /// The membership in every form, as the governing body has just signed it. One in a form that cannot be shown
    /// to strangers, as earlier versions signed, is left out: nodes of ours do not need it.
    pub(crate) async fn keep_memberships(
        &self,
        tx: &mut Tx,
        issuer: &DidDocument,
        signed: &[&str],
    ) -> Result<()> {
        for one in signed {
            match self.checked_credential(one, issuer, Source::Membership) {
                Ok(held) => self.keep_credential(tx, &held).await?,
                Err(cause) => tracing::info!(%cause, "a form of the membership is not kept"),
            }
        }
        Ok(())
    }
}

fn shown(held: HeldCredential, status: Status, now: Timestamp) -> CredentialShown {
    let status = match status {
        _ if held.expires_at.is_some_and(|at| at <= now) => "expired",
        Status::Good => "good",
        Status::Set => "revoked",
        Status::Unknown => "unknown",
    };
    let HeldCredential { number, issuer, kinds, profile, source, received_at, expires_at, .. } = held;
    CredentialShown { number, issuer, kinds, profile, source, status: status.into(), received_at, expires_at }
}

fn issued(place: IssuedPlace, now: Timestamp) -> IssuedCredential {
    let IssuedPlace { place, subject, kinds, valid_until, revoked_at } = place;
    let status = match valid_until {
        _ if revoked_at.is_some() => "revoked",
        Some(at) if at <= now => "expired",
        _ => "good",
    };
    IssuedCredential { subject, kinds, place, status: status.into(), expires_at: valid_until, revoked_at }
}

fn requested(request: CredentialRequest) -> RequestedCredential {
    let CredentialRequest { holder_pid, issuer, status, reason, asked_at, .. } = request;
    RequestedCredential { id: holder_pid, issuer, status, reason, asked_at }
}

fn offered(offer: CredentialOffer) -> OfferedCredential {
    let CredentialOffer { issuer, object, kind, reason, received_at } = offer;
    OfferedCredential { issuer, id: object, kind, reason, received_at }
}
