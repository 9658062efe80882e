//! `cargo xtask crash`: many negotiations between real processes, either of which is killed (`SIGKILL`) at random
//! moments all the while. Afterwards every negotiation is final on both sides, both ledgers hold the same
//! agreements, and `weal verify` finds nothing wrong.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::api::Api;
use crate::bench::{Node, PURPOSE, Place, federate, publish_first, run, unlimited};

const NEGOTIATIONS: usize = 1_000;
/// Requests under way at once.
const WORKERS: usize = 24;
/// At least so many deaths, however fast the negotiations go.
const KILLS_MIN: usize = 30;
/// Between two deaths.
const LIFE_MS: std::ops::Range<u64> = 100..1_500;
/// For everything to become final when nobody dies any more: all go on side by side, and on a busy machine slowly.
const SETTLING_MAX: Duration = Duration::from_secs(1_800);
/// For one request to get through to a node that comes and goes.
const REQUESTING_MAX: Duration = Duration::from_secs(300);

pub(crate) fn run_crash(root: &Path, arguments: &[&str]) -> Result<String, String> {
    let mut wish = Wish::read(root, arguments)?;
    if wish.weal.is_empty() {
        // What lies in the target folder may be of another day.
        wish.weal = crate::build_weal(root)?.display().to_string();
    }
    let place = Place::make()?;
    let mut governing = Node::make(&wish.weal, &place.0, "council", &["--governs"])?;
    let mut owner = Node::make(&wish.weal, &place.0, "revenue", &[])?;
    let mut asker = Node::make(&wish.weal, &place.0, "welfare", &[])?;
    for node in [&mut owner, &mut asker] {
        unlimited(node)?;
        node.start()?;
    }
    governing.start()?;
    federate(&wish.weal, &governing, &[&owner, &asker])?;
    publish_first(&wish.weal, &owner, &place.0)?;
    asker.api()?.post("/catalogue/refresh", &json!(null))?;
    println!("seed {}", wish.seed);
    let began = Instant::now();
    let (known, kills) = negotiate_and_kill(&wish, &mut owner, &mut asker)?;
    let requested = began.elapsed();
    let made = until_all_is_final(&wish.weal, &place.0, &owner, &asker, &known)?;
    if made < wish.negotiations {
        return Err(format!("{made} agreements of {} requested", wish.negotiations));
    }
    Ok(format!(
        "crash: {made} negotiations are final on both sides and the ledgers match, after {kills} deaths \
         ({:.0} s with deaths, {:.0} s in all)",
        requested.as_secs_f64(),
        began.elapsed().as_secs_f64()
    ))
}

struct Wish {
    /// Empty where none is named.
    weal: String,
    negotiations: usize,
    seed: u64,
}

impl Wish {
    fn read(root: &Path, arguments: &[&str]) -> Result<Self, String> {
        let nanos = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        let seed = nanos.map_or(1, |time| u64::from(time.subsec_nanos()));
        let mut wish = Self { weal: String::new(), negotiations: NEGOTIATIONS, seed };
        let mut rest = arguments.iter();
        while let Some(option) = rest.next() {
            let value = rest.next().ok_or_else(|| format!("{option} needs a value\n{}", crate::USAGE))?;
            let number = || value.parse().map_err(|_| format!("{option} needs a number\n{}", crate::USAGE));
            match *option {
                // Commands run in other folders, so the path is made whole.
                "--weal" => wish.weal = root.join(value).display().to_string(),
                "--negotiations" => wish.negotiations = usize::try_from(number()?).unwrap_or(usize::MAX),
                "--seed" => wish.seed = number()?,
                _ => return Err(crate::USAGE.to_owned()),
            }
        }
        Ok(wish)
    }
}

/// Moments that differ from run to run, and are the same for the same seed.
struct Moments(u64);

impl Moments {
    fn next(&mut self, range: std::ops::Range<u64>) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        range.start + (self.0 >> 33) % (range.end - range.start)
    }
}

/// The asker's identifiers of all that was begun, and how often somebody died.
fn negotiate_and_kill(
    wish: &Wish,
    owner: &mut Node,
    asker: &mut Node,
) -> Result<(BTreeSet<String>, usize), String> {
    let done = AtomicUsize::new(0);
    let known = Mutex::new(BTreeSet::new());
    let add = |ids: Vec<String>| known.lock().unwrap_or_else(PoisonError::into_inner).extend(ids);
    let mut apis = Vec::new();
    for _ in 0..WORKERS {
        apis.push(asker.api()?);
    }
    let kills = std::thread::scope(|scope| {
        let workers: Vec<_> = apis
            .into_iter()
            .map(|mut api| {
                let (done, add) = (&done, &add);
                scope.spawn(move || request_until(&mut api, done, wish.negotiations, add))
            })
            .collect();
        let kills = kill_until(wish, owner, asker, &done, &add);
        // What the workers may not wait for any more, where nobody starts the nodes again.
        if kills.is_err() {
            done.store(wish.negotiations, Ordering::SeqCst);
        }
        for worker in workers {
            worker.join().map_err(|_| "a worker broke down".to_owned())??;
        }
        kills
    })?;
    Ok((known.into_inner().unwrap_or_else(PoisonError::into_inner), kills))
}

fn request_until(
    api: &mut Api,
    done: &AtomicUsize,
    enough: usize,
    add: &impl Fn(Vec<String>),
) -> Result<(), String> {
    let wanted = json!({"product": {"member": "revenue", "product": "incomes"}, "mode": "extract",
                        "purpose": PURPOSE, "wait_ms": 250});
    let mut last = Instant::now();
    while done.load(Ordering::SeqCst) < enough {
        match api.post("/requests", &wanted) {
            Ok(answer) => {
                last = Instant::now();
                done.fetch_add(1, Ordering::SeqCst);
                add(vec![text(&answer["negotiation"], "id")?]);
            }
            // It answered, and not as it should.
            Err(why) if why.starts_with("POST /requests") => return Err(why),
            Err(_) if last.elapsed() < REQUESTING_MAX => std::thread::sleep(Duration::from_millis(20)),
            Err(why) => return Err(why),
        }
    }
    Ok(())
}

fn kill_until(
    wish: &Wish,
    owner: &mut Node,
    asker: &mut Node,
    done: &AtomicUsize,
    add: &impl Fn(Vec<String>),
) -> Result<usize, String> {
    let mut moments = Moments(wish.seed);
    let mut kills = 0;
    while done.load(Ordering::SeqCst) < wish.negotiations || kills < KILLS_MIN {
        std::thread::sleep(Duration::from_millis(moments.next(LIFE_MS)));
        let (is_owner, both) = (moments.next(0..2) == 0, moments.next(0..8) == 0);
        for (node, dies) in [(&mut *owner, is_owner || both), (&mut *asker, !is_owner || both)] {
            if dies {
                node.kill();
                kills += 1;
            }
        }
        for (node, died) in [(&mut *owner, is_owner || both), (&mut *asker, !is_owner || both)] {
            if died {
                node.start()?;
            }
        }
        if !is_owner || both {
            // Requests whose answer was lost with the process.
            add(ids(&asker.api()?.get("/negotiations")?)?);
        }
    }
    Ok(kills)
}

/// How many agreements both sides hold, once every negotiation that either knows of is FINALIZED.
fn until_all_is_final(
    weal: &str,
    place: &Path,
    owner: &Node,
    asker: &Node,
    known: &BTreeSet<String>,
) -> Result<usize, String> {
    let began = Instant::now();
    let mut open: Vec<String> = known.iter().cloned().collect();
    let mut api = asker.api()?;
    loop {
        let mut left = Vec::new();
        for id in open {
            let shown = api.get(&format!("/negotiations/{id}"))?;
            if shown["state"] != "FINALIZED" {
                left.push(id);
            }
        }
        open = left;
        let matched =
            if open.is_empty() { ledgers(weal, place, owner, asker, known) } else { Err(String::new()) };
        match matched {
            Ok(made) => return Ok(made),
            Err(why) if began.elapsed() > SETTLING_MAX => {
                return Err(format!("{} negotiations are not final. {why}", open.len()));
            }
            Err(_) => std::thread::sleep(Duration::from_millis(500)),
        }
    }
}

/// What one ledger says of negotiations and agreements.
struct Story {
    /// The last state of each negotiation.
    states: BTreeMap<String, String>,
    agreements: BTreeSet<String>,
}

/// Both ledgers exported, verified with `weal verify`, and compared.
fn ledgers(
    weal: &str,
    place: &Path,
    owner: &Node,
    asker: &Node,
    known: &BTreeSet<String>,
) -> Result<usize, String> {
    let mut stories = Vec::new();
    let mut folders = Vec::new();
    for (node, name) in [(owner, "of-owner"), (asker, "of-asker")] {
        let folder = place.join(name);
        // An earlier look may have left one.
        let _ = std::fs::remove_dir_all(&folder);
        let (to, of) = (folder.display().to_string(), node.folder.display().to_string());
        run(weal, &["ledger", "export", &to, "--node", &of])?;
        stories.push(story(&folder)?);
        folders.push(to);
    }
    let [ours, theirs] = &stories[..] else { return Err("two ledgers".to_owned()) };
    for story in &stories {
        if let Some((id, state)) = story.states.iter().find(|(_, state)| *state != "FINALIZED") {
            return Err(format!("{id} stands at {state}"));
        }
        if story.states.len() != story.agreements.len() {
            return Err(format!(
                "{} negotiations, {} agreements",
                story.states.len(),
                story.agreements.len()
            ));
        }
    }
    if let Some(id) = known.iter().find(|id| !theirs.states.contains_key(*id)) {
        return Err(format!("{id} was begun and is not in the ledger"));
    }
    if ours.agreements != theirs.agreements {
        let one_sided = ours.agreements.symmetric_difference(&theirs.agreements).count();
        return Err(format!("{one_sided} agreements stand in one ledger only"));
    }
    run(weal, &["verify", &folders[0], &folders[1]])?;
    Ok(ours.agreements.len())
}

fn story(folder: &Path) -> Result<Story, String> {
    let mut story = Story { states: BTreeMap::new(), agreements: BTreeSet::new() };
    for line in crate::read(&folder.join("entries.ndjson"))?.lines() {
        let entry: Value = serde_json::from_str(line).map_err(|cause| format!("an entry: {cause}"))?;
        let body: Value =
            serde_json::from_str(&text(&entry, "body")?).map_err(|cause| format!("an entry: {cause}"))?;
        let fact = &body["fact"];
        match fact["kind"].as_str() {
            Some("negotiation_moved") => {
                story.states.insert(text(fact, "negotiation")?, text(fact, "state")?);
            }
            Some("agreement_made") if !story.agreements.insert(text(fact, "agreement")?) => {
                return Err(format!("an agreement was made twice: {fact}"));
            }
            _ => {}
        }
    }
    Ok(story)
}

fn ids(shown: &Value) -> Result<Vec<String>, String> {
    shown.as_array().into_iter().flatten().map(|one| text(one, "id")).collect()
}

fn text(of: &Value, member: &str) -> Result<String, String> {
    of[member].as_str().map(str::to_owned).ok_or_else(|| format!("no {member} in {of}"))
}
