//! `GT-3`: a stream of rows that is being read ends when its agreement does, and not as if it were whole.

use std::time::{Duration, Instant};

use weal_domain::catalogue::Mode;
use weal_testkit::{FRAUD, Federation, open_terms};

const ROWS: usize = 300_000;

/// About 20 MB, more than the buffers between two sockets hold.
fn large() -> String {
    let mut csv = String::with_capacity(ROWS * 70);
    csv.push_str("number,first,second\n");
    for row in 0..ROWS {
        let mixed = (row as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        csv.push_str(&format!("{row},{mixed:020}{mixed:020},{:020}\n", mixed.rotate_left(17)));
    }
    csv
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_that_is_being_read_breaks_within_a_second_of_the_revocation() {
    let federation = Federation::of(&["revenue", "education"]).await;
    let (revenue, education) = (federation.member("revenue"), federation.member("education"));
    revenue.publishes("numbers", &large(), vec![(Mode::Extract, open_terms())]).await;
    education.looks_around().await;
    let agreement = education.requests("revenue.numbers", Mode::Extract).for_purpose(FRAUD).await.is_agreed();
    let address = education.house().open_line(&agreement).await.expect("a line");
    let token = education.token_for(&revenue.did());
    let client = reqwest::Client::builder().no_proxy().build().expect("a client");
    let mut response = client
        .get(format!("{}/rows?format=csv", address.endpoint))
        .bearer_auth(token)
        .header("weal-transfer", address.property("authorization").expect("a token"))
        .header("weal-person", "p")
        .header("weal-role", "analyst")
        .send()
        .await
        .expect("an answer");
    assert_eq!(response.status().as_u16(), 200, "{:?}", response.headers());
    let mut size = 0;
    for _ in 0..4 {
        size += response.chunk().await.expect("a chunk").expect("more").len();
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    revenue.revokes(&agreement, "The campaign is over.").await;
    let began = Instant::now();
    let broken = loop {
        match response.chunk().await {
            Ok(Some(chunk)) => size += chunk.len(),
            Ok(None) => break false,
            Err(_) => break true,
        }
    };
    assert!(broken, "an end that looks whole, after {size} bytes");
    assert!(began.elapsed() < Duration::from_secs(1), "{:?}", began.elapsed());
    assert!(size < ROWS * 64, "most of it never left: {size}");

    // Both the cut and its place are in the ledger, and nothing opens again.
    let began = Instant::now();
    loop {
        let (entries, _) = revenue.house().entries_newest(None, 20).await.expect("entries");
        let ended = entries.iter().find_map(|(_, entry)| match &entry.fact {
            weal_domain::ledger::Fact::UseEnded { complete, .. } => Some(*complete),
            _ => None,
        });
        if let Some(complete) = ended {
            assert!(!complete, "the use did not end whole");
            break;
        }
        assert!(began.elapsed() < Duration::from_secs(2), "the end of the use is not recorded");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let refusal = education.asks("SELECT COUNT(*) FROM revenue.numbers").await.expect_err("revoked");
    assert_eq!(refusal.code, "agreement-revoked");
    let left = std::fs::read_dir(education.folder.received()).map_or(0, Iterator::count);
    assert_eq!(left, 0, "nothing half-received stays");
}
