//! Questions over products of several owners: split, answered by each, and put together.

use std::collections::BTreeMap;

use weal_domain::Refusal;
use weal_domain::catalogue::{Column, PrivacyPolicy, Product, ProductRef};
use weal_domain::compute::{
    Answer, AnswerColumn, Cell, ColumnRole, Drawing, Drawn, DrawnThreshold, Loss, Preview,
};
use weal_domain::exchange::Statistics;
use weal_domain::identity::MemberName;
use weal_engine::{EngineError, Heard, Source, Split, split_between_owners};
use weal_privacy::bounds::Sensitivity;
use weal_privacy::mechanism::Gaussian;

use crate::given::{House, payroll, permit, policy, refusal_of};

const LOSS: Loss = Loss { rho_nano: 1_000_000_000, delta_femto: 10_000_000_000 };

/// Regions and wages of two owners, stacked.
const BOTH: &str =
    "(SELECT region, wage FROM one.payroll UNION ALL SELECT region, wage FROM two.payroll) AS both";

fn columns() -> BTreeMap<ProductRef, Vec<Column>> {
    let of = |name: &str| (name.parse::<ProductRef>().unwrap(), payroll(policy()).columns);
    BTreeMap::from([of("one.payroll"), of("two.payroll"), of("three.payroll")])
}

fn split(sql: &str) -> Split {
    split_between_owners(sql, &columns()).unwrap().expect("several owners")
}

fn refused(sql: &str) -> Refusal {
    split_between_owners(sql, &columns()).expect_err(sql)
}

fn questions(sql: &str) -> String {
    let split = split(sql);
    let lines: Vec<_> = split.parts().iter().map(|part| format!("{}: {}", part.member, part.sql)).collect();
    lines.join("\n")
}

#[test]
fn each_owner_is_asked_about_its_own_product_alone() {
    insta::assert_snapshot!(questions(&format!(
        "SELECT region, COUNT(*), AVG(wage) AS mean FROM {BOTH} WHERE wage > 100 GROUP BY region \
         HAVING COUNT(*) > 10 ORDER BY mean DESC LIMIT 3"
    )), @r#"
    one: SELECT WITH DIFFERENTIAL_PRIVACY OPTIONS (as_drawn = TRUE) "region" AS k0, count(1) AS t0, avg(wage) AS t1 FROM (SELECT "region", "wage" FROM one.payroll) AS stacked ("region", "wage") WHERE (wage > CAST(100 AS DOUBLE)) GROUP BY 1
    two: SELECT WITH DIFFERENTIAL_PRIVACY OPTIONS (as_drawn = TRUE) "region" AS k0, count(1) AS t0, avg(wage) AS t1 FROM (SELECT "region", "wage" FROM two.payroll) AS stacked ("region", "wage") WHERE (wage > CAST(100 AS DOUBLE)) GROUP BY 1
    "#);
    insta::assert_snapshot!(questions(
        "WITH north AS (SELECT \"Hours\" * 2 AS h, active FROM one.payroll WHERE region = 'north'),
         all_of_them AS (SELECT h, active FROM north UNION ALL SELECT hours, active FROM two.payroll
                         UNION ALL SELECT 0, false FROM one.payroll)
         SELECT CASE WHEN h > 10 THEN 'much' ELSE 'little' END, SUM(h) FILTER (WHERE active) / COUNT(*), STDDEV(h)
         FROM all_of_them GROUP BY 1"
    ), @r#"
    one: SELECT WITH DIFFERENTIAL_PRIVACY OPTIONS (as_drawn = TRUE) CASE WHEN (h > 10) THEN 'much' ELSE 'little' END AS k0, sum(h) FILTER (WHERE active) AS t0, count(1) AS t1, stddev(CAST(h AS DOUBLE)) AS t2 FROM ((WITH north AS (SELECT "Hours" * 2 AS h, "active" FROM one.payroll WHERE "region" = 'north') SELECT h, "active" FROM north) UNION ALL SELECT 0, false FROM one.payroll) AS stacked ("h", "active") GROUP BY 1
    two: SELECT WITH DIFFERENTIAL_PRIVACY OPTIONS (as_drawn = TRUE) CASE WHEN (h > 10) THEN 'much' ELSE 'little' END AS k0, sum(h) FILTER (WHERE active) AS t0, count(1) AS t1, stddev(CAST(h AS DOUBLE)) AS t2 FROM (SELECT "Hours", "active" FROM two.payroll) AS stacked ("h", "active") GROUP BY 1
    "#);
    insta::assert_snapshot!(questions(&format!(
        "SELECT WITH DIFFERENTIAL_PRIVACY OPTIONS (epsilon = 0.5) place, n, RANK() OVER (ORDER BY n DESC) FROM
         (SELECT UPPER(region) AS place, COUNT(wage) AS n FROM {BOTH} GROUP BY UPPER(region)) AS counted"
    )), @r#"
    one: SELECT WITH DIFFERENTIAL_PRIVACY OPTIONS (epsilon = 0.5, as_drawn = TRUE) upper("region") AS k0, count(wage) AS t0 FROM (SELECT "region", "wage" FROM one.payroll) AS stacked ("region", "wage") GROUP BY 1
    two: SELECT WITH DIFFERENTIAL_PRIVACY OPTIONS (epsilon = 0.5, as_drawn = TRUE) upper("region") AS k0, count(wage) AS t0 FROM (SELECT "region", "wage" FROM two.payroll) AS stacked ("region", "wage") GROUP BY 1
    "#);
    assert!(split_between_owners("SELECT COUNT(*) FROM one.payroll", &columns()).unwrap().is_none());
}

#[test]
fn what_cannot_be_added_is_refused_by_name_before_anybody_is_asked() {
    let cases = [
        format!("SELECT MEDIAN(wage) FROM {BOTH}"),
        format!("SELECT MAX(wage) FROM {BOTH}"),
        format!("SELECT COUNT(DISTINCT region) FROM {BOTH}"),
        format!("SELECT region, COUNT(*) FROM {BOTH} GROUP BY ROLLUP (region)"),
        format!("SELECT region, wage FROM {BOTH}"),
        "SELECT COUNT(*) FROM one.payroll UNION ALL SELECT COUNT(*) FROM two.payroll".to_owned(),
        "SELECT COUNT(*) FROM one.payroll a JOIN two.payroll b ON a.person = b.person".to_owned(),
        "SELECT COUNT(*) FROM (SELECT wage FROM one.payroll UNION SELECT wage FROM two.payroll) AS both".to_owned(),
        "SELECT COUNT(*) FROM (SELECT * FROM one.payroll UNION ALL SELECT * FROM two.payroll) AS both".to_owned(),
        "SELECT COUNT(*) FROM (SELECT region FROM one.payroll UNION ALL SELECT wage FROM two.payroll) AS both".to_owned(),
        "SELECT COUNT(*) FROM (SELECT region FROM one.payroll UNION ALL SELECT wage, region FROM two.payroll) AS both".to_owned(),
        "SELECT COUNT(*) FROM (SELECT nonsense FROM one.payroll UNION ALL SELECT wage FROM two.payroll) AS both".to_owned(),
        "SELECT AVG(total) FROM (SELECT person, SUM(wage) AS total FROM (SELECT person, wage FROM one.payroll UNION ALL SELECT person, wage FROM two.payroll) AS both GROUP BY person) AS each".to_owned(),
        "SELECT COUNT(*) FROM (SELECT region FROM one.payroll UNION ALL SELECT region FROM two.payroll) AS both JOIN three.payroll c ON c.region = both.region".to_owned(),
    ];
    let told: Vec<String> = cases
        .iter()
        .map(|sql| {
            let Refusal { code, reason, remedy, .. } = refused(sql);
            format!("{code}: {reason}\n    {}", remedy.unwrap_or_default())
        })
        .collect();
    insta::assert_snapshot!(told.join("\n"), @r#"
    not-over-owners: MEDIAN cannot be used over products of several owners.
        It cannot be worked out from what each owner releases. Use COUNT, SUM, AVG, VAR or STDDEV; for a quantile count who lies below, `SUM(CASE WHEN x < 1000 THEN 1 ELSE 0 END)`; or ask each owner by itself.
    not-over-owners: MAX cannot be used over products of several owners.
        It cannot be worked out from what each owner releases. Use COUNT, SUM, AVG, VAR or STDDEV; for a quantile count who lies below, `SUM(CASE WHEN x < 1000 THEN 1 ELSE 0 END)`; or ask each owner by itself.
    not-over-owners: DISTINCT inside an aggregate cannot be used over products of several owners.
        No owner can tell which of its values another has as well. Ask each owner by itself.
    not-over-owners: ROLLUP, CUBE or GROUPING SETS cannot be used over products of several owners.
        Ask each grouping by itself.
    owners-without-totals: Over products of several owners only totals can be asked privately.
        Put the UNION ALL after FROM, and COUNT, SUM or AVG with GROUP BY around it: `SELECT region, COUNT(*) FROM (SELECT region FROM one.product UNION ALL SELECT region FROM other.product) AS both GROUP BY region`.
    owners-without-totals: Over products of several owners only totals can be asked privately.
        Put the UNION ALL after FROM, and COUNT, SUM or AVG with GROUP BY around it: `SELECT region, COUNT(*) FROM (SELECT region FROM one.product UNION ALL SELECT region FROM other.product) AS both GROUP BY region`.
    owners-not-stacked: The question puts products of several owners together otherwise than by one UNION ALL.
        Write `SELECT ... FROM (SELECT ... FROM one.product UNION ALL SELECT ... FROM other.product) AS both GROUP BY ...`. Rows of different owners are never joined.
    unsupported-sql: UNION without ALL, INTERSECT or EXCEPT cannot be used in private statistics or row filters.
        Use UNION ALL, or ask the parts one by one.
    columns-not-named: `*` stands in a UNION ALL of products of several owners.
        Name the columns in each SELECT: two owners need not have theirs in the same order.
    columns-differ: `region` and what stands there of two are of different kinds.
        Use CAST, so that the same kind stands in each SELECT.
    columns-differ: The SELECTs of the UNION ALL have different numbers of columns.
        Select the same columns in each.
    no-such-column: There is no column `nonsense` in one.payroll.
        You can ask about `person`, `region`, `wage`, `Hours`, `hired`, `active`.
    not-over-owners: A step that brings rows of several owners together cannot be used over products of several owners.
        Put GROUP BY the subject, DISTINCT and joins inside each SELECT of the UNION ALL.
    owners-not-stacked: The question puts products of several owners together otherwise than by one UNION ALL.
        Write `SELECT ... FROM (SELECT ... FROM one.product UNION ALL SELECT ... FROM other.product) AS both GROUP BY ...`. Rows of different owners are never joined.
    "#);
}

/// 300 people in `north` and 100 in `south`, of two owners; the second also has 50 in `east`.
fn people(owner: usize) -> String {
    let mut csv = String::from("person,region,wage,hours\n");
    for i in 0..450 {
        let region = match i {
            0..300 => "north",
            300..400 => "south",
            _ if owner == 1 => "east",
            _ => continue,
        };
        csv += &format!("p{i},{region},{}.00,{}\n", 1000 + 2000 * owner, i % 40);
    }
    csv
}

struct Owner {
    house: House,
    member: MemberName,
    product: Product,
    source: Source,
}

async fn owners(policies: [PrivacyPolicy; 2]) -> Vec<Owner> {
    let mut owners = Vec::new();
    for (place, (policy, name)) in policies.into_iter().zip(["one", "two"]).enumerate() {
        let house = House::new();
        let (product, source) = house.publish(&people(place), policy).await;
        owners.push(Owner { house, member: MemberName::new(name).unwrap(), product, source });
    }
    owners
}

/// The question over both, its preview and its answer.
async fn ask(owners: &[Owner], sql: &str) -> (Preview, Answer) {
    let of =
        |owner: &Owner| (format!("{}.payroll", owner.member).parse().unwrap(), owner.product.columns.clone());
    let split = split_between_owners(sql, &owners.iter().map(of).collect()).unwrap().expect("several owners");
    let (mut previews, mut answers) = (Vec::new(), Vec::new());
    for (owner, part) in owners.iter().zip(split.parts()) {
        let Owner { house, member, product, source } = owner;
        let preview = house.engine.preview(&part.sql, product, member, None, Some(LOSS)).unwrap();
        let permit = permit::<Statistics>(None, None, preview.loss);
        answers.push(
            house.engine.answer(&permit, &part.sql, product, member, source, preview.loss).await.unwrap(),
        );
        previews.push(preview);
    }
    let names: Vec<&str> = owners.iter().map(|owner| owner.member.as_str()).collect();
    let previewed: Vec<_> = names.iter().copied().zip(&previews).collect();
    let heard: Vec<_> = names.iter().zip(&answers).map(|(member, answer)| Heard { member, answer }).collect();
    (split.preview(&previewed).unwrap(), owners[0].house.engine.combine(&split, &heard).await.unwrap())
}

fn key(cell: &Cell) -> &str {
    let Cell::Key(key) = cell else { panic!("{cell:?} is no key") };
    key.as_deref().unwrap_or("NULL")
}

/// The value is near, and the interval says how near.
#[track_caller]
fn holds(cell: &Cell, truth: f64, width_max: f64) {
    let Cell::Estimate { value, low, high } = cell else { panic!("{cell:?} is no estimate") };
    assert!(low <= value && value <= high, "{cell:?}");
    // Three times as wide as 95 of 100 need: missed about once in 10⁸ times.
    let (low, high) = (value - 3.0 * (value - low), value + 3.0 * (high - value));
    assert!(low <= truth && truth <= high, "{cell:?} should hold {truth}");
    assert!(high - low <= 6.0 * width_max, "{cell:?} is wide");
}

fn generous() -> PrivacyPolicy {
    PrivacyPolicy { question_loss_max: LOSS, group_size_min: 5, ..policy() }
}

#[tokio::test]
async fn totals_of_both_are_added_and_averages_are_those_of_all_rows() {
    let owners = owners([generous(), generous()]).await;
    let sql = format!(
        "SELECT region, COUNT(*) AS heads, SUM(wage) AS paid, AVG(wage) AS mean, STDDEV_POP(wage) AS spread, \
         SUM(wage) / COUNT(*) AS ratio, RANK() OVER (ORDER BY COUNT(*) DESC) AS place \
         FROM {BOTH} GROUP BY region ORDER BY heads DESC"
    );
    let (preview, answer) = ask(&owners, &sql).await;
    let names: Vec<_> = answer.columns.iter().map(|column| column.name.as_str()).collect();
    assert_eq!(names, ["region", "heads", "paid", "mean", "spread", "ratio", "place", "owners"]);
    assert_eq!(preview.columns, answer.columns);
    assert_eq!(
        preview.half_widths.iter().map(Option::is_some).collect::<Vec<_>>(),
        [true, true, false, false, false]
    );
    assert_eq!(answer.loss, Loss { rho_nano: 2 * LOSS.rho_nano, delta_femto: 2 * LOSS.delta_femto });
    let regions: Vec<_> = answer.rows.iter().map(|row| (key(&row[0]), key(&row[6]), key(&row[7]))).collect();
    assert_eq!(regions, [("north", "1", "one, two"), ("south", "2", "one, two"), ("east", "3", "two")]);
    let [north, south, east] = &answer.rows[..] else { panic!("three rows") };
    holds(&north[1], 600.0, 40.0);
    holds(&north[2], 1_200_000.0, 200_000.0);
    holds(&north[3], 2_000.0, 400.0);
    holds(&north[4], 1_000.0, 1_000.0);
    holds(&north[5], 2_000.0, 600.0);
    holds(&south[3], 2_000.0, 1_500.0);
    // One owner does not show it: it may have nobody there, or somebody, and the interval says so.
    holds(&east[1], 50.0, 200.0);
    let Cell::Estimate { value, low, high } = &east[1] else { panic!("an estimate") };
    assert!(high - value > 1.5 * (value - low), "{:?} reaches upwards", east[1]);
    let half = preview.half_widths[0].expect("known beforehand");
    let Cell::Estimate { value, high, .. } = &north[1] else { panic!("an estimate") };
    assert!((high - value - half).abs() < 1e-9, "the preview said so");
}

#[tokio::test]
async fn without_groups_there_is_one_row_of_all_owners() {
    let owners = owners([generous(), generous()]).await;
    let (_, answer) =
        ask(&owners, &format!("SELECT COUNT(*) AS heads, AVG(wage) FROM {BOTH} WHERE region <> 'east'"))
            .await;
    assert_eq!(answer.columns.len(), 2);
    assert_eq!(answer.columns[1].name, "AVG(wage)");
    holds(&answer.rows[0][0], 800.0, 30.0);
    holds(&answer.rows[0][1], 2_000.0, 200.0);
}

#[tokio::test]
async fn groups_that_are_public_at_each_owner_are_of_all_that_list_them() {
    let with = |keys: &[&str]| {
        let keys = keys.iter().map(|key| (*key).to_owned()).collect();
        PrivacyPolicy { public_keys: BTreeMap::from([("region".to_owned(), keys)]), ..generous() }
    };
    let owners = owners([with(&["north", "south"]), with(&["east", "north", "south"])]).await;
    let (preview, answer) =
        ask(&owners, &format!("SELECT region, COUNT(*) FROM {BOTH} GROUP BY region")).await;
    assert_eq!(preview.shown_from, None);
    let rows: Vec<_> = answer.rows.iter().map(|row| (key(&row[0]), key(&row[2]))).collect();
    assert_eq!(rows, [("east", "two"), ("north", "one, two"), ("south", "one, two")]);
    holds(&answer.rows[0][1], 50.0, 20.0);
    assert_eq!(answer.columns[2].role, ColumnRole::Computed);
}

/// What the first owner answers to its part.
async fn answer_of_one(split: &Split) -> Answer {
    let owners = owners([generous(), generous()]).await;
    let Owner { house, member, product, source } = &owners[0];
    let sql = &split.parts()[0].sql;
    let loss = house.engine.preview(sql, product, member, None, Some(LOSS)).unwrap().loss;
    let permit = permit::<Statistics>(None, None, loss);
    house.engine.answer(&permit, sql, product, member, source, loss).await.unwrap()
}

/// Of two owners' answers.
async fn combined(house: &House, split: &Split, [one, two]: [&Answer; 2]) -> Result<Answer, EngineError> {
    let heard = [Heard { member: "one", answer: one }, Heard { member: "two", answer: two }];
    house.engine.combine(split, &heard).await
}

#[tokio::test]
async fn an_answer_that_is_none_to_the_question_is_not_put_together() {
    let split = split(&format!("SELECT region, COUNT(*) FROM {BOTH} GROUP BY region"));
    let (house, good) = (House::new(), answer_of_one(&split).await);
    let mut bent = vec![Answer { drawing: None, ..good.clone() }; 5];
    bent[1] = Answer { rows: vec![vec![Cell::Unknown, Cell::Unknown]], ..good.clone() };
    bent[2].drawing.clone_from(&good.drawing);
    bent[2].drawing.as_mut().unwrap().numbers[0].scale = f64::NAN;
    bent[3] = Answer { rows: [good.rows.clone(), good.rows.clone()].concat(), ..good.clone() };
    bent[4] = Answer { rows: vec![good.rows[0][..1].to_vec()], ..good.clone() };
    for bad in &bent {
        let refusal = refusal_of(combined(&house, &split, [&good, bad]).await);
        assert_eq!(refusal.code, "answer-not-as-drawn");
    }
}

#[tokio::test]
async fn without_groups_an_owner_that_sends_no_row_is_not_taken_for_one_that_has_nobody() {
    let split = split(&format!("SELECT COUNT(*) FROM {BOTH}"));
    let (house, good) = (House::new(), answer_of_one(&split).await);
    assert!(combined(&house, &split, [&good, &good]).await.is_ok());
    for rows in [Vec::new(), [good.rows.clone(), good.rows.clone()].concat()] {
        let bad = Answer { rows, ..good.clone() };
        let refusal = refusal_of(combined(&house, &split, [&good, &bad]).await);
        assert_eq!(refusal.code, "answer-not-as-drawn");
        assert!(refusal.reason.starts_with("two sent"), "{refusal:?}");
    }
}

#[tokio::test]
async fn more_groups_than_all_owners_may_send_are_not_put_together() {
    let split = split(&format!("SELECT region, COUNT(*) FROM {BOTH} GROUP BY region"));
    let good = answer_of_one(&split).await;
    let most = |groups: usize| House::with(|limits| limits.groups_heard_max = groups);
    let sent = 2 * good.rows.len();
    assert!(combined(&most(sent), &split, [&good, &good]).await.is_ok());
    let refusal = refusal_of(combined(&most(sent - 1), &split, [&good, &good]).await);
    assert_eq!(refusal.code, "too-many-groups");
    assert!(refusal.remedy.is_some_and(|remedy| remedy.contains("coarser keys")));
}

/// Many groups of three owners who hide what is small: each interval holds the truth of all three as often as it says,
/// what is hidden included.
#[tokio::test]
async fn intervals_hold_what_all_owners_have_hidden_groups_included() {
    const GROUPS: usize = 4_000;
    let three = "(SELECT region, wage FROM one.payroll UNION ALL SELECT region, wage FROM two.payroll
                  UNION ALL SELECT region, wage FROM three.payroll) AS all_of_them";
    let split = split(&format!("SELECT region, COUNT(*), AVG(wage) FROM {three} GROUP BY region"));
    let noise = |scale: f64| {
        let rho_nano = (1e9 / (2.0 * scale * scale)) as u64;
        Gaussian::for_loss(Sensitivity::new(1, 1).unwrap(), rho_nano).unwrap()
    };
    let (of_subjects, of_count, of_spread) = (noise(8.0), noise(6.0), noise(2_000.0));
    let number = |scale: f64, middle: f64, (low, high), (least, most)| Drawn {
        scale,
        unit: 1.0,
        middle,
        low,
        high,
        least,
        most,
    };
    let counted = number(of_count.scale(), 0.0, (0.0, 1.0), (0.0, 1.0));
    let spread = number(of_spread.scale(), 500.0, (0.0, 1_000.0), (-500.0, 500.0));
    let drawing = Drawing {
        numbers: vec![counted, spread, counted],
        threshold: Some(DrawnThreshold { shown_from: 30, scale: of_subjects.scale() }),
        groups_max: u64::MAX,
    };
    // How many subjects an owner has in a group, and what they earn on average.
    let subjects = |owner: usize, group: usize| (group * (owner + 3) * 7 % 61) as i64;
    let mean = |owner: usize, group: usize| ((group * 13 + owner * 311) % 1_000) as f64;
    let mut answers = Vec::new();
    for owner in 0..3 {
        let counts: Vec<i64> = (0..GROUPS).map(|group| subjects(owner, group)).collect();
        let spreads = counts.iter().enumerate();
        let spreads: Vec<i64> =
            spreads.map(|(group, count)| (*count as f64 * (mean(owner, group) - 500.0)) as i64).collect();
        let shown = of_subjects.release(&counts).unwrap();
        let drawn = [of_count.release(&counts), of_spread.release(&spreads), of_count.release(&counts)];
        let drawn = drawn.map(Result::unwrap);
        let estimate = |value: i64| Cell::Estimate { value: value as f64, low: 0.0, high: 0.0 };
        let row = |group: usize| {
            let numbers = [0, 1, 2].map(|place| estimate(drawn[place][group]));
            let key = Cell::Key(Some(format!("g{group:05}")));
            [key].into_iter().chain(numbers).collect::<Vec<_>>()
        };
        let column = |name: &str, role| AnswerColumn { name: name.into(), role };
        let names = ["t0", "t1_spread", "t1_count"].map(|name| column(name, ColumnRole::Estimate));
        answers.push(Answer {
            columns: [column("k0", ColumnRole::Key)].into_iter().chain(names).collect(),
            rows: (0..GROUPS).filter(|&group| shown[group] >= 30).map(row).collect(),
            loss: LOSS,
            confidence: 0.95,
            protection: Vec::new(),
            totals: None,
            withheld: Vec::new(),
            drawing: Some(drawing.clone()),
        });
    }
    let heard: Vec<_> = ["one", "two", "three"]
        .iter()
        .zip(&answers)
        .map(|(member, answer)| Heard { member, answer })
        .collect();
    let answer = House::new().engine.combine(&split, &heard).await.unwrap();
    assert!(answer.rows.len() > GROUPS / 2, "{} groups are shown", answer.rows.len());
    let (mut misses, mut averages, mut lacking) = ([0, 0], 0, 0);
    for row in &answer.rows {
        let group: usize = key(&row[0])[1..].parse().unwrap();
        let all: i64 = (0..3).map(|owner| subjects(owner, group)).sum();
        let earned: f64 = (0..3)
            .map(|owner| {
                let count = subjects(owner, group);
                (count as f64 * (mean(owner, group) - 500.0)) as i64 as f64 + 500.0 * count as f64
            })
            .sum();
        let held = |cell: &Cell, truth: f64| match cell {
            Cell::Estimate { low, high, .. } => (low - 1e-9..=high + 1e-9).contains(&truth),
            _ => true,
        };
        misses[0] += usize::from(!held(&row[1], all as f64));
        misses[1] += usize::from(!held(&row[2], earned / all as f64));
        averages += usize::from(matches!(row[2], Cell::Estimate { low, high, .. } if high - low < 999.0));
        lacking += usize::from(key(&row[3]).matches(", ").count() < 2);
    }
    // Five in a hundred and six deviations of that: exceeded by chance once in 10⁹ times.
    let expected = GROUPS as f64 * 0.05;
    let most = (expected + 6.0 * expected.sqrt()) as usize;
    assert!(misses.iter().all(|misses| *misses <= most), "{misses:?} of {GROUPS}, at most {most}");
    assert!(
        lacking > GROUPS / 4 && averages > GROUPS / 4,
        "{lacking} rows lack an owner, {averages} say something"
    );
}
