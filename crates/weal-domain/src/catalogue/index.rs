//! Which entries answer a query, best first, and how they are spread over the facets: from the sets of numbers
//! that stand under the terms of a [`Plan`]. All of it is arithmetic on bits; no entry is read.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};

use super::docs::{Bits, Docs, number_at};
use super::terms::{CLASS, MEMBER, MODE, PURPOSE};
use super::{Classification, Facet, Facets, Mode, Plan, Query};
use crate::agreements::Purpose;
use crate::identity::{Did, MemberName};

/// What a title is worth that is the query, word for word.
const TITLE_WORTH: u32 = 100;
/// The finds that can be looked at one after another; more are found with more words.
const FOUND_MAX: usize = 10_000;
const PURPOSES_SHOWN_MAX: usize = 50;

/// A member whose entries are looked at: its node is in good standing.
#[derive(Debug, Clone)]
pub struct Known {
    pub did: Did,
    pub name: MemberName,
}

/// Which of the finds are wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Slice {
    /// Only what comes after this find.
    pub after: Option<Hit>,
    pub skip: usize,
    pub take: usize,
}

/// A find: its worth, and the number of its entry. Of finds that are worth the same, the one that was known
/// first comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hit {
    pub worth: u32,
    pub number: u32,
}

impl Hit {
    /// Greater is better.
    fn rank(self) -> (u32, Reverse<u32>) {
        (self.worth, Reverse(self.number))
    }
}

/// What was found.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Hits {
    pub total: u64,
    /// Of what the words alone have found.
    pub facets: Facets,
    pub found: Vec<Hit>,
}

type Blocks = BTreeMap<u32, Docs>;
type BitBlocks = BTreeMap<u32, Bits>;

/// The sets under a plan's terms, as they were read.
#[derive(Debug, Clone)]
pub struct Gathered {
    plan: Plan,
    /// For each word: what a find is worth, and which entries have it.
    words: Vec<BTreeMap<Reverse<u32>, BitBlocks>>,
    title: Blocks,
    facets: BTreeMap<Vec<u8>, Blocks>,
}

impl Gathered {
    #[must_use]
    pub fn of(plan: Plan) -> Self {
        let words = vec![BTreeMap::new(); plan.words.len()];
        Self { plan, words, title: Blocks::new(), facets: BTreeMap::new() }
    }

    #[must_use]
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// A set that stands under a term of a word's spans.
    pub fn word(&mut self, place: usize, term: &[u8], block: u32, docs: &Docs) {
        let (Some(wanted), Some(tiers)) = (self.plan.words.get(place), self.words.get_mut(place)) else {
            return;
        };
        let blocks = tiers.entry(Reverse(wanted.worth(term))).or_default();
        docs.pour(blocks.entry(block).or_default());
    }

    /// Whether no set was found for a word.
    #[must_use]
    pub fn is_missing(&self, place: usize) -> bool {
        self.words.get(place).is_none_or(BTreeMap::is_empty)
    }

    /// A set that stands under the whole title.
    pub fn title(&mut self, block: u32, docs: Docs) {
        self.title.insert(block, docs);
    }

    /// A set that stands under a member or another value of a facet.
    pub fn facet(&mut self, term: Vec<u8>, block: u32, docs: Docs) {
        self.facets.entry(term).or_default().insert(block, docs);
    }

    /// The finds among the entries of `members`.
    #[must_use]
    pub fn hits(&self, query: &Query, members: &[Known], slice: Slice) -> Hits {
        let all = self.entries_of(members);
        let (mut total, mut counts) = (0, BTreeMap::<&[u8], u64>::new());
        let mut best = Best::new(slice);
        for (block, mut bits) in all {
            for tiers in &self.words {
                bits.keep(&any_of(tiers, block));
            }
            if bits.is_empty() {
                continue;
            }
            for (term, blocks) in &self.facets {
                if let Some(docs) = blocks.get(&block) {
                    *counts.entry(term).or_default() += docs.count_in(&bits);
                }
            }
            self.narrow(&mut bits, block, query, members);
            total += bits.count();
            self.rank(&bits, block, &mut best);
        }
        Hits { total, facets: facets(&counts, members), found: best.found() }
    }

    fn entries_of(&self, members: &[Known]) -> BitBlocks {
        let mut all = BitBlocks::new();
        for member in members {
            let blocks = self.facets.get([MEMBER, member.did.as_str().as_bytes()].concat().as_slice());
            for (block, docs) in blocks.into_iter().flatten() {
                docs.pour(all.entry(*block).or_default());
            }
        }
        all
    }

    fn narrow(&self, bits: &mut Bits, block: u32, query: &Query, members: &[Known]) {
        let member = query.member.as_ref().map(|name| {
            let did = members.iter().find(|member| member.name == *name).map(|member| member.did.as_str());
            (MEMBER, did.unwrap_or_default())
        });
        let class = query.classification.map(|class| (CLASS, class.as_str()));
        let mode = query.mode.map(|mode| (MODE, mode.as_str()));
        let purpose = query.purpose.as_ref().map(|purpose| (PURPOSE, purpose.as_str()));
        for (kind, value) in [member, class, mode, purpose].into_iter().flatten() {
            let mut having = Bits::default();
            let blocks = self.facets.get([kind, value.as_bytes()].concat().as_slice());
            if let Some(docs) = blocks.and_then(|blocks| blocks.get(&block)) {
                docs.pour(&mut having);
            }
            bits.keep(&having);
        }
    }

    fn rank(&self, bits: &Bits, block: u32, best: &mut Best) {
        let words: Vec<Vec<(u32, &Bits)>> = self
            .words
            .iter()
            .map(|tiers| {
                let here = tiers.iter().filter_map(|(worth, blocks)| Some((worth.0, blocks.get(&block)?)));
                here.collect()
            })
            .collect();
        let title = self.title.get(&block).map(|docs| {
            let mut bits = Bits::default();
            docs.pour(&mut bits);
            bits
        });
        // The tiers stand in falling order of worth.
        let most: u32 = words.iter().filter_map(|tiers| tiers.first()).map(|(worth, _)| worth).sum();
        let most = most + if title.is_some() { TITLE_WORTH } else { 0 };
        for place in bits.iter() {
            // Numbers rise, so nothing that follows is better than what is kept already.
            if best.is_closed_to(most) {
                return;
            }
            let of_word = |tiers: &Vec<(u32, &Bits)>| {
                tiers.iter().find(|(_, bits)| bits.contains(place)).map_or(0, |(worth, _)| *worth)
            };
            let of_title = title.as_ref().is_some_and(|bits| bits.contains(place));
            let worth = words.iter().map(of_word).sum::<u32>() + if of_title { TITLE_WORTH } else { 0 };
            best.offer(Hit { worth, number: number_at(block, place) });
        }
    }
}

fn any_of(tiers: &BTreeMap<Reverse<u32>, BitBlocks>, block: u32) -> Bits {
    let mut any = Bits::default();
    for bits in tiers.values().filter_map(|blocks| blocks.get(&block)) {
        any.add(bits);
    }
    any
}

/// The best finds, as many as are wanted.
struct Best {
    slice: Slice,
    room: usize,
    /// The worst on top.
    kept: BinaryHeap<Reverse<(u32, Reverse<u32>)>>,
}

impl Best {
    fn new(slice: Slice) -> Self {
        let room = slice.skip.saturating_add(slice.take).min(FOUND_MAX);
        Self { slice, room, kept: BinaryHeap::with_capacity(room + 1) }
    }

    fn is_closed_to(&self, worth: u32) -> bool {
        let worst = self.kept.peek().filter(|_| self.kept.len() >= self.room);
        self.room == 0 || worst.is_some_and(|Reverse((least, _))| *least >= worth)
    }

    fn offer(&mut self, hit: Hit) {
        if self.slice.after.is_some_and(|after| hit.rank() >= after.rank()) || self.is_closed_to(hit.worth) {
            return;
        }
        self.kept.push(Reverse(hit.rank()));
        if self.kept.len() > self.room {
            self.kept.pop();
        }
    }

    fn found(self) -> Vec<Hit> {
        let ranked = self.kept.into_sorted_vec().into_iter().skip(self.slice.skip);
        ranked.map(|Reverse((worth, Reverse(number)))| Hit { worth, number }).collect()
    }
}

fn facets(counts: &BTreeMap<&[u8], u64>, members: &[Known]) -> Facets {
    let mut facets = Facets::default();
    let mut purposes: Vec<Facet<Purpose>> = Vec::new();
    let names: BTreeMap<&str, &MemberName> =
        members.iter().map(|member| (member.did.as_str(), &member.name)).collect();
    for (term, count) in counts.iter().filter(|(_, count)| **count > 0) {
        let value = term.get(MEMBER.len()..).and_then(|value| std::str::from_utf8(value).ok());
        let Some(value) = value else { continue };
        if term.starts_with(MEMBER) {
            let name = names.get(value);
            facets.members.extend(name.map(|name| Facet { value: (*name).clone(), count: *count }));
        } else if term.starts_with(PURPOSE) {
            purposes.extend(value.parse().ok().map(|value| Facet { value, count: *count }));
        }
    }
    let counted = |kind: &[u8], value: &str| {
        let count = counts.get([kind, value.as_bytes()].concat().as_slice()).copied();
        count.filter(|count| *count > 0)
    };
    facets.members.sort_by(|a, b| a.value.cmp(&b.value));
    facets.classifications = Classification::ALL
        .into_iter()
        .filter_map(|value| Some(Facet { value, count: counted(CLASS, value.as_str())? }))
        .collect();
    facets.modes = Mode::LADDER
        .into_iter()
        .filter_map(|value| Some(Facet { value, count: counted(MODE, value.as_str())? }))
        .collect();
    purposes.sort_by(|a, b| b.count.cmp(&a.count).then_with(|| a.value.as_str().cmp(b.value.as_str())));
    purposes.truncate(PURPOSES_SHOWN_MAX);
    facets.purposes = purposes;
    facets
}
