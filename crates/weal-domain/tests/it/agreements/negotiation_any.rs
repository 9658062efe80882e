//! Whatever a peer sends and whatever this side does, in any order, as often as anybody likes: every step keeps
//! the invariants, and what is refused says so and changes nothing.

use proptest::prelude::*;
use weal_domain::agreements::negotiation::{
    Event, Move, MoveKind, Negotiation, NegotiationState as State, PROPOSALS_COUNT_MAX, Step,
};
use weal_domain::agreements::{Agreement, Side};
use weal_domain::catalogue::Mode;
use weal_domain::{Mark, Refusal, RefusalKind};

use crate::given::{now, opening_of_education, opening_of_revenue, signed};

const PEER_PID: &str = "urn:uuid:the-peers-pid";

#[derive(Debug, Clone)]
struct Said {
    kind: MoveKind,
    /// Content that is not what was on the table.
    is_bent: bool,
}

#[derive(Debug, Clone)]
enum Any {
    Heard { said: Said, pid: bool, mark: Mark },
    Intend(Said),
    Acked { back: u32, pid: Option<bool> },
    Rejected { back: u32 },
    Undelivered { back: u32 },
}

fn said() -> impl Strategy<Value = Said> {
    let kind = prop::sample::select(MoveKind::ALL.to_vec());
    (kind, prop::bool::weighted(0.1)).prop_map(|(kind, is_bent)| Said { kind, is_bent })
}

pub(crate) fn any_mark() -> impl Strategy<Value = Mark> {
    prop_oneof![
        2 => Just(Mark::Bare),
        3 => prop_oneof![0u32..6, 1_020u32..1_030, 2_048u32..2_050, any::<u32>()].prop_map(Mark::Turn),
        1 => (0u8..5).prop_map(|id| Mark::Id(format!("message-{id}"))),
    ]
}

fn any_event() -> impl Strategy<Value = Any> {
    prop_oneof![
        4 => (said(), prop::bool::weighted(0.9), any_mark()).prop_map(|(said, pid, mark)| Any::Heard { said, pid, mark }),
        4 => said().prop_map(Any::Intend),
        3 => (0u32..3, prop::option::of(prop::bool::weighted(0.9)))
            .prop_map(|(back, pid)| Any::Acked { back, pid }),
        1 => (0u32..3).prop_map(|back| Any::Rejected { back }),
        1 => (0u32..3).prop_map(|back| Any::Undelivered { back }),
    ]
}

fn message(own: &Negotiation, said: &Said) -> Move {
    let mut on_the_table = Box::new(own.proposal.clone());
    if said.is_bent {
        on_the_table.dataset.push('x');
    }
    match said.kind {
        MoveKind::Request => Move::Request { proposal: on_the_table },
        MoveKind::Offer => Move::Offer { proposal: on_the_table },
        MoveKind::Accept => Move::Accept,
        MoveKind::Agree => {
            let mut agreement: Agreement = signed(Mode::Statistics);
            if said.is_bent {
                agreement.policy.permissions.clear();
            }
            Move::Agree { agreement: Box::new(agreement) }
        }
        MoveKind::Verify => Move::Verify,
        MoveKind::Finalize => Move::Finalize,
        MoveKind::Terminate => Move::Terminate { code: "c".to_owned(), reason: "A reason.".to_owned() },
    }
}

fn event(own: &Negotiation, any: &Any) -> Event {
    let pid = |known: bool| if known { PEER_PID } else { "urn:uuid:somebody-else" }.to_owned();
    // An answer to the message on its way, or to one before it.
    let turn = |back: u32| own.talk.turns_told.saturating_sub(back);
    let reason = "They said no.".to_owned();
    match any {
        Any::Heard { said, pid: known, mark } => {
            Event::Received { message: message(own, said), peer_pid: pid(*known), mark: mark.clone() }
        }
        Any::Intend(said) => Event::Intend(message(own, said)),
        Any::Acked { back, pid: known } => Event::Acked { turn: turn(*back), peer_pid: known.map(pid) },
        Any::Rejected { back } => Event::Rejected { turn: turn(*back), reason },
        Any::Undelivered { back } => Event::Undelivered { turn: turn(*back), reason },
    }
}

/// The four ways in which a side finds itself in a negotiation.
fn begun(way: u8) -> Negotiation {
    match way {
        0 => Negotiation::request(opening_of_education(), now()).next,
        1 => Negotiation::offer(opening_of_revenue(), now()).next,
        2 => {
            let (side, pid) = (Side::Provider, PEER_PID.to_owned());
            Negotiation::received(side, opening_of_revenue(), pid, &Mark::Turn(1), now()).next
        }
        _ => {
            let (side, pid) = (Side::Consumer, PEER_PID.to_owned());
            Negotiation::received(side, opening_of_education(), pid, &Mark::Bare, now()).next
        }
    }
}

fn is_honest(refusal: &Refusal) -> bool {
    matches!(refusal.kind, RefusalKind::Conflict | RefusalKind::Invalid | RefusalKind::NotFound)
        && !refusal.code.is_empty()
        && !refusal.reason.is_empty()
}

/// What every step keeps, whatever it answers to.
fn keeps_the_invariants(before: &Negotiation, event: &Event, step: &Step) -> Result<(), TestCaseError> {
    let next = &step.next;
    let mut state = before.state;
    for turn in &next.turns[before.turns.len()..] {
        let is_opening = next.turns.first() == Some(turn) && before.turns.is_empty();
        let after = state.after(turn.by, turn.message.kind());
        prop_assert!(after.is_some() || is_opening, "AG-1: {} has no {:?}", state, turn);
        state = after.unwrap_or(state);
    }
    prop_assert_eq!(state, next.state, "AG-1: the timeline leads to the state");
    if before.state.is_final() {
        prop_assert_eq!(next.state, before.state, "AG-1: an end is an end");
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
    let is_agreed = next.turns.iter().any(|turn| matches!(turn.message, Move::Agree { .. }));
    prop_assert_eq!(next.agreement.is_some(), is_agreed, "AG-4");
    prop_assert!(next.turns.len() <= PROPOSALS_COUNT_MAX + 6, "{} turns", next.turns.len());
    prop_assert!(
        step.remember.len() == next.turns.len() - before.turns.len(),
        "every move is remembered once"
    );
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 3_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_sequence_of_events_breaks_a_negotiation(
        way in 0u8..4,
        events in prop::collection::vec(any_event(), 0..80),
    ) {
        let mut own = begun(way);
        for any in &events {
            let event = event(&own, any);
            match own.on(event.clone(), now()) {
                Ok(step) => {
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
                Err(refusal) => prop_assert!(is_honest(&refusal), "{:?}", refusal),
            }
        }
        let kept = serde_json::to_string(&own).expect("it is stored");
        prop_assert_eq!(serde_json::from_str::<Negotiation>(&kept).expect("and read"), own);
    }
}
