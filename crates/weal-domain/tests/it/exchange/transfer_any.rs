//! Whatever happens to a transfer, in any order, as often as anybody likes: as for a negotiation.

use proptest::prelude::*;
use weal_domain::Mark;
use weal_domain::agreements::Side;
use weal_domain::exchange::transfer::{
    Event, Move, MoveKind, Step, TURNS_COUNT_MAX, Transfer, TransferState as State,
};

use super::transfer::{address, opening};
use crate::agreements::negotiation_any::any_mark;
use crate::given::now;

const PEER_PID: &str = "urn:uuid:the-peers-pid";

#[derive(Debug, Clone)]
enum Any {
    Heard { kind: MoveKind, secret: Option<u8>, pid: bool, mark: Mark },
    Intend { kind: MoveKind, secret: Option<u8> },
    Acked { back: u32, pid: Option<bool> },
    Rejected { back: u32 },
    Undelivered { back: u32 },
}

fn any_event() -> impl Strategy<Value = Any> {
    let kind = || prop::sample::select(MoveKind::ALL.to_vec());
    let secret = || prop::option::of(0u8..4);
    let known = || prop::bool::weighted(0.9);
    prop_oneof![
        4 => (kind(), secret(), known(), any_mark())
            .prop_map(|(kind, secret, pid, mark)| Any::Heard { kind, secret, pid, mark }),
        4 => (kind(), secret()).prop_map(|(kind, secret)| Any::Intend { kind, secret }),
        3 => (0u32..3, prop::option::of(known())).prop_map(|(back, pid)| Any::Acked { back, pid }),
        1 => (0u32..3).prop_map(|back| Any::Rejected { back }),
        1 => (0u32..3).prop_map(|back| Any::Undelivered { back }),
    ]
}

fn message(kind: MoveKind, secret: Option<u8>) -> Move {
    let (code, reason) = ("c".to_owned(), "A reason.".to_owned());
    match kind {
        MoveKind::Request => Move::Request,
        MoveKind::Start => Move::Start { address: secret.map(|nth| address(&format!("secret-{nth}"))) },
        MoveKind::Suspend => Move::Suspend { code, reason },
        MoveKind::Complete => Move::Complete,
        MoveKind::Terminate => Move::Terminate { code, reason },
    }
}

fn event(own: &Transfer, any: &Any) -> Event {
    let pid = |known: bool| if known { PEER_PID } else { "urn:uuid:somebody-else" }.to_owned();
    let turn = |back: u32| own.talk.turns_told.saturating_sub(back);
    let reason = "They said no.".to_owned();
    match any {
        Any::Heard { kind, secret, pid: known, mark } => {
            Event::Received { message: message(*kind, *secret), peer_pid: pid(*known), mark: mark.clone() }
        }
        Any::Intend { kind, secret } => Event::Intend(message(*kind, *secret)),
        Any::Acked { back, pid: known } => Event::Acked { turn: turn(*back), peer_pid: known.map(pid) },
        Any::Rejected { back } => Event::Rejected { turn: turn(*back), reason },
        Any::Undelivered { back } => Event::Undelivered { turn: turn(*back), reason },
    }
}

fn keeps_the_invariants(before: &Transfer, event: &Event, step: &Step) -> Result<(), TestCaseError> {
    let next = &step.next;
    let mut state = before.state;
    for turn in &next.turns[before.turns.len()..] {
        let is_opening = next.turns.first() == Some(turn) && before.turns.is_empty();
        let after = state.after(turn.by, turn.kind);
        prop_assert!(after.is_some() || is_opening, "AG-1: {} has no {:?}", state, turn);
        state = after.unwrap_or(state);
    }
    prop_assert_eq!(state, next.state, "AG-1: the timeline leads to the state");
    if before.state.is_final() {
        prop_assert_eq!(next.state, before.state, "AG-1: an end is an end");
    }
    if next.state.is_final() {
        prop_assert!(next.address.is_none(), "an ended transfer opens nothing");
    }
    if matches!(event, Event::Intend(_)) && next.state != before.state {
        let alone = before.talk.awaiting_ack.as_ref().is_some_and(|own| own.opening);
        prop_assert!(alone && next.state == State::Terminated, "AG-2: {:?} led to {}", event, next.state);
    }
    prop_assert!(step.tell.len() <= 1, "AG-3");
    if let Some(told) = step.tell.first() {
        prop_assert_eq!(next.talk.awaiting_ack.as_ref(), Some(told), "AG-3");
        prop_assert!(told.turn > before.talk.turns_told, "a new message has a new number");
    }
    prop_assert!(next.turns.len() <= TURNS_COUNT_MAX + 2, "{} turns", next.turns.len());
    prop_assert!(
        step.remember.len() == next.turns.len() - before.turns.len(),
        "every move is remembered once"
    );
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 3_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_sequence_of_events_breaks_a_transfer(
        asks in any::<bool>(),
        events in prop::collection::vec(any_event(), 0..80),
    ) {
        let mut own = if asks {
            Transfer::request(opening(Side::Consumer), now()).next
        } else {
            Transfer::received(opening(Side::Provider), PEER_PID.to_owned(), &Mark::Turn(1), now()).next
        };
        for any in &events {
            let event = event(&own, any);
            let Ok(step) = own.on(event.clone(), now()) else { continue };
            keeps_the_invariants(&own, &event, &step)?;
            let marked = matches!(&event, Event::Received { mark, .. } if *mark != Mark::Bare);
            if marked {
                let again = step.next.on(event, now());
                let again = again.map_err(|no| TestCaseError::fail(format!("a repetition: {no:?}")))?;
                prop_assert_eq!(&again.next, &step.next, "a repetition changes nothing");
                prop_assert!(again.tell.is_empty() && again.remember.is_empty());
            }
            own = step.next;
        }
        let kept = serde_json::to_string(&own).expect("it is stored");
        prop_assert_eq!(serde_json::from_str::<Transfer>(&kept).expect("and read"), own);
    }
}
