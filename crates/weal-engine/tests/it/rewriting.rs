//! The plans that questions become, and totals on tables small enough to check by hand.

use weal_domain::catalogue::PrivacyPolicy;
use weal_engine::exact::ExactAnswer;

use crate::given::{House, policy};

const PAYROLL: &str = "person,region,wage,Hours,hired,active
a,north,1000.50,10,2020-01-01,true
a,north,2000.00,20,2020-01-01,true
a,north,9000.00,30,2021-06-30,false
a,south,-50.00,40,,
b,north,100.25,-20,2019-12-31,true
b,,300.00,5,2020-02-29,true
,north,4000.00,7,2020-01-01,true
c,south,,8,2022-01-01,false
";

async fn totals(house: &House, sql: &str, policy: PrivacyPolicy) -> String {
    let (product, source) = house.publish(PAYROLL, policy).await;
    let exact = ExactAnswer::of(&house.engine, sql, (&product, &source), None, (1, true)).await.unwrap();
    let line = |(keys, subjects, totals): &(Vec<Option<String>>, i64, Vec<i64>)| {
        let keys: Vec<_> = keys.iter().map(|key| key.as_deref().unwrap_or("NULL")).collect();
        format!("{} subjects={subjects} totals={totals:?}", keys.join(","))
    };
    exact.groups.iter().map(line).collect::<Vec<_>>().join("\n")
}

#[tokio::test]
async fn subjects_count_for_at_most_their_rows_and_values_for_at_most_their_bounds() {
    let house = House::new();
    // Parts: subjects, rows (2 at most each), non-null wages, and the spread around 2,500.00 scaled to two rows;
    // the sum follows from it.
    let sql = "SELECT region, COUNT(*), COUNT(wage), SUM(wage), AVG(wage) FROM owner.payroll GROUP BY region";
    insta::assert_snapshot!(totals(&house, sql, policy()).await, @r"
    NULL subjects=1 totals=[1, 1, 1, -220000]
    north subjects=2 totals=[2, 3, 3, -206609]
    south subjects=2 totals=[2, 2, 1, -250000]
    ");
}

/// (0.1 + 0.2) + 0.3 is more than 0.6, and 0.1 + (0.2 + 0.3) is not: in floating point somebody's rows would count by the
/// order they come in, which others' rows decide.
#[tokio::test]
async fn a_subjects_own_total_does_not_depend_on_the_order_of_rows() {
    let house = House::new();
    let orders = [["0.10", "0.20", "0.30"], ["0.20", "0.30", "0.10"], ["0.30", "0.20", "0.10"]];
    let mut csv = String::from("person,region,wage,Hours\n");
    for (person, order) in orders.iter().enumerate() {
        order.iter().for_each(|wage| csv += &format!("p{person},north,{wage},1\n"));
    }
    let (product, source) = house.publish(&csv, policy()).await;
    let inner = "(SELECT person, SUM(wage) AS s, AVG(wage) AS m FROM owner.payroll GROUP BY person) AS q";
    for (condition, subjects) in
        [("s = 0.6", 3), ("s > 0.6", 0), ("m = 0.2", 3), ("s <= 0.6 AND m >= 0.2", 3)]
    {
        let sql = format!("SELECT COUNT(*) FROM {inner} WHERE {condition}");
        let exact = ExactAnswer::of(&house.engine, &sql, (&product, &source), None, (1, true)).await.unwrap();
        assert_eq!(exact.groups[0].1, subjects, "{condition}");
    }
}

/// Who is in three groups with one row each, where one row counts in all, counts once, and in every group as a person.
#[tokio::test]
async fn rows_in_all_hold_where_rows_in_a_group_are_subjects() {
    let house = House::new();
    let csv = "person,region,wage,Hours\na,north,1,1\na,south,1,1\na,west,1,1\n";
    let policy = PrivacyPolicy { rows_per_group_max: 1, rows_per_subject_max: Some(1), ..policy() };
    let (product, source) = house.publish(csv, policy).await;
    let sql = "SELECT region, COUNT(*), COUNT(DISTINCT person), COUNT(DISTINCT person) FILTER (WHERE wage > 0), SUM(wage) \
               FROM owner.payroll GROUP BY region";
    let exact = ExactAnswer::of(&house.engine, sql, (&product, &source), None, (1, true)).await.unwrap();
    let sums = |part: usize| exact.groups.iter().map(|(_, _, totals)| totals[part]).sum::<i64>();
    let of = |kind: &str| exact.parts.iter().position(|part| part.kind == kind).unwrap();
    assert_eq!([of("subjects"), of("rows"), of("present"), of("total")].map(sums), [3, 1, 3, 100]);
    assert_eq!(exact.l2_squared_max[of("rows")], 1);
}

#[tokio::test]
async fn with_one_row_per_group_rows_are_subjects() {
    let house = House::new();
    let policy = PrivacyPolicy { rows_per_group_max: 1, ..policy() };
    let sql = "SELECT COUNT(*), COUNT(DISTINCT person), SUM(hours) FROM owner.payroll WHERE wage > 0";
    insta::assert_snapshot!(totals(&house, sql, policy).await, @" subjects=2 totals=[2, 55]");
}

#[tokio::test]
async fn expressions_keep_to_the_bounds_that_follow_for_them() {
    let house = House::new();
    let sql = "SELECT SUM(wage * 0.5), SUM(CASE WHEN active THEN hours ELSE -1 END), SUM(ABS(hours)), SUM(hours / 3) FILTER (WHERE wage IS NOT NULL) FROM owner.payroll WHERE person = 'b'";
    // 50.125 + 150.00 with three places; -10 (clamped) + 5; 10 + 5; -3 + 1.
    insta::assert_snapshot!(totals(&house, sql, policy()).await, @" subjects=1 totals=[200125, -5, 15, -2]");
}

#[tokio::test]
async fn keys_may_be_expressions_and_null_is_a_key() {
    let house = House::new();
    let sql = "SELECT CASE WHEN hours < 10 THEN 'part' WHEN hours < 35 THEN 'full' END AS work, date_part('year', hired) AS y, COUNT(*)
               FROM owner.payroll GROUP BY 1, 2";
    insta::assert_snapshot!(totals(&house, sql, PrivacyPolicy { groups_per_subject_max: 9, ..policy() }).await, @r"
    NULL,NULL subjects=1 totals=[1, 1]
    full,2020 subjects=1 totals=[1, 2]
    full,2021 subjects=1 totals=[1, 1]
    part,2019 subjects=1 totals=[1, 1]
    part,2020 subjects=1 totals=[1, 1]
    part,2022 subjects=1 totals=[1, 1]
    ");
}

#[tokio::test]
async fn public_keys_are_all_there_and_no_others() {
    let house = House::new();
    let mut policy = policy();
    policy.public_keys.insert("region".into(), vec!["east".into(), "north".into()]);
    let sql = "SELECT region, COUNT(*) FROM owner.payroll GROUP BY region";
    // What is not on the list does not exist; `east` is added when the answer is formed.
    insta::assert_snapshot!(totals(&house, sql, policy).await, @"north subjects=2 totals=[3]");
}

#[tokio::test]
async fn what_would_fail_in_sql_is_null_here() {
    let house = House::new();
    // Dates at the ends of the calendar, numbers at the ends of their types, texts that are nothing.
    let csv = "person,region,wage,Hours,hired,active,seen
a,north,1e308,9223372036854775807,9999-12-31,true,9999-12-31T23:59:59Z
b,12,-1e308,-9223372036854775808,0001-01-01,false,0001-01-01T00:00:00Z
c,,,0,,,
d,x'y,0.0,8,2020-02-29,true,2020-02-29T12:34:56.789Z
";
    let (product, source) = house.publish(csv, policy()).await;
    let conditions = [
        "hours / (hours - 8) > 1",
        "hours / -1 > 0",
        "hours % (hours - 8) = 1",
        "hours % -1 = 0",
        "-hours > 0",
        "hours + 1 > hours",
        "hours * hours > 0",
        "hours - 9223372036854775807 < 0",
        "abs(hours) > 0",
        "wage * wage > 1",
        "wage / (wage - wage) > 1",
        "wage % (wage - wage) > 1",
        "round(wage) > 1 AND round(wage, 400) > 1 AND floor(wage) > 1 AND ceil(wage) > 1",
        "CAST(region AS BIGINT) = 1",
        "region = 1",
        "region > 1.5",
        "CAST(region AS DOUBLE) > 1",
        "CAST(region AS DATE) > DATE '2020-01-01'",
        "CAST(region AS TIMESTAMP) > TIMESTAMP '2020-01-01'",
        "CAST(region AS BOOLEAN)",
        "CAST(wage AS INTEGER) / (hours - 10) > 0",
        "CAST(wage AS SMALLINT) > 0",
        "CAST(hours AS INTEGER) > 0",
        "CAST(hours AS VARCHAR) LIKE '9%'",
        "CAST(hired AS TIMESTAMP) > TIMESTAMP '2020-01-01'",
        "CAST(seen AS DATE) > DATE '2020-01-01'",
        "seen > hired",
        "hired BETWEEN '0001-01-01' AND '9999-12-31'",
        "substr(region, 1, 2) = 'no' OR left(region, 100) = 'x' OR right(region, 0) = ''",
        "region LIKE '%\\' OR region LIKE '_%' OR region ILIKE 'N%'",
        "concat(region, hours, active) = 'x' OR upper(region) || 'x' = 'y'",
        "strpos(region, 'o') > 0 AND character_length(region) > 1 AND starts_with(region, 'n')",
        "coalesce(wage, hours) > 1 AND nullif(hours, 0) > 1 AND greatest(hours, wage) > least(1, wage)",
    ];
    let parts = ["year", "quarter", "month", "week", "day", "hour", "minute", "second", "dow", "doy"];
    let of_dates = parts
        .iter()
        .flat_map(|part| ["hired", "seen"].map(|column| format!("date_part('{part}', {column}) > 3")));
    let cuts = parts[..8].iter().flat_map(|part| {
        ["hired", "seen"].map(|column| format!("date_trunc('{part}', {column}) > TIMESTAMP '2020-01-01'"))
    });
    let all = conditions.into_iter().map(String::from).chain(of_dates).chain(cuts);
    for condition in all {
        let sql =
            format!("SELECT CASE WHEN {condition} THEN 1 END AS k, COUNT(*) FROM owner.payroll GROUP BY 1");
        if let Err(error) = ExactAnswer::of(&house.engine, &sql, (&product, &source), None, (1, true)).await {
            panic!("{condition}: {error}");
        }
    }
}

#[tokio::test]
async fn dates_are_cut_off_as_the_calendar_says() {
    let house = House::new();
    let csv = "person,seen\na,2020-02-29T12:34:56.789Z\nb,0001-01-01T00:00:00Z\nc,9999-12-31T23:59:59Z\nd,1969-12-31T23:00:00Z\n";
    let (product, source) = house.publish(csv, policy()).await;
    let mut said = String::new();
    for part in ["year", "quarter", "month", "week", "day", "hour", "minute", "second"] {
        let sql = format!("SELECT date_trunc('{part}', seen), COUNT(*) FROM owner.payroll GROUP BY 1");
        let exact = ExactAnswer::of(&house.engine, &sql, (&product, &source), None, (1, true)).await.unwrap();
        let keys: Vec<_> = exact.groups.iter().map(|(keys, ..)| keys[0].clone().unwrap()).collect();
        said += &format!("{part}: {}\n", keys.join(" "));
    }
    insta::assert_snapshot!(said, @r"
    year: 0001-01-01T00:00:00 1969-01-01T00:00:00 2020-01-01T00:00:00 9999-01-01T00:00:00
    quarter: 0001-01-01T00:00:00 1969-10-01T00:00:00 2020-01-01T00:00:00 9999-10-01T00:00:00
    month: 0001-01-01T00:00:00 1969-12-01T00:00:00 2020-02-01T00:00:00 9999-12-01T00:00:00
    week: 0001-01-01T00:00:00 1969-12-29T00:00:00 2020-02-24T00:00:00 9999-12-27T00:00:00
    day: 0001-01-01T00:00:00 1969-12-31T00:00:00 2020-02-29T00:00:00 9999-12-31T00:00:00
    hour: 0001-01-01T00:00:00 1969-12-31T23:00:00 2020-02-29T12:00:00 9999-12-31T23:00:00
    minute: 0001-01-01T00:00:00 1969-12-31T23:00:00 2020-02-29T12:34:00 9999-12-31T23:59:00
    second: 0001-01-01T00:00:00 1969-12-31T23:00:00 2020-02-29T12:34:56 9999-12-31T23:59:59
    ");
}

#[tokio::test]
async fn the_plan_bounds_each_subject_before_it_sums() {
    let house = House::new();
    let (product, source) = house.publish(PAYROLL, policy()).await;
    let sql = "SELECT region, COUNT(*), SUM(wage) FROM owner.payroll WHERE hours > 0 GROUP BY region";
    let exact =
        ExactAnswer::of(&house.engine, sql, (&product, &source), Some("active"), (1, true)).await.unwrap();
    insta::assert_snapshot!(exact.plan, @r"
    SubjectTotals: groups<=3, rows in each<=2, parts=[Rows, Rows, Total { low: 0, high: 500000 }]
      Projection: product.person AS subject, product.region AS k0, fixed(product.wage) AS v2
        Filter: product.active AND product.Hours > Int64(0) AND product.person IS NOT NULL
          TableScan: product projection=[person, region, wage, Hours, active], partial_filters=[product.active, product.Hours > Int64(0), product.person IS NOT NULL]
    ");
}

#[tokio::test]
async fn where_the_subject_is_a_key_of_the_table_rows_are_summed_at_once() {
    let house = House::new();
    let csv = "person,region,wage\na,north,1000\nb,north,7000\nc,south,\n,south,3\n";
    let (product, source) = house.publish(csv, policy()).await;
    let sql = "SELECT region, COUNT(*), COUNT(wage), SUM(wage), AVG(wage) FROM owner.payroll GROUP BY region";
    let run = |general| ExactAnswer::of(&house.engine, sql, (&product, &source), None, (1, general));
    let (short, general) = (run(false).await.unwrap(), run(true).await.unwrap());
    assert_eq!(short.groups, general.groups);
    insta::assert_snapshot!(short.plan, @r"
    Aggregate: groupBy=[[k0]], aggr=[[count(Int64(1)) AS subjects, count(v2) AS t2, sum(v3) AS t3]]
      Projection: product.region AS k0, product.wage AS v2, fixed(product.wage) - Int64(250000) AS v3
        Filter: product.person IS NOT NULL
          TableScan: product projection=[person, region, wage], partial_filters=[product.person IS NOT NULL]
    ");
    assert!(general.plan.contains("SubjectTotals"), "{}", general.plan);
}

#[tokio::test]
async fn a_key_without_nulls_is_not_read() {
    let house = House::new();
    let csv = "person,region,wage\na,north,1000\nb,north,7000\nc,south,\n";
    let (product, source) = house.publish(csv, policy()).await;
    let sql = "SELECT region, COUNT(*), SUM(wage) FROM owner.payroll GROUP BY region";
    let run = |general| ExactAnswer::of(&house.engine, sql, (&product, &source), None, (1, general));
    let (short, general) = (run(false).await.unwrap(), run(true).await.unwrap());
    assert_eq!(short.groups, general.groups);
    insta::assert_snapshot!(short.plan, @r"
    Aggregate: groupBy=[[k0]], aggr=[[count(Int64(1)) AS subjects, sum(v2) AS t2]]
      Projection: product.region AS k0, fixed(product.wage) AS v2
        TableScan: product projection=[region, wage]
    ");
}
