//! The owner's process dies at every moment of a question at which it asks for the time or for chance: before each
//! commit, after it, and in between. Nothing is ever released that was not charged, and nothing charged is given back.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use reqwest::Method;
use tokio::process::{Child, Command};
use weal_domain::Timestamp;
use weal_domain::catalogue::Mode;
use weal_node::config::{Config, Folder};
use weal_node::fault::Fault;
use weal_node::seams::{Clock, Entropy, Seams, SystemClock, SystemEntropy};
use weal_testkit::{FRAUD, Federation, MemberNode, statistics_terms, wire};

use crate::asking::local;
use crate::joined;
use crate::main_job::payroll;
use crate::restarts::{budgets_cover_what_was_used, ledgers_match, until_all_are_final, until_it_answers};

/// Names the folder that a copy of this test binary serves, and at which moment it dies.
const SERVES: &str = "TESTKIT_MORTAL_SERVES";
const DIES_AT: &str = "TESTKIT_MORTAL_DIES_AT";
/// A file in the node's folder from which on moments are counted.
const ARMED: &str = "armed";
/// A copy that neither dies nor is killed ends by itself.
const SERVES_SECONDS_MAX: u64 = 120;
/// Far more than a question has.
const MOMENTS_MAX: u64 = 60;
/// Fewer would mean that the moments are not those of the question.
const DEATHS_MIN: u64 = 6;

/// The system's time and chance, until the last moment.
#[derive(Debug)]
struct Mortal {
    armed: PathBuf,
    left: AtomicU64,
}

impl Mortal {
    fn lives_on(&self) {
        if self.armed.exists() && self.left.fetch_sub(1, Ordering::SeqCst) == 1 {
            // Nothing is flushed and nobody is told, as by a power cut.
            std::process::abort();
        }
    }
}

impl Clock for Mortal {
    fn now(&self) -> Timestamp {
        self.lives_on();
        SystemClock.now()
    }
}

impl Entropy for Mortal {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), Fault> {
        self.lives_on();
        SystemEntropy.fill(bytes)
    }
}

/// Not a test of anything: the process that the test here has die.
#[test]
fn serves_until_its_last_moment() {
    let Some(folder) = std::env::var_os(SERVES) else { return };
    let moment: u64 = std::env::var(DIES_AT).expect("a moment").parse().expect("a number");
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    runtime.expect("a runtime").block_on(async {
        let folder = Folder::new(folder);
        let config = Config::read(&folder, []).expect("its configuration");
        let mortal = Arc::new(Mortal { armed: folder.path().join(ARMED), left: AtomicU64::new(moment) });
        let seams = Seams { clock: mortal.clone(), entropy: mortal, ..Seams::default() };
        let _running = weal_node::start_with(config, folder, seams).await.expect("it serves");
        tokio::time::sleep(Duration::from_secs(SERVES_SECONDS_MAX)).await;
    });
}

fn mortal(folder: OsString, moment: u64) -> Child {
    Command::new(std::env::current_exe().expect("this binary"))
        .args(["deaths::serves_until_its_last_moment", "--exact", "--nocapture"])
        .env(SERVES, folder)
        .env(DIES_AT, moment.to_string())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .expect("a process")
}

/// Asks until the owner outlives a question, which it does not at any earlier moment. What was answered meanwhile.
async fn answered_through_deaths(
    federation: &mut Federation,
    sql: impl Fn(u64) -> String,
) -> Vec<wire::Reply> {
    let (revenue, education) = (federation.member("revenue"), federation.member("education"));
    for agreement in education.house().agreements().await.expect("agreements") {
        education.house().open_line(&agreement).await.expect("a line");
    }
    let (origin, folder) = (revenue.origin(), revenue.folder.path().to_owned());
    let (url, token) = (local(education, "/questions"), education.operator_token());
    federation.member_mut("revenue").stops().await;
    let (mut answered, mut deaths) = (Vec::new(), 0);
    for moment in 1..=MOMENTS_MAX {
        let mut owner = mortal(folder.as_os_str().to_owned(), moment);
        until_it_answers(&origin).await;
        std::fs::write(folder.join(ARMED), "").expect("armed");
        let body = serde_json::json!({ "sql": sql(moment), "loss": { "rho_nano": 1_000_000, "delta_femto": 1_000 } });
        let reply = wire::try_send(Method::POST, &url, Some(&token), &[], body.to_string()).await;
        std::fs::remove_file(folder.join(ARMED)).expect("disarmed");
        let reply = reply.expect("the asker's node lives");
        let died = owner.try_wait().expect("a process").is_some();
        owner.kill().await.expect("it is gone");
        deaths += u64::from(died);
        let is_answered = reply.status == 200;
        if is_answered {
            answered.push(reply);
            if !died {
                break;
            }
        }
    }
    assert!(deaths >= DEATHS_MIN && !answered.is_empty(), "{deaths} deaths, {} answers", answered.len());
    println!("{deaths} deaths, {} answers", answered.len());
    federation.member_mut("revenue").starts().await;
    answered
}

/// What the owner's events say was charged for a product.
async fn charged(owner: &MemberNode, product: &str) -> u64 {
    let product = product.parse().expect("a product name");
    let events = owner.house().budget_events(&owner.person, Some(&product), 0, 1_000).await.expect("events");
    let charges = events.iter().filter_map(|event| match &event.what {
        weal_domain::compute::BudgetMove::Spent { loss, .. } => Some(loss.rho_nano),
        _ => None,
    });
    charges.sum()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whenever_the_owner_dies_nothing_was_released_uncharged() {
    let mut federation = Federation::of(&["revenue", "education"]).await;
    let (revenue, education) = (federation.member("revenue"), federation.member("education"));
    let offers = vec![(Mode::Statistics, statistics_terms(50_000_000_000))];
    revenue.publishes("payroll", &payroll(), offers).await;
    education.looks_around().await;
    let _ = education.requests("revenue.payroll", Mode::Statistics).for_purpose(FRAUD).await.is_agreed();
    let sql =
        |moment| format!("SELECT region, COUNT(*) AS heads{moment} FROM revenue.payroll GROUP BY region");
    let answered = answered_through_deaths(&mut federation, sql).await;
    let (revenue, education) = (federation.member("revenue"), federation.member("education"));
    education.asks("SELECT COUNT(*) AS heads FROM revenue.payroll").await.expect("it goes on");
    until_all_are_final(revenue, education).await;
    budgets_cover_what_was_used(revenue, &answered).await;
    let shown = revenue.house().budget_shown("product:payroll").await.expect("a budget");
    let charged = charged(revenue, "payroll").await;
    assert_eq!(shown.spent.rho_nano, charged, "every charge is an event, and every event a charge");
    let matched = ledgers_match(revenue, education).await;
    assert!(matched > answered.len() as u64, "{matched} uses match, {} were answered", answered.len());
}

/// A question that joins products is charged to both or to none, whenever its owner dies.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whenever_the_owner_dies_both_joined_products_were_charged_or_neither() {
    let mut federation = Federation::of(&["revenue", "education"]).await;
    joined::published(federation.member("revenue"), 10_000, 10_000).await;
    joined::agreed(federation.member("education"), &["payroll", "benefits"]).await;
    let sql = |moment: u64| joined::question(usize::try_from(moment).expect("a small number"));
    let answered = answered_through_deaths(&mut federation, sql).await;
    let (revenue, education) = (federation.member("revenue"), federation.member("education"));
    until_all_are_final(revenue, education).await;
    let mut spent = Vec::new();
    for product in ["payroll", "benefits"] {
        let shown = revenue.house().budget_shown(&format!("product:{product}")).await.expect("a budget");
        assert_eq!((shown.reserved.rho_nano, shown.spent.rho_nano), (0, charged(revenue, product).await));
        spent.push(shown.spent.rho_nano);
    }
    assert_eq!(spent[0], spent[1], "one is charged as much as the other");
    assert!(spent[0] >= 1_000_000 * answered.len() as u64 && spent[0] > 0, "{spent:?}");
    let matched = ledgers_match(revenue, education).await;
    assert!(matched >= 2 * answered.len() as u64, "{matched} uses match, {} were answered", answered.len());
}
