//! What a node makes of what an owner has.

use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use arrow::array::{
    ArrayRef, BooleanArray, Date32Array, Decimal128Array, DictionaryArray, Int32Array, RecordBatch,
    StringArray, TimestampNanosecondArray,
};
use arrow::datatypes::Int32Type;
use flate2::Compression;
use flate2::write::GzEncoder;
use parquet::arrow::ArrowWriter;
use weal_domain::catalogue::{Classification, ColumnKind, Identifying};
use weal_engine::{Format, Ingested};

use crate::given::{House, lines};

const PAYROLL: &str = "person_id;name;region;wage;hired;seen;active;postcode;note
p1;\"Ada; L\";north;1000.5;2020-02-29;2020-01-01T10:00:00+02:00;true;01234;
p2;Bob;south;2000;2021-01-01;2020-01-01 10:00:00.123456789;FALSE;56789;\"two
lines\"
p3;Cy;north;-3.5e2;;2020-01-01T10:00Z;;00001;x
";

fn kinds(ingested: &Ingested) -> String {
    let kind = |column: &weal_domain::catalogue::Column| {
        format!("{}:{:?}{}", column.name, column.kind, if column.nullable { "?" } else { "" })
    };
    ingested.columns.iter().map(kind).collect::<Vec<_>>().join(" ")
}

async fn rows(house: &House, ingested: &Ingested) -> Vec<String> {
    let tables = [("a.b".parse().unwrap(), ingested.file.clone())];
    lines(house.engine.query("SELECT * FROM a.b", &tables).await.unwrap()).await
}

fn gz(text: &str) -> Vec<u8> {
    let mut packed = GzEncoder::new(Vec::new(), Compression::default());
    packed.write_all(text.as_bytes()).unwrap();
    packed.finish().unwrap()
}

#[tokio::test]
async fn csv_becomes_typed_columns_over_all_rows() {
    let house = House::new();
    let ingested = house.ingest(&house.write("payroll.csv", PAYROLL)).await.unwrap();
    assert_eq!(
        kinds(&ingested),
        "person_id:Text name:Text region:Text wage:Float hired:Date? seen:Timestamp active:Boolean? postcode:Text note:Text?"
    );
    assert_eq!(
        rows(&house, &ingested).await,
        [
            "p1|Ada; L|north|1000.5|2020-02-29|2020-01-01T08:00:00|true|01234|NULL",
            "p2|Bob|south|2000.0|2021-01-01|2020-01-01T10:00:00.123456|false|56789|two\nlines",
            "p3|Cy|north|-350.0|NULL|2020-01-01T10:00:00|NULL|00001|x",
        ]
    );
    let wage = &ingested.profile[3];
    assert_eq!(
        (wage.nulls, wage.distinct, wage.min.as_deref(), wage.max.as_deref()),
        (0, 3, Some("-350"), Some("2000"))
    );
    let hired = &ingested.profile[4];
    assert_eq!(
        (hired.nulls, hired.min.as_deref(), hired.max.as_deref()),
        (1, Some("2020-02-29"), Some("2021-01-01"))
    );
    assert_eq!(ingested.size_bytes, std::fs::metadata(&ingested.file).unwrap().len());
    assert_eq!(ingested.content_sha256.len(), 64);
}

#[tokio::test]
async fn what_would_change_as_a_number_stays_text() {
    let house = House::new();
    for (values, kind) in [
        (["1", "-2", "0"], ColumnKind::Integer),
        (["1", "2.5", "-.5e3"], ColumnKind::Float),
        (["01", "2", "3"], ColumnKind::Text),
        (["+1", "2", "3"], ColumnKind::Text),
        (["NaN", "2", "3"], ColumnKind::Text),
        (["1e400", "2", "3"], ColumnKind::Text),
        (["12345678901234567890", "2", "3"], ColumnKind::Text),
        (["9223372036854775807", "-9223372036854775808", "3"], ColumnKind::Integer),
        (["true", "False", "TRUE"], ColumnKind::Boolean),
        (["true", "1", "0"], ColumnKind::Text),
        (["2020-01-31", "2020-02-29", "0001-01-01"], ColumnKind::Date),
        (["2020-01-31", "2021-02-29", "2020-01-01"], ColumnKind::Text),
        (["2020-01-31", "2020-01-31T00:00:00Z", "2020-01-31 23:59"], ColumnKind::Timestamp),
        (["2020-01-31", "5", "6"], ColumnKind::Text),
    ] {
        let csv = format!("a,b\n{},x\n{},x\n{},x\n", values[0], values[1], values[2]);
        let ingested = house.ingest(&house.write("in.csv", csv)).await.unwrap();
        assert_eq!(ingested.columns[0].kind, kind, "{values:?}");
    }
}

#[tokio::test]
async fn the_last_row_decides_as_much_as_the_first() {
    let house = House::new();
    let mut csv = String::from("n,m\n");
    for i in 0..20_000 {
        csv += &format!("{i},{i}\n");
    }
    csv += "1.5,x\n";
    let ingested = house.ingest(&house.write("in.csv", csv)).await.unwrap();
    assert_eq!(kinds(&ingested), "n:Float m:Text");
    assert_eq!(ingested.rows, 20_001);
}

#[tokio::test]
async fn separators_byte_order_marks_gzip_and_folders() {
    let house = House::new();
    for text in ["a,b\n1,x\n", "a\tb\n1\tx\n", "a|b\n1|x\n", "\u{feff}a,b\r\n1,x\r\n", "a,b\n1,x"] {
        let ingested = house.ingest(&house.write("in.csv", text)).await.unwrap();
        assert_eq!(kinds(&ingested), "a:Integer b:Text", "{text:?}");
        let packed = house.ingest(&house.write("in.csv.gz", gz(text))).await.unwrap();
        assert_eq!(kinds(&packed), "a:Integer b:Text");
    }
    house.write("folder/2.csv", "a,b\n3,z\n");
    house.write("folder/1.csv", "a,b\n1,x\n2.5,y\n");
    house.write("folder/.hidden", "");
    house.write("folder/_SUCCESS", "");
    let ingested = house.ingest(&house.path("folder")).await.unwrap();
    assert_eq!(rows(&house, &ingested).await, ["1.0|x", "2.5|y", "3.0|z"], "in order of name");
    let again = house.ingest(&house.path("folder")).await.unwrap();
    assert_eq!(again.content_sha256, ingested.content_sha256);
}

#[tokio::test]
async fn ndjson_is_the_union_of_its_lines() {
    let house = House::new();
    let text = "{\"id\": 1, \"n\": 2, \"s\": \"1\", \"d\": \"2020-01-01\"}\n\n{\"id\": 2, \"n\": 2.5, \"t\": true}\n{\"s\": null, \"id\": 3, \"e\": \"\"}\n";
    for (name, bytes) in [("in.ndjson", text.as_bytes().to_vec()), ("in.jsonl.gz", gz(text))] {
        let ingested = house.ingest(&house.write(name, bytes)).await.unwrap();
        assert_eq!(kinds(&ingested), "id:Integer n:Float? s:Text? d:Date? t:Boolean? e:Text?");
        assert_eq!(
            rows(&house, &ingested).await,
            ["1|2.0|1|2020-01-01|NULL|NULL", "2|2.5|NULL|NULL|true|NULL", "3|NULL|NULL|NULL|NULL|NULL",]
        );
    }
}

pub(crate) fn parquet(columns: Vec<(&str, ArrayRef)>) -> Vec<u8> {
    let batch = RecordBatch::try_from_iter(columns).unwrap();
    let mut writer = ArrowWriter::try_new(Vec::new(), batch.schema(), None).unwrap();
    writer.write(&batch).unwrap();
    writer.into_inner().unwrap()
}

#[tokio::test]
async fn parquet_of_others_is_brought_to_the_same_types() {
    let house = House::new();
    let words: DictionaryArray<Int32Type> = ["x", "y", "x"].into_iter().collect();
    let file = parquet(vec![
        ("i", Arc::new(Int32Array::from(vec![Some(1), None, Some(3)]))),
        (
            "dec",
            Arc::new(Decimal128Array::from(vec![150, 250, 350]).with_precision_and_scale(10, 2).unwrap()),
        ),
        ("s", Arc::new(StringArray::from(vec!["a", "b", "c"]))),
        ("w", Arc::new(words)),
        ("b", Arc::new(BooleanArray::from(vec![true, false, true]))),
        ("d", Arc::new(Date32Array::from(vec![0, 1, 2]))),
        ("t", Arc::new(TimestampNanosecondArray::from(vec![0, 1_000, 2_000]).with_timezone("UTC"))),
    ]);
    let ingested = house.ingest(&house.write("in.parquet", file)).await.unwrap();
    assert_eq!(kinds(&ingested), "i:Integer? dec:Float s:Text w:Text b:Boolean d:Date t:Timestamp");
    assert_eq!(rows(&house, &ingested).await[1], "NULL|2.5|b|y|false|1970-01-02|1970-01-01T00:00:00.000001");
    let again =
        house.engine.ingest(&ingested.file, &house.path("again.parquet"), None, &|_| {}).await.unwrap();
    assert_eq!(kinds(&again), kinds(&ingested), "what we write we can read");
}

#[tokio::test]
async fn progress_is_heard_and_nothing_is_left_behind() {
    let house = House::new();
    let mut csv = String::from("a\n");
    csv.extend((0..30_000).map(|i| format!("{i}\n")));
    let (heard, calls) = (AtomicU64::new(0), AtomicU64::new(0));
    let progress = |rows| {
        heard.store(rows, Ordering::Relaxed);
        calls.fetch_add(1, Ordering::Relaxed);
    };
    let out = house.path("out.parquet");
    house.engine.ingest(&house.write("in.data", csv), &out, Some(Format::Csv), &progress).await.unwrap();
    assert_eq!(heard.load(Ordering::Relaxed), 30_000);
    assert!(calls.load(Ordering::Relaxed) >= 3);
    let mut names: Vec<_> =
        std::fs::read_dir(house.folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    names.sort();
    assert_eq!(names, ["in.data", "out.parquet", "spill"]);
}

#[test]
fn a_publication_that_nobody_waits_for_ends_and_leaves_nothing() {
    let house = House::new();
    let mut csv = String::from("a,b,c\n");
    csv.extend((0..200_000).map(|i| format!("{i},{i},{i}\n")));
    let (input, out) = (house.write("in.csv", csv), house.path("out.parquet"));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let waiting = house.engine.ingest(&input, &out, None, &|_| {});
        let soon = std::time::Duration::from_millis(50);
        assert!(tokio::time::timeout(soon, waiting).await.is_err(), "too fast to give up");
    });
    // It ends when the threads that work for it have.
    drop(runtime);
    let files = std::fs::read_dir(house.folder.path())
        .unwrap()
        .filter(|entry| entry.as_ref().unwrap().path().is_file());
    assert_eq!(files.count(), 1, "only the input");
}

#[cfg(unix)]
#[tokio::test]
async fn only_the_nodes_user_can_read_a_products_file() {
    use std::os::unix::fs::PermissionsExt;
    let house = House::new();
    let ingested = house.ingest(&house.write("in.csv", "a\n1\n")).await.unwrap();
    assert_eq!(std::fs::metadata(ingested.file).unwrap().permissions().mode() & 0o777, 0o600);
}

#[tokio::test]
async fn many_distinct_values_are_estimated_and_keys_are_certain() {
    let house = House::new();
    let mut csv = String::from("key,often,few\n");
    csv.extend((0..150_000_u64).map(|i| format!("{i},{},{}\n", i % 120_000, i % 7)));
    let ingested = house.ingest(&house.write("in.csv", csv)).await.unwrap();
    let distinct: Vec<_> = ingested.profile.iter().map(|profile| profile.distinct).collect();
    assert_eq!((distinct[0], distinct[2]), (150_000, 7));
    assert!(distinct[1].abs_diff(120_000) < 2_400, "{} is more than 2 % off", distinct[1]);
}

#[tokio::test]
async fn proposals_name_subject_class_and_bounds_with_reasons() {
    let house = House::new();
    let mut csv = String::from("claim_id,person_id,email,region,wage,birth_date\n");
    for i in 0..2000 {
        csv += &format!(
            "{i},N{:05},p{i}@example.org,r{},{},19{:02}-01-01\n",
            i % 900,
            i % 5,
            (i * 37) % 4300,
            i % 90 + 10
        );
    }
    let ingested = house.ingest(&house.write("claims.csv", csv)).await.unwrap();
    let proposal = &ingested.proposal;
    assert_eq!(proposal.subject.as_deref(), Some("person_id"));
    assert_eq!(proposal.classification, Classification::Personal);
    let privacy = proposal.privacy.as_ref().unwrap();
    assert_eq!((privacy.rows_per_group_max, privacy.bounds["wage"].high), (6, 5000.0));
    assert!(privacy.public_keys.is_empty(), "public keys are for the owner to declare");
    assert_eq!(proposal.public_keys["region"], ["r0", "r1", "r2", "r3", "r4"]);
    let identifying: Vec<_> = ingested.columns.iter().map(|column| column.identifying).collect();
    use Identifying::{Direct, No, Quasi};
    assert_eq!(identifying, [Direct, Direct, Direct, Quasi, Quasi, Quasi]);
    insta::assert_snapshot!(proposal.reasons.join("\n"), @r"
    `claim_id` seems to name a person: it numbers the records, and nearly every value is different.
    `person_id` seems to name a person: its name says so.
    `email` seems to name a person: its values look like e-mail addresses.
    The rows are about persons, so the product is personal.
    Columns of few values: `region`. Where such a list is public knowledge (one of regions is, one of diagnoses found is not), declare it as public keys: then all groups are shown and nothing is spent on finding them.
    `person_id` is in about 3 rows each; a subject counts for at most 6 rows in a group and in 3 groups. Lower limits mean less noise.
    Warning: the bounds were derived from the data. Confirm each as public knowledge (what such a value can sensibly be), or set others: values outside count as the nearest bound.
    One question costs rho 0.005 unless it asks for less, and all questions together may cost rho 0.5.
    ");
    let regions = house
        .ingest(&house.write("regions.csv", "code,name,inhabitants\n1,North,1000\n2,South,2000\n"))
        .await
        .unwrap();
    assert_eq!((regions.proposal.subject, regions.proposal.classification), (None, Classification::Internal));
    assert!(
        regions.proposal.privacy.is_none() && regions.columns.iter().all(|column| column.identifying == No)
    );
}

#[tokio::test]
async fn the_owner_knows_better_whose_data_it_is() {
    let house = House::new();
    let rows: String = (0..60).map(|i| format!("{},{}\n", i / 2, i % 7)).collect();
    let input = house.write("visits.csv", format!("who,amount\n{rows}"));
    let guessed = house.ingest(&input).await.unwrap();
    assert_eq!(guessed.proposal.subject, None, "nothing here looks like a person");
    let about = |subject| {
        let (engine, out) = (&house.engine, house.path("named.parquet"));
        let input = input.clone();
        async move { engine.ingest_about(&input, &out, None, Some(subject), &|_| {}).await }
    };
    let named = about("who").await.unwrap();
    assert_eq!(named.proposal.subject.as_deref(), Some("who"));
    assert_eq!(named.proposal.classification, Classification::Personal);
    assert_eq!(named.columns[0].identifying, Identifying::Direct);
    let privacy = named.proposal.privacy.as_ref().unwrap();
    assert_eq!((privacy.subject.as_str(), privacy.rows_per_group_max), ("who", 4));
    assert!(privacy.bounds.contains_key("amount") && !privacy.bounds.contains_key("who"));
    let refused = about("nobody").await.unwrap_err();
    assert_eq!(refused.refusal().unwrap().code, "column-unknown");
}
