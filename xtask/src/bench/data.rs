//! The file that is published: the tax units where they are, a generated file of the same shape otherwise.

use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};

const TAX_UNITS: &str = "../shared/data/cps_tax_units.csv.gz";
const ROWS: u32 = 280_005;
/// The columns that are asked about; the rest make up the size.
const NAMED: [&str; 4] = ["RECID", "MARS", "e00200", "fips"];
const COLUMNS: usize = 68;

/// The file, and what to call it in the table.
pub(super) fn find(root: &Path, named: Option<&Path>, place: &Path) -> Result<(PathBuf, String), String> {
    let real = named.map_or_else(|| root.join(TAX_UNITS), Path::to_owned);
    if real.exists() {
        return Ok((real, "the tax units (280,005 rows, 68 columns, CSV.gz)".to_owned()));
    }
    if named.is_some() {
        return Err(format!("{} is not there", real.display()));
    }
    eprintln!("skipped: {TAX_UNITS} is not here; a generated file of the same size is used");
    let made = place.join("generated.csv");
    generate(&made).map_err(|cause| format!("{}: {cause}", made.display()))?;
    Ok((made, "a generated file (280,005 rows, 68 columns, CSV)".to_owned()))
}

fn generate(path: &Path) -> std::io::Result<()> {
    let mut out = BufWriter::new(std::fs::File::create(path)?);
    let others: Vec<String> = (NAMED.len()..COLUMNS).map(|index| format!("c{index}")).collect();
    writeln!(out, "{},{}", NAMED.join(","), others.join(","))?;
    // Marsaglia's xorshift: the same file every time.
    let mut state = 88_172_645_463_325_252_u64;
    let mut next = move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    for row in 0..ROWS {
        write!(out, "{row},{},{},{}", 1 + next() % 5, next() % 120_000, 1 + next() % 56)?;
        for _ in &others {
            // Most benefits of most people are nothing.
            write!(out, ",{}", if next() % 4 == 0 { next() % 20_000 } else { 0 })?;
        }
        writeln!(out)?;
    }
    out.flush()
}
