//! Founding, joining, admitting: who belongs to the ecosystem and how everyone knows it without asking.
//!
//! The governing body signs three papers: the charter, the register of members, and each member's
//! credential. Members keep them, so that between members nothing stops when the governing body's node does.

mod body;
mod member;

use std::collections::HashMap;

use weal_domain::agreements::Purpose;
use weal_domain::governance::{Charter, Member, Standing};
use weal_domain::identity::Did;
use weal_domain::{Refusal, RefusalKind};
use weal_trust::credential::{self, Expected};
use weal_trust::did::DidKey;

use crate::fault::{Error, Fault, Result};
use crate::house::House;
use crate::peers::Caller;

/// The kinds of signed papers, so that one can never pass for another.
pub const CHARTER_TYPE: &str = "weal-charter+jwt";
pub const REGISTER_TYPE: &str = "weal-register+jwt";
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
    /// The same refusal with every member's DID replaced by the name people know.
    #[must_use]
    pub fn in_titles(&self, mut refusal: Refusal) -> Refusal {
        let mut members: Vec<&Member> = self.members.values().collect();
        // One DID may begin like another: the longer is replaced first.
        members.sort_unstable_by_key(|member| std::cmp::Reverse(member.did.as_str().len()));
        refusal.reason = titled(&members, &refusal.reason);
        refusal.remedy = refusal.remedy.map(|text| titled(&members, &text));
        refusal.changed_by = refusal.changed_by.map(|text| titled(&members, &text));
        refusal
    }
}

/// The text with each member's title where its DID stood.
fn titled(members: &[&Member], text: &str) -> String {
    members.iter().fold(text.to_owned(), |text, member| text.replace(member.did.as_str(), &member.title))
}

fn paper_invalid(what: &str) -> Refusal {
    Refusal::new(
        RefusalKind::Unauthenticated,
        "paper-invalid",
        format!("This {what} is not one the governing body signed."),
    )
}

/// Whoever speaks for a governing body that this node does not follow.
pub(crate) fn not_our_governing_body() -> Refusal {
    Refusal::forbidden("not-our-governing-body", "This node does not follow that governing body.")
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

    /// The member that a credential names, once its bearer is known: whom the register does not call
    /// suspended.
    pub(crate) async fn caller_of(&self, did: &Did, membership: &credential::Membership) -> Result<Caller> {
        self.freshen_papers().await;
        if matches!(self.ecosystem().standing(did), Some(Standing::Suspended | Standing::Left)) {
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

    /// What the governing body has signed about `did`, whoever it is that shows it.
    pub(crate) fn verify_credential(&self, did: &Did, signed: &str) -> Result<credential::Membership> {
        let ecosystem = self.ecosystem();
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

    /// The `Authorization` header of one request to a peer.
    pub fn authorization_for(&self, peer: &Did) -> Result<String> {
        self.identity.authorization(self, peer)
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
