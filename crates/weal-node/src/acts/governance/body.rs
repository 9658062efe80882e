//! The governing body's acts: founding, admitting, suspending, and signing what members keep.

use weal_domain::agreements::Purpose;
use weal_domain::governance::{Application, Charter, Member, Standing};
use weal_domain::identity::{Act, Did, Person};
use weal_domain::ledger::Fact;
use weal_domain::words::{is_line, is_prose};
use weal_domain::{Refusal, RefusalKind};
use weal_store::{NewJob, SignedRegister, Tx};
use weal_trust::jws::jws_sign;
use weal_wire::peer::{AdmissionMessage, ApplicationMessage, CharterMessage, RegisterMessage};

use super::{CHARTER_TYPE, REGISTER_TYPE, SETTING_BODY, SETTING_BODY_DOCUMENT};
use crate::acts::json_sha256;
use crate::api::AdoptCharter;
use crate::drivers::{JOB_ADMISSION, JOB_REGISTER};
use crate::fault::{Error, Fault, Result};
use crate::house::{House, LEDGER_KIND};
use crate::peers::Reply;

/// Applications that wait for a decision at once.
const APPLICANTS_MAX: usize = 500;
/// Those of them that one host may have.
const APPLICANTS_PER_HOST_MAX: usize = 8;
const CHARTER_NAME_CHARS_MAX: usize = 200;
const CHARTER_CHARS_MAX: usize = 100_000;

/// A first charter provides for every purpose that has a plain name; the governing body narrows it.
fn first_purposes() -> Result<Vec<Purpose>> {
    let known = weal_domain::agreements::sentence::known_purposes();
    known
        .map(|(iri, _)| iri.parse().map_err(|cause| Fault::new("founding the ecosystem", cause).into()))
        .collect()
}

impl House {
    /// A governing body's node founds its ecosystem at its first start: a charter and itself as member.
    pub(crate) async fn govern_at_start(&self) -> Result<()> {
        if !self.config.ecosystem.governs {
            return Ok(());
        }
        let mut tx = self.store.write("governance.found").await?;
        if tx.charter().await?.is_some() {
            return self.hold_own_membership(tx).await;
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
        self.issue_to_itself(&mut tx, &own).await?;
        self.sign_register(&mut tx).await?;
        tx.commit().await?;
        Ok(())
    }

    async fn issue_to_itself(&self, tx: &mut Tx, own: &Member) -> Result<()> {
        let issued = self.issue(tx, own).await?;
        tx.put_membership(&issued.membership).await?;
        let forms = [issued.membership.credential.as_str(), issued.vc11.as_str()];
        self.keep_memberships(tx, &self.did_document(), &forms).await
    }

    /// A governing body that was founded by an earlier version has nothing to show to strangers yet.
    async fn hold_own_membership(&self, mut tx: Tx) -> Result<()> {
        let held = tx.held_credentials().await?;
        if held.iter().any(|one| one.issuer == self.did) {
            return Ok(());
        }
        let Some(own) = tx.member(&self.did).await? else { return Ok(()) };
        self.issue_to_itself(&mut tx, &own).await?;
        Ok(tx.commit().await?)
    }

    async fn save_charter(&self, tx: &mut Tx, charter: Charter) -> Result<()> {
        let signed = self.signed_charter(&charter);
        tx.put_charter(&charter, &signed).await?;
        let fact = Fact::CharterAdopted { version: charter.version, charter_sha256: json_sha256(&charter)? };
        self.remember(tx, &self.actor(None), vec![fact]).await?;
        Ok(())
    }

    /// Signs the members' register as it stands in this transaction, and sends it to every member.
    async fn sign_register(&self, tx: &mut Tx) -> Result<()> {
        let now = self.clock.now();
        // Applicants are the governing body's own matter until they are members.
        let members: Vec<Member> =
            tx.members().await?.into_iter().filter(|member| member.standing != Standing::Applied).collect();
        let message =
            RegisterMessage { governing_body: self.did.clone(), issued_at: now, members: members.clone() };
        let (kid, key) = self.own_signer();
        let signed = jws_sign(weal_wire::print(&message).as_bytes(), REGISTER_TYPE, &kid, &*key);
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

    /// Charter and register under the key that signs now, where this node governs.
    pub(crate) async fn sign_papers_again(&self, tx: &mut Tx) -> Result<()> {
        if !self.config.ecosystem.governs {
            return Ok(());
        }
        if let Some((charter, _)) = tx.charter().await? {
            let signed = self.signed_charter(&charter);
            tx.put_charter(&charter, &signed).await?;
        }
        self.sign_register(tx).await
    }

    fn signed_charter(&self, charter: &Charter) -> String {
        let message = CharterMessage { charter: charter.clone(), issued_at: self.clock.now() };
        let (kid, key) = self.own_signer();
        jws_sign(weal_wire::print(&message).as_bytes(), CHARTER_TYPE, &kid, &*key)
    }

    pub(crate) fn require_governing(&self) -> Result<(), Refusal> {
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
            let admission = self.admission(&mut tx, known.standing, Some(&known)).await?;
            // A place in the status list may have been given.
            tx.commit().await?;
            return Ok(admission);
        }
        let all = tx.members().await?;
        check_room(&all, from)?;
        let charter =
            tx.charter().await?.ok_or_else(|| Fault::new("reading the charter", "it is missing"))?.0;
        let application = Application {
            did: message.did,
            name: message.name,
            title: message.title,
            origin: message.origin,
            charter_version: message.charter_version,
        };
        let member = Member::apply(application, &all, &charter, self.clock.now())?;
        tx.put_member(&member).await?;
        tx.commit().await?;
        self.reload_ecosystem().await?;
        Ok(AdmissionMessage { standing: Standing::Applied, credential: None, vc11: None })
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
        let role = self.require_act(by, Act::Govern)?;
        if *did == self.did {
            return Err(Refusal::conflict(
                "standing-own",
                "The governing body cannot change its own standing.",
            )
            .into());
        }
        let mut tx = self.store.write("governance.standing").await?;
        let member = tx.member(did).await?.ok_or_else(|| applicant_unknown(did))?;
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
        self.remember(&mut tx, &self.actor(Some((by, role))), facts).await?;
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
        self.follow_standing(&mut tx, did, member.standing).await?;
        self.sign_register(&mut tx).await?;
        tx.commit().await?;
        self.reload_ecosystem().await?;
        self.wakers.outbox.notify_one();
        Ok(member)
    }

    /// Says no to an application: it is forgotten but for the ledger, and its name is free again.
    pub async fn decline_application(&self, by: &Person, did: &Did) -> Result<()> {
        self.require_governing()?;
        let role = self.require_act(by, Act::Govern)?;
        let mut tx = self.store.write("governance.decline").await?;
        let applicant = tx.member(did).await?.ok_or_else(|| applicant_unknown(did))?;
        let facts = applicant.decline()?;
        tx.remove_member(did).await?;
        self.follow_standing(&mut tx, did, Standing::Left).await?;
        self.remember(&mut tx, &self.actor(Some((by, role))), facts).await?;
        tx.commit().await?;
        self.reload_ecosystem().await?;
        Ok(())
    }

    pub async fn adopt_charter(&self, by: &Person, adopt: AdoptCharter) -> Result<Charter> {
        self.require_governing()?;
        self.require_act(by, Act::Govern)?;
        if !is_line(&adopt.name, CHARTER_NAME_CHARS_MAX) || !is_prose(&adopt.text, CHARTER_CHARS_MAX) {
            return Err(Refusal::invalid(
                "charter-malformed",
                format!(
                    "A charter has a name of 1 to {CHARTER_NAME_CHARS_MAX} characters on one line and a text of at \
                     most {CHARTER_CHARS_MAX}."
                ),
            )
            .into());
        }
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
        let authorization = self.authorization_for(member)?;
        let reply = self.peers.post_text(member, &url, Some(&authorization), register).await?;
        if self.has_no_such_door(member, &reply).await { Ok(()) } else { Ok(reply.check(member)?) }
    }

    pub(crate) async fn send_admission(&self, member: &Did) -> Result<()> {
        let admission = self.admission_of(member).await?;
        let url = format!("{}/governance/admission", self.peers.origin(member)?);
        let authorization = self.authorization_for(member)?;
        let body = weal_wire::print(&admission);
        let reply = self.peers.post_text(member, &url, Some(&authorization), body).await?;
        if self.has_no_such_door(member, &reply).await { Ok(()) } else { Ok(reply.check(member)?) }
    }

    /// A member that is no node of ours has no door for papers: it reads status lists instead. One whose document
    /// names a ledger is one of ours, and something between us said that there is no door.
    async fn has_no_such_door(&self, member: &Did, reply: &Reply) -> bool {
        let document = self.peers.document(member, self.clock.now()).await;
        let is_ours = document.map_or(true, |document| document.endpoint(LEDGER_KIND).is_some());
        matches!(reply.status, 404 | 405) && !is_ours
    }

    /// What the admitted member is sent.
    async fn admission_of(&self, did: &Did) -> Result<AdmissionMessage> {
        let mut tx = self.store.write("governance.admission").await?;
        let member = tx.member(did).await?;
        let standing = member.as_ref().map_or(Standing::Left, |member| member.standing);
        let admission = self.admission(&mut tx, standing, member.as_ref()).await?;
        tx.commit().await?;
        Ok(admission)
    }

    async fn admission(
        &self,
        tx: &mut Tx,
        standing: Standing,
        member: Option<&Member>,
    ) -> Result<AdmissionMessage> {
        let (credential, vc11) = match member.filter(|_| standing == Standing::Good) {
            Some(member) => {
                let issued = self.issue(tx, member).await?;
                (Some(issued.membership.credential), Some(issued.vc11))
            }
            None => (None, None),
        };
        Ok(AdmissionMessage { standing, credential, vc11 })
    }
}

/// Whether another application may wait: some of all, few of one host, so that nobody fills the queue with
/// the ports of one machine.
pub(super) fn check_room(all: &[Member], from: &Did) -> Result<(), Refusal> {
    let waiting = || all.iter().filter(|member| member.standing == Standing::Applied);
    let of_host = waiting().filter(|member| host_of(&member.did) == host_of(from)).count();
    if waiting().count() < APPLICANTS_MAX && of_host < APPLICANTS_PER_HOST_MAX {
        return Ok(());
    }
    Err(Refusal::new(RefusalKind::Exhausted, "too-many-applicants", "Too many applications wait.")
        .remedy("Ask the governing body to decide about them, then apply again.")
        .changed_by("the governing body"))
}

/// The host of a `did:web`, without its port.
fn host_of(did: &Did) -> &str {
    let rest = did.as_str().trim_start_matches("did:web:");
    let end = rest.find([':', '%']).unwrap_or(rest.len());
    rest.get(..end).unwrap_or(rest)
}

fn applicant_unknown(did: &Did) -> Refusal {
    Refusal::not_found("member-unknown", format!("{did} has not applied."))
        .remedy("List applicants with `weal members`.")
}
