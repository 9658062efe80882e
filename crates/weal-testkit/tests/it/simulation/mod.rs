//! Real houses on real databases, on a wire that loses, delays and repeats, and that has them die right before or
//! after a message is sent, committed or acknowledged. The rules alone are tried far more often, in `weal-domain`;
//! here everything else is: doors, tokens, transactions, drivers, revocations, transfers. Who dies here is a runtime
//! that is shut down in the middle of things: what it held is dropped in order, as it is not where a process is killed
//! (`cargo xtask crash`).
//!
//! A seed decides what goes wrong and what persons do. The machine's own timing is not in it, so a seed that
//! failed once may need some runs to fail again; its history is printed.
//!
//! ```text
//! SEED=17 cargo test --workspace --test testkit -- simulation --nocapture
//! SEEDS=2000 cargo test --workspace --test testkit -- simulation --nocapture
//! ```

mod judge;
mod lane;
mod proxy;

use std::time::Duration;

use weal_domain::agreements::AgreementStatus;
use weal_domain::catalogue::Mode;
use weal_node::api::{Deed, RequestAgreement};
use weal_testkit::FRAUD;

use crate::restarts::ledgers_match;
use lane::Lane;
use proxy::{Fate, Who};

/// Seeds of one run, and federations that go through them side by side.
const SEEDS: u64 = 200;
const LANES: usize = 6;
/// For everything to come to rest on a good wire.
const SETTLING_MAX: Duration = Duration::from_secs(120);
/// Seeds with the names that were given to them when they were found.
const FOUND: &str = include_str!("found.txt");

/// A small generator (SplitMix64, Steele et al. 2014).
struct Chance(u64);

impl Chance {
    fn below(&mut self, count: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % count
    }
}

/// What a person does, to whatever of the kind there is.
#[derive(Debug, Clone, Copy)]
enum Act {
    Requests,
    Ends(Who),
    Revokes(Who),
    Transfers,
    Decides(Who, u64),
}

#[derive(Debug)]
struct Plan {
    fates: Vec<(usize, Fate)>,
    /// Each after a pause in milliseconds.
    acts: Vec<(u64, Act)>,
    down: Duration,
}

impl Plan {
    fn of(seed: u64) -> Self {
        let mut chance = Chance(seed);
        let mut fates = Vec::new();
        for _ in 0..1 + chance.below(5) {
            let ms = 1 + chance.below(120);
            let fate = match chance.below(9) {
                0 => Fate::Lost,
                1 => Fate::AnswerLost,
                2 => Fate::Late { ms },
                3 => Fate::Twice { ms },
                4 => Fate::Busy,
                5 => Fate::SenderDiesBefore,
                6 => Fate::ReceiverDiesBefore,
                7 => Fate::ReceiverDiesAfter,
                _ => Fate::SenderDiesAfter,
            };
            fates.push((usize::try_from(chance.below(14)).expect("small"), fate));
        }
        let who = |chance: &mut Chance| if chance.below(2) == 0 { Who::Owner } else { Who::Asker };
        let mut acts = vec![(0, Act::Requests)];
        for _ in 0..chance.below(5) {
            let pause_ms = chance.below(200);
            let act = match chance.below(8) {
                0 | 1 => Act::Requests,
                2 => Act::Ends(who(&mut chance)),
                3 => Act::Revokes(who(&mut chance)),
                4 | 5 => Act::Transfers,
                _ => Act::Decides(who(&mut chance), chance.below(4)),
            };
            acts.push((pause_ms, act));
        }
        Self { fates, acts, down: Duration::from_millis(chance.below(60)) }
    }
}

/// Refusals are the other side's business and a death is the point of it: what was done shows at the end.
async fn does(lane: &Lane, act: Act) {
    match act {
        Act::Requests => {
            let request = RequestAgreement {
                product: "revenue.regions".parse().expect("member.product"),
                mode: Mode::Extract,
                purpose: FRAUD.parse().expect("a purpose"),
                legal_basis: None,
                wait_ms: Some(0),
            };
            lane.asker
                .acts(|house, by| async move { house.request_agreement(&by, request).await.is_ok() })
                .await;
        }
        Act::Ends(who) => {
            let ended = lane.node(who).acts(|house, by| async move {
                let open = house.negotiations().await.ok()?.into_iter().find(|one| !is_final(&one.state))?;
                house.end_negotiation(&by, &open.id, "Somebody thought better of it.").await.ok()
            });
            ended.await;
        }
        Act::Revokes(who) => {
            let revoked = lane.node(who).acts(|house, by| async move {
                let held = house.agreements().await.ok()?;
                let held = held.into_iter().find(|one| one.status != AgreementStatus::Pending)?;
                house.revoke(&by, &held.id, "It is over.").await.ok()
            });
            revoked.await;
        }
        Act::Transfers => {
            // It waits for its line, and nobody waits for it.
            let opens = |house: std::sync::Arc<weal_node::House>, _| async move {
                let held = house.agreements().await.ok()?;
                let held = held.into_iter().find(|one| one.status == AgreementStatus::InForce)?;
                tokio::spawn(async move { house.open_line(&held).await.is_ok() });
                Some(())
            };
            lane.asker.acts(opens).await;
        }
        Act::Decides(who, which) => {
            let reason = "A pause.".to_owned();
            let deed = match which {
                0 => Deed::Start,
                1 => Deed::Suspend { reason },
                2 => Deed::Complete,
                _ => Deed::Terminate { reason },
            };
            let decided = lane.node(who).acts(|house, by| async move {
                let open = house.transfers().await.ok()?.into_iter().find(|one| !is_final(&one.state))?;
                house.decide_transfer(&by, &open.id, deed).await.ok()
            });
            decided.await;
        }
    }
}

fn is_final(state: &str) -> bool {
    ["FINALIZED", "TERMINATED", "COMPLETED"].contains(&state)
}

async fn holds(lane: &mut Lane, seed: u64, name: &str) {
    let plan = Plan::of(seed);
    lane.wire.troubled(plan.fates.clone());
    for (pause_ms, act) in &plan.acts {
        lane.passes(Duration::from_millis(*pause_ms), plan.down).await;
        lane.wire.tell(format!("{act:?}"));
        does(lane, *act).await;
    }
    lane.passes(Duration::from_millis(400), plan.down).await;
    lane.wire.healed();
    let began = std::time::Instant::now();
    loop {
        lane.passes(Duration::from_millis(40), plan.down).await;
        let judged = judge::at_rest(lane).await;
        match judged {
            Ok(()) => return,
            Err(why) if began.elapsed() > SETTLING_MAX => {
                panic!("seed {seed} ({name}): {why}\n{plan:#?}\n{}", lane.wire.history());
            }
            Err(_) => {}
        }
    }
}

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().and_then(|text| text.parse().ok())
}

fn found() -> Vec<(String, u64)> {
    let lines = FOUND.lines().filter(|line| !line.starts_with('#') && !line.trim().is_empty());
    let named = lines.map(|line| {
        let (name, seed) = line.split_once(char::is_whitespace).expect("a name and a seed");
        (name.to_owned(), seed.trim().parse().expect("a seed"))
    });
    named.collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn real_nodes_end_alike_whatever_the_wire_does_and_whoever_dies() {
    let mut seeds = found();
    match number("SEED") {
        Some(seed) => seeds = vec![("given by hand".to_owned(), seed)],
        None => seeds.extend((0..number("SEEDS").unwrap_or(SEEDS)).map(|seed| ("new".to_owned(), seed))),
    }
    let began = std::time::Instant::now();
    let count = seeds.len();
    let lanes: Vec<_> = (0..LANES.min(count))
        .map(|nth| {
            let mine: Vec<(String, u64)> = seeds.iter().skip(nth).step_by(LANES).cloned().collect();
            tokio::spawn(async move {
                let mut lane = Lane::open().await;
                for (name, seed) in mine {
                    holds(&mut lane, seed, &name).await;
                }
                let seen = judge::seen(&lane).await;
                let deaths = lane.deaths_so_far;
                let federation = lane.close().await;
                ledgers_match(federation.member("revenue"), federation.member("education")).await;
                (seen, deaths)
            })
        })
        .collect();
    let (mut seen, mut deaths) = (std::collections::BTreeMap::new(), 0);
    for lane in lanes {
        let (of_lane, died) = lane.await.expect("a lane");
        deaths += died;
        for (what, times) in of_lane {
            *seen.entry(what).or_insert(0) += times;
        }
    }
    println!(
        "{count} seeds in {:.1} s, {deaths} deaths, at the owner's: {seen:?}",
        began.elapsed().as_secs_f64()
    );
    if count as u64 >= SEEDS {
        for what in ["negotiation FINALIZED", "negotiation TERMINATED", "transfer STARTED", "revoked"] {
            assert!(seen.get(what).is_some_and(|times| *times > 0), "never seen: {what}: {seen:?}");
        }
        // A busy machine sends fewer messages before the wire is healed, and so fewer are died of.
        assert!(deaths > 20, "{deaths} deaths");
    }
}

/// What waits in a node's outbox is gone, as if nobody had written it.
async fn forgets(lane: &Lane, who: Who) {
    let house = lane.node(who).house().expect("it lives");
    let (now, far) = (house.clock.now(), house.clock.now() + Duration::from_secs(86_400));
    let mut tx = house.store.write("testkit.forget").await.expect("a transaction");
    tx.wake(now).await.expect("the outbox");
    let take = weal_store::Take { jobs_max: 9, jobs_per_peer_max: 9, busy: &[] };
    let jobs: Vec<weal_store::Job<serde_json::Value>> = tx.due(now, far, take).await.expect("the outbox");
    assert!(!jobs.is_empty());
    for job in jobs {
        tx.done(job.id).await.expect("it is forgotten");
    }
    tx.commit().await.expect("it is forgotten");
}

/// The proof that this can fail: what a node might forget is taken from it, and the judge sees that it is gone.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_forgotten_message_and_a_revocation_that_nobody_hears_are_noticed() {
    let nothing_gets_through = || (0..1_000).map(|nth| (nth, Fate::Lost)).collect();
    let mut lane = Lane::open().await;
    lane.wire.troubled(Vec::new());
    does(&lane, Act::Requests).await;
    let began = std::time::Instant::now();
    loop {
        let Err(why) = judge::at_rest(&lane).await else { break };
        assert!(began.elapsed() < SETTLING_MAX, "all should be well: {why}");
        lane.passes(Duration::from_millis(40), Duration::ZERO).await;
    }
    lane.wire.troubled(nothing_gets_through());
    does(&lane, Act::Revokes(Who::Owner)).await;
    forgets(&lane, Who::Owner).await;
    lane.wire.healed();
    lane.passes(Duration::from_secs(1), Duration::ZERO).await;
    let noticed = judge::at_rest(&lane).await.expect_err("an agreement on one side only");
    assert!(noticed.contains("in force on one side only"), "{noticed}");

    lane.wire.troubled(nothing_gets_through());
    does(&lane, Act::Requests).await;
    lane.passes(Duration::from_millis(300), Duration::ZERO).await;
    forgets(&lane, Who::Asker).await;
    lane.wire.healed();
    lane.passes(Duration::from_secs(1), Duration::ZERO).await;
    let noticed = judge::at_rest(&lane).await.expect_err("a forgotten message");
    assert!(noticed.contains("is stuck at REQUESTED"), "{noticed}");
    let open = lane.asker.house().expect("it lives").negotiations().await.expect("negotiations");
    assert!(open.iter().any(|one| one.state == "REQUESTED"), "{open:?}");
}
