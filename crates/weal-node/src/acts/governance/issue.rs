//! The governing body as an issuer of credentials: what it issues to members, who asks for it, and the list that
//! says what is revoked (Decentralized Claims Protocol 1.0, section 6).

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde_json::json;
use weal_domain::governance::{Application, Member, Standing};
use weal_domain::identity::{Did, MemberName};
use weal_domain::{Refusal, RefusalKind, Timestamp};
use weal_store::{Issuance, Membership, NewJob, Tx};
use weal_trust::credential;
use weal_trust::encoding::from_base64url;
use weal_trust::status::{BITS_MIN, ListKind, StatusEntry, StatusList};
use weal_trust::vc::Profile;
use weal_wire::dcp::{
    CREDENTIAL_SERVICE, CredentialContainer, CredentialMessage, CredentialObject, CredentialRequestMessage,
    CredentialRequestStatus, IssuerMetadata, MESSAGE_BYTES_MAX, MessageStatus, RequestStatus,
};

use crate::acts::sha256_hex;
use crate::config::FormatNames;
use crate::drivers::JOB_ISSUANCE;
use crate::fault::{Fault, Result};
use crate::house::House;
use crate::http::claims::{ISSUER_PATH, STATUS_2021_PATH, STATUS_PATH};
use crate::peers::{Age, Asker};

/// How long a membership credential is good for; it is renewed with every new register.
pub(crate) const CREDENTIAL_DAYS: u64 = 90;
const DAY_S: u64 = 24 * 3600;
/// Requests of one holder that wait at once.
const OPEN_MAX: usize = 64;
/// A list is signed anew every hour and good for two days, so that a copy of it serves while this node is away.
const LIST_HOUR_S: i64 = 3600;
const LIST_VALID_S: i64 = 48 * 3600;
/// How long a holder's store may take to answer.
const STORE_TIME_MAX: Duration = Duration::from_secs(30);
/// The longest name made of a DID, in characters.
const NAME_CHARS_MAX: usize = 40;

/// A membership in the forms in which it is issued.
#[derive(Debug)]
pub(super) struct Issued {
    pub(super) membership: Membership,
    pub(super) vc11: String,
}

/// A status list as it is served.
#[derive(Debug)]
pub(crate) struct ServedList {
    /// A digest of everything it was made of: while that is the same, so is the list.
    made_of: String,
    pub(crate) signed: String,
    /// The same without the signature, for readers that take nothing else.
    pub(crate) plain: String,
    pub(crate) etag: String,
}

/// The lists that were served last, one of each form: anybody may ask for them, again and again.
#[derive(Debug, Default)]
pub struct ServedLists(Mutex<[Option<Arc<ServedList>>; 2]>);

impl ServedLists {
    fn get(&self, kind: ListKind, made_of: &str) -> Option<Arc<ServedList>> {
        let last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        last[place_of(kind)].clone().filter(|served| served.made_of == made_of)
    }
    fn keep(&self, kind: ListKind, served: &Arc<ServedList>) {
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        last[place_of(kind)] = Some(Arc::clone(served));
    }
}

fn place_of(kind: ListKind) -> usize {
    usize::from(kind == ListKind::StatusList2021)
}

/// A short name for somebody who gave none: made of the host and path of its DID, and not one of `taken`.
pub(crate) fn name_of(did: &Did, taken: &[Member]) -> MemberName {
    let rest = did.as_str().trim_start_matches("did:web:").replace("%3A", "_");
    let plain = |c: char| if c.is_ascii_lowercase() || c.is_ascii_digit() { c } else { '_' };
    let mut name: String = rest.to_ascii_lowercase().chars().map(plain).take(NAME_CHARS_MAX).collect();
    if !name.starts_with(|c: char| c.is_ascii_lowercase()) {
        name.insert(0, 'm');
    }
    let tries = std::iter::once(name.clone()).chain((2..).map(|count| format!("{name}_{count}")));
    let free = |name: &MemberName| taken.iter().all(|member| member.name != *name);
    let found = tries.take(taken.len() + 2).filter_map(|name| MemberName::new(name).ok()).find(free);
    found.unwrap_or_else(|| MemberName::new("member").expect("a lower-case word is a member name"))
}

impl House {
    fn issued_kinds(&self) -> impl Iterator<Item = &String> {
        let identity = &self.config.identity;
        let more = identity.issued_kinds.iter().filter(|kind| **kind != identity.membership_kind);
        std::iter::once(&identity.membership_kind).chain(more)
    }

    /// Every credential that can be asked for: by id, kind and profile.
    fn issued_objects(&self) -> Vec<(String, String, Profile)> {
        let object = |kind: &String, profile: Profile| {
            let short = if profile == Profile::Vc11 { "vc11" } else { "vc20" };
            let id = format!("{}{ISSUER_PATH}/metadata#{kind}-{short}", self.config.node.origin);
            (id, kind.clone(), profile)
        };
        self.issued_kinds().flat_map(|kind| Profile::ALL.map(|profile| object(kind, profile))).collect()
    }

    /// What this governing body issues, for whoever asks.
    pub(crate) fn issuer_metadata(&self) -> Result<IssuerMetadata> {
        self.require_governing()?;
        let objects = self.issued_objects().into_iter().map(|(id, kind, profile)| CredentialObject {
            id,
            credential_type: Some(kind),
            credential_schema: Some(format!("{}{ISSUER_PATH}/schema", self.config.node.origin)),
            offer_reason: Some("issue".into()),
            binding_methods: vec!["did:web".into()],
            profile: Some(profile.as_str().into()),
            // Nothing has to be presented: the governing body knows its members.
            issuance_policy: Some(json!({ "id": "none", "input_descriptors": [] })),
        });
        Ok(IssuerMetadata { issuer: self.did.to_string(), credentials_supported: objects.collect() })
    }

    /// The membership of a member, in both forms, with its place in the status list.
    pub(super) async fn issue(&self, tx: &mut Tx, member: &Member) -> Result<Issued> {
        let until = self.clock.now() + Duration::from_secs(CREDENTIAL_DAYS * DAY_S);
        let kind = self.config.identity.membership_kind.clone();
        let new = self.membership_of(tx, member, kind, Profile::Vc20, until).await?;
        let (kid, key) = self.own_signer();
        let faulty = |cause| Fault::new("issuing a membership credential", cause);
        let signed = credential::issue(&new, &kid, &*key).map_err(faulty)?;
        let new = credential::Membership { status: new.status.map(|status| self.in_2021(status)), ..new };
        let (kid, signer) = self.signer();
        let vc11 = credential::issue_v11(&new, &kid, &*signer).map_err(faulty)?;
        let membership = Membership {
            governing_body: self.did.clone(),
            credential: signed,
            received_at: self.clock.now(),
            expires_at: until,
        };
        Ok(Issued { membership, vc11 })
    }

    async fn membership_of(
        &self,
        tx: &mut Tx,
        member: &Member,
        kind: String,
        profile: Profile,
        until: Timestamp,
    ) -> Result<credential::Membership> {
        let status = StatusEntry {
            list: format!("{}{STATUS_PATH}/1", self.config.node.origin),
            index: tx.status_place(&member.did).await?,
            purpose: "revocation".into(),
        };
        tx.put_issued(&member.did, &kind, until).await?;
        let status = if profile == Profile::Vc11 { self.in_2021(status) } else { status };
        Ok(credential::Membership {
            id: self.entropy.urn()?,
            issuer: self.did.to_string(),
            subject: member.did.to_string(),
            member_name: member.name.to_string(),
            ecosystem: self.did.to_string(),
            valid_from_s: self.clock.now().as_second(),
            valid_until_s: until.as_second(),
            status_id: None,
            status: Some(status),
            kind: Some(kind),
        })
    }

    /// The same place in the list's other form.
    fn in_2021(&self, status: StatusEntry) -> StatusEntry {
        StatusEntry { list: format!("{}{STATUS_2021_PATH}/1", self.config.node.origin), ..status }
    }

    /// Somebody asks for credentials. Members get them at once; whoever is none has applied by asking, and gets
    /// them when it is admitted.
    pub(crate) async fn receive_credential_request(
        &self,
        from: &Did,
        access: Option<String>,
        message: CredentialRequestMessage,
    ) -> Result<String> {
        self.require_governing()?;
        let known = self.issued_objects();
        let is_known = |id: &String| known.iter().any(|(known, ..)| known == id);
        if !message.credentials.iter().all(is_known) {
            return Err(Refusal::invalid(
                "credential-not-issued",
                "This issuer does not issue all of these.",
            )
            .remedy("See /metadata for what it issues.")
            .into());
        }
        let mut objects = message.credentials;
        objects.sort();
        objects.dedup();
        let now = self.clock.now();
        let mut tx = self.store.write("governance.request").await?;
        if tx.open_issuances(from).await?.len() >= OPEN_MAX {
            return Err(Refusal::new(
                RefusalKind::Exhausted,
                "too-many-requests",
                format!("{OPEN_MAX} of your requests wait already."),
            )
            .remedy("Wait until they are answered.")
            .into());
        }
        let member = match tx.member(from).await? {
            Some(member) => member,
            None => self.apply_for(&mut tx, from, now).await?,
        };
        let issuance = Issuance {
            issuer_pid: self.entropy.urn()?,
            holder: from.clone(),
            holder_pid: message.holder_pid,
            objects,
            access,
            status: RequestStatus::Received.as_str().into(),
            asked_at: now,
        };
        tx.put_issuance(&issuance, now).await?;
        if member.standing != Standing::Applied {
            self.enqueue_issuance(&mut tx, &issuance).await?;
        }
        tx.commit().await?;
        self.reload_ecosystem().await?;
        self.wakers.outbox.notify_one();
        Ok(issuance.issuer_pid)
    }

    /// The application of somebody who speaks this protocol and not our own. It says nothing of the charter: what
    /// the applicant agrees to is for the person to see who admits it.
    async fn apply_for(&self, tx: &mut Tx, from: &Did, now: Timestamp) -> Result<Member> {
        let all = tx.members().await?;
        super::body::check_room(&all, from)?;
        let charter =
            tx.charter().await?.ok_or_else(|| Fault::new("reading the charter", "it is missing"))?.0;
        let application = Application {
            did: from.clone(),
            name: name_of(from, &all),
            title: from.to_string(),
            origin: self.peers.origin(from)?,
            charter_version: charter.version,
        };
        let member = Member::apply(application, &all, &charter, now)?;
        tx.put_member(&member).await?;
        Ok(member)
    }

    async fn enqueue_issuance(&self, tx: &mut Tx, issuance: &Issuance) -> Result<()> {
        let job = NewJob {
            kind: JOB_ISSUANCE,
            key: &issuance.issuer_pid,
            peer: issuance.holder.as_str(),
            body: &(),
            due_at: self.clock.now(),
        };
        tx.enqueue(job).await?;
        Ok(())
    }

    /// What a member's new standing makes of what it asked for and of what it was issued.
    pub(super) async fn follow_standing(&self, tx: &mut Tx, member: &Did, standing: Standing) -> Result<()> {
        if standing == Standing::Suspended {
            tx.revoke_status(member, self.clock.now()).await?;
        }
        for issuance in tx.open_issuances(member).await? {
            self.enqueue_issuance(tx, &issuance).await?;
        }
        Ok(())
    }

    /// Where a request stands, for whoever made it; to everybody else it is unknown.
    pub(crate) async fn issuance_status(
        &self,
        from: &Did,
        issuer_pid: &str,
    ) -> Result<CredentialRequestStatus> {
        self.require_governing()?;
        let found = self.store.read("governance.issuance").await?.issuance(issuer_pid).await?;
        let issuance = found
            .filter(|issuance| issuance.holder == *from)
            .ok_or_else(|| Refusal::not_found("request-unknown", "There is no such request of yours."))?;
        let all = RequestStatus::ALL;
        let status = all.into_iter().find(|status| status.as_str() == issuance.status);
        Ok(CredentialRequestStatus {
            issuer_pid: issuance.issuer_pid,
            holder_pid: issuance.holder_pid,
            status: status.ok_or_else(|| Fault::new("reading an issuance", "its status is unknown"))?,
        })
    }

    /// Brings a holder what it asked for, or says that it does not get it.
    pub(crate) async fn send_issuance(&self, issuer_pid: &str) -> Result<()> {
        let mut tx = self.store.write("governance.issue").await?;
        let Some(mut issuance) = tx.issuance(issuer_pid).await? else { return Ok(()) };
        let member = tx.member(&issuance.holder).await?;
        if issuance.status != RequestStatus::Received.as_str()
            || member.as_ref().is_some_and(|member| member.standing == Standing::Applied)
        {
            return Ok(());
        }
        let member = member.filter(|member| member.standing == Standing::Good);
        let mut credentials = Vec::new();
        if let Some(member) = &member {
            for id in &issuance.objects {
                credentials.push(self.container(&mut tx, member, id).await?);
            }
        }
        // A place in the status list may have been given.
        tx.commit().await?;
        let status = if member.is_some() { MessageStatus::Issued } else { MessageStatus::Rejected };
        let message = CredentialMessage {
            issuer_pid: issuance.issuer_pid.clone(),
            holder_pid: issuance.holder_pid.clone(),
            status,
            credentials,
            rejection_reason: member.is_none().then(|| "not a member in good standing".to_owned()),
        };
        self.write_to_store(&issuance, &message).await?;
        issuance.status = status.as_str().into();
        issuance.access = None;
        let mut tx = self.store.write("governance.issued").await?;
        tx.put_issuance(&issuance, self.clock.now()).await?;
        Ok(tx.commit().await?)
    }

    /// After the last attempt: it is not brought, and whoever asks is told so.
    pub(crate) async fn fail_issuance(&self, tx: &mut Tx, issuer_pid: &str) -> Result<()> {
        if let Some(mut issuance) = tx.issuance(issuer_pid).await? {
            issuance.status = RequestStatus::Rejected.as_str().into();
            issuance.access = None;
            tx.put_issuance(&issuance, self.clock.now()).await?;
        }
        Ok(())
    }

    async fn container(&self, tx: &mut Tx, member: &Member, id: &str) -> Result<CredentialContainer> {
        let known = self.issued_objects().into_iter().find(|(known, ..)| known == id);
        let (_, kind, profile) =
            known.ok_or_else(|| Refusal::not_found("credential-not-issued", "It is not issued any more."))?;
        let until = self.clock.now() + Duration::from_secs(CREDENTIAL_DAYS * DAY_S);
        let new = self.membership_of(tx, member, kind.clone(), profile, until).await?;
        let (kid, signer) = self.signer();
        let payload = match profile {
            Profile::Vc11 => credential::issue_v11(&new, &kid, &*signer),
            Profile::Vc20 => credential::issue(&new, &kid, &*signer),
        };
        let payload = payload.map_err(|cause| Fault::new("issuing a credential", cause))?;
        let format = match (self.config.identity.format_names, profile) {
            (FormatNames::Profile, profile) => profile.as_str(),
            (FormatNames::IdentityHub, Profile::Vc11) => "VC1_0_JWT",
            (FormatNames::IdentityHub, Profile::Vc20) => "VC2_0_JOSE",
        };
        Ok(CredentialContainer { credential_type: kind, format: format.into(), payload })
    }

    async fn write_to_store(&self, issuance: &Issuance, message: &CredentialMessage) -> Result<()> {
        let holder = &issuance.holder;
        let now = self.clock.now();
        let document = self.peers.document_for(holder, Asker::Ourselves, Age::Fresh, now).await?;
        let endpoint = document.endpoint(CREDENTIAL_SERVICE).ok_or_else(|| {
            Refusal::new(
                RefusalKind::Unavailable,
                "holder-unknown",
                format!("{holder} publishes no address for its credentials."),
            )
        })?;
        let url = self.peers.elsewhere(endpoint, "/credentials")?;
        let request = self
            .peers
            .request_elsewhere(reqwest::Method::POST, url)
            .bearer_auth(self.token_to(holder, None, issuance.access.clone())?)
            .header(reqwest::header::CONTENT_TYPE, "application/json")
            .body(weal_wire::print(message));
        let (reply, _) = self.peers.ask_elsewhere(request, holder, MESSAGE_BYTES_MAX, STORE_TIME_MAX).await?;
        Ok(reply.check(holder)?)
    }

    /// The bits as they stand in this node's store.
    pub(crate) async fn own_status_list(&self) -> Result<StatusList> {
        Ok(status_list_of(self.store.read("governance.status").await?.revoked_places().await?)?)
    }

    /// The list as it is served. Signed for the hour that runs, so that it changes with the hour and with what is
    /// revoked, and at no other time.
    pub(crate) async fn served_status_list(&self, kind: ListKind) -> Result<Arc<ServedList>> {
        self.require_governing()?;
        let places = self.store.read("governance.status").await?.revoked_places().await?;
        let now_s = self.clock.now().as_second();
        let hour_s = now_s - now_s.rem_euclid(LIST_HOUR_S);
        let (kid, signer) = self.signer();
        let made_of = format!("{kind:?} {hour_s} {kid} {places:?}");
        let made_of = sha256_hex(made_of);
        if let Some(served) = self.doors.served_lists.get(kind, &made_of) {
            return Ok(served);
        }
        let list = status_list_of(places)?;
        let path = if kind == ListKind::Bitstring { STATUS_PATH } else { STATUS_2021_PATH };
        let url = format!("{}{path}/1", self.config.node.origin);
        let signed = list
            .sign(kind, &url, &kid, &*signer, (hour_s, LIST_VALID_S))
            .map_err(|cause| Fault::new("signing the status list", cause))?;
        let payload = signed.split('.').nth(1).unwrap_or_default();
        let payload =
            from_base64url(payload).map_err(|cause| Fault::new("reading the status list", cause))?;
        let mut plain: serde_json::Value =
            serde_json::from_slice(&payload).map_err(|cause| Fault::new("reading the status list", cause))?;
        if let Some(inner) = plain.get_mut("vc") {
            plain = inner.take();
        }
        let etag = format!("\"{}\"", &sha256_hex(&payload)[..32]);
        let served = Arc::new(ServedList { made_of, signed, plain: plain.to_string(), etag });
        self.doors.served_lists.keep(kind, &served);
        Ok(served)
    }
}

fn status_list_of(places: Vec<u32>) -> Result<StatusList, Fault> {
    let bits = places.last().map_or(BITS_MIN, |last| last.saturating_add(1));
    let mut list = StatusList::new(bits, "revocation");
    for place in places {
        list.set(place).map_err(|cause| Fault::new("making the status list", cause))?;
    }
    Ok(list)
}
