//! SQL that is not a question, at the asker's own node and straight at the owner's: refused, free of
//! charge, and nobody falls over.

use reqwest::Method;
use weal_domain::catalogue::Mode;
use weal_testkit::{FRAUD, Federation, statistics_terms, wire};

use crate::asking::local;
use crate::main_job::payroll;

fn hostile() -> Vec<String> {
    let count = "SELECT COUNT(*) FROM revenue.payroll";
    let mut all: Vec<String> = [
        "",
        " ",
        ";",
        "DROP TABLE revenue.payroll",
        "INSERT INTO revenue.payroll VALUES (1)",
        "UPDATE revenue.payroll SET region = 'x'",
        "DELETE FROM revenue.payroll",
        "CREATE EXTERNAL TABLE x STORED AS CSV LOCATION '/etc/passwd'",
        "COPY (SELECT * FROM revenue.payroll) TO '/tmp/stolen.csv'",
        "SELECT * FROM '/etc/passwd'",
        "SELECT * FROM information_schema.tables",
        "SET datafusion.execution.batch_size = 1",
        "EXPLAIN ANALYZE SELECT COUNT(*) FROM revenue.payroll",
        "SELECT COUNT(*) FROM revenue.payroll; SELECT 1",
        "SELECT pg_read_file('/etc/passwd') FROM revenue.payroll",
        "SELECT COUNT(*) FROM",
        "SELECT COUNT(* FROM revenue.payroll",
        "SELECT COUNT(*) FROM revenue.payroll WHERE region = 'unterminated",
        "SELECT no_such_column, COUNT(*) FROM revenue.payroll GROUP BY no_such_column",
        "\u{0}",
        "\u{202e}TCELES",
    ]
    .map(str::to_owned)
    .into();
    all.push(format!("{count} WHERE {}1{} = 1", "(".repeat(15_000), ")".repeat(15_000)));
    all.push(format!("{count} WHERE monthly_wage = 1{}", "+1".repeat(15_000)));
    all.push(format!("{count} WHERE {}monthly_wage > 1", "NOT ".repeat(12_000)));
    all.push(format!("{count} WHERE monthly_wage = 1{}", " OR region = 'a'".repeat(3_500)));
    all.push(format!("{count} WHERE monthly_wage > {}1", "- ".repeat(20_000)));
    all.push(format!("{}{count}{}", "SELECT * FROM (".repeat(2_000), ")".repeat(2_000)));
    all.push(format!("{count}{}", " UNION ALL SELECT COUNT(*) FROM revenue.payroll".repeat(1_000)));
    all.push("x".repeat(70_000));
    all
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sql_that_is_not_a_question_is_refused_at_no_cost() {
    let federation = Federation::of(&["revenue", "education"]).await;
    let (revenue, education) = (federation.member("revenue"), federation.member("education"));
    revenue.publishes("payroll", &payroll(), vec![(Mode::Statistics, statistics_terms(500_000_000))]).await;
    education.looks_around().await;
    let agreement =
        education.requests("revenue.payroll", Mode::Statistics).for_purpose(FRAUD).await.is_agreed();
    let address = education.house().open_line(&agreement).await.expect("a line");
    let secret = address.property("authorization").expect("a token").to_owned();
    let (own, operator) = (local(education, "/questions"), education.operator_token());
    let question = format!("{}/question", address.endpoint);
    for sql in hostile() {
        let shown: String = sql.chars().take(60).collect();
        let reply = wire::post(&own, Some(&operator), serde_json::json!({ "sql": sql }).to_string()).await;
        assert!((400..500).contains(&reply.status), "{shown}: {}", reply.status);
        assert!(!reply.code().is_empty(), "{shown}: {reply:?}");
        let message = serde_json::json!({ "sql": sql, "person": "p", "role": "analyst" }).to_string();
        let token = education.token_for(&revenue.did());
        let reply =
            wire::send(Method::POST, &question, Some(&token), &[("weal-transfer", &secret)], message).await;
        assert!((400..500).contains(&reply.status), "at the owner's: {shown}: {}", reply.status);
        assert!(!reply.code().is_empty() && !reply.text.contains("root:"), "{shown}: {reply:?}");
    }
    for account in revenue.house().budgets().await.expect("budgets") {
        assert_eq!((account.spent.rho_nano, account.reserved.rho_nano), (0, 0), "{account:?}");
    }
    assert!(revenue.house().uses(&revenue.person, None, 10).await.expect("uses").is_empty());
    education.asks("SELECT COUNT(*) AS heads FROM revenue.payroll").await.expect("an answer");
}
