//! Every kind of question in the list, asked twice.

use std::path::Path;

use serde_json::{Value, json};
use weal_domain::compute::Cell;
use weal_domain::exchange::Statistics;
use weal_engine::Source;

use crate::bench::{engine, loss, visits};
use crate::given;

/// The draws by which noise is told from error.
const DRAWS: usize = 3;

pub(crate) fn features(file: &Path, list: &Path) {
    let list: Value = serde_json::from_slice(&std::fs::read(list).unwrap()).unwrap();
    let (engine, product, source) = (engine(), visits(), Source { file: file.to_owned() });
    for feature in list.as_array().unwrap() {
        let sql = feature["sql"].as_str().unwrap().replace("visits", "owner.payroll");
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
