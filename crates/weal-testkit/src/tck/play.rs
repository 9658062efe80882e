//! Plays the script: looks what is due, and does it through the acts that a steward uses.

use std::sync::Arc;
use std::time::Duration;

use weal_domain::agreements::negotiation::{Move, MoveKind as Says};
use weal_domain::agreements::{Agreement, Conclusion, Negotiation, Side};
use weal_domain::catalogue::Mode;
use weal_domain::exchange::Transfer;
use weal_domain::exchange::transfer::MoveKind as Does;
use weal_domain::{Conversation, Timestamp};
use weal_node::House;
use weal_node::api::Deed;
use weal_node::fault::{Fault, Result};

use super::script::{ASKED_BY_US, LINES_OF_OURS, LINES_OF_THEIRS, OFFERED_BY_US, Part};
use super::{Cast, seed};

/// The kit is ready for the next message only some time after it has answered, or was answered.
const PAUSE_MS: i64 = 150;
const LOOK_EVERY: Duration = Duration::from_millis(20);

pub(super) async fn play(house: Arc<House>, cast: Cast) {
    loop {
        if let Err(cause) = one_look(&house, &cast).await {
            eprintln!("not played: {cause}");
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

async fn one_look(house: &House, cast: &Cast) -> Result<()> {
    let now = house.clock.now();
    let mut tx = house.store.read("tck.look").await?;
    let negotiations = tx.negotiations(500).await?;
    let transfers = tx.transfers(500).await?;
    drop(tx);
    for (negotiation, _) in negotiations.iter().filter(|(one, _)| is_quiet(&one.talk, now)) {
        if let Some(kind) = next_in_negotiation(negotiation) {
            let message = message(house, negotiation, kind)?;
            report(
                &negotiation.proposal.dataset,
                house.say(&cast.person, &negotiation.own_pid, message).await,
            );
        }
    }
    for (transfer, _) in transfers.iter().filter(|(one, _)| is_quiet(&one.talk, now)) {
        if let Some(kind) = next_in_transfer(transfer) {
            let done = house.decide_transfer(&cast.person, &transfer.own_pid, deed(kind)).await;
            report(transfer.agreement.as_str(), done);
        }
    }
    Ok(())
}

/// A move that lost a race against the kit's is looked at again.
fn report<T>(about: &str, done: Result<T>) {
    if let Err(cause) = done {
        eprintln!("{about}: {cause}");
    }
}

fn is_quiet<M>(talk: &Conversation<M>, now: Timestamp) -> bool {
    talk.awaiting_ack.is_none() && now.as_millisecond() - talk.updated_at.as_millisecond() >= PAUSE_MS
}

fn next_in_negotiation(one: &Negotiation) -> Option<Says> {
    let (parts, opening) = match one.side {
        Side::Provider => (OFFERED_BY_US, 0),
        Side::Consumer => (ASKED_BY_US, 1),
    };
    let own = one.turns.iter().filter(|turn| turn.by == one.side).count();
    next(parts, &one.proposal.dataset, own.checked_sub(opening)?, one.state)
}

fn next_in_transfer(one: &Transfer) -> Option<Does> {
    let (parts, opening) = match one.side {
        Side::Provider => (LINES_OF_OURS, 0),
        Side::Consumer => (LINES_OF_THEIRS, 1),
    };
    let own = one.turns.iter().filter(|turn| turn.by == one.side).count();
    next(parts, one.agreement.as_str(), own.checked_sub(opening)?, one.state)
}

fn next<S: PartialEq + Copy, M: Copy>(parts: &[Part<S, M>], about: &str, done: usize, state: S) -> Option<M> {
    let part = parts.iter().find(|part| part.about() == about)?;
    part.moves.get(done).filter(|(due, _)| *due == state).map(|(_, kind)| *kind)
}

fn message(house: &House, one: &Negotiation, kind: Says) -> Result<Move> {
    let proposal = Box::new(one.proposal.clone());
    Ok(match kind {
        Says::Request => Move::Request { proposal },
        Says::Offer => Move::Offer { proposal },
        Says::Accept => Move::Accept,
        Says::Agree => Move::Agree { agreement: Box::new(agreement(house, one)?) },
        Says::Verify => Move::Verify,
        Says::Finalize => Move::Finalize,
        Says::Terminate => Move::Terminate { code: "script".into(), reason: "The script ends here.".into() },
    })
}

fn agreement(house: &House, one: &Negotiation) -> Result<Agreement> {
    let id = house.entropy.urn()?.parse().map_err(|cause| Fault::new("making an agreement id", cause))?;
    Ok(Agreement::conclude(Conclusion {
        id,
        side: one.side,
        provider: house.did.clone(),
        consumer: one.peer.clone(),
        dataset: one.proposal.dataset.clone(),
        product: seed::product_of(&one.proposal.dataset),
        mode: Mode::Extract,
        terms: seed::terms(),
        policy: one.proposal.policy.clone(),
        agreed_at: house.clock.now(),
    })?)
}

fn deed(kind: Does) -> Deed {
    let reason = "The script says so.".to_owned();
    match kind {
        Does::Request | Does::Start => Deed::Start,
        Does::Suspend => Deed::Suspend { reason },
        Does::Complete => Deed::Complete,
        Does::Terminate => Deed::Terminate { reason },
    }
}
