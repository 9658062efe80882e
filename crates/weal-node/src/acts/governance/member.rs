//! The member's acts: joining, and taking in what the governing body has signed.

use std::time::Duration;

use weal_domain::agreements::Side;
use weal_domain::governance::{Issue, Standing};
use weal_domain::identity::{Act, Did, Person};
use weal_domain::{Refusal, Timestamp};
use weal_store::{Membership, SignedRegister, Tx};
use weal_trust::did::DidKey;
use weal_trust::jws::jws_verify;
use weal_wire::peer::{AdmissionMessage, ApplicationMessage, CharterMessage, RegisterMessage};

use super::{
    CHARTER_TYPE, REGISTER_TYPE, SETTING_BODY, SETTING_BODY_DOCUMENT, not_our_governing_body, paper_invalid,
};
use crate::api::Joined;
use crate::fault::{Fault, Result};
use crate::house::House;
use crate::peers::Age;

/// How long the papers are believed without another look, and how long that look may hold a request up.
const PAPERS_FRESH_S: i64 = 300;
const PAPERS_WAIT: Duration = Duration::from_secs(2);

impl House {
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
        let signed = self.fetch_charter(body).await?;
        let charter = read_charter(&signed, &document.keys, body)?.charter;
        let message = ApplicationMessage {
            did: self.did.clone(),
            name: self.config.node.name.clone(),
            title: self.config.node.title.clone(),
            origin: self.config.node.origin.clone(),
            charter_version: charter.version,
        };
        let authorization = self.authorization_for(body)?;
        let reply = self
            .peers
            .post(body, &format!("{origin}/governance/applications"), Some(&authorization), &message)
            .await?;
        let admission: AdmissionMessage = reply.accept(body)?;
        let mut tx = self.store.write("governance.join").await?;
        tx.put_setting(SETTING_BODY, body.as_str()).await?;
        tx.put_setting(SETTING_BODY_DOCUMENT, &document.to_json().to_string()).await?;
        self.keep_charter(&mut tx, body, &document.keys, &signed).await?;
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
                charter.name, self.did
            )
        };
        Ok(Joined { ecosystem: charter.name, admitted, next_step })
    }

    async fn fetch_charter(&self, body: &Did) -> Result<String> {
        let url = format!("{}/governance/charter", self.peers.origin(body)?);
        Ok(self.peers.get(body, &url, None).await?.text(body)?)
    }

    /// Keeps a charter that replaces the one held; whether it does.
    async fn keep_charter(&self, tx: &mut Tx, body: &Did, keys: &[DidKey], signed: &str) -> Result<bool> {
        let fresh = read_charter(signed, keys, body)?;
        let held = match tx.charter().await? {
            // It was the body's when it was kept, whichever keys the body has now.
            Some((charter, text)) if charter.governing_body == *body => {
                let issued_at =
                    read_charter(&text, keys, body).map_or(charter.adopted_at, |held| held.issued_at);
                Some(Issue { version: charter.version, issued_at })
            }
            _ => None,
        };
        let issue = Issue { version: fresh.charter.version, issued_at: fresh.issued_at };
        let is_news = issue.replaces(held, "charter")?;
        if is_news {
            tx.put_charter(&fresh.charter, signed).await?;
        }
        Ok(is_news)
    }

    /// The governing body has admitted this node: keep the credential if it is really ours.
    pub async fn receive_admission(&self, from: &Did, message: AdmissionMessage) -> Result<()> {
        let ecosystem = self.ecosystem();
        if ecosystem.governing_body.as_ref() != Some(from) {
            return Err(not_our_governing_body().into());
        }
        let Some(signed) = message.credential else { return Ok(()) };
        let now = self.clock.now();
        let membership = self.verify_credential(&self.did, &signed).await?;
        let expires_at = Timestamp::from_second(membership.valid_until_s)
            .map_err(|cause| Fault::new("reading a credential", cause))?;
        let document = self.issuer_document(from, Age::Fresh).await?;
        let mut tx = self.store.write("governance.admitted").await?;
        let forms: Vec<&str> = std::iter::once(signed.as_str()).chain(message.vc11.as_deref()).collect();
        self.keep_memberships(&mut tx, &document, &forms).await?;
        let membership =
            Membership { governing_body: from.clone(), credential: signed, received_at: now, expires_at };
        tx.put_membership(&membership).await?;
        tx.commit().await?;
        self.reload_ecosystem().await?;
        Ok(())
    }

    /// Fetches charter and register from the governing body.
    pub async fn refresh_register(&self) -> Result<()> {
        let ecosystem = self.ecosystem();
        let Some(body) = ecosystem.governing_body.clone().filter(|body| *body != self.did) else {
            return Ok(());
        };
        // What the governing body has retired since is believed no longer.
        self.learn_body_keys(&body, Age::Fresh).await;
        let url = format!("{}/governance/register", self.peers.origin(&body)?);
        let signed = self.peers.get(&body, &url, None).await?.text(&body)?;
        let charter = self.fetch_charter(&body).await?;
        self.receive_register(&body, &signed, Some(&charter)).await
    }

    /// Fetches the papers again where they were last looked at five minutes ago: before a membership is judged
    /// by them. A governing body that does not answer holds nobody up for long, and what it last signed holds.
    pub(crate) async fn freshen_papers(&self) {
        // One looks; whoever comes meanwhile goes by what is held.
        let Ok(mut looked_at) = self.doors.papers.try_lock() else { return };
        let now = self.clock.now();
        if looked_at.is_some_and(|at| now.as_second() - at.as_second() < PAPERS_FRESH_S) {
            return;
        }
        *looked_at = Some(now);
        match tokio::time::timeout(PAPERS_WAIT, self.refresh_register()).await {
            Ok(Ok(())) => {}
            Ok(Err(cause)) => tracing::info!(%cause, "the papers could not be refreshed"),
            Err(_) => tracing::info!("the governing body does not answer"),
        }
    }

    /// Cuts every stream to a member that is no longer in good standing.
    pub(super) async fn cut_members_not_good(&self) -> Result<()> {
        let ecosystem = self.ecosystem();
        let agreements = self.store.read("governance.cut").await?.agreements().await?;
        for agreement in agreements.iter().filter(|agreement| agreement.side == Side::Provider) {
            if ecosystem.standing(&agreement.consumer) != Some(Standing::Good) {
                self.doors.cut(&agreement.id);
            }
        }
        Ok(())
    }

    /// Keeps a register, and a charter with it, where they replace the ones held. An older one is refused.
    pub async fn receive_register(&self, body: &Did, signed: &str, charter: Option<&str>) -> Result<()> {
        let ecosystem = self.ecosystem();
        if ecosystem.governing_body.as_ref() != Some(body) {
            return Err(not_our_governing_body().into());
        }
        // Signed by a key that is not known here: perhaps the governing body has turned its own.
        let keys = match read_register(signed, &ecosystem.keys) {
            Ok(_) => ecosystem.keys.clone(),
            Err(_) => self.learn_body_keys(body, Age::Again).await,
        };
        let fresh = read_register(signed, &keys)?;
        if fresh.governing_body != *body {
            return Err(paper_invalid("register").into());
        }
        let issue = |register: &RegisterMessage| Issue { version: 1, issued_at: register.issued_at };
        let mut tx = self.store.write("governance.register").await?;
        let mut is_news = match charter {
            Some(signed) => self.keep_charter(&mut tx, body, &keys, signed).await?,
            None => false,
        };
        let held = match tx.register(body).await? {
            // It was the body's when it was kept, whichever keys the body has now.
            Some(held) => Some(match read_register(&held.signed, &keys) {
                Ok(held) => issue(&held),
                Err(_) => Issue { version: 1, issued_at: held.fetched_at },
            }),
            None => None,
        };
        if issue(&fresh).replaces(held, "register")? {
            is_news = true;
            tx.replace_members(&fresh.members).await?;
            for seen in tx.peer_freshness().await? {
                if !fresh.members.iter().any(|member| member.did == seen.peer) {
                    tx.forget_peer(&seen.peer).await?;
                }
            }
            let register = SignedRegister {
                governing_body: body.clone(),
                signed: signed.to_owned(),
                fetched_at: self.clock.now(),
            };
            tx.put_register(&register).await?;
        }
        tx.commit().await?;
        if is_news {
            self.reload_ecosystem().await?;
            self.cut_members_not_good().await?;
            self.wakers.crawler.notify_one();
        }
        Ok(())
    }
}

fn read_charter(signed: &str, keys: &[DidKey], body: &Did) -> Result<CharterMessage, Refusal> {
    let payload = jws_verify(signed, CHARTER_TYPE, keys).map_err(|_| paper_invalid("charter"))?;
    let message: CharterMessage = weal_wire::parse(&payload).map_err(|_| paper_invalid("charter"))?;
    if message.charter.governing_body == *body { Ok(message) } else { Err(paper_invalid("charter")) }
}

fn read_register(signed: &str, keys: &[DidKey]) -> Result<RegisterMessage, Refusal> {
    let payload = jws_verify(signed, REGISTER_TYPE, keys).map_err(|_| paper_invalid("register"))?;
    weal_wire::parse(&payload).map_err(|_| paper_invalid("register"))
}
