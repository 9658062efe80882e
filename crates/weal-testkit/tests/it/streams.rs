//! `GT-3`: a stream of rows that is being read ends when its agreement does, and not as if it were whole.

use std::time::{Duration, Instant};

use weal_domain::agreements::Agreement;
use weal_domain::catalogue::Mode;
use weal_node::api::Ask;
use weal_testkit::{FRAUD, Federation, MemberNode, open_terms};

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
async fn a_stream_that_is_being_read_breaks_with_the_revocation() {
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
    let broken = loop {
        match response.chunk().await {
            Ok(Some(chunk)) => size += chunk.len(),
            Ok(None) => break false,
            Err(_) => break true,
        }
    };
    assert!(broken, "an end that looks whole, after {size} bytes");
    // What left before may fill the buffers between the two, however late a busy machine reads them.
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
        assert!(began.elapsed() < Duration::from_secs(60), "the end of the use is not recorded");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let refusal = education.asks("SELECT COUNT(*) FROM revenue.numbers").await.expect_err("revoked");
    assert_eq!(refusal.code, "agreement-revoked");
    let left = std::fs::read_dir(education.folder.received()).map_or(0, Iterator::count);
    assert_eq!(left, 0, "nothing half-received stays");
}

/// Asks for all rows of an agreement and reads none of them.
async fn opens(consumer: &MemberNode, agreement: &Agreement) -> reqwest::Response {
    let address = consumer.house().open_line(agreement).await.expect("a line");
    let client = reqwest::Client::builder().no_proxy().build().expect("a client");
    client
        .get(format!("{}/rows?format=csv", address.endpoint))
        .bearer_auth(consumer.token_for(&agreement.provider))
        .header("weal-transfer", address.property("authorization").expect("a token"))
        .header("weal-person", "p")
        .header("weal-role", "analyst")
        .send()
        .await
        .expect("an answer")
}

async fn until_taken(node: &MemberNode, places: usize) {
    let began = Instant::now();
    while node.house().doors.places.taken() != places {
        assert!(began.elapsed() < Duration::from_secs(60), "{} streams", node.house().doors.places.taken());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reader_that_takes_nothing_loses_its_place_and_no_agreement_takes_all() {
    let mut federation = Federation::of(&["revenue", "education", "welfare"]).await;
    federation.member_mut("revenue").stops().await;
    // Longer than a busy machine needs to open five streams: the first must have its place still when the fifth comes.
    federation.member_mut("revenue").config_mut().limits.stall_s_max = 12;
    federation.member_mut("revenue").starts().await;
    let (revenue, education, welfare) =
        (federation.member("revenue"), federation.member("education"), federation.member("welfare"));
    revenue.publishes("numbers", &large(), vec![(Mode::Extract, open_terms())]).await;
    education.looks_around().await;
    welfare.looks_around().await;
    let agreement = education.requests("revenue.numbers", Mode::Extract).for_purpose(FRAUD).await.is_agreed();
    let own = welfare.requests("revenue.numbers", Mode::Extract).for_purpose(FRAUD).await.is_agreed();
    let mut slow = Vec::new();
    for _ in 0..4 {
        let stream = opens(education, &agreement).await;
        assert_eq!(stream.status().as_u16(), 200);
        slow.push(stream);
    }
    let fifth = opens(education, &agreement).await;
    assert_eq!(fifth.status().as_u16(), 429);
    assert!(fifth.text().await.expect("a body").contains("agreement-streams-busy"));
    let other = opens(welfare, &own).await;
    assert_eq!(other.status().as_u16(), 200, "another agreement has places of its own");
    drop(other);

    until_taken(revenue, 0).await;
    for mut stream in slow {
        let end = loop {
            match stream.chunk().await {
                Ok(Some(_)) => {}
                Ok(None) => break "whole",
                Err(_) => break "broken",
            }
        };
        assert_eq!(end, "broken", "a part must not look like the whole");
    }
    assert_eq!(opens(education, &agreement).await.status().as_u16(), 200, "its places are free again");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_never_ends_a_request_is_not_waited_for() {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let mut federation = Federation::of(&[]).await;
    federation.member_mut("council").stops().await;
    federation.member_mut("council").config_mut().limits.stall_s_max = 1;
    federation.member_mut("council").starts().await;
    let origin = federation.member("council").origin();
    let address = origin.strip_prefix("http://").expect("an http origin");
    let began = Instant::now();
    let mut stream = tokio::net::TcpStream::connect(address).await.expect("connected");
    stream.write_all(b"GET /healthz HTTP/1.1\r\nhost: a\r\nx-slow: ").await.expect("written");
    let closed = async {
        let mut byte = [0];
        loop {
            if stream.write_all(b"x").await.is_err() {
                return;
            }
            let read = tokio::time::timeout(Duration::from_millis(50), stream.read(&mut byte)).await;
            if let Ok(Ok(0) | Err(_)) = read {
                return;
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(60), closed).await.expect("the node closes the connection");
    assert!(began.elapsed() >= Duration::from_millis(900), "not before its time");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn received_rows_are_private_and_go_with_the_question_that_fetched_them() {
    use std::os::unix::fs::MetadataExt as _;
    let federation = Federation::of(&["revenue", "education"]).await;
    let (revenue, education) = (federation.member("revenue"), federation.member("education"));
    revenue.publishes("numbers", &large(), vec![(Mode::Extract, open_terms())]).await;
    education.looks_around().await;
    let _ = education.requests("revenue.numbers", Mode::Extract).for_purpose(FRAUD).await.is_agreed();
    let received = education.folder.received();
    let files = || -> Vec<std::path::PathBuf> {
        let entries = std::fs::read_dir(&received).expect("the folder");
        entries.map(|entry| entry.expect("an entry").path()).collect()
    };
    let ask = |sql: &str| Ask { sql: sql.into(), preview: false, loss: None, format: None, agreement: None };

    // Given up while the rows are on their way. A busy machine may show us the file too late; then it is asked again.
    let mut was_given_up = false;
    for _ in 0..20 {
        let (house, person) = (std::sync::Arc::clone(education.house()), education.person.clone());
        let count = ask("SELECT COUNT(*) AS n FROM revenue.numbers");
        let asking = tokio::spawn(async move { house.ask(&person, &count).await.map(|_| ()) });
        let (began, mut mode) = (Instant::now(), None);
        while mode.is_none() && !asking.is_finished() && began.elapsed() < Duration::from_secs(60) {
            let file = files().pop();
            mode = file.and_then(|file| std::fs::metadata(file).ok()).map(|found| found.mode() & 0o777);
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        asking.abort();
        was_given_up = asking.await.is_err_and(|ended| ended.is_cancelled());
        assert_eq!(
            files(),
            Vec::<std::path::PathBuf>::new(),
            "nothing stays of a question that was given up"
        );
        if let Some(mode) = mode {
            assert_eq!(mode, 0o600);
        }
        if was_given_up && mode.is_some() {
            break;
        }
    }
    assert!(was_given_up, "nothing was received");
    assert_eq!(std::fs::metadata(&received).expect("the folder").mode() & 0o777, 0o700);

    // Failed after they arrived, answered, and answered to somebody who does not read it.
    education.asks("SELECT no_such_column FROM revenue.numbers").await.expect_err("no such column");
    assert_eq!(files(), Vec::<std::path::PathBuf>::new(), "nor of one that failed");
    education.asks("SELECT COUNT(*) AS n FROM revenue.numbers").await.expect("an answer");
    assert_eq!(files(), Vec::<std::path::PathBuf>::new());
    let asked = education.house().ask(&education.person, &ask("SELECT number FROM revenue.numbers")).await;
    let asked = asked.expect("rows");
    assert_eq!(files().len(), 1, "kept while they may be read");
    drop(asked);
    assert_eq!(files(), Vec::<std::path::PathBuf>::new());
}
