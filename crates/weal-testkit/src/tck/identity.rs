//! The kit proves nothing about itself, so this node takes for the kit whoever knows the word that the kit was
//! told to say. No other node can be started with this.

use weal_domain::identity::Did;
use weal_domain::{Refusal, RefusalKind};
use weal_node::House;
use weal_node::fault::Result;
use weal_node::peers::{Caller, Identity};

/// What the kit calls itself in agreements.
const PARTICIPANT: &str = "TCK_PARTICIPANT";

#[derive(Debug)]
pub(super) struct OnlyTheKit {
    /// Made of the address at which the kit listens, so that `PE-1` holds for it as for every peer.
    pub(super) did: Did,
    pub(super) word: String,
}

#[async_trait::async_trait]
impl Identity for OnlyTheKit {
    async fn caller(&self, _: &House, authorization: Option<&str>) -> Result<Caller> {
        if authorization != Some(self.word.as_str()) {
            let refusal = Refusal::new(RefusalKind::Unauthenticated, "not-the-kit", "Only the kit may call.");
            return Err(refusal.into());
        }
        Ok(Caller { did: self.did.clone(), name: "kit".parse().expect("a member name") })
    }

    fn is_named(&self, peer: &Did, name: &str) -> bool {
        *peer == self.did && name == PARTICIPANT
    }
}
