//! What one question, one stream or one file may take of the machine.

use std::time::Duration;

use arrow::array::{ArrayRef, Int64Array, ListArray, RecordBatch, StringArray};
use arrow::datatypes::Int64Type;
use futures::StreamExt;
use parquet::arrow::ArrowWriter;
use std::sync::Arc;
use weal_domain::catalogue::PrivacyPolicy;
use weal_domain::compute::Loss;
use weal_domain::exchange::{Extract, Statistics};
use weal_engine::exact::ExactAnswer;

use crate::given::{House, lines, owner, payroll, permit, policy, refusal_of};

const SQL: &str = "SELECT COUNT(*) FROM owner.payroll";

#[tokio::test]
async fn questions_and_previews_wait_for_their_turn_and_not_for_ever() {
    let house = House::with(|limits| {
        limits.questions_at_once_max = 1;
        limits.previews_at_once_max = 0;
        limits.turn_wait_max = Duration::from_millis(20);
    });
    let turn = house.engine.turn().await.unwrap();
    assert_eq!(house.engine.turn().await.unwrap_err().code, "node-busy");
    drop(turn);
    house.engine.turn().await.unwrap();
    let preview = house.engine.preview_in_turn(SQL.into(), payroll(policy()), owner(), None, None).await;
    assert_eq!(refusal_of(preview).code, "node-busy");
}

#[tokio::test]
async fn a_question_has_a_deadline() {
    let house = House::with(|limits| limits.question_time_max = Duration::ZERO);
    let (product, source) = house.publish("person,wage\na,1\nb,2\n", policy()).await;
    let loss = policy().question_loss_default;
    let permit = permit::<Statistics>(None, None, loss);
    let late = house.engine.answer(&permit, SQL, &product, &owner(), &source, loss).await.unwrap_err();
    assert!(late.refusal().is_none(), "that it was late depends on the data, so it is no answer");
}

#[tokio::test]
async fn only_groups_that_show_through_the_noise_count_against_the_most_there_may_be() {
    let house = House::with(|limits| limits.groups_found_max = 10);
    // A delta of 10⁻¹²: one of forty regions of one person shows less than once in 10¹⁰ runs.
    let loss = Loss { delta_femto: 1_000, ..policy().question_loss_default };
    let sql = "SELECT region, COUNT(*) FROM owner.payroll GROUP BY region";
    // Forty regions of one person, which no threshold lets through, and few or many of five hundred.
    for (large, is_answered) in [(3, true), (11, false)] {
        let mut csv = String::from("person,region\n");
        for region in 0..40 {
            csv += &format!("s{region},small{region}\n");
        }
        for person in 0..large * 500 {
            csv += &format!("p{person},large{}\n", person % large);
        }
        let (product, source) = house.publish(&csv, policy()).await;
        let permit = permit::<Statistics>(None, None, loss);
        let answer = house.engine.answer(&permit, sql, &product, &owner(), &source, loss).await;
        match answer {
            Ok(answer) => assert!(is_answered && answer.rows.len() == large, "{large}: {answer:?}"),
            Err(cause) => assert!(!is_answered && cause.refusal().is_none(), "{large}: {cause}"),
        }
    }
}

#[tokio::test]
async fn groups_below_the_minimum_are_dropped_where_they_are_found() {
    let house = House::new();
    let csv = "person,region\na,north\nb,north\nc,south\nd,\n";
    for general in [true, false] {
        let policy = PrivacyPolicy { group_size_min: 2, ..policy() };
        let (product, source) = house.publish(csv, policy).await;
        let sql = "SELECT region, COUNT(*) FROM owner.payroll GROUP BY region";
        let exact =
            ExactAnswer::of(&house.engine, sql, (&product, &source), None, (1, general)).await.unwrap();
        assert_eq!(exact.groups.len(), 1, "{:?}", exact.groups);
        assert_eq!(exact.groups[0].1, 2);
    }
}

/// The plan that adds rows up in memory and the one that goes to disk instead keep the same rows.
#[tokio::test]
async fn where_memory_is_short_the_totals_are_the_same() {
    let mut csv = String::from("person,region,wage,hours\n");
    for row in 0..300_000_u64 {
        // In eleven regions, where three are allowed, with 27 rows in each, some without a wage.
        let (person, region, wage) = (row % 997, row % 11, row.wrapping_mul(2_654_435_761) % 6_000);
        let wage = if row % 13 == 0 { String::new() } else { wage.to_string() };
        csv += &format!("p{person},r{region},{wage},{}\n", row % 50);
    }
    let averages: String = (1..=12).map(|times| format!(", AVG(wage * {times})")).collect();
    let sql = format!(
        "SELECT region, COUNT(*), COUNT(DISTINCT person), SUM(wage) FILTER (WHERE hours > 25), VAR_POP(wage) \
         {averages} FROM owner.payroll GROUP BY region"
    );
    let mut found = Vec::new();
    for memory in [512 << 20, 24 << 20] {
        let house = House::with(|limits| limits.memory_bytes_max = memory);
        let (product, source) = house.publish(&csv, policy()).await;
        found.push(ExactAnswer::of(&house.engine, &sql, (&product, &source), None, (3, true)).await.unwrap());
    }
    assert_eq!(found[0].groups.len(), 11);
    assert_eq!(found[0], found[1]);
}

#[tokio::test]
async fn long_texts_are_read_a_few_rows_at_once() {
    let house = House::new();
    let long = "x".repeat(1 << 19);
    let csv: String = (0..100).map(|i| format!("p{i},{long}{i}\n")).collect();
    let (product, source) = house.publish(&format!("person,region\n{csv}"), policy()).await;
    let permit = permit::<Extract>(None, None, Loss::default());
    let mut stream = house.engine.rows(&permit, &product, &source).await.unwrap();
    let mut rows = 0;
    while let Some(batch) = stream.batches.next().await {
        let batch = batch.unwrap();
        assert!(batch.num_rows() <= 32, "{} rows of half a MiB at once", batch.num_rows());
        rows += batch.num_rows();
    }
    assert_eq!(rows, 100);
}

#[tokio::test]
async fn a_file_is_discarded_when_nothing_reads_it_any_more() {
    let house = House::new();
    let (product, source) = house.publish("person,region\na,north\n", policy()).await;
    let permit = permit::<Extract>(None, None, Loss::default());
    let stream = house.engine.rows(&permit, &product, &source).await.unwrap();
    let (engine, file) = (house.engine.clone(), source.file.clone());
    let gone = tokio::spawn(async move { engine.discard(&file).await });
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert!(source.file.exists());
    assert_eq!(lines(stream).await, ["a|north"]);
    gone.await.unwrap().unwrap();
    assert!(!source.file.exists());
    house.engine.discard(&source.file).await.unwrap();
}

#[tokio::test]
async fn what_a_peer_sent_is_taken_in_as_a_strangers_file() {
    let house = House::new();
    let write = |name: &str, columns: Vec<(&str, ArrayRef)>| {
        let batch = RecordBatch::try_from_iter(columns).unwrap();
        let path = house.path(name);
        let mut writer =
            ArrowWriter::try_new(std::fs::File::create(&path).unwrap(), batch.schema(), None).unwrap();
        writer.write(&batch).unwrap();
        writer.close().unwrap();
        path
    };
    let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
    let texts: ArrayRef = Arc::new(StringArray::from(vec!["a", "b"]));
    let numbers: ArrayRef = Arc::new(Int64Array::from(vec![1, 2]));
    let good = write("good.parquet", vec![("person", texts.clone()), ("n", numbers)]);
    let out = house.path("received.parquet");
    house.engine.receive(&good, &out, Some(&names(&["n", "person"]))).await.unwrap();
    let tables = [("peer.rows".parse().unwrap(), out.clone())];
    let rows = house.engine.query("SELECT * FROM peer.rows ORDER BY n", &tables).await.unwrap();
    assert_eq!(lines(rows).await, ["a|1", "b|2"]);
    std::fs::remove_file(&out).unwrap();

    let refused = async |file: &std::path::Path, columns: Option<&[String]>| {
        let refusal = refusal_of(house.engine.receive(file, &out, columns).await);
        assert!(!out.exists(), "nothing is kept of what is refused");
        refusal.code
    };
    assert_eq!(refused(&good, Some(&names(&["person"]))).await, "other-columns");
    let list = ListArray::from_iter_primitive::<Int64Type, _, _>([Some(vec![Some(1)]), None]);
    let nested = write("nested.parquet", vec![("person", texts), ("n", Arc::new(list))]);
    assert_eq!(refused(&nested, None).await, "unsupported-type");
    // One dictionary entry of two MiB for all rows: small here, large where it is unpacked.
    let long = "x".repeat(2 << 20);
    let same: ArrayRef = Arc::new(StringArray::from(vec![long.as_str(); 100]));
    let bomb = write("bomb.parquet", vec![("person", same)]);
    assert_eq!(refused(&bomb, None).await, "row-too-long");
    let cut = house.write("cut.parquet", &std::fs::read(&good).unwrap()[..60]);
    assert_eq!(refused(&cut, None).await, "damaged-parquet");
}

#[tokio::test]
async fn no_bounds_are_proposed_where_they_would_be_somebodys_values() {
    let house = House::new();
    let mut csv = String::from("person_id,wage,benefit\n");
    for i in 0..2000 {
        csv += &format!("p{i},{},{}\n", 1000 + i, if i == 77 { 123_456 } else { 0 });
    }
    let ingested = house.ingest(&house.write("in.csv", csv)).await.unwrap();
    let bounds = ingested.proposal.privacy.unwrap().bounds;
    assert!(bounds.contains_key("wage"));
    assert!(!bounds.contains_key("benefit"), "one subject alone has another value than 0");
}
