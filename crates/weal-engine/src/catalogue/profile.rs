//! What each column holds: nulls, ends, distinct values, and enough of a sample to propose bounds.

use std::collections::{BTreeSet, HashSet};
use std::hash::{BuildHasherDefault, Hasher};

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use arrow::compute::{max, max_boolean, max_string, min, min_boolean, min_string};
use arrow::datatypes::{Date32Type, Float64Type, Int64Type, TimestampMicrosecondType};
use arrow::util::display::{ArrayFormatter, FormatOptions};
use datafusion::common::hash_utils::{HLL_RANDOM_STATE, create_hashes};
use weal_domain::catalogue::{Column, ColumnKind, ColumnProfile};

use crate::EngineError;
use crate::error::Doing;

/// Up to here distinct values are counted exactly, above they are estimated (within 2 %).
pub const DISTINCT_EXACT_MAX: usize = 100_000;
/// Up to here it is known for certain whether a column repeats no value.
const UNIQUE_ROWS_MAX: usize = 20_000_000;
/// Hashes that all columns of a product may keep together; some 20 bytes each.
const HASHES_MAX: usize = 32 << 20;
/// The longest text that is worth proposing as a public key.
const FEW_VALUE_BYTES_MAX: usize = 256;
/// A column of at most this many values is worth proposing as a public key.
pub(crate) const FEW_VALUES_MAX: usize = 50;
const SAMPLE_MAX: usize = 8192;
const TEXTS_LOOKED_AT: usize = 1000;
const SHOWN_CHARS_MAX: usize = 80;

/// Profiles all columns of one product, batch by batch.
#[derive(Debug)]
pub(crate) struct Profiler {
    pub columns: Vec<ColumnProfiler>,
    pub rows: u64,
}

impl Profiler {
    pub(crate) fn new(columns: &[Column]) -> Self {
        Self { columns: columns.iter().map(ColumnProfiler::new).collect(), rows: 0 }
    }

    pub(crate) fn see(&mut self, batch: &RecordBatch) -> Result<(), EngineError> {
        for (column, array) in self.columns.iter_mut().zip(batch.columns()) {
            column.see(array, self.rows)?;
        }
        self.rows += batch.num_rows() as u64;
        self.forget(HASHES_MAX);
        Ok(())
    }

    /// Where all columns together keep too much, those that keep most go over to estimates.
    fn forget(&mut self, hashes_max: usize) {
        while self.columns.iter().map(|column| column.distinct.kept()).sum::<usize>() > hashes_max {
            let largest = self.columns.iter_mut().max_by_key(|column| column.distinct.kept());
            match largest {
                Some(column) => column.distinct.estimate(),
                None => return,
            }
        }
    }

    pub(crate) fn profile(&self) -> Vec<ColumnProfile> {
        self.columns.iter().map(ColumnProfiler::profile).collect()
    }

    /// The columns in which no value stands twice (nulls aside).
    pub(crate) fn unique_columns(&self) -> Vec<&str> {
        self.columns.iter().filter(|column| column.is_unique()).map(|column| column.name.as_str()).collect()
    }
}

#[derive(Debug)]
pub(crate) struct ColumnProfiler {
    pub name: String,
    pub kind: ColumnKind,
    pub nulls: u64,
    pub rows: u64,
    ends: Option<(End, End)>,
    distinct: Distinct,
    /// The values themselves, while they are few.
    few: Option<BTreeSet<String>>,
    /// Numbers evenly taken from all rows.
    pub sample: Sample,
    pub looks: Looks,
}

/// An end of a column's range.
#[derive(Debug, Clone, PartialEq, PartialOrd)]
enum End {
    Boolean(bool),
    Integer(i64),
    Float(f64),
    /// Text, dates and timestamps, as they are printed, which is also how they are ordered.
    Text(String),
}

impl ColumnProfiler {
    fn new(column: &Column) -> Self {
        Self {
            name: column.name.clone(),
            kind: column.kind,
            nulls: 0,
            rows: 0,
            ends: None,
            distinct: Distinct::Exact { hashes: HashSet::default(), repeats: false },
            few: Some(BTreeSet::new()),
            sample: Sample::default(),
            looks: Looks::default(),
        }
    }

    fn see(&mut self, array: &ArrayRef, first_row: u64) -> Result<(), EngineError> {
        self.nulls += array.null_count() as u64;
        self.rows += array.len() as u64;
        if array.null_count() == array.len() {
            return Ok(());
        }
        if let Some((low, high)) = ends(array)? {
            self.ends = Some(match self.ends.take() {
                None => (low, high),
                Some((l, h)) => (if low < l { low } else { l }, if high > h { high } else { h }),
            });
        }
        self.count_distinct(array)?;
        match self.kind {
            ColumnKind::Integer => {
                let numbers = array.as_primitive::<Int64Type>();
                self.sample.see(first_row, numbers.iter().map(|x| x.map(|x| x as f64)));
            }
            ColumnKind::Float => self.sample.see(first_row, array.as_primitive::<Float64Type>().iter()),
            ColumnKind::Text if self.looks.texts < TEXTS_LOOKED_AT => {
                let left = TEXTS_LOOKED_AT - self.looks.texts;
                array.as_string::<i32>().iter().flatten().take(left).for_each(|text| self.looks.see(text));
            }
            _ => {}
        }
        Ok(())
    }

    fn count_distinct(&mut self, array: &ArrayRef) -> Result<(), EngineError> {
        let mut hashes = vec![0; array.len()];
        create_hashes([array], &HLL_RANDOM_STATE, &mut hashes).doing("profiling a column")?;
        for (row, hash) in hashes.into_iter().enumerate() {
            if array.is_null(row) {
                continue;
            }
            let new = self.distinct.see(hash);
            if let (true, Some(few)) = (new, &mut self.few) {
                let value = shown(array, row)?;
                let long = value.len() > FEW_VALUE_BYTES_MAX;
                few.insert(value);
                if long || few.len() > FEW_VALUES_MAX {
                    self.few = None;
                }
            }
        }
        Ok(())
    }

    pub(crate) fn distinct(&self) -> u64 {
        // An estimate may overshoot what is possible.
        self.distinct.count().min(self.rows - self.nulls)
    }

    pub(crate) fn is_unique(&self) -> bool {
        self.rows > self.nulls && matches!(self.distinct, Distinct::Exact { repeats: false, .. })
    }

    /// All values, where they are few enough to be a list of keys.
    pub(crate) fn few_values(&self) -> Option<&BTreeSet<String>> {
        self.few.as_ref().filter(|few| !few.is_empty())
    }

    fn profile(&self) -> ColumnProfile {
        let (min, max) = match &self.ends {
            Some((low, high)) => (Some(low.to_string()), Some(high.to_string())),
            None => (None, None),
        };
        ColumnProfile { column: self.name.clone(), nulls: self.nulls, distinct: self.distinct(), min, max }
    }
}

impl std::fmt::Display for End {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            End::Boolean(value) => write!(f, "{value}"),
            End::Integer(value) => write!(f, "{value}"),
            End::Float(value) => write!(f, "{value}"),
            End::Text(value) => write!(f, "{value}"),
        }
    }
}

fn ends(array: &ArrayRef) -> Result<Option<(End, End)>, EngineError> {
    use arrow::datatypes::DataType;
    let text = |text: &str| End::Text(text.chars().take(SHOWN_CHARS_MAX).collect());
    Ok(match array.data_type() {
        DataType::Boolean => {
            let array = array.as_boolean();
            min_boolean(array).map(End::Boolean).zip(max_boolean(array).map(End::Boolean))
        }
        DataType::Int64 => {
            let array = array.as_primitive::<Int64Type>();
            min(array).map(End::Integer).zip(max(array).map(End::Integer))
        }
        DataType::Float64 => {
            let array = array.as_primitive::<Float64Type>();
            min(array).map(End::Float).zip(max(array).map(End::Float))
        }
        DataType::Utf8 => {
            let array = array.as_string::<i32>();
            min_string(array).map(text).zip(max_string(array).map(text))
        }
        DataType::Date32 => {
            let days = array.as_primitive::<Date32Type>();
            let one = |day: Option<i32>| one_shown(&arrow::array::Date32Array::from(vec![day]));
            Some((one(min(days))?, one(max(days))?))
        }
        _ => {
            let times = array.as_primitive::<TimestampMicrosecondType>();
            let one =
                |time: Option<i64>| one_shown(&arrow::array::TimestampMicrosecondArray::from(vec![time]));
            Some((one(min(times))?, one(max(times))?))
        }
    })
}

fn one_shown(array: &dyn Array) -> Result<End, EngineError> {
    shown(array, 0).map(End::Text)
}

fn shown(array: &dyn Array, row: usize) -> Result<String, EngineError> {
    let options = FormatOptions::default();
    let formatter = ArrayFormatter::try_new(array, &options).doing("profiling a column")?;
    Ok(formatter.value(row).to_string())
}

/// Counts distinct hashes of 64 bits: all of them while they are few or none repeats, then by HyperLogLog.
#[derive(Debug)]
enum Distinct {
    Exact { hashes: HashSet<u64, BuildHasherDefault<AsIs>>, repeats: bool },
    Estimate(HyperLogLog),
}

impl Distinct {
    /// Whether this hash is certainly new.
    fn see(&mut self, hash: u64) -> bool {
        match self {
            Distinct::Estimate(registers) => {
                registers.see(hash);
                false
            }
            Distinct::Exact { hashes, repeats } => {
                let new = hashes.insert(hash);
                *repeats |= !new;
                let most = if *repeats { DISTINCT_EXACT_MAX } else { UNIQUE_ROWS_MAX };
                if hashes.len() > most {
                    self.estimate();
                }
                new
            }
        }
    }
    fn estimate(&mut self) {
        if let Distinct::Exact { hashes, .. } = self {
            let mut registers = HyperLogLog::new();
            hashes.iter().for_each(|&hash| registers.see(hash));
            *self = Distinct::Estimate(registers);
        }
    }
    fn kept(&self) -> usize {
        match self {
            Distinct::Exact { hashes, .. } => hashes.len(),
            Distinct::Estimate(_) => 0,
        }
    }
    fn count(&self) -> u64 {
        match self {
            Distinct::Exact { hashes, .. } => hashes.len() as u64,
            Distinct::Estimate(registers) => registers.count(),
        }
    }
}

/// A hash is its own hash.
#[derive(Debug, Default)]
struct AsIs(u64);

impl Hasher for AsIs {
    fn finish(&self) -> u64 {
        self.0
    }
    fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(byte);
        }
    }
    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
    }
}

/// Flajolet, Fusy, Gandouet, Meunier 2007, with 2^15 registers: a standard error of 0.6 %. Used only above
/// [`DISTINCT_EXACT_MAX`], where its estimate needs no correction.
#[derive(Debug)]
struct HyperLogLog(Vec<u8>);

const REGISTER_BITS: u32 = 15;

impl HyperLogLog {
    fn new() -> Self {
        Self(vec![0; 1 << REGISTER_BITS])
    }
    fn see(&mut self, hash: u64) {
        let register = (hash >> (64 - REGISTER_BITS)) as usize;
        let rank = (hash << REGISTER_BITS | 1 << (REGISTER_BITS - 1)).leading_zeros() as u8 + 1;
        self.0[register] = self.0[register].max(rank);
    }
    fn count(&self) -> u64 {
        let registers = self.0.len() as f64;
        let alpha = 0.7213 / (1.0 + 1.079 / registers);
        let harmonic: f64 = self.0.iter().map(|&rank| (-f64::from(rank)).exp2()).sum();
        (alpha * registers * registers / harmonic).round() as u64
    }
}

/// Every n-th number, with n doubling whenever there are too many: even over the rows, and reproducible.
#[derive(Debug)]
pub(crate) struct Sample {
    pub numbers: Vec<f64>,
    stride: u64,
}

impl Default for Sample {
    fn default() -> Self {
        Self { numbers: Vec::new(), stride: 1 }
    }
}

impl Sample {
    fn see(&mut self, first_row: u64, numbers: impl Iterator<Item = Option<f64>>) {
        let skip = first_row.next_multiple_of(self.stride) - first_row;
        let mut taken = numbers.skip(skip as usize).step_by(self.stride as usize).flatten();
        self.numbers.extend(taken.by_ref().filter(|x| x.is_finite()));
        while self.numbers.len() > SAMPLE_MAX {
            let mut keep = false;
            self.numbers.retain(|_| {
                keep = !keep;
                keep
            });
            self.stride *= 2;
        }
    }
}

/// What the first texts of a column look like.
#[derive(Debug, Default)]
pub(crate) struct Looks {
    pub texts: usize,
    pub emails: usize,
    pub phones: usize,
    pub accounts: usize,
}

impl Looks {
    fn see(&mut self, text: &str) {
        self.texts += 1;
        let mail = text.split_once('@').is_some_and(|(user, host)| {
            !user.is_empty() && host.contains('.') && !text.contains(char::is_whitespace)
        });
        let digits = text.bytes().filter(u8::is_ascii_digit).count();
        let dialled = text.bytes().all(|b| b.is_ascii_digit() || b" +-/().".contains(&b));
        let bytes = text.as_bytes();
        let account = (15..=34).contains(&bytes.len())
            && bytes[..2].iter().all(u8::is_ascii_uppercase)
            && bytes[2..4].iter().all(u8::is_ascii_digit)
            && bytes.iter().all(u8::is_ascii_alphanumeric);
        self.emails += usize::from(mail);
        self.phones += usize::from(dialled && digits >= 7 && text.starts_with(['+', '0']));
        self.accounts += usize::from(account);
    }

    /// What most of the texts look like, if it names a person.
    pub(crate) fn like(&self) -> Option<&'static str> {
        let most = |count: usize| self.texts > 0 && count * 10 >= self.texts * 9;
        match self {
            _ if most(self.emails) => Some("e-mail addresses"),
            _ if most(self.phones) => Some("telephone numbers"),
            _ if most(self.accounts) => Some("bank accounts"),
            _ => None,
        }
    }
}
