//! Inputs that are broken or meant to break: each gets a typed refusal that names the place.

use std::io::Write;
use std::sync::Arc;

use arrow::array::{ArrayRef, BinaryArray, Date32Array, Int64Array, ListArray, StringArray, UInt64Array};
use arrow::datatypes::Int32Type;
use flate2::Compression;
use flate2::write::GzEncoder;
use parquet::arrow::ArrowWriter;
use parquet::file::properties::WriterProperties;
use weal_domain::{Refusal, RefusalKind};

use crate::given::House;
use crate::ingest::parquet;

fn line(refusal: &Refusal) -> String {
    assert!(refusal.remedy.is_some(), "{refusal:?} should say what helps");
    format!("{}: {}", refusal.code, refusal.reason)
}

fn gz(bytes: &[u8]) -> Vec<u8> {
    let mut packed = GzEncoder::new(Vec::new(), Compression::best());
    packed.write_all(bytes).unwrap();
    packed.finish().unwrap()
}

#[tokio::test]
async fn broken_text_is_refused_with_line_and_column() {
    let house = House::new();
    let mut said = Vec::new();
    for (name, bytes) in [
        ("empty.csv", &b""[..]),
        ("header.csv", b"a,b\n"),
        ("ragged.csv", b"a,b\n1,2\n1,2,3\n"),
        ("short.csv", b"a,b\n1,\"x\ny\"\n\n1\n"),
        ("latin.csv", b"a,name\n1,x\n2,Ren\xe9\n"),
        ("latin-header.csv", b"a,Gr\xf6\xdfe\n1,x\n"),
        ("utf16.csv", b"\xff\xfea\0,\0b\0\n\0"),
        ("twice.csv", b"a,b,a\n1,2,3\n"),
        ("unnamed.csv", b"a,,c\n1,2,3\n"),
        ("control.csv", b"a,b\x07c\n1,2\n"),
        ("type.ndjson", b"{\"a\": 1}\n{\"a\": 2}\n{\"a\": \"x\"}\n"),
        ("bool.ndjson", b"{\"a\": true}\n{\"a\": 2}\n"),
        ("nested.ndjson", b"{\"a\": 1, \"b\": {\"c\": 1}}\n"),
        ("list.ndjson", b"{\"a\": [1]}\n"),
        ("twice.ndjson", b"{\"a\": 1, \"a\": 2}\n"),
        ("array.ndjson", b"[{\"a\": 1}]\n"),
        ("broken.ndjson", b"{\"a\": 1}\n{\"a\": \n"),
        ("latin.ndjson", b"{\"a\": \"Ren\xe9\"}\n"),
        ("blank.ndjson", b"\n\n"),
        ("data.xlsx", b"PK"),
        ("data.zip", b"PK"),
        ("data.bin", b"abc"),
        ("damaged.csv.gz", b"\x1f\x8b\x08\x00garbage"),
    ] {
        said.push(line(&house.refusal(&house.write(name, bytes)).await));
    }
    let whole = gz("a,b\n1,2\n".repeat(1000).as_bytes());
    said.push(line(&house.refusal(&house.write("cut.csv.gz", &whole[..whole.len() - 12])).await));
    insta::assert_snapshot!(said.join("\n"), @r"
    empty-input: `empty.csv` is empty.
    empty-input: The input has no rows.
    ragged-row: `ragged.csv`, line 3: the number of fields is 3, and the header has 2.
    ragged-row: `short.csv`, line 5: the number of fields is 1, and the header has 2.
    not-utf8: `latin.csv`, line 3, column 2 `name`: the text is not UTF-8.
    not-utf8: `latin-header.csv`, line 1, column 2: the text is not UTF-8.
    not-utf8: `utf16.csv`, line 1: the text is not UTF-8.
    duplicate-column: `twice.csv`, column 3: there are two columns `a`.
    unnamed-column: `unnamed.csv`, column 2: the column has no name.
    bad-column-name: `control.csv`, column 2: the name is longer than 128 bytes or not printable.
    wrong-type: `type.ndjson`, line 3, `a`: a text where earlier lines have a number.
    wrong-type: `bool.ndjson`, line 2, `a`: a number where earlier lines have true or false.
    nested-value: `nested.ndjson`, line 1, `b`: an object or a list stands here.
    nested-value: `list.ndjson`, line 1, `a`: an object or a list stands here.
    duplicate-column: `twice.ndjson`, line 1, `a`: it stands twice in this line.
    not-ndjson: `array.ndjson`, line 1: this is not one flat JSON object.
    not-ndjson: `broken.ndjson`, line 2: this is not one flat JSON object.
    not-utf8: `latin.ndjson`, line 1, character 11: the text is not UTF-8.
    empty-input: The input has no rows.
    unknown-format: `data.xlsx` is a spreadsheet.
    unknown-format: `data.zip` is an archive.
    unknown-format: `data.bin` has an ending that says nothing.
    truncated: `damaged.csv.gz` ends in the middle of its compressed data.
    truncated: `cut.csv.gz` ends in the middle of its compressed data.
    ");
    let missing = house.refusal(&house.path("nothing.csv")).await;
    assert_eq!((missing.code.as_str(), missing.kind), ("no-input", RefusalKind::NotFound));
    let left: Vec<_> =
        std::fs::read_dir(house.folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert!(left.iter().all(|name| !name.to_string_lossy().contains("parquet")), "{left:?}");
}

#[tokio::test]
async fn deep_json_is_refused_and_not_followed() {
    let house = House::new();
    let text = format!("{{\"a\": {}{}}}\n", "[".repeat(100_000), "]".repeat(100_000));
    assert!(matches!(
        house.refusal(&house.write("deep.ndjson", text)).await.code.as_str(),
        "nested-value" | "not-ndjson"
    ));
}

#[tokio::test]
async fn folders_must_agree() {
    let house = House::new();
    let mut said = Vec::new();
    house.write("other/1.csv", "a,b\n1,2\n");
    house.write("other/2.csv", "a,c\n1,2\n");
    house.write("mixed/1.csv", "a\n1\n");
    house.write("mixed/2.ndjson", "{\"a\": 1}\n");
    house.write("nested/1.csv", "a\n1\n");
    house.write("nested/deeper/2.csv", "a\n1\n");
    std::fs::create_dir(house.path("void")).unwrap();
    for folder in ["other", "mixed", "nested", "void"] {
        said.push(line(&house.refusal(&house.path(folder)).await));
    }
    insta::assert_snapshot!(said.join("\n"), @r"
    different-columns: `2.csv` has other columns than `1.csv`.
    mixed-folder: `1.csv` and `2.ndjson` have different formats.
    nested-folder: `nested` holds a folder, `deeper`.
    empty-input: The folder `void` holds no files.
    ");
}

#[tokio::test]
async fn sizes_have_limits() {
    let house = House::with(|limits| {
        limits.row_bytes_max = 1 << 10;
        limits.ingest_bytes_max = 4 << 20;
        limits.columns_max = 10;
        limits.rows_max = 1000;
        limits.files_max = 2;
    });
    let mut said = Vec::new();
    let mut refused = async |name: &str, bytes: Vec<u8>| {
        let refusal = house.refusal(&house.write(name, bytes)).await;
        assert_eq!(refusal.kind, RefusalKind::TooLarge);
        said.push(line(&refusal));
    };
    refused("long.csv", format!("a,b\n1,{}\n", "x".repeat(2000)).into()).await;
    refused("quote.csv", format!("a,b\n1,\"{}", "x,y\n".repeat(500_000)).into()).await;
    refused("long.ndjson", format!("{{\"a\": \"{}\"}}\n", "x".repeat(2000)).into()).await;
    refused(
        "wide.csv",
        format!("{}\n1\n", (0..11).map(|i| format!("c{i}")).collect::<Vec<_>>().join(",")).into(),
    )
    .await;
    refused("wide.ndjson", (0..11).map(|i| format!("{{\"c{i}\": 1}}\n")).collect::<String>().into()).await;
    refused("rows.csv", format!("a\n{}", "1\n".repeat(1001)).into()).await;
    refused(
        "rows.parquet",
        parquet(vec![("a", Arc::new(Int64Array::from_iter_values(0..1001)) as ArrayRef)]),
    )
    .await;
    refused(
        "long.parquet",
        parquet(vec![("a", Arc::new(StringArray::from(vec!["x".repeat(2000)])) as ArrayRef)]),
    )
    .await;
    insta::assert_snapshot!(said.join("\n"), @r"
    row-too-long: `long.csv`, line 2: a row is longer than 1 KiB.
    row-too-long: `quote.csv`: a row is longer than 1 KiB.
    row-too-long: `long.ndjson`, line 1: a row is longer than 1 KiB.
    too-many-columns: `wide.csv` has 11 columns, more than 10.
    too-many-columns: `wide.ndjson` has more than 10 columns.
    too-many-rows: The input has more than 1000 rows.
    too-many-rows: The input has more than 1000 rows.
    row-too-long: `long.parquet`: a row is longer than 1 KiB.
    ");
    let small = House::with(|limits| limits.ingest_bytes_max = 64 << 10);
    let rows = [&b"a\n"[..], &b"1234567\n".repeat(20_000)].concat();
    for (name, bytes) in [("huge.csv", rows.clone()), ("huge.csv.gz", gz(&rows))] {
        assert_eq!(small.refusal(&small.write(name, bytes)).await.code, "input-too-large");
    }
    for i in 0..3 {
        house.write(&format!("many/{i}.csv"), "a\n1\n");
    }
    assert_eq!(house.refusal(&house.path("many")).await.code, "too-many-files");
}

#[tokio::test]
async fn a_gzip_bomb_stops_early() {
    let house = House::new();
    let bomb = gz(&vec![b'1'; 64 << 20]);
    assert!(bomb.len() < 100_000);
    let refusal = house.refusal(&house.write("bomb.csv.gz", bomb)).await;
    assert!(matches!(refusal.code.as_str(), "compression-bomb" | "row-too-long"), "{}", refusal.code);
    let rows = gz(format!("a\n{}", "1\n".repeat(32 << 20)).as_bytes());
    assert_eq!(house.refusal(&house.write("rows.csv.gz", rows)).await.code, "compression-bomb");
}

#[tokio::test]
async fn parquet_that_is_damaged_or_has_no_table_is_refused() {
    let house = House::new();
    let good = parquet(vec![("a", Arc::new(Int64Array::from_iter_values(0..1000)) as ArrayRef)]);
    let list = ListArray::from_iter_primitive::<Int32Type, _, _>([Some(vec![Some(1)])]);
    let mut said = Vec::new();
    for (name, bytes) in [
        ("magic.parquet", b"PAR1".to_vec()),
        ("text.parquet", b"a,b\n1,2\nand so on".to_vec()),
        ("cut.parquet", good[..good.len() / 2].to_vec()),
        ("list.parquet", parquet(vec![("l", Arc::new(list) as ArrayRef)])),
        ("binary.parquet", parquet(vec![("b", Arc::new(BinaryArray::from(vec![&b"x"[..]])) as ArrayRef)])),
        ("unsigned.parquet", parquet(vec![("u", Arc::new(UInt64Array::from(vec![u64::MAX])) as ArrayRef)])),
        ("date.parquet", parquet(vec![("d", Arc::new(Date32Array::from(vec![i32::MAX])) as ArrayRef)])),
        ("empty.parquet", parquet(vec![("a", Arc::new(Int64Array::from(Vec::<i64>::new())) as ArrayRef)])),
    ] {
        said.push(line(&house.refusal(&house.write(name, bytes)).await));
    }
    insta::assert_snapshot!(said.join("\n"), @r"
    damaged-parquet: `magic.parquet` is damaged, or no Parquet file.
    damaged-parquet: `text.parquet` is damaged, or no Parquet file.
    damaged-parquet: `cut.parquet` is damaged, or no Parquet file.
    unsupported-type: `list.parquet`, column 1 `l`: values of type List(Int32) have no place in a table here.
    unsupported-type: `binary.parquet`, column 1 `b`: values of type Binary have no place in a table here.
    out-of-range: `unsigned.parquet`, column `u`: a value is out of range.
    out-of-range: `date.parquet`, column `d`: a value is out of range.
    empty-input: The input has no rows.
    ");
    // Any byte may be wrong; whatever it does, it does not bring the node down or in.
    for at in (4..good.len()).step_by(7) {
        let mut bytes = good.clone();
        bytes[at] ^= 0x55;
        if let Err(error) = house.ingest(&house.write("flipped.parquet", bytes)).await {
            assert!(error.refusal().is_some(), "byte {at}: {error}");
        }
    }
}

/// A page header says how much to reserve; here it says two gigabytes.
#[tokio::test]
async fn a_parquet_bomb_is_seen_before_it_is_unpacked() {
    let house = House::new();
    let mut good = parquet(vec![("a", Arc::new(Int64Array::from_iter_values(0..1000)) as ArrayRef)]);
    // PageHeader: field 1 (type), then field 2, the unpacked size, as a zigzag varint.
    assert_eq!((good[4], good[6]), (0x15, 0x15));
    let end = (7..).find(|&i| good[i] & 0x80 == 0).unwrap();
    let two_gigabytes = [0xfe, 0xff, 0xff, 0xff, 0x0f];
    good.splice(7..=end, two_gigabytes);
    let refusal = house.refusal(&house.write("bomb.parquet", good)).await;
    assert!(matches!(refusal.code.as_str(), "parquet-bomb" | "damaged-parquet"), "{}", refusal.code);
}

#[tokio::test]
async fn a_gzip_page_that_holds_more_than_it_says_is_refused() {
    let house = House::new();
    let properties = WriterProperties::builder()
        .set_compression(parquet::basic::Compression::GZIP(parquet::basic::GzipLevel::default()))
        .set_dictionary_enabled(false)
        .build();
    let array: ArrayRef = Arc::new(Int64Array::from(vec![7; 100_000]));
    let batch = arrow::array::RecordBatch::try_from_iter([("a", array)]).unwrap();
    let mut writer = ArrowWriter::try_new(Vec::new(), batch.schema(), Some(properties)).unwrap();
    writer.write(&batch).unwrap();
    let good = writer.into_inner().unwrap();
    house.ingest(&house.write("good.parquet", &good)).await.unwrap();
    // The unpacked size of the first page, made smaller than what is in it, at the same length of header.
    let mut lying = good.clone();
    let end = (7..).find(|&i| lying[i] & 0x80 == 0).unwrap();
    assert!(end > 8);
    lying[7] = 0x80 | 0x10;
    lying[8..end].fill(0x80);
    lying[end] = 0;
    let refusal = house.refusal(&house.write("lying.parquet", lying)).await;
    assert_eq!(refusal.code, "parquet-bomb", "{}", refusal.reason);
}
