//! Papers of governing bodies: only our own one's, and only newer ones.

use weal_domain::catalogue::Mode;
use weal_domain::governance::Standing;
use weal_testkit::{FRAUD, Federation, Stranger, open_terms, wire};

/// Waits until `node` has heard of the other's new standing; whoever called says what else if it never does.
async fn until_it_stands(
    node: &weal_testkit::MemberNode,
    other: &weal_testkit::MemberNode,
    standing: Standing,
) {
    for _ in 0..2_400 {
        if node.house().ecosystem().standing(&other.did()) == Some(standing) {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(25)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_our_governing_bodys_newest_register_counts() {
    let mut federation = Federation::of(&["revenue", "education"]).await;
    let other = Federation::of(&[]).await;
    let (council, revenue, education) =
        (federation.member("council"), federation.member("revenue"), federation.member("education"));
    let url = format!("{}/governance/register", revenue.origin());
    let us = revenue.did();
    let standing = |did: &weal_domain::identity::Did| revenue.house().ecosystem().standing(did);

    // Another body's register, delivered by that body, by a member, and by a stranger.
    let foreign = other.member("council").house().signed_papers().await.expect("papers").1;
    let stranger = Stranger::start(3).await;
    let by_body = other.member("council").token_for(&us);
    wire::post(&url, Some(&by_body), foreign.clone()).await.is_refused(403, "not-our-governing-body");
    let by_member = education.token_for(&us);
    wire::post(&url, Some(&by_member), foreign.clone()).await.is_refused(403, "not-our-governing-body");
    let by_stranger = stranger.token(&us, None);
    wire::post(&url, Some(&by_stranger), foreign.clone()).await.is_refused(403, "not-our-governing-body");
    assert_eq!(stranger.connections(), 0, "and nobody looked the stranger up");
    // Even in our own body's hands it is not our register, nor is a charter one.
    wire::post(&url, Some(&council.token_for(&us)), foreign).await.is_refused(401, "paper-invalid");
    let charter = council.house().signed_papers().await.expect("papers").0;
    wire::post(&url, Some(&council.token_for(&us)), charter).await.is_refused(401, "paper-invalid");
    let admission = serde_json::json!({"standing": "good", "credential": education.credential()});
    let admit = format!("{}/governance/admission", revenue.origin());
    let reply = wire::post(&admit, Some(&council.token_for(&us)), admission.to_string()).await;
    reply.is_refused(401, "membership-invalid");
    assert_eq!(standing(&education.did()), Some(Standing::Good));

    // An older register, replayed, changes nothing: who was suspended since stays suspended.
    let before = council.house().signed_papers().await.expect("papers").1;
    council
        .house()
        .set_standing(&council.person, &education.did(), Standing::Suspended, Some("Audit.".into()))
        .await
        .expect("suspended");
    until_it_stands(revenue, education, Standing::Suspended).await;
    assert_eq!(standing(&education.did()), Some(Standing::Suspended));
    let reply = wire::post(&url, Some(&council.token_for(&us)), before).await;
    reply.is_refused(409, "register-older");
    let now = council.house().signed_papers().await.expect("papers").1;
    assert_eq!(wire::post(&url, Some(&council.token_for(&us)), now).await.status, 204, "the same one again");
    assert_eq!(standing(&education.did()), Some(Standing::Suspended), "an older register is no news");

    // Members negotiate while the governing body's node is down, also after a restart of their own.
    council
        .house()
        .set_standing(&council.person, &education.did(), Standing::Good, None)
        .await
        .expect("restored");
    until_it_stands(revenue, education, Standing::Good).await;
    federation.member_mut("council").stops().await;
    for name in ["revenue", "education"] {
        federation.member_mut(name).stops().await;
        federation.member_mut(name).starts().await;
    }
    let (revenue, education) = (federation.member("revenue"), federation.member("education"));
    revenue.offers_on_paper("regions", Mode::Extract, open_terms()).await;
    let mut refreshed = education.house().crawl().await.expect("crawled");
    for _ in 0..240 {
        if education.house().entry_of(&"revenue.regions".parse().unwrap()).await.is_ok() {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(250)).await;
        refreshed = education.house().crawl().await.expect("crawled");
    }
    assert!(refreshed.unreachable.iter().any(|(did, _)| *did != revenue.did()), "{refreshed:?}");
    let agreement = education.requests("revenue.regions", Mode::Extract).for_purpose(FRAUD).await.is_agreed();
    assert_eq!(revenue.house().agreement(&agreement.id).await.expect("it").policy, agreement.policy);
}

/// Nothing that waits at this node for its peers goes out for an hour.
async fn falls_silent(node: &weal_testkit::MemberNode) {
    let now = node.house().clock.now();
    let hour = std::time::Duration::from_secs(3_600);
    let mut tx = node.house().store.write("testkit").await.expect("a transaction");
    let _leased: Vec<weal_store::Job<serde_json::Value>> = tx
        .due(
            now + hour,
            now + hour * 2,
            weal_store::Take { jobs_max: 1_000, jobs_per_peer_max: 1_000, busy: &[] },
        )
        .await
        .expect("jobs");
    tx.commit().await.expect("leased");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn papers_are_fetched_when_a_membership_is_judged_and_never_go_back() {
    let mut federation = Federation::of(&["revenue", "education"]).await;
    federation.member("revenue").offers_on_paper("regions", Mode::Extract, open_terms()).await;
    federation.member("education").looks_around().await;
    federation.member_mut("revenue").stops().await;

    // While revenue is down the charter changes, education is suspended, and no word of it gets through.
    let council = federation.member("council");
    let (first_charter, first_register) = council.house().signed_papers().await.expect("papers");
    let adopt = weal_node::api::AdoptCharter {
        name: "Council Agency".into(),
        purposes: vec![FRAUD.parse().expect("a purpose")],
        text: "Less is shared.".into(),
    };
    council.house().adopt_charter(&council.person, adopt).await.expect("adopted");
    let education = federation.member("education").did();
    let audit = Some("Audit.".to_owned());
    let suspended = Standing::Suspended;
    council.house().set_standing(&council.person, &education, suspended, audit).await.expect("suspended");
    // What is being tried just now fails, waits, and is then kept back like everything else.
    for _ in 0..8 {
        tokio::time::sleep(std::time::Duration::from_millis(300)).await;
        falls_silent(council).await;
    }
    federation.member_mut("revenue").starts().await;

    let (revenue, education) = (federation.member("revenue"), federation.member("education"));
    assert_eq!(revenue.house().charter().expect("a charter").version, 1, "it knows nothing yet");
    let url = format!("{}/dsp/2025-1/catalog/request", revenue.origin());
    let body =
        r#"{"@context":["https://w3id.org/dspace/2025/1/context.jsonld"],"@type":"CatalogRequestMessage"}"#;
    let token = education.token_for(&revenue.did());
    wire::post(&url, Some(&token), body).await.is_refused(403, "member-suspended");
    assert_eq!(revenue.house().charter().expect("a charter").version, 2);

    // What was replaced does not come back, whoever kept it.
    let (body, house) = (federation.member("council").did(), revenue.house());
    let second = federation.member("council").house().signed_papers().await.expect("papers");
    for (register, charter, code) in [
        (&second.1, &first_charter, "charter-older"),
        (&first_register, &second.0, "register-older"),
        (&first_register, &first_charter, "charter-older"),
    ] {
        match house.receive_register(&body, register, Some(charter)).await {
            Err(weal_node::fault::Error::Refused(refusal)) => assert_eq!(refusal.code, code),
            other => panic!("not refused: {other:?}"),
        }
    }
    house.receive_register(&body, &second.1, Some(&second.0)).await.expect("the same again");
    assert_eq!(house.charter().expect("a charter").version, 2);
    assert_eq!(house.ecosystem().standing(&education.did()), Some(Standing::Suspended));
}
