//! Rows on their way out: every format, and every way a stream can end.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use arrow::array::{Int64Array, RecordBatch, StringArray};
use arrow::datatypes::{DataType, Field, Schema};
use bytes::Bytes;
use futures::{Stream, StreamExt as _};
use weal_domain::Timestamp;
use weal_domain::agreements::{Agreement, Conclusion, Side, policy_of_terms};
use weal_domain::catalogue::{Approval, Mode, Terms};
use weal_domain::citizens::ConsentCover;
use weal_domain::compute::{Answer, AnswerColumn, Cell, ColumnRole, Loss, TotalsFit, Withheld};
use weal_domain::exchange::{Asking, Budgets, Extract, GateQuestion, Permit, decide};
use weal_domain::governance::{Member, Standing};
use weal_domain::identity::Role;
use weal_exchange::{
    EncodeError, JSON_BYTES_MAX, RowsFormat, StreamEnd, batch_of_answer, print_rows, release,
    sheet_of_answer, table_of_rows, with_metadata,
};

fn now() -> Timestamp {
    "2026-11-21T12:00:00Z".parse().expect("a moment")
}

/// A permit as the gate gives it for an agreement about rows.
fn permit() -> Permit<Extract> {
    let terms = Terms {
        purposes: vec!["https://w3id.org/dpv#ResearchAndDevelopment".parse().expect("a purpose")],
        legal_bases: vec!["https://w3id.org/dpv/legal/eu/gdpr#A6-1-e".parse().expect("a basis")],
        recipients: Vec::new(),
        roles: Vec::new(),
        columns: None,
        row_filter: None,
        valid_until: None,
        uses_per_day_max: None,
        budget: None,
        budget_rules: Default::default(),
        service_level: String::new(),
        liability: String::new(),
        licence: String::new(),
        retention_days: 1,
        disposal: String::new(),
        approval: Approval::Automatic,
    };
    let agreement = Agreement::conclude(Conclusion {
        id: "urn:uuid:1".parse().expect("an id"),
        side: Side::Provider,
        provider: "did:web:a.example".parse().expect("a DID"),
        consumer: "did:web:b.example".parse().expect("a DID"),
        dataset: "did:web:a.example#regions".into(),
        product: "regions".parse().expect("a name"),
        mode: Mode::Extract,
        policy: policy_of_terms(Mode::Extract, &terms),
        terms,
        agreed_at: now(),
    })
    .expect("an agreement")
    .finalized();
    let member = Member {
        did: "did:web:b.example".parse().expect("a DID"),
        name: "b".parse().expect("a name"),
        title: "B".into(),
        origin: "https://b.example".into(),
        standing: Standing::Good,
        since: now(),
    };
    let asking = Asking {
        consumer: member.did.clone(),
        person: "somebody".into(),
        role: Role::Analyst,
        purpose: None,
        legal_basis: None,
    };
    decide(&GateQuestion {
        use_id: "urn:uuid:2".parse().expect("an id"),
        now: now(),
        asking: &asking,
        member: Some(&member),
        agreement: Some(&agreement),
        offers: &[],
        columns: None,
        place: None,
        uses_today: 0,
        uses_ever: 0,
        consent: ConsentCover::NoRegister,
        loss: Loss::default(),
        is_repeat: false,
        budgets: Budgets::default(),
    })
    .expect("the gate allows it")
}

fn schema() -> Arc<Schema> {
    Arc::new(Schema::new(vec![
        Field::new("region", DataType::Utf8, true),
        Field::new("heads, all", DataType::Int64, false),
    ]))
}

fn batch(first: i64) -> RecordBatch {
    let regions = StringArray::from(vec![Some("north"), None, Some("a \"quoted\", one")]);
    let heads = Int64Array::from(vec![first, first + 1, first + 2]);
    RecordBatch::try_new(schema(), vec![Arc::new(regions), Arc::new(heads)]).expect("a batch")
}

type End = Arc<Mutex<Option<(u64, StreamEnd)>>>;

/// For a reader on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

fn released(
    batches: impl Stream<Item = Result<RecordBatch, String>> + Send + 'static,
    format: RowsFormat,
    stop: impl Future<Output = ()> + Send + 'static,
) -> (impl Stream<Item = Result<Bytes, std::io::Error>> + Unpin, End) {
    released_with(PATIENCE, batches, format, stop)
}

fn released_with(
    patience: Duration,
    batches: impl Stream<Item = Result<RecordBatch, String>> + Send + 'static,
    format: RowsFormat,
    stop: impl Future<Output = ()> + Send + 'static,
) -> (impl Stream<Item = Result<Bytes, std::io::Error>> + Unpin, End) {
    let end = End::default();
    let seen = Arc::clone(&end);
    let ended = move |_permit: Permit<Extract>, tally: Arc<weal_exchange::Tally>, how| {
        *seen.lock().expect("not poisoned") = Some((tally.rows(), how));
    };
    (release(permit(), &schema(), batches, format, patience, stop, ended).expect("a stream"), end)
}

async fn all(
    mut stream: impl Stream<Item = Result<Bytes, std::io::Error>> + Unpin,
) -> Result<Vec<u8>, std::io::Error> {
    let mut bytes = Vec::new();
    while let Some(chunk) = stream.next().await {
        bytes.extend_from_slice(&chunk?);
    }
    Ok(bytes)
}

async fn until_ended(end: &End) -> (u64, StreamEnd) {
    for _ in 0..12_000 {
        if let Some(how) = *end.lock().expect("not poisoned") {
            return how;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    panic!("the stream was never reported as ended");
}

#[tokio::test]
async fn csv_has_its_header_and_quotes_what_must_be_quoted() {
    let batches = futures::stream::iter([Ok(batch(1)), Ok(batch(10))]);
    let (stream, end) = released(batches, RowsFormat::Csv, std::future::pending());
    let text = String::from_utf8(all(stream).await.expect("complete")).expect("text");
    assert!(text.starts_with("region,\"heads, all\"\nnorth,1\n,2\n\"a \"\"quoted\"\", one\",3\n"), "{text}");
    assert_eq!(until_ended(&end).await, (6, StreamEnd::Complete));
}

#[tokio::test]
async fn an_empty_result_is_a_header_and_not_an_error() {
    let (stream, end) = released(futures::stream::empty(), RowsFormat::Csv, std::future::pending());
    assert_eq!(all(stream).await.expect("complete"), b"region,\"heads, all\"\n");
    assert_eq!(until_ended(&end).await, (0, StreamEnd::Complete));
}

#[tokio::test]
async fn parquet_and_arrow_are_read_back_as_they_were() {
    let batches = || futures::stream::iter([Ok(batch(1)), Ok(batch(10))]);
    let (stream, _) = released(batches(), RowsFormat::Parquet, std::future::pending());
    let bytes = Bytes::from(all(stream).await.expect("complete"));
    let reader =
        parquet::arrow::arrow_reader::ParquetRecordBatchReader::try_new(bytes, 1024).expect("Parquet");
    let rows: usize = reader.map(|read| read.expect("a batch").num_rows()).sum();
    assert_eq!(rows, 6);
    let (stream, _) = released(batches(), RowsFormat::Arrow, std::future::pending());
    let bytes = all(stream).await.expect("complete");
    let reader = arrow::ipc::reader::StreamReader::try_new(bytes.as_slice(), None).expect("Arrow");
    let read: Vec<RecordBatch> = reader.map(|read| read.expect("a batch")).collect();
    assert_eq!(read, [batch(1), batch(10)]);
}

#[tokio::test]
async fn a_revoked_stream_breaks_off_and_never_looks_complete() {
    let (cut, cutting) = tokio::sync::oneshot::channel::<()>();
    let endless = futures::stream::unfold(0_i64, |at| async move { Some((Ok(batch(at)), at + 1)) });
    let stop = async move { cutting.await.unwrap_or(()) };
    let (mut stream, end) = released(endless, RowsFormat::Csv, stop);
    assert!(stream.next().await.expect("a first chunk").is_ok());
    cut.send(()).expect("it listens");
    assert_eq!(until_ended(&end).await.1, StreamEnd::Cut);
    // Chunks that were encoded before the cut do not leave either.
    assert!(stream.next().await.expect("an error, not an end").is_err());
}

#[tokio::test]
async fn a_failure_in_the_middle_breaks_off() {
    let batches = futures::stream::iter([Ok(batch(1)), Err("the disk".to_owned()), Ok(batch(2))]);
    let (stream, end) = released(batches, RowsFormat::Parquet, std::future::pending());
    let error = all(stream).await.expect_err("not complete");
    assert!(!error.to_string().contains("disk"), "nothing of the cause leaves: {error}");
    assert_eq!(until_ended(&end).await.1, StreamEnd::Failed);
}

#[tokio::test]
async fn a_reader_that_goes_away_ends_the_work() {
    let endless = futures::stream::unfold(0_i64, |at| async move { Some((Ok(batch(at)), at + 1)) });
    let (stream, end) = released(endless, RowsFormat::Csv, std::future::pending());
    drop(stream);
    assert_eq!(until_ended(&end).await.1, StreamEnd::Abandoned);
}

#[tokio::test]
async fn a_reader_that_takes_nothing_is_not_waited_for() {
    let endless = futures::stream::unfold(0_i64, |at| async move { Some((Ok(batch(at)), at + 1)) });
    let patience = Duration::from_secs(1);
    let (mut stream, end) = released_with(patience, endless, RowsFormat::Csv, std::future::pending());
    assert!(stream.next().await.expect("a first chunk").is_ok());
    assert_eq!(until_ended(&end).await.1, StreamEnd::Stalled);
    assert!(stream.next().await.expect("an error, not an end").is_err());
}

#[tokio::test]
async fn a_private_answer_becomes_a_table_with_its_intervals_and_what_is_said_of_it() {
    let column = |name: &str, role| AnswerColumn { name: name.into(), role };
    let answer = Answer {
        columns: vec![column("region", ColumnRole::Key), column("heads", ColumnRole::Estimate)],
        rows: vec![
            vec![Cell::Key(Some("north".into())), Cell::Estimate { value: 10.0, low: 8.0, high: 12.0 }],
            vec![Cell::Key(None), Cell::Unknown],
        ],
        loss: Loss { rho_nano: 7, delta_femto: 0 },
        confidence: 0.95,
        protection: vec!["Noise was added.".into()],
        totals: Some(TotalsFit::Exact),
        withheld: vec![Withheld {
            keys: vec!["region".into()],
            subjects: Cell::Estimate { value: 3.0, low: 0.0, high: 9.0 },
        }],
        drawing: None,
    };
    let batch = batch_of_answer(&answer).expect("a batch");
    let names: Vec<&str> = batch.schema_ref().fields().iter().map(|field| field.name().as_str()).collect();
    assert_eq!(names, ["region", "heads", "heads_low", "heads_high"]);
    assert_eq!(batch.column(1).null_count(), 1);
    // More is told beside it, and something otherwise.
    let told = [("weal.owners", "[1, 2]".to_owned()), ("weal.confidence", "0.9".to_owned())];
    let more = with_metadata(batch.clone(), told).expect("the same table");
    assert_eq!((more.columns(), &more.schema().metadata()["weal.owners"][..]), (batch.columns(), "[1, 2]"));
    assert_eq!(more.schema().metadata()["weal.confidence"], "0.9");
    let schema = batch.schema();
    let one = futures::stream::iter([Ok::<_, EncodeError>(batch)]);
    let chunks = print_rows(&schema, one, RowsFormat::Parquet).expect("a stream");
    let chunks: Vec<_> = chunks.map(|chunk| chunk.expect("bytes")).collect().await;
    let bytes = Bytes::from(chunks.concat());
    let read =
        parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder::try_new(bytes).expect("Parquet");
    let said = read.metadata().file_metadata().key_value_metadata().expect("metadata");
    let said = |key: &str| {
        let found = said.iter().find(|said| said.key == key).and_then(|said| said.value.clone());
        serde_json::from_str::<serde_json::Value>(&found.expect(key)).expect("JSON")
    };
    assert_eq!(said("weal.loss")["rho_nano"], 7);
    assert_eq!(said("weal.confidence"), 0.95);
    assert_eq!(said("weal.protection")[0], "Noise was added.");
    assert_eq!(said("weal.totals"), "exact");
    assert_eq!(said("weal.withheld")[0]["subjects"]["estimate"]["high"], 9.0);
}

#[tokio::test]
async fn a_table_of_few_rows_with_huge_values_is_refused_before_it_is_copied() {
    let schema = Arc::new(Schema::new(vec![Field::new("text", DataType::Utf8, true)]));
    let batch = |rows: usize, bytes: usize| {
        let text = "x".repeat(bytes);
        let column: StringArray = (0..rows).map(|_| Some(text.as_str())).collect();
        RecordBatch::try_new(Arc::clone(&schema), vec![Arc::new(column)]).expect("a batch")
    };
    let table = async |batch: RecordBatch| {
        let one = futures::stream::iter([Ok::<_, EncodeError>(batch)]);
        table_of_rows(&schema, one).await.expect("no fault")
    };
    assert_eq!(table(batch(3, 1024 * 1024)).await.expect("it fits").rows.len(), 3);
    let refusal = table(batch(2, JSON_BYTES_MAX)).await.expect_err("too large");
    assert_eq!(refusal.code, "too-many-bytes");
    // A small part of a large batch counts as what it is.
    assert_eq!(table(batch(200, 1024 * 1024).slice(0, 2)).await.expect("it fits").rows.len(), 2);
    assert_eq!(table(batch(10_001, 1)).await.expect_err("too many").code, "too-many-rows");
}

#[test]
fn a_sheet_of_an_answer_runs_no_formula() {
    let column = |name: &str, role| AnswerColumn { name: name.into(), role };
    let answer = Answer {
        columns: vec![column("=region", ColumnRole::Key), column("heads", ColumnRole::Estimate)],
        rows: vec![vec![
            Cell::Key(Some("+cmd|' /C calc'!A0".into())),
            Cell::Estimate { value: -10.0, low: -12.0, high: -8.0 },
        ]],
        loss: Loss::default(),
        confidence: 0.95,
        protection: Vec::new(),
        totals: None,
        withheld: Vec::new(),
        drawing: None,
    };
    let sheet = String::from_utf8(sheet_of_answer(&answer).expect("a sheet")).expect("text");
    assert!(sheet.starts_with("'=region,heads,"), "{sheet}");
    assert!(sheet.contains("\n'+cmd") && sheet.contains(",-10.0,"), "numbers stay numbers: {sheet}");
}
