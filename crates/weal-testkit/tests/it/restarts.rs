//! A node that is killed or stopped in the middle, many times: nothing is lost, nothing is paid twice too
//! little, and both ledgers tell the same story.

use std::ffi::OsString;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use reqwest::Method;
use tokio::process::{Child, Command};
use weal_domain::agreements::{Negotiation, NegotiationState, Side};
use weal_domain::catalogue::Mode;
use weal_node::api::RequestAgreement;
use weal_testkit::{FRAUD, Federation, MemberNode, open_terms, statistics_terms, wire};

use crate::asking::local;
use crate::main_job::payroll;

/// Names the folder that a copy of this test binary serves.
const SERVES: &str = "TESTKIT_SERVES";
/// A copy that nobody kills ends by itself.
const SERVES_SECONDS_MAX: u64 = 120;
const NEGOTIATIONS: usize = 50;
const QUESTIONS: usize = 50;
const KILLS: usize = 8;

/// Not a test of anything: the process that the tests here kill.
#[test]
fn serves_until_it_is_killed() {
    let Some(folder) = std::env::var_os(SERVES) else { return };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let served = runtime.expect("a runtime").block_on(async {
        let stop = tokio::time::sleep(Duration::from_secs(SERVES_SECONDS_MAX));
        weal_node::serve(folder.into(), stop).await
    });
    served.expect("it serves");
}

fn serve_in_a_process(folder: OsString) -> Child {
    Command::new(std::env::current_exe().expect("this binary"))
        .args(["restarts::serves_until_it_is_killed", "--exact", "--nocapture"])
        .env(SERVES, folder)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .expect("a process")
}

pub(crate) async fn until_it_answers(origin: &str) {
    let began = Instant::now();
    let url = format!("{origin}/.well-known/did.json");
    while wire::try_send(Method::GET, &url, None, &[], "").await.is_err() {
        assert!(began.elapsed() < Duration::from_secs(60), "the node does not come up");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// Moments that differ from run to run; the seed is printed, so that a failure can be looked into.
struct Moments(u64);

impl Moments {
    fn new() -> Self {
        let nanos =
            std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("a clock").as_nanos();
        let seed = u64::try_from(nanos % u128::from(u64::MAX)).expect("it fits");
        println!("moments of the kills: seed {seed}");
        Self(seed)
    }
    fn next(&mut self, from_ms: u64, to_ms: u64) -> Duration {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        Duration::from_millis(from_ms + (self.0 >> 33) % (to_ms - from_ms))
    }
}

/// Kills the node's process and stops the node in turns, at random moments, until `done`; then both
/// members are started again.
async fn trouble(federation: &mut Federation, victim: &str, done: &AtomicUsize, enough: usize) {
    let mut moments = Moments::new();
    federation.member_mut(victim).stops().await;
    let mut round = 0;
    while round < KILLS || (done.load(Ordering::SeqCst) < enough && round < 4 * KILLS) {
        let node = federation.member_mut(victim);
        if round % 3 == 2 {
            node.starts().await;
            tokio::time::sleep(moments.next(5, 300)).await;
            node.stops().await;
        } else {
            let mut child = serve_in_a_process(node.folder.path().as_os_str().to_owned());
            until_it_answers(&node.origin()).await;
            tokio::time::sleep(moments.next(5, 300)).await;
            // SIGKILL: no destructor runs, nothing is flushed.
            child.kill().await.expect("it is killed");
        }
        round += 1;
    }
    let names = ["revenue", "education"];
    for name in names {
        federation.member_mut(name).stops().await;
    }
    for name in names {
        federation.member_mut(name).starts().await;
    }
}

/// Stands in a body for the number of the request.
const NTH: &str = "@NTH";

/// How long a busy machine may need for them.
const POSTING_MAX: Duration = Duration::from_secs(240);

/// Asks `asker`'s node for the same thing until each of `count` requests has been answered once.
fn keep_posting(
    asker: &MemberNode,
    path: &str,
    body: &serde_json::Value,
    count: usize,
    done: &Arc<AtomicUsize>,
) -> Vec<tokio::task::JoinHandle<Vec<wire::Reply>>> {
    let (url, token, body) = (local(asker, path), asker.operator_token(), body.to_string());
    let began = Instant::now();
    (0..4)
        .map(|worker| {
            let (url, token, body, done) = (url.clone(), token.clone(), body.clone(), Arc::clone(done));
            tokio::spawn(async move {
                let mut replies = Vec::new();
                let mut turn = 0;
                while done.load(Ordering::SeqCst) < count && began.elapsed() < POSTING_MAX {
                    turn += 1;
                    let body = body.replace(NTH, &format!("{worker}_{turn}"));
                    match wire::try_send(Method::POST, &url, Some(&token), &[], body).await {
                        Ok(reply) => {
                            done.fetch_add(1, Ordering::SeqCst);
                            replies.push(reply);
                        }
                        Err(_) => tokio::time::sleep(Duration::from_millis(15)).await,
                    }
                }
                replies
            })
        })
        .collect()
}

async fn negotiations(node: &MemberNode) -> Vec<Negotiation> {
    let mut tx = node.house().store.read("testkit").await.expect("a look");
    tx.negotiations(1_000).await.expect("negotiations").into_iter().map(|(one, _)| one).collect()
}

pub(crate) async fn until_all_are_final(revenue: &MemberNode, education: &MemberNode) {
    let began = Instant::now();
    loop {
        let open = |all: Vec<Negotiation>| all.into_iter().filter(|one| !one.state.is_final()).count();
        let left = (open(negotiations(revenue).await), open(negotiations(education).await));
        if left == (0, 0) {
            return;
        }
        assert!(began.elapsed() < Duration::from_secs(120), "still open (owner, asker): {left:?}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Every entry of a node's exported ledger, after the export was verified.
async fn verified_entries(node: &MemberNode) -> Vec<(u64, serde_json::Value)> {
    use weal_trust::export;
    let out = tempfile::tempdir().expect("a folder");
    let size = node.house().export_ledger(out.path()).await.expect("an export");
    let read = |name: &str| std::fs::read(out.path().join(name)).expect("a file of the export");
    let mut entries = Vec::new();
    let lines = read(export::ENTRIES_FILE);
    let keep = |index, body: &str| entries.push((index, export::body_json(body).expect("JSON")));
    let verified =
        export::verify_export_with(&read(export::CHECKPOINT_FILE), &read(export::DID_FILE), &lines[..], keep)
            .expect("the ledger verifies");
    assert_eq!(verified.size, size);
    assert_eq!(verified.did, node.did().to_string());
    entries
}

/// Both exports verify and tell the same story; answers the number of uses that both keep.
pub(crate) async fn ledgers_match(owner: &MemberNode, asker: &MemberNode) -> u64 {
    let (ours, theirs) = (verified_entries(owner).await, verified_entries(asker).await);
    let (owner_did, asker_did) = (owner.did().to_string(), asker.did().to_string());
    let check = weal_trust::receipts::cross_check((owner_did.as_str(), ours), (asker_did.as_str(), theirs));
    assert!(check.is_sound(), "{:#?}", check.findings);
    check.matched
}

async fn agreements_match(revenue: &MemberNode, education: &MemberNode) -> usize {
    let (ours, theirs) = (negotiations(revenue).await, negotiations(education).await);
    assert_eq!(ours.len(), theirs.len(), "each negotiation stands once on each side");
    for asked in &theirs {
        assert_eq!(asked.state, NegotiationState::Finalized, "{asked:#?}");
        let answered = ours.iter().find(|one| one.talk.peer_pid.as_deref() == Some(asked.own_pid.as_str()));
        let answered = answered.expect("the owner's half");
        assert_eq!(answered.state, NegotiationState::Finalized, "{answered:#?}");
        assert_eq!(Some(&answered.own_pid), asked.talk.peer_pid.as_ref());
        assert_eq!(answered.agreement, asked.agreement);
    }
    let (ours, theirs) = (
        revenue.house().agreements().await.expect("ours"),
        education.house().agreements().await.expect("theirs"),
    );
    assert_eq!(ours.len(), theirs.len());
    for asked in &theirs {
        let answered = ours.iter().find(|one| one.id == asked.id).expect("the owner's copy");
        assert_eq!((answered.side, asked.side), (Side::Provider, Side::Consumer));
        assert_eq!(answered.policy, asked.policy);
        assert_eq!(answered.terms, asked.terms);
        assert_eq!(answered.status, asked.status);
    }
    theirs.len()
}

async fn negotiates_through_kills_of(victim: &str) {
    let mut federation = Federation::of(&["revenue", "education"]).await;
    let (revenue, education) = (federation.member("revenue"), federation.member("education"));
    revenue.offers_on_paper("regions", Mode::Extract, open_terms()).await;
    education.looks_around().await;
    let request = RequestAgreement {
        product: "revenue.regions".parse().expect("member.product"),
        mode: Mode::Extract,
        purpose: FRAUD.parse().expect("a purpose"),
        legal_basis: None,
        wait_ms: Some(100),
    };
    let request = serde_json::to_value(request).expect("JSON");
    let done = Arc::new(AtomicUsize::new(0));
    let workers = keep_posting(education, "/requests", &request, NEGOTIATIONS, &done);
    trouble(&mut federation, victim, &done, NEGOTIATIONS).await;
    for worker in workers {
        let replies = worker.await.expect("a worker");
        assert!(replies.iter().all(|reply| reply.status == 200), "{replies:?}");
    }
    let (revenue, education) = (federation.member("revenue"), federation.member("education"));
    until_all_are_final(revenue, education).await;
    let made = agreements_match(revenue, education).await;
    assert!(made >= NEGOTIATIONS, "{made}");
    ledgers_match(revenue, education).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_negotiation_becomes_final_on_both_sides_though_the_owner_is_killed() {
    negotiates_through_kills_of("revenue").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_negotiation_becomes_final_on_both_sides_though_the_asker_is_killed() {
    negotiates_through_kills_of("education").await;
}

/// The accounts of the owner, against what its ledger says was reserved and granted.
pub(crate) async fn budgets_cover_what_was_used(owner: &MemberNode, answered: &[wire::Reply]) {
    let entries = verified_entries(owner).await;
    let losses = |kind: &str, path: &str| -> u64 {
        let facts = entries.iter().map(|(_, body)| &body["fact"]).filter(|fact| fact["kind"] == kind);
        facts.filter_map(|fact| fact.pointer(path).and_then(serde_json::Value::as_u64)).sum()
    };
    let (reserved, granted) =
        (losses("budget_reserved", "/loss/rho_nano"), losses("use_granted", "/receipt/loss/rho_nano"));
    assert!(granted > 0 && granted <= reserved, "granted {granted}, reserved {reserved}");
    let accounts = owner.house().budgets().await.expect("budgets");
    assert_eq!(accounts.len(), 2, "{accounts:?}");
    for account in accounts {
        assert_eq!(account.reserved.rho_nano, 0, "{account:?}");
        assert!(account.spent.rho_nano <= account.granted.rho_nano, "{account:?}");
        assert_eq!(account.spent.rho_nano, reserved, "what was ever reserved is spent: {account:?}");
    }
    let kept: Vec<String> = entries
        .iter()
        .filter(|(_, body)| body["fact"]["kind"] == "use_granted")
        .map(|(_, body)| body["fact"]["receipt"]["use_id"].to_string())
        .collect();
    for reply in answered {
        assert!(kept.contains(&reply.json()["receipt"]["use_id"].to_string()), "{reply:?}");
    }
}

async fn asks_through_kills_of(victim: &str) {
    let mut federation = Federation::of(&["revenue", "education"]).await;
    let (revenue, education) = (federation.member("revenue"), federation.member("education"));
    let offers = vec![(Mode::Statistics, statistics_terms(50_000_000_000))];
    revenue.publishes("payroll", &payroll(), offers).await;
    education.looks_around().await;
    let _agreement =
        education.requests("revenue.payroll", Mode::Statistics).for_purpose(FRAUD).await.is_agreed();
    let ask = serde_json::json!({
        "sql": format!("SELECT region, COUNT(*) AS heads{NTH} FROM revenue.payroll GROUP BY region"),
        "loss": { "rho_nano": 1_000_000, "delta_femto": 1_000 }
    });
    let done = Arc::new(AtomicUsize::new(0));
    let workers = keep_posting(education, "/questions", &ask, QUESTIONS, &done);
    trouble(&mut federation, victim, &done, QUESTIONS).await;
    let mut answered = Vec::new();
    for worker in workers {
        answered.extend(worker.await.expect("a worker").into_iter().filter(|reply| reply.status == 200));
    }
    let (revenue, education) = (federation.member("revenue"), federation.member("education"));
    // And after all that a question is answered as ever.
    education.asks(&ask["sql"].as_str().unwrap_or_default().replace(NTH, "")).await.expect("an answer");
    until_all_are_final(revenue, education).await;
    let matched = ledgers_match(revenue, education).await;
    assert!(matched > answered.len() as u64, "{matched} uses match, {} were answered", answered.len());
    budgets_cover_what_was_used(revenue, &answered).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_use_is_unpaid_or_unrecorded_though_the_owner_is_killed() {
    asks_through_kills_of("revenue").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_use_is_unpaid_or_unrecorded_though_the_asker_is_killed() {
    asks_through_kills_of("education").await;
}
