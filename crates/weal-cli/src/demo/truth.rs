//! What is true, computed by the demo itself over the owners' files. No node ever tells it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use arrow::util::display::{ArrayFormatter, FormatOptions};
use futures::StreamExt as _;
use weal_domain::catalogue::ProductRef;
use weal_domain::compute::{Answer, Cell, ColumnRole};
use weal_engine::{Engine, EngineLimits};

use super::agencies::Agency;
use crate::failure::{Doing as _, Failure, Result};

/// The keys of a group, in the order of the answer's key columns.
pub type Keys = Vec<Option<String>>;

/// The numbers of a group, in the order of the answer's estimate columns.
pub type Truth = BTreeMap<Keys, Vec<Option<f64>>>;

#[derive(Debug)]
pub struct Oracle {
    engine: Engine,
}

impl Oracle {
    pub fn new(scratch: &Path) -> Result<Self> {
        let limits = EngineLimits { spill_dir: scratch.join("oracle"), ..EngineLimits::default() };
        Ok(Self { engine: Engine::new(limits).doing("the demo's own engine did not start")? })
    }

    /// Answers `sql` exactly from the file that `owner` keeps of `product`. The first `keys` columns are
    /// keys.
    pub async fn ask(&self, sql: &str, owner: &Agency, product: &str, keys: usize) -> Result<Truth> {
        let name = ProductRef {
            member: owner.name.parse().doing("a name of the demo")?,
            product: product.parse().doing("a name of the demo")?,
        };
        let file = parquet_of(&owner.folder.join("products").join(product))?;
        let rows = self.engine.query(sql, &[(name, file)]).await.doing("the demo's own question")?;
        let mut batches = rows.batches;
        let mut truth = Truth::new();
        while let Some(batch) = batches.next().await {
            let batch = batch.doing("the demo's own question")?;
            let options = FormatOptions::default();
            let columns = batch.columns().iter().map(|column| ArrayFormatter::try_new(column, &options));
            let columns =
                columns.collect::<std::result::Result<Vec<_>, _>>().doing("the demo's own question")?;
            for row in 0..batch.num_rows() {
                let text = |index: usize| {
                    let present = batch.column(index).is_valid(row);
                    present.then(|| columns[index].value(row).to_string())
                };
                let numbers = (keys..columns.len()).map(|index| text(index)?.parse().ok()).collect();
                truth.insert((0..keys).map(text).collect(), numbers);
            }
        }
        Ok(truth)
    }
}

/// The newest Parquet file below a product's folder.
fn parquet_of(folder: &Path) -> Result<PathBuf> {
    let mut found: Vec<PathBuf> = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).doing(format!("cannot read {}", folder.display()))? {
            let path = entry.doing("cannot read a folder")?.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "parquet") {
                found.push(path);
            }
        }
    }
    found.sort();
    found.pop().ok_or_else(|| Failure::failed(format!("no Parquet file in {}", folder.display())))
}

/// Of `cells` independent intervals that hold the truth in 95 of 100 cases each, so many may miss it: more do once in
/// 10⁷ runs.
#[must_use]
pub fn misses_max(cells: usize) -> usize {
    const MISS: f64 = 0.05;
    const CHANCE: f64 = 1e-7;
    // The probability of so many misses, from that of one fewer.
    let mut exactly = (1.0 - MISS).powi(i32::try_from(cells).unwrap_or(i32::MAX));
    let (mut up_to, mut misses) = (exactly, 0);
    while 1.0 - up_to > CHANCE && misses < cells {
        exactly *= (cells - misses) as f64 / (misses + 1) as f64 * MISS / (1.0 - MISS);
        misses += 1;
        up_to += exactly;
    }
    misses
}

/// Whether the truth lies within an interval three times as wide: six standard deviations, which chance leaves once in
/// 10⁸ numbers.
#[must_use]
pub fn is_near(cell: &Cell, exact: f64) -> bool {
    let Cell::Estimate { low, high, .. } = cell else { return true };
    let wide = (high - low).max(1.0);
    (low - wide..=high + wide).contains(&exact)
}

/// How many of an answer's estimates hold the truth in their interval.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Coverage {
    pub cells: usize,
    pub held: usize,
}

/// Compares an answer with the truth, cell by cell. Groups without anybody in them are left out.
#[must_use]
pub fn coverage(answer: &Answer, truth: &Truth) -> Coverage {
    let mut coverage = Coverage::default();
    for row in &answer.rows {
        let Some(numbers) = truth.get(&keys_of(row, answer)) else { continue };
        for (cell, exact) in estimates(row, answer).zip(numbers) {
            if let (Cell::Estimate { low, high, .. }, Some(exact)) = (cell, exact) {
                coverage.cells += 1;
                coverage.held += usize::from((*low..=*high).contains(exact));
            }
        }
    }
    coverage
}

#[must_use]
pub fn keys_of(row: &[Cell], answer: &Answer) -> Keys {
    row.iter()
        .zip(&answer.columns)
        .filter(|(_, column)| column.role == ColumnRole::Key)
        .map(|(cell, _)| match cell {
            Cell::Key(key) => key.clone(),
            _ => None,
        })
        .collect()
}

/// The cells of a row that are not keys.
pub fn estimates<'a>(row: &'a [Cell], answer: &'a Answer) -> impl Iterator<Item = &'a Cell> {
    row.iter()
        .zip(&answer.columns)
        .filter(|(_, column)| column.role == ColumnRole::Estimate)
        .map(|(cell, _)| cell)
}
