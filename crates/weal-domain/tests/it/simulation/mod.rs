//! Both machines of every negotiation and transfer on a network that drops, delays, repeats and reorders, between
//! nodes that die at every point where dying matters. One seed is one history; time is virtual, and everything
//! is the same again when a seed is run again. What is not in it: an outbox that gives a message up after its last
//! attempt (here it tries until it gets through), and revocations, which `weal-testkit` tries among real nodes.
//!
//! ```text
//! cargo test --workspace --test domain -- simulation                        # the seeds that were found, then 20,000
//! SEED=4711 cargo test --workspace --test domain -- simulation::one_seed --nocapture
//! SEEDS=1000000 cargo test --workspace --test domain -- simulation::both --nocapture
//! ```
//!
//! A seed that failed is kept, by name, in `found.txt` beside this file, and is run first.

mod judge;
mod node;
mod persons;
mod plan;
mod process;
mod world;

use std::sync::atomic::{AtomicBool, Ordering};

use weal_domain::agreements::Side;

use node::Mistake;
use plan::{Deed, Part, Plan};
use world::run;

/// Seeds of one run.
const SEEDS: u64 = 20_000;
/// A planted mistake is noticed within so many.
const SEEDS_TO_NOTICE: u64 = 400;
/// Seeds with the names that were given to them when they were found.
const FOUND: &str = include_str!("found.txt");

fn found() -> impl Iterator<Item = (&'static str, u64)> {
    let lines = FOUND.lines().filter(|line| !line.starts_with('#') && !line.trim().is_empty());
    lines.map(|line| {
        let (name, seed) = line.split_once(char::is_whitespace).expect("a name and a seed");
        (name, seed.trim().parse().expect("a seed"))
    })
}

/// Fails with the seed, what is wrong, and the shortest history that shows it.
fn holds(plan: &Plan, name: &str) {
    let Err(broken) = run(plan, None, false) else { return };
    let shortest = plan.shortest(|plan| run(plan, None, false).is_err());
    let told = run(&shortest, None, true).expect_err("the shortest plan fails too");
    panic!(
        "seed {} ({name}): {}\nthe shortest that fails: {}\n{shortest:#?}\n{}",
        plan.seed,
        broken.what,
        told.what,
        told.history.join("\n")
    );
}

/// Runs `check` for every seed, on as many threads as there are processors.
fn for_seeds(seeds: std::ops::Range<u64>, check: impl Fn(u64) + Sync) {
    let threads = std::thread::available_parallelism().map_or(1, usize::from) as u64;
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for thread in 0..threads {
            let (seeds, check, stop) = (seeds.clone(), &check, &stop);
            scope.spawn(move || {
                for seed in seeds.filter(|seed| seed % threads == thread) {
                    if stop.load(Ordering::Relaxed) {
                        return;
                    }
                    let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| check(seed)));
                    if let Err(panic) = outcome {
                        stop.store(true, Ordering::Relaxed);
                        std::panic::resume_unwind(panic);
                    }
                }
            });
        }
    });
}

#[test]
fn both_sides_end_alike_whatever_the_network_does_and_whoever_dies() {
    for (name, seed) in found() {
        holds(&Plan::of(seed), name);
    }
    let began = std::time::Instant::now();
    let seeds = number("SEEDS").unwrap_or(SEEDS);
    for_seeds(0..seeds, |seed| holds(&Plan::of(seed), "new"));
    println!("{seeds} seeds in {:.1} s", began.elapsed().as_secs_f64());
}

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().and_then(|text| text.parse().ok())
}

/// For looking into a seed: `SEED=4711`.
#[test]
fn one_seed() {
    let Some(seed) = number("SEED") else { return };
    holds(&Plan::of(seed), "given by hand");
    println!("seed {seed} holds");
}

/// A negotiation and a transfer in which nothing goes wrong but what `parts` say.
fn plain(parts: impl IntoIterator<Item = Part>) -> Plan {
    let begins = Part::Person { by: Side::Consumer, at_ms: 0, deed: Deed::Begins };
    let transfers = Part::Person { by: Side::Consumer, at_ms: 5_000, deed: Deed::Transfers };
    Plan { seed: 0, by_rule: true, parts: [begins, transfers].into_iter().chain(parts).collect() }
}

#[test]
fn every_pair_of_commit_points_may_be_where_the_nodes_die() {
    let passages = run(&plain([]), None, false).expect("nothing goes wrong");
    let crashes: Vec<Part> = [Side::Consumer, Side::Provider]
        .into_iter()
        .zip(passages)
        .flat_map(|(node, passages)| {
            (0..passages + 4).map(move |passage| Part::Crash { node, passage, down_ms: 200 })
        })
        .collect();
    assert!(crashes.len() > 80, "{} points", crashes.len());
    for_seeds(0..crashes.len() as u64, |first| {
        let first = usize::try_from(first).expect("an index");
        for second in first..crashes.len() {
            holds(&plain([crashes[first], crashes[second]]), "two crashes");
        }
    });
}

/// The proof that all this can fail.
#[test]
fn every_planted_mistake_is_noticed() {
    for mistake in Mistake::ALL {
        let seed = (0..SEEDS_TO_NOTICE).find(|seed| run(&Plan::of(*seed), Some(mistake), false).is_err());
        let seed = seed.unwrap_or_else(|| panic!("{mistake:?} stays unnoticed in {SEEDS_TO_NOTICE} seeds"));
        let shortest = Plan::of(seed).shortest(|plan| run(plan, Some(mistake), false).is_err());
        let broken = run(&shortest, Some(mistake), true).expect_err("the shortest plan fails too");
        println!(
            "{mistake:?}: seed {seed}, {} parts, {} lines: {}",
            shortest.parts.len(),
            broken.history.len(),
            broken.what
        );
        assert!(shortest.parts.len() <= 6, "{mistake:?} is not made short: {shortest:#?}");
    }
}
