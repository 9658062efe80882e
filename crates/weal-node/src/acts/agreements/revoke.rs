//! Ending an agreement: felt at once on this node, told to the other.

use weal_domain::Refusal;
use weal_domain::agreements::{Agreement, AgreementId, Side};
use weal_domain::identity::{Act, Person};

use crate::acts::json_sha256;
use crate::fault::Result;
use crate::house::House;

impl House {
    /// Revokes an agreement (`GT-3`): nothing opens under it any more, open streams are cut before this
    /// returns, and the peer's transfers are terminated with the reason.
    pub async fn revoke(&self, by: &Person, id: &AgreementId, reason: &str) -> Result<Agreement> {
        self.require_act(by, Act::Revoke)?;
        let now = self.clock.now();
        let mut tx = self.store.write("agreements.revoke").await?;
        let agreement = tx.agreement(id).await?.ok_or_else(agreement_unknown)?;
        let role = by.roles.first().map_or("member", |role| role.as_str());
        let (ended, facts) = agreement.revoke(&self.did, role, reason, now)?;
        tx.put_agreement(&ended, &json_sha256(&ended.policy)?).await?;
        self.remember(&mut tx, &self.actor(Some(by)), facts).await?;
        self.terminate_transfers(&mut tx, &ended, reason).await?;
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
        role: &str,
        reason: &str,
    ) -> Result<()> {
        let Some(agreement) = tx.agreement(id).await? else { return Ok(()) };
        let peer = agreement.peer().clone();
        let one_line = reason.replace(char::is_control, " ");
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
