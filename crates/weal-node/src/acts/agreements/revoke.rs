//! Ending an agreement: felt at once on this node, told to the other.

use std::sync::Arc;

use weal_domain::agreements::{Agreement, AgreementId, AgreementStatus, REASON_BYTES_MAX, Side};
use weal_domain::identity::{Act, Did, Person, Role};
use weal_domain::words::is_unseen;
use weal_domain::{Refusal, RefusalKind, Timestamp};
use weal_store::{NewJob, Tx};
use weal_wire::peer::{REVOCATION_PATH, RevocationMessage};

use super::missing;
use crate::acts::json_sha256;
use crate::drivers::JOB_REVOCATION;
use crate::fault::{Fault, Result};
use crate::house::House;
use crate::peers::Reply;

impl House {
    /// Revokes an agreement (`GT-3`): nothing opens under it any more, open streams are cut before this
    /// returns, the peer's transfers are terminated, and the peer is told who revoked it, when and why. It runs
    /// to its end even when the one who asked for it goes away.
    pub async fn revoke(self: &Arc<Self>, by: &Person, id: &AgreementId, reason: &str) -> Result<Agreement> {
        let role = self.require_act(by, Act::Revoke)?;
        let (house, by, id, reason) = (Arc::clone(self), by.clone(), id.clone(), reason.to_owned());
        let done = tokio::spawn(async move { house.revoke_now((&by, role), &id, &reason).await });
        done.await.map_err(|cause| Fault::new("revoking an agreement", cause))?
    }

    async fn revoke_now(&self, by: (&Person, Role), id: &AgreementId, reason: &str) -> Result<Agreement> {
        let now = self.clock.now();
        let mut tx = self.store.write("agreements.revoke").await?;
        let agreement = tx.agreement(id).await?.ok_or_else(agreement_unknown)?;
        let role = by.1.as_str();
        let (ended, facts) = agreement.revoke(&self.did, role, reason, now)?;
        tx.put_agreement(&ended, &json_sha256(&ended.policy)?).await?;
        self.remember(&mut tx, &self.actor(Some(by)), facts).await?;
        // First of all, so that whoever hears of an ended transfer knows why.
        let peer = ended.peer().as_str();
        tx.enqueue(NewJob { kind: JOB_REVOCATION, key: id.as_str(), peer, body: &(), due_at: now }).await?;
        self.terminate_transfers(&mut tx, &ended, &words_of(role, now, reason)).await?;
        tx.commit().await?;
        self.doors.cut(id);
        self.wakers.outbox.notify_one();
        Ok(ended)
    }

    /// Tells the other party of a revoked agreement. One that will not hear of it is not told again: it meets
    /// the refusal when it next uses the agreement.
    pub(crate) async fn send_revocation(&self, id: &str) -> Result<()> {
        let id: AgreementId = id.parse().map_err(|cause| Fault::new("reading a job", cause))?;
        let agreement = self.agreement(&id).await?;
        let AgreementStatus::Revoked { at, role, reason, .. } = agreement.status.clone() else {
            return Err(missing("revocation").into());
        };
        let peer = agreement.peer();
        let url = format!("{}{REVOCATION_PATH}", self.peers.origin(peer)?);
        let body = weal_wire::print(&RevocationMessage { agreement: id, at, role, reason });
        let reply = self.peers.post_text(peer, &url, Some(&self.authorization_for(peer)?), body).await?;
        match reply.check(peer) {
            Err(refusal) if self.is_final(agreement.id.clone(), &reply, &refusal).await? => {
                tracing::info!(%peer, %refusal, "the other party does not take in that an agreement was revoked");
                Ok(())
            }
            // It was reached, so what else waits for it need not rest.
            Err(refusal) if !reply.is_temporary() => {
                Err(Refusal { kind: RefusalKind::Conflict, ..refusal }.into())
            }
            outcome => Ok(outcome?),
        }
    }

    /// Whether a node will say the same to this revocation whenever it hears it. What is not a refusal of such
    /// a node (a proxy's page, an address that moved) says nothing; and an agreement that the peer does not
    /// know may still reach it while the negotiation goes on.
    async fn is_final(&self, id: AgreementId, reply: &Reply, refusal: &Refusal) -> Result<bool> {
        if reply.is_temporary() {
            return Ok(false);
        }
        if refusal.code == "agreement-unknown" {
            let negotiation = self.store.read("agreements.revoking").await?.negotiation_of(&id).await?;
            return Ok(negotiation.is_none_or(|(negotiation, _)| negotiation.state.is_final()));
        }
        Ok(FINAL_CODES.contains(&refusal.code.as_str()))
    }

    /// The other party says that it has revoked an agreement. Whatever its standing, it is heard: a revocation
    /// only takes away. The same word twice changes nothing.
    pub async fn receive_revocation(&self, from: &Did, message: RevocationMessage) -> Result<()> {
        let mut tx = self.store.write("agreements.revoked").await?;
        let agreement = tx.agreement(&message.agreement).await?;
        let agreement =
            agreement.filter(|agreement| agreement.peer() == from).ok_or_else(agreement_unknown)?;
        self.end_for_peer(&mut tx, agreement, &message).await?;
        tx.commit().await?;
        self.wakers.outbox.notify_one();
        Ok(())
    }

    /// The peer terminated a transfer because the agreement is revoked; the word itself is still on its way.
    pub(crate) async fn revoked_by_peer(&self, tx: &mut Tx, id: &AgreementId, words: &str) -> Result<()> {
        let Some(agreement) = tx.agreement(id).await? else { return Ok(()) };
        let (role, at, reason) = read_words(words);
        let at = at.unwrap_or_else(|| self.clock.now());
        self.end_for_peer(tx, agreement, &RevocationMessage { agreement: id.clone(), at, role, reason }).await
    }

    async fn end_for_peer(&self, tx: &mut Tx, agreement: Agreement, said: &RevocationMessage) -> Result<()> {
        // When it was revoked is the peer's word, as far as that can be.
        let at = said.at.max(agreement.agreed_at).min(self.clock.now());
        // It is ended however the peer words it: too long a reason is cut, and none is said for what it is.
        let role = clipped(&said.role, ROLE_BYTES_MAX, "by message");
        let reason = clipped(&said.reason, REASON_BYTES_MAX, "No reason was given.");
        let revoked = agreement.revoke(agreement.peer(), &role, &reason, at);
        // It may be ended here already; then there is nothing to add.
        if matches!(&revoked, Err(refusal) if refusal.kind == RefusalKind::Conflict) {
            return Ok(());
        }
        let (ended, facts) = revoked?;
        tx.put_agreement(&ended, &json_sha256(&ended.policy)?).await?;
        self.remember(tx, &self.actor(None), facts).await?;
        if ended.side == Side::Provider {
            self.doors.cut(&ended.id);
        }
        Ok(())
    }
}

/// What a node refuses about a revocation, and will refuse again.
const FINAL_CODES: [&str; 1] = ["agreement-revoked"];

/// The lines of a termination's reason that say who revoked, in which role, and when.
const ROLE_LINE: &str = "Role: ";
const AT_LINE: &str = "Revoked at: ";
/// As much of a peer's word for the role as is kept.
const ROLE_BYTES_MAX: usize = 60;

fn words_of(role: &str, at: Timestamp, reason: &str) -> String {
    format!("{reason}\n{ROLE_LINE}{role}\n{AT_LINE}{at}")
}

/// Role, time and reason in one line, as much of it as a stranger's words tell.
fn read_words(words: &str) -> (String, Option<Timestamp>, String) {
    let (mut role, mut at, mut reason) = ("by message".to_owned(), None, Vec::new());
    for line in words.lines() {
        if let Some(text) = line.strip_prefix(ROLE_LINE) {
            text.clone_into(&mut role);
        } else if let Some(text) = line.strip_prefix(AT_LINE) {
            at = text.parse().ok();
        } else {
            reason.push(line);
        }
    }
    (role, at, reason.join(" "))
}

/// A stranger's words on one line, up to a size; `instead` where nothing is left of them.
fn clipped(words: &str, bytes_max: usize, instead: &str) -> String {
    let one_line = words.replace(is_unseen, " ");
    let one_line = one_line.trim();
    let mut end = one_line.len().min(bytes_max);
    while !one_line.is_char_boundary(end) {
        end -= 1;
    }
    let kept = one_line.get(..end).unwrap_or_default().trim();
    if kept.is_empty() { instead.to_owned() } else { kept.to_owned() }
}

pub(crate) fn agreement_unknown() -> Refusal {
    Refusal::not_found("agreement-unknown", "There is no agreement of yours with this identifier.")
        .remedy("List yours with `weal agreements`.")
}
