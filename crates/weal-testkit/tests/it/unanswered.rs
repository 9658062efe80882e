//! What an owner's node says when it cannot say anything: one sentence, paid for, and not without end. And
//! what it keeps to itself from the start.

use weal_domain::catalogue::Mode;
use weal_node::api::{Inspect, Publish};
use weal_node::fault::Error;
use weal_testkit::{FRAUD, Federation, MemberNode, statistics_terms};

use crate::main_job::payroll;

const SQL: &str = "SELECT COUNT(*) AS heads FROM revenue.payroll";

async fn spent(node: &MemberNode) -> u64 {
    let budgets = node.house().budgets().await.expect("budgets");
    assert!(budgets.iter().all(|account| account.reserved.rho_nano == 0), "{budgets:?}");
    budgets.iter().map(|account| account.spent.rho_nano).max().unwrap_or_default()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_question_that_fails_is_paid_told_in_one_sentence_and_soon_not_taken_any_more() {
    let federation = Federation::of(&["revenue", "education"]).await;
    let (revenue, education) = (federation.member("revenue"), federation.member("education"));
    revenue.publishes("payroll", &payroll(), vec![(Mode::Statistics, statistics_terms(500_000_000))]).await;
    education.looks_around().await;
    let _ = education.requests("revenue.payroll", Mode::Statistics).for_purpose(FRAUD).await.is_agreed();
    let file = revenue.folder.products().join("payroll/1.parquet");
    let aside = file.with_extension("aside");
    std::fs::rename(&file, &aside).expect("moved");
    let mut paid = 0;
    for _ in 0..3 {
        let refusal = education.asks(SQL).await.expect_err("there is no file");
        assert_eq!(refusal.code, "could-not-be-answered");
        assert!(!format!("{refusal:?}").contains("parquet"), "nothing of the cause: {refusal:?}");
        let now = spent(revenue).await;
        assert!(now > paid, "it costs what an answer costs");
        paid = now;
    }
    std::fs::rename(&aside, &file).expect("moved back");
    assert_eq!(education.asks(SQL).await.expect_err("too many").code, "too-many-unanswered");
    assert_eq!(spent(revenue).await, paid, "what is not taken costs nothing");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_found_in_columns_of_persons_is_not_published_and_former_versions_go() {
    let mut federation = Federation::of(&["revenue"]).await;
    let revenue = federation.member_mut("revenue");
    let published = revenue.publishes("payroll", &payroll(), Vec::new()).await;
    assert!(
        published.product.columns.iter().all(|column| column.nullable),
        "{:?}",
        published.product.columns
    );
    revenue.publishes("payroll", &payroll(), Vec::new()).await;
    let file = |version: u32| revenue.folder.products().join(format!("payroll/{version}.parquet"));
    let (first, second) = (file(1), file(2));
    assert!(first.is_file() && second.is_file(), "somebody may be about to open the first");
    revenue.stops().await;
    revenue.starts().await;
    assert!(!first.exists() && second.is_file());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_owner_cannot_declare_what_no_noise_could_cover() {
    let federation = Federation::of(&["revenue"]).await;
    let revenue = federation.member("revenue");
    let house = revenue.house();
    let upload = house.begin_upload(&revenue.person).await.expect("an upload");
    let body = futures::stream::iter([Ok::<_, std::io::Error>(bytes::Bytes::from(payroll()))]);
    house.receive_file(&revenue.person, &upload, "payroll.csv", body).await.expect("received");
    let inspected = house.inspect(&revenue.person, &upload, &Inspect::default()).await.expect("inspected");
    let sound = inspected.privacy.expect("a policy");
    let wide = sound.bounds.keys().next().expect("a column with bounds").clone();
    for what in ["groups", "rows", "bounds", "places"] {
        let mut policy = sound.clone();
        let bounds = policy.bounds.get_mut(&wide).expect("its bounds");
        let code = match what {
            "groups" => {
                policy.groups_per_subject_max = u32::MAX;
                "contribution"
            }
            "rows" => {
                policy.bounds.clear();
                policy.rows_per_group_max = u32::MAX;
                "contribution"
            }
            "bounds" => {
                bounds.high = 4_503_599_627_370_496.0;
                policy.rows_per_group_max = 4096;
                "bounds-too-wide"
            }
            _ => {
                bounds.decimals = 200;
                "bounds-too-wide"
            }
        };
        let publish = Publish {
            identifier: None,
            upload: upload.clone(),
            name: "payroll".parse().expect("a name"),
            title: "Payroll".into(),
            description: String::new(),
            keywords: Vec::new(),
            classification: inspected.classification,
            privacy: Some(policy),
            offers: Vec::new(),
        };
        match house.publish(&revenue.person, publish).await {
            Err(Error::Refused(refusal)) => assert_eq!(refusal.code, code, "{what}"),
            other => panic!("{what} should have been refused: {other:?}"),
        }
    }
}
