//! A real table of 280,005 rows, where it is at hand.

use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;

use flate2::read::GzDecoder;
use weal_domain::catalogue::{Classification, ColumnKind};
use weal_domain::exchange::Statistics;

use crate::given::{House, lines, owner, permit, product};

/// Rows that are taken of it: enough for several batches, few enough for an unoptimised build.
const ROWS: usize = 20_000;

fn tax_units() -> Option<PathBuf> {
    let file = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/cps_tax_units.csv.gz");
    if file.exists() {
        return Some(file);
    }
    eprintln!("skipped: ../shared/data/cps_tax_units.csv.gz is not here");
    None
}

#[tokio::test]
async fn tax_units_are_taken_in_profiled_and_asked_about() {
    let Some(file) = tax_units() else { return };
    let house = House::new();
    let part = house.path("tax_units.csv.gz");
    let mut packed =
        flate2::write::GzEncoder::new(std::fs::File::create(&part).unwrap(), flate2::Compression::fast());
    for line in BufReader::new(GzDecoder::new(std::fs::File::open(file).unwrap())).lines().take(ROWS + 1) {
        writeln!(packed, "{}", line.unwrap()).unwrap();
    }
    packed.finish().unwrap();
    let ingested = house.ingest(&part).await.unwrap();
    assert_eq!((ingested.columns.len(), ingested.rows), (68, ROWS as u64));
    let proposal = &ingested.proposal;
    assert_eq!(proposal.subject.as_deref(), Some("RECID"), "{:?}", proposal.reasons);
    assert_eq!(proposal.classification, Classification::Sensitive);
    let policy = proposal.privacy.clone().unwrap();
    assert_eq!((policy.groups_per_subject_max, policy.rows_per_group_max), (1, 1));
    assert!(policy.bounds["e00200"].high >= 100_000.0, "{:?}", policy.bounds["e00200"]);
    assert!(proposal.public_keys.contains_key("MARS"));
    let wages = ingested.columns.iter().find(|column| column.name == "e00200").unwrap();
    assert_eq!((wages.kind, wages.nullable), (ColumnKind::Integer, false));
    let source = weal_engine::Source { file: ingested.file.clone() };
    let product = product(ingested, Some(policy));
    let sql = "SELECT mars, COUNT(*), AVG(e00200) FROM owner.payroll GROUP BY mars";
    let loss = house.engine.preview(sql, &product, &owner(), None, None).unwrap().loss;
    let permit = permit::<Statistics>(None, None, loss);
    let answer = house.engine.answer(&permit, sql, &product, &owner(), &source, loss).await.unwrap();
    let tables = [("owner.payroll".parse().unwrap(), source.file)];
    let truth = lines(
        house.engine.query("SELECT mars, COUNT(*) FROM owner.payroll GROUP BY mars", &tables).await.unwrap(),
    )
    .await;
    assert_eq!(answer.rows.len(), truth.len());
}
