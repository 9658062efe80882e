//! Random tables against the same bounding written as loops, and neighbours against what was claimed.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use proptest::prelude::*;
use weal_domain::catalogue::{Bounds, PrivacyPolicy};
use weal_engine::exact::ExactAnswer;

use crate::given::{House, policy};

#[derive(Debug, Clone)]
struct Row {
    person: Option<u8>,
    region: Option<u8>,
    wage: Option<i32>,
    hours: i8,
}

fn row() -> impl Strategy<Value = Row> {
    let person = prop::option::weighted(0.9, 0_u8..8);
    (
        person,
        prop::option::weighted(0.8, 0_u8..5),
        prop::option::weighted(0.8, -2000..90_000_i32),
        any::<i8>(),
    )
        .prop_map(|(person, region, wage, hours)| Row { person, region, wage, hours })
}

fn csv(rows: &[Row]) -> String {
    let mut text = String::from("person,region,wage,Hours\n");
    let shown = |value: Option<String>| value.unwrap_or_default();
    for row in rows {
        // Wages are in cents.
        let wage = row.wage.map(|cents| format!("{}.{:02}", cents / 100, (cents % 100).abs()));
        let wage =
            wage.map(|w| if row.wage.is_some_and(|c| c < 0 && c > -100) { format!("-{w}") } else { w });
        let person = shown(row.person.map(|person| format!("p{person}")));
        let region = shown(row.region.map(|region| format!("r{region}")));
        text += &format!("{person},{region},{},{}\n", shown(wage), row.hours);
    }
    text
}

fn bounded(groups: u32, rows: u32) -> PrivacyPolicy {
    PrivacyPolicy {
        groups_per_subject_max: groups,
        rows_per_group_max: rows,
        rows_per_subject_max: None,
        bounds: BTreeMap::from([
            ("wage".into(), Bounds { low: 0.0, high: 500.0, decimals: 2 }),
            ("Hours".into(), Bounds { low: -40.0, high: 60.0, decimals: 0 }),
        ]),
        ..policy()
    }
}

const SQL: &str = "SELECT region, COUNT(*), COUNT(wage), SUM(wage), AVG(hours) FROM owner.payroll WHERE hours <> 13 GROUP BY region";

/// Subjects, rows, wages, the sum of wages, the spread of hours around 10: as loops.
fn by_hand(all: &[Row], rows_max: i64) -> Vec<(Vec<Option<String>>, i64, Vec<i64>)> {
    let mut contributions: BTreeMap<(Option<u8>, u8), Vec<&Row>> = BTreeMap::new();
    for row in all.iter().filter(|row| row.hours != 13) {
        if let Some(person) = row.person {
            contributions.entry((row.region, person)).or_default().push(row);
        }
    }
    let mut groups: BTreeMap<Option<u8>, (i64, [i64; 4])> = BTreeMap::new();
    for ((region, _), rows) in contributions {
        let group = groups.entry(region).or_default();
        let n = rows.len() as i64;
        let wages: Vec<i64> =
            rows.iter().filter_map(|row| row.wage).map(|cents| i64::from(cents).clamp(0, 50_000)).collect();
        let spread: i64 = rows.iter().map(|row| i64::from(row.hours).clamp(-40, 60) - 10).sum();
        group.0 += 1;
        group.1[0] += n.min(rows_max);
        group.1[1] += (wages.len() as i64).min(rows_max);
        group.1[2] += wages.iter().sum::<i64>().min(50_000 * rows_max);
        group.1[3] += if n <= rows_max { spread } else { spread * rows_max / n };
    }
    let missing = all.iter().any(|row| row.wage.is_none());
    let shown = |region: Option<u8>| vec![region.map(|region| format!("r{region}"))];
    let mut groups: Vec<_> = groups
        .into_iter()
        .map(|(region, (subjects, [rows, wages, sum, spread]))| {
            let mut parts = vec![subjects];
            // With one row each, rows are subjects and there is no part for them.
            parts.extend((rows_max > 1).then_some(rows));
            // Where no wage is missing, wages are rows.
            parts.extend(missing.then_some(wages));
            parts.extend([sum, spread]);
            (shown(region), subjects, parts)
        })
        .collect();
    groups.sort();
    groups
}

/// Totals of a table; `None` where a column to sum is empty throughout, since it has no type then.
async fn exact(house: &House, rows: &[Row], policy: PrivacyPolicy, key: u8) -> Option<ExactAnswer> {
    let nullable = rows.iter().any(|row| row.wage.is_none());
    exact_as(house, rows, policy, key, nullable).await
}

/// As `exact`, with what the schema says of wages given: neighbours have one schema.
async fn exact_as(
    house: &House,
    rows: &[Row],
    policy: PrivacyPolicy,
    key: u8,
    nullable: bool,
) -> Option<ExactAnswer> {
    if rows.iter().all(|row| row.wage.is_none()) {
        return None;
    }
    let (mut product, source) = house.publish(&csv(rows), policy).await;
    product.columns.iter_mut().find(|column| column.name == "wage")?.nullable = nullable;
    if key % 2 == 1 {
        house.put_in_order(&product, &source).await;
    }
    Some(ExactAnswer::of(&house.engine, SQL, (&product, &source), None, (key, true)).await.unwrap())
}

fn run<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn totals_are_those_of_the_loops(rows in prop::collection::vec(row(), 1..60), rows_max in 1_u32..4) {
        let house = House::new();
        // As many groups as there can be: the choice leaves all of them.
        if let Some(exact) = run(exact(&house, &rows, bounded(6, rows_max), 1)) {
            prop_assert_eq!(exact.groups, by_hand(&rows, rows_max.into()));
        }
    }

    #[test]
    fn one_subject_moves_no_more_than_was_claimed(
        rows in prop::collection::vec(row(), 1..80),
        groups in 1_u32..4,
        rows_max in 1_u32..4,
        gone in 0_u8..8,
        key in any::<u8>(),
    ) {
        let house = House::new();
        let without: Vec<_> = rows.iter().filter(|row| row.person != Some(gone)).cloned().collect();
        let policy = bounded(groups, rows_max);
        let with = run(exact(&house, &rows, policy.clone(), key));
        let nullable = rows.iter().any(|row| row.wage.is_none());
        let without = run(exact_as(&house, &without, policy, key, nullable));
        if let (Some(with), Some(without)) = (with, without) {
            let before: HashMap<_, _> = without.groups.iter().map(|(keys, _, totals)| (keys.clone(), totals.clone())).collect();
            let mut after: HashMap<_, _> = with.groups.iter().map(|(keys, _, totals)| (keys.clone(), totals.clone())).collect();
            for keys in before.keys() {
                after.entry(keys.clone()).or_insert_with(|| vec![0; with.per_group_max.len()]);
            }
            let mut changed = 0;
            for (keys, totals) in &after {
                let nothing = vec![0; totals.len()];
                let other = before.get(keys).unwrap_or(&nothing);
                changed += u32::from(totals != other);
                for ((total, other), most) in totals.iter().zip(other).zip(&with.per_group_max) {
                    prop_assert!(total.abs_diff(*other) <= *most, "{keys:?}: {total} and {other}, claimed {most}");
                }
            }
            prop_assert!(changed <= with.groups_per_subject_max, "{changed} groups changed");
        }
    }

    #[test]
    fn the_choice_of_groups_does_not_depend_on_the_order_of_rows(
        (rows, shuffled) in prop::collection::vec(row(), 1..60).prop_flat_map(|rows| (Just(rows.clone()), Just(rows).prop_shuffle())),
        key in any::<u8>(),
    ) {
        let house = House::new();
        let policy = bounded(2, 2);
        let first = run(exact(&house, &rows, policy.clone(), key));
        let second = run(exact(&house, &shuffled, policy, key));
        prop_assert_eq!(first.map(|exact| exact.groups), second.map(|exact| exact.groups));
    }
}

#[test]
fn every_subject_is_in_as_many_groups_as_it_may_be_and_keys_choose_differently() {
    let rows: Vec<Row> = (0..200_u8)
        .flat_map(|person| {
            (0..5).map(move |region| Row {
                person: Some(person),
                region: Some(region),
                wage: Some(100),
                hours: 1,
            })
        })
        .collect();
    let house = House::new();
    let mut choices = BTreeSet::new();
    for key in 0..3 {
        let exact = run(exact(&house, &rows, bounded(2, 1), key)).unwrap();
        let subjects: Vec<i64> = exact.groups.iter().map(|(_, subjects, _)| *subjects).collect();
        assert_eq!(subjects.iter().sum::<i64>(), 400);
        // 80 of 200 are expected in each of five groups; 30 more or less would be five deviations.
        assert!(subjects.iter().all(|&count| (50..=110).contains(&count)), "{subjects:?}");
        choices.insert(subjects);
    }
    assert!(choices.len() > 1, "three keys chose the same");
}
