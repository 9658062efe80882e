//! Parquet that somebody else wrote: flat columns, taken in with the same limits as text.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use arrow::compute::{CastOptions, cast_with_options, max, min};
use arrow::datatypes::{DataType, Date32Type, Field, Schema, TimestampMicrosecondType};
use parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReaderBuilder,
};
use parquet::basic::Encoding;
use weal_domain::Refusal;
use weal_domain::catalogue::{Column, ColumnKind};

use super::files::{Input, name, row_too_long, too_large};
use super::pages::{PageError, check_pages};
use super::survey::{check_names, check_rows, column};
use super::write::Output;
use crate::calendar::DAYS;
use crate::compute::data_type;
use crate::error::Doing;
use crate::{EngineError, EngineLimits};

/// The largest footer: of 2,000 columns in 1,000 row groups it takes some 200 MiB.
const FOOTER_BYTES_MAX: u64 = 256 << 20;
const BATCH_ROWS: usize = 8192;
/// Values of this encoding repeat parts of the value before, so a small page may hold large texts.
const BATCH_ROWS_DELTA: usize = 128;
/// A batch is cut so that its texts stay below this when they are copied out of their dictionary.
const SLICE_TEXT_BYTES: u64 = 64 << 20;
const MICROS_PER_DAY: i64 = 86_400_000_000;

/// Reads the footers alone: the columns, all limits that metadata can break, and every page header.
pub(crate) fn survey(input: &Input, limits: &EngineLimits) -> Result<Vec<Column>, EngineError> {
    let mut columns: Option<Vec<Column>> = None;
    let (mut rows, mut bytes_left) = (0_u64, limits.ingest_bytes_max);
    for file in &input.files {
        let (opened, metadata) = open(file)?;
        let found = columns_of(file, metadata.schema(), limits)?;
        if columns.get_or_insert_with(|| found.clone()) != &found {
            let reason = format!("`{}` has other columns than `{}`.", name(file), name(&input.files[0]));
            return Err(Refusal::invalid("different-columns", reason)
                .remedy("All files of a folder need the same columns.")
                .into());
        }
        let parquet = metadata.metadata();
        let mut unpacked = 0_u64;
        for group in parquet.row_groups() {
            rows = rows.saturating_add(u64::try_from(group.num_rows()).map_err(|_| damaged(file))?);
            check_rows(rows, limits)?;
            unpacked =
                unpacked.saturating_add(u64::try_from(group.total_byte_size()).map_err(|_| damaged(file))?);
        }
        bytes_left = bytes_left
            .checked_sub(unpacked)
            .ok_or_else(|| bomb(file, "it unpacks to more than the node takes in"))?;
        check_pages(&opened, parquet, bytes_left.saturating_add(unpacked)).map_err(|error| match error {
            PageError::Damaged | PageError::Io(_) => damaged(file),
            PageError::TooLarge | PageError::Packing => bomb(file, &error.to_string()),
        })?;
    }
    columns.ok_or_else(|| super::survey::no_rows().into())
}

/// Every row into the output, in the canonical types.
pub(crate) fn load(
    input: &Input,
    columns: &[Column],
    limits: &EngineLimits,
    output: &mut Output<'_>,
) -> Result<(), EngineError> {
    for file in &input.files {
        let (opened, metadata) = open(file)?;
        let delta = |encoding: Encoding| encoding == Encoding::DELTA_BYTE_ARRAY;
        let mut chunks = metadata.metadata().row_groups().iter().flat_map(|group| group.columns());
        let rows =
            if chunks.any(|chunk| chunk.encodings().any(delta)) { BATCH_ROWS_DELTA } else { BATCH_ROWS };
        let reader = ParquetRecordBatchReaderBuilder::new_with_metadata(opened, metadata)
            .with_batch_size(rows)
            .build()
            .map_err(|_| damaged(file))?;
        for batch in reader {
            let batch = batch.map_err(|_| damaged(file))?;
            for slice in slices(file, &batch, limits)? {
                output.write(&canonical(file, &slice, columns, output)?)?;
            }
        }
    }
    Ok(())
}

/// Opens a file whose texts will be read as views: many rows may share one text without copies of it.
fn open(file: &Path) -> Result<(File, ArrowReaderMetadata), EngineError> {
    let mut opened = File::open(file).doing("opening the input")?;
    let length = opened.metadata().doing("opening the input")?.len();
    let mut tail = [0_u8; 8];
    if length < 12 {
        return Err(damaged(file).into());
    }
    opened.seek(SeekFrom::End(-8)).and_then(|_| opened.read_exact(&mut tail)).doing("reading the input")?;
    let footer = u64::from(u32::from_le_bytes([tail[0], tail[1], tail[2], tail[3]]));
    if &tail[4..] != b"PAR1" || footer > length - 12 {
        return Err(damaged(file).into());
    }
    if footer > FOOTER_BYTES_MAX {
        return Err(bomb(file, "its footer is too large").into());
    }
    let options = ArrowReaderOptions::new().with_skip_arrow_metadata(true);
    let plain = ArrowReaderMetadata::load(&opened, options.clone()).map_err(|_| damaged(file))?;
    let views = plain.schema().fields().iter().map(|field| match field.data_type() {
        DataType::Utf8 | DataType::LargeUtf8 => {
            Arc::new(Field::new(field.name(), DataType::Utf8View, field.is_nullable()))
        }
        _ => field.clone(),
    });
    let options = options.with_schema(Arc::new(Schema::new(views.collect::<Vec<_>>())));
    let metadata =
        ArrowReaderMetadata::try_new(plain.metadata().clone(), options).map_err(|_| damaged(file))?;
    Ok((opened, metadata))
}

fn columns_of(file: &Path, schema: &Schema, limits: &EngineLimits) -> Result<Vec<Column>, EngineError> {
    let names: Vec<_> = schema.fields().iter().map(|field| field.name().clone()).collect();
    check_names(&name(file), &names, limits)?;
    let columns = schema.fields().iter().enumerate().map(|(i, field)| {
        let kind = kind_of(field.data_type()).ok_or_else(|| {
            let place = format!("`{}`, column {} `{}`", name(file), i + 1, field.name());
            let reason =
                format!("{place}: values of type {} have no place in a table here.", field.data_type());
            Refusal::invalid("unsupported-type", reason).remedy("Flatten or leave out this column.")
        })?;
        Ok(column(field.name(), kind))
    });
    columns.collect()
}

fn kind_of(data_type: &DataType) -> Option<ColumnKind> {
    Some(match data_type {
        DataType::Boolean => ColumnKind::Boolean,
        integer if integer.is_integer() => ColumnKind::Integer,
        DataType::Decimal32(_, 0) | DataType::Decimal64(_, 0) => ColumnKind::Integer,
        DataType::Decimal128(precision, 0) if *precision <= 18 => ColumnKind::Integer,
        number if number.is_floating() || number.is_decimal() => ColumnKind::Float,
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => ColumnKind::Text,
        DataType::Date32 | DataType::Date64 => ColumnKind::Date,
        DataType::Timestamp(..) => ColumnKind::Timestamp,
        _ => return None,
    })
}

/// The batch in parts whose texts fit; refuses a row that is too long.
fn slices(file: &Path, batch: &RecordBatch, limits: &EngineLimits) -> Result<Vec<RecordBatch>, EngineError> {
    let mut sizes = vec![0_u64; batch.num_rows()];
    for texts in batch.columns().iter().filter_map(|array| array.as_string_view_opt()) {
        for (size, length) in sizes.iter_mut().zip(texts.lengths()) {
            *size += u64::from(length);
        }
    }
    let (mut slices, mut start, mut bytes) = (Vec::new(), 0, 0);
    for (row, &size) in sizes.iter().enumerate() {
        if size > limits.row_bytes_max {
            return Err(row_too_long(&name(file), None, limits).into());
        }
        if bytes + size > SLICE_TEXT_BYTES {
            slices.push(batch.slice(start, row - start));
            (start, bytes) = (row, 0);
        }
        bytes += size;
    }
    slices.push(batch.slice(start, batch.num_rows() - start));
    Ok(slices)
}

fn canonical(
    file: &Path,
    batch: &RecordBatch,
    columns: &[Column],
    output: &Output<'_>,
) -> Result<RecordBatch, EngineError> {
    let arrays = batch.columns().iter().zip(columns).map(|(array, column)| {
        let strict = CastOptions { safe: false, ..CastOptions::default() };
        let out_of_range = || {
            let reason = format!("`{}`, column `{}`: a value is out of range.", name(file), column.name);
            Refusal::invalid("out-of-range", reason)
                .remedy("Use whole numbers below 2^63 and dates of the years 1 to 9999.")
        };
        let array = cast_with_options(array, &data_type(column.kind), &strict).map_err(|_| out_of_range())?;
        if in_calendar(&array) { Ok(array) } else { Err(EngineError::from(out_of_range())) }
    });
    let arrays = arrays.collect::<Result<Vec<_>, _>>()?;
    RecordBatch::try_new(output.schema(), arrays).doing("putting rows together")
}

/// Later questions compute with dates; beyond the calendar that would overflow.
fn in_calendar(array: &ArrayRef) -> bool {
    let (low, high) = match array.data_type() {
        DataType::Date32 => {
            let days = array.as_primitive::<Date32Type>();
            (min(days).map(i64::from), max(days).map(i64::from))
        }
        DataType::Timestamp(..) => {
            let times = array.as_primitive::<TimestampMicrosecondType>();
            (
                min(times).map(|time| time.div_euclid(MICROS_PER_DAY)),
                max(times).map(|time| time.div_euclid(MICROS_PER_DAY)),
            )
        }
        _ => return true,
    };
    let inside =
        |day: Option<i64>| day.is_none_or(|day| i32::try_from(day).is_ok_and(|day| DAYS.contains(&day)));
    inside(low) && inside(high)
}

pub(crate) fn damaged(file: &Path) -> Refusal {
    Refusal::invalid("damaged-parquet", format!("`{}` is damaged, or no Parquet file.", name(file)))
        .remedy("Write it again, or publish the data as CSV.")
}

fn bomb(file: &Path, why: &str) -> Refusal {
    too_large("parquet-bomb", format!("`{}` is not read: {why}.", name(file))).remedy(
        "If it is genuine, write it again with ordinary pages and row groups, or publish it in parts.",
    )
}
