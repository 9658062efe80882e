//! Rows brought to their subjects: gathered from any order, and added up as they come in theirs.

use std::collections::BTreeMap;
use std::fs::File;
use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, RecordBatch, StringArray};
use arrow::datatypes::{DataType, Field, Schema};
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::file::metadata::KeyValue;
use proptest::prelude::*;
use weal_domain::catalogue::{Bounds, PrivacyPolicy};
use weal_engine::Source;
use weal_engine::exact::{Added, Adding, ExactAnswer, Held, steps};

use crate::given::{House, policy};

fn run<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

/// A subject, a key, a value.
type Row = (i64, Option<u8>, Option<i64>);

fn batch(rows: &[Row], text: bool) -> RecordBatch {
    let numbers = rows.iter().map(|row| row.0);
    let (kind, subjects): (DataType, ArrayRef) = match text {
        true => {
            let texts = numbers.map(|number| format!("p{number}"));
            (DataType::Utf8, Arc::new(StringArray::from_iter_values(texts)))
        }
        false => (DataType::Int64, Arc::new(Int64Array::from_iter_values(numbers))),
    };
    let schema = Arc::new(Schema::new(vec![
        Field::new("subject", kind, true),
        Field::new("key", DataType::Utf8, true),
        Field::new("value", DataType::Int64, true),
    ]));
    let keys: StringArray = rows.iter().map(|row| row.1.map(|key| format!("g{key}"))).collect();
    let values: Int64Array = rows.iter().map(|row| row.2).collect();
    RecordBatch::try_new(schema, vec![subjects, Arc::new(keys), Arc::new(values)]).unwrap()
}

fn gathered(adding: &Adding, partitions: Vec<Vec<RecordBatch>>) -> Added {
    run(adding.gathered(partitions)).unwrap()
}

fn in_order(adding: &Adding, partitions: Vec<Vec<RecordBatch>>) -> Option<Added> {
    run(adding.in_order(partitions)).unwrap()
}

/// Rows in partitions that end after so many rows, in batches of at most so many.
fn cut(rows: &[Row], ends: &[usize], batch_rows: usize, text: bool) -> Vec<Vec<RecordBatch>> {
    let mut ends: Vec<usize> = ends.iter().map(|end| end % (rows.len() + 1)).collect();
    ends.push(rows.len());
    ends.sort_unstable();
    let mut begin = 0;
    let partition = |end: usize| {
        let own = &rows[begin..end];
        begin = end;
        own.chunks(batch_rows).map(|rows| batch(rows, text)).collect()
    };
    ends.into_iter().map(partition).collect()
}

fn rows() -> impl Strategy<Value = Vec<Row>> {
    let row = (0..9_i64, prop::option::weighted(0.9, 0..5_u8), prop::option::weighted(0.8, -9..20_i64));
    prop::collection::vec(row, 0..60)
}

fn adding() -> impl Strategy<Value = Adding> {
    let limits = (prop::option::of(1..4_u32), 1..4_u32, prop::option::of(1..7_u32));
    limits.prop_map(|(groups_max, rows_per_group_max, rows_max)| Adding {
        groups_max,
        rows_per_group_max,
        rows_max,
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_000, failure_persistence: None, ..ProptestConfig::default() })]

    /// However the rows are cut, a subject is bounded once, and its groups are the same.
    #[test]
    fn totals_do_not_depend_on_how_rows_come(
        rows in rows(),
        ends in prop::collection::vec(0..60_usize, 0..4),
        batch_rows in 1..9_usize,
        adding in adding(),
        text in any::<bool>(),
    ) {
        let expected = gathered(&adding, vec![vec![batch(&rows, text)]]);
        prop_assert_eq!(&gathered(&adding, cut(&rows, &ends, batch_rows, text)), &expected);
        let mut sorted = rows;
        sorted.sort_by_key(|row| row.0);
        prop_assert_eq!(in_order(&adding, cut(&sorted, &ends, batch_rows, text)), Some(expected));
    }

    /// What is found is never wrong: the totals, or that the order is another.
    #[test]
    fn another_order_is_seen(
        rows in rows(),
        ends in prop::collection::vec(0..60_usize, 0..4),
        batch_rows in 1..9_usize,
        adding in adding(),
    ) {
        let expected = gathered(&adding, vec![vec![batch(&rows, false)]]);
        let descents = rows.windows(2).filter(|pair| pair[0].0 > pair[1].0).count();
        match in_order(&adding, cut(&rows, &ends, batch_rows, false)) {
            Some(found) => prop_assert_eq!(found, expected),
            None => prop_assert!(descents > 0),
        }
    }
}

/// One subject in two partitions, and between them another: nobody may have been bounded twice.
#[test]
fn partitions_that_share_more_than_an_end_are_seen() {
    let adding = Adding { groups_max: None, rows_per_group_max: 1, rows_max: None };
    let of = |subjects: &[i64]| {
        let rows: Vec<Row> = subjects.iter().map(|subject| (*subject, Some(0), Some(1))).collect();
        vec![batch(&rows, false)]
    };
    let subjects = |partitions: &[&[i64]]| {
        let partitions = partitions.iter().map(|subjects| of(subjects)).collect();
        Some(in_order(&adding, partitions)?[&Some("g0".to_owned())].0)
    };
    assert_eq!(subjects(&[&[1, 2, 3], &[3, 3], &[3, 4, 5]]), Some(5));
    assert_eq!(subjects(&[&[3, 4, 5], &[3], &[1, 2, 3]]), Some(5));
    assert_eq!(subjects(&[&[1, 2, 3], &[2, 4]]), None);
    assert_eq!(subjects(&[&[1, 2, 4], &[2, 3]]), None);
    assert_eq!(subjects(&[&[1, 3], &[1, 3]]), None);
    assert_eq!(subjects(&[&[1, 2, 1]]), None);
}

fn limits(groups_max: Option<u32>, rows_max: Option<u32>) -> Adding {
    Adding { groups_max, rows_per_group_max: 2, rows_max }
}

fn of_one(rows: &[(u32, i64)]) -> Vec<([u64; 2], u32, i64)> {
    rows.iter().map(|&(group, value)| ([u64::MAX, 1], group, value)).collect()
}

/// Which no data can bring about by intent: the hash has a key.
#[test]
fn subjects_that_share_half_a_hash_are_told_apart() {
    let row = |subject, group, value| ([u64::MAX, subject], group, value);
    let rows = [row(1, 0, 5), row(2, 0, 7), row(1, 1, 40), row(2, 0, 9), row(1, 0, 6), row(2, 2, 1)];
    for written in [false, true] {
        let one = limits(Some(1), None).hashed(&rows, written).unwrap();
        assert_eq!(one, (vec![0, 1, 1], vec![0, 6, 1]));
        let all = limits(None, None).hashed(&rows, written).unwrap();
        assert_eq!(all, (vec![2, 1, 1], vec![11 + 12, 6, 1]));
    }
}

#[test]
fn rows_in_all_are_cut_in_the_secret_order_and_values_with_them() {
    let rows = of_one(&[(0, 5), (0, 5), (0, 5), (1, 1), (2, 6), (2, 6)]);
    let totals = |rows_max| limits(None, rows_max).hashed(&rows, false).unwrap();
    assert_eq!(totals(None).1, [12, 1, 12]);
    assert_eq!(totals(Some(5)).1, [12, 1, 12]);
    assert_eq!(totals(Some(4)).1, [6, 1, 12]);
    assert_eq!(totals(Some(2)), (vec![1, 1, 1], vec![0, 1, 6]));
}

#[test]
fn what_is_added_up_on_the_way_and_written_down_has_the_same_totals() {
    let mut rows = of_one(&[(0, 5), (0, 9), (0, 5), (1, 1), (2, 6)]);
    rows.push(([u64::MAX, 2], 2, 8));
    for groups_max in [None, Some(1), Some(2)] {
        let limits = limits(groups_max, Some(3));
        assert_eq!(limits.hashed(&rows, true).unwrap(), limits.hashed(&rows, false).unwrap());
    }
}

const SQL: &str = "SELECT region, COUNT(*), SUM(wage), COUNT(DISTINCT wage) FROM owner.payroll WHERE wage > 3 GROUP BY region";

fn bounded() -> PrivacyPolicy {
    let bounds = BTreeMap::from([("wage".into(), Bounds { low: 0.0, high: 50_000.0, decimals: 0 })]);
    PrivacyPolicy { groups_per_subject_max: 2, rows_per_group_max: 2, bounds, ..policy() }
}

/// More rows than one part of a file holds, of persons who come again and again.
fn many_rows() -> String {
    let row = |row: u32| {
        let (person, region) = (row.wrapping_mul(2_654_435_761) % 30_011, row.wrapping_mul(40_503) % 7);
        format!("p{person},r{region},{}\n", row.wrapping_mul(0x9E37_79B9) >> 16)
    };
    "person,region,wage\n".to_owned() + &(0..140_000).map(row).collect::<String>()
}

/// Written anew in the order of persons, a file of several parts has the same answer, added up as its rows come.
#[tokio::test]
async fn a_file_in_order_has_the_same_answer() {
    let house = House::new();
    let (product, source) = house.publish(&many_rows(), bounded()).await;
    let ordered = Source { file: house.path("ordered.parquet") };
    std::fs::copy(&source.file, &ordered.file).unwrap();
    house.put_in_order(&product, &ordered).await;
    let of = async |source: &Source| {
        let held = [Held { product: &product, source, row_filter: None }];
        let exact = ExactAnswer::of_all(&house.engine, SQL, &held, (3, false)).await.unwrap();
        (exact.groups, steps(&house.engine, SQL, &held).await.unwrap())
    };
    let ((groups, gathering), (same, adding)) = (of(&source).await, of(&ordered).await);
    assert_eq!(groups, same);
    assert!(!gathering.contains("in their order"), "{gathering}");
    assert!(adding.contains("SubjectTotalsExec: in their order"), "{adding}");
    assert!(adding.contains("2 groups"), "both processors read: {adding}");
    // Once is enough.
    let before = std::fs::metadata(&ordered.file).unwrap().modified().unwrap();
    house.put_in_order(&product, &ordered).await;
    assert_eq!(std::fs::metadata(&ordered.file).unwrap().modified().unwrap(), before);
}

/// A file that says that it is in order and is not: somebody wrote it anew.
#[tokio::test]
async fn an_order_that_is_only_said_is_not_believed() {
    let house = House::new();
    let (product, source) = house.publish(&many_rows(), bounded()).await;
    let false_order = rewritten(&house, &source, "weal.ordered_by", "person");
    let of = async |source: &Source, sql: &str| {
        let held = [Held { product: &product, source, row_filter: None }];
        let exact = ExactAnswer::of_all(&house.engine, sql, &held, (3, false)).await.unwrap();
        (exact.groups, steps(&house.engine, sql, &held).await.unwrap())
    };
    let ((expected, _), (found, adding)) = (of(&source, SQL).await, of(&false_order, SQL).await);
    assert!(adding.contains("SubjectTotalsExec: in their order"), "{adding}");
    assert!(adding.contains("2 groups"), "both processors read: {adding}");
    assert_eq!(found, expected);
    // Steps that do not look at the order are not told of it.
    for sql in [
        "SELECT region, COUNT(*), SUM(most) FROM (SELECT person, region, MAX(wage) AS most FROM owner.payroll \
         GROUP BY person, region) AS own GROUP BY region",
        "SELECT region, COUNT(*) FROM (SELECT DISTINCT person, region FROM owner.payroll) AS own GROUP BY region",
    ] {
        let ((expected, _), (found, adding)) = (of(&source, sql).await, of(&false_order, sql).await);
        assert!(!adding.contains("in their order"), "{adding}");
        assert_eq!(found, expected, "{sql}");
    }
}

/// The same rows in another file, of which something else is said.
fn rewritten(house: &House, source: &Source, key: &str, value: &str) -> Source {
    let reader = ParquetRecordBatchReaderBuilder::try_new(File::open(&source.file).unwrap()).unwrap();
    let known = reader.metadata().file_metadata().key_value_metadata().cloned().unwrap_or_default();
    let file = house.path("rewritten.parquet");
    let mut writer =
        ArrowWriter::try_new(File::create(&file).unwrap(), reader.schema().clone(), None).unwrap();
    for batch in reader.build().unwrap() {
        writer.write(&batch.unwrap()).unwrap();
    }
    let ours = known.into_iter().filter(|pair| pair.key.starts_with("weal."));
    ours.for_each(|pair| writer.append_key_value_metadata(pair));
    writer.append_key_value_metadata(KeyValue::new(key.to_owned(), value.to_owned()));
    writer.close().unwrap();
    Source { file }
}
