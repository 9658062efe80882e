//! Ending an agreement: felt at once on this node, told to the other.

use std::sync::Arc;

use weal_domain::Refusal;
use weal_domain::agreements::{Agreement, AgreementId, Side};
use weal_domain::identity::{Act, Person, Role};

use crate::acts::json_sha256;
use crate::fault::{Fault, Result};
use crate::house::House;

/// The line of a termination's reason that names the role of the person who revoked.
const ROLE_LINE: &str = "Role: ";

impl House {
    /// Revokes an agreement (`GT-3`): nothing opens under it any more, open streams are cut before this
    /// returns, and the peer's transfers are terminated with the reason. It runs to its end even when the
    /// one who asked for it goes away.
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
        self.terminate_transfers(&mut tx, &ended, &format!("{reason}\n{ROLE_LINE}{role}")).await?;
        tx.commit().await?;
        self.doors.cut(id);
        self.wakers.outbox.notify_one();
        self.wakers.moved.notify_waiters();
        Ok(ended)
    }

    /// The other side has ended the agreement; it told us through its transfer.
    pub(crate) async fn revoked_by_peer(
        &self,
        tx: &mut weal_store::Tx,
        id: &AgreementId,
        words: &str,
    ) -> Result<()> {
        let Some(agreement) = tx.agreement(id).await? else { return Ok(()) };
        let peer = agreement.peer().clone();
        let role = words.lines().find_map(|line| line.strip_prefix(ROLE_LINE)).unwrap_or("by message");
        let reason: Vec<&str> = words.lines().filter(|line| !line.starts_with(ROLE_LINE)).collect();
        let one_line = reason.join(" ").replace(char::is_control, " ");
        // It may be ended here already; then there is nothing to add.
        if let Ok((ended, facts)) = agreement.revoke(&peer, role, &one_line, self.clock.now()) {
            tx.put_agreement(&ended, &json_sha256(&ended.policy)?).await?;
            self.remember(tx, &self.actor(None), facts).await?;
            if ended.side == Side::Provider {
                self.doors.cut(id);
            }
        }
        Ok(())
    }
}

pub(crate) fn agreement_unknown() -> Refusal {
    Refusal::not_found("agreement-unknown", "There is no agreement of yours with this identifier.")
        .remedy("List yours with `weal agreements`.")
}
