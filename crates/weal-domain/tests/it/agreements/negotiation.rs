//! Every transition of the standard, every one it forbids, and what each event does.

use weal_domain::agreements::negotiation::{
    AgreementChange, Event, Move, MoveKind, Negotiation, NegotiationState as State, PROPOSALS_COUNT_MAX, Step,
};
use weal_domain::agreements::{AgreementStatus, Side};
use weal_domain::catalogue::Mode;
use weal_domain::ledger::Fact;
use weal_domain::{Mark, Refusal, RefusalKind};

use crate::given::{
    agreement, assert_helps, did, now, offer, opening_of_education, opening_of_revenue, proposal, signed,
};

const CONSUMER_PID: &str = "urn:uuid:consumer-pid";
const PROVIDER_PID: &str = "urn:uuid:provider-pid";

fn a_move(kind: MoveKind) -> Move {
    let proposal = Box::new(proposal(&offer(Mode::Statistics)));
    match kind {
        MoveKind::Request => Move::Request { proposal },
        MoveKind::Offer => Move::Offer { proposal },
        MoveKind::Accept => Move::Accept,
        MoveKind::Agree => Move::Agree { agreement: Box::new(signed(Mode::Statistics)) },
        MoveKind::Verify => Move::Verify,
        MoveKind::Finalize => Move::Finalize,
        MoveKind::Terminate => {
            Move::Terminate { code: "no-need".to_owned(), reason: "We no longer need it.".to_owned() }
        }
    }
}

fn received(kind: MoveKind, peer_pid: &str) -> Event {
    Event::Received { message: a_move(kind), peer_pid: peer_pid.to_owned(), mark: Mark::Bare }
}

/// A side that has reached `state`, set there directly: the table is tried from every state.
fn standing(side: Side, state: State) -> Negotiation {
    let step = match side {
        Side::Provider => {
            Negotiation::received(side, opening_of_revenue(), CONSUMER_PID.to_owned(), &Mark::Bare, now())
        }
        Side::Consumer => {
            Negotiation::received(side, opening_of_education(), PROVIDER_PID.to_owned(), &Mark::Bare, now())
        }
    };
    // The message it began with is left out, so that nothing counts as heard before.
    Negotiation { state, turns: Vec::new(), ..step.next }
}

fn peer_pid(side: Side) -> &'static str {
    match side {
        Side::Provider => CONSUMER_PID,
        Side::Consumer => PROVIDER_PID,
    }
}

/// Section 2.5 of the reference, written out: from, who, message, to.
const TABLE: [(State, Side, MoveKind, State); 18] = [
    (State::Requested, Side::Provider, MoveKind::Offer, State::Offered),
    (State::Requested, Side::Provider, MoveKind::Agree, State::Agreed),
    (State::Requested, Side::Provider, MoveKind::Terminate, State::Terminated),
    (State::Requested, Side::Consumer, MoveKind::Terminate, State::Terminated),
    (State::Offered, Side::Consumer, MoveKind::Request, State::Requested),
    (State::Offered, Side::Consumer, MoveKind::Accept, State::Accepted),
    (State::Offered, Side::Consumer, MoveKind::Terminate, State::Terminated),
    (State::Offered, Side::Provider, MoveKind::Terminate, State::Terminated),
    (State::Accepted, Side::Provider, MoveKind::Agree, State::Agreed),
    (State::Accepted, Side::Provider, MoveKind::Terminate, State::Terminated),
    (State::Agreed, Side::Consumer, MoveKind::Verify, State::Verified),
    (State::Agreed, Side::Consumer, MoveKind::Terminate, State::Terminated),
    (State::Verified, Side::Provider, MoveKind::Finalize, State::Finalized),
    (State::Verified, Side::Provider, MoveKind::Terminate, State::Terminated),
    // The figure leaves these out; the prose lets either side terminate in every state that is not final.
    (State::Accepted, Side::Consumer, MoveKind::Terminate, State::Terminated),
    (State::Agreed, Side::Provider, MoveKind::Terminate, State::Terminated),
    (State::Verified, Side::Consumer, MoveKind::Terminate, State::Terminated),
    (State::Verified, Side::Provider, MoveKind::Finalize, State::Finalized),
];

fn in_table(from: State, by: Side, kind: MoveKind) -> Option<State> {
    TABLE.iter().find(|row| (row.0, row.1, row.2) == (from, by, kind)).map(|row| row.3)
}

/// The owner's side, with a first request in hand whose messages nobody numbers.
fn asked_by_a_stranger() -> Negotiation {
    let pid = CONSUMER_PID.to_owned();
    Negotiation::received(Side::Provider, opening_of_revenue(), pid, &Mark::Bare, now()).next
}

#[test]
fn every_message_from_every_state_does_what_the_standard_says() {
    for from in State::ALL {
        for by in [Side::Provider, Side::Consumer] {
            for kind in MoveKind::ALL {
                assert_eq!(from.after(by, kind), in_table(from, by, kind), "{from} {by:?} {kind:?}");
                let listener = standing(by.other(), from);
                let heard = listener.on(received(kind, peer_pid(by.other())), now());
                let speaker = standing(by, from);
                let said = speaker.on(Event::Intend(a_move(kind)), now());
                match in_table(from, by, kind) {
                    Some(to) => {
                        assert_eq!(heard.expect("allowed").next.state, to, "{from} {by:?} {kind:?}");
                        assert_eq!(said.expect("allowed").next.state, from, "AG-2: {from} {by:?} {kind:?}");
                    }
                    None => {
                        let both_ended = from == State::Terminated && kind == MoveKind::Terminate;
                        if !both_ended {
                            assert_conflict(&heard.expect_err("forbidden"), from);
                        }
                        assert_conflict(&said.expect_err("forbidden"), from);
                    }
                }
            }
        }
    }
}

fn assert_conflict(refusal: &Refusal, from: State) {
    assert_eq!(refusal.kind, RefusalKind::Conflict);
    assert_helps(refusal, "negotiation-state");
    assert!(refusal.reason.contains(from.as_str()), "it names the state: {refusal:?}");
}

fn awaited(side: &Negotiation) -> u32 {
    side.talk.awaiting_ack.as_ref().expect("something awaits").turn
}

fn acked(step: &Step, pid: &str) -> Step {
    let turn = awaited(&step.next);
    step.next.on(Event::Acked { turn, peer_pid: Some(pid.to_owned()) }, now()).expect("an acknowledgement")
}

#[test]
fn the_straight_way_ends_with_an_agreement_in_force_on_both_sides() {
    let request = Negotiation::request(opening_of_education(), now());
    assert_eq!(request.tell.len(), 1);
    assert!(request.tell[0].opening);
    assert!(request.remember.is_empty(), "nothing is remembered of what nobody has answered");
    assert_eq!(request.next.provider_pid(), None);
    let provider = Negotiation::received(
        Side::Provider,
        opening_of_revenue(),
        CONSUMER_PID.to_owned(),
        &Mark::Turn(1),
        now(),
    );
    assert!(provider.next.waits_for_us());
    let consumer = acked(&request, PROVIDER_PID);
    assert_eq!(consumer.next.provider_pid(), Some(PROVIDER_PID));
    assert!(matches!(&consumer.remember[..], [Fact::NegotiationMoved { state, .. }] if state == "REQUESTED"));

    let agree = provider.next.on(Event::Intend(a_move(MoveKind::Agree)), now()).unwrap();
    assert_eq!(agree.next.agreement, None, "AG-4");
    let consumer = consumer.next.on(received(MoveKind::Agree, PROVIDER_PID), now()).unwrap();
    let Some(AgreementChange::Made(held)) = &consumer.agreement else { panic!("{consumer:?}") };
    assert_eq!((held.side, &held.status), (Side::Consumer, &AgreementStatus::Pending));
    let provider = acked(&agree, CONSUMER_PID);
    assert!(matches!(&provider.agreement, Some(AgreementChange::Made(held)) if held.side == Side::Provider));

    let verify = consumer.next.on(Event::Intend(Move::Verify), now()).unwrap();
    let provider = provider.next.on(received(MoveKind::Verify, CONSUMER_PID), now()).unwrap();
    let consumer = acked(&verify, PROVIDER_PID);
    let finalize = provider.next.on(Event::Intend(Move::Finalize), now()).unwrap();
    let consumer = consumer.next.on(received(MoveKind::Finalize, PROVIDER_PID), now()).unwrap();
    let provider = acked(&finalize, CONSUMER_PID);
    for step in [&consumer, &provider] {
        assert_eq!(step.next.state, State::Finalized);
        let id = agreement(Mode::Statistics).id;
        assert_eq!(step.agreement, Some(AgreementChange::InForce(id)));
    }
    assert_eq!(consumer.next.turns.len(), 4, "the timeline tells the whole story");
}

#[test]
fn a_haggled_way_keeps_the_proposal_on_the_table() {
    let provider = Negotiation::received(
        Side::Provider,
        opening_of_revenue(),
        CONSUMER_PID.to_owned(),
        &Mark::Bare,
        now(),
    );
    let mut other = proposal(&offer(Mode::Statistics));
    other.terms.as_mut().unwrap().uses_per_day_max = Some(5);
    let offered =
        provider.next.on(Event::Intend(Move::Offer { proposal: Box::new(other.clone()) }), now()).unwrap();
    assert_ne!(offered.next.proposal, other, "AG-2 holds for what is on the table, too");
    let offered = acked(&offered, CONSUMER_PID);
    assert_eq!((offered.next.state, &offered.next.proposal), (State::Offered, &other));
    let asked_again = offered.next.on(received(MoveKind::Request, CONSUMER_PID), now()).unwrap();
    assert_eq!(asked_again.next.state, State::Requested);
    assert_eq!(asked_again.next.proposal, proposal(&offer(Mode::Statistics)));
}

#[test]
fn a_repeated_message_is_answered_and_changes_nothing() {
    let provider = asked_by_a_stranger();
    provider.reopened(&proposal(&offer(Mode::Statistics))).expect("the same request");
    assert_helps(&provider.reopened(&proposal(&offer(Mode::Extract))).unwrap_err(), "negotiation-exists");

    let agreed =
        acked(&provider.on(Event::Intend(a_move(MoveKind::Agree)), now()).unwrap(), CONSUMER_PID).next;
    let verified = agreed.on(received(MoveKind::Verify, CONSUMER_PID), now()).unwrap().next;
    let again = verified.on(received(MoveKind::Verify, CONSUMER_PID), now()).unwrap();
    assert_eq!(again.next, verified);
    assert!(again.remember.is_empty() && again.tell.is_empty() && again.agreement.is_none());
}

#[test]
fn a_message_that_follows_ours_acknowledges_it() {
    let provider = asked_by_a_stranger();
    let agree = provider.on(Event::Intend(a_move(MoveKind::Agree)), now()).unwrap().next;
    let step = agree.on(received(MoveKind::Verify, CONSUMER_PID), now()).unwrap();
    assert_eq!(step.next.state, State::Verified);
    assert!(matches!(step.agreement, Some(AgreementChange::Made(_))));
    assert_eq!(step.remember.len(), 2, "AGREED and VERIFIED are both remembered");
    let late = step
        .next
        .on(Event::Acked { turn: awaited(&agree), peer_pid: Some(CONSUMER_PID.to_owned()) }, now())
        .unwrap();
    assert_eq!(late.next, step.next, "the late answer changes nothing");
}

#[test]
fn the_first_answer_may_be_overtaken_by_the_agreement() {
    let request = Negotiation::request(opening_of_education(), now()).next;
    let step = request.on(received(MoveKind::Agree, PROVIDER_PID), now()).unwrap();
    assert_eq!(step.next.state, State::Agreed);
    assert_eq!(step.next.provider_pid(), Some(PROVIDER_PID));
    assert_eq!(step.remember.len(), 2, "REQUESTED and AGREED");
    assert!(step.next.talk.awaiting_ack.is_none());
}

#[test]
fn only_one_message_of_ours_is_on_its_way_and_termination_may_overtake_it() {
    let provider = asked_by_a_stranger();
    let agree = provider.on(Event::Intend(a_move(MoveKind::Agree)), now()).unwrap().next;
    assert_helps(&agree.on(Event::Intend(a_move(MoveKind::Agree)), now()).unwrap_err(), "awaiting-ack");
    let ending = agree.on(Event::Intend(a_move(MoveKind::Terminate)), now()).unwrap().next;
    assert!(awaited(&ending) > awaited(&agree), "AG-3: the overtaken one is awaited no more");
    let refusal = ending.on(received(MoveKind::Verify, CONSUMER_PID), now()).unwrap_err();
    assert_eq!(refusal.kind, RefusalKind::Conflict);

    let finalizing = Negotiation { state: State::Verified, ..provider };
    let finalizing = finalizing.on(Event::Intend(Move::Finalize), now()).unwrap().next;
    let refusal = finalizing.on(Event::Intend(a_move(MoveKind::Terminate)), now()).unwrap_err();
    assert_helps(&refusal, "awaiting-ack");
}

#[test]
fn a_refused_message_leaves_the_state_and_says_why() {
    let provider = asked_by_a_stranger();
    let agree = provider.on(Event::Intend(a_move(MoveKind::Agree)), now()).unwrap().next;
    let why = "The policy cannot be read.".to_owned();
    let refused =
        agree.on(Event::Rejected { turn: awaited(&agree), reason: why.clone() }, now()).unwrap().next;
    assert_eq!((refused.state, refused.talk.awaiting_ack.clone()), (State::Requested, None));
    assert_eq!(refused.talk.trouble.as_deref(), Some(why.as_str()));
    refused.on(Event::Intend(a_move(MoveKind::Agree)), now()).expect("may be tried again");

    let unreached = agree.on(Event::Undelivered { turn: awaited(&agree), reason: why }, now()).unwrap().next;
    assert!(unreached.talk.awaiting_ack.is_some() && unreached.talk.trouble.is_some());
    let acked = unreached.on(Event::Acked { turn: awaited(&unreached), peer_pid: None }, now()).unwrap().next;
    assert_eq!((acked.state, acked.talk.trouble), (State::Agreed, None), "a late success still counts");
}

#[test]
fn a_first_message_that_is_refused_or_given_up_ends_without_a_word() {
    let request = Negotiation::request(opening_of_education(), now()).next;
    let reason = "The offer was withdrawn.".to_owned();
    let refused = request.on(Event::Rejected { turn: 1, reason: reason.clone() }, now()).unwrap();
    assert_eq!(refused.next.state, State::Terminated);
    assert!(refused.tell.is_empty());
    assert!(
        matches!(&refused.remember[..], [Fact::NegotiationMoved { reason: Some(why), .. }] if *why == reason)
    );

    let end = Event::Intend(a_move(MoveKind::Terminate));
    assert_helps(&request.on(end.clone(), now()).unwrap_err(), "awaiting-ack");
    let unreached = request.on(Event::Undelivered { turn: 1, reason }, now()).unwrap().next;
    let ended = unreached.on(end, now()).unwrap();
    assert_eq!(ended.next.state, State::Terminated);
    assert!(ended.tell.is_empty(), "there is nobody to tell");
}

#[test]
fn a_peer_that_took_up_what_ended_alone_is_told_of_the_end() {
    let request = Negotiation::request(opening_of_education(), now()).next;
    let silence = Event::Undelivered { turn: 1, reason: "It cannot be reached.".to_owned() };
    let unreached = request.on(silence, now()).unwrap().next;
    let ended = unreached.on(Event::Intend(a_move(MoveKind::Terminate)), now()).unwrap().next;
    let opening = ended.talk.awaiting_ack.as_ref().expect("the first message goes on asking");
    assert!(opening.opening);

    // It had arrived after all: by its late answer, or by what the peer says next.
    let answer = Event::Acked { turn: 1, peer_pid: Some(PROVIDER_PID.to_owned()) };
    for event in [answer, received(MoveKind::Agree, PROVIDER_PID), received(MoveKind::Offer, PROVIDER_PID)] {
        let step = ended.on(event, now()).unwrap();
        assert_eq!((step.next.state, step.next.agreement.clone()), (State::Terminated, None));
        assert!(step.remember.is_empty(), "nothing has changed here");
        let [notice] = &step.tell[..] else { panic!("one message: {:?}", step.tell) };
        assert_eq!(notice.message, a_move(MoveKind::Terminate));
        let told = acked(&step, PROVIDER_PID);
        assert_eq!((told.next.talk.awaiting_ack, told.tell.len()), (None, 0), "and that is all");
    }
    // Where the peer ends it too, or knows nothing of it, nobody has anything to say.
    let both = ended.on(received(MoveKind::Terminate, PROVIDER_PID), now()).unwrap();
    let unknown = ended.on(Event::Rejected { turn: 1, reason: "What?".to_owned() }, now()).unwrap();
    for step in [both, unknown] {
        assert!(step.tell.is_empty() && step.next.talk.awaiting_ack.is_none(), "{step:?}");
        assert_eq!(step.next.turns, ended.turns);
    }
}

#[test]
fn an_agreement_that_differs_from_the_proposal_is_refused() {
    let requested = acked(&Negotiation::request(opening_of_education(), now()), PROVIDER_PID).next;
    let good = signed(Mode::Statistics);
    let mut wider = good.clone();
    wider.policy.permissions[0].constraints.pop();
    let mut elsewhere = good.clone();
    elsewhere.dataset = "did:web:revenue.example#benefits".to_owned();
    let mut stranger = good.clone();
    stranger.provider = did("mallory");
    let mut costlier = good.clone();
    costlier.terms.liability = "The consumer answers for everything.".to_owned();
    let mut rung = good.clone();
    rung.mode = Mode::Extract;
    for bad in [wider, elsewhere, stranger, costlier, rung] {
        let message = Move::Agree { agreement: Box::new(bad) };
        let event = Event::Received { message, peer_pid: PROVIDER_PID.to_owned(), mark: Mark::Bare };
        assert_helps(&requested.on(event, now()).unwrap_err(), "agreement-differs");
    }
    let message = Move::Agree { agreement: Box::new(good) };
    let event = Event::Received { message, peer_pid: PROVIDER_PID.to_owned(), mark: Mark::Bare };
    requested.on(event, now()).expect("the right one");
}

#[test]
fn another_process_identifier_or_another_dataset_is_not_this_negotiation() {
    let requested = acked(&Negotiation::request(opening_of_education(), now()), PROVIDER_PID).next;
    let event = received(MoveKind::Offer, "urn:uuid:somebody-else");
    assert_eq!(requested.on(event, now()).unwrap_err().kind, RefusalKind::NotFound);
    let mut other = proposal(&offer(Mode::Statistics));
    other.dataset = "did:web:revenue.example#benefits".to_owned();
    let message = Move::Offer { proposal: Box::new(other) };
    let event = Event::Received { message, peer_pid: PROVIDER_PID.to_owned(), mark: Mark::Bare };
    assert_eq!(requested.on(event, now()).unwrap_err().code, "dataset-changed");
}

#[test]
fn haggling_ends() {
    let mut side = Negotiation::received(
        Side::Provider,
        opening_of_revenue(),
        CONSUMER_PID.to_owned(),
        &Mark::Bare,
        now(),
    )
    .next;
    let mut refused = None;
    for _ in 0..PROPOSALS_COUNT_MAX {
        match side.on(Event::Intend(a_move(MoveKind::Offer)), now()) {
            Ok(step) => side = acked(&step, CONSUMER_PID).next,
            Err(refusal) => {
                refused = Some(refusal);
                break;
            }
        }
        match side.on(received(MoveKind::Request, CONSUMER_PID), now()) {
            Ok(step) => side = step.next,
            Err(refusal) => {
                refused = Some(refusal);
                break;
            }
        }
    }
    assert_helps(&refused.expect("it ends"), "too-many-proposals");
    side.on(Event::Intend(a_move(MoveKind::Terminate)), now()).expect("it can always be ended");
}

#[test]
fn a_negotiation_survives_the_store() {
    let request = Negotiation::request(opening_of_education(), now()).next;
    let agreed = request.on(received(MoveKind::Agree, PROVIDER_PID), now()).unwrap().next;
    for kept in [request, agreed] {
        let text = serde_json::to_string(&kept).unwrap();
        assert_eq!(serde_json::from_str::<Negotiation>(&text).unwrap(), kept);
    }
}

#[test]
fn a_strangers_message_is_known_by_its_name() {
    let named = |kind, name: &str| {
        let mark = Mark::Id(name.to_owned());
        Event::Received { message: a_move(kind), peer_pid: CONSUMER_PID.to_owned(), mark }
    };
    let requested = Negotiation::received(
        Side::Provider,
        opening_of_revenue(),
        CONSUMER_PID.to_owned(),
        &Mark::Bare,
        now(),
    );
    let offer = requested.next.on(Event::Intend(a_move(MoveKind::Offer)), now()).unwrap().next;
    let offered = acked(
        &offer.on(Event::Undelivered { turn: awaited(&offer), reason: "slow".into() }, now()).unwrap(),
        CONSUMER_PID,
    )
    .next;
    let countered = offered.on(named(MoveKind::Request, "urn:uuid:first"), now()).unwrap().next;
    assert_eq!(countered.state, State::Requested);
    // The same name is the same message, sent again because its answer was lost.
    let again = countered.on(named(MoveKind::Request, "urn:uuid:first"), now()).unwrap();
    assert_eq!(again.next, countered);
    // The same words under another name are a new message, and this is not its time.
    let second = countered.on(named(MoveKind::Request, "urn:uuid:second"), now());
    assert_eq!(second.unwrap_err().code, "negotiation-state");
}

#[test]
fn a_strangers_offer_leaves_what_we_asked_for_standing() {
    let requested = acked(&Negotiation::request(opening_of_education(), now()), PROVIDER_PID).next;
    let mut bare = requested.proposal.clone();
    (bare.mode, bare.terms, bare.purpose, bare.legal_basis) = (None, None, None, None);
    let message = Move::Offer { proposal: Box::new(bare) };
    let event = Event::Received { message, peer_pid: PROVIDER_PID.to_owned(), mark: Mark::Bare };
    let offered = requested.on(event, now()).unwrap().next;
    assert_eq!(offered.state, State::Offered);
    assert_eq!(offered.proposal, requested.proposal);
}
