//! What must hold: at every commit, when everything has come to rest, and at the end.

use std::rc::Rc;

use weal_domain::agreements::negotiation::{Move, NegotiationState};
use weal_domain::agreements::{AgreementStatus, Side};
use weal_domain::exchange::TransferState;

use super::node::Disk;
use super::process::Process;
use super::world::World;

/// One node, as a transaction leaves it.
pub(super) fn at_commit(before: &Disk, after: &Disk) -> Result<(), String> {
    for (pid, process) in &after.processes {
        let old = before.processes.get(pid);
        if old.is_some_and(|old| Rc::ptr_eq(old, process)) {
            continue;
        }
        if !process.follows(old.map(Rc::as_ref)) {
            return Err(format!("AG-1: {pid} stands at {}, and no message leads there", process.state()));
        }
        if old.is_some_and(|old| old.is_final() && old.state() != process.state()) {
            return Err(format!("AG-1: {pid} went on after its end, to {}", process.state()));
        }
        if let Some(turn) = process.awaited()
            && !after.outbox.contains_key(&(pid.clone(), turn))
        {
            return Err(format!("message {turn} of {pid} is awaited, and nothing will send it"));
        }
        if let Process::Negotiation(own) = process.as_ref() {
            let is_agreed = own.turns.iter().any(|turn| matches!(turn.message, Move::Agree { .. }));
            if own.agreement.is_some() != is_agreed {
                return Err(format!("AG-4: {pid} holds an agreement that nobody made, or lost one"));
            }
        }
    }
    in_force_means_finalized(after)
}

/// `AG-4`: what is in force was put there by a negotiation that is FINALIZED, and by nothing else.
fn in_force_means_finalized(disk: &Disk) -> Result<(), String> {
    for process in disk.processes.values() {
        let Process::Negotiation(own) = process.as_ref() else { continue };
        let Some(id) = &own.agreement else { continue };
        let Some(agreement) = disk.agreements.get(id) else {
            return Err(format!("AG-4: {} agreed, and the agreement is not kept", own.own_pid));
        };
        let in_force = agreement.status == AgreementStatus::InForce;
        if in_force != (own.state == NegotiationState::Finalized) {
            return Err(format!(
                "AG-4: {id} is {:?} while its negotiation stands at {}",
                agreement.status, own.state
            ));
        }
    }
    Ok(())
}

/// Everything got through and nobody has anything more to send: both sides tell the same.
pub(super) fn at_rest(world: &World<'_>) -> Result<(), String> {
    for side in [Side::Consumer, Side::Provider] {
        let (ours, theirs) = (&world.node(side).disk, &world.node(side.other()).disk);
        if let Some((key, job)) = ours.outbox.first_key_value() {
            return Err(format!("{key:?} was never delivered: {job:?}"));
        }
        for (pid, process) in &ours.processes {
            if let Some(turn) = process.awaited() {
                return Err(format!("{pid} awaits the answer to message {turn} for ever"));
            }
            let mut halves = theirs.processes.values().filter(|other| other.peer_pid() == Some(pid.as_str()));
            let other = halves.next();
            if halves.next().is_some() {
                return Err(format!("{pid} has two halves at the other side"));
            }
            agrees(process, other.map(Rc::as_ref))?;
        }
    }
    Ok(())
}

fn agrees(ours: &Process, theirs: Option<&Process>) -> Result<(), String> {
    let pid = ours.own_pid();
    let Some(theirs) = theirs else {
        // It ended before anybody else had heard of it.
        let alone = ours.state() == "TERMINATED" && ours.peer_pid().is_none();
        return if alone { Ok(()) } else { Err(format!("{pid} at {} has no other half", ours.state())) };
    };
    if ours.state() != theirs.state() {
        return Err(format!(
            "{pid} stands at {} and its other half at {} (trouble: {:?}, {:?})",
            ours.state(),
            theirs.state(),
            ours.trouble(),
            theirs.trouble()
        ));
    }
    if ours.peer_pid() != Some(theirs.own_pid()) {
        return Err(format!("{pid} does not know its other half"));
    }
    match (ours, theirs) {
        (Process::Negotiation(ours), Process::Negotiation(theirs)) => {
            let concluded = ours.state == NegotiationState::Finalized;
            if concluded && ours.agreement != theirs.agreement {
                return Err(format!("{pid}: the sides hold different agreements"));
            }
            Ok(())
        }
        (Process::Transfer(ours), Process::Transfer(theirs)) => {
            if ours.state == TransferState::Started && ours.address != theirs.address {
                return Err(format!("{pid} is open, and the sides hold different secrets"));
            }
            Ok(())
        }
        _ => Err(format!("{pid} is a negotiation here and a transfer there")),
    }
}

/// After everybody has said what was theirs to say, nothing is left open.
pub(super) fn at_the_end(world: &World<'_>) -> Result<(), String> {
    at_rest(world)?;
    for side in [Side::Consumer, Side::Provider] {
        let disk = &world.node(side).disk;
        for (pid, process) in &disk.processes {
            if !process.is_final() {
                return Err(format!(
                    "{pid} is stuck at {} (trouble: {:?})",
                    process.state(),
                    process.trouble()
                ));
            }
        }
        let theirs = &world.node(side.other()).disk;
        let in_force = disk.agreements.values().filter(|one| one.status == AgreementStatus::InForce);
        for ours in in_force {
            let other = theirs.agreements.get(&ours.id);
            let same = other.is_some_and(|other| {
                other.status == AgreementStatus::InForce
                    && (&other.policy, &other.terms) == (&ours.policy, &ours.terms)
            });
            if !same {
                return Err(format!("{} is in force on one side only", ours.id));
            }
        }
    }
    Ok(())
}
