//! Reading the catalogues of the other members, each from its own node: only where it has changed, page by page,
//! and no further than a hostile one may lead.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use axum::http::HeaderMap;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use futures::StreamExt as _;
use weal_domain::catalogue::{CatalogueEntry, CatalogueFreshness, ProductName, dataset_id};
use weal_domain::governance::{Member, Standing};
use weal_domain::identity::Did;
use weal_domain::{Refusal, Timestamp};
use weal_store::{LookRead, PeerFreshness};
use weal_wire::Publisher;
use weal_wire::catalogue::{EntriesReader, READ_AS, Skimmed};
use weal_wire::dsp::catalogue::{Catalog, CatalogRequestMessage};

use super::showing::names_whole;
use crate::api::Refreshed;
use crate::fault::{Error, Fault, Result};
use crate::house::House;
use crate::http::catalogue::DSP_PATH;
use crate::peers::{ANSWER_BYTES_MAX, Reply, unavailable};

/// The shortest time between two looks at the register, or at one catalogue that was read, in seconds.
pub(crate) const INTERVAL_S_MIN: u64 = 10;
/// Members asked at once.
pub const ASKED_AT_ONCE: usize = 8;
/// Entries asked for at once. A peer that knows nothing of the preference sends pages of its own size.
const PAGE_ENTRIES: usize = 500;
/// Entries written in one transaction, fewer where they change much of the index: other writers wait for no more.
const WRITTEN_AT_ONCE: usize = 200;
/// Batches of an index that is made again, before it is looked whether it is whole.
const INDEXED_AT_ONCE: usize = 100;
/// Pages read of one catalogue, and how many of them in a row may bring nothing new.
const PAGES_MAX: usize = 5_000;
const IDLE_PAGES_MAX: usize = 20;
/// The largest entry that is kept, as JSON.
const ENTRY_BYTES_MAX: usize = 256 * 1024;
/// How long one catalogue may take: for the driver, and for a person who waits.
const READ_TIME_MAX: Duration = Duration::from_secs(30 * 60);
const WAIT_TIME_MAX: Duration = Duration::from_secs(100);
const BACKOFF_FIRST_S: u64 = 10;
const BACKOFF_MAX_S: u64 = 3_600;
/// Entries removed in one transaction, fewer likewise.
const REMOVED_AT_ONCE: usize = 200;
/// The longest reason that is kept of a failed look, in characters.
const REASON_CHARS_MAX: usize = 300;

/// What is to be read now, and when the next thing is.
#[derive(Debug)]
pub struct Due {
    pub members: Vec<Member>,
    pub next: Option<Timestamp>,
}

/// How far the reading of one catalogue has come.
struct Reading<'a> {
    member: &'a Member,
    reader: EntriesReader,
    /// The numbers of the entries that it has named.
    seen: BTreeSet<u32>,
    changed: u64,
    passed_over: u64,
    idle_pages: usize,
    /// The entries that are kept of this member.
    kept: usize,
}

impl House {
    /// Asks every other member in good standing for its catalogue, whenever it was due.
    pub async fn crawl(self: &Arc<Self>) -> Result<Refreshed> {
        let others = self.others();
        let members_asked = others.len();
        let asked: Vec<(Did, Result<u64>)> = futures::stream::iter(others)
            .map(|member| {
                let house = Arc::clone(self);
                async move {
                    let outcome = tokio::time::timeout(WAIT_TIME_MAX, house.look_at(&member)).await;
                    let outcome = outcome.unwrap_or_else(|_| {
                        let what =
                            "has a catalogue that takes longer to read; it is read whole when it is due";
                        Err(unavailable(&member.did, what).into())
                    });
                    (member.did, outcome)
                }
            })
            .buffer_unordered(ASKED_AT_ONCE)
            .collect()
            .await;
        let mut refreshed = Refreshed { members_asked, entries: 0, unreachable: Vec::new() };
        for (did, outcome) in asked {
            match outcome {
                Ok(entries) => refreshed.entries += usize::try_from(entries).unwrap_or(usize::MAX),
                Err(Error::Refused(refusal)) => refreshed.unreachable.push((did, refusal.reason)),
                Err(Error::Fault(fault)) => return Err(fault.into()),
            }
        }
        Ok(refreshed)
    }

    /// Members whose catalogue is due, the longest overdue first.
    pub async fn catalogues_due(&self) -> Result<Due> {
        let now = self.clock.now();
        let fresh = self.store.read("catalogue.due").await?.peer_freshness().await?;
        let due: BTreeMap<Did, Timestamp> = fresh.into_iter().map(|one| (one.peer, one.due_at)).collect();
        let due_at = |member: &Member| due.get(&member.did).copied().unwrap_or(Timestamp::UNIX_EPOCH);
        let (mut members, later): (Vec<Member>, Vec<Member>) =
            self.others().into_iter().partition(|member| due_at(member) <= now);
        members.sort_by_key(due_at);
        Ok(Due { next: later.iter().map(due_at).min(), members })
    }

    /// The others in good standing, where this node is a member itself.
    fn others(&self) -> Vec<Member> {
        let ecosystem = self.ecosystem();
        if ecosystem.credential.is_none() {
            return Vec::new();
        }
        let others = ecosystem.members.values();
        others.filter(|member| member.did != self.did && member.standing == Standing::Good).cloned().collect()
    }

    /// Reads a member's catalogue and remembers how that went; how many entries it has.
    pub async fn look_at(&self, member: &Member) -> Result<u64> {
        // One look at a time: a slow older one must not write its picture over a newer one's.
        let turn = self.doors.look_at(&member.did);
        let _turn = turn.lock().await;
        // What is no longer named is found by the index.
        while !self.index_again(INDEXED_AT_ONCE).await? {}
        let outcome = match tokio::time::timeout(READ_TIME_MAX, self.read_catalogue(member)).await {
            Ok(outcome) => outcome,
            Err(_) => Err(unavailable(&member.did, "took too long to send its catalogue").into()),
        };
        let why = match &outcome {
            Ok(entries) => {
                self.metrics.catalogue_heard(&member.name, *entries, self.clock.now());
                return outcome;
            }
            Err(Error::Refused(refusal)) => refusal.reason.clone(),
            Err(Error::Fault(_)) => "a fault of this node, see its log".to_owned(),
        };
        self.metrics.catalogue_failed(&member.name);
        let mut tx = self.store.write("catalogue.failed").await?;
        let now = self.clock.now();
        let known = tx.peer_freshness().await?.into_iter().find(|one| one.peer == member.did);
        let due_at = now + self.backoff(known.map_or(0, |one| one.failures))?;
        let why: String = why.chars().take(REASON_CHARS_MAX).collect();
        tx.peer_failed(&member.did, &why, now, due_at).await?;
        tx.commit().await?;
        outcome
    }

    async fn read_catalogue(&self, member: &Member) -> Result<u64> {
        let mut tx = self.store.read("catalogue.before").await?;
        let known = tx.peer_freshness().await?.into_iter().find(|one| one.peer == member.did);
        let kept = usize::try_from(tx.entries_total(&member.did).await?).unwrap_or(usize::MAX);
        drop(tx);
        let publisher = Publisher {
            did: member.did.clone(),
            name: member.name.clone(),
            title: member.title.clone(),
            origin: member.origin.clone(),
        };
        let mut reading = Reading {
            member,
            reader: EntriesReader::new(publisher),
            seen: BTreeSet::new(),
            changed: 0,
            passed_over: 0,
            idle_pages: 0,
            kept,
        };
        let first = format!("{}{DSP_PATH}/catalog/request", self.peers.origin(&member.did)?);
        // The member's name in full stands in every entry.
        let etag = known.filter(|one| one.title == member.title).and_then(|one| one.etag);
        let (head, reply) = self.ask_for_page(&member.did, &first, etag.as_deref()).await?;
        if etag.is_some() && matches!(reply.status, 304 | 412) {
            return self.nothing_changed(member).await;
        }
        // The name that a first page has is the whole catalogue's where there is no other page, and where it is one
        // of ours.
        let etag = etag_in(&head);
        let etag = etag.filter(|etag| next_page(&head, &first).is_none() || names_whole(etag));
        let (mut head, mut reply, mut url) = (head, reply, first);
        let mut asked = BTreeSet::from([url.clone()]);
        loop {
            let Some(next) = next_page(&head, &url) else {
                self.take_page(&mut reading, reply).await?;
                break;
            };
            if !asked.insert(next.clone()) {
                return Err(
                    unavailable(&member.did, "has a catalogue whose pages go round in a circle").into()
                );
            }
            if asked.len() > PAGES_MAX || reading.idle_pages > IDLE_PAGES_MAX {
                return Err(unavailable(&member.did, "has a catalogue whose pages do not end").into());
            }
            // The peer makes the next page while this one is read.
            let (asked_for, ()) = tokio::try_join!(
                self.ask_for_page(&member.did, &next, None),
                self.take_page(&mut reading, reply)
            )?;
            (head, reply) = asked_for;
            url = next;
        }
        self.finish(reading, etag).await
    }

    async fn ask_for_page(&self, peer: &Did, url: &str, etag: Option<&str>) -> Result<(HeaderMap, Reply)> {
        let authorization = self.authorization_for(peer)?;
        let preference = format!("maxpagesize={PAGE_ENTRIES}");
        let mut request = self
            .peers
            .request(reqwest::Method::POST, peer, url, Some(&authorization))?
            .header("content-type", "application/json")
            .header("prefer", preference)
            .body(weal_wire::print(&CatalogRequestMessage { filter: None }));
        if let Some(etag) = etag {
            request = request.header("if-none-match", etag);
        }
        Ok(self.peers.exchange_whole(request, peer, ANSWER_BYTES_MAX).await?)
    }

    async fn take_page(&self, reading: &mut Reading<'_>, reply: Reply) -> Result<()> {
        let did = &reading.member.did;
        if !reply.is_success() {
            return Err(unavailable(did, &format!("answered with status {}", reply.status)).into());
        }
        let seen = reading.seen.len();
        let (catalog, mut said) = self.new_in(reading, reply).await?;
        let read = reading.reader.page(catalog, self.clock.now());
        let mut read = read.map_err(|cause| unreadable(did, &cause.to_string()))?;
        for (id, why) in &read.passed_over {
            tracing::info!(member = %did, dataset = %id, why, "an entry of a catalogue was passed over");
        }
        let is_small = |entry: &CatalogueEntry| match serde_json::to_vec(entry) {
            Ok(body) => body.len() <= ENTRY_BYTES_MAX,
            Err(_) => false,
        };
        let before = read.entries.len();
        read.entries.retain(is_small);
        reading.passed_over += (read.passed_over.len() + before - read.entries.len()) as u64;
        if !read.passed_over.is_empty() {
            // Whatever was passed over is to be said again the next time.
            said.clear();
        }
        self.keep_entries(reading, &read.entries, &said).await?;
        reading.idle_pages = if reading.seen.len() > seen { 0 } else { reading.idle_pages + 1 };
        Ok(())
    }

    /// What a page says that is not known from a former one by its text, and the digests of the texts it was read
    /// from, by product. What is known is seen.
    async fn new_in(&self, reading: &mut Reading<'_>, reply: Reply) -> Result<(Catalog, Digests)> {
        let member = reading.member;
        let mut said = Digests::new();
        let mut rest = None;
        let skimmed = Skimmed::of(&reply.body);
        if let Some(skimmed) = &skimmed {
            let datasets = skimmed.own_of(&member.did);
            let names = || datasets.iter().map(|dataset| &dataset.product);
            let known = match names().min().zip(names().max()) {
                Some(span) => {
                    let limit = u32::try_from(2 * datasets.len()).unwrap_or(u32::MAX);
                    self.store.read("catalogue.said").await?.entries_said(&member.did, span, limit).await?
                }
                None => Vec::new(),
            };
            let known: HashMap<&ProductName, _> = known.iter().map(|one| (&one.product, one)).collect();
            let mut as_they_were = Vec::new();
            for dataset in datasets {
                let digest = digest_of(member, dataset.text);
                match known.get(&dataset.product).filter(|one| one.said == digest) {
                    Some(one) if reading.reader.take_known(dataset.id, &dataset.product) => {
                        reading.seen.insert(one.number);
                        as_they_were.push(dataset.place);
                    }
                    _ => {
                        said.insert(dataset.product, digest);
                    }
                }
            }
            rest = (!as_they_were.is_empty()).then(|| skimmed.without(&as_they_were));
        }
        let text = rest.as_deref().unwrap_or(&reply.body);
        let catalog = weal_wire::parse(text);
        Ok((catalog.map_err(|cause| unreadable(&member.did, &cause.to_string()))?, said))
    }

    /// Writes what a page says, never keeping more than may be kept: looks that failed have removed nothing, and
    /// what they left gives way to what is there now.
    async fn keep_entries(
        &self,
        reading: &mut Reading<'_>,
        entries: &[CatalogueEntry],
        said: &Digests,
    ) -> Result<()> {
        let did = &reading.member.did;
        let digest = |entry: &CatalogueEntry| {
            said.get(&entry.product).filter(|_| entry.dataset == dataset_id(did, &entry.product)).cloned()
        };
        let most = self.config.limits.catalogue_entries_max;
        let mut rest = entries;
        while !rest.is_empty() {
            let some = rest.get(..WRITTEN_AT_ONCE).unwrap_or(rest);
            let mut tx = self.store.write("catalogue.crawled").await?;
            let digests: Vec<Option<String>> = some.iter().map(digest).collect();
            let room = most.saturating_sub(reading.kept);
            let written = tx.put_entries_said(did, some, &digests, room).await?;
            let mut has_changed = written.changed > 0 || written.said_anew;
            if written.numbers.is_empty() {
                let removed = tx.remove_entries_but(did, &reading.seen, some.len()).await?;
                if removed == 0 {
                    let what =
                        format!("has a catalogue of more than the {most} entries that this node keeps");
                    return Err(unavailable(did, &what).into());
                }
                reading.kept = reading.kept.saturating_sub(removed);
                has_changed = true;
            }
            // What is as it was needs no flush.
            if has_changed {
                tx.commit().await?;
            }
            rest = rest.get(written.numbers.len()..).unwrap_or_default();
            reading.kept += written.added;
            reading.changed += written.changed;
            reading.seen.extend(written.numbers);
        }
        Ok(())
    }

    /// What it did not name is gone; and how fresh the copy is now.
    async fn finish(&self, reading: Reading<'_>, etag: Option<String>) -> Result<u64> {
        let did = &reading.member.did;
        let mut has_changed = reading.changed > 0;
        loop {
            let mut tx = self.store.write("catalogue.gone").await?;
            if tx.remove_entries_but(did, &reading.seen, REMOVED_AT_ONCE).await? == 0 {
                let entries = reading.seen.len() as u64;
                // Where somebody removed meanwhile what was taken for known, the next look reads all of it.
                let is_whole = tx.entries_total(did).await? == entries;
                let etag = etag.filter(|_| is_whole);
                let look = LookRead {
                    title: &reading.member.title,
                    etag: etag.as_deref(),
                    entries,
                    passed_over: reading.passed_over,
                    has_changed,
                };
                let now = self.clock.now();
                tx.peer_read(did, look, now, now + self.interval()?).await?;
                tx.commit().await?;
                return Ok(entries);
            }
            has_changed = true;
            tx.commit().await?;
        }
    }

    async fn nothing_changed(&self, member: &Member) -> Result<u64> {
        let now = self.clock.now();
        let mut tx = self.store.write("catalogue.unchanged").await?;
        tx.peer_unchanged(&member.did, now, now + self.interval()?).await?;
        let entries = tx.entries_total(&member.did).await?;
        tx.commit().await?;
        Ok(entries)
    }

    /// Removes the entries of nodes that the register no longer names. They are shown to nobody meanwhile.
    pub(crate) async fn forget_those_gone(&self) -> Result<()> {
        let peers = self.store.read("catalogue.peers").await?.entry_peers().await?;
        let ecosystem = self.ecosystem();
        for peer in peers.iter().filter(|peer| **peer != self.did && !ecosystem.members.contains_key(*peer)) {
            loop {
                let mut tx = self.store.write("catalogue.forget").await?;
                let removed = tx.remove_entries_but(peer, &BTreeSet::new(), REMOVED_AT_ONCE).await?;
                tx.commit().await?;
                if removed == 0 {
                    break;
                }
            }
        }
        Ok(())
    }

    /// How fresh the copy of each other member's catalogue is.
    pub async fn catalogue_freshness(&self) -> Result<Vec<CatalogueFreshness>> {
        let fresh = self.store.read("catalogue.freshness").await?.peer_freshness().await?;
        let of = |member: &Member| fresh.iter().find(|one| one.peer == member.did).cloned();
        Ok(self.others().iter().map(|member| shown(member, of(member))).collect())
    }

    /// The time to the next look at a catalogue that was read: nodes that began together do not stay together.
    fn interval(&self) -> Result<Duration, Fault> {
        let whole_ms = self.config.network.crawl_interval_s.max(INTERVAL_S_MIN).saturating_mul(1_000);
        let [chance] = self.entropy.bytes::<1>()?;
        Ok(Duration::from_millis(whole_ms / 10 * 9 + whole_ms / 5 * u64::from(chance) / 255))
    }

    /// Doubling, capped, and somewhere in its upper half.
    fn backoff(&self, failures_before: u64) -> Result<Duration, Fault> {
        let whole_ms =
            BACKOFF_FIRST_S.saturating_mul(1 << failures_before.min(20)).min(BACKOFF_MAX_S) * 1_000;
        let [chance] = self.entropy.bytes::<1>()?;
        Ok(Duration::from_millis(whole_ms / 2 + whole_ms / 2 * u64::from(chance) / 255))
    }
}

/// The digests of what entries were read from, by product.
type Digests = HashMap<ProductName, String>;

/// Of a dataset's text, and of all else that its entry is made of.
fn digest_of(member: &Member, text: &[u8]) -> String {
    use sha2::Digest as _;
    let whose = format!("{READ_AS} {} {} {}\n", member.did, member.name, member.title);
    let digest = sha2::Sha256::new().chain_update(whose).chain_update(text).finalize();
    URL_SAFE_NO_PAD.encode(digest)
}

fn shown(member: &Member, fresh: Option<PeerFreshness>) -> CatalogueFreshness {
    let Some(fresh) = fresh else {
        return CatalogueFreshness {
            member: member.name.clone(),
            did: member.did.clone(),
            heard_at: None,
            changed_at: None,
            due_at: None,
            entries: 0,
            passed_over: 0,
            failures: 0,
            failure: None,
        };
    };
    CatalogueFreshness {
        member: member.name.clone(),
        did: member.did.clone(),
        heard_at: fresh.heard_at,
        changed_at: fresh.changed_at,
        due_at: Some(fresh.due_at),
        entries: fresh.entries,
        passed_over: fresh.passed_over,
        failures: fresh.failures,
        failure: fresh.failure,
    }
}

/// What the peer calls its catalogue, where it is a name that can be sent back.
fn etag_in(head: &HeaderMap) -> Option<String> {
    const ETAG_BYTES_MAX: usize = 200;
    let etag = head.get("etag")?.to_str().ok()?;
    (etag.len() <= ETAG_BYTES_MAX).then(|| etag.to_owned())
}

/// The page that follows, as it stands to the one that named it. Whose origin it lies under is looked at before it
/// is asked for.
fn next_page(head: &HeaderMap, url: &str) -> Option<String> {
    let mut links = head.get_all("link").iter().filter_map(|value| value.to_str().ok());
    let next = links.find_map(weal_wire::link::next_in)?;
    Some(url::Url::parse(url).ok()?.join(next).ok()?.to_string())
}

fn unreadable(member: &Did, why: &str) -> Refusal {
    unavailable(member, &format!("sent a catalogue this node cannot read ({why})"))
}
