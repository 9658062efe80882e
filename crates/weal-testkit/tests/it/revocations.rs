//! `GT-3`: whoever may use an agreement hears of its end at once, and of nobody else's.

use std::time::{Duration, Instant};

use weal_domain::agreements::{Agreement, AgreementStatus};
use weal_domain::catalogue::Mode;
use weal_domain::ledger::Fact;
use weal_testkit::{FRAUD, Federation, MemberNode, open_terms, wire};

async fn until_revoked(node: &MemberNode, agreement: &Agreement) -> (AgreementStatus, Duration) {
    let began = Instant::now();
    loop {
        let status = node.house().agreement(&agreement.id).await.expect("it").status;
        if matches!(status, AgreementStatus::Revoked { .. }) {
            return (status, began.elapsed());
        }
        assert!(began.elapsed() < Duration::from_secs(10), "{} never heard of it", node.name);
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
    let (status, took) = until_revoked(education, &first).await;
    assert!(took < Duration::from_secs(1), "{took:?}");
    let ours = revenue.house().agreement(&first.id).await.expect("it").status;
    assert_eq!(status, ours, "when, by whom, in which role and why");
    let shown = education.house().show_agreement(&education.person, &first.id).await.expect("shown");
    assert!(!shown.in_force);
    let last = shown.timeline.last().expect("a timeline");
    assert!(last.by.starts_with("Revenue Agency (") && last.what.contains("campaign"), "{last:?}");

    // The asker's end reaches the owner in the same way.
    education.revokes(&second, "We do not need it.").await;
    let (status, _) = until_revoked(revenue, &second).await;
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
    let (status, _) = until_revoked(education, &third).await;
    assert_eq!(status, revenue.house().agreement(&third.id).await.expect("it").status);
}
