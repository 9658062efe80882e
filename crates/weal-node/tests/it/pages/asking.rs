//! The ask page, with real data on the other side.

use weal_domain::catalogue::Mode;
use weal_domain::identity::{Person, Role};
use weal_testkit::{FRAUD, Federation, open_terms, statistics_terms};

use super::browser::{Browser, PASSWORD, Shown};

const REGIONS: &str = "region,motto\nnorth,\"Slow, steady\"\nsouth,<script>alert(1)</script>\n";

fn payroll() -> String {
    let mut csv = String::from("person_id,region,monthly_wage\n");
    for person in 0..3_000 {
        let region = ["north", "south", "west"][person % 3];
        csv.push_str(&format!("p{person:05},{region},{}\n", 2_000 + (person % 3) * 500));
    }
    csv
}

/// What a spreadsheet would run, in cells and in a head.
const FORMULAS: &str = "region,=cmd\nnorth,\"=HYPERLINK(\"\"http://x\"\")\"\n@SUM(A1),-1+1\n";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_spreadsheet_runs_nothing_of_an_export() {
    let federation = Federation::of(&["revenue", "education"]).await;
    let (owner, asker) = (federation.member("revenue"), federation.member("education"));
    owner.publishes("regions", FORMULAS, vec![(Mode::Extract, open_terms())]).await;
    asker.looks_around().await;
    let _ = asker.requests("revenue.regions", Mode::Extract).for_purpose(FRAUD).await.is_agreed();
    let browser = Browser::of(asker, "ada").await;
    let answer = press(&browser, "ask", "revenue.regions", "SELECT * FROM revenue.regions").await;
    let csv = browser.get(&export_of(&answer, "csv")).await.text;
    for line in csv.lines() {
        for field in line.split(',') {
            let text = field.trim_start_matches('"');
            assert!(!text.starts_with(['=', '+', '-', '@']), "{csv}");
        }
    }
    assert!(csv.contains("'@SUM(A1)") && csv.contains("'-1+1") && csv.contains("'=cmd"), "{csv}");
    let json = browser.get(&export_of(&answer, "json")).await.text;
    assert!(json.contains("\"@SUM(A1)\""), "a program gets what there is: {json}");
}

/// Education holds statistics of the payroll and rows of the regions.
async fn two_agencies() -> Federation {
    let federation = Federation::of(&["revenue", "education"]).await;
    let owner = federation.member("revenue");
    owner.publishes("payroll", &payroll(), vec![(Mode::Statistics, statistics_terms(500_000_000))]).await;
    owner.publishes("regions", REGIONS, vec![(Mode::Extract, open_terms())]).await;
    let asker = federation.member("education");
    asker.looks_around().await;
    let _ = asker.requests("revenue.payroll", Mode::Statistics).for_purpose(FRAUD).await.is_agreed();
    let _ = asker.requests("revenue.regions", Mode::Extract).for_purpose(FRAUD).await.is_agreed();
    federation
}

/// Presses one of the two buttons, under the agreement about this product.
async fn press(browser: &Browser, act: &str, product: &str, sql: &str) -> Shown {
    let shown = browser.get("/ask").await;
    let form = &shown.text;
    let option =
        form.split("<option ").find(|option| option.contains(&format!(">{product}:"))).expect("an agreement");
    let agreement =
        option.split("value=\"").nth(1).and_then(|after| after.split('"').next()).expect("its id");
    let fields = [("agreement", agreement), ("sql", sql), ("act", act)];
    let answer = browser.fill_in("/ask", "/ask", &fields).await;
    if answer.status == 303 { browser.get(answer.leads_to()).await } else { answer }
}

fn export_of(answer: &Shown, extension: &str) -> String {
    let end = format!("answer.{extension}\"");
    let (before, _) =
        answer.text.split_once(&end).unwrap_or_else(|| panic!("no {extension}: {}", answer.text));
    let (_, path) = before.rsplit_once("href=\"").expect("a link");
    format!("{path}answer.{extension}")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_preview_is_free_an_answer_is_paid_for_and_taken_home_by_its_asker_alone() {
    let federation = two_agencies().await;
    let asker = federation.member("education");
    let browser = Browser::of(asker, "ada").await;
    let sql =
        "SELECT region, COUNT(*) AS jobs, AVG(monthly_wage) AS wage FROM revenue.payroll GROUP BY region";

    let preview = press(&browser, "preview", "revenue.payroll", sql).await;
    assert_eq!(preview.status, 200, "{}", preview.text);
    assert!(preview.text.contains("id=\"outcome\"") && preview.text.contains("GROUP BY region</textarea>"));
    assert!(asker.house().uses(&asker.person, None, 10).await.expect("uses").is_empty(), "nothing was asked");

    let answer = press(&browser, "ask", "revenue.payroll", sql).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    for part in ["<svg", "<table", "south", "In our ledger"] {
        assert!(answer.text.contains(part), "no {part}: {}", answer.text);
    }
    assert!(answer.text.len() < 100_000);
    let uses = asker.house().uses(&asker.person, None, 10).await.expect("uses");
    assert_eq!(uses.len(), 1, "one question, one use");
    assert!(
        browser
            .get(&format!("/ledger/{}?check=1", uses[0].ledger_index))
            .await
            .text
            .contains("The proof holds")
    );

    let csv = browser.get(&export_of(&answer, "csv")).await;
    assert_eq!(csv.header("content-type"), "text/csv; charset=utf-8");
    assert!(csv.text.starts_with("region,jobs") && csv.text.contains("\nsouth,"), "{}", csv.text);
    let json = browser.get(&export_of(&answer, "json")).await;
    let parsed: weal_node::api::Answered =
        serde_json::from_str(&json.text).expect("the answer as the API gives it");
    assert!(matches!(parsed, weal_node::api::Answered::Statistics { .. }));
    let parquet = browser.get(&export_of(&answer, "parquet")).await;
    assert_eq!((parquet.status, &parquet.text[..4]), (200, "PAR1"));
    assert_eq!(
        asker.house().uses(&asker.person, None, 10).await.expect("uses").len(),
        1,
        "taking it home asks nothing again"
    );

    let ana = Person {
        account: "ana".parse().expect("a name"),
        display_name: "Ana".into(),
        roles: vec![Role::Analyst],
    };
    asker.house().add_person(&asker.person, ana, PASSWORD).await.expect("added");
    let other = Browser::of(asker, "ana").await;
    assert_eq!(other.get(&export_of(&answer, "csv")).await.status, 404, "an answer is its asker's");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_form_that_is_sent_twice_asks_once_and_a_shown_answer_costs_nothing() {
    let federation = two_agencies().await;
    let asker = federation.member("education");
    let browser = Browser::of(asker, "ada").await;
    let uses = async || asker.house().uses(&asker.person, None, 10).await.expect("uses").len();
    let form = browser.get("/ask").await;
    let (csrf, once) = (form.csrf(), form.hidden("once"));
    let press = |sql: &'static str, once: String| {
        let (browser, csrf) = (&browser, csrf.clone());
        async move {
            let fields = [("csrf", csrf.as_str()), ("once", once.as_str()), ("sql", sql), ("act", "ask")];
            browser.send("/ask", &fields).await
        }
    };
    let sql = "SELECT COUNT(*) AS jobs FROM revenue.payroll";
    // A double click, then a reload of the form.
    let (first, second) = tokio::join!(press(sql, once.clone()), press(sql, once.clone()));
    let third = press(sql, once.clone()).await;
    assert_eq!((first.leads_to(), second.leads_to()), (third.leads_to(), third.leads_to()));
    assert_eq!(uses().await, 1, "one form, one use");
    for _ in 0..2 {
        let shown = browser.get(first.leads_to()).await;
        assert!(shown.status == 200 && shown.text.contains("In our ledger"), "{}", shown.text);
        assert!(shown.text.contains(sql), "the question stands beside its answer");
    }
    assert_eq!(uses().await, 1, "looking again asks nothing");

    let other = press("SELECT COUNT(*) AS number FROM revenue.payroll", once).await;
    assert_ne!(other.leads_to(), first.leads_to(), "another question in the same form is another use");
    assert_eq!(uses().await, 2);
    let unnumbered = press(sql, String::new()).await;
    assert_eq!(unnumbered.status, 400);
    assert_eq!(browser.get("/ask/urn%3Auuid%3Anobody").await.status, 404);
    assert_eq!(uses().await, 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rows_are_shown_as_text_and_exported_as_they_are() {
    let federation = two_agencies().await;
    let browser = Browser::of(federation.member("education"), "ada").await;
    let answer = press(&browser, "ask", "revenue.regions", "SELECT region, motto FROM revenue.regions").await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    assert!(answer.text.contains("&lt;script&gt;") && !answer.text.contains("<script"), "{}", answer.text);
    let csv = browser.get(&export_of(&answer, "csv")).await.text;
    assert_eq!(csv.replace("\r\n", "\n"), REGIONS);
    assert!(!answer.text.contains("answer.parquet"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refusal_stands_beside_the_question_and_names_the_rung_that_answers() {
    let federation = two_agencies().await;
    let asker = federation.member("education");
    let browser = Browser::of(asker, "ada").await;
    let rows = press(&browser, "ask", "revenue.payroll", "SELECT * FROM revenue.payroll").await;
    assert_eq!(rows.status, 403);
    assert!(
        rows.text.contains("rows-not-agreed")
            && rows.text.contains("SELECT * FROM revenue.payroll</textarea>")
    );
    assert!(rows.text.contains("/catalogue/revenue/payroll#rung-3"), "{}", rows.text);
    let nonsense = press(&browser, "ask", "revenue.payroll", "</textarea><script>x()</script>").await;
    assert_eq!(nonsense.status, 400);
    assert!(!nonsense.text.contains("<script"), "{}", nonsense.text);
    let empty = press(&browser, "ask", "revenue.payroll", "  ").await;
    assert_eq!(empty.status, 400);
    assert!(empty.text.contains("Write the question"));

    let payroll = federation.member("revenue").house().agreements().await.expect("agreements");
    let payroll = payroll.into_iter().find(|one| one.mode == Mode::Statistics).expect("given");
    let owner = Browser::of(federation.member("revenue"), "ada").await;
    let path = weal_portal::paths::agreement(&payroll.id);
    let fields = [("reason", "The inquiry is closed."), ("confirm", "yes")];
    assert_eq!(owner.fill_in(&path, &format!("{path}/revoke"), &fields).await.leads_to(), path);
    let sql = "SELECT COUNT(*) AS jobs FROM revenue.payroll";
    let fields = [("agreement", payroll.id.as_str()), ("sql", sql), ("act", "ask")];
    let late = browser.fill_in("/ask", "/ask", &fields).await;
    assert_eq!(late.status, 403, "{}", late.text);
    let said = late.text.split_once("id=\"outcome\"").expect("an outcome").1;
    assert!(said.contains("Revenue Agency (owner) revoked this agreement on"), "{said}");
}
