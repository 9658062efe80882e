//! Founding, joining, admitting: who belongs to the ecosystem and how everyone knows it without asking.
//!
//! The governing body signs three papers: the charter, the register of members, and each member's
//! credential. Members keep them, so that between members nothing stops when the governing body's node does.

mod body;
mod issue;
mod member;

use std::collections::HashMap;
use std::sync::Arc;

use weal_domain::agreements::Purpose;
use weal_domain::governance::{Charter, Member, Standing};
use weal_domain::identity::Did;
use weal_domain::{Refusal, RefusalKind};
use weal_trust::credential::CredentialError;
use weal_trust::credential::{self, Expected};
use weal_trust::did::{DidDocument, DidKey};
use weal_wire::dcp::Scope;

pub use issue::ServedLists;

use crate::fault::{Fault, Result};
use crate::house::House;
use crate::peers::{Age, Asker, Caller, Status};

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
    /// The governing body's document as last seen.
    pub document: Option<Arc<DidDocument>>,
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
    /// The document of a DID, where it is the governing body's.
    #[must_use]
    pub fn document_of(&self, did: &Did) -> Option<Arc<DidDocument>> {
        self.document.clone().filter(|_| self.governing_body.as_ref() == Some(did))
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

fn suspended(did: &Did) -> Refusal {
    Refusal::forbidden("member-suspended", format!("{did} is not a member in good standing."))
        .changed_by("the governing body")
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
        let document = match tx.setting(SETTING_BODY_DOCUMENT).await? {
            Some(text) => {
                let read = DidDocument::parse(text.as_bytes());
                let unreadable = |cause| Fault::new("reading the governing body's document", cause);
                Some(Arc::new(read.map_err(unreadable)?))
            }
            None => None,
        };
        // The governing body itself needs no copy of what it publishes.
        let own = governing_body.as_ref() == Some(&self.did);
        let document = if own { Some(Arc::new(self.did_document())) } else { document };
        let keys = document.as_ref().map(|document| document.keys.clone()).unwrap_or_default();
        let members = tx.members().await?.into_iter().map(|member| (member.did.clone(), member)).collect();
        let charter = tx.charter().await?.map(|(charter, _)| charter);
        let credential = tx.memberships().await?.into_iter().next().map(|membership| membership.credential);
        Ok(Ecosystem { governing_body, keys, document, charter, credential, members })
    }

    /// The member that a credential names, once its bearer is known: whom neither the register nor the governing
    /// body's status list calls suspended.
    pub(crate) async fn caller_of(&self, did: &Did, membership: &credential::Membership) -> Result<Caller> {
        self.freshen_papers().await;
        self.check_standing(did)?;
        if let (Some(entry), Ok(issuer)) = (&membership.status, Did::new(membership.issuer.as_str())) {
            match self.status_of(&issuer, std::slice::from_ref(entry)).await {
                Status::Good => {}
                Status::Set => return Err(suspended(did).into()),
                // The governing body is needed only when something changes: its register as last signed serves.
                Status::Unknown if self.ecosystem().standing(did) == Some(Standing::Good) => {}
                Status::Unknown => return Err(suspended(did).into()),
            }
        }
        let name = membership.member_name.parse().map_err(|_| paper_invalid("membership credential"))?;
        Ok(Caller { did: did.clone(), name })
    }

    /// The member that has presented its membership, under its name in the register where it has one.
    pub(crate) async fn caller_presented(&self, did: &Did) -> Result<Caller> {
        self.freshen_papers().await;
        self.check_standing(did)?;
        let named = self.ecosystem().members.get(did).map(|member| member.name.clone());
        Ok(Caller { did: did.clone(), name: named.unwrap_or_else(|| issue::name_of(did, &[])) })
    }

    fn check_standing(&self, did: &Did) -> Result<(), Refusal> {
        match self.ecosystem().standing(did) {
            Some(Standing::Suspended | Standing::Left) => Err(suspended(did)),
            _ => Ok(()),
        }
    }

    /// What the governing body has signed about `did`, whoever it is that shows it. A key of the governing body
    /// that is not known here makes this node look at its document again, at most every half minute.
    pub(crate) async fn verify_credential(&self, did: &Did, signed: &str) -> Result<credential::Membership> {
        let ecosystem = self.ecosystem();
        let body = ecosystem.governing_body.as_ref().ok_or_else(|| {
            Refusal::new(RefusalKind::Unavailable, "no-ecosystem", "This node has not joined an ecosystem.")
                .remedy("Its owner can do so with `weal join DID`.")
        })?;
        let expected = Expected { issuer: body.as_str(), subject: did.as_str(), ecosystem: body.as_str() };
        let now_s = self.clock.now().as_second();
        let mut verified = credential::verify(signed, &ecosystem.keys, expected, now_s);
        if verified == Err(CredentialError::UnknownKey) {
            let keys = self.learn_body_keys(body, Age::Again).await;
            verified = credential::verify(signed, &keys, expected, now_s);
        }
        verified.map_err(|cause| {
            Refusal::new(
                RefusalKind::Unauthenticated,
                "membership-invalid",
                format!("The membership is not accepted: {cause}."),
            )
            .remedy("Ask the governing body for a new credential with `weal join`.")
            .into()
        })
    }

    /// The keys of the governing body as it publishes them, kept where they have changed: new ones are learned, and
    /// those that it has retired are forgotten. Where it does not answer, those that are held.
    ///
    /// A turn of keys always overlaps, so a document that has no key in common with the one that is held is
    /// somebody else's word, whatever server it came from. It is not taken: people join again, or do not.
    pub(crate) async fn learn_body_keys(&self, body: &Did, age: Age) -> Vec<DidKey> {
        let held = self.ecosystem();
        if *body == self.did {
            return self.did_document().keys;
        }
        let looked = self.peers.document_for(body, Asker::Member, age, self.clock.now()).await;
        let Ok(document) = looked else { return held.keys.clone() };
        let is_held = |key: &DidKey| held.keys.iter().any(|one| one.id == key.id && one.key == key.key);
        if !document.keys.iter().any(is_held) {
            tracing::warn!(%body, "the governing body publishes other keys than those that are known; join again");
            return held.keys.clone();
        }
        if document.keys != held.keys {
            let ids: Vec<&str> = document.keys.iter().map(|key| key.id.as_str()).collect();
            tracing::warn!(%body, keys = ids.join(" "), "the governing body's keys have changed");
            let kept = async {
                let mut tx = self.store.write("governance.keys").await?;
                tx.put_setting(SETTING_BODY_DOCUMENT, &document.to_json().to_string()).await?;
                tx.commit().await?;
                self.reload_ecosystem().await
            };
            if let Err(cause) = kept.await {
                tracing::warn!(%cause, "the governing body's new keys could not be kept");
            }
        }
        document.keys.clone()
    }

    /// A signed token for one request to a peer: with this node's membership, and with the access to what this
    /// node presents. Nodes of ours read the one, strangers the other.
    pub fn token_for(&self, audience: &Did) -> Result<String> {
        let identity = &self.config.identity;
        let kinds = std::iter::once(&identity.membership_kind).chain(&identity.presented_kinds);
        let scopes: Vec<String> = kinds.map(|kind| Scope::Kind(kind.clone()).to_string()).collect();
        let access = self.access_token(audience, &scopes);
        self.token_to(audience, self.ecosystem().credential.clone(), Some(access))
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
