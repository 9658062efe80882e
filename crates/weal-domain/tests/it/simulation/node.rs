//! A node in memory: what its disk holds, and its acts on it. Each act works on a copy of the disk, which the
//! world puts in its place when the act commits; so a crash leaves what the real store would leave.

use std::collections::BTreeMap;
use std::rc::Rc;

use weal_domain::agreements::negotiation::{self, AgreementChange, Negotiation, NegotiationState};
use weal_domain::agreements::{Agreement, AgreementId, AgreementStatus, Side};
use weal_domain::exchange::transfer::{self, Transfer, TransferState};
use weal_domain::{Mark, Timestamp};

use super::process::{Letter, Process, Said, Step, What};
use crate::exchange::transfer::{address, opening as transfer_opening};
use crate::given;

/// Mistakes that somebody could make in a node, to prove that the simulation would notice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mistake {
    /// A message is acknowledged before what it changed is committed.
    AnswersBeforeCommit,
    /// The first message of a process, coming again, begins another process.
    ForgetsRepetitions,
    /// The state is saved in one transaction, the message enqueued in the next.
    EnqueuesInAnotherTransaction,
    /// A job is gone from the outbox when it is taken, not when it is done.
    ForgetsWhatItTook,
    /// A job is done before its answer has been kept.
    SettlesBeforeItHeard,
    /// A message that did not arrive is not sent again.
    TriesOnce,
    /// The owner's agreement is in force when it says so, not when the other side has heard it.
    AgreesAlone,
    /// The asker's copy of the agreement is not kept.
    KeepsNoAgreement,
    /// A message to an ended process wakes it up.
    ResumesAfterTheEnd,
    /// A move of our own takes effect before anybody has heard it.
    MovesBeforeItIsHeard,
}

impl Mistake {
    pub(super) const ALL: [Self; 10] = [
        Self::AnswersBeforeCommit,
        Self::ForgetsRepetitions,
        Self::EnqueuesInAnotherTransaction,
        Self::ForgetsWhatItTook,
        Self::SettlesBeforeItHeard,
        Self::TriesOnce,
        Self::AgreesAlone,
        Self::KeepsNoAgreement,
        Self::ResumesAfterTheEnd,
        Self::MovesBeforeItIsHeard,
    ];
}

/// A process and a turn of it.
pub(super) type Key = (String, u32);

#[derive(Debug, Clone)]
pub(super) struct Job {
    pub(super) due_ms: u64,
    pub(super) attempts: u32,
    pub(super) has_failed: bool,
}

/// What survives a crash.
#[derive(Debug, Clone, Default)]
pub(super) struct Disk {
    pub(super) processes: BTreeMap<String, Rc<Process>>,
    pub(super) agreements: BTreeMap<AgreementId, Rc<Agreement>>,
    pub(super) outbox: BTreeMap<Key, Job>,
    /// Identifiers given so far.
    made: u32,
}

#[derive(Debug)]
pub(super) struct Tx {
    pub(super) disk: Disk,
    pub(super) side: Side,
    pub(super) now_ms: u64,
    pub(super) by_rule: bool,
    pub(super) mistake: Option<Mistake>,
    /// Messages that a node with the mistake enqueues later.
    pub(super) postponed: Vec<Key>,
}

/// What a refused act says.
pub(super) type No = String;

impl Tx {
    pub(super) fn now(&self) -> Timestamp {
        let ms = i64::try_from(self.now_ms).expect("a moment of the simulation");
        given::now() + jiff_ms(ms)
    }

    fn makes(&self, mistake: Mistake) -> bool {
        self.mistake == Some(mistake)
    }

    fn fresh(&mut self, what: &str) -> String {
        self.disk.made += 1;
        format!("urn:uuid:{what}-{}-{}", self.side.as_str(), self.disk.made)
    }

    pub(super) fn process(&self, pid: &str) -> Result<Rc<Process>, No> {
        self.disk.processes.get(pid).cloned().ok_or_else(|| "There is no such process.".to_owned())
    }

    /// As `House::keep_negotiation` and `House::keep_transfer`: state, agreement and messages together.
    fn keep(&mut self, step: Step) {
        let pid = step.next.own_pid().to_owned();
        match step.agreement {
            Some(AgreementChange::Made(_))
                if self.makes(Mistake::KeepsNoAgreement) && self.side == Side::Consumer => {}
            Some(AgreementChange::Made(made)) => {
                self.disk.agreements.insert(made.id.clone(), Rc::new(*made));
            }
            Some(AgreementChange::InForce(id)) => self.put_in_force(&id),
            Some(AgreementChange::Void(id)) => self.void(&id),
            None => {}
        }
        for turn in step.tell {
            let key = (pid.clone(), turn);
            if self.makes(Mistake::EnqueuesInAnotherTransaction) {
                self.postponed.push(key);
            } else {
                self.enqueue(key);
            }
        }
        self.disk.processes.insert(pid, Rc::new(step.next));
    }

    pub(super) fn enqueue(&mut self, key: Key) {
        let job = Job { due_ms: self.now_ms, attempts: 0, has_failed: false };
        self.disk.outbox.entry(key).or_insert(job);
    }

    fn put_in_force(&mut self, id: &AgreementId) {
        if let Some(agreement) = self.disk.agreements.get_mut(id) {
            *agreement = Rc::new(Agreement::clone(agreement).finalized());
        }
    }

    fn void(&mut self, id: &AgreementId) {
        let Some(agreement) = self.disk.agreements.get(id) else { return };
        let us = if self.side == Side::Provider { given::revenue() } else { given::education() };
        if let Ok((ended, _)) = agreement.revoke(&us, "node", "The negotiation was terminated.", self.now()) {
            self.disk.agreements.insert(id.clone(), Rc::new(ended));
        }
    }

    /// As `House::keep_and_go_on`.
    fn keep_and_go_on(&mut self, step: Step) -> Result<(), No> {
        let next = step.next.clone();
        self.keep(step);
        if !self.by_rule {
            return Ok(());
        }
        match self.own_move(&next) {
            Some(said) => self.intend(&next, said),
            None => Ok(()),
        }
    }

    fn intend(&mut self, process: &Process, said: Said) -> Result<(), No> {
        let finalizes = matches!(said, Said::Negotiation(negotiation::Move::Finalize));
        let step = process.on(What::Intend(said), self.now()).map_err(|no| no.reason)?;
        if self.makes(Mistake::AgreesAlone)
            && finalizes
            && let Process::Negotiation(own) = process
            && let Some(id) = &own.agreement
        {
            self.put_in_force(&id.clone());
        }
        let told = step.tell.first().copied();
        let next = step.next.clone();
        self.keep(step);
        if self.makes(Mistake::MovesBeforeItIsHeard)
            && let (Some(turn), Some(peer_pid)) = (told, next.peer_pid())
        {
            let what = What::Acked { turn, peer_pid: peer_pid.to_owned() };
            let step = next.on(what, self.now()).map_err(|no| no.reason)?;
            self.keep(step);
        }
        Ok(())
    }

    /// What a side does by itself, as `House::own_move`.
    pub(super) fn own_move(&mut self, process: &Process) -> Option<Said> {
        match process {
            Process::Negotiation(own) if own.waits_for_us() => {
                let message = match own.state {
                    NegotiationState::Requested | NegotiationState::Accepted => self.agree(own),
                    NegotiationState::Verified => negotiation::Move::Finalize,
                    NegotiationState::Agreed => negotiation::Move::Verify,
                    _ => return None,
                };
                Some(Said::Negotiation(message))
            }
            _ => None,
        }
    }

    /// The next message that brings a process on, whoever decides it; `None` where it is not our turn.
    pub(super) fn forward(&mut self, process: &Process) -> Option<Said> {
        match process {
            Process::Negotiation(own) if own.waits_for_us() => Some(Said::Negotiation(match own.state {
                NegotiationState::Offered => negotiation::Move::Accept,
                _ => return self.own_move(process),
            })),
            Process::Transfer(own) if own.talk.awaiting_ack.is_none() => match own.state {
                TransferState::Requested if own.side == Side::Provider => Some(self.start()),
                TransferState::Suspended if own.side == Side::Provider => Some(self.start()),
                TransferState::Started if own.side == Side::Consumer => {
                    Some(Said::Transfer(transfer::Move::Complete))
                }
                _ => None,
            },
            _ => None,
        }
    }

    pub(super) fn start(&mut self) -> Said {
        let address = (self.side == Side::Provider).then(|| address(&self.fresh("secret")));
        Said::Transfer(transfer::Move::Start { address })
    }

    fn agree(&mut self, own: &Negotiation) -> negotiation::Move {
        let id = self.fresh("agreement").parse().expect("an agreement id of these tests");
        let conclusion = given::conclusion(Side::Provider, &own.proposal);
        let conclusion = weal_domain::agreements::Conclusion { id, ..conclusion };
        let agreement = Agreement::conclude(conclusion).expect("one purpose, one basis");
        negotiation::Move::Agree { agreement: Box::new(agreement) }
    }

    /// Somebody begins a negotiation from this side.
    pub(super) fn begin(&mut self) {
        let own_pid = self.fresh("negotiation");
        let step = match self.side {
            Side::Consumer => {
                let opening = negotiation::Opening { own_pid, ..given::opening_of_education() };
                Negotiation::request(opening, self.now())
            }
            Side::Provider => {
                let opening = negotiation::Opening { own_pid, ..given::opening_of_revenue() };
                Negotiation::offer(opening, self.now())
            }
        };
        self.keep(step.into());
    }

    /// Somebody asks for a transfer under the last agreement in force.
    pub(super) fn request_transfer(&mut self) -> Result<(), No> {
        let in_force = |one: &&Rc<Agreement>| one.status == AgreementStatus::InForce;
        let agreement = self.disk.agreements.values().rfind(in_force).map(|one| one.id.clone());
        let agreement = agreement.ok_or_else(|| "Nothing is in force.".to_owned())?;
        let own_pid = self.fresh("transfer");
        let opening = transfer::Opening { own_pid, agreement, ..transfer_opening(Side::Consumer) };
        let step = Transfer::request(opening, self.now());
        self.keep(step.into());
        Ok(())
    }

    pub(super) fn say(&mut self, pid: &str, said: Said) -> Result<(), No> {
        let process = self.process(pid)?;
        self.intend(&process, said)
    }

    /// A message of the peer: our pid, or why it is refused. `Ok` without a change is a repetition.
    pub(super) fn receive(&mut self, letter: Letter) -> Result<String, No> {
        let mark = Mark::Turn(letter.turn);
        if letter.opening {
            return self.open(letter, &mark);
        }
        let pid = letter.to_pid.ok_or_else(|| "The message belongs to no process.".to_owned())?;
        let mut process = self.process(&pid)?;
        if self.makes(Mistake::ResumesAfterTheEnd) && process.state() == "TERMINATED" {
            process = Rc::new(awake(&process));
        }
        let heard = What::Heard { said: letter.said, peer_pid: letter.from_pid, mark };
        let step = process.on(heard, self.now()).map_err(|no| no.reason)?;
        self.keep_and_go_on(step)?;
        Ok(pid)
    }

    fn open(&mut self, letter: Letter, mark: &Mark) -> Result<String, No> {
        let known =
            self.disk.processes.values().find(|known| {
                known.side() == self.side && known.peer_pid() == Some(letter.from_pid.as_str())
            });
        let known = known.cloned().filter(|_| !self.makes(Mistake::ForgetsRepetitions));
        let step = match (letter.said, letter.agreement) {
            (
                Said::Negotiation(
                    negotiation::Move::Request { proposal } | negotiation::Move::Offer { proposal },
                ),
                _,
            ) => {
                if let Some(Process::Negotiation(known)) = known.as_deref() {
                    known.reopened(&proposal).map_err(|no| no.reason)?;
                    return Ok(known.own_pid.clone());
                }
                let ours = match self.side {
                    Side::Consumer => given::opening_of_education(),
                    Side::Provider => given::opening_of_revenue(),
                };
                let own_pid = self.fresh("negotiation");
                let opening = negotiation::Opening { own_pid, proposal: *proposal, ..ours };
                Negotiation::received(self.side, opening, letter.from_pid, mark, self.now()).into()
            }
            (Said::Transfer(transfer::Move::Request), Some(agreement)) => {
                if let Some(Process::Transfer(known)) = known.as_deref() {
                    known.reopened(&agreement, &known.format).map_err(|no| no.reason)?;
                    return Ok(known.own_pid.clone());
                }
                return self.open_transfer(letter.from_pid, agreement, mark);
            }
            _ => return Err("No process begins so.".to_owned()),
        };
        let step: Step = step;
        let pid = step.next.own_pid().to_owned();
        self.keep_and_go_on(step)?;
        Ok(pid)
    }

    /// As `House::receive_transfer_request`: started at once, where the agreement is in force.
    fn open_transfer(&mut self, peer_pid: String, agreement: AgreementId, mark: &Mark) -> Result<String, No> {
        self.imply_finalized(&agreement)?;
        let known = self.disk.agreements.get(&agreement).ok_or_else(|| "No such agreement.".to_owned())?;
        known.in_force(self.now()).map_err(|no| no.reason)?;
        let own_pid = self.fresh("transfer");
        let opening =
            transfer::Opening { own_pid: own_pid.clone(), agreement, ..transfer_opening(Side::Provider) };
        let step: Step = Transfer::received(opening, peer_pid, mark, self.now()).into();
        let next = step.next.clone();
        self.keep(step);
        if self.by_rule {
            let start = self.start();
            self.intend(&next, start)?;
        }
        Ok(own_pid)
    }

    fn imply_finalized(&mut self, id: &AgreementId) -> Result<(), No> {
        let finalizing = self.disk.processes.values().find_map(|process| match process.as_ref() {
            Process::Negotiation(own) if own.agreement.as_ref() == Some(id) => {
                let awaited = own.talk.awaiting_ack.as_ref();
                awaited
                    .filter(|own| own.message == negotiation::Move::Finalize)
                    .and_then(|notice| Some((Rc::clone(process), notice.turn, own.talk.peer_pid.clone()?)))
            }
            _ => None,
        });
        let Some((process, turn, peer_pid)) = finalizing else { return Ok(()) };
        let step = process.on(What::Acked { turn, peer_pid }, self.now()).map_err(|no| no.reason)?;
        self.keep(step);
        Ok(())
    }

    /// What became of our message, as `House::heard_back`.
    pub(super) fn hear_back(&mut self, pid: &str, what: What) -> Result<(), No> {
        let process = self.process(pid)?;
        let is_refused = matches!(what, What::Rejected { .. });
        let step = process.on(what, self.now()).map_err(|no| no.reason)?;
        if is_refused {
            self.keep(step);
            return Ok(());
        }
        self.keep_and_go_on(step)
    }
}

fn jiff_ms(ms: i64) -> std::time::Duration {
    std::time::Duration::from_millis(ms.unsigned_abs())
}

/// What a node that forgets its end would hold.
fn awake(process: &Process) -> Process {
    match process.clone() {
        Process::Negotiation(mut own) => {
            own.state = NegotiationState::Requested;
            Process::Negotiation(own)
        }
        Process::Transfer(mut own) => {
            own.state = TransferState::Started;
            Process::Transfer(own)
        }
    }
}
