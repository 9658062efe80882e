//! Founding, joining, admitting: who belongs to the ecosystem and how everyone knows it without asking.
//!
//! The governing body signs three papers: the charter, the register of members, and each member's
//! credential. Members keep them, so that between members nothing stops when the governing body's node does.

use std::collections::HashMap;
use std::time::Duration;

use weal_domain::agreements::Purpose;
use weal_domain::governance::{Charter, Member, Standing};
use weal_domain::identity::{Act, Did, Person};
use weal_domain::ledger::Fact;
use weal_domain::{Refusal, RefusalKind, Timestamp};
use weal_store::{Membership, NewJob, SignedRegister, Tx};
use weal_trust::credential::{self, Expected};
use weal_trust::did::DidKey;
use weal_trust::jws::{jws_sign, jws_verify};
use weal_wire::peer::{AdmissionMessage, ApplicationMessage, CharterMessage, RegisterMessage};

use super::json_sha256;
use crate::api::{AdoptCharter, Joined};
use crate::drivers::{JOB_ADMISSION, JOB_REGISTER};
use crate::fault::{Error, Fault, Result};
use crate::house::House;
use crate::peers::Caller;

/// The kinds of signed papers, so that one can never pass for another.
pub const CHARTER_TYPE: &str = "weal-charter+jwt";
pub const REGISTER_TYPE: &str = "weal-register+jwt";
/// How long a membership credential is good for; it is renewed with every new register.
const CREDENTIAL_DAYS: u64 = 90;
const DAY_S: u64 = 24 * 3600;
/// Settings of a member: whom it follows and with which keys that body signs.
const SETTING_BODY: &str = "governing_body";
const SETTING_BODY_DOCUMENT: &str = "governing_body_document";

/// What a node knows of its ecosystem, read from its own store.
#[derive(Debug, Clone, Default)]
pub struct Ecosystem {
    pub governing_body: Option<Did>,
    pub keys: Vec<DidKey>,
    pub charter: Option<Charter>,
    pub credential: Option<String>,
    pub members: HashMap<Did, Member>,
}

impl Ecosystem {
    /// A member's standing; `None` for someone the register does not name.
    #[must_use]
    pub fn standing(&self, did: &Did) -> Option<Standing> {
        self.members.get(did).map(|member| member.standing)
    }
    /// The organisation's name in full, or its DID for strangers.
    #[must_use]
    pub fn title_of(&self, did: &Did) -> String {
        self.members.get(did).map_or_else(|| did.to_string(), |member| member.title.clone())
    }
}

/// A first charter provides for every purpose that has a plain name; the governing body narrows it.
fn first_purposes() -> Result<Vec<Purpose>> {
    let known = weal_domain::agreements::sentence::known_purposes();
    known
        .map(|(iri, _)| iri.parse().map_err(|cause| Fault::new("founding the ecosystem", cause).into()))
        .collect()
}

fn paper_invalid(what: &str) -> Refusal {
    Refusal::new(
        RefusalKind::Unauthenticated,
        "paper-invalid",
        format!("This {what} is not one the governing body signed."),
    )
}

impl House {
    pub(crate) async fn read_ecosystem(&self) -> Result<Ecosystem> {
        let mut tx = self.store.read("governance.read").await?;
        let governing_body = match tx.setting(SETTING_BODY).await? {
            Some(did) => {
                Some(Did::new(did).map_err(|cause| Fault::new("reading the governing body", cause))?)
            }
            None => None,
        };
        let keys = match tx.setting(SETTING_BODY_DOCUMENT).await? {
            Some(text) => {
                weal_trust::did::DidDocument::parse(text.as_bytes())
                    .map_err(|cause| Fault::new("reading the governing body's document", cause))?
                    .keys
            }
            None => Vec::new(),
        };
        let members = tx.members().await?.into_iter().map(|member| (member.did.clone(), member)).collect();
        let charter = tx.charter().await?.map(|(charter, _)| charter);
        let credential = tx.memberships().await?.into_iter().next().map(|membership| membership.credential);
        Ok(Ecosystem { governing_body, keys, charter, credential, members })
    }

    /// A governing body's node founds its ecosystem at its first start: a charter and itself as member.
    pub(crate) async fn govern_at_start(&self) -> Result<()> {
        if !self.config.ecosystem.governs {
            return Ok(());
        }
        let mut tx = self.store.write("governance.found").await?;
        if tx.charter().await?.is_some() {
            return Ok(());
        }
        tx.put_setting(SETTING_BODY, self.did.as_str()).await?;
        tx.put_setting(SETTING_BODY_DOCUMENT, &self.did_document().to_json().to_string()).await?;
        let charter = Charter {
            version: 1,
            name: self.config.node.title.clone(),
            governing_body: self.did.clone(),
            purposes: first_purposes()?,
            text:
                "Data is shared for the purposes named here, under agreements that both sides sign, with the \
                   least disclosure that answers the question. Every use is recorded and can be verified."
                    .into(),
            adopted_at: self.clock.now(),
        };
        self.save_charter(&mut tx, charter).await?;
        let own = Member {
            did: self.did.clone(),
            name: self.config.node.name.clone(),
            title: self.config.node.title.clone(),
            origin: self.config.node.origin.clone(),
            standing: Standing::Good,
            since: self.clock.now(),
        };
        tx.put_member(&own).await?;
        let fact = Fact::MemberAdmitted { member: own.did.clone(), name: own.name.clone() };
        self.remember(&mut tx, &self.actor(None), vec![fact]).await?;
        let membership = self.issue(&own)?;
        tx.put_membership(&membership).await?;
        self.sign_register(&mut tx).await?;
        tx.commit().await?;
        Ok(())
    }

    async fn save_charter(&self, tx: &mut Tx, charter: Charter) -> Result<()> {
        let message = CharterMessage { charter: charter.clone(), issued_at: self.clock.now() };
        let signed = jws_sign(weal_wire::print(&message).as_bytes(), CHARTER_TYPE, &self.key_id(), &self.key);
        tx.put_charter(&charter, &signed).await?;
        let fact = Fact::CharterAdopted { version: charter.version, charter_sha256: json_sha256(&charter)? };
        self.remember(tx, &self.actor(None), vec![fact]).await?;
        Ok(())
    }

    /// Signs the members' register as it stands in this transaction, and sends it to every member.
    async fn sign_register(&self, tx: &mut Tx) -> Result<()> {
        let now = self.clock.now();
        let members = tx.members().await?;
        let message =
            RegisterMessage { governing_body: self.did.clone(), issued_at: now, members: members.clone() };
        let signed =
            jws_sign(weal_wire::print(&message).as_bytes(), REGISTER_TYPE, &self.key_id(), &self.key);
        tx.put_register(&SignedRegister { governing_body: self.did.clone(), signed, fetched_at: now })
            .await?;
        for member in members.iter().filter(|member| member.did != self.did) {
            let key = format!("{}@{}", member.did, now.as_millisecond());
            let job =
                NewJob { kind: JOB_REGISTER, key: &key, peer: member.did.as_str(), body: &(), due_at: now };
            tx.enqueue(job).await?;
        }
        Ok(())
    }

    fn issue(&self, member: &Member) -> Result<Membership> {
        let now = self.clock.now();
        let until = now + Duration::from_secs(CREDENTIAL_DAYS * DAY_S);
        let membership = credential::Membership {
            id: self.entropy.urn()?,
            issuer: self.did.to_string(),
            subject: member.did.to_string(),
            member_name: member.name.to_string(),
            ecosystem: self.did.to_string(),
            valid_from_s: now.as_second(),
            valid_until_s: until.as_second(),
            status_id: Some(format!("{}/governance/register", self.config.node.origin)),
        };
        let signed = credential::issue(&membership, &self.key_id(), &self.key)
            .map_err(|cause| Fault::new("issuing a membership credential", cause))?;
        Ok(Membership {
            governing_body: self.did.clone(),
            credential: signed,
            received_at: now,
            expires_at: until,
        })
    }

    fn require_governing(&self) -> Result<(), Refusal> {
        if self.config.ecosystem.governs {
            return Ok(());
        }
        Err(Refusal::forbidden("not-governing", "This node is not the governing body of an ecosystem.")
            .remedy("Ask the governing body's node."))
    }

    // --- The governing body's acts ---------------------------------------------------------------

    /// A node asks to be admitted. The caller has proved that it holds the DID's key.
    pub async fn receive_application(
        &self,
        from: &Did,
        message: ApplicationMessage,
    ) -> Result<AdmissionMessage> {
        self.require_governing()?;
        if message.did != *from {
            return Err(Refusal::forbidden("application-not-own", "A node can only apply for itself.").into());
        }
        let mut tx = self.store.write("governance.apply").await?;
        if let Some(known) = tx.member(from).await? {
            let credential = match known.standing {
                Standing::Good => Some(self.issue(&known)?.credential),
                _ => None,
            };
            return Ok(AdmissionMessage { standing: known.standing, credential });
        }
        if tx.member_by_name(&message.name).await?.is_some() {
            return Err(Refusal::conflict(
                "name-taken",
                format!("The name `{}` belongs to another member.", message.name),
            )
            .remedy("Choose another name in [node] name and join again.")
            .into());
        }
        let now = self.clock.now();
        let member = Member {
            did: message.did,
            name: message.name,
            title: message.title,
            origin: message.origin,
            standing: Standing::Applied,
            since: now,
        };
        tx.put_member(&member).await?;
        tx.commit().await?;
        self.reload_ecosystem().await?;
        self.wakers.moved.notify_waiters();
        Ok(AdmissionMessage { standing: Standing::Applied, credential: None })
    }

    /// Admits an applicant, or suspends or restores a member. Every member is told at once.
    pub async fn set_standing(
        &self,
        by: &Person,
        did: &Did,
        standing: Standing,
        reason: Option<String>,
    ) -> Result<Member> {
        self.require_governing()?;
        self.require_act(by, Act::Govern)?;
        if *did == self.did {
            return Err(Refusal::conflict(
                "standing-own",
                "The governing body cannot change its own standing.",
            )
            .into());
        }
        let mut tx = self.store.write("governance.standing").await?;
        let member = tx.member(did).await?.ok_or_else(|| {
            Refusal::not_found("member-unknown", format!("{did} has not applied."))
                .remedy("List applicants with `weal members`.")
        })?;
        let now = self.clock.now();
        let (member, facts) = match standing {
            Standing::Good => member.admit(now)?,
            Standing::Suspended => member.suspend(&reason.unwrap_or_default(), now)?,
            Standing::Applied | Standing::Left => {
                return Err(Refusal::invalid(
                    "standing-unknown",
                    "A member is admitted (good) or suspended.",
                )
                .into());
            }
        };
        tx.put_member(&member).await?;
        self.remember(&mut tx, &self.actor(Some(by)), facts).await?;
        if member.standing == Standing::Good {
            let job = NewJob {
                kind: JOB_ADMISSION,
                key: &self.entropy.urn()?,
                peer: member.did.as_str(),
                body: &(),
                due_at: self.clock.now(),
            };
            tx.enqueue(job).await?;
        }
        self.sign_register(&mut tx).await?;
        tx.commit().await?;
        self.reload_ecosystem().await?;
        self.wakers.outbox.notify_one();
        Ok(member)
    }

    pub async fn adopt_charter(&self, by: &Person, adopt: AdoptCharter) -> Result<Charter> {
        self.require_governing()?;
        self.require_act(by, Act::Govern)?;
        let mut tx = self.store.write("governance.charter").await?;
        let version = tx.charter().await?.map_or(1, |(charter, _)| charter.version + 1);
        let charter = Charter {
            version,
            name: adopt.name,
            governing_body: self.did.clone(),
            purposes: adopt.purposes,
            text: adopt.text,
            adopted_at: self.clock.now(),
        };
        self.save_charter(&mut tx, charter.clone()).await?;
        // The register's arrival is what makes members fetch the charter again.
        self.sign_register(&mut tx).await?;
        tx.commit().await?;
        self.reload_ecosystem().await?;
        self.wakers.outbox.notify_one();
        Ok(charter)
    }

    /// The signed charter and register, for anyone.
    pub async fn signed_papers(&self) -> Result<(String, String)> {
        self.require_governing()?;
        let mut tx = self.store.read("governance.papers").await?;
        let charter = tx.charter().await?.map(|(_, signed)| signed);
        let register = tx.register(&self.did).await?.map(|register| register.signed);
        charter.zip(register).ok_or_else(|| Error::from(Fault::new("reading the papers", "they are missing")))
    }

    pub(crate) async fn send_register(&self, member: &Did) -> Result<()> {
        let (_, register) = self.signed_papers().await?;
        let url = format!("{}/governance/register", self.peers.origin(member)?);
        let token = self.token_for(member)?;
        Ok(self.peers.post_text(member, &url, Some(&token), register).await?.check(member)?)
    }

    pub(crate) async fn send_admission(&self, member: &Did) -> Result<()> {
        let admission = self.admission_of(member).await?;
        let url = format!("{}/governance/admission", self.peers.origin(member)?);
        let token = self.token_for(member)?;
        let body = weal_wire::print(&admission);
        Ok(self.peers.post_text(member, &url, Some(&token), body).await?.check(member)?)
    }

    /// What the admitted member is sent.
    async fn admission_of(&self, did: &Did) -> Result<AdmissionMessage> {
        let member = self.store.read("governance.admission").await?.member(did).await?;
        let standing = member.as_ref().map_or(Standing::Left, |member| member.standing);
        let credential = match &member {
            Some(member) if standing == Standing::Good => Some(self.issue(member)?.credential),
            _ => None,
        };
        Ok(AdmissionMessage { standing, credential })
    }

    // --- The member's acts -----------------------------------------------------------------------

    /// Asks a governing body to be admitted, after reading and keeping its charter and keys.
    pub async fn join(&self, by: &Person, body: &Did) -> Result<Joined> {
        self.require_act(by, Act::Govern)?;
        if let Some(known) = &self.ecosystem().governing_body
            && known != body
        {
            return Err(
                Refusal::conflict("ecosystem-other", format!("This node follows {known} already.")).into()
            );
        }
        let now = self.clock.now();
        let document = self.peers.fetch_document(body, now).await?;
        let origin = self.peers.origin(body)?;
        let charter = self.fetch_charter(body, &document.keys).await?;
        let message = ApplicationMessage {
            did: self.did.clone(),
            name: self.config.node.name.clone(),
            title: self.config.node.title.clone(),
            origin: self.config.node.origin.clone(),
        };
        let token = self.token_for(body)?;
        let reply = self
            .peers
            .post(body, &format!("{origin}/governance/applications"), Some(&token), &message)
            .await?;
        let admission: AdmissionMessage = reply.accept(body)?;
        let mut tx = self.store.write("governance.join").await?;
        tx.put_setting(SETTING_BODY, body.as_str()).await?;
        tx.put_setting(SETTING_BODY_DOCUMENT, &document.to_json().to_string()).await?;
        tx.put_charter(&charter.0, &charter.1).await?;
        tx.commit().await?;
        self.reload_ecosystem().await?;
        if admission.credential.is_some() {
            self.receive_admission(body, admission.clone()).await?;
        }
        self.refresh_register().await?;
        let admitted = self.ecosystem().credential.is_some();
        let next_step = if admitted {
            "Publish a product with `weal publish FILE`, or look around with `weal search WORDS`.".to_owned()
        } else {
            format!(
                "Wait until {} admits you; there it takes `weal members --admit {}`.",
                charter.0.name, self.did
            )
        };
        Ok(Joined { ecosystem: charter.0.name, admitted, next_step })
    }

    async fn fetch_charter(&self, body: &Did, keys: &[DidKey]) -> Result<(Charter, String)> {
        let url = format!("{}/governance/charter", self.peers.origin(body)?);
        let signed = self.peers.get(body, &url, None).await?.text(body)?;
        let payload = jws_verify(&signed, CHARTER_TYPE, keys).map_err(|_| paper_invalid("charter"))?;
        let message: CharterMessage = weal_wire::parse(&payload).map_err(|_| paper_invalid("charter"))?;
        if message.charter.governing_body != *body {
            return Err(paper_invalid("charter").into());
        }
        Ok((message.charter, signed))
    }

    /// The governing body has admitted this node: keep the credential if it is really ours.
    pub async fn receive_admission(&self, from: &Did, message: AdmissionMessage) -> Result<()> {
        let ecosystem = self.ecosystem();
        if ecosystem.governing_body.as_ref() != Some(from) {
            return Err(Refusal::forbidden(
                "not-our-governing-body",
                "This node does not follow that governing body.",
            )
            .into());
        }
        let Some(signed) = message.credential else { return Ok(()) };
        let now = self.clock.now();
        let membership = self.verify_credential(&ecosystem, &self.did, &signed)?;
        let expires_at = Timestamp::from_second(membership.valid_until_s)
            .map_err(|cause| Fault::new("reading a credential", cause))?;
        let mut tx = self.store.write("governance.admitted").await?;
        let membership =
            Membership { governing_body: from.clone(), credential: signed, received_at: now, expires_at };
        tx.put_membership(&membership).await?;
        tx.commit().await?;
        self.reload_ecosystem().await?;
        self.wakers.moved.notify_waiters();
        Ok(())
    }

    /// Fetches charter and register from the governing body.
    pub async fn refresh_register(&self) -> Result<()> {
        let ecosystem = self.ecosystem();
        let Some(body) = ecosystem.governing_body.clone().filter(|body| *body != self.did) else {
            return Ok(());
        };
        let url = format!("{}/governance/register", self.peers.origin(&body)?);
        let signed = self.peers.get(&body, &url, None).await?.text(&body)?;
        let charter = self.fetch_charter(&body, &ecosystem.keys).await?;
        self.receive_register(&body, &signed, Some(charter)).await
    }

    /// Keeps a register that is newer than the one held.
    pub async fn receive_register(
        &self,
        body: &Did,
        signed: &str,
        charter: Option<(Charter, String)>,
    ) -> Result<()> {
        let ecosystem = self.ecosystem();
        if ecosystem.governing_body.as_ref() != Some(body) {
            return Err(Refusal::forbidden(
                "not-our-governing-body",
                "This node does not follow that governing body.",
            )
            .into());
        }
        let fresh = read_register(signed, &ecosystem.keys)?;
        if fresh.governing_body != *body {
            return Err(paper_invalid("register").into());
        }
        let mut tx = self.store.write("governance.register").await?;
        if let Some((charter, text)) = &charter {
            tx.put_charter(charter, text).await?;
        }
        let held = tx.register(body).await?;
        let newer = match &held {
            Some(held) => read_register(&held.signed, &ecosystem.keys)?.issued_at < fresh.issued_at,
            None => true,
        };
        if newer {
            tx.replace_members(&fresh.members).await?;
            let register = SignedRegister {
                governing_body: body.clone(),
                signed: signed.to_owned(),
                fetched_at: self.clock.now(),
            };
            tx.put_register(&register).await?;
        }
        tx.commit().await?;
        if newer || charter.is_some() {
            self.reload_ecosystem().await?;
            self.wakers.crawler.notify_one();
            self.wakers.moved.notify_waiters();
        }
        Ok(())
    }

    /// Whether a node is a member: its credential is good and the register does not say otherwise.
    pub async fn check_membership(&self, did: &Did, signed: &str) -> Result<Caller> {
        let ecosystem = self.ecosystem();
        let membership = self.verify_credential(&ecosystem, did, signed)?;
        if matches!(ecosystem.standing(did), Some(Standing::Suspended | Standing::Left)) {
            return Err(Refusal::forbidden(
                "member-suspended",
                format!("{did} is not a member in good standing."),
            )
            .changed_by("the governing body")
            .into());
        }
        let name = membership.member_name.parse().map_err(|_| paper_invalid("membership credential"))?;
        Ok(Caller { did: did.clone(), name })
    }

    fn verify_credential(
        &self,
        ecosystem: &Ecosystem,
        did: &Did,
        signed: &str,
    ) -> Result<credential::Membership> {
        let body = ecosystem.governing_body.as_ref().ok_or_else(|| {
            Refusal::new(RefusalKind::Unavailable, "no-ecosystem", "This node has not joined an ecosystem.")
                .remedy("Its owner can do so with `weal join DID`.")
        })?;
        let expected = Expected { issuer: body.as_str(), subject: did.as_str(), ecosystem: body.as_str() };
        let now_s = self.clock.now().as_second();
        credential::verify(signed, &ecosystem.keys, expected, now_s).map_err(|cause| {
            Refusal::new(
                RefusalKind::Unauthenticated,
                "membership-invalid",
                format!("The membership is not accepted: {cause}."),
            )
            .remedy("Ask the governing body for a new credential with `weal join`.")
            .into()
        })
    }

    /// A signed token for one request to a peer, with this node's membership.
    pub fn token_for(&self, audience: &Did) -> Result<String> {
        let jti = self.entropy.urn()?;
        let membership = self.ecosystem().credential.clone();
        crate::peers::token_for(&self.key, &self.did, audience, membership, jti, self.clock.now())
            .map_err(Error::from)
    }

    pub async fn members(&self) -> Result<Vec<Member>> {
        Ok(self.store.read("governance.members").await?.members().await?)
    }

    /// The charter this node holds, its own or its governing body's.
    pub fn charter(&self) -> Result<Charter, Refusal> {
        self.ecosystem().charter.clone().ok_or_else(|| {
            Refusal::conflict("no-ecosystem", "This node has not joined an ecosystem, so it has no charter.")
                .remedy("Join one with `weal join DID`.")
        })
    }

    /// Whether a purpose is one the charter allows.
    pub fn check_purpose(&self, purpose: &Purpose) -> Result<(), Refusal> {
        self.charter()?.allows(purpose)
    }
}

fn read_register(signed: &str, keys: &[DidKey]) -> Result<RegisterMessage, Refusal> {
    let payload = jws_verify(signed, REGISTER_TYPE, keys).map_err(|_| paper_invalid("register"))?;
    weal_wire::parse(&payload).map_err(|_| paper_invalid("register"))
}
