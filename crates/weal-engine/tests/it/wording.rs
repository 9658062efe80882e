//! What people read: names as they wrote them, and what is refused or cut said before anything is charged.

use weal_domain::catalogue::{PrivacyPolicy, ProductRef};
use weal_domain::compute::{ColumnRole, Loss, Preview};
use weal_domain::exchange::Statistics;
use weal_engine::{Covered, split_between_owners};

use crate::given::{House, lines, named, owner, payroll, permit, policy};

fn previewed(sql: &str, policy: PrivacyPolicy) -> Preview {
    House::new().engine.preview(sql, &payroll(policy), &owner(), None, None).expect(sql)
}

fn refused(sql: &str) -> (String, String) {
    let refusal = House::new().engine.preview(sql, &payroll(policy()), &owner(), None, None).expect_err(sql);
    (refusal.code, format!("{} {}", refusal.reason, refusal.remedy.unwrap_or_default()))
}

fn columns(preview: &Preview) -> Vec<&str> {
    preview.columns.iter().map(|column| column.name.as_str()).collect()
}

/// What only the engine and its planner say.
const INTERNAL: [&str; 22] = [
    "Int64",
    "Int32",
    "Float64",
    "Utf8",
    "Boolean(",
    "Date32",
    "Decimal",
    "Nanosecond",
    "MonthDayNano",
    "Expr",
    "UDF",
    "AggregateFunction",
    "ScalarFunction",
    "BinaryExpr",
    "DataFusion",
    "Arrow",
    "LogicalPlan",
    "weal_",
    "`c0",
    "`c1",
    "`c2",
    "owner.payroll.",
];

#[track_caller]
fn assert_plain(text: &str, sql: &str) {
    let found = INTERNAL.iter().find(|word| text.contains(**word));
    assert_eq!(found, None, "{sql}: {text}");
}

#[test]
fn columns_are_called_as_they_are_written() {
    for (sql, expected) in [
        ("SELECT region, COUNT(*), avg(wage) FROM owner.payroll GROUP BY region", vec!["region", "COUNT(*)", "avg(wage)"]),
        (
            "SELECT MEDIAN(wage), PERCENTILE_CONT(0.9) WITHIN GROUP (ORDER BY wage) FROM owner.payroll",
            vec!["MEDIAN(wage)", "PERCENTILE_CONT(0.9) WITHIN GROUP (ORDER BY wage)"],
        ),
        (
            "SELECT CASE WHEN hours > 40 THEN 'much' END, SUM(p.wage + 1), COUNT(DISTINCT person) AS people
             FROM owner.payroll p GROUP BY CASE WHEN hours > 40 THEN 'much' END",
            vec!["CASE WHEN hours > 40 THEN 'much' END", "SUM(p.wage + 1)", "people"],
        ),
        (
            "SELECT UPPER(region), RANK() OVER (ORDER BY COUNT(*) DESC), ROUND(100 * SUM(wage) / COUNT(*), 1)
             FROM owner.payroll GROUP BY UPPER(region) HAVING COUNT(*) > 3 ORDER BY COUNT(*) DESC, UPPER(region)",
            vec!["UPPER(region)", "RANK() OVER (ORDER BY COUNT(*) DESC)", "ROUND(100 * SUM(wage) / COUNT(*), 1)"],
        ),
        ("SELECT * FROM (SELECT region, MAX(wage) FROM owner.payroll GROUP BY 1) AS t", vec!["region", "MAX(wage)"]),
        ("SELECT AVG(n) FROM (SELECT person, COUNT(*) AS n FROM owner.payroll GROUP BY person) AS t", vec!["AVG(n)"]),
    ] {
        let preview = previewed(sql, policy());
        assert_eq!(columns(&preview), expected, "{sql}");
        for said in preview.explanation.iter().chain(preview.advice.iter().map(|advice| &advice.said)) {
            assert_plain(said, sql);
        }
    }
}

#[tokio::test]
async fn an_answer_and_its_withheld_groups_are_called_so_too() {
    let house = House::new();
    let csv: String = (0..400).map(|i| format!("p{i},{},{}\n", ["n", "s"][i % 2], i % 90)).collect();
    let (product, source) = house.publish(&format!("person,region,wage\n{csv}"), policy()).await;
    let sql = "SELECT LENGTH(region) + 1, COUNT(*) FROM owner.payroll GROUP BY LENGTH(region) + 1, wage > 40";
    let loss = policy().question_loss_default;
    let permit = permit::<Statistics>(None, None, loss);
    let answer = house.engine.answer(&permit, sql, &product, &owner(), &source, loss).await.unwrap();
    let names: Vec<&str> = answer.columns.iter().map(|column| column.name.as_str()).collect();
    assert_eq!(names, ["LENGTH(region) + 1", "COUNT(*)"]);
    // The second key is not shown, so it is told by its text.
    assert_eq!(answer.withheld[0].keys[0], "LENGTH(region) + 1");
    assert!(answer.withheld[0].keys[1].starts_with("(wage > "), "{:?}", answer.withheld[0].keys);
    answer.protection.iter().for_each(|said| assert_plain(said, sql));

    let tables: [(ProductRef, _); 1] = [("owner.payroll".parse().unwrap(), source.file.clone())];
    let rows =
        house.engine.query("SELECT region, MAX(wage), 1 + 1 FROM owner.payroll GROUP BY 1", &tables).await;
    let rows = rows.unwrap();
    let names: Vec<String> = rows.schema.fields().iter().map(|field| field.name().clone()).collect();
    assert_eq!(names, ["region", "MAX(wage)", "1 + 1"]);
    assert_eq!(lines(rows).await.len(), 2);
}

#[test]
fn several_owners_are_put_together_under_the_names_that_were_written() {
    let columns =
        ["one.payroll", "two.payroll"].map(|name| (name.parse().unwrap(), payroll(policy()).columns));
    let sql = "SELECT region, COUNT(*), AVG(w) FROM (SELECT region, wage AS w FROM one.payroll
               UNION ALL SELECT region, wage FROM two.payroll) AS both GROUP BY region";
    let split = split_between_owners(sql, &columns.into()).unwrap().expect("two owners");
    let house = House::new();
    let mut previews = Vec::new();
    for part in split.parts() {
        let product = payroll(policy());
        previews.push(house.engine.preview(&part.sql, &product, &part.member, None, None).unwrap());
    }
    let heard: Vec<(&str, &Preview)> = ["one", "two"].into_iter().zip(&previews).collect();
    let told = split.preview(&heard).unwrap();
    let names: Vec<_> = told.columns.iter().filter(|column| column.role != ColumnRole::Computed).collect();
    let names: Vec<&str> = names.iter().map(|column| column.name.as_str()).collect();
    assert_eq!(names, ["region", "COUNT(*)", "AVG(w)"]);
}

#[test]
fn what_is_refused_is_told_in_words_of_the_question() {
    for sql in [
        "SELECT region, wage, COUNT(*) FROM owner.payroll GROUP BY region",
        "SELECT COUNT(*), COUNT(*) FROM owner.payroll",
        "SELECT COUNT(*) FROM owner.payroll WHERE wage = 'much'",
        "SELECT COUNT(*) FROM owner.payroll WHERE hired > 5",
        "SELECT COUNT(*) FROM owner.payroll WHERE region + 1 > 2",
        "SELECT COUNT(*) FROM owner.payroll WHERE CAST(hired AS BIGINT) > 2",
        "SELECT COUNT(*) FROM owner.payroll WHERE CAST(wage AS DECIMAL(10, 2)) > 2",
        "SELECT COUNT(*) FROM owner.payroll WHERE hired > INTERVAL '1 day'",
        "SELECT SUM(hired) FROM owner.payroll",
        "SELECT SUM(region) FROM owner.payroll",
        "SELECT SUM(wage > 3) FROM owner.payroll",
        "SELECT SUM(wage) + region FROM owner.payroll GROUP BY region",
        "SELECT SUM(SUM(wage)) FROM owner.payroll",
        "SELECT COUNT(*) FROM owner.payroll WHERE SUM(wage) > 3",
        "SELECT COUNT(*) FROM owner.payroll GROUP BY 4",
        "SELECT AVG(wage / hours) FROM owner.payroll",
        "SELECT AVG(other) FROM (SELECT wage * 2 AS double, hired AS other FROM owner.payroll) AS t",
        "SELECT SUM(b.when) FROM owner.payroll a JOIN (SELECT person, hired AS when FROM owner.payroll) b ON a.person = b.person",
        "SELECT SUM(t) FROM (SELECT a.wage + LENGTH(b.job) AS t FROM owner.payroll a
           JOIN (SELECT person, region AS job FROM owner.payroll) b ON a.person = b.person) AS s",
        "SELECT COUNT(*) FROM (SELECT person, VAR_POP(wage) FROM owner.payroll GROUP BY person) AS t",
        "SELECT COUNT(*) FROM (SELECT person, 1 + SUM(wage) FROM owner.payroll GROUP BY person, region + 1) AS t",
        "SELECT region, COUNT(*) FROM owner.payroll GROUP BY region ORDER BY LAST(wage)",
        "SELECT ARRAY_AGG(wage) FROM owner.payroll",
    ] {
        let (code, said) = refused(sql);
        assert_plain(&said, sql);
        assert_ne!(code, "", "{sql}");
    }
    let (_, alone) = refused("SELECT region, wage, COUNT(*) FROM owner.payroll GROUP BY region");
    assert!(alone.starts_with("`wage` stands there by itself"), "{alone}");
    // Under the name that the question gives it, however deep it was made.
    let (code, deep) = refused(
        "SELECT SUM(t) FROM (SELECT a.wage + b.seniority AS t FROM owner.payroll a
           JOIN (SELECT person, LENGTH(region) AS seniority FROM owner.payroll) b ON a.person = b.person) AS s",
    );
    assert_eq!(code, "bounds-missing", "{deep}");
    assert!(deep.contains("no bounds for `seniority`") && !deep.contains("`c"), "{deep}");
}

#[test]
fn advice_names_columns_as_the_question_does() {
    let sql = "SELECT SUM(pay) FROM (SELECT person, region, MAX(wage) AS pay FROM owner.payroll GROUP BY person, region) AS t";
    let preview = previewed(sql, policy());
    let bounds = preview.advice.iter().find_map(|advice| advice.column.as_deref());
    assert_eq!(bounds, Some("pay"), "{:?}", preview.advice);
}

#[test]
fn a_literal_zero_is_no_divisor() {
    for divided in [
        "SELECT SUM(wage / 0) FROM owner.payroll",
        "SELECT SUM(wage) / 0 FROM owner.payroll",
        "SELECT COUNT(*) % 0 FROM owner.payroll",
        "SELECT COUNT(*) FROM owner.payroll WHERE hours % 0 = 1",
        "SELECT COUNT(*) FROM owner.payroll WHERE wage / (1 - 1) > 2",
        "SELECT COUNT(*) FROM owner.payroll WHERE wage / 0.0 > 2",
        "SELECT COUNT(*) FROM owner.payroll WHERE wage / -0 > 2",
        "SELECT COUNT(*) FROM owner.payroll WHERE wage / CAST(0 AS DOUBLE) > 2",
        "SELECT hours / 0, COUNT(*) FROM owner.payroll GROUP BY hours / 0",
        "SELECT region FROM owner.payroll GROUP BY region HAVING COUNT(*) / 0 > 1",
        "SELECT COUNT(*) FROM (SELECT person, SUM(wage) / 0 AS n FROM owner.payroll GROUP BY person) AS t",
    ] {
        let (code, said) = refused(divided);
        assert_eq!(code, "zero-divisor", "{divided}: {said}");
        assert!(said.contains("Nothing was charged"), "{said}");
    }
    let (_, said) = refused("SELECT SUM(wage) / 0 FROM owner.payroll");
    assert!(said.starts_with("`SUM(wage) / 0` divides by zero"), "{said}");
    for fine in [
        "SELECT SUM(wage) / 10 FROM owner.payroll",
        "SELECT SUM(wage) / COUNT(*) FROM owner.payroll",
        "SELECT SUM(wage) / NULLIF(COUNT(*), 0) FROM owner.payroll",
        "SELECT COUNT(*) FROM owner.payroll WHERE 0 / hours = 0 AND hours % 2 = 0",
    ] {
        previewed(fine, policy());
    }
}

#[test]
fn groups_of_one_subject_each_are_refused_and_its_own_totals_are_not() {
    for grouped in [
        "SELECT person, SUM(wage) FROM owner.payroll GROUP BY person",
        "SELECT COUNT(*) FROM owner.payroll GROUP BY PERSON",
        "SELECT p.person, region, COUNT(*) FROM owner.payroll p GROUP BY region, p.person",
        "SELECT COUNT(*) FROM owner.payroll GROUP BY CAST(person AS VARCHAR)",
        "SELECT who, COUNT(*) FROM (SELECT person AS who FROM owner.payroll) AS t GROUP BY ROLLUP (who)",
        "SELECT b.person, COUNT(*) FROM owner.payroll a JOIN owner.payroll b ON a.person = b.person GROUP BY b.person",
    ] {
        let (code, said) = refused(grouped);
        assert_eq!(code, "groups-of-one", "{grouped}: {said}");
        assert!(said.contains("COUNT(DISTINCT person)") && said.contains("GROUP BY person"), "{said}");
    }
    for fine in [
        "SELECT AVG(n) FROM (SELECT person, COUNT(*) AS n FROM owner.payroll GROUP BY person) AS t",
        "SELECT COUNT(DISTINCT person) FROM owner.payroll",
        "SELECT LENGTH(person), COUNT(*) FROM owner.payroll GROUP BY LENGTH(person)",
    ] {
        previewed(fine, policy());
    }
}

#[test]
fn more_than_the_owner_allows_is_cut_and_both_figures_are_said() {
    let house = House::new();
    let product = payroll(policy());
    let preview = |sql: &str, loss| house.engine.preview(sql, &product, &owner(), None, loss).unwrap();
    let (most, usual) = (policy().question_loss_max, policy().question_loss_default);
    let sql = "SELECT region, COUNT(*) FROM owner.payroll GROUP BY region";
    let within = [None, Some(usual), Some(most), Some(Loss { rho_nano: 1_000_000, ..usual })];
    within.iter().for_each(|loss| assert_eq!(preview(sql, *loss).cut, None, "{loss:?}"));
    let asked = Loss { rho_nano: 4 * most.rho_nano, ..usual };
    let cut = preview(sql, Some(asked));
    assert_eq!(cut.loss.rho_nano, most.rho_nano);
    let cut = cut.cut.expect("it is said");
    assert_eq!((cut.asked, cut.allowed.rho_nano), (asked, most.rho_nano));
    assert_eq!(
        cut.said,
        "The question asks to spend epsilon 17.86, and the owner allows at most epsilon 7.77 for one: it is asked at that."
    );

    // In the question itself as well, where it is a wish like any other: up to the most, and above it cut.
    let with = |epsilon: &str| {
        let options = format!("SELECT WITH DIFFERENTIAL_PRIVACY OPTIONS (epsilon = {epsilon})");
        sql.replacen("SELECT", &options, 1)
    };
    let between = preview(&with("4"), None);
    assert!(
        between.loss.rho_nano > usual.rho_nano && between.loss.rho_nano < most.rho_nano,
        "{:?}",
        between.loss
    );
    assert_eq!(between.cut, None);
    let above = preview(&with("100"), None);
    assert!(above.loss.rho_nano == most.rho_nano && above.cut.is_some(), "{:?}", above.cut);
    let lower = preview(&with("100"), Some(usual));
    assert!(lower.loss == usual && lower.cut.is_none(), "{:?}", lower.cut);
}

#[test]
fn a_join_says_where_a_limit_is_stricter_than_alone() {
    let house = House::new();
    let of = |name: &str, rows, groups| {
        let policy = PrivacyPolicy { rows_per_group_max: rows, groups_per_subject_max: groups, ..policy() };
        Covered { product: named(name, payroll(policy)), columns: None }
    };
    let said = |one: Covered, other: Covered, sql: &str| {
        let preview = house.engine.preview_about(sql, &[one, other], &owner(), None).unwrap();
        let joined = preview.explanation.into_iter().filter(|said| said.starts_with("Joined"));
        joined.collect::<Vec<_>>().join("\n")
    };
    let grouped = "SELECT w.region, COUNT(*) FROM owner.wages w JOIN owner.benefits b ON w.person = b.person GROUP BY w.region";
    let plain = "SELECT COUNT(*) FROM owner.wages w JOIN owner.benefits b ON w.person = b.person";
    insta::assert_snapshot!(said(of("wages", 1, 1), of("benefits", 4, 3), grouped), @r"
    Joined, 1 row of each subject counts in a group, the limit of `owner.wages`, though `owner.benefits` alone allows 4 rows: what a subject has beyond that is in no count, sum or average.
    Joined, each subject counts in 1 group, the limit of `owner.wages`, though `owner.benefits` alone allows 3 groups.
    ");
    insta::assert_snapshot!(said(of("wages", 12, 2), of("benefits", 4, 2), plain), @"Joined, 4 rows of each subject count, the limit of `owner.benefits`, though `owner.wages` alone allows 12 rows: what a subject has beyond that is in no count, sum or average.");
    assert_eq!(said(of("wages", 4, 3), of("benefits", 4, 3), grouped), "");
}
