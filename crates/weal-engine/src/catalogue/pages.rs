//! Looks through the pages of a Parquet file before anything is unpacked.
//!
//! A reader of Parquet reserves what a page header announces and unpacks what follows, so a file of a
//! kilobyte may ask for gigabytes (a "Parquet bomb"). This walk reads the headers alone (Thrift's compact
//! protocol, `PageHeader` of parquet-format's `parquet.thrift`) and holds them against limits and against
//! the file's own metadata.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom};

use flate2::read::MultiGzDecoder;
use parquet::basic::CompressionCodec;
use parquet::file::metadata::{ColumnChunkMetaData, ParquetMetaData};

/// The largest page, packed or unpacked. Writers make pages of 1 MiB.
const PAGE_BYTES_MAX: i64 = 64 << 20;
const HEADER_BYTES_MAX: u64 = 1 << 20;
const HEADER_DEPTH_MAX: usize = 8;

/// Why a file is not read further.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PageError {
    #[error("a page header is damaged or does not fit the file")]
    Damaged,
    #[error("a page is larger than {} MiB, or larger than it says", PAGE_BYTES_MAX >> 20)]
    TooLarge,
    #[error("it is packed in a way that is not read here; use Snappy, Zstandard, gzip or LZ4_RAW")]
    Packing,
    #[error("reading failed")]
    Io(#[from] io::Error),
}

/// Checks every page of the file; `bytes_max` bounds them all together, unpacked.
pub(crate) fn check_pages(file: &File, metadata: &ParquetMetaData, bytes_max: u64) -> Result<(), PageError> {
    let length = file.metadata()?.len();
    let mut reader = BufReader::with_capacity(64 << 10, file.try_clone()?);
    let mut left = bytes_max;
    for group in metadata.row_groups() {
        for chunk in group.columns() {
            let unpacked = check_chunk(&mut reader, chunk, group.num_rows(), length)?;
            left = left.checked_sub(unpacked).ok_or(PageError::TooLarge)?;
        }
    }
    Ok(())
}

fn check_chunk(
    reader: &mut BufReader<File>,
    chunk: &ColumnChunkMetaData,
    rows: i64,
    length: u64,
) -> Result<u64, PageError> {
    let unsupported = !matches!(
        chunk.compression_codec(),
        CompressionCodec::UNCOMPRESSED
            | CompressionCodec::SNAPPY
            | CompressionCodec::ZSTD
            | CompressionCodec::LZ4_RAW
            | CompressionCodec::GZIP
    );
    if unsupported {
        return Err(PageError::Packing);
    }
    let start = chunk.dictionary_page_offset().unwrap_or_else(|| chunk.data_page_offset());
    let start = u64::try_from(start).map_err(|_| PageError::Damaged)?;
    let size = u64::try_from(chunk.compressed_size()).map_err(|_| PageError::Damaged)?;
    let end = start.checked_add(size).filter(|&end| end <= length).ok_or(PageError::Damaged)?;
    if chunk.num_values() != rows {
        return Err(PageError::Damaged);
    }
    reader.seek(SeekFrom::Start(start))?;
    let (mut at, mut unpacked, mut values) = (start, 0_u64, 0_i64);
    while at < end && values < rows {
        let (header, header_size) = page_header(reader)?;
        let packed = header.check()?;
        at = at.checked_add(header_size + packed).filter(|&at| at <= end).ok_or(PageError::Damaged)?;
        match header.sort {
            DATA_PAGE | DATA_PAGE_V2 => values = values.saturating_add(header.values),
            // Every value of a dictionary takes at least one bit.
            DICTIONARY_PAGE if header.values > header.unpacked.saturating_mul(8) => {
                return Err(PageError::Damaged);
            }
            _ => {}
        }
        if values > rows {
            return Err(PageError::Damaged);
        }
        if chunk.compression_codec() == CompressionCodec::GZIP {
            check_gzip(reader, &header, packed)?;
        } else {
            reader.seek_relative(packed as i64)?;
        }
        unpacked = unpacked.saturating_add(header.unpacked as u64);
    }
    Ok(unpacked)
}

const DATA_PAGE: i64 = 0;
const DICTIONARY_PAGE: i64 = 2;
const DATA_PAGE_V2: i64 = 3;

/// What matters of a page header.
#[derive(Debug, Default)]
struct Header {
    sort: i64,
    unpacked: i64,
    packed: i64,
    values: i64,
    /// Of a second-version page: levels stand before the packed part, which need not be packed.
    levels: i64,
    plain: bool,
}

impl Header {
    fn check(&self) -> Result<u64, PageError> {
        let sizes = [self.packed, self.unpacked, self.values, self.levels];
        if sizes.iter().any(|&size| size < 0) || self.levels > self.packed {
            return Err(PageError::Damaged);
        }
        if self.packed > PAGE_BYTES_MAX || self.unpacked > PAGE_BYTES_MAX {
            return Err(PageError::TooLarge);
        }
        Ok(self.packed as u64)
    }
}

/// Readers unpack gzip to its end whatever the header announces, so the end is looked for here.
fn check_gzip(reader: &mut BufReader<File>, header: &Header, packed: u64) -> Result<(), PageError> {
    let mut page = reader.take(packed);
    if header.plain {
        io::copy(&mut page, &mut io::sink())?;
        return Ok(());
    }
    io::copy(&mut (&mut page).take(header.levels as u64), &mut io::sink())?;
    let expected = (header.unpacked - header.levels).max(0) as u64;
    let mut unpacked = MultiGzDecoder::new(&mut page).take(expected + 1);
    let size = io::copy(&mut unpacked, &mut io::sink()).map_err(|_| PageError::Damaged)?;
    if size > expected {
        return Err(PageError::TooLarge);
    }
    io::copy(&mut page, &mut io::sink())?;
    Ok(())
}

fn page_header(reader: &mut BufReader<File>) -> Result<(Header, u64), PageError> {
    let mut thrift = Thrift { reader: reader.take(HEADER_BYTES_MAX), read: 0 };
    let mut header = Header::default();
    thrift.fields(HEADER_DEPTH_MAX, &mut |thrift, field, kind, depth| {
        match (field, kind) {
            (1, I32) => header.sort = thrift.number()?,
            (2, I32) => header.unpacked = thrift.number()?,
            (3, I32) => header.packed = thrift.number()?,
            (5 | 7, STRUCT) => {
                thrift.fields(depth, &mut |thrift, field, kind, depth| match (field, kind) {
                    (1, I32) => {
                        header.values = thrift.number()?;
                        Ok(())
                    }
                    _ => thrift.skip(kind, depth),
                })?
            }
            (8, STRUCT) => thrift.fields(depth, &mut |thrift, field, kind, depth| {
                match (field, kind) {
                    (1, I32) => header.values = thrift.number()?,
                    (5 | 6, I32) => header.levels = header.levels.saturating_add(thrift.number()?),
                    (7, FALSE) => header.plain = true,
                    _ => thrift.skip(kind, depth)?,
                }
                Ok(())
            })?,
            _ => thrift.skip(kind, depth)?,
        }
        Ok(())
    })?;
    let read = thrift.read;
    Ok((header, read))
}

const TRUE: u8 = 1;
const FALSE: u8 = 2;
const BYTE: u8 = 3;
const I32: u8 = 5;
const DOUBLE: u8 = 7;
const BINARY: u8 = 8;
const STRUCT: u8 = 12;

/// Thrift's compact protocol, as far as skipping it needs.
struct Thrift<R> {
    reader: R,
    read: u64,
}

type OnField<'a, R> = &'a mut dyn FnMut(&mut Thrift<R>, i64, u8, usize) -> Result<(), PageError>;

impl<R: BufRead> Thrift<R> {
    fn fields(&mut self, depth: usize, on: OnField<'_, R>) -> Result<(), PageError> {
        let depth = depth.checked_sub(1).ok_or(PageError::Damaged)?;
        let mut field = 0_i64;
        loop {
            let head = self.byte()?;
            if head == 0 {
                return Ok(());
            }
            field = match head >> 4 {
                0 => self.number()?,
                delta => field.saturating_add(delta.into()),
            };
            on(self, field, head & 0x0f, depth)?;
        }
    }

    fn skip(&mut self, kind: u8, depth: usize) -> Result<(), PageError> {
        match kind {
            TRUE | FALSE => Ok(()),
            BYTE => self.byte().map(drop),
            4..=6 => self.number().map(drop),
            DOUBLE => self.bytes(8),
            BINARY => {
                let size = self.varint()?;
                self.bytes(size)
            }
            // Lists of whatever: page headers have none, and a future one would have few.
            9 | 10 => {
                let head = self.byte()?;
                let count = if head >> 4 == 15 { self.varint()? } else { u64::from(head >> 4) };
                let depth = depth.checked_sub(1).ok_or(PageError::Damaged)?;
                // In a list a boolean takes a byte.
                let element = if matches!(head & 0x0f, TRUE | FALSE) { BYTE } else { head & 0x0f };
                (0..count).try_for_each(|_| self.skip(element, depth))
            }
            STRUCT => self.fields(depth, &mut |thrift, _, kind, depth| thrift.skip(kind, depth)),
            _ => Err(PageError::Damaged),
        }
    }

    fn number(&mut self) -> Result<i64, PageError> {
        let zigzag = self.varint()?;
        Ok((zigzag >> 1) as i64 ^ -((zigzag & 1) as i64))
    }

    fn varint(&mut self) -> Result<u64, PageError> {
        let mut value = 0_u64;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            value |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(PageError::Damaged)
    }

    fn byte(&mut self) -> Result<u8, PageError> {
        let mut byte = [0];
        self.reader.read_exact(&mut byte).map_err(|_| PageError::Damaged)?;
        self.read += 1;
        Ok(byte[0])
    }

    fn bytes(&mut self, size: u64) -> Result<(), PageError> {
        let copied = io::copy(&mut (&mut self.reader).take(size), &mut io::sink())?;
        self.read += copied;
        if copied == size { Ok(()) } else { Err(PageError::Damaged) }
    }
}
