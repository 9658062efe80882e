//! Two machines and a wire that loses, repeats, delays and reorders what they say.
//!
//! Whatever happens, they end in the same state, or the one that is behind knows that something is wrong
//! (it awaits an answer, or it has noted trouble).

use proptest::prelude::*;
use weal_domain::Mark;
use weal_domain::agreements::negotiation::{
    AgreementChange, Event, Move, Negotiation, NegotiationState as State, Notice, Step,
};
use weal_domain::agreements::{Agreement, Side};
use weal_domain::catalogue::Mode;

use crate::given::{conclusion, now, opening_of_education, opening_of_revenue, signed};

/// What lies on the wire.
#[derive(Debug, Clone)]
enum Parcel {
    Message { to: Side, from_pid: String, notice: Notice },
    Answer { to: Side, turn: u32, answer: Result<String, String> },
}

/// Chance decides, one number at a time.
#[derive(Debug, Clone, Copy)]
enum Deed {
    /// A side does what its state lets it do; the number chooses.
    Move {
        by: Side,
        choice: u8,
    },
    /// A side sends again what it awaits.
    Resend {
        by: Side,
    },
    /// One parcel arrives, and perhaps stays to arrive again.
    Deliver {
        which: usize,
        again: bool,
    },
    Lose {
        which: usize,
    },
}

fn deed() -> impl Strategy<Value = Deed> {
    let side = prop_oneof![Just(Side::Provider), Just(Side::Consumer)];
    prop_oneof![
        3 => (side.clone(), any::<u8>()).prop_map(|(by, choice)| Deed::Move { by, choice }),
        1 => side.prop_map(|by| Deed::Resend { by }),
        6 => (any::<usize>(), prop::bool::weighted(0.2)).prop_map(|(which, again)| Deed::Deliver { which, again }),
        1 => any::<usize>().prop_map(|which| Deed::Lose { which }),
    ]
}

#[derive(Debug)]
struct Two {
    consumer: Negotiation,
    provider: Option<Negotiation>,
    wire: Vec<Parcel>,
    agreements: [Option<Agreement>; 2],
}

impl Two {
    fn begin() -> Self {
        let step = Negotiation::request(opening_of_education(), now());
        let mut two =
            Self { consumer: step.next, provider: None, wire: Vec::new(), agreements: [None, None] };
        two.post(Side::Consumer, step.tell);
        two
    }

    fn of(&self, side: Side) -> Option<&Negotiation> {
        match side {
            Side::Consumer => Some(&self.consumer),
            Side::Provider => self.provider.as_ref(),
        }
    }

    fn post(&mut self, by: Side, tell: Vec<Notice>) {
        let Some(from_pid) = self.of(by).map(|own| own.own_pid.clone()) else { return };
        for notice in tell {
            self.wire.push(Parcel::Message { to: by.other(), from_pid: from_pid.clone(), notice });
        }
    }

    /// Keeps a step and holds it to the invariants.
    fn keep(&mut self, side: Side, step: Step) {
        let before = self.of(side).cloned();
        if let Some(before) = &before
            && before.state != step.next.state
        {
            let turns = &step.next.turns[before.turns.len()..];
            let mut state = before.state;
            for turn in turns {
                state = state.after(turn.by, turn.message.kind()).unwrap_or(state);
            }
            assert_eq!(state, step.next.state, "AG-1: the timeline leads to the state");
        }
        let has_agreed = step.next.turns.iter().any(|turn| matches!(turn.message, Move::Agree { .. }));
        assert_eq!(step.next.agreement.is_some(), has_agreed, "AG-4");
        let kept = &mut self.agreements[usize::from(side == Side::Provider)];
        match step.agreement {
            Some(AgreementChange::Made(made)) => *kept = Some(*made),
            Some(AgreementChange::InForce(_)) => *kept = kept.take().map(Agreement::finalized),
            Some(AgreementChange::Void(_)) => *kept = None,
            None => {}
        }
        match side {
            Side::Consumer => self.consumer = step.next,
            Side::Provider => self.provider = Some(step.next),
        }
        self.post(side, step.tell);
    }

    fn make(&mut self, by: Side, choice: u8) {
        let Some(own) = self.of(by) else { return };
        let proposal = Box::new(own.proposal.clone());
        let agreement = || {
            Box::new(
                Agreement::conclude(conclusion(by, &own.proposal))
                    .unwrap_or_else(|_| signed(Mode::Statistics)),
            )
        };
        let wanted = match (own.state, choice % 8) {
            (_, 0) => {
                Move::Terminate { code: "no".to_owned(), reason: format!("We ({}) end it.", by.as_str()) }
            }
            (State::Requested, 1 | 2) => Move::Offer { proposal },
            (State::Requested | State::Accepted, _) => Move::Agree { agreement: agreement() },
            (State::Offered, 1 | 2) => Move::Request { proposal },
            (State::Offered, _) => Move::Accept,
            (State::Agreed, _) => Move::Verify,
            (State::Verified, _) => Move::Finalize,
            (State::Finalized | State::Terminated, _) => return,
        };
        let awaited = own.talk.awaiting_ack.clone();
        if let Ok(step) = own.on(Event::Intend(wanted), now()) {
            assert!(awaited.is_none_or(|old| step.next.talk.awaiting_ack != Some(old)), "AG-3");
            assert_eq!(step.next.state, own.state, "AG-2");
            self.keep(by, step);
        }
    }

    fn arrive(&mut self, parcel: Parcel, marking: Marking) {
        match parcel {
            Parcel::Message { to, from_pid, notice } => {
                let turn = notice.turn;
                let answer = self.hear(to, from_pid, notice, marking);
                self.wire.push(Parcel::Answer { to: to.other(), turn, answer });
            }
            Parcel::Answer { to, turn, answer } => {
                let Some(own) = self.of(to) else { return };
                let event = match answer {
                    Ok(pid) => Event::Acked { turn, peer_pid: Some(pid) },
                    Err(reason) => Event::Rejected { turn, reason },
                };
                let step = own.on(event, now()).expect("an answer to a known negotiation");
                self.keep(to, step);
            }
        }
    }

    fn hear(
        &mut self,
        to: Side,
        from_pid: String,
        notice: Notice,
        marking: Marking,
    ) -> Result<String, String> {
        let mark = marking(&from_pid, notice.turn);
        let Some(own) = self.of(to) else {
            let Move::Request { .. } = notice.message else { return Err("unknown".to_owned()) };
            let step = Negotiation::received(to, opening_of_revenue(), from_pid, &mark, now());
            let pid = step.next.own_pid.clone();
            self.keep(to, step);
            return Ok(pid);
        };
        let pid = own.own_pid.clone();
        if notice.opening {
            let Move::Request { proposal } = notice.message else { return Err("no opening".to_owned()) };
            return own.reopened(&proposal).map(|()| pid).map_err(|refusal| refusal.reason);
        }
        let event = Event::Received { message: notice.message, peer_pid: from_pid, mark };
        let step = own.on(event, now()).map_err(|refusal| refusal.reason)?;
        self.keep(to, step);
        Ok(pid)
    }

    fn resend(&mut self, by: Side) {
        let awaited = self.of(by).and_then(|own| own.talk.awaiting_ack.clone());
        self.post(by, awaited.into_iter().collect());
    }

    fn run(&mut self, deeds: &[Deed], marking: Marking) {
        for deed in deeds {
            match *deed {
                Deed::Move { by, choice } => self.make(by, choice),
                Deed::Resend { by } => self.resend(by),
                Deed::Deliver { which, again } if !self.wire.is_empty() => {
                    let which = which % self.wire.len();
                    let parcel = if again { self.wire[which].clone() } else { self.wire.swap_remove(which) };
                    self.arrive(parcel, marking);
                }
                Deed::Lose { which } if !self.wire.is_empty() => {
                    let which = which % self.wire.len();
                    self.wire.swap_remove(which);
                }
                Deed::Deliver { .. } | Deed::Lose { .. } => {}
            }
        }
    }

    /// The wire is good again: everything awaited is sent until it is answered.
    fn settle(&mut self, marking: Marking) {
        for _ in 0..20 {
            while !self.wire.is_empty() {
                let parcel = self.wire.remove(0);
                self.arrive(parcel, marking);
            }
            self.resend(Side::Consumer);
            self.resend(Side::Provider);
        }
    }
}

/// A wire that drops, but never brings an old message back after its answer was heard.
fn honest_end(two: &Two) {
    let consumer = &two.consumer;
    let provider = two.provider.as_ref().expect("the request arrives in the end");
    assert!(consumer.talk.awaiting_ack.is_none() && provider.talk.awaiting_ack.is_none(), "{two:?}");
    assert_eq!(consumer.state, provider.state, "{two:#?}");
    let [ours, theirs] = &two.agreements;
    match (ours, theirs) {
        (Some(ours), Some(theirs)) => {
            assert_eq!(
                (&ours.id, &ours.policy, &ours.terms, &ours.status),
                (&theirs.id, &theirs.policy, &theirs.terms, &theirs.status)
            );
        }
        (None, None) => {}
        one => panic!("one side holds an agreement and the other does not: {one:?}"),
    }
}

/// How the sender marks its message `turn`.
type Marking = fn(&str, u32) -> Mark;

fn numbered(_: &str, turn: u32) -> Mark {
    Mark::Turn(turn)
}

fn named(pid: &str, turn: u32) -> Mark {
    Mark::Id(format!("{pid}#{turn}"))
}

fn bare(_: &str, _: u32) -> Mark {
    Mark::Bare
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1500, failure_persistence: None, ..ProptestConfig::default() })]

    /// Between nodes of ours, which count their messages, even a message repeated long after its answer
    /// does no harm: once the wire is good again both sides stand in the same state.
    #[test]
    fn both_sides_end_in_the_same_state(deeds in prop::collection::vec(deed(), 0..120)) {
        let mut two = Two::begin();
        two.run(&deeds, numbered);
        two.settle(numbered);
        honest_end(&two);
    }

    /// With a stranger, whose messages are not counted, repetition can be told apart only by content. An
    /// old message may then be taken for a new one; never may both sides disagree on whether an agreement
    /// is in force without one of them having been told.
    #[test]
    fn with_a_stranger_a_difference_never_goes_unnoticed(
        deeds in prop::collection::vec(deed(), 0..120),
        has_names in any::<bool>(),
    ) {
        let marking: Marking = if has_names { named } else { bare };
        let mut two = Two::begin();
        two.run(&deeds, marking);
        two.settle(marking);
        let consumer = &two.consumer;
        let provider = two.provider.as_ref().expect("the request arrives in the end");
        prop_assert!(consumer.talk.awaiting_ack.is_none() && provider.talk.awaiting_ack.is_none());
        let final_differs = consumer.state != provider.state
            && (consumer.state == State::Finalized || provider.state == State::Finalized);
        prop_assert!(!final_differs, "{two:#?}");
    }

    /// No sequence of events, however wrong, brings a machine into a state that its timeline does not
    /// explain, or panics.
    #[test]
    fn any_events_at_all_keep_the_invariants(deeds in prop::collection::vec((0u8..11, 0u32..5), 0..60)) {
        let mut two = Two::begin();
        for (what, turn) in deeds {
            let own = two.consumer.clone();
            let message = match what {
                0 => Move::Accept,
                1 => Move::Verify,
                2 => Move::Finalize,
                3 => Move::Terminate { code: "x".to_owned(), reason: "x".to_owned() },
                4 => Move::Offer { proposal: Box::new(own.proposal.clone()) },
                5 => Move::Request { proposal: Box::new(own.proposal.clone()) },
                _ => Move::Agree { agreement: Box::new(signed(Mode::Statistics)) },
            };
            let event = match (what, turn % 2) {
                (8, _) => Event::Acked { turn, peer_pid: Some("urn:uuid:provider-pid".to_owned()) },
                (9, _) => Event::Rejected { turn, reason: "no".to_owned() },
                (10, _) => Event::Undelivered { turn, reason: "no".to_owned() },
                (_, 0) => Event::Intend(message),
                _ => Event::Received { message, peer_pid: "urn:uuid:provider-pid".to_owned(), mark: Mark::Bare },
            };
            if let Ok(step) = own.on(event, now()) {
                two.keep(Side::Consumer, step);
            }
        }
    }
}
