//! What this person may ask about, with whole questions to begin with.

use weal_domain::agreements::{Agreement, Side};
use weal_domain::catalogue::{CatalogueEntry, Column, ColumnKind, Identifying, Mode, ProductRef};
use weal_portal::view::HeldProduct;

use super::super::agreements::meter_of;
use super::super::frame::Visit;
use super::super::parties::party;
use crate::fault::Result;

const ROWS_SHOWN: usize = 100;
const EXAMPLE_COLUMNS_MAX: usize = 6;

/// Every agreement in force under which the ask page works, lowest rung first.
pub(super) async fn held(visit: &Visit) -> Result<Vec<HeldProduct>> {
    let house = &visit.house;
    let ecosystem = house.ecosystem();
    let mut held = Vec::new();
    let agreements = house.agreements().await?;
    let about = agreements.iter().filter(|one| one.side == Side::Consumer);
    let entries = house.entries_about(about.map(|one| (one.provider.clone(), one.dataset.clone()))).await?;
    for agreement in agreements {
        let is_asked = matches!(agreement.mode, Mode::Statistics | Mode::Extract);
        if agreement.side != Side::Consumer || !is_asked || agreement.in_force(visit.now()).is_err() {
            continue;
        }
        let entry = entries.iter().find(|entry| entry.dataset == agreement.dataset);
        let owner = party(house, &ecosystem, &agreement.provider);
        let product = ProductRef { member: owner.name.clone(), product: agreement.product.clone() };
        let columns = columns_of(&agreement, entry);
        held.push(HeldProduct {
            title: entry.map_or_else(|| agreement.product.to_string(), |entry| entry.title.clone()),
            examples: examples(agreement.mode, &product, &columns),
            budget: meter_of(house, &agreement).await?,
            mode: agreement.mode,
            valid_until: agreement.terms.valid_until,
            agreement: agreement.id,
            purpose: agreement.purpose,
            legal_basis: agreement.legal_basis,
            product,
            owner,
            columns,
        });
    }
    held.sort_by(|a, b| (a.mode, &a.product).cmp(&(b.mode, &b.product)));
    Ok(held)
}

/// The columns the agreement allows.
fn columns_of(agreement: &Agreement, entry: Option<&CatalogueEntry>) -> Vec<Column> {
    let all = entry.map(|entry| entry.columns.clone()).unwrap_or_default();
    match &agreement.terms.columns {
        None => all,
        Some(allowed) => all.into_iter().filter(|column| allowed.contains(&column.name)).collect(),
    }
}

fn examples(mode: Mode, product: &ProductRef, columns: &[Column]) -> Vec<String> {
    if mode == Mode::Extract {
        let names: Vec<String> = columns.iter().take(EXAMPLE_COLUMNS_MAX).map(name).collect();
        let names = if names.is_empty() { "*".to_owned() } else { names.join(", ") };
        return vec![format!("SELECT {names}\nFROM {product}\nLIMIT {ROWS_SHOWN}")];
    }
    let is_key = |column: &&Column| {
        matches!(column.kind, ColumnKind::Text | ColumnKind::Boolean)
            && column.identifying != Identifying::Direct
            && !names_records(&column.name)
    };
    let is_number = |column: &&Column| {
        matches!(column.kind, ColumnKind::Float | ColumnKind::Integer)
            && column.identifying == Identifying::No
    };
    let key = columns.iter().find(is_key).map(name);
    let number = columns.iter().find(is_number).map(name);
    let mut found = Vec::new();
    if let Some(key) = &key {
        found.push(format!("SELECT {key}, COUNT(*) AS number\nFROM {product}\nGROUP BY {key}"));
    }
    if let (Some(key), Some(number)) = (&key, &number) {
        found.push(format!("SELECT {key}, AVG({number}) AS average\nFROM {product}\nGROUP BY {key}"));
    }
    found.push(format!("SELECT COUNT(*) AS number\nFROM {product}"));
    found
}

/// Whether a column numbers things, of which there are too many to group by.
fn names_records(column: &str) -> bool {
    let last = column.rsplit('_').next().unwrap_or(column);
    matches!(last.to_ascii_lowercase().as_str(), "id" | "no" | "nr" | "number" | "code" | "key" | "uuid")
}

/// The column's name as SQL wants it.
fn name(column: &Column) -> String {
    let first = column.name.bytes().next();
    let is_plain = column.name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
        && first.is_some_and(|b| !b.is_ascii_digit());
    if is_plain { column.name.clone() } else { format!("\"{}\"", column.name.replace('"', "\"\"")) }
}
