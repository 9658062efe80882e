//! Publish, agree, ask, prove: between real nodes on loopback.

use std::time::Duration;

use weal_domain::RefusalKind;
use weal_domain::catalogue::Mode;
use weal_node::api::Answered;
use weal_testkit::{FRAUD, Federation, RESEARCH, open_terms, statistics_terms};

/// Wages of 3,000 persons in three regions.
pub(crate) fn payroll() -> String {
    let mut csv = String::from("person_id,region,monthly_wage\n");
    for person in 0..3_000 {
        let region = ["north", "south", "west"][person % 3];
        csv.push_str(&format!("p{person:05},{region},{}\n", 2_000 + (person % 3) * 500 + person % 7));
    }
    csv
}

const REGIONS: &str = "region,inhabitants\nnorth,120000\nsouth,340000\nwest,95000\n";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_member_asks_another_for_a_private_statistic_until_it_is_revoked() {
    let mut federation = Federation::of(&["revenue", "education"]).await;
    let named = weal_domain::catalogue::Terms {
        recipients: vec![federation.member("council").did()],
        columns: Some(vec!["region".into(), "monthly_wage".into()]),
        ..open_terms()
    };
    let revenue = federation.member("revenue");
    revenue
        .publishes(
            "payroll",
            &payroll(),
            vec![(Mode::Statistics, statistics_terms(500_000_000)), (Mode::Extract, named)],
        )
        .await;
    let education = federation.member("education");
    education.looks_around().await;

    let refusal = education
        .requests("revenue.payroll", Mode::Extract)
        .for_purpose(FRAUD)
        .await
        .is_refused_because("mode-not-offered");
    assert_eq!(refusal.instead, Some(Mode::Statistics), "the refusal names the rung that would answer");
    assert!(!refusal.reason.contains("named"), "that others have more is not told: {refusal:?}");

    let agreement =
        education.requests("revenue.payroll", Mode::Statistics).for_purpose(FRAUD).await.is_agreed();
    let theirs = revenue.house().agreement(&agreement.id).await.expect("the owner holds it too");
    assert_eq!(theirs.policy, agreement.policy);

    // Between the members everything goes on without the governing body.
    federation.member_mut("council").stops().await;
    let (revenue, education) = (federation.member("revenue"), federation.member("education"));
    let sql =
        "SELECT region, COUNT(*) AS heads, AVG(monthly_wage) AS wage FROM revenue.payroll GROUP BY region";
    let answered = education.asks(sql).await.expect("an answer");
    let Answered::Statistics { answer, budget_before, budget_after, receipt, .. } = answered else {
        panic!("statistics, not rows");
    };
    assert_eq!(answer.rows.len(), 3);
    assert!(budget_after.spent.rho_nano > budget_before.spent.rho_nano);
    assert_eq!(budget_after.spent.rho_nano - budget_before.spent.rho_nano, answer.loss.rho_nano);
    let [ours] = education
        .house()
        .uses(&education.person, Some(&agreement.id), 10)
        .await
        .expect("uses")
        .try_into()
        .expect("one use");
    let [theirs] = revenue
        .house()
        .uses(&revenue.person, Some(&agreement.id), 10)
        .await
        .expect("uses")
        .try_into()
        .expect("one use");
    assert_eq!(ours.receipt, receipt);
    assert_eq!(ours.receipt, theirs.receipt, "both ledgers keep the same receipt");

    revenue.revokes(&agreement, "The campaign is over.").await;
    let refusal = education.asks(sql).await.expect_err("nothing opens any more");
    assert_eq!(refusal.code, "agreement-revoked");
    assert!(refusal.reason.contains("The campaign is over."), "{}", refusal.reason);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reference_table_is_released_as_rows() {
    let federation = Federation::of(&["revenue", "education"]).await;
    let (revenue, education) = (federation.member("revenue"), federation.member("education"));
    revenue.publishes("regions", REGIONS, vec![(Mode::Extract, open_terms())]).await;
    education.looks_around().await;
    let agreement =
        education.requests("revenue.regions", Mode::Extract).for_purpose(RESEARCH).await.is_agreed();
    let answered =
        education.asks("SELECT region FROM revenue.regions WHERE inhabitants > 100000 ORDER BY region").await;
    let Ok(Answered::Rows { rows, receipts, .. }) = answered else { panic!("rows: {answered:?}") };
    assert_eq!(rows, [["north"], ["south"]]);
    assert_eq!(receipts[0].agreement, agreement.id);
    let left: Vec<_> = std::fs::read_dir(education.folder.received()).expect("the folder").collect();
    assert!(left.is_empty(), "received rows are gone once they are read");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_suspended_member_is_refused_everywhere() {
    let federation = Federation::of(&["revenue", "education"]).await;
    let (council, revenue, education) =
        (federation.member("council"), federation.member("revenue"), federation.member("education"));
    revenue.publishes("regions", REGIONS, vec![(Mode::Extract, open_terms())]).await;
    education.looks_around().await;
    let agreed = education.requests("revenue.regions", Mode::Extract).for_purpose(RESEARCH).await.is_agreed();
    council
        .house()
        .set_standing(
            &council.person,
            &education.did(),
            weal_domain::governance::Standing::Suspended,
            Some("Audit.".into()),
        )
        .await
        .expect("suspended");
    let mut outcome = education.asks("SELECT * FROM revenue.regions").await;
    for _ in 0..600 {
        if outcome.is_err() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
        outcome = education.asks("SELECT * FROM revenue.regions").await;
    }
    let refusal = outcome.expect_err("refused as soon as it is known");
    assert_eq!(refusal.kind, RefusalKind::Forbidden, "{refusal:?}, {agreed:?}");
}
