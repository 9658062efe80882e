//! How long a question is waited for, what is said when its answer is lost, and how many may fail.

use std::sync::Arc;
use std::time::Duration;

use tokio::io::AsyncReadExt as _;
use weal_domain::Timestamp;
use weal_domain::catalogue::ProductName;
use weal_domain::identity::Did;
use weal_engine::EngineLimits;
use weal_node::acts::compute::{COUNTED_FOR, UNANSWERED_MAX, Unanswered};
use weal_node::config::{NetworkConfig, Reach};
use weal_node::http::REQUEST_SECONDS_MAX;
use weal_node::peers::{Peers, QUESTION_TIME_MAX};

/// For drawing noise, sealing and sending.
const REST: Duration = Duration::from_secs(15);

#[test]
fn the_asker_waits_longer_than_the_door_and_the_door_longer_than_the_answer_takes() {
    let limits = EngineLimits::default();
    // For a slot, for the preview's turn, for the question's turn.
    let answer = 3 * limits.turn_wait_max + limits.question_time_max + REST;
    let door = Duration::from_secs(REQUEST_SECONDS_MAX);
    assert!(answer <= door && door < QUESTION_TIME_MAX, "{answer:?} {door:?} {QUESTION_TIME_MAX:?}");
}

#[tokio::test]
async fn a_lost_answer_is_not_called_nothing() {
    let network = NetworkConfig { reach: Reach::Loopback, ..NetworkConfig::default() };
    let peers = Peers::new(&network, weal_trust::did::DidDocument::parse_of).unwrap();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let origin = format!("http://{}", listener.local_addr().unwrap());
    let peer = weal_wire::did::did_of(&origin).unwrap();
    let question = || peers.question(&peer, &format!("{origin}/question"), "Bearer x").unwrap();
    let heard = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let _ = stream.read(&mut [0_u8; 4096]).await;
    });
    let lost = peers.ask(question(), &peer).await.unwrap_err();
    heard.await.unwrap();
    assert_eq!(lost.code, "answer-lost");
    assert!(lost.remedy.unwrap().contains("may have been answered and charged"));
    // Nobody listens any more: nothing was sent.
    assert_eq!(peers.ask(question(), &peer).await.unwrap_err().code, "peer-unavailable");
}

#[tokio::test]
async fn failures_are_few_for_one_consumer_and_product_and_forgotten_after_an_hour() {
    let all = Arc::new(Unanswered::default());
    let (us, them): (Did, Did) =
        ("did:web:us.example".parse().unwrap(), "did:web:them.example".parse().unwrap());
    let (payroll, regions): (ProductName, ProductName) =
        ("payroll".parse().unwrap(), "regions".parse().unwrap());
    let now: Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
    let wait = Duration::from_millis(20);
    let slot = async |who: &Did, what: &ProductName, at: Timestamp| all.slot(who, what, at, wait).await;
    // What is answered takes nothing away, nor does what was never charged.
    for _ in 0..2 * UNANSWERED_MAX {
        let mut slot = slot(&us, &payroll, now).await.unwrap();
        slot.charged();
        slot.answered();
    }
    drop(slot(&us, &payroll, now).await.unwrap());
    let mut held = Vec::new();
    for _ in 0..UNANSWERED_MAX {
        let mut slot = slot(&us, &payroll, now).await.unwrap();
        slot.charged();
        held.push(slot);
    }
    assert_eq!(slot(&us, &payroll, now).await.unwrap_err().code, "too-many-under-way");
    drop(held);
    assert_eq!(slot(&us, &payroll, now).await.unwrap_err().code, "too-many-unanswered");
    slot(&them, &payroll, now).await.unwrap();
    slot(&us, &regions, now).await.unwrap();
    let later = now + COUNTED_FOR;
    slot(&us, &payroll, later).await.unwrap();
}
