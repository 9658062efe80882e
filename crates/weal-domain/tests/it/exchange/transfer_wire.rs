//! Two transfer machines on a wire that loses, repeats, delays and reorders. Here both sides may speak in
//! one state, so their messages cross.

use proptest::prelude::*;
use weal_domain::Mark;
use weal_domain::agreements::Side;
use weal_domain::exchange::transfer::{Event, Move, Notice, Step, Transfer, TransferState as State};

use super::transfer::{address, opening};
use crate::given::now;

#[derive(Debug, Clone)]
enum Parcel {
    Message { to: Side, from_pid: String, notice: Notice },
    Answer { to: Side, turn: u32, answer: Result<String, String> },
}

#[derive(Debug, Clone, Copy)]
enum Deed {
    Move { by: Side, choice: u8 },
    Resend { by: Side },
    Deliver { which: usize, again: bool },
    Lose { which: usize },
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
    consumer: Transfer,
    provider: Option<Transfer>,
    wire: Vec<Parcel>,
    /// Every start has a fresh secret.
    starts: u32,
}

impl Two {
    fn begin() -> Self {
        let step = Transfer::request(opening(Side::Consumer), now());
        let mut two = Self { consumer: step.next, provider: None, wire: Vec::new(), starts: 0 };
        two.post(Side::Consumer, step.tell);
        two
    }

    fn of(&self, side: Side) -> Option<&Transfer> {
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

    fn keep(&mut self, side: Side, step: Step) {
        if let Some(before) = self.of(side) {
            let mut state = before.state;
            for turn in &step.next.turns[before.turns.len()..] {
                state = state.after(turn.by, turn.kind).unwrap_or(state);
            }
            assert_eq!(state, step.next.state, "the timeline leads to the state");
        }
        match side {
            Side::Consumer => self.consumer = step.next,
            Side::Provider => self.provider = Some(step.next),
        }
        self.post(side, step.tell);
    }

    fn make(&mut self, by: Side, choice: u8) {
        let Some(own) = self.of(by).cloned() else { return };
        let (code, reason) = ("c".to_owned(), "A reason.".to_owned());
        let wanted = match (own.state, choice % 8) {
            (_, 0) => Move::Terminate { code, reason },
            (State::Requested | State::Suspended, _) => {
                self.starts += 1;
                let fresh = address(&format!("secret-{}", self.starts));
                Move::Start { address: (by == Side::Provider).then_some(fresh) }
            }
            (State::Started, 1) => Move::Complete,
            (State::Started, _) => Move::Suspend { code, reason },
            _ => return,
        };
        let awaited = own.talk.awaiting_ack.clone();
        if let Ok(step) = own.on(Event::Intend(wanted), now()) {
            assert!(awaited.is_none_or(|old| step.next.talk.awaiting_ack != Some(old)), "AG-3");
            assert_eq!(step.next.state, own.state, "AG-2");
            self.keep(by, step);
        }
    }

    fn arrive(&mut self, parcel: Parcel) {
        match parcel {
            Parcel::Message { to, from_pid, notice } => {
                let turn = notice.turn;
                let answer = self.hear(to, from_pid, notice);
                self.wire.push(Parcel::Answer { to: to.other(), turn, answer });
            }
            Parcel::Answer { to, turn, answer } => {
                let Some(own) = self.of(to) else { return };
                let event = match answer {
                    Ok(pid) => Event::Acked { turn, peer_pid: Some(pid) },
                    Err(reason) => Event::Rejected { turn, reason },
                };
                let step = own.on(event, now()).expect("an answer to a known transfer");
                self.keep(to, step);
            }
        }
    }

    fn hear(&mut self, to: Side, from_pid: String, notice: Notice) -> Result<String, String> {
        let mark = Mark::Turn(notice.turn);
        let Some(own) = self.of(to) else {
            if notice.message != Move::Request {
                return Err("unknown".to_owned());
            }
            let step = Transfer::received(opening(Side::Provider), from_pid, &mark, now());
            let pid = step.next.own_pid.clone();
            self.keep(to, step);
            return Ok(pid);
        };
        let pid = own.own_pid.clone();
        if notice.opening {
            let asked = opening(Side::Consumer);
            let same = own.reopened(&asked.agreement, &asked.format);
            return same.map(|()| pid).map_err(|refusal| refusal.reason);
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

    fn run(&mut self, deeds: &[Deed]) {
        for deed in deeds {
            match *deed {
                Deed::Move { by, choice } => self.make(by, choice),
                Deed::Resend { by } => self.resend(by),
                Deed::Deliver { which, again } if !self.wire.is_empty() => {
                    let which = which % self.wire.len();
                    let parcel = if again { self.wire[which].clone() } else { self.wire.swap_remove(which) };
                    self.arrive(parcel);
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
    fn settle(&mut self) {
        for _ in 0..20 {
            while !self.wire.is_empty() {
                let parcel = self.wire.remove(0);
                self.arrive(parcel);
            }
            self.resend(Side::Consumer);
            self.resend(Side::Provider);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn both_sides_end_in_the_same_state(deeds in prop::collection::vec(deed(), 0..120)) {
        let mut two = Two::begin();
        two.run(&deeds);
        two.settle();
        let (consumer, provider) = (&two.consumer, two.provider.as_ref().expect("the request arrives"));
        prop_assert!(consumer.talk.awaiting_ack.is_none() && provider.talk.awaiting_ack.is_none());
        prop_assert_eq!(consumer.state, provider.state, "{:#?}", two);
        if consumer.is_open() {
            prop_assert_eq!(&consumer.address, &provider.address, "both hold the same secret");
        }
    }
}
