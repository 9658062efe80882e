//! `GT-2`: a use is recorded, then acted upon; what fails then is recorded as well, and holds nobody up.

use std::time::Duration;

use weal_domain::catalogue::Mode;
use weal_domain::ledger::Fact;
use weal_testkit::{FRAUD, Federation, MemberNode, open_terms, wire};

use crate::restarts::ledgers_match;

const CSV: &str = "region,inhabitants\nnorth,4\nsouth,9\n";

async fn facts(node: &MemberNode) -> Vec<Fact> {
    let (entries, _) = node.house().entries_newest(None, 1_000).await.expect("entries");
    entries.into_iter().map(|(_, entry)| entry.fact).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_release_that_fails_stands_in_the_ledger_as_one_of_which_nothing_left() {
    let federation = Federation::of(&["revenue", "education"]).await;
    let (revenue, education) = (federation.member("revenue"), federation.member("education"));
    revenue.publishes("regions", CSV, vec![(Mode::Extract, open_terms())]).await;
    education.looks_around().await;
    let agreement = education.requests("revenue.regions", Mode::Extract).for_purpose(FRAUD).await.is_agreed();
    let file = revenue.folder.products().join("regions/1.parquet");
    std::fs::write(&file, "not what it was").expect("the disk fails us");
    education.asks("SELECT region FROM revenue.regions").await.expect_err("there is nothing to release");

    let facts = facts(revenue).await;
    let granted = facts.iter().find_map(|fact| match fact {
        Fact::UseGranted { receipt } => Some(receipt.use_id.clone()),
        _ => None,
    });
    let ended = facts.iter().find_map(|fact| match fact {
        Fact::UseEnded { use_id, rows: 0, size_bytes: 0, complete: false } => Some(use_id.clone()),
        _ => None,
    });
    assert!(granted.is_some(), "recorded before it was tried: {facts:?}");
    assert_eq!(granted, ended, "and what came of it after");
    ledgers_match(revenue, education).await;
    drop(agreement);

    // An incident is counted where the operator looks for it.
    let metrics = wire::get(&format!("{}/metrics", revenue.origin()), Some(&revenue.operator_token())).await;
    let count = metrics.text.lines().find_map(|line| line.strip_prefix("weal_faults_total "));
    assert!(count.is_some_and(|count| count != "0"), "{count:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_waits_to_write_while_a_slow_disk_is_read() {
    let federation = Federation::of(&["revenue", "education"]).await;
    let (revenue, education) = (federation.member("revenue"), federation.member("education"));
    revenue.publishes("regions", CSV, vec![(Mode::Extract, open_terms())]).await;
    education.looks_around().await;
    let agreement = education.requests("revenue.regions", Mode::Extract).for_purpose(FRAUD).await.is_agreed();
    education.house().open_line(&agreement).await.expect("a line");
    // A pipe that nobody writes to is as slow as a disk can be.
    let file = revenue.folder.products().join("regions/1.parquet");
    std::fs::remove_file(&file).expect("removed");
    let made = std::process::Command::new("mkfifo").arg(&file).status().expect("mkfifo");
    assert!(made.success());
    let asking = education.asks("SELECT region FROM revenue.regions");
    tokio::pin!(asking);
    let early = tokio::time::timeout(Duration::from_millis(500), &mut asking).await;
    assert!(early.is_err(), "the pipe holds the reader up: {early:?}");
    let turn = tokio::time::timeout(Duration::from_secs(30), revenue.house().store.write("testkit")).await;
    drop(turn.expect("a writer's turn").expect("a transaction"));
    // The reader goes on, finds nothing in it, and says so; however late a busy machine lets it open the pipe.
    for _ in 0..600 {
        let opened = std::fs::OpenOptions::new().read(true).write(true).open(&file).expect("a pipe");
        drop(opened);
        if tokio::time::timeout(Duration::from_millis(100), &mut asking).await.is_ok() {
            break;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_who_publish_the_same_product_at_once_make_two_versions_of_it() {
    let federation = Federation::of(&["revenue"]).await;
    let revenue = federation.member("revenue");
    let (one, two) = tokio::join!(
        revenue.tries_to_publish("regions", CSV, Vec::new()),
        revenue.tries_to_publish("regions", "region,inhabitants\nwest,1\n", Vec::new()),
    );
    let mut versions =
        [one.expect("published"), two.expect("published")].map(|one| (one.product.version, one.product.rows));
    versions.sort_unstable();
    assert_eq!(versions.map(|(version, _)| version), [1, 2]);
    let mut tx = revenue.house().store.read("testkit").await.expect("a look");
    let stored = tx.product_versions(&"regions".parse().expect("a name")).await.expect("versions");
    for (version, rows) in versions {
        let kept = stored.iter().find(|kept| kept.product.version == version).expect("the version");
        assert_eq!(kept.product.rows, rows, "each version is what its publisher sent");
        assert!(revenue.folder.path().join(&kept.path).is_file());
    }
}
