//! Do two ledgers tell the same story? Of every use both sides keep the same receipt; this module reads
//! the ledgers of two members, entry by entry, and matches them.
//!
//! Memory grows with the number of uses (about 150 bytes each), never with the size of entries. The shape
//! of entries is that of version 1; kinds of facts unknown here are passed over.

use std::collections::{HashMap, HashSet};

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use super::findings::{Finding, FindingKind, Findings, Severity};
use crate::encoding::canonical_json;

/// How far back an entry's time may lie behind the one before it without a warning, in seconds.
pub const CLOCK_STEP_S_MAX: i64 = 1;
/// The version of entries that is read.
const ENTRY_VERSION: u64 = 1;

/// What two ledgers say of each other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CrossCheck {
    /// Uses of which both ledgers keep the same receipt in the right place.
    pub matched: u64,
    pub findings: Vec<Finding>,
}

impl CrossCheck {
    /// Whether nothing is wrong; warnings may stand.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        self.findings.iter().all(|finding| finding.severity < Severity::Wrong)
    }
}

/// Reads two ledgers and matches them; the findings are those of either alone, then those of both
/// together. Each ledger is the DID of the member who keeps it, and its entries: index and body.
pub fn cross_check(
    provider: (&str, impl IntoIterator<Item = (u64, Value)>),
    consumer: (&str, impl IntoIterator<Item = (u64, Value)>),
) -> CrossCheck {
    let provider = Story::read(provider.0, provider.1);
    let consumer = Story::read(consumer.0, consumer.1);
    let CrossCheck { matched, findings } = compare(&provider, &consumer);
    let findings = [provider.findings(), consumer.findings(), findings].concat();
    CrossCheck { matched, findings }
}

/// Matches two ledgers that were read, in both directions: each may own and ask.
#[must_use]
pub fn compare(one: &Story, other: &Story) -> CrossCheck {
    let (mut of_one, mut of_other) = (Findings::of(&one.member), Findings::of(&other.member));
    let matched = match_uses(one, other, &mut of_one, &mut of_other)
        + match_uses(other, one, &mut of_other, &mut of_one);
    CrossCheck { matched, findings: [of_one.into_list(), of_other.into_list()].concat() }
}

type Digest = [u8; 32];

/// A use as one ledger tells it.
#[derive(Debug, Clone)]
struct Use {
    /// Where it stands in this ledger.
    index: u64,
    receipt: Digest,
    peer: Digest,
    /// Only on the asker's side: where the owner is said to keep it.
    provider_index: Option<u64>,
}

/// What is kept of one ledger while it is read, to be compared with another.
#[derive(Debug)]
pub struct Story {
    member: String,
    size: u64,
    last_at: Option<Timestamp>,
    reserved: HashSet<Digest>,
    /// Answers that were paid for, each under its agreement: given again they cost nothing.
    paid: HashSet<Digest>,
    granted: HashMap<Digest, Use>,
    received: HashMap<Digest, Use>,
    findings: Findings,
}

impl Story {
    /// `member` is the DID of the member who keeps the ledger.
    #[must_use]
    pub fn new(member: &str) -> Self {
        Self {
            member: member.to_owned(),
            size: 0,
            last_at: None,
            reserved: HashSet::new(),
            paid: HashSet::new(),
            granted: HashMap::new(),
            received: HashMap::new(),
            findings: Findings::of(member),
        }
    }

    /// Reads all entries of a ledger.
    pub fn read(member: &str, entries: impl IntoIterator<Item = (u64, Value)>) -> Self {
        let mut story = Self::new(member);
        for (index, body) in entries {
            story.add(index, &body);
        }
        story
    }

    /// Reads the next entry, in the order of the ledger. Erased entries are left out.
    pub fn add(&mut self, index: u64, body: &Value) {
        self.size = self.size.max(index.saturating_add(1));
        if self.read_entry(index, body).is_none() {
            let says = "it is not an entry of version 1 with its facts complete";
            self.findings.add(FindingKind::BodyInvalid, Some(index), says);
        }
    }

    /// What this ledger shows without any other: reservations, ends, clock.
    #[must_use]
    pub fn findings(&self) -> Vec<Finding> {
        self.findings.clone().into_list()
    }

    fn read_entry(&mut self, index: u64, body: &Value) -> Option<()> {
        if body.get("v")?.as_u64()? != ENTRY_VERSION {
            return None;
        }
        let at: Timestamp = body.get("at")?.as_str()?.parse().ok()?;
        if let Some(last) = self.last_at {
            let back_s = last.as_second().saturating_sub(at.as_second());
            if last.duration_since(at) > SignedDuration::from_secs(CLOCK_STEP_S_MAX) {
                let says = format!("its time lies {back_s} s before that of the entry before it");
                self.findings.add(FindingKind::ClockRanBack, Some(index), says);
            }
        }
        self.last_at = Some(at);
        let fact = body.get("fact")?;
        match fact.get("kind")?.as_str()? {
            "budget_reserved" => {
                self.reserved.insert(digest(fact.get("use_id")?.as_str()?));
            }
            "use_granted" => self.granted(index, fact.get("receipt")?)?,
            "use_received" => {
                let provider_index = fact.get("provider_index")?.as_u64()?;
                self.received(index, fact.get("receipt")?, provider_index)?;
            }
            "use_ended" => self.ended(index, &digest(fact.get("use_id")?.as_str()?)),
            _ => {}
        }
        Some(())
    }

    fn granted(&mut self, index: u64, receipt: &Value) -> Option<()> {
        let read = Receipt::read(receipt)?;
        if read.provider != self.member {
            let says = "it grants a use in the name of another member";
            self.findings.add(FindingKind::ForeignReceipt, Some(index), says);
        }
        let use_id = digest(read.use_id);
        if read.mode == "statistics" {
            let answer = read.answer.map(|answer| digest(&format!("{}\n{answer}", read.agreement)));
            let is_paid = match (self.reserved.remove(&use_id), answer) {
                (true, answer) => {
                    self.paid.extend(answer);
                    true
                }
                (false, answer) => read.is_free && answer.is_some_and(|answer| self.paid.contains(&answer)),
            };
            if !is_paid {
                let says = "a statistic was granted, and no budget was reserved for it before";
                self.findings.add(FindingKind::NoReservation, Some(index), says);
            }
        }
        let peer = digest(read.consumer);
        let new = Use { index, receipt: digest(&canonical_json(receipt)), peer, provider_index: None };
        if let Some(old) = self.granted.insert(use_id, new) {
            let says = format!("the same use was already granted by entry {}", old.index);
            self.findings.add(FindingKind::UseTwice, Some(index), says);
        }
        Some(())
    }

    fn received(&mut self, index: u64, receipt: &Value, provider_index: u64) -> Option<()> {
        let read = Receipt::read(receipt)?;
        if read.consumer != self.member {
            let says = "it receives a use in the name of another member";
            self.findings.add(FindingKind::ForeignReceipt, Some(index), says);
        }
        let (use_id, peer) = (digest(read.use_id), digest(read.provider));
        let receipt = digest(&canonical_json(receipt));
        let new = Use { index, receipt, peer, provider_index: Some(provider_index) };
        if let Some(old) = self.received.insert(use_id, new) {
            let says = format!("the same use was already received by entry {}", old.index);
            self.findings.add(FindingKind::UseTwice, Some(index), says);
        }
        Some(())
    }

    fn ended(&mut self, index: u64, use_id: &Digest) {
        if !self.granted.contains_key(use_id) && !self.received.contains_key(use_id) {
            let says = "a use ended that was neither granted nor received before";
            self.findings.add(FindingKind::EndWithoutUse, Some(index), says);
        }
    }
}

/// Matches what `consumer` received of `provider` with what `provider` granted to `consumer`.
fn match_uses(
    consumer: &Story,
    provider: &Story,
    of_consumer: &mut Findings,
    of_provider: &mut Findings,
) -> u64 {
    let mut matched = 0;
    for (use_id, taken) in of_peer(&consumer.received, &provider.member) {
        match match_one(taken, provider.granted.get(use_id), provider) {
            Ok(()) => matched += 1,
            Err((kind, says)) => of_consumer.add(kind, Some(taken.index), says),
        }
    }
    for (use_id, given) in of_peer(&provider.granted, &consumer.member) {
        if !consumer.received.contains_key(use_id) {
            let says = format!("{} keeps no receipt of this use", consumer.member);
            of_provider.add(FindingKind::ReceiptMissing, Some(given.index), says);
        }
    }
    matched
}

/// Whether the use that the asker keeps is the one that the owner keeps.
fn match_one(taken: &Use, given: Option<&Use>, provider: &Story) -> Result<(), (FindingKind, String)> {
    let owner = &provider.member;
    let named = taken.provider_index.unwrap_or_default();
    match given {
        Some(Use { index, receipt, .. }) if *receipt != taken.receipt => {
            let says = format!("{owner} keeps another receipt of this use, as entry {index}");
            Err((FindingKind::ReceiptDiffers, says))
        }
        Some(Use { index, .. }) if *index != named => {
            let says = format!("{owner} said to keep this use as entry {named}, and keeps it as {index}");
            Err((FindingKind::GrantMoved, says))
        }
        Some(_) => Ok(()),
        None if named >= provider.size => {
            let says =
                format!("it names entry {named} of {owner}, whose export ends before; get a newer one");
            Err((FindingKind::ExportTooShort, says))
        }
        None => Err((FindingKind::GrantMissing, format!("{owner} keeps no such use"))),
    }
}

/// The uses with one peer, in the order of the ledger.
fn of_peer<'a>(uses: &'a HashMap<Digest, Use>, peer: &str) -> Vec<(&'a Digest, &'a Use)> {
    let peer = digest(peer);
    let mut found: Vec<_> = uses.iter().filter(|(_, a_use)| a_use.peer == peer).collect();
    found.sort_unstable_by_key(|(_, a_use)| a_use.index);
    found
}

/// What the matching reads of a receipt.
struct Receipt<'a> {
    use_id: &'a str,
    provider: &'a str,
    consumer: &'a str,
    mode: &'a str,
    agreement: &'a str,
    answer: Option<&'a str>,
    /// It says that it cost nothing.
    is_free: bool,
}

impl<'a> Receipt<'a> {
    fn read(receipt: &'a Value) -> Option<Self> {
        let text = |name: &str| receipt.get(name)?.as_str();
        Some(Self {
            use_id: text("use_id")?,
            provider: text("provider")?,
            consumer: text("consumer")?,
            mode: text("mode")?,
            agreement: text("agreement")?,
            answer: text("answer_sha256"),
            is_free: ["rho_nano", "delta_femto"].into_iter().all(|part| {
                receipt.get("loss").and_then(|loss| loss.get(part)).and_then(Value::as_u64).unwrap_or(0) == 0
            }),
        })
    }
}

fn digest(text: &str) -> Digest {
    Sha256::digest(text).into()
}
