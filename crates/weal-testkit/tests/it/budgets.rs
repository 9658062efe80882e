//! Budgets between real nodes: nothing is asked for that is not paid, nobody begins anew, what was paid for is given
//! again, and what a renewal gives back is written down.

use std::collections::BTreeSet;
use std::time::Duration;

use reqwest::Method;
use weal_domain::catalogue::{Mode, PrivacyPolicy, Terms};
use weal_domain::compute::{Answer, BudgetMove, BudgetRules, Loss, Renewal};
use weal_domain::identity::{Person, Role};
use weal_domain::ledger::{Fact, Receipt};
use weal_domain::{Refusal, Timestamp};
use weal_node::api::{Answered, Ask};
use weal_node::fault::Error;
use weal_testkit::{FRAUD, Federation, MemberNode, open_terms, statistics_terms, wire};

use crate::main_job::payroll;
use crate::restarts::ledgers_match;
use crate::unanswered::agreed_by_a_steward;

/// What each question of these tests costs: a region's public, so no delta is paid.
const RHO_NANO: u64 = 5_000_000;

fn question(nth: impl std::fmt::Display) -> String {
    format!("SELECT COUNT(*) AS heads{nth} FROM revenue.payroll")
}

fn rho(questions: u64) -> Loss {
    Loss { rho_nano: questions * RHO_NANO, delta_femto: 1_000_000_000 }
}

/// Revenue's payroll under a policy changed from the proposed one, and an agreement of education about it.
async fn agreed(federation: &Federation, agreement: u64, change: impl FnOnce(&mut PrivacyPolicy)) {
    let (revenue, education) = (federation.member("revenue"), federation.member("education"));
    let terms = match agreement {
        0 => open_terms(),
        questions => statistics_terms(questions * RHO_NANO),
    };
    let offers = vec![(Mode::Statistics, terms)];
    revenue.tries_to_publish_with("payroll", &payroll(), offers, change).await.expect("published");
    education.looks_around().await;
    let _ = education.requests("revenue.payroll", Mode::Statistics).for_purpose(FRAUD).await.is_agreed();
}

fn ask(sql: String, loss: Option<Loss>, agreement: Option<String>) -> Ask {
    Ask { sql, preview: false, loss, format: None, agreement }
}

async fn asks_as(node: &MemberNode, by: &Person, sql: String) -> Result<(), Refusal> {
    match node.house().ask(by, &ask(sql, None, None)).await {
        Ok(_) => Ok(()),
        Err(Error::Refused(refusal)) => Err(refusal),
        Err(Error::Fault(fault)) => panic!("a fault instead of an answer: {fault}"),
    }
}

fn statistics(answered: Answered) -> (Answer, Receipt) {
    let Answered::Statistics { answer, receipt, .. } = answered else { panic!("{answered:?}") };
    (answer, receipt)
}

async fn spent_of_product(owner: &MemberNode) -> u64 {
    owner.house().budget_shown("product:payroll").await.expect("a budget").spent.rho_nano
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn neither_a_second_agreement_nor_a_new_version_begins_anew() {
    let federation = Federation::of(&["revenue", "education"]).await;
    let (revenue, education) = (federation.member("revenue"), federation.member("education"));
    agreed(&federation, 2, |_| {}).await;
    for nth in 0..2 {
        education.asks(&question(nth)).await.expect("an answer");
    }
    let refusal = education.asks(&question(2)).await.expect_err("two were agreed");
    assert_eq!(refusal.code, "agreement-budget-exhausted");

    let second = agreed_by_a_steward(revenue, education).await;
    let refusal =
        education.asks_with(ask(question(3), None, Some(second))).await.expect_err("no fresh budget");
    assert_eq!(refusal.code, "agreement-budget-exhausted");

    let before = revenue.house().budget_shown("product:payroll").await.expect("a budget");
    revenue.publishes("payroll", &payroll(), vec![(Mode::Statistics, statistics_terms(2 * RHO_NANO))]).await;
    let refusal = education.asks(&question(4)).await.expect_err("no fresh budget");
    assert_eq!(refusal.code, "agreement-budget-exhausted");
    let after = revenue.house().budget_shown("product:payroll").await.expect("a budget");
    assert_eq!((after.spent, after.left), (before.spent, before.left));
    assert_eq!(before.spent.rho_nano, 2 * RHO_NANO);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_left_is_the_same_number_of_questions_wherever_it_is_told() {
    let federation = Federation::of(&["revenue", "education"]).await;
    let (revenue, education) = (federation.member("revenue"), federation.member("education"));
    // Of rho there is enough for 400 questions, of delta for 100.
    agreed(&federation, 0, |policy| policy.budget.rho_nano *= 4).await;
    let of_owner = async || {
        let shown = revenue.house().budget_shown("product:payroll").await.expect("a budget");
        assert_eq!(shown.question_loss.map(|loss| loss.rho_nano), Some(RHO_NANO));
        shown.questions_left
    };
    let private = "SELECT region, COUNT(*) AS heads FROM revenue.payroll GROUP BY region".to_owned();
    assert_eq!(of_owner().await, Some(100));
    // One that costs no delta, one that does, and one that costs a tenth: what is left is told at the usual cost.
    let tenth = Some(Loss { rho_nano: RHO_NANO / 10, delta_femto: 1_000_000 });
    for (sql, loss) in [(question(0), None), (private, None), (question(1), tenth)] {
        let preview = Ask { preview: true, ..ask(sql.clone(), loss, None) };
        let told = education.asks_with(preview).await.expect("a preview");
        let Answered::Preview { budget: Some(budget), .. } = told else { panic!("{told:?}") };
        assert_eq!(budget.questions_left, of_owner().await, "{sql}");
        let before = of_owner().await;
        let answered = education.asks_with(ask(sql.clone(), loss, None)).await.expect("an answer");
        let Answered::Statistics { budget_before, budget_after, .. } = answered else {
            panic!("{answered:?}")
        };
        assert_eq!(
            (budget_before.questions_left, budget_after.questions_left),
            (before, of_owner().await),
            "{sql}"
        );
    }
    assert_eq!(of_owner().await, Some(99), "one of them spent delta");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_asks_for_more_than_is_allowed_is_told_even_where_the_answer_is_given_again() {
    let federation = Federation::of(&["revenue", "education"]).await;
    let education = federation.member("education");
    agreed(&federation, 0, |policy| policy.question_loss_max.rho_nano = 2 * RHO_NANO).await;
    let (most, more) = (2 * RHO_NANO, 20 * RHO_NANO);
    let of = |rho_nano| Some(Loss { rho_nano, delta_femto: 1_000_000 });
    let cut_of = async |loss: Option<Loss>| {
        let answered = education.asks_with(ask(question(0), loss, None)).await.expect("an answer");
        let Answered::Statistics { answer, cut, receipt, .. } = answered else { panic!("{answered:?}") };
        assert_eq!(answer.loss.rho_nano, most);
        (cut.map(|cut| (cut.asked.rho_nano, cut.allowed.rho_nano)), receipt.loss.rho_nano)
    };
    let preview = Ask { preview: true, ..ask(question(0), of(more), None) };
    let told = education.asks_with(preview).await.expect("a preview");
    let Answered::Preview { preview, .. } = told else { panic!("{told:?}") };
    let said = preview.cut.expect("a word").said;
    assert!(said.contains("asks to spend epsilon") && said.contains("at most epsilon"), "{said}");
    assert_eq!(cut_of(of(most)).await, (None, most));
    assert_eq!(cut_of(of(more)).await, (Some((more, most)), 0), "the same answer, for nothing, and a word");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn members_and_analysts_have_their_shares_and_each_refusal_names_which_is_used_up() {
    let federation = Federation::of(&["revenue", "education", "welfare"]).await;
    let (revenue, education) = (federation.member("revenue"), federation.member("education"));
    agreed(&federation, 0, |policy| {
        policy.budget = rho(100);
        policy.budget_rules = BudgetRules { member: Some(rho(3)), analyst: Some(rho(2)), renewal: None };
    })
    .await;
    let held = education.house().agreements().await.expect("agreements");
    assert_eq!(held[0].terms.budget_rules.analyst, Some(rho(2)), "the terms say what binds the consumer");

    for nth in 0..2 {
        education.asks(&question(nth)).await.expect("an answer");
    }
    let refusal = education.asks(&question(2)).await.expect_err("an analyst's share is two");
    assert_eq!(refusal.code, "analyst-budget-exhausted");
    let other = Person { account: "noor".parse().expect("a name"), ..education.person.clone() };
    asks_as(education, &other, question(3)).await.expect("a share of its own");
    let refusal = asks_as(education, &other, question(4)).await.expect_err("a member's share is three");
    assert_eq!(refusal.code, "member-budget-exhausted");
    assert!(refusal.reason.contains("0.015 rho"), "{refusal:?}");

    // Another member has a share of its own.
    let welfare = federation.member("welfare");
    welfare.looks_around().await;
    let _ = welfare.requests("revenue.payroll", Mode::Statistics).for_purpose(FRAUD).await.is_agreed();
    welfare.asks(&question(5)).await.expect("an answer");

    let shown = revenue.house().budgets().await.expect("budgets");
    let names: Vec<&str> = shown.iter().map(|budget| budget.name.as_str()).collect();
    assert!(names.contains(&"payroll, Education Agency"), "{names:?}");
    assert_eq!(shown.iter().filter(|budget| budget.account.starts_with("analyst:")).count(), 3, "{names:?}");
    let whole = &shown[0];
    assert_eq!((whole.account.as_str(), whole.spent.rho_nano), ("product:payroll", 4 * RHO_NANO));
    assert_eq!(whole.questions_left, Some(96));
    let such = whole.question.as_ref().expect("what the rest would buy");
    assert!(such.half_width.is_some_and(|half| half > 1.0), "{such:?}");

    // Whoever publishes may narrow the shares, and loosen them only who may raise a budget.
    let steward = Person {
        account: "sam".parse().expect("a name"),
        roles: vec![Role::Steward],
        ..revenue.person.clone()
    };
    let steward =
        revenue.house().add_person(&revenue.person, steward, "correct horse battery").await.expect("added");
    let mut publisher = MemberNodeBy { node: revenue, by: &steward };
    let refusal = publisher.publishes(BudgetRules::default()).await.expect_err("shares taken away");
    assert_eq!(refusal.code, "budget-raised");
    assert!(refusal.reason.contains("One analyst may spend"), "{refusal:?}");
    let narrower = BudgetRules { member: Some(rho(3)), analyst: Some(rho(1)), renewal: None };
    publisher.publishes(narrower).await.expect("narrower shares");
}

/// Publishing as somebody else than the first person.
struct MemberNodeBy<'a> {
    node: &'a MemberNode,
    by: &'a Person,
}

impl MemberNodeBy<'_> {
    async fn publishes(&mut self, rules: BudgetRules) -> Result<(), Refusal> {
        let house = self.node.house();
        let upload = house.begin_upload(self.by).await.expect("begun");
        let body = futures::stream::iter([Ok::<_, std::io::Error>(bytes::Bytes::from(payroll()))]);
        house.receive_file(self.by, &upload, "payroll.csv", body).await.expect("received");
        let inspected = house.inspect(self.by, &upload, &Default::default()).await.expect("inspected");
        let mut policy = inspected.privacy.expect("a policy");
        policy.budget = rho(100);
        policy.budget_rules = rules;
        let publish = weal_node::api::Publish {
            upload,
            name: "payroll".parse().expect("a name"),
            identifier: None,
            title: "Payroll".into(),
            description: String::new(),
            keywords: Vec::new(),
            classification: inspected.classification,
            about_nobody: false,
            privacy: Some(policy),
            particulars: Default::default(),
            offers: Vec::new(),
        };
        match house.publish(self.by, publish).await {
            Ok(_) => Ok(()),
            Err(Error::Refused(refusal)) => Err(refusal),
            Err(Error::Fault(fault)) => panic!("{fault}"),
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_question_is_answered_again_for_nothing_and_both_ledgers_keep_it() {
    let federation = Federation::of(&["revenue", "education"]).await;
    let (revenue, education) = (federation.member("revenue"), federation.member("education"));
    agreed(&federation, 20, |_| {}).await;
    // Of sums the noise is so wide that two answers never agree: in all three regions less than once in 10¹⁵ runs.
    let sql =
        "SELECT region, COUNT(*) AS heads, SUM(monthly_wage) AS wages FROM revenue.payroll GROUP BY region";
    let (first, paid) = statistics(education.asks(sql).await.expect("an answer"));
    assert_eq!(paid.loss, first.loss);
    let spent = spent_of_product(revenue).await;
    let otherwise = "select region, count(*) as heads,\n sum(monthly_wage) as wages from revenue.payroll group by region;";
    for again in [sql, otherwise] {
        let (answer, receipt) = statistics(education.asks(again).await.expect("an answer"));
        assert_eq!((answer, receipt.loss), (first.clone(), Loss::ZERO), "{again}");
        assert_ne!(receipt.use_id, paid.use_id, "a use of its own");
    }
    // A colleague under the same agreement gets it too.
    let other = Person { account: "noor".parse().expect("a name"), ..education.person.clone() };
    asks_as(education, &other, sql.to_owned()).await.expect("an answer");
    assert_eq!(spent_of_product(revenue).await, spent, "nothing was spent");
    assert_eq!(ledgers_match(revenue, education).await, 4, "each use is in both ledgers");

    // Another price, another name of a column, another version: other questions.
    let less = Loss { rho_nano: RHO_NANO / 2, ..first.loss };
    education.asks_with(ask(sql.into(), Some(less), None)).await.expect("an answer");
    assert_eq!(spent_of_product(revenue).await, spent + RHO_NANO / 2);
    education.asks(&sql.replace("heads", "Heads")).await.expect("an answer");
    assert_eq!(spent_of_product(revenue).await, spent + RHO_NANO / 2 + RHO_NANO);
    revenue.publishes("payroll", &payroll(), Vec::new()).await;
    let (answer, _) = statistics(education.asks(sql).await.expect("an answer"));
    assert_ne!(answer.rows, first.rows, "fresh noise");
    assert_eq!(spent_of_product(revenue).await, spent + RHO_NANO / 2 + 2 * RHO_NANO);

    // What is over is over, also for what was answered before.
    let held = education.house().agreements().await.expect("agreements").pop().expect("one");
    revenue.revokes(&held, "It is over.").await;
    assert_eq!(education.asks(sql).await.expect_err("revoked").code, "agreement-revoked");
}

/// Straight at the owner's door, in roles and beyond quotas in which the asker's own node would not ask.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn that_it_was_asked_before_is_told_to_whom_it_would_be_given_again() {
    let federation = Federation::of(&["revenue", "education"]).await;
    let (revenue, education) = (federation.member("revenue"), federation.member("education"));
    let terms = Terms { uses_per_day_max: Some(2), ..statistics_terms(20 * RHO_NANO) };
    revenue.publishes("payroll", &payroll(), vec![(Mode::Statistics, terms)]).await;
    education.looks_around().await;
    let agreement =
        education.requests("revenue.payroll", Mode::Statistics).for_purpose(FRAUD).await.is_agreed();
    let address = education.house().open_line(&agreement).await.expect("a line");
    let secret = address.property("authorization").expect("a token");
    let given_before = async |role: Role| {
        let message = serde_json::json!({ "sql": question(0), "person": "p", "role": role, "preview": true });
        let (url, headers) = (format!("{}/question", address.endpoint), [("weal-transfer", secret)]);
        let token = education.token_for(&revenue.did());
        let reply = wire::send(Method::POST, &url, Some(&token), &headers, message.to_string()).await;
        assert_eq!(reply.status, 200, "{reply:?}");
        reply.json()["given_before"].as_bool().expect("it says so")
    };
    assert!(!given_before(Role::Analyst).await);
    education.asks(&question(0)).await.expect("an answer");
    assert!(given_before(Role::Analyst).await);
    assert!(!given_before(Role::Steward).await, "the agreement is for analysts");
    education.asks(&question(0)).await.expect("the same answer: looking counted as no use");
    assert!(!given_before(Role::Analyst).await, "two uses a day were agreed");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_renewed_may_be_spent_again_and_is_written_down() {
    let federation = Federation::of(&["revenue", "education"]).await;
    let (revenue, education) = (federation.member("revenue"), federation.member("education"));
    agreed(&federation, 2, |policy| {
        policy.budget_rules.renewal = Some(Renewal { every_days: 30, loss: rho(1) });
    })
    .await;
    for nth in 0..2 {
        education.asks(&question(nth)).await.expect("an answer");
    }
    education.asks(&question(2)).await.expect_err("used up");
    days_pass(revenue, 29).await;
    education.asks(&question(3)).await.expect_err("not due yet");
    days_pass(revenue, 30).await;
    let shown = revenue.house().budget_shown("product:payroll").await.expect("a budget");
    assert_eq!(shown.renewed.rho_nano, RHO_NANO, "what is due is shown before anybody asks");
    education.asks(&question(4)).await.expect("renewed by one");
    education.asks(&question(5)).await.expect_err("and by no more");
    assert_eq!(spent_of_product(revenue).await, 3 * RHO_NANO, "what was spent stays spent");

    let (entries, _) = revenue.house().entries_newest(None, 200).await.expect("entries");
    let renewed = entries.iter().filter(|(_, entry)| {
        matches!(&entry.fact, Fact::BudgetRenewed { loss, spent, .. }
        if loss.rho_nano == RHO_NANO && spent.rho_nano == 2 * RHO_NANO)
    });
    assert_eq!(renewed.count(), 1);
    let (kinds, charged) = events_of(revenue).await;
    assert_eq!(kinds, ["granted", "spent", "spent", "renewed", "spent"]);
    assert_eq!(charged, 3 * RHO_NANO, "an accountant comes to what the account says");
}

/// As if the last renewal had been waited for so long.
async fn days_pass(owner: &MemberNode, days: u64) {
    let since = owner.house().clock.now() - Duration::from_secs(days * 86_400);
    let since: Timestamp = since;
    let mut tx = owner.house().store.write("testkit.renewal").await.expect("a transaction");
    tx.renew_from(&"payroll".parse().expect("a name"), since).await.expect("it is kept");
    tx.commit().await.expect("it is kept");
}

async fn events_of(owner: &MemberNode) -> (Vec<&'static str>, u64) {
    let events = owner.house().budget_events(&owner.person, None, 0, 1_000).await.expect("events");
    let mut charged = 0;
    let kinds = events.iter().map(|event| match &event.what {
        BudgetMove::Granted { .. } => "granted",
        BudgetMove::Renewed { .. } => "renewed",
        BudgetMove::Repeated { .. } => "repeated",
        BudgetMove::Closed { .. } => "closed",
        BudgetMove::Spent { loss, releases, .. } => {
            charged += loss.rho_nano;
            assert!(!releases.is_empty(), "{event:?}");
            "spent"
        }
    });
    (kinds.collect(), charged)
}

/// All at once, each its own question, on a budget for ten: what is answered is paid, what is paid fits.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sixty_four_analysts_at_once_never_overspend_one_budget() {
    let federation = Federation::of(&["revenue", "education", "welfare"]).await;
    let revenue = federation.member("revenue");
    agreed(&federation, 0, |policy| policy.budget = rho(10)).await;
    let welfare = federation.member("welfare");
    welfare.looks_around().await;
    let _ = welfare.requests("revenue.payroll", Mode::Statistics).for_purpose(FRAUD).await.is_agreed();
    for name in ["education", "welfare"] {
        let house = federation.member(name).house();
        let held = house.agreements().await.expect("agreements").pop().expect("one");
        house.open_line(&held).await.expect("a line");
    }
    let asking = (0..64).map(|nth| {
        let node = federation.member(["education", "welfare"][nth % 2]);
        let by = Person { account: format!("analyst{nth}").parse().expect("a name"), ..node.person.clone() };
        async move { asks_as(node, &by, question(nth)).await }
    });
    let outcomes = futures::future::join_all(asking).await;
    let answered = outcomes.iter().filter(|outcome| outcome.is_ok()).count();
    let refused: BTreeSet<&str> = outcomes
        .iter()
        .filter_map(|outcome| outcome.as_ref().err())
        .map(|refusal| refusal.code.as_str())
        .collect();
    assert_eq!(answered, 10, "{refused:?}");
    assert_eq!(refused, BTreeSet::from(["product-budget-exhausted"]));
    let shown = revenue.house().budget_shown("product:payroll").await.expect("a budget");
    assert_eq!(
        (shown.spent, shown.reserved, shown.left.rho_nano),
        (Loss { rho_nano: 10 * RHO_NANO, delta_femto: 0 }, Loss::ZERO, 0)
    );
    let granted = revenue.house().uses(&revenue.person, None, 100).await.expect("uses").len();
    assert_eq!(granted, 10, "as many uses as were paid for");
    assert_eq!(events_of(revenue).await.1, 10 * RHO_NANO);
}

/// A refusal's words and its status are the same over data in which somebody is missing, or is somebody else.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn refusals_are_the_same_whatever_the_data() {
    let mut told: Vec<Vec<(String, Refusal)>> = Vec::new();
    let whole = payroll();
    let without_one = whole.replace("p00007,south,2500\n", "");
    let with_another = whole.replace("p00007,south,2500\n", "p00007,nowhere,2999\n");
    assert!(without_one != whole && with_another != whole, "the person is there");
    for data in [whole, without_one, with_another] {
        let federation = Federation::of(&["revenue", "education"]).await;
        let (revenue, education) = (federation.member("revenue"), federation.member("education"));
        let fixed = |policy: &mut PrivacyPolicy| {
            policy.bounds.insert(
                "monthly_wage".into(),
                weal_domain::catalogue::Bounds { low: 0.0, high: 9_000.0, decimals: 0 },
            );
            (policy.groups_per_subject_max, policy.rows_per_group_max) = (1, 1);
        };
        let offers = vec![(Mode::Statistics, statistics_terms(2 * RHO_NANO))];
        revenue.tries_to_publish_with("payroll", &data, offers, fixed).await.expect("published");
        education.looks_around().await;
        let _ = education.requests("revenue.payroll", Mode::Statistics).for_purpose(FRAUD).await.is_agreed();
        let mut refusals = Vec::new();
        for nth in 0..2 {
            education.asks(&question(nth)).await.expect("an answer");
        }
        for sql in [
            question("used_up"),
            "SELECT region FROM revenue.payroll".into(),
            "SELECT MAX(monthly_wage) AS m, monthly_wage FROM revenue.payroll".into(),
            "SELECT COUNT(*) AS n FROM revenue.payroll WHERE person_id = 'p00007' AND no_such_column = 1"
                .into(),
            "SELECT SUM(1 / (monthly_wage - 2500)) AS s FROM revenue.payroll".into(),
            "SELECT COUNT(*) AS n FROM revenue.payroll WHERE person_id LIKE".into(),
        ] {
            if let Err(mut refusal) = education.asks(&sql).await {
                // Names differ by the port they answer on.
                refusal.changed_by = None;
                refusals.push((sql, refusal));
            }
        }
        told.push(refusals);
    }
    assert!(told[0].len() >= 4, "{:?}", told[0]);
    assert_eq!(told[0], told[1]);
    assert_eq!(told[0], told[2]);
}
