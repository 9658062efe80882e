//! What must hold when everything has got through.

use std::collections::BTreeMap;
use std::sync::Arc;

use weal_domain::agreements::{Agreement, AgreementStatus, Negotiation, NegotiationState};
use weal_domain::exchange::Transfer;
use weal_node::House;

use super::lane::Lane;

/// What one node holds, and what it still has to send.
struct Picture {
    negotiations: Vec<Negotiation>,
    transfers: Vec<Transfer>,
    agreements: Vec<Agreement>,
    waiting: u64,
    given_up: usize,
}

impl Picture {
    async fn of(house: Arc<House>) -> Self {
        let mut tx = house.store.read("testkit").await.expect("a look");
        let negotiations = tx.negotiations(1_000).await.expect("negotiations");
        let transfers: Vec<(Transfer, u64)> = tx.transfers(1_000).await.expect("transfers");
        let pending = tx.pending().await.expect("the outbox");
        let given_up = tx.given_up(10).await.expect("the outbox").len();
        drop(tx);
        Self {
            negotiations: negotiations.into_iter().map(|(one, _)| one).collect(),
            transfers: transfers.into_iter().map(|(one, _)| one).collect(),
            agreements: house.agreements().await.expect("agreements"),
            waiting: pending.into_iter().map(|(_, jobs)| jobs).sum(),
            given_up,
        }
    }
}

/// What the owner has been through, by kind.
pub(super) async fn seen(lane: &Lane) -> BTreeMap<String, usize> {
    let Some(owner) = lane.owner.house() else { return BTreeMap::new() };
    let picture = Picture::of(owner).await;
    let mut seen = BTreeMap::new();
    let negotiations = picture.negotiations.iter().map(|one| format!("negotiation {}", one.state));
    let transfers = picture.transfers.iter().map(|one| format!("transfer {}", one.state));
    let revoked = picture.agreements.iter().filter(|one| one.status != AgreementStatus::InForce);
    for what in negotiations.chain(transfers).chain(revoked.map(|_| "revoked".to_owned())) {
        *seen.entry(what).or_insert(0) += 1;
    }
    seen
}

pub(super) async fn at_rest(lane: &Lane) -> Result<(), String> {
    let (Some(owner), Some(asker)) = (lane.owner.house(), lane.asker.house()) else {
        return Err("somebody is dead".to_owned());
    };
    let (ours, theirs) = (Picture::of(owner).await, Picture::of(asker).await);
    for (one, other) in [(&ours, &theirs), (&theirs, &ours)] {
        if one.waiting > 0 || one.given_up > 0 {
            return Err(format!("{} messages wait, {} were given up", one.waiting, one.given_up));
        }
        for negotiation in &one.negotiations {
            both_ended(negotiation, other)?;
        }
        for transfer in &one.transfers {
            both_stand_alike(transfer, other)?;
        }
        for agreement in &one.agreements {
            in_force_on_both_sides_or_none(agreement, one, other)?;
        }
    }
    Ok(())
}

fn both_ended(ours: &Negotiation, other: &Picture) -> Result<(), String> {
    let pid = &ours.own_pid;
    if !ours.state.is_final() || ours.talk.awaiting_ack.is_some() {
        return Err(format!("{pid} is stuck at {}: {:?}", ours.state, ours.talk));
    }
    let mut halves = other.negotiations.iter().filter(|one| one.talk.peer_pid.as_ref() == Some(pid));
    match (halves.next(), halves.next()) {
        (Some(theirs), None) if theirs.state == ours.state => Ok(()),
        (Some(theirs), None) => Err(format!("{pid} stands at {} and {}", ours.state, theirs.state)),
        (Some(_), Some(_)) => Err(format!("{pid} has two halves at the other side")),
        (None, _) if ours.state == NegotiationState::Terminated && ours.talk.peer_pid.is_none() => Ok(()),
        (None, _) => Err(format!("{pid} at {} has no other half", ours.state)),
    }
}

fn both_stand_alike(ours: &Transfer, other: &Picture) -> Result<(), String> {
    let pid = &ours.own_pid;
    if ours.talk.awaiting_ack.is_some() {
        return Err(format!("{pid} is stuck at {}: {:?}", ours.state, ours.talk));
    }
    match other.transfers.iter().find(|one| one.talk.peer_pid.as_ref() == Some(pid)) {
        Some(theirs) if theirs.state == ours.state => Ok(()),
        Some(theirs) => Err(format!("transfer {pid} stands at {} and {}", ours.state, theirs.state)),
        None if ours.state.is_final() && ours.talk.peer_pid.is_none() => Ok(()),
        None => Err(format!("transfer {pid} at {} has no other half", ours.state)),
    }
}

fn in_force_on_both_sides_or_none(ours: &Agreement, own: &Picture, other: &Picture) -> Result<(), String> {
    if ours.status == AgreementStatus::Pending {
        return Err(format!("{} is neither in force nor ended", ours.id));
    }
    if ours.status != AgreementStatus::InForce {
        return Ok(());
    }
    let same = other.agreements.iter().find(|one| one.id == ours.id);
    let same = same.is_some_and(|one| one.status == AgreementStatus::InForce && one.terms == ours.terms);
    if !same {
        return Err(format!("{} is in force on one side only", ours.id));
    }
    let made = own.negotiations.iter().find(|one| one.agreement.as_ref() == Some(&ours.id));
    match made {
        Some(made) if made.state == NegotiationState::Finalized => Ok(()),
        _ => Err(format!("AG-4: {} is in force, and its negotiation is not FINALIZED", ours.id)),
    }
}
