//! The education agency's file: claims for apprentices, as Parquet.

use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::Arc;

use arrow::array::{ArrayRef, Date32Array, Int32Array, RecordBatch, StringArray};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use parquet::arrow::ArrowWriter;

use super::country::PROGRAMMES;

/// Of all claims, how many have no payroll record behind them.
pub const GHOST_SHARE: f64 = 0.012;

/// Claims kept in memory before they are written as one batch.
const BATCH_ROWS: usize = 8_192;

/// One claim for one apprentice.
#[derive(Debug, Clone)]
pub struct Claim {
    pub claim_id: String,
    pub person_id: String,
    pub employer_id: String,
    /// Index into [`PROGRAMMES`].
    pub programme: usize,
    pub started_on: jiff::civil::Date,
    pub months_claimed: i32,
    /// In crowns.
    pub monthly_subsidy: i32,
}

/// The claims file while it is being written.
#[derive(Debug)]
pub struct ClaimsFile {
    writer: ArrowWriter<File>,
    schema: SchemaRef,
    waiting: Vec<Claim>,
}

impl ClaimsFile {
    pub fn create(path: &Path) -> io::Result<Self> {
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder)?;
        }
        let field = |name: &str, kind| Field::new(name, kind, false);
        let schema = Arc::new(Schema::new(vec![
            field("claim_id", DataType::Utf8),
            field("person_id", DataType::Utf8),
            field("employer_id", DataType::Utf8),
            field("programme", DataType::Utf8),
            field("started_on", DataType::Date32),
            field("months_claimed", DataType::Int32),
            field("monthly_subsidy", DataType::Int32),
        ]));
        let writer = ArrowWriter::try_new(File::create(path)?, Arc::clone(&schema), None)?;
        Ok(Self { writer, schema, waiting: Vec::new() })
    }

    pub fn write(&mut self, claim: &Claim) -> io::Result<()> {
        self.waiting.push(claim.clone());
        if self.waiting.len() == BATCH_ROWS {
            self.flush()?;
        }
        Ok(())
    }

    pub fn close(mut self) -> io::Result<()> {
        self.flush()?;
        self.writer.close()?;
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        let claims = std::mem::take(&mut self.waiting);
        let text = |of: fn(&Claim) -> &str| -> ArrayRef {
            Arc::new(StringArray::from_iter_values(claims.iter().map(of)))
        };
        let number = |of: fn(&Claim) -> i32| -> ArrayRef {
            Arc::new(Int32Array::from_iter_values(claims.iter().map(of)))
        };
        let columns: Vec<ArrayRef> = vec![
            text(|claim| &claim.claim_id),
            text(|claim| &claim.person_id),
            text(|claim| &claim.employer_id),
            text(|claim| PROGRAMMES[claim.programme]),
            Arc::new(Date32Array::from_iter_values(
                claims.iter().map(|claim| days_since_1970(claim.started_on)),
            )),
            number(|claim| claim.months_claimed),
            number(|claim| claim.monthly_subsidy),
        ];
        let batch = RecordBatch::try_new(Arc::clone(&self.schema), columns).map_err(io::Error::other)?;
        self.writer.write(&batch)?;
        Ok(())
    }
}

fn days_since_1970(date: jiff::civil::Date) -> i32 {
    let epoch = jiff::civil::date(1970, 1, 1);
    date.duration_since(epoch).as_hours() as i32 / 24
}
