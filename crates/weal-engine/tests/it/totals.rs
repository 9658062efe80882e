//! Several groupings in one question: what GROUPING says, and totals that are what their groups add up to.

use std::collections::BTreeMap;

use weal_domain::catalogue::PrivacyPolicy;
use weal_domain::compute::{Answer, Cell, ColumnRole, Loss, TotalsFit};
use weal_domain::exchange::Statistics;
use weal_engine::exact::ExactAnswer;

use crate::given::{House, owner, permit, policy};

const SOME: Loss = Loss { rho_nano: 40_000_000, delta_femto: 1_000_000_000 };
const PLENTY: Loss = Loss { rho_nano: 10_000_000_000, delta_femto: 10_000_000_000 };

/// Public regions and jobs; everybody has one row.
fn public() -> PrivacyPolicy {
    let list = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
    PrivacyPolicy {
        question_loss_max: PLENTY,
        public_keys: BTreeMap::from([
            ("region".into(), list(&["north", "south", "empty"])),
            ("job".into(), list(&["a", "b"])),
        ]),
        ..policy()
    }
}

/// 200 people in each of north and south by turns, 30 of them in `elsewhere`, which is on no list. Wages rise by 10.
fn people() -> String {
    let mut csv = String::from("person,region,wage,hours,job\n");
    for i in 0..430 {
        let region = match i {
            400.. => "elsewhere",
            _ if i % 2 == 0 => "north",
            _ => "south",
        };
        csv += &format!("p{i},{region},{}.25,{},{}\n", i * 10, i % 40, if i % 3 == 0 { "a" } else { "b" });
    }
    csv
}

async fn ask_about(csv: &str, sql: &str, policy: PrivacyPolicy, loss: Loss) -> Answer {
    let house = House::new();
    let (product, source) = house.publish(csv, policy).await;
    let loss = house.engine.preview(sql, &product, &owner(), None, Some(loss)).unwrap().loss;
    let permit = permit::<Statistics>(None, None, loss);
    house.engine.answer(&permit, sql, &product, &owner(), &source, loss).await.unwrap()
}

async fn ask(sql: &str, loss: Loss) -> Answer {
    ask_about(&people(), sql, public(), loss).await
}

fn key(cell: &Cell) -> &str {
    match cell {
        Cell::Key(key) => key.as_deref().unwrap_or("NULL"),
        other => panic!("{other:?} is no key"),
    }
}

fn value(cell: &Cell) -> f64 {
    match cell {
        Cell::Estimate { value, low, high } => {
            assert!(low <= value && value <= high, "{cell:?}");
            *value
        }
        other => panic!("{other:?} is no estimate"),
    }
}

/// Rows of which the first `keys` cells are these.
fn of<'a>(answer: &'a Answer, keys: &'a [&str]) -> impl Iterator<Item = &'a Vec<Cell>> {
    answer
        .rows
        .iter()
        .filter(move |row| row.iter().zip(keys).all(|(cell, wanted)| *wanted == "*" || key(cell) == *wanted))
}

#[tokio::test]
async fn groups_add_up_to_their_totals_however_large_the_noise() {
    let sql = "SELECT region, job, GROUPING(region, job) AS over, COUNT(*) AS n, COUNT(DISTINCT person), SUM(wage), AVG(wage) \
               FROM owner.payroll GROUP BY ROLLUP (region, job) ORDER BY GROUPING(region, job), region, job";
    for loss in [SOME, PLENTY] {
        let answer = ask(sql, loss).await;
        assert_eq!(answer.totals, Some(TotalsFit::Exact), "{:?}", answer.protection);
        let overs: Vec<_> = answer.rows.iter().map(|row| key(&row[2])).collect();
        assert_eq!(overs, ["0", "0", "0", "0", "0", "0", "1", "1", "1", "3"]);
        for column in [3, 4, 5] {
            let sum =
                |rows: &mut dyn Iterator<Item = &Vec<Cell>>| rows.map(|row| value(&row[column])).sum::<f64>();
            let total = value(&answer.rows[9][column]);
            // Sums of cents in floating point.
            let same = |a: f64, b: f64| assert!((a - b).abs() < 1e-6, "column {column}: {a} {b}");
            same(sum(&mut answer.rows[..6].iter()), total);
            same(sum(&mut answer.rows[6..9].iter()), total);
            for region in ["north", "south", "empty"] {
                let parts = answer.rows[..6].iter().filter(|row| key(&row[0]) == region);
                let own = of(&answer, &[region, "NULL"]).map(|row| value(&row[column])).sum::<f64>();
                same(parts.map(|row| value(&row[column])).sum(), own);
            }
            assert!(answer.rows.iter().all(|row| value(&row[column]) >= 0.0));
        }
        for row in &answer.rows {
            let (n, paid) = (value(&row[3]), value(&row[5]));
            match row[6] {
                Cell::Unknown => assert_eq!((n, paid), (0.0, 0.0), "nobody has nothing"),
                _ => assert!((value(&row[6]) * n - paid).abs() < 1e-4, "an average times its count: {row:?}"),
            }
        }
        let said = |said: &&String| {
            said.contains("add up to their totals") || said.contains("of the totals as well")
        };
        assert_eq!(answer.protection.iter().filter(said).count(), 2, "{:?}", answer.protection);
    }
}

#[tokio::test]
async fn what_is_fitted_is_near_the_truth_and_what_is_on_no_list_is_in_no_total() {
    let sql =
        "SELECT region, COUNT(*), SUM(wage) FROM owner.payroll GROUP BY ROLLUP (region) ORDER BY region";
    let answer = ask(sql, PLENTY).await;
    let keys: Vec<_> = answer.rows.iter().map(|row| key(&row[0])).collect();
    assert_eq!(keys, ["empty", "north", "south", "NULL"]);
    for (row, truth) in answer.rows.iter().zip([0.0, 200.0, 200.0, 400.0]) {
        // Deviations are below two.
        assert!((value(&row[1]) - truth).abs() <= 12.0, "{row:?} should be near {truth}");
    }
    let wages = value(&answer.rows[3][2]);
    let truth: f64 = (0..400).map(|i| f64::from(i) * 10.0 + 0.25).sum();
    assert!((wages - truth).abs() < 60_000.0, "{wages} {truth}");
}

/// A total that is also told by its groups is more exact than alone: the width of its interval is of both.
#[tokio::test]
async fn intervals_of_fitted_numbers_are_no_wider_than_their_own() {
    let sql = "SELECT region, COUNT(*) FROM owner.payroll GROUP BY ROLLUP (region)";
    let house = House::new();
    let (product, source) = house.publish(&people(), public()).await;
    let preview = house.engine.preview(sql, &product, &owner(), None, Some(SOME)).unwrap();
    // Of three groups and one total the widest: that of the groups, where somebody may be in three.
    let own = preview.half_widths[0].unwrap();
    let permit = permit::<Statistics>(None, None, preview.loss);
    let answer = house.engine.answer(&permit, sql, &product, &owner(), &source, preview.loss).await.unwrap();
    for row in of(&answer, &["north"]).chain(of(&answer, &["south"])) {
        let Cell::Estimate { low, high, .. } = row[1] else { panic!("{row:?}") };
        assert!((high - low) / 2.0 < own, "{low} {high} {own}");
    }
}

#[tokio::test]
async fn what_does_not_add_up_is_left_and_said() {
    let rollup = "SELECT region, COUNT(*) FROM owner.payroll GROUP BY ROLLUP (region)";
    let said = |answer: &Answer, words: &str| {
        assert_eq!(answer.totals, Some(TotalsFit::Apart));
        assert!(answer.protection.iter().any(|said| said.contains(words)), "{:?}", answer.protection);
    };
    let twice = people() + "p1,north,5.00,3,a\n";
    said(&ask_about(&twice, rollup, public(), PLENTY).await, "A subject may count in several groups");
    let private = PrivacyPolicy { public_keys: BTreeMap::new(), ..public() };
    said(&ask_about(&people(), rollup, private, PLENTY).await, "withheld and missing from every sum");
    let cube = "SELECT region, job, COUNT(*) FROM owner.payroll GROUP BY CUBE (region, job)";
    said(&ask(cube, PLENTY).await, "noise of its own");
    let nameless = "SELECT NULLIF(region, 'north') AS r, COUNT(*) FROM owner.payroll GROUP BY ROLLUP (NULLIF(region, 'north'))";
    said(&ask(nameless, PLENTY).await, "noise of its own");
    let one = ask("SELECT region, COUNT(*) FROM owner.payroll GROUP BY region", PLENTY).await;
    assert_eq!(one.totals, None);
}

#[tokio::test]
async fn grouping_tells_totals_from_groups_everywhere_after_the_release() {
    let sql = "SELECT CASE WHEN GROUPING(region) = 1 THEN 'everywhere' ELSE region END AS place, COUNT(*) AS n, GROUPING(region) * 2 AS twice \
               FROM owner.payroll GROUP BY ROLLUP (region) ORDER BY GROUPING(region) DESC, region";
    let answer = ask(sql, PLENTY).await;
    assert_eq!(answer.columns[0].role, ColumnRole::Computed);
    let shown: Vec<_> = answer.rows.iter().map(|row| (key(&row[0]), key(&row[2]))).collect();
    assert_eq!(shown, [("everywhere", "2"), ("empty", "0"), ("north", "0"), ("south", "0")]);
    let sql = "SELECT region, COUNT(*) FROM owner.payroll GROUP BY ROLLUP (region) HAVING GROUPING(region) = 0 AND COUNT(*) > 100";
    let answer = ask(sql, PLENTY).await;
    assert_eq!(answer.rows.iter().map(|row| key(&row[0])).collect::<Vec<_>>(), ["north", "south"]);
    let sql = "SELECT GROUPING(region), COUNT(*) FROM owner.payroll GROUP BY region LIMIT 1";
    assert_eq!(key(&ask(sql, PLENTY).await.rows[0][0]), "0", "one grouping has no totals");
    // The first argument has the highest bit, whatever the order of the keys.
    let sql = "SELECT GROUPING(job, region) AS g, GROUPING(region) AS r, GROUPING(job) AS j, COUNT(*) FROM owner.payroll \
               GROUP BY GROUPING SETS ((region), (job), (region, job), ()) ORDER BY g, region, job";
    let answer = ask(sql, PLENTY).await;
    let shown: Vec<_> = answer.rows.iter().map(|row| [0, 1, 2].map(|at| key(&row[at])).concat()).collect();
    let expected = [vec!["000"; 6], vec!["110"; 2], vec!["201"; 3], vec!["311"]].concat();
    assert_eq!(shown, expected);
    // A key that is NULL is no total.
    let csv = "person,region,wage,hours,job\n".to_owned()
        + &(0..300)
            .map(|i| format!("p{i},{},1,1,a\n", if i % 2 == 0 { "north" } else { "" }))
            .collect::<String>();
    let private = PrivacyPolicy { public_keys: BTreeMap::new(), ..public() };
    let sql = "SELECT region, GROUPING(region) AS over, COUNT(*) FROM owner.payroll GROUP BY ROLLUP (region) ORDER BY over, region";
    let answer = ask_about(&csv, sql, private, PLENTY).await;
    let shown: Vec<_> = answer.rows.iter().map(|row| [key(&row[0]), key(&row[1])]).collect();
    assert_eq!(shown, [["north", "0"], ["NULL", "0"], ["NULL", "1"]]);
}

/// Two large groups and 300 groups of one person each, which nobody may see.
fn scattered() -> String {
    let mut csv = String::from("person,region,wage,hours,job\n");
    for i in 0..900 {
        let region = match i {
            0..600 => format!("r{}", i % 2),
            _ => format!("alone{i}"),
        };
        csv += &format!("p{i},{region},1,1,a\n");
    }
    csv
}

#[tokio::test]
async fn how_much_is_withheld_is_told_within_the_same_loss() {
    let private = || PrivacyPolicy { public_keys: BTreeMap::new(), group_size_min: 3, ..public() };
    let sql = "SELECT region, COUNT(*) FROM owner.payroll GROUP BY region";
    let answer = ask_about(&scattered(), sql, private(), PLENTY).await;
    assert_eq!(answer.rows.len(), 2);
    let [withheld] = &answer.withheld[..] else { panic!("{:?}", answer.withheld) };
    assert_eq!(withheld.keys, ["region"]);
    let Cell::Estimate { value, low, high } = withheld.subjects else { panic!("{withheld:?}") };
    // A deviation of 4.7: three groups of a subject, at a fiftieth of the loss.
    assert!((value - 300.0).abs() < 35.0 && (12.0..40.0).contains(&(high - low)), "{withheld:?}");
    assert!(
        answer
            .protection
            .iter()
            .any(|said| said.starts_with("Groups by `region` that are not shown hold about"))
    );
    // Nobody is missing where groups are public, and nothing is said about it.
    assert!(ask(sql, PLENTY).await.withheld.is_empty());
    let rollup = "SELECT region, job, COUNT(*) FROM owner.payroll GROUP BY ROLLUP (region, job)";
    let keys: Vec<_> = ask_about(&scattered(), rollup, private(), PLENTY).await.withheld;
    let keys: Vec<_> = keys.iter().map(|withheld| withheld.keys.join(" ")).collect();
    assert_eq!(keys, ["region job", "region"]);
}

#[tokio::test]
async fn telling_what_is_withheld_costs_nothing_more_and_can_be_left_out() {
    let private = PrivacyPolicy { public_keys: BTreeMap::new(), ..public() };
    let house = House::new();
    let (product, source) = house.publish(&scattered(), private).await;
    let sql = |options: &str| {
        format!(
            "SELECT WITH DIFFERENTIAL_PRIVACY OPTIONS ({options}) region, COUNT(*) FROM owner.payroll GROUP BY region"
        )
    };
    let preview =
        |options: &str| house.engine.preview(&sql(options), &product, &owner(), None, Some(SOME)).unwrap();
    let (with, without) = (preview("report_suppressed = TRUE"), preview("report_suppressed = false"));
    assert_eq!((with.loss, &with), (without.loss, &preview("")));
    assert_eq!((with.releases.len(), without.releases.len()), (3, 2));
    let spent = |preview: &weal_domain::compute::Preview| {
        preview.releases.iter().map(|release| release.loss.rho_nano * release.count).sum::<u64>()
    };
    assert!(spent(&with) <= with.loss.rho_nano && spent(&without) <= without.loss.rho_nano);
    let (wide, narrow) = (with.half_widths[0].unwrap(), without.half_widths[0].unwrap());
    assert!(narrow <= wide && wide <= (narrow * 1.02).ceil(), "{narrow} {wide}");
    assert!(with.explanation.iter().any(|said| said.contains("report_suppressed = false")));
    let permit = permit::<Statistics>(None, None, with.loss);
    let sql = sql("report_suppressed = false");
    let answer = house.engine.answer(&permit, &sql, &product, &owner(), &source, with.loss).await.unwrap();
    assert!(answer.withheld.is_empty());
}

/// People who are in two regions, with several rows in each: where each counts in one group, it counts there for the
/// total as well, whatever else it has.
#[tokio::test]
async fn where_a_subject_counts_in_one_group_totals_are_of_what_the_groups_count() {
    let mut csv = String::from("person,region,wage,hours,job\n");
    for i in 0..300 {
        for (region, rows) in [("north", 1 + i % 3), ("south", i % 2)] {
            for row in 0..rows {
                csv += &format!(
                    "p{i},{region},{},1,{}\n",
                    100 * (row + 1),
                    if row % 2 == 0 { "a" } else { "b" }
                );
            }
        }
    }
    let one = PrivacyPolicy { groups_per_subject_max: 1, ..public() };
    let sql = "SELECT region, job, COUNT(*), COUNT(DISTINCT person), SUM(wage) FROM owner.payroll GROUP BY ROLLUP (region, job)";
    let answer = ask_about(&csv, sql, one.clone(), PLENTY).await;
    assert_eq!(answer.totals, Some(TotalsFit::Exact), "{:?}", answer.protection);
    let everybody = of(&answer, &["NULL", "NULL"]).next().unwrap();
    assert!((value(&everybody[3]) - 300.0).abs() < 10.0, "each counts once: {everybody:?}");
    let house = House::new();
    let (product, source) = house.publish(&csv, one).await;
    for key in 0..3 {
        let exact =
            ExactAnswer::of(&house.engine, sql, (&product, &source), None, (key, true)).await.unwrap();
        let sum = |keys: usize| {
            let own = exact.groups.iter().filter(|(own, ..)| own.len() == keys);
            own.fold(vec![0; exact.parts.len()], |sum, (_, _, totals)| {
                sum.iter().zip(totals).map(|(sum, total)| sum + total).collect()
            })
        };
        assert_eq!(sum(2), sum(0), "before any noise");
        assert_eq!(sum(1), sum(0), "before any noise");
        // A subject moves a total by no more than a group: two rows, as the owner says.
        assert!(
            exact.groups.iter().all(|(_, subjects, totals)| totals[0] <= 2 * subjects),
            "{:?}",
            exact.groups
        );
    }
}

/// What groups and totals are made of is bounded for each grouping, whether it is bounded by itself or with the finest.
#[tokio::test]
async fn no_subject_moves_a_group_or_a_total_by_more_than_was_claimed() {
    let rows: Vec<(u64, String)> = (0_u64..240)
        .map(|i| {
            // Some numbers without an order; everybody has about twelve rows, anywhere.
            let x = i.wrapping_mul(6_364_136_223_846_793_005).rotate_left(17) >> 8;
            let region = ["north", "south", "empty", "elsewhere"][(x % 4) as usize];
            let line =
                format!("p{},{region},{}.5,1,{}\n", i % 20, x % 6000, if x % 7 < 3 { "a" } else { "b" });
            (i % 20, line)
        })
        .collect();
    let table = |gone: Option<u64>| {
        let kept = rows.iter().filter(|(person, _)| Some(*person) != gone).map(|(_, line)| line.as_str());
        "person,region,wage,hours,job\n".to_owned() + &kept.collect::<String>()
    };
    let sql = "SELECT region, job, COUNT(*), SUM(wage), AVG(wage), COUNT(DISTINCT person) FROM owner.payroll GROUP BY ROLLUP (region, job)";
    for groups_per_subject_max in [1, 2] {
        let policy = PrivacyPolicy { groups_per_subject_max, ..public() };
        let exact = async |gone: Option<u64>| {
            let house = House::new();
            let (product, source) = house.publish(&table(gone), policy.clone()).await;
            ExactAnswer::of(&house.engine, sql, (&product, &source), None, (5, true)).await.unwrap()
        };
        let with = exact(None).await;
        let (mut moved, most) = (vec![0; with.parts.len()], &with.per_group_max);
        for gone in 0..20 {
            let without = exact(Some(gone)).await;
            let mut changed = [0; 3];
            for (keys, _, totals) in &with.groups {
                let other = without.groups.iter().find(|(others, ..)| others == keys);
                let nothing = vec![0; totals.len()];
                let other = other.map_or(&nothing, |(_, _, totals)| totals);
                changed[keys.len()] += u32::from(totals != other);
                for (part, (total, other)) in totals.iter().zip(other).enumerate() {
                    moved[part] = moved[part].max(total.abs_diff(*other));
                    assert!(total.abs_diff(*other) <= most[part], "{keys:?}: {total} and {other}");
                }
            }
            assert!(changed.iter().all(|&changed| changed <= groups_per_subject_max), "{changed:?}");
            assert!(changed[0] == 1, "everybody is in the total");
        }
        assert_eq!(&moved, most, "every claim is reached");
    }
}

/// Of 300 answers 15 miss on average; more than 39 would be six deviations.
#[tokio::test]
async fn sums_and_averages_of_groups_and_totals_hold_the_truth_as_often_as_they_say() {
    let sql = "SELECT region, COUNT(*), SUM(wage), AVG(wage) FROM owner.payroll GROUP BY ROLLUP (region) ORDER BY GROUPING(region), region";
    let house = House::new();
    let (product, source) = house.publish(&people(), public()).await;
    let loss = house.engine.preview(sql, &product, &owner(), None, Some(SOME)).unwrap().loss;
    let permit = permit::<Statistics>(None, None, loss);
    let wages =
        |first: i32, step: usize| (first..400).step_by(step).map(|i| f64::from(i) * 10.0 + 0.25).sum::<f64>();
    let (north, all) = (wages(0, 2), wages(0, 1));
    let truths = [(1, [200.0, north, north / 200.0]), (3, [400.0, all, all / 400.0])];
    let mut missed = [[0; 3]; 2];
    for _ in 0..300 {
        let answer = house.engine.answer(&permit, sql, &product, &owner(), &source, loss).await.unwrap();
        for (missed, (row, truths)) in missed.iter_mut().zip(&truths) {
            for (place, truth) in truths.iter().enumerate() {
                let Cell::Estimate { low, high, .. } = answer.rows[*row][place + 1] else { continue };
                missed[place] += u32::from(!(low..=high).contains(truth));
            }
        }
    }
    assert!(missed.iter().flatten().all(|missed| *missed <= 39), "{missed:?}");
    assert!(missed.iter().flatten().sum::<u32>() > 0, "so wide are they not: {missed:?}");
}
