//! Questions that join products of one owner: each is used under an agreement of its own, all are charged and sealed
//! together or not at all, and no product is read that its agreement does not let be read.

use std::collections::BTreeSet;
use std::time::Duration;

use reqwest::Method;
use weal_domain::Refusal;
use weal_domain::agreements::Agreement;
use weal_domain::catalogue::{Mode, ProductName, Terms};
use weal_domain::compute::{Answer, BudgetMove, Cell, Loss};
use weal_domain::ledger::{Fact, Receipt};
use weal_node::api::{AlsoUsedShown, Answered, Ask};
use weal_testkit::{FRAUD, Federation, MemberNode, RESEARCH, open_terms, statistics_terms, wire};

use crate::main_job::payroll;
use crate::restarts::ledgers_match;
use crate::unanswered::agreed_by_a_steward_for;

/// What each question of these tests costs, of each product that is charged.
pub(crate) const RHO_NANO: u64 = 5_000_000;
/// Persons of the payroll that get a benefit.
const SUPPORTED: usize = 1_200;
const REGIONS: &str = "region,climate\nnorth,cold\nsouth,warm\nwest,warm\n";
const SQL: &str = "SELECT r.climate, COUNT(*) AS people FROM revenue.payroll p \
    JOIN revenue.benefits b ON p.person_id = b.person_id JOIN revenue.regions r ON p.region = r.region GROUP BY r.climate";

fn benefits() -> String {
    let row = |person: usize| format!("p{person:05},{}\n", ["rent", "child"][person % 2]);
    (0..SUPPORTED).map(row).fold("person_id,kind\n".to_owned(), |csv, row| csv + &row)
}

/// Asks for no groups, so that each question is another one and costs no delta.
pub(crate) fn question(nth: usize) -> String {
    format!(
        "SELECT COUNT(*) AS people{nth} FROM revenue.payroll p JOIN revenue.benefits b ON p.person_id = b.person_id"
    )
}

/// Payroll, benefits and regions of revenue, with budgets for so many questions of the first two.
pub(crate) async fn published(revenue: &MemberNode, payrolls: u64, benefit: u64) {
    let offers = |questions: u64| vec![(Mode::Statistics, statistics_terms(questions * RHO_NANO))];
    revenue.publishes("payroll", &payroll(), offers(payrolls)).await;
    revenue.publishes("benefits", &benefits(), offers(benefit)).await;
    revenue.publishes("regions", REGIONS, vec![(Mode::Extract, open_terms())]).await;
}

pub(crate) async fn agreed(education: &MemberNode, names: &[&str]) -> Vec<Agreement> {
    education.looks_around().await;
    let mut agreements = Vec::new();
    for name in names {
        let mode = if *name == "regions" { Mode::Extract } else { Mode::Statistics };
        let wish = education.requests(&format!("revenue.{name}"), mode);
        agreements.push(wish.for_purpose(FRAUD).await.is_agreed());
    }
    agreements
}

async fn spent(owner: &MemberNode, product: &str) -> u64 {
    let shown = owner.house().budget_shown(&format!("product:{product}")).await.expect("a budget");
    assert_eq!(shown.reserved.rho_nano, 0, "{shown:?}");
    shown.spent.rho_nano
}

async fn nothing_is_charged(owner: &MemberNode) {
    assert_eq!((spent(owner, "payroll").await, spent(owner, "benefits").await), (0, 0));
    let events = owner.house().budget_events(&owner.person, None, 0, 1_000).await.expect("events");
    assert!(events.iter().all(|event| matches!(event.what, BudgetMove::Granted { .. })), "{events:?}");
}

fn statistics(answered: Answered) -> (Answer, Receipt, Vec<AlsoUsedShown>) {
    let Answered::Statistics { answer, receipt, also, .. } = answered else { panic!("{answered:?}") };
    (answer, receipt, also)
}

fn names(names: &[&str]) -> Vec<ProductName> {
    names.iter().map(|name| name.parse().expect("a product name")).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn products_are_joined_privately_and_each_is_charged_sealed_and_told_of() {
    let federation = Federation::of(&["revenue", "education"]).await;
    let (revenue, education) = (federation.member("revenue"), federation.member("education"));
    published(revenue, 10, 20).await;
    agreed(education, &["payroll", "benefits", "regions"]).await;

    let told = education.asks(&format!("EXPLAIN PRIVACY {SQL}")).await.expect("a preview");
    let Answered::Preview { preview, budget: Some(budget), also, .. } = told else { panic!("{told:?}") };
    let said = preview.explanation.join(" ");
    assert!(
        said.contains("`revenue.benefits` and `revenue.payroll` hold, and each is charged the whole loss"),
        "{said}"
    );
    assert!(said.contains("`revenue.regions` is about nobody"), "{said}");
    assert_eq!((budget.questions_left, also.len()), (Some(20), 1), "benefits stand first, payroll follows");
    assert_eq!((also[0].name.as_str(), also[0].questions_left), ("payroll", Some(10)));
    nothing_is_charged(revenue).await;

    let (answer, first, also) = statistics(education.asks(SQL).await.expect("an answer"));
    let people: f64 = answer
        .rows
        .iter()
        .map(|row| if let Cell::Estimate { value, .. } = row[1] { value } else { panic!("{row:?}") })
        .sum();
    assert!((people - SUPPORTED as f64).abs() < 300.0, "{answer:?}");
    assert_eq!(answer.rows.len(), 2, "cold and warm: {answer:?}");
    let price = answer.loss.rho_nano;
    assert_eq!((spent(revenue, "payroll").await, spent(revenue, "benefits").await), (price, price));

    // A receipt of each, under one digest; what is about nobody costs nothing.
    let receipts: Vec<&Receipt> = [&first].into_iter().chain(also.iter().map(|used| &used.receipt)).collect();
    let of = |place: usize| (receipts[place].product.as_str(), receipts[place].mode, receipts[place].loss);
    assert_eq!(of(0), ("benefits", Mode::Statistics, answer.loss));
    assert_eq!(of(1), ("payroll", Mode::Statistics, answer.loss));
    assert_eq!(of(2), ("regions", Mode::Extract, Loss::ZERO));
    assert_eq!(receipts[0].joined_with, names(&["payroll", "regions"]));
    assert_eq!(receipts[2].joined_with, names(&["benefits", "payroll"]));
    assert!(receipts.iter().all(|receipt| receipt.answer_sha256 == first.answer_sha256));
    let uses: BTreeSet<_> = receipts.iter().map(|receipt| receipt.use_id.to_string()).collect();
    assert_eq!((uses.len(), ledgers_match(revenue, education).await), (3, 3));
    assert!(also[1].budget_after.is_none() && also[0].budget_after.is_some());

    // An accountant of either product sees the whole charge, its noise, and whose question it was.
    for product in names(&["payroll", "benefits"]) {
        let events =
            revenue.house().budget_events(&revenue.person, Some(&product), 0, 100).await.expect("events");
        let charged = events.iter().filter_map(|event| match &event.what {
            BudgetMove::Spent { charge, loss, releases } => Some((charge, loss.rho_nano, releases.len())),
            _ => None,
        });
        let charged: Vec<_> = charged.collect();
        assert_eq!(charged.len(), 1, "{product}");
        assert!(charged[0].1 == price && charged[0].2 > 0, "{product}");
        assert_eq!(charged[0].0.question_sha256, first.question_sha256);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_joined_question_is_free_until_any_of_its_products_is_another() {
    let federation = Federation::of(&["revenue", "education"]).await;
    let (revenue, education) = (federation.member("revenue"), federation.member("education"));
    published(revenue, 100, 100).await;
    let agreements = agreed(education, &["payroll", "benefits", "regions"]).await;
    let (first, paid, _) = statistics(education.asks(SQL).await.expect("an answer"));
    let (again, free, also) = statistics(education.asks(SQL).await.expect("an answer"));
    assert_eq!((&again, free.loss), (&first, Loss::ZERO));
    assert!(also.iter().all(|used| used.receipt.loss.is_zero()));
    assert_ne!(free.use_id, paid.use_id);
    let price = first.loss.rho_nano;
    assert_eq!((spent(revenue, "payroll").await, spent(revenue, "benefits").await), (price, price));
    assert_eq!(ledgers_match(revenue, education).await, 6);

    // Another version of any of them, also of one that is joined as it is.
    revenue.publishes("regions", &REGIONS.replace("west,warm", "west,cold"), Vec::new()).await;
    let (other, _, _) = statistics(education.asks(SQL).await.expect("an answer"));
    assert_ne!(other.rows, first.rows);
    revenue.publishes("payroll", &payroll(), Vec::new()).await;
    education.asks(SQL).await.expect("an answer");
    assert_eq!((spent(revenue, "payroll").await, spent(revenue, "benefits").await), (3 * price, 3 * price));

    // What is over is over, also for what was answered before: of any of them.
    revenue.revokes(&agreements[2], "It is over.").await;
    let refusal = education.asks(SQL).await.expect_err("revoked");
    assert_eq!(refusal.code, "agreement-revoked");
    assert_eq!((spent(revenue, "payroll").await, spent(revenue, "benefits").await), (3 * price, 3 * price));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_an_agreement_for_each_of_one_owner_and_purpose_nothing_is_asked() {
    let federation = Federation::of(&["revenue", "education", "welfare"]).await;
    let (revenue, education) = (federation.member("revenue"), federation.member("education"));
    published(revenue, 100, 100).await;
    let welfare = federation.member("welfare");
    welfare.publishes("cases", &benefits(), vec![(Mode::Statistics, statistics_terms(500_000_000))]).await;
    education.publishes("schools", REGIONS, Vec::new()).await;
    agreed(education, &["payroll"]).await;
    let refused = async |sql: &str| education.asks(sql).await.expect_err("refused");

    let missing = refused(SQL).await;
    assert_eq!(missing.code, "agreement-missing");
    assert!(missing.remedy.is_some_and(|remedy| remedy.contains("weal request revenue.benefits")));
    let other =
        education.requests("revenue.benefits", Mode::Statistics).for_purpose(RESEARCH).await.is_agreed();
    let differ = refused(&question(0)).await;
    assert_eq!(differ.code, "purposes-differ", "{differ:?}");
    let remedy = differ.remedy.unwrap_or_default();
    assert!(remedy.contains("weal request revenue.") && remedy.contains("--purpose https://"), "{remedy}");

    let _ = education.requests("welfare.cases", Mode::Statistics).for_purpose(FRAUD).await.is_agreed();
    let apart = "SELECT COUNT(*) FROM revenue.payroll p JOIN welfare.cases c ON p.person_id = c.person_id";
    let apart = refused(apart).await;
    assert_eq!(apart.code, "owners-not-stacked", "{apart:?}");
    let own = "SELECT COUNT(*) FROM revenue.payroll p JOIN education.schools s ON p.region = s.region";
    assert_eq!(refused(own).await.code, "own-beside-private");
    let rows = "SELECT p.region FROM revenue.payroll p JOIN revenue.benefits b ON p.person_id = b.person_id";
    assert_eq!(refused(rows).await.code, "rows-not-agreed");

    // Two purposes of payroll, and one of them is that of benefits.
    let _ = agreed_by_a_steward_for(revenue, education, ("revenue.payroll", RESEARCH)).await;
    nothing_is_charged(revenue).await;
    let (_, receipt, also) = statistics(education.asks(&question(1)).await.expect("an answer"));
    assert_eq!((&receipt.agreement, &receipt.purpose), (&other.id, &also[0].receipt.purpose));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn where_one_product_says_no_none_is_charged() {
    let federation = Federation::of(&["revenue", "education"]).await;
    let (revenue, education) = (federation.member("revenue"), federation.member("education"));
    published(revenue, 10, 2).await;
    let agreements = agreed(education, &["payroll", "benefits"]).await;
    for nth in 0..2 {
        education.asks(&question(nth)).await.expect("an answer");
    }
    let refusal = education.asks(&question(2)).await.expect_err("benefits are used up");
    assert_eq!(refusal.code, "agreement-budget-exhausted");
    assert!(refusal.reason.starts_with("About benefits: "), "{refusal:?}");
    let both = async || (spent(revenue, "payroll").await, spent(revenue, "benefits").await);
    assert_eq!(both().await, (2 * RHO_NANO, 2 * RHO_NANO), "nothing of the payroll either");
    education.asks("SELECT COUNT(*) AS heads FROM revenue.payroll").await.expect("the payroll alone is left");
    assert_eq!(both().await, (3 * RHO_NANO, 2 * RHO_NANO));

    revenue.revokes(&agreements[1], "It is over.").await;
    let refusal = education.asks(&question(3)).await.expect_err("revoked");
    assert_eq!(refusal.code, "agreement-revoked");
    assert_eq!(both().await, (3 * RHO_NANO, 2 * RHO_NANO));
    let (entries, _) = revenue.house().entries_newest(None, 200).await.expect("entries");
    let refused = |code: &str| {
        let is = |fact: &Fact| matches!(fact, Fact::UseRefused { code: found, .. } if found == code);
        entries.iter().filter(|(_, entry)| is(&entry.fact)).count()
    };
    assert_eq!(refused("agreement-budget-exhausted"), 1, "remembered under the agreement that refused");
    ledgers_match(revenue, education).await;
}

/// Straight at the owner's door: what the asker's own node would never send.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lines_that_are_not_the_askers_or_not_for_this_open_nothing() {
    let federation = Federation::of(&["revenue", "education", "welfare"]).await;
    let (revenue, education) = (federation.member("revenue"), federation.member("education"));
    published(revenue, 100, 100).await;
    let named = Terms { columns: Some(vec!["person_id".into(), "kind".into()]), ..open_terms() };
    revenue.publishes("benefits", &benefits(), vec![(Mode::Extract, named)]).await;
    let agreements = agreed(education, &["payroll", "benefits", "regions"]).await;
    let rows = education.requests("revenue.benefits", Mode::Extract).for_purpose(FRAUD).await.is_agreed();
    let welfare = federation.member("welfare");
    let theirs = agreed(welfare, &["benefits"]).await;

    let line = async |node: &MemberNode, agreement: &Agreement| {
        let address = node.house().open_line(agreement).await.expect("a line");
        let token = address.property("authorization").expect("a token").to_owned();
        let pid = address.endpoint.rsplit('/').next().expect("a pid").replace("%3A", ":");
        (address.endpoint.clone(), serde_json::json!({ "transfer": pid, "token": token }))
    };
    let (endpoint, payroll) = line(education, &agreements[0]).await;
    let (_, benefits) = line(education, &agreements[1]).await;
    let (_, regions) = line(education, &agreements[2]).await;
    let (_, of_rows) = line(education, &rows).await;
    let (_, of_welfare) = line(welfare, &theirs[0]).await;
    let guessed = serde_json::json!({ "transfer": benefits["transfer"], "token": payroll["token"] });
    let secret = payroll["token"].as_str().expect("a token").to_owned();
    let asked = async |sql: &str, also: serde_json::Value| {
        let message = serde_json::json!({ "sql": sql, "person": "p", "role": "analyst", "also": also });
        let token = education.token_for(&revenue.did());
        let headers = [("weal-transfer", secret.as_str())];
        wire::send(Method::POST, &format!("{endpoint}/question"), Some(&token), &headers, message.to_string())
            .await
    };
    let both = question(0);
    for (also, code) in [
        (serde_json::json!([]), "other-product"),
        (serde_json::json!([of_welfare]), "transfer-unknown"),
        (serde_json::json!([guessed]), "transfer-unknown"),
        (serde_json::json!([payroll]), "product-twice"),
        (serde_json::json!([benefits, benefits]), "product-twice"),
        (serde_json::json!([of_rows]), "persons-unprotected"),
        (serde_json::json!([benefits, regions]), "product-not-named"),
    ] {
        let reply = asked(&both, also.clone()).await;
        assert_eq!(reply.code(), code, "{also}: {}", reply.text);
    }
    nothing_is_charged(revenue).await;
    let reply = asked(&both, serde_json::json!([benefits])).await;
    assert_eq!(reply.status, 200, "{}", reply.text);
    assert_eq!((spent(revenue, "payroll").await, spent(revenue, "benefits").await), (RHO_NANO, RHO_NANO));
}

async fn codes(outcomes: Vec<Result<Answered, Refusal>>) -> (usize, BTreeSet<String>) {
    let answered = outcomes.iter().filter(|outcome| outcome.is_ok()).count();
    (answered, outcomes.into_iter().filter_map(Result::err).map(|refusal| refusal.code).collect())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_joined_questions_at_once_never_overspend_the_smallest_budget() {
    let federation = Federation::of(&["revenue", "education"]).await;
    let (revenue, education) = (federation.member("revenue"), federation.member("education"));
    published(revenue, 100, 7).await;
    for agreement in agreed(education, &["payroll", "benefits"]).await {
        education.house().open_line(&agreement).await.expect("a line");
    }
    let questions: Vec<String> = (0..24).map(question).collect();
    let asking = questions.iter().map(|sql| education.asks(sql));
    let (answered, refused) = codes(futures::future::join_all(asking).await).await;
    assert_eq!(answered, 7);
    assert_eq!(refused, BTreeSet::from(["agreement-budget-exhausted".to_owned()]));
    assert_eq!(
        (spent(revenue, "payroll").await, spent(revenue, "benefits").await),
        (7 * RHO_NANO, 7 * RHO_NANO)
    );
    assert_eq!(ledgers_match(revenue, education).await, 14);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_joined_question_that_fails_is_paid_by_every_product_and_soon_not_taken() {
    let federation = Federation::of(&["revenue", "education"]).await;
    let (revenue, education) = (federation.member("revenue"), federation.member("education"));
    published(revenue, 100, 100).await;
    agreed(education, &["payroll", "benefits"]).await;
    let file = revenue.folder.products().join("benefits/1.parquet");
    std::fs::rename(&file, file.with_extension("aside")).expect("moved");
    for nth in 0..3 {
        let refusal = education.asks(&question(nth)).await.expect_err("its rows are gone");
        assert_eq!(refusal.code, "could-not-be-answered");
    }
    assert_eq!(
        (spent(revenue, "payroll").await, spent(revenue, "benefits").await),
        (3 * RHO_NANO, 3 * RHO_NANO)
    );
    assert_eq!(education.asks(&question(3)).await.expect_err("too many").code, "too-many-unanswered");
    let alone = education.asks("SELECT COUNT(*) AS heads FROM revenue.payroll").await;
    assert_eq!(alone.expect_err("a join is no way around it").code, "too-many-unanswered");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_agreement_revoked_while_the_answer_is_made_cuts_it_though_it_is_not_the_first() {
    let mut federation = Federation::of(&["revenue", "education"]).await;
    federation.member_mut("revenue").stops().await;
    federation.member_mut("revenue").config_mut().limits.answer_step_ms = 3_000;
    federation.member_mut("revenue").starts().await;
    let (revenue, education) = (federation.member("revenue"), federation.member("education"));
    published(revenue, 100, 100).await;
    let agreements = agreed(education, &["benefits", "payroll"]).await;
    for agreement in &agreements {
        education.house().open_line(agreement).await.expect("a line");
    }
    let revoking = async {
        for _ in 0..500 {
            let shown = revenue.house().budget_shown("product:payroll").await.expect("a budget");
            if !shown.reserved.is_zero() {
                return revenue.revokes(&agreements[1], "It is over.").await;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    let sql = question(0);
    let (answered, ()) = tokio::join!(education.asks(&sql), revoking);
    assert_eq!(answered.expect_err("revoked").code, "agreement-revoked");
    assert_eq!((spent(revenue, "payroll").await, spent(revenue, "benefits").await), (RHO_NANO, RHO_NANO));
    let uses = revenue.house().uses(&revenue.person, None, 10).await.expect("uses");
    assert!(uses.is_empty(), "neither product's use was granted: {uses:?}");
}

/// `--agreement` names the one of several about its own product; the others follow its purpose.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wanted_agreement_decides_the_purpose_of_all() {
    let federation = Federation::of(&["revenue", "education"]).await;
    let (revenue, education) = (federation.member("revenue"), federation.member("education"));
    published(revenue, 100, 100).await;
    agreed(education, &["payroll", "benefits"]).await;
    let mut research = Vec::new();
    for product in ["revenue.payroll", "revenue.benefits"] {
        research.push(agreed_by_a_steward_for(revenue, education, (product, RESEARCH)).await);
    }
    let ask = |agreement: &Agreement| Ask {
        sql: question(0),
        preview: false,
        loss: None,
        format: None,
        agreement: Some(agreement.id.to_string()),
    };
    for wanted in &research {
        let (_, receipt, also) = statistics(education.asks_with(ask(wanted)).await.expect("an answer"));
        assert_eq!(receipt.purpose.as_str(), RESEARCH);
        assert_eq!(also[0].receipt.purpose.as_str(), RESEARCH);
    }
    let unknown = Ask { agreement: Some("urn:uuid:none".into()), ..ask(&research[0]) };
    assert_eq!(education.asks_with(unknown).await.expect_err("not held").code, "agreement-missing");
}
