//! Every kind of question in the list, asked twice.

use std::path::Path;

use serde_json::{Value, json};
use weal_domain::compute::Cell;
use weal_domain::exchange::Statistics;
use weal_engine::Source;

use crate::bench::{GROUPS, engine, loss, visits};
use crate::given;

/// As many as the peers are told of a person's rows: here there is often one group only.
const ROWS_PER_GROUP: u32 = 10;

/// The question as we are asked it: the public table as VALUES, since nobody is its subject.
fn ours(sql: &str) -> String {
    let rows: Vec<String> = (0..GROUPS)
        .map(|group| format!("('g{group:02}', '{}')", if group < GROUPS / 2 { "low" } else { "high" }))
        .collect();
    let values = format!("(VALUES {}) AS regions(grp, region)", rows.join(", "));
    let named = sql
        .replace("JOIN regions", &format!("JOIN {values}"))
        .replace("FROM regions", &format!("FROM {values}"));
    named
        .replace("FROM visits", "FROM owner.payroll AS visits")
        .replace("JOIN visits AS", "JOIN owner.payroll AS")
        .replace("payroll AS visits AS", "payroll AS")
}

/// The draws by which noise is told from error.
const DRAWS: usize = 3;

pub(crate) fn features(file: &Path, list: &Path) {
    let list: Value = serde_json::from_slice(&std::fs::read(list).unwrap()).unwrap();
    let (engine, product, source) = (engine(), visits(ROWS_PER_GROUP), Source { file: file.to_owned() });
    for feature in list.as_array().unwrap() {
        let sql = ours(feature["sql"].as_str().unwrap());
        let mut draws = Vec::new();
        let mut refused = None;
        for _ in 0..DRAWS {
            let permit = given::permit::<Statistics>(None, None, loss());
            match crate::run(engine.answer(&permit, &sql, &product, &given::owner(), &source, loss())) {
                Ok(answer) => draws.push(answer.rows.iter().map(|row| shown(row)).collect::<Vec<_>>()),
                Err(error) => refused = Some(error.to_string()),
            }
        }
        let name = &feature["name"];
        match refused {
            Some(why) => println!("{}", json!({ "name": name, "refused": why })),
            None => println!("{}", json!({ "name": name, "draws": draws })),
        }
    }
}

fn shown(row: &[Cell]) -> Vec<Value> {
    let cell = |cell: &Cell| match cell {
        Cell::Key(key) => json!(key),
        Cell::Estimate { value, .. } => json!(value),
        _ => Value::Null,
    };
    row.iter().map(cell).collect()
}
