//! Record batches to bytes, one batch at a time.

use std::io::Write;
use std::sync::{Arc, Mutex, PoisonError};

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use arrow::error::ArrowError;
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::errors::ParquetError;
use parquet::file::metadata::KeyValue;
use parquet::file::properties::WriterProperties;
use weal_wire::peer::RowsFormat;

/// A row group is closed when it holds this much, so that a Parquet stream needs no more memory.
const ROW_GROUP_BYTES_MAX: usize = 8 * 1024 * 1024;

/// Why a batch could not be written; a fault of ours, not the asker's.
#[derive(Debug, thiserror::Error)]
pub enum EncodeError {
    #[error(transparent)]
    Arrow(#[from] ArrowError),
    #[error(transparent)]
    Parquet(#[from] ParquetError),
    #[error(transparent)]
    Json(#[from] serde_json::Error),
}

/// Bytes written and not yet taken away.
#[derive(Debug, Clone, Default)]
struct Tray(Arc<Mutex<Vec<u8>>>);

impl Tray {
    fn take(&self) -> Vec<u8> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Write for Tray {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

enum Writer {
    Parquet(Box<ArrowWriter<Tray>>),
    Arrow(Box<arrow::ipc::writer::StreamWriter<Tray>>),
    Csv(Box<arrow::csv::Writer<Tray>>),
}

/// Turns batches into bytes that the caller takes away as they come.
pub(crate) struct Encoder {
    tray: Tray,
    writer: Writer,
}

impl Encoder {
    pub(crate) fn new(format: RowsFormat, schema: &SchemaRef) -> Result<Self, EncodeError> {
        let tray = Tray::default();
        let writer = match format {
            RowsFormat::Parquet => {
                let properties = WriterProperties::builder()
                    .set_compression(Compression::ZSTD(ZstdLevel::try_new(1)?))
                    .set_key_value_metadata(Some(said_of(schema)))
                    .build();
                Writer::Parquet(Box::new(ArrowWriter::try_new(
                    tray.clone(),
                    Arc::clone(schema),
                    Some(properties),
                )?))
            }
            RowsFormat::Arrow => {
                Writer::Arrow(Box::new(arrow::ipc::writer::StreamWriter::try_new(tray.clone(), schema)?))
            }
            RowsFormat::Csv => {
                let mut header = csv_header(schema);
                header.push(b'\n');
                let mut start = tray.clone();
                start.write_all(&header).map_err(|cause| ArrowError::IoError(cause.to_string(), cause))?;
                let writer = arrow::csv::WriterBuilder::new().with_header(false).build(tray.clone());
                Writer::Csv(Box::new(writer))
            }
        };
        Ok(Self { tray, writer })
    }

    pub(crate) fn write(&mut self, batch: &RecordBatch) -> Result<Vec<u8>, EncodeError> {
        match &mut self.writer {
            Writer::Parquet(writer) => {
                writer.write(batch)?;
                if writer.in_progress_size() >= ROW_GROUP_BYTES_MAX {
                    writer.flush()?;
                }
            }
            Writer::Arrow(writer) => writer.write(batch)?,
            Writer::Csv(writer) => writer.write(batch)?,
        }
        Ok(self.tray.take())
    }

    pub(crate) fn finish(self) -> Result<Vec<u8>, EncodeError> {
        match self.writer {
            Writer::Parquet(writer) => {
                writer.close()?;
            }
            Writer::Arrow(mut writer) => writer.finish()?,
            Writer::Csv(writer) => drop(writer),
        }
        Ok(self.tray.take())
    }
}

/// What a schema says of its rows, for readers of Parquet that know nothing of Arrow.
fn said_of(schema: &SchemaRef) -> Vec<KeyValue> {
    let mut said: Vec<_> =
        schema.metadata().iter().map(|(key, value)| KeyValue::new(key.clone(), value.clone())).collect();
    said.sort_by(|a, b| a.key.cmp(&b.key));
    said
}

/// The header line, written even where there is no row. Names are quoted where RFC 4180 asks for it.
fn csv_header(schema: &SchemaRef) -> Vec<u8> {
    let names: Vec<String> = schema
        .fields()
        .iter()
        .map(|field| {
            let name = field.name();
            if name.contains([',', '"', '\n', '\r']) {
                format!("\"{}\"", name.replace('"', "\"\""))
            } else {
                name.clone()
            }
        })
        .collect();
    names.join(",").into_bytes()
}
