//! An expression that failed only where a row reaches it would tell that the row is there. So every function
//! and every cast runs here inside a branch that one row takes, or none, and must end in an answer both times.

use proptest::prelude::*;
use weal_domain::catalogue::{PrivacyPolicy, Product};
use weal_engine::exact::ExactAnswer;
use weal_engine::{EngineError, Source};

use crate::given::{House, owner, policy};

/// A neighbour of [`with_them`]: everybody but `z`, whose values are at the ends of everything.
const WITHOUT: &str = "person,region,wage,Hours,hired,active,seen
a,north,1000.5,10,2020-01-01,true,2020-01-01T10:00:00Z
b,2020-02-30,-3,0,1969-12-31,false,1969-12-31T23:59:59.999Z
c,,,,,,
";
const THEM: [&str; 5] = [
    "z,\u{130}\u{149}\u{1F600},1e308,9223372036854775807,9999-12-31,true,9999-12-31T23:59:59.999999Z\n",
    "z,-1e400,-1e308,-9223372036854775808,0001-01-01,false,0001-01-01T00:00:00Z\n",
    "z,+262142-12-31,4e-320,2932897,0001-01-01,true,0001-01-01T00:00:00Z\n",
    "z,9999-12-31T24:00:00,1e19,253402300800000000,9999-12-31,,9999-12-31T23:59:59Z\n",
    "z,a%_\\,9.3e18,-719163,2020-02-29,false,2020-02-29T12:34:56.789Z\n",
];

const EXPRESSIONS: [&str; 20] = [
    "region",
    "wage",
    "hours",
    "hired",
    "active",
    "seen",
    "NULL",
    "0",
    "-1",
    "1.5",
    "'x'",
    "DATE '9999-12-31'",
    "TIMESTAMP '0001-01-01 00:00:00'",
    "hours * hours",
    "wage * 1e308",
    "hours - 9223372036854775807",
    "'9999-12-31'",
    "TRUE",
    "CAST(region AS DATE)",
    "CAST(region AS TIMESTAMP)",
];
const TYPES: [&str; 14] = [
    "BIGINT",
    "INTEGER",
    "SMALLINT",
    "TINYINT",
    "DOUBLE",
    "REAL",
    "VARCHAR",
    "TEXT",
    "BOOLEAN",
    "DATE",
    "TIMESTAMP",
    "DECIMAL(10, -2)",
    "DECIMAL(5, 2)",
    "BIGINT UNSIGNED",
];
const PARTS: [&str; 14] = [
    "year", "quarter", "month", "week", "day", "hour", "minute", "second", "dow", "doy", "isodow", "isoyear",
    "century", "decade",
];
const FUNCTIONS_OF_ONE: [&str; 14] = [
    "lower",
    "upper",
    "btrim",
    "ltrim",
    "rtrim",
    "character_length",
    "abs",
    "ceil",
    "floor",
    "round",
    "trunc",
    "concat",
    "coalesce",
    "greatest",
];
const FUNCTIONS_OF_TWO: [&str; 12] = [
    "starts_with",
    "ends_with",
    "contains",
    "concat",
    "strpos",
    "coalesce",
    "nullif",
    "nvl",
    "greatest",
    "least",
    "ltrim",
    "btrim",
];
const OPERATORS: [&str; 14] =
    ["+", "-", "*", "/", "%", "||", "=", "<>", "<", ">=", "IS DISTINCT FROM", "AND", "OR", "LIKE"];

fn one_of(list: &'static [&'static str]) -> impl Strategy<Value = String> {
    prop::sample::select(list).prop_map(str::to_owned)
}

/// Anything that the grammar of private questions may let through; most of it nonsense.
fn expression() -> impl Strategy<Value = String> {
    one_of(&EXPRESSIONS).prop_recursive(3, 12, 2, |inner| {
        let two = (inner.clone(), inner.clone());
        prop_oneof![
            (inner.clone(), one_of(&TYPES)).prop_map(|(x, kind)| format!("CAST({x} AS {kind})")),
            (one_of(&PARTS), inner.clone()).prop_map(|(part, x)| format!("date_part('{part}', {x})")),
            (one_of(&PARTS), inner.clone()).prop_map(|(part, x)| format!("date_trunc('{part}', {x})")),
            (one_of(&FUNCTIONS_OF_ONE), inner.clone()).prop_map(|(f, x)| format!("{f}({x})")),
            (one_of(&FUNCTIONS_OF_TWO), two.clone()).prop_map(|(f, (x, y))| format!("{f}({x}, {y})")),
            (one_of(&OPERATORS), two.clone()).prop_map(|(op, (x, y))| format!("({x} {op} {y})")),
            (inner.clone(), 0..3_u8).prop_map(|(x, n)| format!("substr({x}, {n}, 1000000)")),
            (inner.clone(), 0..3_u8).prop_map(|(x, n)| format!("right(left({x}, {n}), 1000000)")),
            (inner.clone(), any::<i16>()).prop_map(|(x, n)| format!("round({x}, {n})")),
            two.prop_map(|(x, y)| format!("CASE WHEN {x} = {y} THEN {y} ELSE {x} END")),
        ]
    })
}

struct Neighbours {
    house: House,
    tables: Vec<(Product, Source)>,
}

/// The tables without `z` and with all the rows that `z` may have, under one schema.
async fn neighbours(policy: PrivacyPolicy) -> Neighbours {
    let house = House::new();
    let mut tables = Vec::new();
    for (i, them) in [String::new(), THEM.concat()].into_iter().enumerate() {
        let (mut product, source) = house.publish(&format!("{WITHOUT}{them}"), policy.clone()).await;
        let file = house.path(&format!("{i}.parquet"));
        std::fs::rename(&source.file, &file).unwrap();
        product.columns.iter_mut().for_each(|column| column.nullable = true);
        tables.push((product, Source { file }));
    }
    Neighbours { house, tables }
}

impl Neighbours {
    /// The totals with and without `z`; nothing where the question is refused, which must be settled before
    /// any row is read.
    async fn ask(&self, sql: &str) -> Result<Vec<ExactAnswer>, TestCaseError> {
        let mut answers = Vec::new();
        for (i, (product, source)) in self.tables.iter().enumerate() {
            let asked = self.house.engine.preview(sql, product, &owner(), None, None);
            let exact = ExactAnswer::of(&self.house.engine, sql, (product, source), None, (1, true)).await;
            match (asked, exact) {
                (Ok(_), Ok(exact)) => answers.push(exact),
                (Err(asked), Err(EngineError::Refused(exact))) => {
                    prop_assert_eq!(&asked, &exact);
                    prop_assert_ne!(asked.code, "question-failed");
                }
                (asked, exact) => {
                    let said = format!("{sql}, table {i}: preview {asked:?}, then {:?}", exact.err());
                    return Err(TestCaseError::fail(said));
                }
            }
        }
        Ok(answers)
    }

    async fn ask_everywhere(&self, expression: &str) -> Result<(), TestCaseError> {
        let branch = format!("CASE WHEN person = 'z' THEN {expression} END");
        self.ask(&format!("SELECT {branch} AS k, COUNT(*) FROM owner.payroll GROUP BY 1")).await?;
        self.ask(&format!("SELECT COUNT({branch}), COUNT(*) FROM owner.payroll")).await?;
        let condition = format!("({branch}) IS NULL OR ({expression}) > 0");
        self.ask(&format!("SELECT COUNT(*) FROM owner.payroll WHERE {condition}")).await?;
        // Whoever else is there is counted where they were counted without `z`.
        let keyed = format!("SELECT {expression} AS k, COUNT(*) FROM owner.payroll GROUP BY 1");
        if let [without, with] = &self.ask(&keyed).await?[..] {
            let subjects = |groups: &ExactAnswer| groups.groups.iter().map(|group| group.1).sum::<i64>();
            prop_assert!(subjects(with) - subjects(without) <= 3, "{}", expression);
            for (keys, before, _) in &without.groups {
                let now = with.groups.iter().find(|group| group.0 == *keys).map_or(0, |group| group.1);
                prop_assert!((0..=1).contains(&(now - before)), "{}: {:?} moved", expression, keys);
            }
        }
        Ok(())
    }
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn nothing_that_is_accepted_fails_on_any_row(expressions in prop::collection::vec(expression(), 1..2)) {
        runtime().block_on(async {
            let neighbours = neighbours(policy()).await;
            for expression in expressions {
                neighbours.ask_everywhere(&expression).await?;
            }
            Ok::<(), TestCaseError>(())
        })?;
    }
}

#[tokio::test]
async fn each_function_and_each_cast_ends_in_an_answer_whoever_is_there() {
    let neighbours = neighbours(policy()).await;
    let columns = ["region", "wage", "hours", "hired", "active", "seen"];
    let mut all = Vec::new();
    for column in columns {
        all.extend(TYPES.map(|kind| format!("CAST({column} AS {kind})")));
        all.extend(PARTS.map(|part| format!("date_part('{part}', {column})")));
        all.extend(FUNCTIONS_OF_ONE.map(|function| format!("{function}({column})")));
        all.extend(FUNCTIONS_OF_TWO.map(|function| format!("{function}({column}, region)")));
    }
    // What was once found: errors that only a row in the branch could raise.
    all.extend(
        [
            "CAST(CAST(hours AS TIMESTAMP) AS DATE)",
            "CAST(CAST(wage AS TIMESTAMP) AS VARCHAR)",
            "CAST(CAST(hours AS DATE) AS VARCHAR)",
            "CAST(region AS DECIMAL(10, -2))",
            "CAST(CAST(seen AS VARCHAR) AS DATE)",
            "CAST(CAST(hired AS VARCHAR) AS TIMESTAMP)",
            "CAST(CAST(seen AS DATE) AS VARCHAR)",
        ]
        .map(str::to_owned),
    );
    for expression in all {
        let branch = format!("CASE WHEN person = 'z' THEN {expression} END");
        let sql = format!("SELECT {branch} AS k, COUNT(*) FROM owner.payroll GROUP BY 1");
        if let Err(failed) = neighbours.ask(&sql).await {
            panic!("{failed}");
        }
    }
}

#[tokio::test]
async fn every_part_of_a_date_that_is_named_is_computed() {
    let neighbours = neighbours(policy()).await;
    let (product, source) = &neighbours.tables[1];
    let mut said = String::new();
    for part in PARTS {
        let sql = format!(
            "SELECT date_part('{part}', seen), date_part('{part}', hired), COUNT(*) FROM owner.payroll WHERE person = 'z' AND date_part('year', seen) = 2020 GROUP BY 1, 2"
        );
        let house = &neighbours.house;
        match ExactAnswer::of(&house.engine, &sql, (product, source), None, (1, true)).await {
            Ok(exact) => {
                let keys = exact.groups[0].0.iter().map(|key| key.as_deref().unwrap_or("NULL"));
                said += &format!("{part}: {}\n", keys.collect::<Vec<_>>().join(" "));
            }
            Err(error) => said += &format!("{part}: {}\n", error.refusal().unwrap().code),
        }
    }
    insta::assert_snapshot!(said, @r"
    year: 2020 2020
    quarter: 1 1
    month: 2 2
    week: 9 9
    day: 29 29
    hour: 12 0
    minute: 34 0
    second: 56 0
    dow: 6 6
    doy: 60 60
    isodow: 6 6
    isoyear: 2020 2020
    century: unsupported-sql
    decade: unsupported-sql
    ");
}

#[tokio::test]
async fn texts_grow_no_longer_than_they_may() {
    let house = House::new();
    let csv = format!("person,region\na,{}\nb,short\nc,\n", "x".repeat(600));
    let (product, source) = house.publish(&csv, policy()).await;
    let run = async |sql: &str| {
        let exact = ExactAnswer::of(&house.engine, sql, (&product, &source), None, (1, true)).await;
        exact.map(|exact| exact.groups.into_iter().map(|(keys, ..)| keys[0].clone()).collect::<Vec<_>>())
    };
    let twice = "SELECT concat(region, region), COUNT(*) FROM owner.payroll GROUP BY 1";
    let texts = run(twice).await.unwrap();
    assert_eq!(texts, [None, Some(String::new()), Some("shortshort".into())], "1,200 bytes are too long");
    let twice = "SELECT region || region || '!', COUNT(*) FROM owner.payroll GROUP BY 1";
    assert_eq!(run(twice).await.unwrap(), [None, Some("shortshort!".into())]);
    let refused = async |sql: &str| run(sql).await.unwrap_err().refusal().unwrap().code.clone();
    let many = format!("SELECT COUNT(concat(region{})) FROM owner.payroll", ", region".repeat(16));
    assert_eq!(refused(&many).await, "sql-not-understood");
    let long = format!("SELECT COUNT(*) FROM owner.payroll WHERE region = '{}'", "x".repeat(1025));
    assert_eq!(refused(&long).await, "unsupported-sql");
    for (open, close) in [("coalesce(", ", 'a')"), ("nvl(", ", 'a')"), ("(", " BETWEEN 'a' AND 'b')::TEXT")] {
        let doubled = format!("{}region{}", open.repeat(30), close.repeat(30));
        let doubled = format!("SELECT COUNT(*) FROM owner.payroll WHERE {doubled} = 'a'");
        assert_eq!(refused(&doubled).await, "unsupported-sql", "each level would double the work");
    }
    let wide = format!("SELECT COUNT(*) FROM owner.payroll GROUP BY region{}", ", region || 'a'".repeat(16));
    assert_eq!(refused(&wide).await, "question-too-wide");
}

#[test]
fn a_preview_is_no_way_to_fill_the_memory() {
    let house = House::new();
    let mut policy = policy();
    policy.public_keys.insert("region".into(), (0..50_000).map(|i| format!("{i:0>500}")).collect());
    let product = crate::given::payroll(policy);
    let sql = "SELECT region || region, COUNT(*) FROM owner.payroll GROUP BY 1";
    let refusal = house.engine.preview(sql, &product, &owner(), None, None).unwrap_err();
    assert_eq!(refusal.code, "too-many-groups");
}
