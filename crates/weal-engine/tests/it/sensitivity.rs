//! Random questions over neighbouring tables: no subject moves an exact total further than was claimed of it, nor more
//! groups. A neighbour is the same without one subject, or with all rows of one replaced, which is two such steps; where
//! a question joins two private products, that happens in both at once.
//!
//! Where nobody is in too many groups there is no choice between them, and many neighbours fit into one table: each is a
//! *world*, has its own people, and the world is a key of every question. Where groups are chosen, or the rows that count for
//! distinct values and ranks, a subject must keep its name in all neighbours, so each of them is a table of its own.

use std::collections::{BTreeMap, BTreeSet};

use weal_domain::catalogue::Product;
use weal_engine::Source;
use weal_engine::exact::{ExactAnswer, ExactPart, Held};

use crate::generated::questions::question;
use crate::generated::tables::{HEADER, PLACES, Row, Table, row};
use crate::generated::{Chance, of_question};
use crate::given::{House, named, policy, product};

const SEED: u64 = 20_261_122;
const WORLDS_PAIRS_MIN: usize = 20_000;
const CHOSEN_PAIRS_MIN: usize = 1_000;
/// Of those in worlds, pairs of questions that join two private products.
const JOINED_PAIRS_MIN: usize = 5_000;
/// At most so much may be changed by removing one subject, and by replacing its rows.
const REMOVED: u64 = 1;
const REPLACED: u64 = 2;

/// Totals of a group, and how many values lie in each leaf of each tree of ranks.
#[derive(Debug, Clone, Default, PartialEq)]
struct Group {
    totals: Vec<i64>,
    leaves: BTreeMap<(usize, u32), i64>,
}

type Groups = BTreeMap<Vec<Option<String>>, Group>;

/// The groups of an answer, by their keys from the `first` on.
fn groups_of(exact: &ExactAnswer, first: usize) -> BTreeMap<Vec<Option<String>>, Groups> {
    let mut all: BTreeMap<Vec<Option<String>>, Groups> = BTreeMap::new();
    for (keys, _, totals) in &exact.groups {
        let groups = all.entry(keys[..first].to_vec()).or_default();
        groups.entry(keys[first..].to_vec()).or_default().totals = totals.clone();
    }
    for (keys, part, leaf, count) in &exact.leaves {
        let groups = all.entry(keys[..first].to_vec()).or_default();
        groups.entry(keys[first..].to_vec()).or_default().leaves.insert((*part, *leaf), *count);
    }
    all
}

/// How much of each claim was ever used, by kind of total: a fuzzer that never comes near a bound proves nothing.
#[derive(Debug, Default)]
struct Reached {
    in_worlds: bool,
    pairs: usize,
    share: BTreeMap<&'static str, f64>,
    groups: u32,
    /// Of what is claimed for the nodes of a tree, and for all cells of any other total together (L2 squared).
    nodes: f64,
    squares: f64,
    refused: usize,
    /// Of the pairs, those of questions that join two private products.
    joined: usize,
}

impl Reached {
    fn compare(&mut self, exact: &ExactAnswer, (one, other): (&Groups, &Groups), steps: u64, what: &str) {
        let keys: BTreeSet<_> = one.keys().chain(other.keys()).collect();
        let (mut changed, mut cells) = (vec![0; exact.parts.len()], vec![0_u128; exact.parts.len()]);
        let nothing = Group::default();
        for key in keys {
            let (a, b) = (one.get(key).unwrap_or(&nothing), other.get(key).unwrap_or(&nothing));
            for (place, part) in exact.parts.iter().enumerate() {
                if self.in_worlds && ["distinct", "ranks"].contains(&part.kind) {
                    continue;
                }
                let (moved, most) = (moved(a, b, place, part.kind), exact.per_group_max[place]);
                let kind = part.kind;
                assert!(
                    moved <= most * steps,
                    "{what}: {key:?} moved by {moved}, claimed {most} ({kind}), {steps} steps"
                );
                changed[place] += u64::from(moved > 0);
                cells[place] +=
                    if kind == "ranks" { nodes(a, b, place, part).into() } else { u128::from(moved).pow(2) };
                if steps == REMOVED {
                    let share = self.share.entry(kind).or_default();
                    *share = share.max(moved as f64 / most as f64);
                }
            }
        }
        // Each total is released for itself, so each is claimed for itself. A subject that is in a group may move as many nodes
        // of a tree as it has values there, at each level, but no more altogether than if they all were in one.
        for (place, part) in exact.parts.iter().enumerate() {
            let (moved, most) = (cells[place], exact.l2_squared_max[place]);
            assert!(
                steps == REPLACED || moved <= most,
                "{what}: {} moved by {moved} (L2 squared), claimed {most}",
                part.kind
            );
            if steps == REMOVED && most > 0 {
                let share = moved as f64 / most as f64;
                let reached = if part.kind == "ranks" { &mut self.nodes } else { &mut self.squares };
                *reached = reached.max(share);
            }
        }
        let most = u64::from(exact.groups_per_subject_max);
        let changed = changed.into_iter().max().unwrap_or(0);
        assert!(changed <= most * steps, "{what}: {changed} groups changed, claimed {most}, {steps} steps");
        if changed == most && steps == REMOVED {
            self.groups = self.groups.max(exact.groups_per_subject_max);
        }
        self.pairs += 1;
        self.joined += usize::from(what.contains("owner.second"));
    }
}

/// The squares of what the nodes of a tree of ranks differ by, together, at each of its levels (16 children each).
fn nodes(a: &Group, b: &Group, place: usize, part: &ExactPart) -> u64 {
    let (low, high, decimals) = part.value.unwrap();
    let whole = |bound: f64| (bound * 10_f64.powi(decimals.into())).round();
    let integers = whole(high) - whole(low) + 1.0;
    let levels = (1..4).find(|levels| 16_f64.powi(*levels) >= integers).unwrap_or(4).unsigned_abs();
    let mut moved: BTreeMap<(u32, u32), i64> = BTreeMap::new();
    let signed =
        a.leaves.iter().map(|(leaf, n)| (leaf, *n)).chain(b.leaves.iter().map(|(leaf, n)| (leaf, -n)));
    for ((_, leaf), count) in signed.filter(|((part, _), _)| *part == place) {
        for level in 0..levels {
            *moved.entry((level, leaf / 16_u32.pow(level))).or_default() += count;
        }
    }
    moved.into_values().map(|moved| moved.unsigned_abs().pow(2)).sum()
}

/// By how much a total differs; of ranks, all leaves together, which no level of the tree exceeds.
fn moved(a: &Group, b: &Group, place: usize, kind: &str) -> u64 {
    if kind != "ranks" {
        let of = |group: &Group| group.totals.get(place).copied().unwrap_or(0);
        return of(a).abs_diff(of(b));
    }
    let leaves = a.leaves.keys().chain(b.leaves.keys()).filter(|(part, _)| *part == place);
    let all: BTreeSet<_> = leaves.collect();
    let of = |group: &Group, leaf: &(usize, u32)| group.leaves.get(leaf).copied().unwrap_or(0);
    all.into_iter().map(|leaf| of(a, leaf).abs_diff(of(b, leaf))).sum()
}

fn people(tables: &[Table; 2]) -> Vec<String> {
    let all: BTreeSet<&String> = tables.iter().flat_map(|table| &table.rows).map(|row| &row.person).collect();
    all.into_iter().filter(|name| !name.is_empty()).cloned().collect()
}

/// The rows of both tables, and beside them what they are without each person, and with other rows of theirs.
fn neighbours_of(chance: &mut Chance, tables: &[Table; 2], people: &[String]) -> Vec<[Vec<Row>; 2]> {
    let mut all = vec![tables.each_ref().map(|table| table.rows.clone())];
    for person in people {
        all.push(tables.each_ref().map(|table| without(&table.rows, person)));
        all.push(tables.each_ref().map(|table| replaced(chance, &table.rows, person)));
    }
    all
}

/// The product about nobody.
async fn places(house: &House) -> (Product, Source) {
    let rows: String = PLACES.iter().map(|(place, climate)| format!("{place},{climate}\n")).collect();
    house.publish_as("places", &format!("place,climate\n{rows}"), None).await
}

fn without(rows: &[Row], person: &str) -> Vec<Row> {
    rows.iter().filter(|row| row.person != person).cloned().collect()
}

/// As many rows of the person as before, and others.
fn replaced(chance: &mut Chance, rows: &[Row], person: &str) -> Vec<Row> {
    let mut other = |old: &Row| Row { person: old.person.clone(), ..row(chance) };
    rows.iter().map(|old| if old.person == person { other(old) } else { old.clone() }).collect()
}

/// Neighbours are tables of one schema, in which everything may be missing.
fn same_schema(mut product: Product) -> Product {
    product.columns.iter_mut().for_each(|column| column.nullable = true);
    product
}

fn run<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

/// The tables themselves are world 0; of each person there is a world without them, and one with other rows of theirs.
fn worlds(chance: &mut Chance, tables: &[Table; 2]) -> ([String; 2], usize) {
    let all = neighbours_of(chance, tables, &people(tables));
    let csv = |table: usize| {
        let mut csv = HEADER.replace('\n', ",world\n");
        for (world, tables) in all.iter().enumerate() {
            for row in &tables[table] {
                let named =
                    if row.person.is_empty() { String::new() } else { format!("w{world}{}", row.person) };
                let line = Row { person: named, ..row.clone() }.line();
                csv += &line.replace('\n', &format!(",{world}\n"));
            }
        }
        csv
    };
    ([csv(0), csv(1)], all.len())
}

async fn in_worlds(seed: u64, questions: usize, reached: &mut Reached) {
    let mut chance = Chance::new(seed);
    let house = House::new();
    let mut first = if chance.one_in(4) {
        let rows = 5 + chance.below(20);
        Table::of_keys(&mut chance, rows, policy())
    } else {
        let size = (10 + chance.below(50), 3 + chance.below(14));
        Table::of(&mut chance, size, false, policy())
    };
    first.policy.group_size_min = 1;
    let rows = 5 + chance.below(25);
    let mut second = Table::second(&mut chance, &first, rows);
    second.policy.group_size_min = 1;
    let tables = [first, second];
    let (csv, count) = worlds(&mut chance, &tables);
    let (product, source) = house.publish_as("payroll", &csv[0], Some(tables[0].policy.clone())).await;
    let (beside, beside_at) = house.publish_as("second", &csv[1], Some(tables[1].policy.clone())).await;
    if seed.is_multiple_of(2) {
        house.put_in_order(&product, &source).await;
        house.put_in_order(&beside, &beside_at).await;
    }
    let (product, beside) = (same_schema(product), same_schema(beside));
    let (places, places_at) = places(&house).await;
    for _ in 0..questions {
        let asked = question(&mut chance, Some("world"));
        let general = chance.one_in(2);
        let filter = asked.row_filter.as_ref().map(|both| both.ours.as_str());
        let second = asked.second_filter.as_ref().map(|both| both.ours.as_str());
        let held = of_question(
            &asked.sql,
            &[
                Held { product: &product, source: &source, row_filter: filter },
                Held { product: &beside, source: &beside_at, row_filter: second },
                Held { product: &places, source: &places_at, row_filter: None },
            ],
        );
        let exact = match ExactAnswer::of_all(&house.engine, &asked.sql, &held, (7, general)).await {
            Ok(exact) => exact,
            Err(error) => {
                assert!(error.refusal().is_some(), "{}: {error}", asked.sql);
                reached.refused += 1;
                continue;
            }
        };
        let worlds = groups_of(&exact, 1);
        let empty = Groups::new();
        let of = |world: usize| worlds.get(&vec![Some(world.to_string())]).unwrap_or(&empty);
        let whole = of(0);
        for world in 1..count {
            let steps = if world % 2 == 1 { REMOVED } else { REPLACED };
            let other = of(world);
            reached.compare(
                &exact,
                (whole, other),
                steps,
                &format!("seed {seed}, {}, world {world}", asked.sql),
            );
        }
    }
}

#[test]
fn totals_of_neighbours_keep_to_their_claims() {
    let mut reached = Reached { in_worlds: true, ..Reached::default() };
    for table in 0..40 {
        run(in_worlds(SEED + table, 30, &mut reached));
    }
    eprintln!("{reached:?}");
    assert!(reached.pairs >= WORLDS_PAIRS_MIN && reached.joined >= JOINED_PAIRS_MIN, "{reached:?}");
    // Every kind of total was moved as far as it may go.
    for kind in ["subjects", "rows", "values", "total", "spread", "present"] {
        assert_eq!(reached.share.get(kind).copied(), Some(1.0), "{kind}: {reached:?}");
    }
}

/// The tables, and beside them each person's removal and replacement, as files of their own.
async fn neighbours(
    chance: &mut Chance,
    tables: &[Table; 2],
    house: &House,
) -> ([Product; 2], Vec<[Source; 2]>) {
    let people: Vec<String> = people(tables).into_iter().take(4).collect();
    let mut sources = Vec::new();
    let mut products = Vec::new();
    for (number, both) in neighbours_of(chance, tables, &people).into_iter().enumerate() {
        let mut files = Vec::new();
        for ((name, rows), table) in ["payroll", "second"].into_iter().zip(both).zip(tables) {
            let csv = Table { rows, policy: table.policy.clone() }.csv();
            let file = house.path(&format!("{name}{number}.parquet"));
            let ingested =
                house.engine.ingest(&house.write("input.csv", csv), &file, None, &|_| {}).await.unwrap();
            let found = named(name, same_schema(product(ingested, Some(table.policy.clone()))));
            let source = Source { file };
            // Neighbours are told apart by rows alone, in whatever order they are.
            if number % 2 == 1 {
                house.put_in_order(&found, &source).await;
            }
            products.push(found);
            files.push(source);
        }
        sources.push(files.try_into().unwrap());
    }
    products.truncate(2);
    (products.try_into().unwrap(), sources)
}

async fn chosen(seed: u64, questions: usize, reached: &mut Reached) {
    let mut chance = Chance::new(seed);
    let house = House::new();
    // Few people in many groups.
    let size = (30 + chance.below(60), 4);
    let mut first = Table::of(&mut chance, size, true, policy());
    first.policy.group_size_min = 1;
    let mut second = Table::second(&mut chance, &first, 20);
    second.policy.group_size_min = 1;
    let (products, sources) = neighbours(&mut chance, &[first, second], &house).await;
    let (places, places_at) = places(&house).await;
    for _ in 0..questions {
        let asked = question(&mut chance, Some("region"));
        let key = chance.below(256) as u8;
        let filter = asked.row_filter.as_ref().map(|both| both.ours.as_str());
        let second = asked.second_filter.as_ref().map(|both| both.ours.as_str());
        let mut all = Vec::new();
        for files in &sources {
            let held = [
                Held { product: &products[0], source: &files[0], row_filter: filter },
                Held { product: &products[1], source: &files[1], row_filter: second },
                Held { product: &places, source: &places_at, row_filter: None },
            ];
            let held = of_question(&asked.sql, &held);
            all.push(ExactAnswer::of_all(&house.engine, &asked.sql, &held, (key, true)).await);
        }
        if all.iter().any(|exact| exact.as_ref().is_err_and(|error| error.refusal().is_some())) {
            assert!(all.iter().all(Result::is_err), "{}: refused for some of the neighbours", asked.sql);
            reached.refused += 1;
            continue;
        }
        let all: Vec<ExactAnswer> = all.into_iter().map(Result::unwrap).collect();
        let groups = |exact: &ExactAnswer| groups_of(exact, 0).remove(&Vec::new()).unwrap_or_default();
        let whole = groups(&all[0]);
        for (number, exact) in all.iter().enumerate().skip(1) {
            let steps = if number % 2 == 1 { REMOVED } else { REPLACED };
            let what = format!("seed {seed}, {}, neighbour {number}", asked.sql);
            reached.compare(exact, (&whole, &groups(exact)), steps, &what);
        }
    }
}

#[test]
fn groups_that_are_chosen_keep_to_their_claims() {
    let mut reached = Reached::default();
    for table in 0..8 {
        run(chosen(SEED + 1_000 + table, 18, &mut reached));
    }
    eprintln!("{reached:?}");
    assert!(reached.pairs >= CHOSEN_PAIRS_MIN, "{reached:?}");
    for kind in ["distinct", "ranks"] {
        assert_eq!(reached.share.get(kind).copied(), Some(1.0), "{kind}: {reached:?}");
    }
    assert!(reached.nodes == 1.0, "the whole of what is claimed for a tree: {reached:?}");
    assert!(reached.squares == 1.0, "the whole of what is claimed for a total: {reached:?}");
    assert_eq!(reached.groups, 3, "somebody must have moved all of three groups: {reached:?}");
}

#[test]
fn a_claim_that_is_too_small_is_found() {
    let house = House::new();
    let csv = format!("{HEADER}a,north,100.00,10,,,1\na,north,50.00,10,,,1\nb,north,7.00,1,,,1\n");
    let (product, source) = run(house.publish(&csv, policy()));
    let sql = "SELECT region, COUNT(*), SUM(wage) FROM owner.payroll GROUP BY region";
    let mut exact = run(ExactAnswer::of(&house.engine, sql, (&product, &source), None, (1, true))).unwrap();
    let with = groups_of(&exact, 0).remove(&Vec::new()).unwrap();
    let left = Group { totals: vec![1, 1, 700], ..Group::default() };
    let without = Groups::from([(vec![Some("north".to_owned())], left)]);
    Reached::default().compare(&exact, (&with, &without), REMOVED, "as claimed");
    exact.per_group_max[1] = 1;
    let blind =
        std::panic::catch_unwind(|| Reached::default().compare(&exact, (&with, &without), REMOVED, "half"));
    assert!(blind.is_err(), "two rows were let through as one");
    exact.per_group_max[1] = 2;
    exact.l2_squared_max[1] = 3;
    let blind =
        std::panic::catch_unwind(|| Reached::default().compare(&exact, (&with, &without), REMOVED, "L2"));
    assert!(blind.is_err(), "two rows in a group were let through as three in three");
}
