//! Generated questions, and the exact bounded totals that the engine computes for them.

use std::path::Path;

use serde_json::{Value, json};
use weal_domain::catalogue::{PrivacyPolicy, Product};
use weal_engine::exact::{ExactAnswer, ExactPart, Held};
use weal_engine::{Engine, EngineLimits, Source};

use crate::generated::questions::{Asked, question};
use crate::generated::tables::{PLACES, Table};
use crate::generated::{Chance, of_question};
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

/// The tables that questions are about, as files.
struct Tables {
    first: (Product, Source),
    second: (Product, Source),
    places: (Product, Source),
}

impl Tables {
    async fn written(engine: &Engine, folder: &Path, number: u64, [first, second]: [&Table; 2]) -> Self {
        let rows: String = PLACES.iter().map(|(place, climate)| format!("{place},{climate}\n")).collect();
        let rows = format!("place,climate\n{rows}");
        let write = async |name: &str, csv: String, policy: Option<PrivacyPolicy>| {
            let (input, file) = (folder.join("table.csv"), folder.join(format!("{name}{number}.parquet")));
            std::fs::write(&input, csv).unwrap();
            let ingested = engine.ingest(&input, &file, None, &|_| {}).await.unwrap();
            // A node keeps files in the order of their subjects; older ones may be in any.
            if let Some(policy) = policy.as_ref().filter(|_| !number.is_multiple_of(4)) {
                engine.put_in_order(&file, &ingested.columns, &policy.subject).await.unwrap();
            }
            (given::named(name, given::product(ingested, policy)), Source { file })
        };
        Self {
            first: write("payroll", first.csv(), Some(first.policy.clone())).await,
            second: write("second", second.csv(), Some(second.policy.clone())).await,
            places: write("places", rows, None).await,
        }
    }

    fn held<'a>(&'a self, asked: &'a Asked) -> Vec<Held<'a>> {
        let held =
            |(product, source): &'a (Product, Source), row_filter| Held { product, source, row_filter };
        let first = asked.row_filter.as_ref().map(|both| both.ours.as_str());
        let second = asked.second_filter.as_ref().map(|both| both.ours.as_str());
        let all = [held(&self.first, first), held(&self.second, second), held(&self.places, None)];
        of_question(&asked.sql, &all)
    }
}

/// How many questions about new tables were answered.
async fn about_one_table(engine: &Engine, folder: &Path, chance: &mut Chance, number: u64, most: u64) -> u64 {
    let first = if number % 4 == 3 {
        Table::of_keys(chance, 60, given::policy())
    } else {
        let size = (20 + chance.below(300), 3 + chance.below(40));
        Table::of(chance, size, false, given::policy())
    };
    let rows = 10 + chance.below(100);
    let second = Table::second(chance, &first, rows);
    let tables = Tables::written(engine, folder, number, [&first, &second]).await;
    let mut answered = 0;
    for _ in 0..QUESTIONS_PER_TABLE.min(most) {
        let asked = question(chance, None);
        let general = chance.one_in(2);
        let held = tables.held(&asked);
        match ExactAnswer::of_all(engine, &asked.sql, &held, (7, general)).await {
            Ok(exact) => {
                println!("{}", line(&tables, [&first, &second], &asked, &exact));
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

/// The stricter of both tables' limits, where a question is about both.
fn limits([first, second]: [&Table; 2], asked: &Asked) -> (u32, u32) {
    let of = |table: &Table| (table.policy.rows_per_group_max, table.policy.group_size_min);
    let ((rows, size), (other_rows, other_size)) = (of(first), of(second));
    match asked.sql.contains("owner.second") {
        true => (rows.min(other_rows), size.max(other_size)),
        false => (rows, size),
    }
}

fn line(tables: &Tables, of: [&Table; 2], asked: &Asked, exact: &ExactAnswer) -> Value {
    let part = |part: &ExactPart| {
        let value =
            part.value.map(|(low, high, decimals)| json!({ "low": low, "high": high, "decimals": decimals }));
        json!({ "kind": part.kind, "value": value, "middle": part.middle, "low": part.low, "high": part.high })
    };
    let aggregates = asked
        .aggregates
        .iter()
        .map(|aggregate| json!({ "kind": aggregate.kind.name(), "value": aggregate.value }));
    let (rows, group_size_min) = limits(of, asked);
    json!({
        "sql": asked.sql,
        "file": tables.first.1.file, "row_filter": asked.row_filter.as_ref().map(|both| &both.duck),
        "second": tables.second.1.file, "second_filter": asked.second_filter.as_ref().map(|both| &both.duck),
        "from": asked.from, "condition": asked.condition, "keys": asked.keys, "sets": asked.sets, "aggregates": aggregates.collect::<Vec<_>>(),
        "policy": {
            "rows": rows, "group_size_min": group_size_min,
            "public_regions": of[0].policy.public_keys.get("region"),
        },
        "parts": exact.parts.iter().map(part).collect::<Vec<_>>(), "places": exact.aggregates, "groups": exact.groups,
        "leaves": exact.leaves,
    })
}
