//! What an owner's node says when it cannot say anything: one sentence, paid for, and not without end. And
//! what it keeps to itself from the start.

use weal_domain::agreements::{Agreement, AgreementStatus};
use weal_domain::catalogue::Mode;
use weal_node::api::{Ask, Inspect, Publish};
use weal_node::fault::Error;
use weal_testkit::{FRAUD, Federation, MemberNode, statistics_terms};

use crate::main_job::payroll;

const SQL: &str = "SELECT COUNT(*) AS heads FROM revenue.payroll";

async fn spent(node: &MemberNode) -> u64 {
    let budgets = node.house().budgets().await.expect("budgets");
    assert!(budgets.iter().all(|account| account.reserved.rho_nano == 0), "{budgets:?}");
    budgets.iter().map(|account| account.spent.rho_nano).max().unwrap_or_default()
}

/// A second agreement about the payroll, which a steward decides about.
pub(crate) async fn agreed_by_a_steward(revenue: &MemberNode, education: &MemberNode) -> String {
    let product = format!("{}.payroll", revenue.name);
    agreed_by_a_steward_for(revenue, education, (&product, FRAUD)).await.id.to_string()
}

/// The same about a product, for a purpose.
pub(crate) async fn agreed_by_a_steward_for(
    revenue: &MemberNode,
    education: &MemberNode,
    (product, purpose): (&str, &str),
) -> Agreement {
    let known: Vec<_> = education.house().agreements().await.expect("agreements");
    let _ = education.requests(product, Mode::Statistics).without_waiting(purpose).await;
    for _ in 0..2_400 {
        let negotiations = revenue.house().negotiations().await.expect("negotiations");
        if let Some(waiting) = negotiations.iter().find(|negotiation| negotiation.waits_for_us) {
            // It may have been decided a moment before; then it waits no more.
            let _ = revenue.house().decide_request(&revenue.person, &waiting.id, true, None).await;
        }
        let agreements = education.house().agreements().await.expect("agreements");
        let new = agreements.into_iter().find(|agreement| known.iter().all(|old| old.id != agreement.id));
        if let Some(agreement) = new.filter(|agreement| agreement.status == AgreementStatus::InForce) {
            return agreement;
        }
        tokio::time::sleep(std::time::Duration::from_millis(25)).await;
    }
    panic!("no second agreement");
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
    education.asks(SQL).await.expect("an answer");
    let price = spent(revenue).await;
    std::fs::rename(&file, &aside).expect("moved");
    // All at once: no more of them may fail than one after the other.
    let questions: Vec<String> = (0..8).map(|n| SQL.replace("heads", &format!("heads{n}"))).collect();
    let asked = futures::future::join_all(questions.iter().map(|sql| education.asks(sql))).await;
    let codes: Vec<String> = asked.into_iter().map(|asked| asked.expect_err("no file").code).collect();
    let failed = codes.iter().filter(|code| *code == "could-not-be-answered").count();
    let not_taken = codes.iter().filter(|code| *code == "too-many-unanswered").count();
    assert_eq!((failed, not_taken), (3, 5), "{codes:?}");
    let paid = spent(revenue).await;
    assert_eq!(paid, 4 * price, "each costs what an answer costs");
    std::fs::rename(&aside, &file).expect("moved back");
    // Another agreement about the same product gives nothing anew.
    let second = agreed_by_a_steward(revenue, education).await;
    let ask = Ask { sql: SQL.into(), preview: false, loss: None, format: None, agreement: Some(second) };
    let refusal = education.asks_with(ask).await.expect_err("too many");
    assert_eq!(refusal.code, "too-many-unanswered");
    assert!(!format!("{refusal:?}").contains("parquet"), "nothing of the cause: {refusal:?}");
    assert_eq!(spent(revenue).await, paid, "what is not taken costs nothing");
    let metrics = revenue.house().metrics.text();
    assert!(metrics.contains("weal_questions_unanswered_total 3"), "{metrics}");
    assert!(metrics.contains("weal_questions_not_taken_total 6"), "{metrics}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slow_answer_arrives_although_peers_are_given_up_sooner() {
    let mut federation = Federation::of(&["revenue", "education"]).await;
    let (revenue, education) = (federation.member("revenue"), federation.member("education"));
    revenue.publishes("payroll", &payroll(), vec![(Mode::Statistics, statistics_terms(500_000_000))]).await;
    education.looks_around().await;
    let agreement =
        education.requests("revenue.payroll", Mode::Statistics).for_purpose(FRAUD).await.is_agreed();
    education.house().open_line(&agreement).await.expect("a line");
    let education = federation.member_mut("education");
    education.stops().await;
    education.config_mut().network.peer_timeout_s = 3;
    education.starts().await;
    let (revenue, education) = (federation.member("revenue"), federation.member("education"));
    // The owner has its hands full for longer than a peer is waited for, and for less than a question waits its turn.
    let engine = &revenue.house().engine;
    let mut turns = Vec::new();
    for _ in 0..engine.limits().questions_at_once_max {
        turns.push(engine.turn().await.expect("a turn"));
    }
    let free = async {
        tokio::time::sleep(std::time::Duration::from_millis(4_500)).await;
        drop(turns);
    };
    let (asked, ()) = tokio::join!(education.asks(SQL), free);
    asked.expect("an answer");
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
    for what in ["groups", "rows", "bounds", "places", "text"] {
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
            "places" => {
                bounds.decimals = 200;
                "bounds-too-wide"
            }
            _ => {
                let bounds = *bounds;
                policy.bounds.insert(sound.subject.clone(), bounds);
                "bounds-of-no-number"
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
            about_nobody: false,
            privacy: Some(policy),
            particulars: Default::default(),
            offers: Vec::new(),
        };
        match house.publish(&revenue.person, publish).await {
            Err(Error::Refused(refusal)) => assert_eq!(refusal.code, code, "{what}"),
            other => panic!("{what} should have been refused: {other:?}"),
        }
    }
}
