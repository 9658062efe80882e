//! What private questions may be made of, each against numbers worked out by hand or by plain arithmetic.

use weal_domain::catalogue::PrivacyPolicy;
use weal_domain::compute::{Answer, Cell, ColumnRole, Loss};
use weal_domain::exchange::Statistics;
use weal_engine::exact::ExactAnswer;

use crate::given::{House, owner, permit, policy};

/// The most that one release may cost: noise is small against the numbers here, and still noise.
const PLENTY: Loss = Loss { rho_nano: 10_000_000_000, delta_femto: 10_000_000_000 };

fn generous() -> PrivacyPolicy {
    PrivacyPolicy { question_loss_max: PLENTY, group_size_min: 5, ..policy() }
}

/// 600 people in `north`, 300 in `south`; wages rise from 0 to 4,995 by 5 and begin again; every third person has
/// two rows, of which the second pays 1,000 more and stands in `abroad`.
fn people() -> String {
    let mut csv = String::from("person,region,wage,hours,job\n");
    for i in 0..900 {
        let region = if i < 600 { "north" } else { "south" };
        let wage = (i * 5) % 5000;
        csv += &format!("p{i},{region},{wage}.00,{},job{}\n", i % 40, i % 7);
        if i % 3 == 0 {
            csv += &format!("p{i},abroad,{}.00,{},job{}\n", (wage + 1000) % 5000, i % 40, i % 7);
        }
    }
    csv
}

async fn ask_with(house: &House, sql: &str, policy: PrivacyPolicy) -> Answer {
    let (product, source) = house.publish(&people(), policy).await;
    let preview = house.engine.preview(sql, &product, &owner(), None, Some(PLENTY)).unwrap();
    let permit = permit::<Statistics>(None, None, preview.loss);
    let answer = house.engine.answer(&permit, sql, &product, &owner(), &source, preview.loss).await.unwrap();
    assert_eq!((answer.loss, &answer.columns), (preview.loss, &preview.columns));
    answer
}

async fn ask(sql: &str) -> Answer {
    ask_with(&House::new(), sql, generous()).await
}

async fn refused(sql: &str) -> String {
    let house = House::new();
    let (product, _) = house.publish(&people(), generous()).await;
    let refusal = house.engine.preview(sql, &product, &owner(), None, None).unwrap_err();
    format!("{} {}", refusal.reason, refusal.remedy.unwrap_or_default())
}

fn key(cell: &Cell) -> &str {
    match cell {
        Cell::Key(key) => key.as_deref().unwrap_or("NULL"),
        other => panic!("{other:?} is no key"),
    }
}

#[track_caller]
fn near(cell: &Cell, truth: f64, within: f64) {
    let Cell::Estimate { value, low, high } = cell else { panic!("{cell:?} is no estimate") };
    assert!(low <= value && value <= high, "{cell:?}");
    assert!((value - truth).abs() <= within, "{cell:?} should be near {truth}");
    assert!(*low - within <= truth && truth <= *high + within, "{cell:?} should hold {truth}");
}

#[tokio::test]
async fn variances_and_deviations_follow_from_two_means() {
    // Evenly spread from 0 to 4,495 in 900 steps of 5, nobody twice: a uniform distribution.
    let sql = "SELECT VAR_POP(wage), VAR_SAMP(wage), STDDEV_POP(wage), STDDEV(wage) FROM owner.payroll WHERE region <> 'abroad'";
    let answer = ask(sql).await;
    let variance = 25.0 * (900.0_f64.powi(2) - 1.0) / 12.0;
    near(&answer.rows[0][0], variance, 60_000.0);
    near(&answer.rows[0][1], variance * 900.0 / 899.0, 60_000.0);
    near(&answer.rows[0][2], variance.sqrt(), 30.0);
    near(&answer.rows[0][3], variance.sqrt(), 30.0);
}

#[tokio::test]
async fn quantiles_come_from_one_release_and_hold_together() {
    let sql = "SELECT MEDIAN(wage), PERCENTILE_CONT(0.25) WITHIN GROUP (ORDER BY wage), PERCENTILE_CONT(0.25) WITHIN GROUP (ORDER BY wage DESC), MIN(wage), MAX(wage) \
               FROM owner.payroll WHERE region <> 'abroad'";
    let answer = ask(sql).await;
    for (cell, truth) in answer.rows[0].iter().zip([2247.5, 1123.75, 3371.25, 45.0, 4450.0]) {
        near(cell, truth, 150.0);
    }
    assert!(
        answer.protection.iter().any(|said| said.starts_with("MIN and MAX are")),
        "{:?}",
        answer.protection
    );
}

/// Where the noise passes its bound an end of the interval is cut off. It does so in less than one draw of 400, so in more
/// than three of 20 less than once in 10⁶ runs.
#[tokio::test]
async fn of_nobody_there_is_no_median_or_one_that_may_be_anything() {
    let house = House::new();
    let sql = "SELECT MEDIAN(wage) FROM owner.payroll WHERE wage > 100000";
    let (product, source) = house.publish(&people(), generous()).await;
    let permit = permit::<Statistics>(None, None, PLENTY);
    let mut cut_short = Vec::new();
    for _ in 0..20 {
        let answer = house.engine.answer(&permit, sql, &product, &owner(), &source, PLENTY).await.unwrap();
        match &answer.rows[0][0] {
            Cell::Unknown => {}
            Cell::Estimate { low, high, .. } if (*low, *high) == (0.0, 5000.0) => {}
            Cell::Estimate { low, high, .. } => cut_short.push((*low, *high)),
            other => panic!("{other:?}"),
        }
    }
    assert!(cut_short.len() <= 3, "nothing is known, and yet {cut_short:?}");
}

#[tokio::test]
async fn distinct_values_are_counted_as_many_as_a_subject_may_bring() {
    let answer = ask("SELECT COUNT(DISTINCT job), COUNT(DISTINCT hours), COUNT(DISTINCT person) FILTER (WHERE wage >= 2500) FROM owner.payroll").await;
    near(&answer.rows[0][0], 7.0, 15.0);
    near(&answer.rows[0][1], 40.0, 15.0);
    // 400 by their first rows, and by their second ones every third of the 200 whose first wage is 1,500 to 2,495.
    near(&answer.rows[0][2], 400.0 + 67.0, 15.0);
    let house = House::new();
    let csv = "person,region,wage,hours\na,n,1,1\na,n,1,2\na,n,1,3\nb,n,1,1\nb,s,1,\nc,s,1,9\n";
    let sql = "SELECT region, COUNT(DISTINCT hours), MEDIAN(wage) FROM owner.payroll GROUP BY region";
    let (product, source) = house.publish(csv, policy()).await;
    let exact = ExactAnswer::of(&house.engine, sql, (&product, &source), None, (1, true)).await.unwrap();
    let [(_, 2, north), (_, 2, south)] = &exact.groups[..] else { panic!("{:?}", exact.groups) };
    assert!((2..=3).contains(&north[1]), "two of a's three values, and 1 of b: {north:?}");
    assert_eq!((north[2], &south[1..]), (3, &[1, 2][..]), "at most two rows of a subject");
}

#[tokio::test]
async fn rollup_asks_for_every_grouping_and_shares_the_loss() {
    let sql = "SELECT region, COUNT(*) AS n FROM owner.payroll GROUP BY ROLLUP (region) ORDER BY n DESC";
    let answer = ask(sql).await;
    let keys: Vec<_> = answer.rows.iter().map(|row| key(&row[0])).collect();
    assert_eq!(keys[..2], ["NULL", "north"], "{answer:?}");
    for (row, truth) in answer.rows.iter().zip([1200.0, 600.0, 300.0, 300.0]) {
        near(&row[1], truth, 40.0);
    }
    let plain = ask("SELECT region, COUNT(*) AS n FROM owner.payroll GROUP BY region").await;
    let width = |cell: &Cell| if let Cell::Estimate { low, high, .. } = cell { high - low } else { 0.0 };
    assert!(width(&answer.rows[1][1]) > width(&plain.rows[0][1]), "half of the loss each");
    let sets = ask("SELECT region, hours % 2 AS odd, COUNT(*) FROM owner.payroll GROUP BY GROUPING SETS ((region), (hours % 2), ())").await;
    assert_eq!(sets.rows.len(), 3 + 2 + 1);
}

#[tokio::test]
async fn inner_selects_and_ctes_are_written_into_the_question() {
    let sql = "WITH paid AS (SELECT person, region AS place, wage * 2 AS double FROM owner.payroll WHERE wage >= 2500), \
               north AS (SELECT * FROM paid WHERE place = 'north') \
               SELECT place, COUNT(*), AVG(double / 2) FROM north GROUP BY place";
    let answer = ask(sql).await;
    assert_eq!(key(&answer.rows[0][0]), "north");
    // 2,500 to 2,995 by 5.
    near(&answer.rows[0][1], 100.0, 20.0);
    near(&answer.rows[0][2], 2747.5, 400.0);
    let sql = "SELECT region, n FROM (SELECT region, COUNT(*) AS n FROM owner.payroll GROUP BY region) AS t WHERE n > 450 ORDER BY region";
    assert_eq!(ask(sql).await.rows.len(), 1, "a condition on released numbers");
}

#[tokio::test]
async fn totals_of_each_subject_can_be_asked_about() {
    let sql = "SELECT jobs, COUNT(*), AVG(paid) FROM \
               (SELECT person, COUNT(*) AS jobs, SUM(wage) AS paid FROM owner.payroll GROUP BY person) AS each \
               GROUP BY jobs ORDER BY jobs";
    let answer = ask(sql).await;
    assert_eq!(answer.rows.iter().map(|row| key(&row[0])).collect::<Vec<_>>(), ["1", "2"]);
    near(&answer.rows[0][1], 600.0, 15.0);
    near(&answer.rows[1][1], 300.0, 15.0);
    let truth = (0..900).filter(|i| i % 3 == 0).map(|i| {
        let wage = (i * 5) % 5000;
        f64::from(wage + (wage + 1000) % 5000)
    });
    near(&answer.rows[1][2], truth.sum::<f64>() / 300.0, 400.0);
    let refusal =
        refused("SELECT AVG(n) FROM (SELECT region, COUNT(*) AS n FROM owner.payroll GROUP BY region) AS t")
            .await;
    assert!(refusal.contains("Group the inner SELECT by `person` as well"), "{refusal}");
}

#[tokio::test]
async fn rows_are_joined_with_values_and_with_rows_of_the_same_subject() {
    let sql = "SELECT m.side, COUNT(*) FROM owner.payroll AS p \
               JOIN (VALUES ('north', 'in'), ('south', 'in'), ('abroad', 'out')) AS m(region, side) ON p.region = m.region \
               GROUP BY m.side ORDER BY 1";
    let answer = ask(sql).await;
    assert_eq!(answer.rows.iter().map(|row| key(&row[0])).collect::<Vec<_>>(), ["in", "out"]);
    near(&answer.rows[0][1], 900.0, 20.0);
    near(&answer.rows[1][1], 300.0, 20.0);
    let sql = "SELECT home.region, COUNT(*), SUM(away.wage) FROM owner.payroll AS home \
               JOIN owner.payroll AS away ON home.person = away.person \
               WHERE home.region <> 'abroad' AND away.region = 'abroad' GROUP BY home.region";
    let answer = ask(sql).await;
    near(&answer.rows[0][1], 200.0, 20.0);
    near(&answer.rows[1][1], 100.0, 20.0);
    let sql = "SELECT COUNT(*) FROM owner.payroll WHERE region = 'north' AND person IN (SELECT person FROM owner.payroll WHERE region = 'abroad')";
    near(&ask(sql).await.rows[0][0], 200.0, 20.0);
    let sql = "SELECT COUNT(*) FROM owner.payroll WHERE person NOT IN (SELECT person FROM owner.payroll WHERE region = 'abroad')";
    near(&ask(sql).await.rows[0][0], 600.0, 20.0);
    let sql = "SELECT COUNT(*), SUM(x) FROM (SELECT person, wage AS x FROM owner.payroll WHERE region = 'south' UNION ALL SELECT person, 0 FROM owner.payroll WHERE region = 'abroad') AS both";
    let answer = ask(sql).await;
    near(&answer.rows[0][0], 600.0, 20.0);
    let sql = "SELECT COUNT(*) FROM (SELECT DISTINCT person, job FROM owner.payroll) AS jobs";
    near(&ask(sql).await.rows[0][0], 900.0, 20.0);
    let refusal =
        refused("SELECT COUNT(*) FROM owner.payroll AS a JOIN owner.payroll AS b ON a.region = b.region")
            .await;
    assert!(refusal.contains("rows of different subjects cannot be put together"), "{refusal}");
    let refusal =
        refused("SELECT COUNT(*) FROM owner.payroll WHERE region IN (SELECT region FROM owner.payroll)")
            .await;
    assert!(refusal.contains("person IN (SELECT person"), "{refusal}");
}

#[tokio::test]
async fn windows_and_expressions_work_on_what_was_released() {
    let sql = "SELECT region, COUNT(*) AS n, RANK() OVER (ORDER BY COUNT(*) DESC) AS place, \
               SUM(COUNT(*)) OVER () AS everybody, upper(region) AS loud, CASE WHEN COUNT(*) > 450 THEN 'many' ELSE 'few' END AS how \
               FROM owner.payroll GROUP BY region ORDER BY place";
    let answer = ask(sql).await;
    let roles: Vec<_> = answer.columns.iter().map(|column| column.role).collect();
    let computed = ColumnRole::Computed;
    assert_eq!(roles, [ColumnRole::Key, ColumnRole::Estimate, computed, computed, computed, computed]);
    assert_eq!(answer.rows.len(), 3);
    let first: Vec<_> = [0, 2, 4, 5].map(|column| key(&answer.rows[0][column])).to_vec();
    assert_eq!(first, ["north", "1", "NORTH", "many"]);
    let total: f64 = answer
        .rows
        .iter()
        .map(|row| if let Cell::Estimate { value, .. } = row[1] { value } else { 0.0 })
        .sum();
    assert_eq!(key(&answer.rows[0][3]).parse::<f64>().unwrap(), total);
    let sql = "SELECT region FROM (SELECT region, ROW_NUMBER() OVER (ORDER BY COUNT(*)) AS r FROM owner.payroll GROUP BY region) AS t WHERE r = 3";
    let answer = ask(sql).await;
    assert_eq!(answer.rows.iter().map(|row| key(&row[0])).collect::<Vec<_>>(), ["north"]);
    let refusal = refused("SELECT COUNT(*) FROM (SELECT person, ROW_NUMBER() OVER (ORDER BY wage) AS r FROM owner.payroll) AS t").await;
    assert!(refusal.contains("windows work on what was released"), "{refusal}");
}

#[tokio::test]
async fn options_in_the_form_of_zetasql_only_ask_for_less() {
    let house = House::new();
    let (product, _) = house.publish(&people(), generous()).await;
    let preview = |sql: &str| house.engine.preview(sql, &product, &owner(), None, Some(PLENTY)).unwrap();
    let plain = preview("SELECT region, COUNT(*) FROM owner.payroll GROUP BY region");
    let asked = |options: &str| {
        preview(&format!(
            "SELECT WITH DIFFERENTIAL_PRIVACY OPTIONS ({options}) region, COUNT(*) FROM owner.payroll GROUP BY region"
        ))
    };
    assert_eq!(asked(""), plain);
    assert_eq!(
        asked("epsilon = 100000, max_groups_contributed=70, privacy_unit_column=Person"),
        plain,
        "never more"
    );
    let fewer = asked("max_groups_contributed = 1");
    assert!(fewer.loss == plain.loss && fewer.half_widths[0] < plain.half_widths[0], "{fewer:?}");
    assert!(
        fewer
            .explanation
            .contains(&"Nobody counts in more than 1 group, nor for more than 2 rows in any.".to_owned())
    );
    let cheaper = asked("epsilon = 0.5, delta = 1e-9");
    assert!(cheaper.loss.rho_nano < plain.loss.rho_nano / 10, "{:?}", cheaper.loss);
    assert_eq!(cheaper.loss.delta_femto, 1_000_000);
    for (options, said) in [
        ("epsilon = -1", "cannot be read"),
        ("epsilon 1", "cannot be read"),
        ("epsilon = 1e999", "cannot be read"),
        ("noise = none", "is no option"),
        ("privacy_unit_column = region", "protects `person`"),
    ] {
        let refusal = refused(&format!(
            "SELECT WITH DIFFERENTIAL_PRIVACY OPTIONS ({options}) COUNT(*) FROM owner.payroll"
        ))
        .await;
        assert!(refusal.contains(said), "{options}: {refusal}");
    }
    assert!(
        refused("SELECT WITH DIFFERENTIAL_PRIVACY OPTIONS (epsilon = 1 COUNT(*) FROM owner.payroll")
            .await
            .contains("cannot be read")
    );
    assert_eq!(weal_engine::explained(" explain  Privacy SELECT 1"), Some("SELECT 1"));
    assert_eq!(weal_engine::explained("EXPLAIN SELECT 1"), None);
    assert_eq!(weal_engine::explained("EXPLAIN PRIVACYSELECT 1"), None);
}
