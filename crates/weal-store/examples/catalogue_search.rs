//! How large the catalogue's index is, what a change of it costs and how long a search takes: run by
//! `cargo xtask bench catalogue`, which prints what this prints. The first argument is how many entries.

use std::time::{Duration, Instant};

use sqlx::{AnyConnection, Connection as _, Row as _};
use weal_domain::Timestamp;
use weal_domain::catalogue::{CatalogueEntry, Known, Query, Slice};
use weal_domain::identity::Did;
use weal_store::{OpenOptions, Store, sqlite_url};

type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

const ENTRIES_DEFAULT: u32 = 1_000_000;
const ENTRIES_PER_MEMBER: u32 = 5_000;
const WORDS: u32 = 50_000;
const QUERIES: u32 = 200;
const CHANGED: u32 = 10_000;
/// As the crawler writes them.
const WRITTEN_AT_ONCE: usize = 500;
const SCANS: u32 = 5;

/// Marsaglia's xorshift: the same catalogue every time.
struct Chance(u64);

impl Chance {
    fn below(&mut self, end: u32) -> u32 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        u32::try_from(self.0 % u64::from(end)).unwrap_or(0)
    }

    /// A word, the frequent ones as frequent as in prose: Zipf's law, drawn as the inverse of a uniform number.
    fn word(&mut self) -> String {
        let uniform = f64::from(self.below(1_000_000) + 1) / 1_000_000.0;
        let rank = (f64::from(WORDS).powf(uniform) - 1.0).round();
        spelt(rank as u32)
    }

    fn words(&mut self, count: u32) -> String {
        (0..count).map(|_| self.word()).collect::<Vec<_>>().join(" ")
    }
}

/// The word of a rank: syllables, so that words begin alike as those of languages do.
fn spelt(rank: u32) -> String {
    const CONSONANTS: &[u8] = b"bcdfghklmnprstvz";
    const VOWELS: &[u8] = b"aeiou";
    let mut left = rank.wrapping_mul(2_654_435_761) % 1_000_003 + 5_000;
    let mut word = String::new();
    while left > 0 {
        word.push(char::from(CONSONANTS[(left % 16) as usize]));
        left /= 16;
        word.push(char::from(VOWELS[(left % 5) as usize]));
        left /= 5;
    }
    word
}

fn member(place: u32) -> (Did, String) {
    let name = format!("agency{place}");
    (format!("did:web:{name}.example").parse().expect("a did:web"), name)
}

fn entry(number: u32, salt: u64) -> Outcome<CatalogueEntry> {
    let mut chance = Chance(u64::from(number) * 2_654_435_761 + 88_172_645_463_325_252 + salt);
    let (did, name) = member(number / ENTRIES_PER_MEMBER);
    let product = format!("p{number}_{}", chance.word());
    let modes = ["metadata", "statistics", "lookup", "extract"];
    let purposes = ["ScientificResearch", "FraudPreventionAndDetection", "ServiceProvision"];
    let offers: Vec<serde_json::Value> = (0..=chance.below(2))
        .map(|place| {
            serde_json::json!({
                "id": format!("urn:uuid:{number}-{place}"), "product": product,
                "mode": modes[chance.below(4) as usize], "withdrawn_at": null,
                "terms": {
                    "purposes": [format!("https://w3id.org/dpv#{}", purposes[chance.below(3) as usize])],
                    "legal_bases": ["https://w3id.org/dpv/legal/eu/gdpr#A6-1-e"],
                    "service_level": "Answered on working days.", "liability": "Each its own.",
                    "licence": "CC-BY-4.0", "retention_days": 30, "disposal": "delete",
                    "approval": "automatic"
                }
            })
        })
        .collect();
    let columns: Vec<serde_json::Value> = (0..8)
        .map(|_| serde_json::json!({"name": chance.word(), "kind": "text", "nullable": true, "identifying": "no"}))
        .collect();
    let classes = ["open", "internal", "personal", "sensitive"];
    let (in_title, in_description) = (3 + chance.below(5), 15 + chance.below(20));
    let (title, description) = (chance.words(in_title), chance.words(in_description));
    let keywords = [chance.word(), chance.word(), chance.word()];
    Ok(serde_json::from_value(serde_json::json!({
        "member": name, "member_title": format!("Agency {name}"), "did": did,
        "dataset": format!("{did}#{product}"), "product": product, "version": 1,
        "title": title, "description": description, "keywords": keywords,
        "classification": classes[chance.below(4) as usize],
        "columns": columns, "offers": offers, "fetched_at": Timestamp::UNIX_EPOCH,
    }))?)
}

async fn write(store: &Store, place: u32, entries: &[CatalogueEntry], at_once: usize) -> Outcome<u64> {
    let mut changed = 0;
    let mut rest = entries;
    while !rest.is_empty() {
        let some = rest.get(..at_once).unwrap_or(rest);
        let mut tx = store.write("bench.write").await?;
        let written = tx.put_entries(&member(place).0, some, usize::MAX).await?;
        tx.commit().await?;
        changed += written.changed;
        rest = rest.get(written.numbers.len()..).unwrap_or_default();
    }
    Ok(changed)
}

async fn search(store: &Store, known: &[Known], query: &Query) -> Outcome<(Duration, u64)> {
    let began = Instant::now();
    let mut tx = store.read("bench.search").await?;
    let hits = tx.find(query, known, &[], Slice { after: None, skip: 0, take: 20 }).await?;
    for hit in &hits.found {
        tx.entry_numbered(hit.number).await?.ok_or("a find without an entry")?;
    }
    Ok((began.elapsed(), hits.total))
}

fn text(text: String) -> Query {
    Query { text, ..Query::default() }
}

/// What people type: words of a title, their beginnings, a slip, frequent words, filters, nothing.
fn queries(kind: &str, number: u32, chance: &mut Chance) -> Outcome<Query> {
    let title = entry(number, 0)?.title;
    let words: Vec<&str> = title.split(' ').collect();
    let first = words.first().copied().unwrap_or_default();
    Ok(match kind {
        "two words of a title" => text(words.iter().take(2).copied().collect::<Vec<_>>().join(" ")),
        "four letters of a word" => text(first.chars().take(4).collect()),
        "two letters of a word" => text(first.chars().take(2).collect()),
        "a word with a slip" => {
            let mut letters: Vec<char> = first.chars().collect();
            letters.swap(2, 3);
            text(letters.into_iter().collect())
        }
        "the most frequent words" => text(format!("{} {}", spelt(chance.below(8)), spelt(chance.below(8)))),
        "a word and two filters" => Query {
            text: first.to_owned(),
            mode: "extract".parse().ok(),
            classification: Some(weal_domain::catalogue::Classification::Open),
            ..Query::default()
        },
        _ => Query::default(),
    })
}

fn percentile(sorted: &[Duration], part: f64) -> f64 {
    let place = ((sorted.len() as f64 - 1.0) * part).round() as usize;
    sorted.get(place).map_or(0.0, |took| took.as_secs_f64() * 1_000.0)
}

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() -> Outcome<()> {
    let entries_max: u32 = std::env::args().nth(1).map_or(Ok(ENTRIES_DEFAULT), |text| text.parse())?;
    let folder = tempfile::tempdir()?;
    let url = sqlite_url(&folder.path().join("node.db"));
    let store = Store::open(&url, OpenOptions::default()).await?;
    let members = entries_max.div_ceil(ENTRIES_PER_MEMBER);
    let began = Instant::now();
    for place in 0..members {
        let numbers = place * ENTRIES_PER_MEMBER..((place + 1) * ENTRIES_PER_MEMBER).min(entries_max);
        let entries = numbers.map(|number| entry(number, 0)).collect::<Outcome<Vec<_>>>()?;
        write(&store, place, &entries, ENTRIES_PER_MEMBER as usize).await?;
        if place % 20 == 19 {
            eprintln!("{} entries after {:?}", (place + 1) * ENTRIES_PER_MEMBER, began.elapsed());
        }
    }
    let loaded_s = began.elapsed().as_secs_f64();

    let known: Vec<Known> = (0..members)
        .map(|place| {
            let (did, name) = member(place);
            Ok(Known { did, name: name.parse()? })
        })
        .collect::<Outcome<_>>()?;
    let mut chance = Chance(7);
    let (mut kinds, mut all) = (Vec::new(), Vec::new());
    for kind in [
        "two words of a title",
        "four letters of a word",
        "two letters of a word",
        "a word with a slip",
        "a word and two filters",
        "the most frequent words",
        "nothing (everything)",
    ] {
        let (mut took, mut found) = (Vec::new(), 0);
        for _ in 0..QUERIES {
            let query = queries(kind, chance.below(entries_max), &mut chance)?;
            let (one, total) = search(&store, &known, &query).await?;
            took.push(one);
            found += total;
        }
        all.extend(took.clone());
        took.sort();
        kinds.push(serde_json::json!({
            "kind": kind, "median_ms": percentile(&took, 0.5), "p99_ms": percentile(&took, 0.99),
            "found_mean": found / u64::from(QUERIES),
        }));
    }
    all.sort();

    let unchanged_s = rewrite(&store, members, 0).await?;
    let changed_s = rewrite(&store, members, 1).await?;

    store.close().await;
    let sizes = sizes(&url).await?;
    let scan_ms = scan(&url).await?;
    println!(
        "{}",
        serde_json::json!({
            "entries": entries_max, "members": members, "loaded_s": loaded_s, "sizes": sizes,
            "kinds": kinds, "median_ms": percentile(&all, 0.5), "p99_ms": percentile(&all, 0.99),
            "unchanged_s": unchanged_s, "changed_s": changed_s, "changed": CHANGED,
            "scan_ms": scan_ms,
        })
    );
    Ok(())
}

/// Writes entries again, as the crawler does, with other titles and descriptions unless `salt` is nothing; how
/// many seconds it took. Their members are spread over the whole index.
async fn rewrite(store: &Store, members: u32, salt: u64) -> Outcome<f64> {
    let rewritten = CHANGED.div_ceil(ENTRIES_PER_MEMBER).min(members);
    let mut took = Duration::ZERO;
    for place in (0..rewritten).map(|place| place * (members / rewritten)) {
        let mut entries = Vec::new();
        for number in place * ENTRIES_PER_MEMBER..(place + 1) * ENTRIES_PER_MEMBER {
            let (mut one, other) = (entry(number, 0)?, entry(number, salt)?);
            (one.title, one.description) = (other.title, other.description);
            entries.push(one);
        }
        let began = Instant::now();
        let changed = write(store, place, &entries, WRITTEN_AT_ONCE).await?;
        took += began.elapsed();
        if (changed > 0) != (salt > 0) {
            return Err(format!("{changed} of these entries were written").into());
        }
    }
    Ok(took.as_secs_f64())
}

/// Bytes of entries and of the index.
async fn sizes(url: &str) -> Outcome<serde_json::Value> {
    let mut connection = AnyConnection::connect(url).await?;
    let rows = sqlx::query(
        "SELECT name, SUM(pgsize) AS bytes FROM dbstat WHERE name LIKE '%entry%' OR name LIKE '%posting%'
             OR name LIKE '%word%' GROUP BY name",
    )
    .fetch_all(&mut connection)
    .await?;
    let (mut entries, mut index) = (0_i64, 0_i64);
    for row in rows {
        let (name, bytes): (String, i64) = (row.try_get("name")?, row.try_get("bytes")?);
        *if name.contains("entry") { &mut entries } else { &mut index } += bytes;
    }
    Ok(serde_json::json!({"entries_bytes": entries, "index_bytes": index}))
}

/// What finding one word costs without an index: every entry is read.
async fn scan(url: &str) -> Outcome<f64> {
    let mut connection = AnyConnection::connect(url).await?;
    let mut took = Vec::new();
    for rank in 0..SCANS {
        let began = Instant::now();
        sqlx::query("SELECT COUNT(*) AS found FROM entry WHERE body LIKE $1")
            .bind(format!("%{}%", spelt(rank * 100)))
            .fetch_one(&mut connection)
            .await?;
        took.push(began.elapsed());
    }
    took.sort();
    Ok(percentile(&took, 0.5))
}
