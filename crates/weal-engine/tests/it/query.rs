//! Ordinary SQL over files that are already ours.

use futures::StreamExt;
use weal_domain::RefusalKind;
use weal_domain::catalogue::ProductRef;

use crate::given::{House, lines, refusal_of};

async fn tables(house: &House) -> Vec<(ProductRef, std::path::PathBuf)> {
    let mut tables = Vec::new();
    for (name, csv) in [
        ("revenue.payroll", "Person,Region,Wage\na,1,10\nb,2,20\nc,1,30\n"),
        ("revenue.regions", "code,name\n1,North\n2,South\n"),
        ("education.claims", "person,amount\na,5.25\nz,7\n"),
    ] {
        let out = house.path(&format!("{name}.parquet"));
        house.engine.ingest(&house.write("in.csv", csv), &out, None, &|_| {}).await.unwrap();
        tables.push((name.parse().unwrap(), out));
    }
    tables
}

async fn ask(house: &House, sql: &str) -> Vec<String> {
    lines(house.engine.query(sql, &tables(house).await).await.unwrap()).await
}

#[tokio::test]
async fn joins_windows_and_functions_all_work_here() {
    let house = House::new();
    let sql = "SELECT r.name, SUM(p.wage) AS w, ROUND(AVG(p.WAGE) / 7, 2) FROM revenue.payroll p
               JOIN revenue.regions r ON r.code = p.region GROUP BY r.name ORDER BY r.name";
    assert_eq!(ask(&house, sql).await, ["North|40|2.86", "South|20|2.86"]);
    let sql =
        "WITH c AS (SELECT person FROM education.claims) SELECT c.person FROM c LEFT JOIN revenue.payroll p
               ON p.person = c.person WHERE p.\"Person\" IS NULL";
    assert_eq!(ask(&house, sql).await, ["z"]);
    let sql = "SELECT person, row_number() OVER (ORDER BY wage DESC) AS place, abs(-wage) FROM revenue.payroll ORDER BY place LIMIT 1";
    assert_eq!(ask(&house, sql).await, ["c|1|30"]);
}

#[tokio::test]
async fn folders_are_tables_too() {
    let house = House::new();
    std::fs::create_dir_all(house.path("parts")).unwrap();
    for i in 0..2 {
        let input = house.write("in.csv", format!("id,n\n{i},{}\n", i * 10));
        house.engine.ingest(&input, &house.path(&format!("parts/{i}.parquet")), None, &|_| {}).await.unwrap();
    }
    let tables = [("owner.parts".parse().unwrap(), house.path("parts"))];
    let stream = house.engine.query("SELECT COUNT(*), SUM(n) FROM owner.parts", &tables).await.unwrap();
    assert_eq!(lines(stream).await, ["2|10"]);
}

/// An analyst's mistake is no incident of the node.
#[tokio::test]
async fn what_rows_cannot_be_computed_with_is_the_questions_fault() {
    let house = House::new();
    for (sql, why) in [
        ("SELECT region / (region - 1) FROM revenue.payroll", "Divide by zero"),
        ("SELECT CAST(name AS INTEGER) FROM revenue.regions", "North"),
        ("SELECT date_part('mnth', DATE '2026-01-01' + region) FROM revenue.payroll", "mnth"),
    ] {
        let stream = match house.engine.query(sql, &tables(&house).await).await {
            Ok(stream) => stream,
            Err(error) => panic!("{sql}: {error}"),
        };
        let found: Vec<_> = stream.batches.collect().await;
        let error = found.into_iter().find_map(Result::err).expect(sql);
        let refusal = error.refusal().unwrap_or_else(|| panic!("{sql}: {error}"));
        assert_eq!(refusal.code, "not-computable");
        assert!(refusal.reason.contains(why), "{}", refusal.reason);
    }
}

#[tokio::test]
async fn only_what_is_here_can_be_read() {
    let house = House::new();
    let tables = tables(&house).await;
    let refused = async |sql: &str| refusal_of(house.engine.query(sql, &tables).await);
    let elsewhere = refused("SELECT * FROM employment.benefits").await;
    assert_eq!((elsewhere.code.as_str(), elsewhere.kind), ("product-not-here", RefusalKind::NotFound));
    assert!(elsewhere.remedy.unwrap().contains("revenue.payroll"));
    assert_eq!(refused("SELECT nosuch FROM revenue.payroll").await.code, "no-such-column");
    assert_eq!(refused("SELECT * FROM '/etc/passwd'").await.code, "not-a-product");
    assert_eq!(refused("DROP TABLE revenue.payroll").await.code, "not-a-question");
    assert_eq!(refused("SELECT nosuch(wage) FROM revenue.payroll").await.code, "sql-not-understood");
}
