//! Carrying the messages of a process, whatever it is about: enqueued with the state that decided them, sent
//! to the peer, and the peer's reply read as an event.

use std::time::Duration;

use weal_domain::agreements::Side;
use weal_domain::identity::Did;
use weal_domain::{Conversation, Event, Mark, Notice, Refusal, RefusalKind};
use weal_store::{NewJob, Tx};
use weal_wire::dsp::{Reasons, Turned};

use crate::fault::{Fault, Result};
use crate::house::House;
use crate::peers::Reply;

/// How long a peer that looks at a process waits for a message of ours that is on its way to it.
const ON_ITS_WAY_WAIT: Duration = Duration::from_secs(2);

/// Whether a message of ours is on its way, and not only to be sent again. Its receiver may have acknowledged it, and
/// look at the process before that is written here: what it is shown must not be older than what it said.
fn is_on_its_way<M>(talk: &Conversation<M>) -> bool {
    talk.awaiting_ack.is_some() && talk.trouble.is_none()
}

impl House {
    /// A process as a peer may see it: as `look` finds it once no message of ours is on its way, or after a while.
    pub(crate) async fn settled<P, M, L>(
        &self,
        pid: &str,
        look: impl Fn() -> L,
        talk: fn(&P) -> &Conversation<M>,
    ) -> Result<P>
    where
        L: Future<Output = Result<P>>,
    {
        let once_settled = || async {
            let process = look().await?;
            Ok((!is_on_its_way(talk(&process))).then_some(process))
        };
        match self.wakers.until(pid, ON_ITS_WAY_WAIT, once_settled).await? {
            Some(process) => Ok(process),
            None => look().await,
        }
    }
}

/// One message of a process on its way.
#[derive(Debug)]
pub(crate) struct Outgoing {
    /// Below the address where the peer listens.
    pub(crate) path: String,
    pub(crate) body: String,
}

/// How the replies of one protocol are read.
pub(crate) struct Replies {
    /// The provider's and the consumer's process identifiers in an acknowledgement.
    pub(crate) pids: fn(&[u8]) -> Option<(String, String)>,
    pub(crate) reasons: fn(&[u8]) -> Option<Reasons>,
}

/// A message with our count of messages, by which the peer tells a repetition from a new one.
pub(crate) fn turned<M: weal_wire::Message>(turn: u32, message: M) -> String {
    weal_wire::print(&Turned { message, mark: Mark::Turn(turn) })
}

/// The process and the turn that a job's key names.
pub(crate) fn process_of_key(key: &str) -> Result<(&str, u32)> {
    let parts = key.rsplit_once('#').and_then(|(pid, turn)| Some((pid, turn.parse().ok()?)));
    Ok(parts.ok_or_else(|| Fault::new("continuing a process", "a job without a turn"))?)
}

impl House {
    /// Enqueues what a process has to tell, in the transaction that saves its state.
    pub(crate) async fn tell<M>(
        &self,
        tx: &mut Tx,
        kind: &str,
        (own_pid, peer): (&str, &Did),
        notices: &[Notice<M>],
    ) -> Result<()> {
        for notice in notices {
            let key = format!("{own_pid}#{}", notice.turn);
            let due_at = self.clock.now();
            tx.enqueue(NewJob { kind, key: &key, peer: peer.as_str(), body: &(), due_at }).await?;
        }
        Ok(())
    }

    /// Sends message `turn` of our `own` side and pid, and says what the peer's reply means for the process. A
    /// message that failed is sent again later.
    pub(crate) async fn deliver<M>(
        &self,
        own: (Side, &str),
        (peer, address): (&Did, &str),
        turn: u32,
        outgoing: Outgoing,
        replies: &Replies,
    ) -> Result<(Event<M>, Result<()>)> {
        let url = format!("{}{}", address.trim_end_matches('/'), outgoing.path);
        let authorization = self.authorization_for(peer)?;
        let sent = self.peers.post_text(peer, &url, Some(&authorization), outgoing.body).await;
        let (event, failure) = judge(own, turn, sent, replies);
        Ok((event, failure.map_or(Ok(()), |refusal| Err(refusal.into()))))
    }
}

fn judge<M>(
    (side, own_pid): (Side, &str),
    turn: u32,
    sent: Result<Reply, Refusal>,
    replies: &Replies,
) -> (Event<M>, Option<Refusal>) {
    let undelivered = |refusal: Refusal| {
        let event = Event::Undelivered { turn, reason: refusal.reason.clone() };
        (event, Some(refusal))
    };
    let reply = match sent {
        Ok(reply) => reply,
        // What our own rules forbid to send will be forbidden the next time too.
        Err(refusal) if refusal.kind == RefusalKind::Forbidden => {
            return (Event::Rejected { turn, reason: refusal.reason }, None);
        }
        Err(refusal) => return undelivered(refusal),
    };
    if reply.is_success() {
        // A peer that acknowledges without a readable body is believed; only its pid stays unknown.
        let peer_pid = (replies.pids)(&reply.body).map(|(provider, consumer)| match side {
            // Some strangers confuse the two. Theirs is the one that is not ours.
            Side::Consumer if provider == own_pid => consumer,
            Side::Consumer => provider,
            Side::Provider if consumer == own_pid => provider,
            Side::Provider => consumer,
        });
        return (Event::Acked { turn, peer_pid }, None);
    }
    let reason = match (replies.reasons)(&reply.body) {
        Some(reasons) => reasons.0.join(" "),
        None => format!("The other side answered with status {}.", reply.status),
    };
    if reply.is_temporary() {
        return undelivered(Refusal::new(RefusalKind::Unavailable, "peer-unavailable", reason));
    }
    (Event::Rejected { turn, reason }, None)
}
