//! The transfer process: every transition, every forbidden one, repetition, crossing.

use weal_domain::agreements::Side;
use weal_domain::catalogue::Mode;
use weal_domain::exchange::DataAddress;
use weal_domain::exchange::transfer::{
    Event, Move, MoveKind, Opening, TURNS_COUNT_MAX, Transfer, TransferState as State,
};
use weal_domain::{Mark, RefusalKind};

use crate::given::{agreement, assert_helps, education, now, revenue};

pub(crate) const CONSUMER_PID: &str = "urn:uuid:transfer-of-consumer";
pub(crate) const PROVIDER_PID: &str = "urn:uuid:transfer-of-provider";

pub(crate) fn opening(side: Side) -> Opening {
    let (peer, own_pid) = match side {
        Side::Consumer => (revenue(), CONSUMER_PID),
        Side::Provider => (education(), PROVIDER_PID),
    };
    Opening {
        peer,
        own_pid: own_pid.to_owned(),
        peer_address: "https://peer.example/dsp".to_owned(),
        agreement: agreement(Mode::Statistics).id,
        format: "weal:statistics".to_owned(),
    }
}

pub(crate) fn address(token: &str) -> DataAddress {
    DataAddress {
        endpoint_type: "urn:weal:data-plane".to_owned(),
        endpoint: "https://revenue.example/data".to_owned(),
        properties: vec![("authorization".to_owned(), token.to_owned())],
    }
}

fn a_move(kind: MoveKind, by: Side) -> Move {
    let (code, reason) = ("pause".to_owned(), "Maintenance.".to_owned());
    match kind {
        MoveKind::Request => Move::Request,
        MoveKind::Start => Move::Start { address: (by == Side::Provider).then(|| address("first")) },
        MoveKind::Suspend => Move::Suspend { code, reason },
        MoveKind::Complete => Move::Complete,
        MoveKind::Terminate => Move::Terminate { code, reason },
    }
}

fn received(kind: MoveKind, by: Side) -> Event {
    let peer_pid = if by == Side::Consumer { CONSUMER_PID } else { PROVIDER_PID };
    Event::Received { message: a_move(kind, by), peer_pid: peer_pid.to_owned(), mark: Mark::Bare }
}

fn standing(side: Side, state: State) -> Transfer {
    let peer_pid = if side == Side::Provider { CONSUMER_PID } else { PROVIDER_PID };
    let blank = Transfer::received(opening(side), peer_pid.to_owned(), &Mark::Bare, now()).next;
    Transfer { side, state, turns: Vec::new(), ..blank }
}

/// Section 2.6 of the reference, written out. Where a row has no side, both may.
const TABLE: [(State, Option<Side>, MoveKind, State); 8] = [
    (State::Requested, Some(Side::Provider), MoveKind::Start, State::Started),
    (State::Requested, None, MoveKind::Terminate, State::Terminated),
    (State::Started, None, MoveKind::Complete, State::Completed),
    (State::Started, None, MoveKind::Suspend, State::Suspended),
    (State::Started, None, MoveKind::Terminate, State::Terminated),
    (State::Suspended, None, MoveKind::Start, State::Started),
    (State::Suspended, None, MoveKind::Terminate, State::Terminated),
    (State::Suspended, None, MoveKind::Terminate, State::Terminated),
];

#[test]
fn every_message_from_every_state_does_what_the_standard_says() {
    for from in State::ALL {
        for by in [Side::Provider, Side::Consumer] {
            for kind in MoveKind::ALL {
                let row = TABLE
                    .iter()
                    .find(|row| row.0 == from && row.1.is_none_or(|only| only == by) && row.2 == kind);
                let heard = standing(by.other(), from).on(received(kind, by), now());
                let said = standing(by, from).on(Event::Intend(a_move(kind, by)), now());
                match row {
                    Some((.., to)) => {
                        assert_eq!(heard.expect("allowed").next.state, *to, "{from} {by:?} {kind:?}");
                        assert_eq!(said.expect("allowed").next.state, from, "AG-2 {by:?} {kind:?}");
                    }
                    None => {
                        let refusal = heard.expect_err("forbidden");
                        assert_eq!(refusal.kind, RefusalKind::Conflict, "{from} {by:?} {kind:?}");
                        assert_helps(&refusal, "transfer-state");
                        assert_helps(&said.expect_err("forbidden"), "transfer-state");
                    }
                }
            }
        }
    }
}

#[test]
fn a_started_transfer_holds_its_address_until_it_ends_and_never_prints_its_secret() {
    let request = Transfer::request(opening(Side::Consumer), now());
    assert!(request.tell[0].opening && request.remember.is_empty());
    let started = request.next.on(received(MoveKind::Start, Side::Provider), now()).unwrap().next;
    assert!(started.is_open());
    assert_eq!(started.provider_pid(), Some(PROVIDER_PID));
    let held = started.address.as_ref().expect("the address came with the start");
    assert_eq!(held.property("authorization"), Some("first"));
    assert!(!format!("{started:?}").contains("first"), "secrets stay out of logs");
    let ended = started.on(received(MoveKind::Terminate, Side::Provider), now()).unwrap().next;
    assert_eq!((ended.is_open(), ended.address), (false, None));
}

#[test]
fn the_same_request_again_is_answered_and_another_is_not() {
    let provider =
        Transfer::received(opening(Side::Provider), CONSUMER_PID.to_owned(), &Mark::Bare, now()).next;
    let id = agreement(Mode::Statistics).id;
    provider.reopened(&id, "weal:statistics").expect("the same");
    assert_helps(&provider.reopened(&id, "weal:extract").unwrap_err(), "transfer-exists");
}

#[test]
fn a_repeated_start_changes_nothing_and_a_new_one_replaces_the_secret() {
    let consumer = standing(Side::Consumer, State::Requested);
    let started = consumer.on(received(MoveKind::Start, Side::Provider), now()).unwrap().next;
    let again = started.on(received(MoveKind::Start, Side::Provider), now()).unwrap();
    assert_eq!(again.next, started);
    let suspended = started.on(received(MoveKind::Suspend, Side::Provider), now()).unwrap().next;
    let message = Move::Start { address: Some(address("second")) };
    let event = Event::Received { message, peer_pid: PROVIDER_PID.to_owned(), mark: Mark::Bare };
    let resumed = suspended.on(event, now()).unwrap().next;
    assert_eq!(resumed.address, Some(address("second")));
}

#[test]
fn of_two_messages_that_cross_the_weightier_stands() {
    let suspending = standing(Side::Provider, State::Started)
        .on(Event::Intend(a_move(MoveKind::Suspend, Side::Provider)), now());
    let suspending = suspending.unwrap().next;
    let completed = suspending.on(received(MoveKind::Complete, Side::Consumer), now()).unwrap().next;
    assert_eq!((completed.state, completed.talk.awaiting_ack.is_none()), (State::Completed, true));

    let completing =
        standing(Side::Consumer, State::Started).on(Event::Intend(Move::Complete), now()).unwrap().next;
    let refusal = completing.on(received(MoveKind::Suspend, Side::Provider), now()).unwrap_err();
    assert_eq!(refusal.kind, RefusalKind::Conflict);
    let ended = completing.on(received(MoveKind::Terminate, Side::Provider), now()).unwrap().next;
    assert_eq!(ended.state, State::Terminated);
}

#[test]
fn termination_overtakes_a_message_on_its_way_but_not_a_completion() {
    let end = || Event::Intend(a_move(MoveKind::Terminate, Side::Provider));
    let starting = standing(Side::Provider, State::Requested)
        .on(Event::Intend(a_move(MoveKind::Start, Side::Provider)), now())
        .unwrap()
        .next;
    assert_eq!(starting.on(end(), now()).unwrap().tell[0].message.kind(), MoveKind::Terminate);
    let completing =
        standing(Side::Provider, State::Started).on(Event::Intend(Move::Complete), now()).unwrap().next;
    assert_helps(&completing.on(end(), now()).unwrap_err(), "awaiting-ack");
}

#[test]
fn pausing_for_ever_ends() {
    let mut side = standing(Side::Consumer, State::Started);
    let mut refused = None;
    for round in 0..=TURNS_COUNT_MAX {
        let kind = if round % 2 == 0 { MoveKind::Suspend } else { MoveKind::Start };
        let message = match kind {
            MoveKind::Start => Move::Start { address: Some(address(&format!("round-{round}"))) },
            kind => a_move(kind, Side::Provider),
        };
        let event = Event::Received { message, peer_pid: PROVIDER_PID.to_owned(), mark: Mark::Bare };
        match side.on(event, now()) {
            Ok(step) => side = step.next,
            Err(refusal) => {
                refused = Some(refusal);
                break;
            }
        }
    }
    assert_helps(&refused.expect("it ends"), "too-many-turns");
    let ended = side.on(Event::Intend(a_move(MoveKind::Terminate, Side::Consumer)), now());
    ended.expect("it can always be ended");
}

#[test]
fn a_transfer_survives_the_store() {
    let started =
        standing(Side::Consumer, State::Requested).on(received(MoveKind::Start, Side::Provider), now());
    let kept = started.unwrap().next;
    let text = serde_json::to_string(&kept).unwrap();
    assert_eq!(serde_json::from_str::<Transfer>(&text).unwrap(), kept);
}

#[test]
fn a_strangers_start_after_the_end_is_no_repetition() {
    let named = |kind, name: &str| {
        let mark = Mark::Id(name.to_owned());
        Event::Received { message: a_move(kind, Side::Provider), peer_pid: PROVIDER_PID.to_owned(), mark }
    };
    let consumer = standing(Side::Consumer, State::Requested);
    let started = consumer.on(named(MoveKind::Start, "urn:uuid:1"), now()).unwrap().next;
    assert_eq!(started.on(named(MoveKind::Start, "urn:uuid:1"), now()).unwrap().next, started);
    let ended = started.on(named(MoveKind::Terminate, "urn:uuid:2"), now()).unwrap().next;
    assert_eq!(ended.on(named(MoveKind::Start, "urn:uuid:1"), now()).unwrap().next, ended);
    let again = ended.on(named(MoveKind::Start, "urn:uuid:3"), now());
    assert_eq!(again.unwrap_err().kind, RefusalKind::Conflict);
}

#[test]
fn a_peer_that_took_up_a_transfer_which_ended_alone_is_told_of_the_end() {
    let request = Transfer::request(opening(Side::Consumer), now()).next;
    let silence = Event::Undelivered { turn: 1, reason: "It cannot be reached.".to_owned() };
    let unreached = request.on(silence, now()).unwrap().next;
    let end = a_move(MoveKind::Terminate, Side::Consumer);
    let ended = unreached.on(Event::Intend(end), now()).unwrap().next;
    let answer = Event::Acked { turn: 1, peer_pid: Some(PROVIDER_PID.to_owned()) };
    for event in [answer, received(MoveKind::Start, Side::Provider)] {
        let step = ended.on(event, now()).unwrap();
        assert_eq!((step.next.state, step.next.address.clone()), (State::Terminated, None));
        let [notice] = &step.tell[..] else { panic!("one message: {:?}", step.tell) };
        assert!(matches!(&notice.message, Move::Terminate { reason, .. } if reason == "Maintenance."));
        let heard = Event::Acked { turn: notice.turn, peer_pid: Some(PROVIDER_PID.to_owned()) };
        let told = step.next.on(heard, now()).unwrap();
        assert_eq!((told.next.talk.awaiting_ack, told.tell.len()), (None, 0), "and that is all");
    }
}
