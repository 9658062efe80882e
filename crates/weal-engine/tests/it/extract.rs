//! Rows that leave under a permit.

use futures::StreamExt;
use weal_domain::compute::Loss;
use weal_domain::exchange::Extract;

use crate::given::{House, lines, permit, policy, refusal_of};

const PAYROLL: &str = "person,region,wage,hired,seen\na,north,10.5,2020-01-01,2020-01-01T10:00:00Z\nb,south,20,2021-01-01,\nc,north,,2022-01-01,2020-01-01 10:00\n";

#[tokio::test]
async fn the_permit_says_which_columns_and_rows() {
    let house = House::new();
    let (product, source) = house.publish(PAYROLL, policy()).await;
    let none = Loss::default();
    let rows = async |columns: Option<&[&str]>, filter: Option<&str>| {
        let stream =
            house.engine.rows(&permit::<Extract>(columns, filter, none), &product, &source).await.unwrap();
        let names: Vec<_> = stream.schema.fields().iter().map(|field| field.name().clone()).collect();
        (names.join("|"), lines(stream).await)
    };
    let (names, all) = rows(None, None).await;
    assert_eq!(names, "person|region|wage|hired|seen");
    assert_eq!(
        all,
        [
            "a|north|10.5|2020-01-01|2020-01-01T10:00:00",
            "b|south|20.0|2021-01-01|NULL",
            "c|north|NULL|2022-01-01|2020-01-01T10:00:00",
        ]
    );
    // In the product's order; the filter may look at a column that does not leave.
    let (names, some) = rows(Some(&["wage", "person"]), Some("REGION = 'north'")).await;
    assert_eq!((names.as_str(), some), ("person|wage", vec!["a|10.5".to_owned(), "c|NULL".to_owned()]));
    assert_eq!(rows(Some(&["person"]), Some("hired > '2020-06-01' AND wage / 0 > 1")).await.1, ["b"]);
    assert!(rows(None, Some("CAST(region AS INTEGER) = 1")).await.1.is_empty(), "and no error");
}

/// Files are kept in the order of their subjects. Without these, rows must not show who is next to whom.
#[tokio::test]
async fn without_its_subject_an_extract_has_an_order_of_what_it_shows() {
    let mut all = Vec::new();
    for persons in [["a", "b", "c", "a"], ["c", "a", "b", "b"]] {
        let house = House::new();
        let rows = ["north,30", "south,10", "north,20", "south,10"];
        let rows = persons.iter().zip(rows).map(|(person, row)| format!("{person},{row}\n"));
        let csv = format!("person,region,wage\n{}", rows.collect::<String>());
        let (product, source) = house.publish(&csv, policy()).await;
        house.put_in_order(&product, &source).await;
        let permit = permit::<Extract>(Some(&["region", "wage"]), None, Loss::default());
        all.push(lines(house.engine.rows(&permit, &product, &source).await.unwrap()).await);
    }
    assert_eq!(all[0], ["north|20", "north|30", "south|10", "south|10"]);
    assert_eq!(all[0], all[1]);
}

#[tokio::test]
async fn what_the_permit_names_must_be_there() {
    let house = House::new();
    let (mut product, source) = house.publish(PAYROLL, policy()).await;
    let gone = permit::<Extract>(Some(&["person", "salary"]), None, Loss::default());
    assert_eq!(refusal_of(house.engine.rows(&gone, &product, &source).await).code, "column-gone");
    let filter = permit::<Extract>(None, Some("salary > 1"), Loss::default());
    assert_eq!(refusal_of(house.engine.rows(&filter, &product, &source).await).code, "no-such-column");
    product.name = "benefits".parse().unwrap();
    let other = permit::<Extract>(None, None, Loss::default());
    assert!(house.engine.rows(&other, &product, &source).await.is_err(), "a permit is for one product");
}

#[tokio::test]
async fn a_stream_is_read_as_it_is_asked_for() {
    let house = House::with(|limits| limits.memory_bytes_max = 8 << 20);
    let mut csv = String::from("person,text\n");
    for i in 0..60_000 {
        csv += &format!("p{i},{}\n", "x".repeat(200 + i % 7));
    }
    let (product, source) = house.publish(&csv, policy()).await;
    let permit = permit::<Extract>(None, Some("person <> 'p5'"), Loss::default());
    let mut stream = house.engine.rows(&permit, &product, &source).await.unwrap();
    let first = stream.batches.next().await.unwrap().unwrap();
    assert!(first.num_rows() <= 8192, "{} rows at once", first.num_rows());
    let mut rows = first.num_rows();
    while let Some(batch) = stream.batches.next().await {
        rows += batch.unwrap().num_rows();
    }
    assert_eq!(rows, 59_999);
}
