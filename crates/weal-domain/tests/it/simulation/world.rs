//! Two nodes, the network between them and the time, all in one seeded order. What may go wrong at which place:
//!
//! - a node dies at a *passage*: before or after any commit, before it sends, before it hears the answer;
//! - a message is lost, late, twice; its answer is lost or late; nobody reaches anybody for a while.
//!
//! The driver is that of `weal-node`: a job is leased in one transaction, sent, its answer kept in a second, and
//! the job settled in a third.

use std::collections::BTreeMap;

use weal_domain::agreements::Side;

use super::judge;
use super::node::{Disk, Key, Mistake, Tx};
use super::plan::{Chance, Deed, Fate, HEALED_AT_MS, Part, Plan};
use super::process::{Letter, Said, What};

const LEASE_MS: u64 = 60_000;
/// A sender waits no longer for an answer.
const PATIENCE_MS: u64 = 40_000;
const BACKOFF_FIRST_MS: u64 = 500;
const BACKOFF_MAX_MS: u64 = 600_000;
const REST_MAX_MS: u64 = 60_000;
const IN_FLIGHT_MAX: u32 = 8;
/// What happens in one seed, beyond which it would never come to rest.
const HAPPENINGS_MAX: u32 = 4_000;

#[derive(Debug)]
pub(super) struct Node {
    pub(super) disk: Disk,
    is_up: bool,
    /// Grows with every crash; what an earlier life was doing has ended with it.
    life: u32,
    passages: u64,
    in_flight: u32,
    /// How often in a row the peer could not be reached.
    failures: u32,
}

/// One message on the wire, which awaits one answer.
#[derive(Debug)]
struct Post {
    by: Side,
    life: u32,
    key: Key,
    letter: Letter,
    fate: Option<Fate>,
    is_over: bool,
}

/// How a delivery went, for the outbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    Done,
    NotReached,
}

#[derive(Debug)]
enum Happening {
    Look {
        side: Side,
        life: u32,
    },
    Send {
        side: Side,
        life: u32,
        key: Key,
    },
    Arrive {
        post: usize,
    },
    /// The answer is here: our peer's pid, a refusal, or (`None`) there is none.
    Answer {
        post: usize,
        answer: Option<Result<String, String>>,
    },
    Settle {
        side: Side,
        life: u32,
        key: Key,
        outcome: Outcome,
    },
    Person {
        by: Side,
        deed: Deed,
    },
    Start {
        side: Side,
    },
}

#[derive(Debug)]
pub(super) struct World<'p> {
    plan: &'p Plan,
    mistake: Option<Mistake>,
    chance: Chance,
    now_ms: u64,
    queue: BTreeMap<(u64, u64), Happening>,
    happened: u64,
    pub(super) nodes: [Node; 2],
    posts: Vec<Post>,
    /// Kept only for people who look into a failure.
    history: Option<Vec<String>>,
    broken: Option<String>,
}

/// What was found wrong, and how it came to it.
#[derive(Debug)]
pub(super) struct Broken {
    pub(super) what: String,
    pub(super) history: Vec<String>,
}

/// Runs a plan to its end and judges it. Answers how often each side passed a point where it may die.
pub(super) fn run(plan: &Plan, mistake: Option<Mistake>, is_told: bool) -> Result<[u64; 2], Broken> {
    let mut world = World::new(plan, mistake, is_told);
    let judged = world.until_quiet().and_then(|()| judge::at_rest(&world));
    let judged = judged.and_then(|()| world.finish()).and_then(|()| judge::at_the_end(&world));
    match judged {
        Ok(()) => Ok([world.nodes[0].passages, world.nodes[1].passages]),
        Err(what) => Err(Broken { what, history: world.history.unwrap_or_default() }),
    }
}

impl<'p> World<'p> {
    fn new(plan: &'p Plan, mistake: Option<Mistake>, is_told: bool) -> Self {
        let node =
            || Node { disk: Disk::default(), is_up: true, life: 0, passages: 0, in_flight: 0, failures: 0 };
        let mut world = Self {
            plan,
            mistake,
            chance: Chance::new(plan.seed ^ 0x5eed),
            now_ms: 0,
            queue: BTreeMap::new(),
            happened: 0,
            nodes: [node(), node()],
            posts: Vec::new(),
            history: is_told.then(Vec::new),
            broken: None,
        };
        for part in &plan.parts {
            if let Part::Person { by, at_ms, deed } = part {
                world.at(*at_ms, Happening::Person { by: *by, deed: *deed });
            }
        }
        world
    }

    pub(super) fn node(&self, side: Side) -> &Node {
        &self.nodes[usize::from(side == Side::Provider)]
    }

    fn node_mut(&mut self, side: Side) -> &mut Node {
        &mut self.nodes[usize::from(side == Side::Provider)]
    }

    fn at(&mut self, ms: u64, what: Happening) {
        self.happened += 1;
        self.queue.insert((ms.max(self.now_ms), self.happened), what);
    }

    fn tell(&mut self, side: Side, what: impl FnOnce() -> String) {
        let now_ms = self.now_ms;
        if let Some(history) = &mut self.history {
            history.push(format!("{now_ms:>7} ms  {:<8}  {}", side.as_str(), what()));
        }
    }

    /// Lets everything happen that is under way.
    fn until_quiet(&mut self) -> Result<(), String> {
        let mut happenings = 0;
        while let Some(((now_ms, _), happening)) = self.queue.pop_first() {
            self.now_ms = now_ms;
            self.happen(happening);
            if let Some(broken) = self.broken.take() {
                return Err(broken);
            }
            happenings += 1;
            if happenings > HAPPENINGS_MAX {
                return Err("it does not come to rest".to_owned());
            }
        }
        // Whatever went wrong, it is over by now.
        self.now_ms = self.now_ms.max(HEALED_AT_MS);
        Ok(())
    }

    /// Everybody whose turn it is goes on, until nothing is left to decide.
    fn finish(&mut self) -> Result<(), String> {
        for _ in 0..12 {
            for side in [Side::Consumer, Side::Provider] {
                let pids: Vec<String> = self.node(side).disk.processes.keys().cloned().collect();
                for pid in pids {
                    self.act(side, "a person goes on", |tx| {
                        let process = tx.process(&pid)?;
                        let said = tx.forward(&process).ok_or("Nothing to say.")?;
                        tx.say(&pid, said)
                    });
                }
            }
            self.until_quiet()?;
        }
        Ok(())
    }

    fn happen(&mut self, happening: Happening) {
        let is_alive = |world: &Self, side, life| {
            let node = world.node(side);
            node.is_up && node.life == life
        };
        match happening {
            Happening::Look { side, life } if is_alive(self, side, life) => self.look(side),
            Happening::Send { side, life, key } if is_alive(self, side, life) => self.send(side, key),
            Happening::Settle { side, life, key, outcome } if is_alive(self, side, life) => {
                self.settle(side, &key, outcome);
            }
            Happening::Arrive { post } => self.arrive(post),
            Happening::Answer { post, answer } => {
                let (by, life) = (self.posts[post].by, self.posts[post].life);
                if !self.posts[post].is_over && is_alive(self, by, life) {
                    self.posts[post].is_over = true;
                    self.hear_back(post, answer);
                }
            }
            Happening::Person { by, deed } if self.node(by).is_up => self.person(by, deed),
            Happening::Start { side } => self.start(side),
            Happening::Look { .. } | Happening::Send { .. } | Happening::Settle { .. } => {}
            Happening::Person { .. } => {}
        }
    }

    /// A place where a node may die; whether it did.
    fn dies(&mut self, side: Side, place: &str) -> bool {
        let node = self.node_mut(side);
        let passage = node.passages;
        node.passages += 1;
        let Some(down_ms) = self.plan.crash(side, passage).filter(|_| self.now_ms < HEALED_AT_MS) else {
            return false;
        };
        self.tell(side, || format!("DIES {place} (passage {passage}), for {down_ms} ms"));
        let node = self.node_mut(side);
        node.is_up = false;
        node.life += 1;
        node.in_flight = 0;
        node.failures = 0;
        self.at(self.now_ms + down_ms, Happening::Start { side });
        true
    }

    fn start(&mut self, side: Side) {
        self.node_mut(side).is_up = true;
        self.tell(side, || "starts again".to_owned());
        let mut tx = self.begin(side);
        for job in tx.disk.outbox.values_mut() {
            job.due_ms = job.due_ms.min(tx.now_ms);
        }
        self.commit(tx, "start");
    }

    fn begin(&self, side: Side) -> Tx {
        Tx {
            disk: self.node(side).disk.clone(),
            side,
            now_ms: self.now_ms,
            by_rule: self.plan.by_rule,
            mistake: self.mistake,
            postponed: Vec::new(),
        }
    }

    /// Makes a transaction durable, wakes the driver; whether the node lives on.
    fn commit(&mut self, mut tx: Tx, label: &str) -> bool {
        let side = tx.side;
        if self.dies(side, &format!("before the commit of {label}")) {
            return false;
        }
        let postponed = std::mem::take(&mut tx.postponed);
        if self.mistake != Some(Mistake::EnqueuesInAnotherTransaction)
            && let Err(broken) = judge::at_commit(&self.node(side).disk, &tx.disk)
        {
            self.broken.get_or_insert(broken);
        }
        self.node_mut(side).disk = tx.disk;
        if self.dies(side, &format!("after the commit of {label}")) {
            return false;
        }
        if !postponed.is_empty() {
            let mut tx = self.begin(side);
            postponed.into_iter().for_each(|key| tx.enqueue(key));
            self.node_mut(side).disk = tx.disk;
        }
        self.ring(side);
        true
    }

    /// One act in one transaction. `Err`: it was refused, and nothing is kept.
    fn act<T>(&mut self, side: Side, label: &str, act: impl FnOnce(&mut Tx) -> Result<T, String>) {
        let mut tx = self.begin(side);
        if act(&mut tx).is_ok() {
            self.tell(side, || label.to_owned());
            self.commit(tx, label);
        }
    }

    /// The driver looks now, and when the next job falls due.
    fn ring(&mut self, side: Side) {
        let node = self.node(side);
        let next = node.disk.outbox.values().map(|job| job.due_ms).min();
        let life = node.life;
        if let Some(due_ms) = next {
            self.at(due_ms, Happening::Look { side, life });
        }
    }

    /// Leases what is due and sends it.
    fn look(&mut self, side: Side) {
        let node = self.node(side);
        let places = if node.failures == 0 { IN_FLIGHT_MAX } else { 1 };
        let room = places.saturating_sub(node.in_flight) as usize;
        let mut due: Vec<(u64, Key)> =
            node.disk.outbox.iter().map(|(key, job)| (job.due_ms, key.clone())).collect();
        due.retain(|(due_ms, _)| *due_ms <= self.now_ms);
        due.sort();
        due.truncate(room);
        if due.is_empty() {
            return;
        }
        let mut tx = self.begin(side);
        for (_, key) in &due {
            if let Some(job) = tx.disk.outbox.get_mut(key) {
                job.due_ms = self.now_ms + LEASE_MS;
                job.attempts += 1;
                job.has_failed = false;
            }
            if self.mistake == Some(Mistake::ForgetsWhatItTook) {
                tx.disk.outbox.remove(key);
            }
        }
        if !self.commit(tx, "outbox.take") {
            return;
        }
        let life = self.node(side).life;
        for (_, key) in due {
            self.node_mut(side).in_flight += 1;
            let at_ms = self.now_ms + self.chance.within(0, 3);
            self.at(at_ms, Happening::Send { side, life, key });
        }
    }

    fn send(&mut self, side: Side, key: Key) {
        let life = self.node(side).life;
        let letter = self.node(side).disk.processes.get(&key.0).and_then(|process| process.letter(key.1));
        let Some(letter) = letter else {
            // Overtaken or acknowledged by implication.
            self.at(self.now_ms, Happening::Settle { side, life, key, outcome: Outcome::Done });
            return;
        };
        if self.dies(side, "before it sends") {
            return;
        }
        let is_trouble_over = self.now_ms >= HEALED_AT_MS;
        let fate = self.plan.fate(self.posts.len() as u64).filter(|_| !is_trouble_over);
        let post = self.posts.len();
        self.tell(side, || {
            format!("sends {post}: {} (turn {}); fate {fate:?}", letter.said.name(), letter.turn)
        });
        self.posts.push(Post { by: side, life, key, letter, fate, is_over: false });
        let on_the_way = self.chance.within(1, 150);
        let patience = Happening::Answer { post, answer: None };
        self.at(self.now_ms + PATIENCE_MS, patience);
        let apart = self.plan.is_apart(self.now_ms) && !is_trouble_over;
        if apart || matches!(fate, Some(Fate::Busy)) {
            self.at(self.now_ms + on_the_way, Happening::Answer { post, answer: None });
            return;
        }
        match fate {
            Some(Fate::Lost) => {}
            Some(Fate::Late { ms }) => self.at(self.now_ms + ms, Happening::Arrive { post }),
            Some(Fate::Twice { ms }) => {
                self.at(self.now_ms + on_the_way, Happening::Arrive { post });
                self.at(self.now_ms + ms, Happening::Arrive { post });
            }
            _ => self.at(self.now_ms + on_the_way, Happening::Arrive { post }),
        }
    }

    fn arrive(&mut self, post: usize) {
        let (to, letter, fate) =
            (self.posts[post].by.other(), self.posts[post].letter.clone(), self.posts[post].fate);
        let back_ms = self.now_ms + self.chance.within(1, 150);
        if !self.node(to).is_up {
            self.at(back_ms, Happening::Answer { post, answer: None });
            return;
        }
        let mut tx = self.begin(to);
        let answer = tx.receive(letter);
        self.tell(to, || format!("hears {post}: answers {answer:?}"));
        if self.mistake == Some(Mistake::AnswersBeforeCommit) {
            self.at(back_ms, Happening::Answer { post, answer: Some(answer.clone()) });
        }
        if answer.is_ok() && !self.commit(tx, "a message") {
            // The connection breaks.
            self.at(back_ms, Happening::Answer { post, answer: None });
            return;
        }
        match fate {
            Some(Fate::AnswerLost) => {}
            Some(Fate::AnswerLate { ms }) => {
                self.at(self.now_ms + ms, Happening::Answer { post, answer: Some(answer) });
            }
            _ => self.at(back_ms, Happening::Answer { post, answer: Some(answer) }),
        }
    }

    fn hear_back(&mut self, post: usize, answer: Option<Result<String, String>>) {
        let (side, life, key) = (self.posts[post].by, self.posts[post].life, self.posts[post].key.clone());
        if self.dies(side, "before it hears the answer") {
            return;
        }
        let (pid, turn) = key.clone();
        let outcome = if answer.is_some() { Outcome::Done } else { Outcome::NotReached };
        if self.mistake == Some(Mistake::SettlesBeforeItHeard) && outcome == Outcome::Done {
            let mut tx = self.begin(side);
            tx.disk.outbox.remove(&key);
            if !self.commit(tx, "outbox.settle") {
                return;
            }
        }
        let what = match answer {
            Some(Ok(peer_pid)) => What::Acked { turn, peer_pid },
            Some(Err(reason)) => What::Rejected { turn, reason },
            None => What::Undelivered { turn, reason: "The peer cannot be reached.".to_owned() },
        };
        self.tell(side, || format!("hears of {post}: {what:?}"));
        let mut tx = self.begin(side);
        match tx.hear_back(&pid, what) {
            Ok(()) if !self.commit(tx, "an answer") => return,
            Ok(()) => {}
            Err(refusal) => {
                self.broken.get_or_insert(format!("an answer could not be kept: {refusal}"));
            }
        }
        self.at(self.now_ms + 1, Happening::Settle { side, life, key, outcome });
    }

    fn settle(&mut self, side: Side, key: &Key, outcome: Outcome) {
        let node = self.node_mut(side);
        node.in_flight = node.in_flight.saturating_sub(1);
        let was_failing = node.failures > 0;
        node.failures = if outcome == Outcome::Done { 0 } else { node.failures + 1 };
        let failures = node.failures;
        let mut tx = self.begin(side);
        let half = |ms: u64, chance: &mut Chance| ms / 2 + chance.within(0, ms / 2 + 1);
        if outcome == Outcome::Done {
            tx.disk.outbox.remove(key);
            if was_failing {
                for job in tx.disk.outbox.values_mut().filter(|job| job.has_failed) {
                    job.due_ms = job.due_ms.min(self.now_ms);
                }
            }
        } else {
            let rest_ms = half(doubled(failures).min(REST_MAX_MS), &mut self.chance);
            for job in tx.disk.outbox.values_mut().filter(|job| job.due_ms <= self.now_ms) {
                job.due_ms = self.now_ms + rest_ms;
                job.has_failed = true;
            }
            if let Some(job) = tx.disk.outbox.get_mut(key) {
                job.due_ms = self.now_ms + half(doubled(job.attempts).min(BACKOFF_MAX_MS), &mut self.chance);
                job.has_failed = true;
            }
            if self.mistake == Some(Mistake::TriesOnce) {
                tx.disk.outbox.remove(key);
            }
        }
        if !self.commit(tx, "outbox.settle") {
            return;
        }
        self.ring(side);
    }

    fn person(&mut self, by: Side, deed: Deed) {
        match deed {
            Deed::Begins => self.act(by, "a person begins a negotiation", |tx| {
                tx.begin();
                Ok(())
            }),
            Deed::Transfers => self.act(by, "a person asks for a transfer", Tx::request_transfer),
            Deed::Says { choice } => {
                let pids: Vec<String> = self.node(by).disk.processes.keys().cloned().collect();
                if pids.is_empty() {
                    return;
                }
                let pid = pids[usize::try_from(choice >> 32).unwrap_or(0) % pids.len()].clone();
                self.act(by, &format!("a person speaks in {pid}"), |tx| {
                    let process = tx.process(&pid)?;
                    let said: Said = super::persons::says(tx, &process, choice).ok_or("Nothing to say.")?;
                    tx.say(&pid, said)
                });
            }
        }
    }
}

fn doubled(times: u32) -> u64 {
    BACKOFF_FIRST_MS << u64::from(times.min(20)).saturating_sub(1)
}
