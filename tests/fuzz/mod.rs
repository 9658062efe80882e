//! A fuzzer for everything that a stranger may send, on stable Rust: good documents, changed as bytes and as
//! structures, given to the very function that reads them. Floors include this file and list their targets.
//!
//! ```text
//! cargo test --workspace --test wire -- fuzz                                  # a thousand inputs per target
//! FUZZ_SECONDS=60 FUZZ_SEED=7 FUZZ_TARGET=Catalog cargo test --workspace --test wire -- fuzz --nocapture
//! ```
//!
//! An input that failed is kept as a file, by name, in `found/<target>/` beside the floor's tests, and is run first.

mod mutate;

use std::path::Path;
use std::time::{Duration, Instant};

pub(crate) use mutate::{Chance, Kind};

/// Inputs for each target where no time is given.
const ROUNDS: u64 = 1_000;
/// Good time for one input, and for each of its bytes; ten times what a slow machine needs without optimisation.
const TIME_MAX: Duration = Duration::from_millis(500);
const TIME_PER_BYTE: Duration = Duration::from_micros(40);
/// Inputs do not grow beyond this, but for what a target's limits are tried with.
const INPUT_BYTES_MAX: usize = 64 * 1024;

/// One reader of strangers' documents.
pub(crate) struct Target {
    /// As the source calls it: `ContractRequestMessage`, `tiles::parse_bundle`.
    pub(crate) name: &'static str,
    pub(crate) kind: Kind,
    /// Good documents.
    pub(crate) corpus: Vec<Vec<u8>>,
    /// Reads the bytes and checks what must hold of any: what is read is printed and read again as the same.
    /// Whether they were taken for a document.
    pub(crate) check: fn(&[u8]) -> bool,
}

/// How long the targets are tried.
#[derive(Debug, Clone, Copy)]
enum Until {
    Rounds(u64),
    Time(Duration),
}

/// Tries all targets, or what the environment asks for; `found` is where inputs are kept that once failed.
pub(crate) fn try_all(targets: &[Target], found: &Path) {
    let only = std::env::var("FUZZ_TARGET").ok();
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let until = number("FUZZ_SECONDS").map_or(Until::Rounds(ROUNDS), |s| Until::Time(Duration::from_secs(s)));
    let chosen: Vec<&Target> =
        targets.iter().filter(|one| only.as_deref().is_none_or(|name| name == one.name)).collect();
    // None, where the one that was asked for is another floor's.
    if !chosen.is_empty() {
        try_these(&chosen, found, number("FUZZ_SEED").unwrap_or(0), until);
    }
}

/// Whether some input makes this target fail.
#[allow(dead_code, reason = "one floor proves it for all")]
pub(crate) fn fails(target: &Target) -> bool {
    let tried = || try_these(&[target], Path::new("found"), 0, Until::Rounds(ROUNDS));
    std::panic::catch_unwind(std::panic::AssertUnwindSafe(tried)).is_err()
}

fn try_these(targets: &[&Target], found: &Path, seed: u64, until: Until) {
    for target in targets {
        for good in &target.corpus {
            assert!(tried(target, good), "{}: a good document is refused", target.name);
        }
        for bytes in kept(&found.join(target.name)) {
            tried(target, &bytes);
        }
    }
    let began = Instant::now();
    let mut taken = vec![0_u64; targets.len()];
    let mut round = 0;
    while match until {
        Until::Rounds(rounds) => round < rounds,
        Until::Time(time) => began.elapsed() < time,
    } {
        for (target, taken) in targets.iter().zip(&mut taken) {
            let mut chance = Chance::of(seed, target.name, round);
            let input = mutate::mutated(&mut chance, target.kind, &target.corpus, INPUT_BYTES_MAX);
            *taken += u64::from(tried(target, &input));
        }
        round += 1;
    }
    println!("fuzz: {} targets, {round} inputs each, seed {seed}", targets.len());
    for (target, taken) in targets.iter().zip(taken) {
        // A target whose every input is refused at its first byte would try nothing.
        assert!(taken > 0 || round < ROUNDS, "{}: nothing changed is ever taken", target.name);
    }
}

fn kept(folder: &Path) -> Vec<Vec<u8>> {
    let files = std::fs::read_dir(folder).into_iter().flatten().flatten();
    files.filter_map(|file| std::fs::read(file.path()).ok()).collect()
}

/// Whether the input was taken. A panic, a false round trip or too long a time fails, with the shortest such
/// input that cutting finds.
fn tried(target: &Target, input: &[u8]) -> bool {
    match outcome(target, input) {
        Ok(taken) => taken,
        Err(why) => {
            let short = shortest(target, input);
            panic!(
                "{}: {why}\ninput of {} bytes, the shortest that fails has {}:\n{}\n\
                 keep it as a file in found/{}/",
                target.name,
                input.len(),
                short.len(),
                short.escape_ascii(),
                target.name
            )
        }
    }
}

fn outcome(target: &Target, input: &[u8]) -> Result<bool, String> {
    let time_max = TIME_MAX + TIME_PER_BYTE * u32::try_from(input.len()).unwrap_or(u32::MAX);
    // Other programs may have had the processor: what is slow must be slow again.
    for _ in 0..3 {
        let began = Instant::now();
        let read = std::panic::catch_unwind(|| (target.check)(input));
        match read {
            Err(panic) => return Err(words_of(panic.as_ref())),
            Ok(taken) if began.elapsed() <= time_max => return Ok(taken),
            Ok(_) => {}
        }
    }
    Err(format!("longer than {time_max:?} for {} bytes", input.len()))
}

fn words_of(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().cloned();
    text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned())).unwrap_or_default()
}

/// Cuts pieces out, large ones first, as long as it still fails.
fn shortest(target: &Target, input: &[u8]) -> Vec<u8> {
    let hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(|_| ()));
    let (mut short, began) = (input.to_vec(), Instant::now());
    let mut piece = short.len() / 2;
    while piece > 0 && began.elapsed() < Duration::from_secs(20) {
        let mut at = 0;
        while at < short.len() {
            let end = (at + piece).min(short.len());
            let less = [&short[..at], &short[end..]].concat();
            if outcome(target, &less).is_err() {
                short = less;
            } else {
                at = end;
            }
        }
        piece /= 2;
    }
    std::panic::set_hook(hook);
    short
}

/// The names that a floor's source gives its readers, to be compared with its targets: every `impl Message for`,
/// every message of a `message_fields!` list, and every public function whose name begins with one of `verbs`.
pub(crate) fn readers(source: &Path, verbs: &[&str]) -> Vec<String> {
    let mut names = Vec::new();
    let mut folders = vec![source.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).expect("a folder of the source").flatten() {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|ending| ending == "rs") {
                let text = std::fs::read_to_string(&path).expect("a file of the source");
                let stem =
                    path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
                names.extend(readers_in(&text, &stem, verbs));
            }
        }
    }
    names.sort();
    names.dedup();
    names
}

fn readers_in(text: &str, module: &str, verbs: &[&str]) -> Vec<String> {
    let mut names = Vec::new();
    let mut in_list = false;
    let word = |text: &str| text.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect::<String>();
    for line in text.lines() {
        match line {
            "message_fields! {" => in_list = true,
            "}" => in_list = false,
            _ => {}
        }
        if let Some((_, rest)) = line.split_once("Message for ") {
            let name = word(rest);
            if line.starts_with("impl") && !name.is_empty() {
                names.push(name);
            }
        }
        if in_list && line.starts_with("    ") && line.ends_with(" {") && !line.starts_with("     ") {
            names.push(word(line.trim()));
        }
        if let Some(rest) = line.trim_start().strip_prefix("pub fn ") {
            let name = word(rest);
            if verbs.iter().any(|verb| name.starts_with(verb) || name.ends_with(verb)) {
                names.push(format!("{module}::{name}"));
            }
        }
    }
    names
}
