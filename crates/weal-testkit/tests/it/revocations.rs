//! `GT-3`: whoever may use an agreement hears of its end at once, and of nobody else's.

use std::time::{Duration, Instant};

use weal_domain::agreements::negotiation::Move;
use weal_domain::agreements::{Agreement, AgreementStatus, NegotiationState};
use weal_domain::catalogue::Mode;
use weal_domain::ledger::Fact;
use weal_node::seams::{Moves, Seams};
use weal_testkit::{FRAUD, Federation, MemberNode, open_terms, wire};

/// Waits as long as a busy machine may need; whoever had to look for it would hear of it hours later, if at all.
async fn until_revoked(node: &MemberNode, agreement: &Agreement) -> AgreementStatus {
    let began = Instant::now();
    loop {
        let status = node.house().agreement(&agreement.id).await.expect("it").status;
        if matches!(status, AgreementStatus::Revoked { .. }) {
            return status;
        }
        assert!(began.elapsed() < Duration::from_secs(60), "{} never heard of it", node.name);
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

async fn revocations_in(node: &MemberNode) -> usize {
    let (entries, _) = node.house().entries_newest(None, 100).await.expect("entries");
    entries.iter().filter(|(_, entry)| matches!(entry.fact, Fact::AgreementRevoked { .. })).count()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_has_no_open_transfer_hears_of_a_revocation_too() {
    let mut federation = Federation::of(&["revenue", "education", "health"]).await;
    let (revenue, education) = (federation.member("revenue"), federation.member("education"));
    revenue.offers_on_paper("regions", Mode::Extract, open_terms()).await;
    education.looks_around().await;
    let asked = || education.requests("revenue.regions", Mode::Extract).for_purpose(FRAUD);
    let (first, second, third) =
        (asked().await.is_agreed(), asked().await.is_agreed(), asked().await.is_agreed());

    revenue.revokes(&first, "The campaign is over.").await;
    let status = until_revoked(education, &first).await;
    let ours = revenue.house().agreement(&first.id).await.expect("it").status;
    assert_eq!(status, ours, "when, by whom, in which role and why");
    let shown = education.house().show_agreement(&education.person, &first.id).await.expect("shown");
    assert!(!shown.in_force);
    let last = shown.timeline.last().expect("a timeline");
    assert!(last.by.starts_with("Revenue Agency (") && last.what.contains("campaign"), "{last:?}");

    // The asker's end reaches the owner in the same way.
    education.revokes(&second, "We do not need it.").await;
    let status = until_revoked(revenue, &second).await;
    assert!(matches!(status, AgreementStatus::Revoked { by, .. } if by == education.did()));

    // Nobody else's word counts, and the same word twice is heard once.
    let word = |agreement: &Agreement| {
        serde_json::json!({
            "v": 1, "agreement": agreement.id, "at": "2026-01-01T00:00:00Z", "role": "owner", "reason": "So be it."
        })
        .to_string()
    };
    let health = federation.member("health");
    let url = format!("{}/peer/revocation", education.origin());
    let token = health.token_for(&education.did());
    wire::post(&url, Some(&token), word(&third)).await.is_refused(404, "agreement-unknown");
    let before = revocations_in(education).await;
    let token = revenue.token_for(&education.did());
    assert_eq!(wire::post(&url, Some(&token), word(&first)).await.status, 204);
    assert_eq!(revocations_in(education).await, before);
    let held = education.house().agreement(&third.id).await.expect("it");
    assert_eq!(held.status, AgreementStatus::InForce);

    // Who is down hears of it after its next start, and what it then keeps is when it was revoked.
    federation.member_mut("education").stops().await;
    let revenue = federation.member("revenue");
    revenue.revokes(&third, "The law has changed.").await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    federation.member_mut("education").starts().await;
    let (revenue, education) = (federation.member("revenue"), federation.member("education"));
    let status = until_revoked(education, &third).await;
    assert_eq!(status, revenue.house().agreement(&third.id).await.expect("it").status);
}

/// Somebody else where a node should be: answers every request with this status and body.
fn impostor(node: &MemberNode, head: &'static str, body: &'static str) -> tokio::task::JoinHandle<()> {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let address = node.origin().trim_start_matches("http://").to_owned();
    tokio::spawn(async move {
        let listener = tokio::net::TcpListener::bind(&address).await.expect("the node's own port");
        while let Ok((mut stream, _)) = listener.accept().await {
            let _ = stream.read(&mut [0_u8; 65_536]).await;
            let length = body.len();
            let text =
                format!("HTTP/1.1 {head}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}");
            let _ = stream.write_all(text.as_bytes()).await;
        }
    })
}

/// Waits until a revocation has been tried and was not taken.
async fn stops_pretending(impostor: tokio::task::JoinHandle<()>) {
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    impostor.abort();
    let _ = impostor.await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_page_of_somebody_else_does_not_swallow_a_revocation() {
    let mut federation = Federation::of(&["revenue", "education"]).await;
    let (revenue, education) = (federation.member("revenue"), federation.member("education"));
    revenue.offers_on_paper("regions", Mode::Extract, open_terms()).await;
    education.looks_around().await;
    let agreement = education.requests("revenue.regions", Mode::Extract).for_purpose(FRAUD).await.is_agreed();
    federation.member_mut("education").stops().await;
    let impostor = impostor(federation.member("education"), "404 Not Found", "<h1>Moved</h1>");
    federation.member("revenue").revokes(&agreement, "The campaign is over.").await;
    stops_pretending(impostor).await;
    federation.member_mut("education").starts().await;
    until_revoked(federation.member("education"), &agreement).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_agreement_revoked_before_it_is_in_force_ends_its_negotiation_on_both_sides() {
    let mut federation = Federation::of(&["revenue", "education"]).await;
    let by_hand = || Seams { moves: Moves::ByHand, ..Seams::default() };
    federation.member_mut("education").stops().await;
    federation.member_mut("education").starts_with(by_hand()).await;
    let (revenue, education) = (federation.member("revenue"), federation.member("education"));
    revenue.offers_on_paper("regions", Mode::Extract, open_terms()).await;
    education.looks_around().await;
    let _ = education.requests("revenue.regions", Mode::Extract).without_waiting(FRAUD).await;
    let began = Instant::now();
    let agreement = loop {
        if let Some(agreement) = revenue.house().agreements().await.expect("agreements").pop() {
            break agreement;
        }
        assert!(began.elapsed() < Duration::from_secs(60), "no agreement");
        tokio::time::sleep(Duration::from_millis(10)).await;
    };
    assert_eq!(agreement.status, AgreementStatus::Pending);
    // The other side does not know it yet, as it says; it is told again while the negotiation goes on.
    federation.member_mut("education").stops().await;
    let unknown = r#"{"type":"urn:weal:refusal:agreement-unknown","status":404,"detail":"Unknown."}"#;
    let impostor = impostor(federation.member("education"), "404 Not Found", unknown);
    federation.member("revenue").revokes(&agreement, "A mistake.").await;
    stops_pretending(impostor).await;
    federation.member_mut("education").starts_with(by_hand()).await;
    let (revenue, education) = (federation.member("revenue"), federation.member("education"));
    until_revoked(education, &agreement).await;

    let held = async |node: &MemberNode| {
        let mut tx = node.house().store.read("testkit").await.expect("a look");
        tx.negotiation_of(&agreement.id).await.expect("negotiations").expect("one").0
    };
    let pid = held(education).await.own_pid;
    education.house().say(&education.person, &pid, Move::Verify).await.expect("said");
    let began = Instant::now();
    loop {
        let states = [held(revenue).await.state, held(education).await.state];
        if states == [NegotiationState::Terminated; 2] {
            break;
        }
        assert!(began.elapsed() < Duration::from_secs(60), "{states:?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let status = revenue.house().agreement(&agreement.id).await.expect("it").status;
    assert!(matches!(status, AgreementStatus::Revoked { reason, .. } if reason == "A mistake."));
}
