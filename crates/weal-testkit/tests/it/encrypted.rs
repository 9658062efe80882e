//! Nodes that speak TLS themselves, each at a name of its own with a certificate of an administration's own
//! authority: everything goes as it does without, did:web over https included.

use weal_domain::catalogue::Mode;
use weal_node::api::Answered;
use weal_testkit::{Authority, FRAUD, Federation, RESEARCH, open_terms, statistics_terms};

use crate::main_job::payroll;

const REGIONS: &str = "region,inhabitants\nnorth,120000\nsouth,340000\nwest,95000\n";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn members_publish_agree_and_ask_over_tls() {
    let authority = Authority::of_test();
    let federation = Federation::over_tls_of(&["revenue", "education"], &authority).await;
    let (revenue, education) = (federation.member("revenue"), federation.member("education"));
    assert!(revenue.did().as_str().starts_with("did:web:revenue.localhost%3A"), "{}", revenue.did());
    revenue.publishes("payroll", &payroll(), vec![(Mode::Statistics, statistics_terms(500_000_000))]).await;
    revenue.publishes("regions", REGIONS, vec![(Mode::Extract, open_terms())]).await;
    education.looks_around().await;

    let agreement =
        education.requests("revenue.payroll", Mode::Statistics).for_purpose(FRAUD).await.is_agreed();
    let sql = "SELECT region, COUNT(*) AS heads FROM revenue.payroll GROUP BY region";
    let answered = education.asks(sql).await.expect("an answer");
    let Answered::Statistics { answer, .. } = answered else { panic!("statistics: {answered:?}") };
    assert_eq!(answer.rows.len(), 3);

    let _ = education.requests("revenue.regions", Mode::Extract).for_purpose(RESEARCH).await.is_agreed();
    let answered = education.asks("SELECT region FROM revenue.regions ORDER BY inhabitants").await;
    let Ok(Answered::Rows { rows, .. }) = answered else { panic!("rows: {answered:?}") };
    assert_eq!(rows, [["west"], ["north"], ["south"]]);

    revenue.revokes(&agreement, "The campaign is over.").await;
    assert_eq!(education.asks(sql).await.expect_err("nothing opens").code, "agreement-revoked");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_does_not_believe_the_authority_sends_nothing() {
    let authority = Authority::of_test();
    let mut federation = Federation::over_tls_of(&["revenue"], &authority).await;
    let revenue = federation.member("revenue").did();
    let council = federation.member_mut("council");
    council.stops().await;
    let elsewhere = tempfile::tempdir().expect("a folder");
    let other = Authority::of_test().written_in(elsewhere.path());
    council.config_mut().network.additional_ca_file = Some(other);
    council.starts().await;
    let house = council.house();
    let refusal = house.peers.fetch_document(&revenue, house.clock.now()).await.expect_err("not believed");
    assert_eq!(refusal.code, "peer-unavailable");
    // And the other way round, where the authority is believed still.
    let (revenue, council) = (federation.member("revenue").house(), federation.member("council").did());
    revenue.peers.fetch_document(&council, revenue.clock.now()).await.expect("believed");
}
