//! Generated questions, and the exact bounded totals that the engine computes for them.

use std::path::Path;

use serde_json::{Value, json};
use weal_engine::exact::{ExactAnswer, ExactPart};
use weal_engine::{Engine, EngineLimits, Source};

use crate::generated::Chance;
use crate::generated::questions::{Asked, question};
use crate::generated::tables::Table;
use crate::given;

const QUESTIONS_PER_TABLE: u64 = 40;

/// Prints one line per question; tables are left in `folder` as Parquet files.
pub(crate) fn questions(folder: &Path, count: u64, seed: u64) {
    std::fs::create_dir_all(folder).unwrap();
    let limits = EngineLimits { spill_dir: folder.join("spill"), ..EngineLimits::default() };
    let engine = Engine::new(limits).unwrap();
    let mut asked = 0;
    let mut number = 0;
    while asked < count {
        let mut chance = Chance::new(seed.wrapping_add(number));
        asked += crate::run(about_one_table(&engine, folder, &mut chance, number, count - asked));
        number += 1;
    }
}

/// How many questions about a new table were answered.
async fn about_one_table(engine: &Engine, folder: &Path, chance: &mut Chance, number: u64, most: u64) -> u64 {
    let table = if number % 4 == 3 {
        Table::of_keys(chance, 60, given::policy())
    } else {
        let size = (20 + chance.below(300), 3 + chance.below(40));
        Table::of(chance, size, false, given::policy())
    };
    let (csv, file) = (folder.join("table.csv"), folder.join(format!("table{number}.parquet")));
    std::fs::write(&csv, table.csv()).unwrap();
    let ingested = engine.ingest(&csv, &file, None, &|_| {}).await.unwrap();
    let product = given::product(ingested, Some(table.policy.clone()));
    let source = Source { file: file.clone() };
    let mut answered = 0;
    for _ in 0..QUESTIONS_PER_TABLE.min(most) {
        let asked = question(chance, None);
        let general = chance.one_in(2);
        let of = (&product, &source);
        match ExactAnswer::of(
            engine,
            &asked.sql,
            of,
            asked.row_filter.as_ref().map(|both| both.ours.as_str()),
            (7, general),
        )
        .await
        {
            Ok(exact) => {
                println!("{}", line(&file, &table, &asked, &exact));
                answered += 1;
            }
            Err(error) => {
                let refusal = error.refusal().unwrap_or_else(|| panic!("{}: {error}", asked.sql));
                println!("{}", json!({ "refused": refusal.code, "sql": asked.sql }));
            }
        }
    }
    answered
}

fn line(file: &Path, table: &Table, asked: &Asked, exact: &ExactAnswer) -> Value {
    let part = |part: &ExactPart| {
        let value =
            part.value.map(|(low, high, decimals)| json!({ "low": low, "high": high, "decimals": decimals }));
        json!({ "kind": part.kind, "value": value, "middle": part.middle, "low": part.low, "high": part.high })
    };
    let aggregates = asked
        .aggregates
        .iter()
        .map(|aggregate| json!({ "kind": aggregate.kind.name(), "value": aggregate.value }));
    json!({
        "sql": asked.sql, "row_filter": asked.row_filter.as_ref().map(|both| &both.duck), "file": file,
        "from": asked.from, "condition": asked.condition, "keys": asked.keys, "sets": asked.sets, "aggregates": aggregates.collect::<Vec<_>>(),
        "policy": {
            "rows": table.policy.rows_per_group_max, "group_size_min": table.policy.group_size_min,
            "public_regions": table.policy.public_keys.get("region"),
        },
        "parts": exact.parts.iter().map(part).collect::<Vec<_>>(), "places": exact.aggregates, "groups": exact.groups,
        "leaves": exact.leaves,
    })
}
