//! The question that every engine is asked, on data that every engine reads from the same file.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use arrow::array::{ArrayRef, Float64Array, Int64Array, RecordBatch, StringArray};
use futures::StreamExt;
use parquet::arrow::ArrowWriter;
use serde_json::{Value, json};
use weal_domain::catalogue::{Bounds, Column, ColumnKind, Identifying, PrivacyPolicy, Product};
use weal_domain::compute::{Cell, Loss};
use weal_domain::exchange::Statistics;
use weal_engine::{Engine, EngineLimits, Source};
use weal_privacy::accounting::{epsilon_of, rho_nano_for};

use crate::generated::Chance;
use crate::given;

pub(crate) const GROUPS: usize = 50;
const SEED: u64 = 20_261_122;
/// As the peers are told: groups and rows in a group that a subject may influence.
pub(crate) const GROUPS_PER_SUBJECT: u32 = 10;
pub(crate) const ROWS_PER_GROUP: u32 = 2;
pub(crate) const ROWS_PER_SUBJECT: u32 = 10;
pub(crate) const VALUE_MAX: f64 = 100.0;
pub(crate) const EPSILON: f64 = 1.0;
pub(crate) const DELTA: f64 = 1e-6;
/// Of delta, for the threshold; the rest is for the conversion from rho.
const DELTA_FEMTO: u64 = 100_000_000;

pub(crate) const ASKED: &str =
    "SELECT grp, COUNT(*) AS n, SUM(val) AS s, AVG(val) AS a FROM owner.payroll GROUP BY grp";
pub(crate) const PLAIN: &str = ASKED;

/// Wilson et al. 2019 as plain SQL; without the choice of groups, which nobody here needs at ten groups and five rows.
pub(crate) fn bounded() -> String {
    let total_max = VALUE_MAX * f64::from(ROWS_PER_GROUP);
    format!(
        "SELECT grp, SUM(LEAST(n, {ROWS_PER_GROUP})) AS n, SUM(LEAST(s, {total_max})) AS s, \
         SUM(LEAST(s, {total_max})) / SUM(LEAST(n, {ROWS_PER_GROUP})) AS a FROM (SELECT uid, grp, COUNT(*) AS n, \
         SUM(LEAST(GREATEST(val, 0.0), {VALUE_MAX})) AS s FROM owner.payroll GROUP BY uid, grp) GROUP BY grp"
    )
}

/// One batch of rows. Subjects are drawn at random, groups by Zipf's law, values around a middle of each group.
fn batch(chance: &mut Chance, rows: u64, subjects: u64, cumulative: &[u64]) -> RecordBatch {
    let (mut uid, mut grp, mut val) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..rows {
        uid.push(chance.below(subjects) as i64);
        let ticket = chance.below(*cumulative.last().unwrap());
        let group = cumulative.partition_point(|&until| until <= ticket);
        grp.push(format!("g{group:02}"));
        // The sum of four uniform numbers is bell-shaped enough.
        let bell: i64 = (0..4).map(|_| chance.within(-1_500, 1_500)).sum();
        let cents = (3_000 + 80 * group as i64 + bell).clamp(0, 10_000);
        val.push(cents as f64 / 100.0);
    }
    RecordBatch::try_from_iter([
        ("uid", Arc::new(Int64Array::from(uid)) as ArrayRef),
        ("grp", Arc::new(StringArray::from(grp)) as ArrayRef),
        ("val", Arc::new(Float64Array::from(val)) as ArrayRef),
    ])
    .unwrap()
}

pub(crate) fn data((rows, subjects): (u64, u64), folder: &Path) {
    const BATCH: u64 = 100_000;
    std::fs::create_dir_all(folder).unwrap();
    let raw = folder.join("raw.parquet");
    let mut chance = Chance::new(SEED);
    let mut until = 0;
    let cumulative: Vec<u64> = (1..=GROUPS as u64)
        .map(|rank| {
            until += 1_000_000_000 / rank;
            until
        })
        .collect();
    let mut writer = None;
    for start in (0..rows).step_by(BATCH as usize) {
        let batch = batch(&mut chance, BATCH.min(rows - start), subjects, &cumulative);
        let file = || std::fs::File::create(&raw).unwrap();
        writer
            .get_or_insert_with(|| ArrowWriter::try_new(file(), batch.schema(), None).unwrap())
            .write(&batch)
            .unwrap();
    }
    writer.unwrap().close().unwrap();
    let out = folder.join("visits.parquet");
    let ingested = crate::run(engine().ingest_about(&raw, &out, None, Some("uid"), &|_| {})).unwrap();
    std::fs::remove_file(&raw).unwrap();
    // As a node does that publishes it.
    let bytes = crate::run(engine().put_in_order(&out, &ingested.columns, "uid")).unwrap();
    println!("{}", json!({ "file": out, "rows": ingested.rows, "bytes": bytes, "subjects": subjects }));
}

pub(crate) fn engine() -> Engine {
    Engine::new(EngineLimits::default()).unwrap()
}

/// The product that `data` wrote, without reading its file.
pub(crate) fn visits(rows_per_group_max: u32) -> Product {
    let column = |name: &str, kind| Column {
        name: name.into(),
        kind,
        nullable: false,
        identifying: Identifying::No,
        description: None,
    };
    let columns = vec![
        column("uid", ColumnKind::Integer),
        column("grp", ColumnKind::Text),
        column("val", ColumnKind::Float),
    ];
    Product { columns, ..given::payroll(policy(rows_per_group_max)) }
}

fn policy(rows_per_group_max: u32) -> PrivacyPolicy {
    PrivacyPolicy {
        subject: "uid".into(),
        groups_per_subject_max: GROUPS_PER_SUBJECT,
        rows_per_group_max,
        rows_per_subject_max: Some(ROWS_PER_SUBJECT),
        bounds: BTreeMap::from([("val".into(), Bounds { low: 0.0, high: VALUE_MAX, decimals: 2 })]),
        public_keys: BTreeMap::new(),
        question_loss_default: loss(),
        question_loss_max: loss(),
        ..given::policy()
    }
}

/// The loss whose epsilon is 1 at a delta of 10⁻⁶, that of the threshold included.
pub(crate) fn loss() -> Loss {
    let rho_nano = rho_nano_for(EPSILON, DELTA - DELTA_FEMTO as f64 / 1e15);
    // The difference above is rounded, which may cost a unit.
    let fits = |rho_nano: &u64| {
        let loss = weal_privacy::Loss { rho_nano: *rho_nano, delta_femto: DELTA_FEMTO };
        epsilon_of(loss, DELTA).unwrap() <= EPSILON
    };
    let rho_nano = [rho_nano, rho_nano - 1, rho_nano - 2].into_iter().find(fits).unwrap();
    Loss { rho_nano, delta_femto: DELTA_FEMTO }
}

pub(crate) fn answer(file: &Path) {
    let (engine, product, source) = (engine(), visits(ROWS_PER_GROUP), Source { file: file.to_owned() });
    let permit = given::permit::<Statistics>(None, None, loss());
    let owner = given::owner();
    let answered = engine.answer(&permit, ASKED, &product, &owner, &source, loss());
    let answer = crate::run(answered).unwrap();
    let number = |cell: &Cell| match cell {
        Cell::Estimate { value, .. } => json!(value),
        _ => Value::Null,
    };
    let mut groups = serde_json::Map::new();
    for row in &answer.rows {
        let [Cell::Key(Some(key)), numbers @ ..] = &row[..] else { panic!("{row:?}") };
        groups.insert(key.clone(), numbers.iter().map(number).collect());
    }
    let spent = weal_privacy::Loss { rho_nano: answer.loss.rho_nano, delta_femto: answer.loss.delta_femto };
    let settings = format!(
        "at most {GROUPS_PER_SUBJECT} groups of a subject, {ROWS_PER_GROUP} rows in each and {ROWS_PER_SUBJECT} in all; rho {} and a delta of 1e-7 for \
         the threshold, together epsilon {:.6} at delta 1e-6",
        answer.loss.rho_nano as f64 / 1e9,
        epsilon_of(spent, DELTA).unwrap()
    );
    println!("{}", json!({ "groups": groups, "settings": settings }));
}

/// Any SQL over the file, as its owner may ask it.
pub(crate) fn ordinary(file: &Path, sql: &str) {
    let engine = engine();
    let tables = [("owner.payroll".parse().unwrap(), file.to_owned())];
    let groups = crate::run(async {
        let mut stream = engine.query(sql, &tables).await.unwrap();
        let mut groups = serde_json::Map::new();
        while let Some(batch) = stream.batches.next().await {
            let batch = batch.unwrap();
            let shown = |column: usize, row: usize| {
                arrow::util::display::array_value_to_string(batch.column(column), row).unwrap()
            };
            for row in 0..batch.num_rows() {
                let numbers = (1..4).map(|column| json!(shown(column, row).parse::<f64>().ok()));
                groups.insert(shown(0, row), numbers.collect());
            }
        }
        groups
    });
    println!("{}", json!({ "groups": groups, "settings": "" }));
}
