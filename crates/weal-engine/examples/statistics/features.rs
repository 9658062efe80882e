//! Every kind of question in the list, asked some times of the products it names.

use std::path::Path;

use futures::StreamExt;
use serde_json::{Value, json};
use weal_domain::catalogue::{PrivacyPolicy, Product};
use weal_domain::compute::Cell;
use weal_domain::exchange::{Extract, Permit, Statistics};
use weal_engine::{Engine, PermitFor, Permitted, Source, read_question};

use crate::bench::{GROUPS, engine, loss, visits};
use crate::given;

/// As many as the peers are told of a person's rows: here there is often one group only.
const ROWS_PER_GROUP: u32 = 10;
/// What else is known of each subject, as every engine is given it.
const CARDS: &str = "SELECT uid, uid % 10 AS score FROM owner.payroll GROUP BY uid";
/// The draws by which noise is told from error.
const DRAWS: usize = 3;

/// The question as we are asked it: tables are products of one owner, called as in the list.
fn ours(sql: &str) -> String {
    let mut sql = sql
        .replace("JOIN visits AS", "JOIN owner.payroll AS")
        .replace("FROM visits AS", "FROM owner.payroll AS");
    for (name, product) in [("visits", "payroll"), ("regions", "regions"), ("cards", "cards")] {
        for before in ["FROM", "JOIN"] {
            sql = sql.replace(&format!("{before} {name}"), &format!("{before} owner.{product} AS {name}"));
        }
    }
    sql
}

/// A product of the list, and what permits its use: about persons, or about nobody.
struct Table {
    product: Product,
    source: Source,
    permits: (Permit<Statistics>, Permit<Extract>),
}

impl Table {
    fn of(product: Product, source: Source) -> Self {
        let name = product.name.as_str();
        let permits =
            (given::permit_for(name, None, None, loss()), given::permit_for(name, None, None, loss()));
        Self { product, source, permits }
    }

    fn permitted(&self) -> Permitted<'_> {
        let permit = match &self.product.privacy {
            Some(_) => PermitFor::Statistics(&self.permits.0),
            None => PermitFor::Rows(&self.permits.1),
        };
        Permitted { permit, product: &self.product, source: &self.source }
    }
}

async fn tables(engine: &Engine, file: &Path) -> Vec<Table> {
    let folder = file.parent().unwrap();
    let write = async |name: &str, csv: String, privacy: Option<PrivacyPolicy>| {
        let (input, out) = (folder.join(format!("{name}.csv")), folder.join(format!("{name}.parquet")));
        std::fs::write(&input, csv).unwrap();
        let ingested =
            engine.ingest_about(&input, &out, None, Some("uid").filter(|_| privacy.is_some()), &|_| {});
        let ingested = ingested.await.unwrap();
        Table::of(given::named(name, given::product(ingested, privacy)), Source { file: out })
    };
    let low = |group: usize| if group < GROUPS / 2 { "low" } else { "high" };
    let regions: String = (0..GROUPS).map(|group| format!("g{group:02},{}\n", low(group))).collect();
    let visits = Table::of(visits(ROWS_PER_GROUP), Source { file: file.to_owned() });
    let policy =
        visits.product.privacy.clone().map(|policy| PrivacyPolicy { bounds: Default::default(), ..policy });
    vec![
        write("regions", format!("grp,region\n{regions}"), None).await,
        write("cards", cards(engine, file).await, policy).await,
        visits,
    ]
}

async fn cards(engine: &Engine, file: &Path) -> String {
    let all = [("owner.payroll".parse().unwrap(), file.to_owned())];
    let mut rows = engine.query(CARDS, &all).await.unwrap();
    let mut csv = String::from("uid,score\n");
    while let Some(batch) = rows.batches.next().await {
        let batch = batch.unwrap();
        let shown = |column: usize, row: usize| {
            arrow::util::display::array_value_to_string(batch.column(column), row).unwrap()
        };
        for row in 0..batch.num_rows() {
            csv += &format!("{},{}\n", shown(0, row), shown(1, row));
        }
    }
    csv
}

pub(crate) fn features(file: &Path, list: &Path) {
    let list: Value = serde_json::from_slice(&std::fs::read(list).unwrap()).unwrap();
    let engine = engine();
    let tables = crate::run(tables(&engine, file));
    for feature in list.as_array().unwrap() {
        let sql = ours(feature["sql"].as_str().unwrap());
        let mut draws = Vec::new();
        let mut refused = None;
        for _ in 0..DRAWS {
            match crate::run(answer(&engine, &tables, &sql)) {
                Ok(answer) => draws.push(answer),
                Err(why) => refused = Some(why),
            }
        }
        let name = &feature["name"];
        match refused {
            Some(why) => println!("{}", json!({ "name": name, "refused": why })),
            None => println!("{}", json!({ "name": name, "draws": draws })),
        }
    }
}

async fn answer(engine: &Engine, tables: &[Table], sql: &str) -> Result<Vec<Vec<Value>>, String> {
    let named = read_question(sql).map_err(|refusal| refusal.to_string())?.tables;
    let is_named = |table: &&Table| named.iter().any(|named| named.product == table.product.name);
    let permitted: Vec<Permitted<'_>> = tables.iter().filter(is_named).map(Table::permitted).collect();
    let answered = engine.answer_about(&permitted, sql, &given::owner(), loss()).await;
    let answer = answered.map_err(|error| error.to_string())?;
    Ok(answer.rows.iter().map(|row| shown(row)).collect())
}

fn shown(row: &[Cell]) -> Vec<Value> {
    let cell = |cell: &Cell| match cell {
        Cell::Key(key) => json!(key),
        Cell::Estimate { value, .. } => json!(value),
        _ => Value::Null,
    };
    row.iter().map(cell).collect()
}
