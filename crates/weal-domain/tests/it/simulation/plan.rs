//! What a seed stands for: who does what, and everything that goes wrong. A plan is a list of parts, so that a
//! failing one can be made shorter by leaving parts out.

use weal_domain::agreements::Side;

/// Until then things go wrong; afterwards everything gets through.
pub(super) const HEALED_AT_MS: u64 = 300_000;

/// A small generator (SplitMix64, Steele et al. 2014): the same seed, the same plan, on every machine.
#[derive(Debug, Clone)]
pub(super) struct Chance(u64);

impl Chance {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// One of `from..to`.
    pub(super) fn within(&mut self, from: u64, to: u64) -> u64 {
        from + self.next() % (to - from)
    }

    fn side(&mut self) -> Side {
        if self.within(0, 2) == 0 { Side::Consumer } else { Side::Provider }
    }
}

/// What becomes of one message or of its answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    Lost,
    Late {
        ms: u64,
    },
    /// It arrives, and once more later.
    Twice {
        ms: u64,
    },
    AnswerLost,
    AnswerLate {
        ms: u64,
    },
    /// The peer is reached and says that it cannot now (503).
    Busy,
}

/// What a person does, as far as their node's rules allow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Deed {
    /// Begins a negotiation from their side.
    Begins,
    /// Asks for a transfer under an agreement in force.
    Transfers,
    /// Says something about one of their processes; the number chooses what about which.
    Says { choice: u64 },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    Person {
        by: Side,
        at_ms: u64,
        deed: Deed,
    },
    /// What becomes of the nth message that is put on the wire.
    Message {
        nth: u64,
        fate: Fate,
    },
    /// A node dies at its nth commit point and comes back after a while.
    Crash {
        node: Side,
        passage: u64,
        down_ms: u64,
    },
    /// Nobody reaches anybody.
    Apart {
        from_ms: u64,
        to_ms: u64,
    },
}

#[derive(Debug, Clone)]
pub(super) struct Plan {
    pub(super) seed: u64,
    /// Whether nodes go on by themselves where their rules do not leave it to a person.
    pub(super) by_rule: bool,
    pub(super) parts: Vec<Part>,
}

impl Plan {
    pub(super) fn of(seed: u64) -> Self {
        let mut chance = Chance::new(seed);
        let by_rule = chance.within(0, 3) > 0;
        let mut parts = vec![Part::Person { by: chance.side(), at_ms: 0, deed: Deed::Begins }];
        if chance.within(0, 3) == 0 {
            let at_ms = chance.within(0, 20_000);
            parts.push(Part::Person { by: chance.side(), at_ms, deed: Deed::Begins });
        }
        for _ in 0..chance.within(0, 3) {
            let at_ms = chance.within(1_000, HEALED_AT_MS);
            parts.push(Part::Person { by: Side::Consumer, at_ms, deed: Deed::Transfers });
        }
        for _ in 0..chance.within(0, if by_rule { 6 } else { 12 }) {
            let (by, at_ms) = (chance.side(), moment(&mut chance));
            let choice = chance.within(0, u64::MAX);
            parts.push(Part::Person { by, at_ms, deed: Deed::Says { choice } });
        }
        for _ in 0..chance.within(0, 10) {
            let fate = fate(&mut chance);
            parts.push(Part::Message { nth: chance.within(0, 24), fate });
        }
        for _ in 0..chance.within(0, 6) {
            let (node, passage) = (chance.side(), chance.within(0, 80));
            let is_long = chance.within(0, 4) == 0;
            let down_ms = chance.within(1, if is_long { 90_000 } else { 500 });
            parts.push(Part::Crash { node, passage, down_ms });
        }
        if chance.within(0, 3) == 0 {
            let from_ms = moment(&mut chance);
            parts.push(Part::Apart { from_ms, to_ms: from_ms + chance.within(10, 120_000) });
        }
        Self { seed, by_rule, parts }
    }

    /// The same without some of its parts.
    fn without(&self, part: usize) -> Self {
        let mut less = self.clone();
        less.parts.remove(part);
        less
    }

    /// The shortest plan that can be had by leaving parts out and for which `fails` still holds.
    pub(super) fn shortest(&self, fails: impl Fn(&Plan) -> bool) -> Plan {
        let mut plan = self.clone();
        let mut part = plan.parts.len();
        while part > 0 {
            part -= 1;
            let less = plan.without(part);
            if fails(&less) {
                // What was kept so far may be needless without this one.
                plan = less;
                part = plan.parts.len();
            }
        }
        plan
    }

    pub(super) fn fate(&self, nth: u64) -> Option<Fate> {
        self.parts.iter().find_map(|part| match part {
            Part::Message { nth: n, fate } if *n == nth => Some(*fate),
            _ => None,
        })
    }

    pub(super) fn crash(&self, side: Side, nth: u64) -> Option<u64> {
        self.parts.iter().find_map(|part| match part {
            Part::Crash { node, passage, down_ms } if *node == side && *passage == nth => Some(*down_ms),
            _ => None,
        })
    }

    pub(super) fn is_apart(&self, now_ms: u64) -> bool {
        self.parts.iter().any(
            |part| matches!(part, Part::Apart { from_ms, to_ms } if (*from_ms..*to_ms).contains(&now_ms)),
        )
    }
}

/// Most things happen early, where the processes are.
fn moment(chance: &mut Chance) -> u64 {
    match chance.within(0, 3) {
        0 => chance.within(0, 500),
        1 => chance.within(0, 10_000),
        _ => chance.within(0, HEALED_AT_MS),
    }
}

fn fate(chance: &mut Chance) -> Fate {
    let ms = match chance.within(0, 3) {
        0 => chance.within(1, 300),
        1 => chance.within(300, 30_000),
        _ => chance.within(30_000, 2 * HEALED_AT_MS),
    };
    match chance.within(0, 6) {
        0 => Fate::Lost,
        1 => Fate::Late { ms },
        2 => Fate::Twice { ms },
        3 => Fate::AnswerLost,
        4 => Fate::AnswerLate { ms },
        _ => Fate::Busy,
    }
}
