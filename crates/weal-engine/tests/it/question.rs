//! What counts as a question at all.

use std::fmt::Write;

use weal_domain::RefusalKind;
use weal_domain::exchange::Statistics;
use weal_engine::{Question, check_filter, read_question};

use crate::given::{House, lines, owner, permit, policy};

fn read(sql: &str) -> Question {
    read_question(sql).unwrap()
}

fn tables(question: &Question) -> Vec<String> {
    question.tables.iter().map(ToString::to_string).collect()
}

#[test]
fn tables_and_aggregates_are_found_wherever_they_stand() {
    let plain = read("select a, b from revenue.payroll where c > 3 order by a limit 5;");
    assert_eq!((tables(&plain), plain.aggregates), (vec!["revenue.payroll".to_owned()], false));
    let nested = read(
        "WITH w AS (SELECT person FROM Revenue.Payroll) SELECT region, x.n FROM education.claims c JOIN w ON w.person = c.person
         JOIN (SELECT COUNT(*) AS n FROM employment.benefits) x ON true UNION ALL SELECT a, b FROM revenue.regions",
    );
    let expected = ["education.claims", "employment.benefits", "revenue.payroll", "revenue.regions"];
    assert_eq!((tables(&nested), nested.aggregates), (expected.map(String::from).to_vec(), true));
    assert!(read("SELECT region FROM revenue.payroll GROUP BY region").aggregates);
    assert!(read("SELECT MEDIAN(wage) FROM revenue.payroll").aggregates);
    assert!(!read("SELECT row_number() OVER (ORDER BY wage) FROM revenue.payroll").aggregates);
    assert!(
        !read("SELECT upper(region) FROM revenue.payroll WHERE wage IN (SELECT wage FROM revenue.top)")
            .aggregates
    );
}

#[test]
fn everything_else_is_refused_with_what_to_write() {
    let mut said = String::new();
    for sql in [
        "",
        "  -- nothing\n ;",
        "hello",
        "42",
        "DROP TABLE revenue.payroll",
        "DELETE FROM revenue.payroll",
        "INSERT INTO revenue.payroll VALUES (1)",
        "UPDATE revenue.payroll SET wage = 1",
        "CREATE EXTERNAL TABLE x STORED AS CSV LOCATION '/etc/passwd'",
        "COPY (SELECT 1) TO '/tmp/x'",
        "SET datafusion.execution.batch_size = 1",
        "EXPLAIN SELECT * FROM revenue.payroll",
        "SHOW TABLES",
        "VALUES (1)",
        "SELECT 1; SELECT 2",
        "SELECT * FROM revenue.payroll; DROP TABLE x",
        "SELECT 1",
        "SELECT * FROM payroll",
        "SELECT * FROM a.b.c",
        "SELECT * FROM '/etc/passwd'",
        "SELECT * FROM generate_series(1, 10)",
        "SELECT * FROM UNNEST([1, 2])",
        "SELECT * INTO x FROM revenue.payroll",
        "SELECT * FROM revenue.payroll FOR UPDATE",
        "WITH RECURSIVE x AS (SELECT 1) SELECT * FROM x",
        "SELECT * FROM revenue.payroll WHERE",
        "SELECT * FROM revenue.payroll WHERE region = 'north",
        "SELECT (((1 FROM revenue.payroll",
        "SELECT * FROM revenue.payroll )",
    ] {
        let refusal = read_question(sql).expect_err(sql);
        assert!(refusal.remedy.is_some(), "{sql}");
        writeln!(said, "{sql}\n  {}: {}", refusal.code, refusal.reason).unwrap();
    }
    insta::assert_snapshot!(said, @r"

      empty-question: The question is empty.
      -- nothing
     ;
      empty-question: The question is empty.
    hello
      not-a-question: Only a SELECT can be asked here, and that is none.
    42
      not-a-question: Only a SELECT can be asked here, and that is none.
    DROP TABLE revenue.payroll
      not-a-question: Only a SELECT can be asked here, and DROP is none.
    DELETE FROM revenue.payroll
      not-a-question: Only a SELECT can be asked here, and DELETE is none.
    INSERT INTO revenue.payroll VALUES (1)
      not-a-question: Only a SELECT can be asked here, and INSERT is none.
    UPDATE revenue.payroll SET wage = 1
      not-a-question: Only a SELECT can be asked here, and UPDATE is none.
    CREATE EXTERNAL TABLE x STORED AS CSV LOCATION '/etc/passwd'
      not-a-question: Only a SELECT can be asked here, and CREATE is none.
    COPY (SELECT 1) TO '/tmp/x'
      not-a-question: Only a SELECT can be asked here, and COPY is none.
    SET datafusion.execution.batch_size = 1
      not-a-question: Only a SELECT can be asked here, and SET is none.
    EXPLAIN SELECT * FROM revenue.payroll
      not-a-question: Only a SELECT can be asked here, and EXPLAIN is none.
    SHOW TABLES
      not-a-question: Only a SELECT can be asked here, and SHOW is none.
    VALUES (1)
      not-a-question: Only a SELECT can be asked here, and VALUES is none.
    SELECT 1; SELECT 2
      one-question-at-a-time: The question holds more than one statement.
    SELECT * FROM revenue.payroll; DROP TABLE x
      one-question-at-a-time: The question holds more than one statement.
    SELECT 1
      no-product: The question names no product.
    SELECT * FROM payroll
      not-a-product: `payroll` is not the name of a product.
    SELECT * FROM a.b.c
      not-a-product: `a.b.c` is not the name of a product.
    SELECT * FROM '/etc/passwd'
      not-a-product: `'/etc/passwd'` is not the name of a product.
    SELECT * FROM generate_series(1, 10)
      not-a-question: a table function cannot be part of a question.
    SELECT * FROM UNNEST([1, 2])
      not-a-question: a table function cannot be part of a question.
    SELECT * INTO x FROM revenue.payroll
      not-a-question: SELECT INTO cannot be part of a question.
    SELECT * FROM revenue.payroll FOR UPDATE
      not-a-question: FOR UPDATE cannot be part of a question.
    WITH RECURSIVE x AS (SELECT 1) SELECT * FROM x
      not-a-question: WITH RECURSIVE cannot be part of a question.
    SELECT * FROM revenue.payroll WHERE
      sql-syntax: The SQL cannot be read: Expected: an expression, found: EOF
    SELECT * FROM revenue.payroll WHERE region = 'north
      sql-syntax: The SQL cannot be read: Unterminated string literal at Line: 1, Column: 46
    SELECT (((1 FROM revenue.payroll
      sql-syntax: The SQL cannot be read: Expected: ), found: FROM at Line: 1, Column: 13
    SELECT * FROM revenue.payroll )
      sql-syntax: The SQL cannot be read: Expected: end, found: )
    ");
}

#[test]
fn size_and_depth_have_limits() {
    let too_deep = |sql: &str| {
        let refusal = read_question(sql).expect_err("too deep");
        assert_eq!(refusal.kind, RefusalKind::TooLarge, "{}", refusal.reason);
    };
    let from = "FROM revenue.payroll";
    too_deep(&format!("SELECT {}1{} {from}", "(".repeat(200), ")".repeat(200)));
    too_deep(&format!("SELECT 1{} {from}", "+1".repeat(2000)));
    too_deep(&format!("SELECT * {from} WHERE a = 1{}", " OR a = 1".repeat(2000)));
    too_deep(&format!("SELECT 1{} {from}", " + CASE WHEN a THEN 1 END".repeat(500)));
    too_deep(&format!("SELECT {}1{} {from}", "CASE WHEN a THEN ".repeat(100), " END".repeat(100)));
    too_deep(&format!("SELECT CASE WHEN 1 {} THEN 1 END {from}", "+ when ".repeat(1000)));
    too_deep(&format!("SELECT {}1 {from}", "NOT ".repeat(1000)));
    too_deep(&format!("SELECT {}1 {from}", "- ".repeat(1000)));
    too_deep(&format!("SELECT 1{} {from}", " IS NULL".repeat(1000)));
    too_deep(&format!("SELECT 1{} {from}", "::int".repeat(1000)));
    too_deep(&format!("SELECT 1 {from}{}", " UNION SELECT 1 FROM revenue.payroll".repeat(100)));
    too_deep(&format!("SELECT 1 {from}{}", " JOIN revenue.payroll ON true".repeat(100)));
    too_deep(&format!("SELECT {}1{} {from}", "CASE WHEN a THEN ".repeat(7), " END".repeat(7)));
    too_deep(&format!("SELECT {}1{} {from}", "[".repeat(200), "]".repeat(200)));
    let long = format!("SELECT '{}' {from}", "x".repeat(70_000));
    assert_eq!(read_question(&long).unwrap_err().code, "question-too-long");
    // Wide is not deep.
    read(&format!("SELECT a {from} WHERE a IN (1{})", ", 2".repeat(10_000)));
    read(&format!("SELECT CASE {} END {from}", "WHEN a < 1 THEN 2 ".repeat(500)));
    read(&format!("SELECT a{} {from}", ", b + 1".repeat(2000)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_deepest_question_allowed_can_be_planned_and_run() {
    // The limit protects the stack of whatever recurses over the tree: planners, rewriting, evaluation.
    let house = House::new();
    let (product, source) = house.publish("person,hours\na,1\nb,2\n", policy()).await;
    let (loss, columns) = (policy().question_loss_default, product.columns.clone());
    for condition in [
        format!("hours{} > 0", " + 1".repeat(118)),
        format!("{}hours > 0{}", "(".repeat(30), ")".repeat(30)),
        format!("hours = 1{}", " OR hours = 1".repeat(58)),
        format!("{}hours > 0", "NOT ".repeat(35)),
        format!("{}hours{} > 0", "abs(".repeat(35), ")".repeat(35)),
        format!("{}hours{} > 0", "CASE WHEN hours > 0 THEN ".repeat(6), " END".repeat(6)),
        format!("person{} = 'a'", " || 'a'".repeat(118)),
        format!("{}hours{} > 0", "coalesce(".repeat(6), ", 1)".repeat(6)),
        format!("{}person{} = 'a'", "CAST(".repeat(35), " AS VARCHAR)".repeat(35)),
    ] {
        let sql = format!("SELECT COUNT(*) FROM owner.payroll WHERE {condition}");
        let permit = permit::<Statistics>(None, None, loss);
        let (engine, product, source) = (house.engine.clone(), product.clone(), source.clone());
        // On a worker, as a node's: what runs in a test itself has another stack.
        let run = async move {
            engine.answer(&permit, &sql, &product, &owner(), &source, loss).await.unwrap();
            let tables = [("owner.payroll".parse().unwrap(), source.file.clone())];
            lines(engine.query(&sql, &tables).await.unwrap()).await.len()
        };
        assert_eq!(tokio::spawn(run).await.unwrap(), 1);
        check_filter(&columns, &condition).unwrap();
    }
}
