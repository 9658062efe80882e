//! `kill -9` in the middle of appends: what was acknowledged is there, and what is there is whole.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use crate::bed::{Bed, on_both};
use crate::ledger::audit;
use crate::samples::{at, entry, id, loss, nonces, sign};

const CHILD: &str = "WEAL_TEST_CRASH_URL";
const KILLS: u64 = 4;
const ACKNOWLEDGED_PER_LIFE: usize = 25;

on_both!(nothing_acknowledged_is_lost);

async fn nothing_acknowledged_is_lost(bed: &Bed) {
    let mut acknowledged: Vec<u64> = Vec::new();
    for life in 1..=KILLS {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "crash::a_child_appends_until_it_is_killed", "--nocapture"])
            .env(CHILD, &bed.url)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        // The harness may have begun the first line with the test's name.
        let indices = lines.filter_map(|line| line.unwrap().split_once("ack ")?.1.parse::<u64>().ok());
        let before = acknowledged.len();
        acknowledged.extend(indices.take(ACKNOWLEDGED_PER_LIFE));
        child.kill().unwrap();
        child.wait().unwrap();
        assert_eq!(acknowledged.len() - before, ACKNOWLEDGED_PER_LIFE, "life {life} ended by itself");

        let store = bed.open().await;
        let size = audit(&store).await;
        let newest = *acknowledged.last().unwrap();
        assert!(size > newest, "entry {newest} was acknowledged, and the ledger has {size}");
        // The budget was charged in the same transactions: never less than the entries say.
        let mut tx = store.write("test").await.unwrap();
        tx.settle_unsettled().await.unwrap();
        let spent = tx.budget("product:payroll").await.unwrap().spent.rho_nano;
        tx.commit().await.unwrap();
        assert_eq!(spent, size, "an entry without its charge");
        store.close().await;
    }
    assert!(acknowledged.windows(2).all(|pair| pair[0] < pair[1]));
}

/// Not a test by itself: what the child process of the test above runs.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_child_appends_until_it_is_killed() {
    let Ok(url) = std::env::var(CHILD) else { return };
    let store = weal_store::Store::open(&url, weal_store::OpenOptions::default()).await.unwrap();
    // Bounded, should nobody kill it.
    for _ in 0..2_000 {
        let mut tx = store.write("crash").await.unwrap();
        let size = tx.ledger_size().await.unwrap();
        tx.grant("product:payroll", loss(1_000_000, 0)).await.unwrap();
        let use_id = id(&format!("urn:uuid:use-{size}"));
        tx.reserve(&use_id, &["product:payroll"], loss(1, 0), at(0)).await.unwrap().unwrap();
        let indices = tx.append(&[entry(size)], &mut nonces(size), &sign).await.unwrap();
        tx.commit().await.unwrap();
        println!("ack {}", indices[0]);
    }
}
