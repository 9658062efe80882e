//! The one canonical Parquet file of a product version: written aside, synced, then moved into place.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::array::{
    ArrayRef, AsArray, BooleanBuilder, Date32Builder, Float64Builder, Int64Builder, RecordBatch,
    StringBuilder, TimestampMicrosecondBuilder,
};
use arrow::datatypes::SchemaRef;
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::errors::ParquetError;
use parquet::file::metadata::KeyValue;
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use weal_domain::catalogue::{Column, ColumnKind};
use weal_domain::{Refusal, RefusalKind};

use super::profile::Profiler;
use super::values::{boolean, date, float, integer, timestamp};
use crate::compute::schema_of;
use crate::error::Doing;
use crate::{EngineError, Fault};

const BATCH_ROWS: usize = 8192;
/// A batch is cut earlier when its texts reach this: long texts would not fit one array.
const BATCH_TEXT_BYTES: usize = 64 << 20;
const ROW_GROUP_ROWS: usize = 128 << 10;
/// A row group is cut earlier when its columns reach this in memory.
const ROW_GROUP_BYTES: usize = 256 << 20;

/// The Parquet metadata key under which the columns stand in which no value repeats, as a JSON list.
pub(crate) const UNIQUE_COLUMNS_KEY: &str = "weal.unique_columns";

/// The Parquet metadata key under which the column stands in whose order the rows are.
pub(crate) const ORDERED_BY_KEY: &str = "weal.ordered_by";

/// The Parquet metadata key under which the bytes stand that all texts of the longest row take together.
pub(crate) const ROW_TEXT_BYTES_KEY: &str = "weal.row_text_bytes_max";

/// What became of the rows.
#[derive(Debug)]
pub(crate) struct Written {
    pub rows: u64,
    pub size_bytes: u64,
    pub profiler: Profiler,
}

/// A file that nobody sees before all of it is there.
pub(crate) struct NewFile<'a> {
    out: &'a Path,
    part: Part,
    writer: ArrowWriter<File>,
}

impl<'a> NewFile<'a> {
    pub(crate) fn create(out: &'a Path, schema: SchemaRef) -> Result<Self, EngineError> {
        let part = Part::beside(out)?;
        let file = private(&part.0).map_err(|error| write_error(&error))?;
        let properties = WriterProperties::builder()
            .set_compression(Compression::ZSTD(ZstdLevel::try_new(1).doing("choosing a compression")?))
            .set_max_row_group_row_count(Some(ROW_GROUP_ROWS))
            .set_max_row_group_bytes(Some(ROW_GROUP_BYTES))
            .set_statistics_enabled(EnabledStatistics::Chunk)
            .build();
        let writer = ArrowWriter::try_new(file, schema, Some(properties)).map_err(parquet_error)?;
        Ok(Self { out, part, writer })
    }

    pub(crate) fn write(&mut self, batch: &RecordBatch) -> Result<(), EngineError> {
        self.writer.write(batch).map_err(parquet_error)
    }

    /// With what is to be known of it; how many bytes it has. Until this returns nothing stands at its place, and
    /// afterwards all of it does.
    pub(crate) fn finish(mut self, about: impl IntoIterator<Item = KeyValue>) -> Result<u64, EngineError> {
        about.into_iter().for_each(|pair| self.writer.append_key_value_metadata(pair));
        let file = self.writer.into_inner().map_err(parquet_error)?;
        file.sync_all().map_err(|error| write_error(&error))?;
        let size_bytes = file.metadata().doing("measuring the file")?.len();
        drop(file);
        fs::rename(&self.part.0, self.out).map_err(|error| write_error(&error))?;
        if let Some(folder) = self.out.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            File::open(folder).and_then(|folder| folder.sync_all()).doing("syncing the folder")?;
        }
        Ok(size_bytes)
    }
}

/// Writes batches and profiles them on the way.
pub(crate) struct Output<'a> {
    file: NewFile<'a>,
    schema: SchemaRef,
    profiler: Profiler,
    rows: u64,
    row_text_bytes_max: u64,
    heard: &'a (dyn Fn(u64) -> bool + Sync),
}

impl<'a> Output<'a> {
    /// `heard` is told the rows written so far and answers whether anybody still wants the rest.
    pub(crate) fn create(
        out: &'a Path,
        columns: &[Column],
        heard: &'a (dyn Fn(u64) -> bool + Sync),
    ) -> Result<Self, EngineError> {
        Self::open(out, columns, Profiler::new(columns), heard)
    }

    /// Without profiling: nobody will describe what is written.
    pub(crate) fn plain(
        out: &'a Path,
        columns: &[Column],
        heard: &'a (dyn Fn(u64) -> bool + Sync),
    ) -> Result<Self, EngineError> {
        Self::open(out, columns, Profiler::new(&[]), heard)
    }

    fn open(
        out: &'a Path,
        columns: &[Column],
        profiler: Profiler,
        heard: &'a (dyn Fn(u64) -> bool + Sync),
    ) -> Result<Self, EngineError> {
        let schema = schema_of(columns);
        let file = NewFile::create(out, schema.clone())?;
        Ok(Self { file, schema, profiler, rows: 0, row_text_bytes_max: 0, heard })
    }

    pub(crate) fn write(&mut self, batch: &RecordBatch) -> Result<(), EngineError> {
        self.profiler.see(batch)?;
        self.row_text_bytes_max = self.row_text_bytes_max.max(longest_row(batch));
        self.file.write(batch)?;
        self.rows += batch.num_rows() as u64;
        if (self.heard)(self.rows) {
            Ok(())
        } else {
            Err(Fault::new("publishing", "given up by its caller").into())
        }
    }

    /// Until this returns nothing stands at the output's place, and afterwards all of it does.
    pub(crate) fn finish(self) -> Result<Written, EngineError> {
        let unique = serde_json::to_string(&self.profiler.unique_columns()).doing("describing the file")?;
        let longest = self.row_text_bytes_max.to_string();
        let about = [(UNIQUE_COLUMNS_KEY, unique), (ROW_TEXT_BYTES_KEY, longest)];
        let about = about.map(|(key, value)| KeyValue::new(key.to_owned(), value));
        let size_bytes = self.file.finish(about)?;
        Ok(Written { rows: self.rows, size_bytes, profiler: self.profiler })
    }

    pub(crate) fn rows(&self) -> u64 {
        self.rows
    }

    pub(crate) fn schema(&self) -> SchemaRef {
        self.schema.clone()
    }
}

/// The bytes that the texts of one row take together, at most.
fn longest_row(batch: &RecordBatch) -> u64 {
    let mut sizes = vec![0_u64; batch.num_rows()];
    for texts in batch.columns().iter().filter_map(|array| array.as_string_opt::<i32>()) {
        for (size, length) in sizes.iter_mut().zip(texts.offsets().lengths()) {
            *size += length as u64;
        }
    }
    sizes.into_iter().max().unwrap_or(0)
}

/// A new file that only the node's user may read: it may hold persons.
fn private(path: &Path) -> io::Result<File> {
    let mut options = File::options();
    options.write(true).read(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

/// The unfinished file; removed unless it was moved into place.
struct Part(PathBuf);

impl Part {
    fn beside(out: &Path) -> Result<Self, EngineError> {
        let mut random = [0_u8; 8];
        getrandom::fill(&mut random).doing("drawing a name")?;
        let name = out.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let part = format!(".{name}.{:016x}.part", u64::from_le_bytes(random));
        Ok(Self(out.with_file_name(part)))
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        // After the rename there is nothing left to remove.
        let _ = fs::remove_file(&self.0);
    }
}

fn write_error(error: &io::Error) -> EngineError {
    let full = matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded);
    if full || error.kind() == io::ErrorKind::FileTooLarge {
        return disk_full().into();
    }
    Fault::new("writing the product's file", error.to_string()).into()
}

fn disk_full() -> Refusal {
    Refusal::new(RefusalKind::Unavailable, "disk-full", "The node's disk is full. Nothing was published.")
        .remedy("Free some space and publish again.")
}

fn parquet_error(error: ParquetError) -> EngineError {
    if let ParquetError::External(inner) = &error
        && let Some(error) = inner.downcast_ref::<io::Error>()
    {
        return write_error(error);
    }
    Fault::new("writing the product's file", error).into()
}

/// Collects the values of a text format into batches.
pub(crate) struct Sink<'a> {
    output: Output<'a>,
    builders: Vec<Builder>,
    rows: usize,
    text_bytes: usize,
}

enum Builder {
    Boolean(BooleanBuilder),
    Integer(Int64Builder),
    Float(Float64Builder),
    Text(StringBuilder),
    Date(Date32Builder),
    Timestamp(TimestampMicrosecondBuilder),
}

impl<'a> Sink<'a> {
    pub(crate) fn new(output: Output<'a>, columns: &[Column]) -> Self {
        let builders = columns.iter().map(|column| Builder::new(column.kind)).collect();
        Self { output, builders, rows: 0, text_bytes: 0 }
    }

    /// Reads `text` as the column's kind; nothing is a null. False where it cannot be read so.
    pub(crate) fn push_text(&mut self, column: usize, text: &str) -> bool {
        let builder = &mut self.builders[column];
        if text.is_empty() {
            builder.push_null();
            return true;
        }
        self.text_bytes += text.len();
        match builder {
            Builder::Text(builder) => builder.append_value(text),
            Builder::Integer(builder) => return push(integer(text), |value| builder.append_value(value)),
            Builder::Float(builder) => return push(float(text), |value| builder.append_value(value)),
            Builder::Boolean(builder) => return push(boolean(text), |value| builder.append_value(value)),
            Builder::Date(builder) => return push(date(text), |value| builder.append_value(value)),
            Builder::Timestamp(builder) => return push(timestamp(text), |value| builder.append_value(value)),
        }
        true
    }
    pub(crate) fn push_boolean(&mut self, column: usize, value: bool) -> bool {
        match &mut self.builders[column] {
            Builder::Boolean(builder) => builder.append_value(value),
            _ => return false,
        }
        true
    }
    pub(crate) fn push_integer(&mut self, column: usize, value: i64) -> bool {
        match &mut self.builders[column] {
            Builder::Integer(builder) => builder.append_value(value),
            Builder::Float(builder) => builder.append_value(value as f64),
            _ => return false,
        }
        true
    }
    pub(crate) fn push_float(&mut self, column: usize, value: f64) -> bool {
        match &mut self.builders[column] {
            Builder::Float(builder) => builder.append_value(value),
            _ => return false,
        }
        true
    }

    pub(crate) fn end_row(&mut self) -> Result<(), EngineError> {
        self.rows += 1;
        if self.rows == BATCH_ROWS || self.text_bytes > BATCH_TEXT_BYTES { self.flush() } else { Ok(()) }
    }

    fn flush(&mut self) -> Result<(), EngineError> {
        if self.rows == 0 {
            return Ok(());
        }
        let arrays = self.builders.iter_mut().map(Builder::finish).collect();
        let batch = RecordBatch::try_new(self.output.schema(), arrays).doing("putting rows together")?;
        (self.rows, self.text_bytes) = (0, 0);
        self.output.write(&batch)
    }

    pub(crate) fn finish(mut self) -> Result<Written, EngineError> {
        self.flush()?;
        self.output.finish()
    }
}

fn push<T>(value: Option<T>, append: impl FnOnce(T)) -> bool {
    value.map(append).is_some()
}

impl Builder {
    fn new(kind: ColumnKind) -> Self {
        match kind {
            ColumnKind::Boolean => Builder::Boolean(BooleanBuilder::new()),
            ColumnKind::Integer => Builder::Integer(Int64Builder::new()),
            ColumnKind::Float => Builder::Float(Float64Builder::new()),
            ColumnKind::Text => Builder::Text(StringBuilder::new()),
            ColumnKind::Date => Builder::Date(Date32Builder::new()),
            ColumnKind::Timestamp => Builder::Timestamp(TimestampMicrosecondBuilder::new()),
        }
    }
    fn push_null(&mut self) {
        match self {
            Builder::Boolean(builder) => builder.append_null(),
            Builder::Integer(builder) => builder.append_null(),
            Builder::Float(builder) => builder.append_null(),
            Builder::Text(builder) => builder.append_null(),
            Builder::Date(builder) => builder.append_null(),
            Builder::Timestamp(builder) => builder.append_null(),
        }
    }
    fn finish(&mut self) -> ArrayRef {
        match self {
            Builder::Boolean(builder) => Arc::new(builder.finish()),
            Builder::Integer(builder) => Arc::new(builder.finish()),
            Builder::Float(builder) => Arc::new(builder.finish()),
            Builder::Text(builder) => Arc::new(builder.finish()),
            Builder::Date(builder) => Arc::new(builder.finish()),
            Builder::Timestamp(builder) => Arc::new(builder.finish()),
        }
    }
}
