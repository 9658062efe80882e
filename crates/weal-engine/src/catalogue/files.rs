//! The input as files: one file or a folder, its format, its bytes within limits, its digest.

use std::cell::Cell;
use std::fs::{self, File};
use std::io::{self, BufReader, Read};
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::SystemTime;

use flate2::read::MultiGzDecoder;
use sha2::{Digest, Sha256};
use weal_domain::{Refusal, RefusalKind};

use super::Format;
use crate::error::Doing;
use crate::{EngineError, EngineLimits};

/// How many times its own size a compressed input may grow, once it has grown beyond [`RATIO_FREE_BYTES`].
/// Real tables reach 30; a gzip bomb reaches 1,000.
const RATIO_MAX: u64 = 250;
const RATIO_FREE_BYTES: u64 = 16 << 20;
const BUFFER_BYTES: usize = 128 << 10;

/// The files of one publication, in order of name, all of one format.
#[derive(Debug)]
pub(crate) struct Input {
    pub files: Vec<PathBuf>,
    pub format: Format,
    folder: bool,
    stamps: Vec<(u64, Option<SystemTime>)>,
}

impl Input {
    pub(crate) fn find(
        path: &Path,
        format: Option<Format>,
        limits: &EngineLimits,
    ) -> Result<Self, EngineError> {
        let about = fs::metadata(path).map_err(|error| cannot_open(path, &error))?;
        let files = if about.is_dir() { files_of(path, limits.files_max)? } else { vec![path.to_owned()] };
        let mut formats = Vec::new();
        for file in &files {
            formats.push(match format {
                Some(format) => format,
                None => guess_format(file)?,
            });
        }
        let first = formats[0];
        if let Some(other) = formats.iter().position(|&format| format != first) {
            let reason =
                format!("`{}` and `{}` have different formats.", name(&files[0]), name(&files[other]));
            return Err(Refusal::invalid("mixed-folder", reason)
                .remedy("Keep files of one format in the folder.")
                .into());
        }
        let stamps = files.iter().map(|file| stamp(file)).collect::<Result<_, _>>()?;
        Ok(Self { files, format: first, folder: about.is_dir(), stamps })
    }

    /// SHA-256 of the file; of a folder, of its `sha256sum` lines.
    pub(crate) fn sha256(&self) -> Result<String, EngineError> {
        if !self.folder {
            return sha256_of(&self.files[0]);
        }
        let mut lines = Sha256::new();
        for file in &self.files {
            lines.update(format!("{}  {}\n", sha256_of(file)?, name(file)));
        }
        Ok(hex(&lines.finalize()))
    }

    /// Reading takes several passes; they must have seen the same bytes.
    pub(crate) fn refuse_changed(&self) -> Result<(), EngineError> {
        for (file, before) in self.files.iter().zip(&self.stamps) {
            if stamp(file)? != *before {
                return Err(changed(file).into());
            }
        }
        Ok(())
    }
}

pub(crate) fn changed(file: &Path) -> Refusal {
    Refusal::conflict("input-changed", format!("`{}` changed while it was read.", name(file)))
        .remedy("Publish again once nothing writes to it any more.")
}

pub(crate) fn name(file: &Path) -> String {
    file.file_name().map_or_else(|| file.display().to_string(), |name| name.to_string_lossy().into_owned())
}

fn cannot_open(path: &Path, error: &io::Error) -> EngineError {
    let reason = match error.kind() {
        io::ErrorKind::NotFound => format!("There is no file or folder `{}`.", path.display()),
        io::ErrorKind::PermissionDenied => format!("`{}` may not be read by this user.", path.display()),
        _ => format!("`{}` cannot be opened: {error}.", path.display()),
    };
    Refusal::not_found("no-input", reason)
        .remedy("Check the path; it is read by the node, on the node's machine.")
        .into()
}

fn files_of(folder: &Path, files_max: usize) -> Result<Vec<PathBuf>, EngineError> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).map_err(|error| cannot_open(folder, &error))? {
        let path = entry.doing("listing the folder")?.path();
        // What other tools leave beside the data: `.DS_Store`, `_SUCCESS`.
        if name(&path).starts_with(['.', '_']) {
            continue;
        }
        if path.is_dir() {
            let reason = format!("`{}` holds a folder, `{}`.", name(folder), name(&path));
            return Err(Refusal::invalid("nested-folder", reason)
                .remedy("Put the files side by side.")
                .into());
        }
        files.push(path);
        if files.len() > files_max {
            let reason = format!("`{}` holds more than {files_max} files.", name(folder));
            return Err(too_large("too-many-files", reason)
                .remedy("Join files, or publish several products.")
                .into());
        }
    }
    files.sort();
    if files.is_empty() {
        let reason = format!("The folder `{}` holds no files.", name(folder));
        return Err(Refusal::invalid("empty-input", reason).remedy("Put the data into it.").into());
    }
    Ok(files)
}

fn guess_format(file: &Path) -> Result<Format, EngineError> {
    let mut start = [0_u8; 4];
    let opened = File::open(file).map_err(|error| cannot_open(file, &error))?;
    let read = opened.take(4).read(&mut start).doing("reading the input")?;
    if &start[..read] == b"PAR1" {
        return Ok(Format::Parquet);
    }
    let lower = name(file).to_lowercase();
    let plain = lower.strip_suffix(".gz").unwrap_or(&lower);
    match plain.rsplit_once('.').map(|(_, ending)| ending) {
        Some("csv" | "tsv" | "txt" | "tab") => Ok(Format::Csv),
        Some("ndjson" | "jsonl" | "json") => Ok(Format::NdJson),
        Some("parquet" | "pq") => Ok(Format::Parquet),
        ending => {
            let (reason, remedy) = match ending {
                Some("xlsx" | "xls" | "ods") => ("is a spreadsheet", "Save it as CSV and publish that."),
                Some("zip" | "7z" | "tar") => ("is an archive", "Unpack it and publish the folder."),
                _ => (
                    "has an ending that says nothing",
                    "Name the format with `--format csv`, `ndjson` or `parquet`.",
                ),
            };
            Err(Refusal::invalid("unknown-format", format!("`{}` {reason}.", name(file)))
                .remedy(remedy)
                .into())
        }
    }
}

fn stamp(file: &Path) -> Result<(u64, Option<SystemTime>), EngineError> {
    let about = fs::metadata(file).map_err(|error| cannot_open(file, &error))?;
    Ok((about.len(), about.modified().ok()))
}

fn sha256_of(file: &Path) -> Result<String, EngineError> {
    let mut opened = File::open(file).map_err(|error| cannot_open(file, &error))?;
    let mut digest = Sha256::new();
    let mut buffer = vec![0; BUFFER_BYTES];
    loop {
        match opened.read(&mut buffer).doing("reading the input")? {
            0 => return Ok(hex(&digest.finalize())),
            read => digest.update(&buffer[..read]),
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

pub(crate) fn too_large(code: &str, reason: impl Into<String>) -> Refusal {
    Refusal::new(RefusalKind::TooLarge, code, reason)
}

/// The text of a file, unpacked if it is gzip, never more than the limits allow.
pub(crate) struct TextFile {
    inner: BufReader<Box<dyn Read>>,
    guard: Guard,
    last_byte: u8,
}

/// Shared by everything that reads one publication.
#[derive(Debug, Clone)]
pub(crate) struct Guard {
    text_left: Rc<Cell<u64>>,
    row_left: Rc<Cell<u64>>,
    row_bytes_max: u64,
}

impl Guard {
    pub(crate) fn new(limits: &EngineLimits) -> Self {
        let row_bytes_max = limits.row_bytes_max.saturating_add(2 * BUFFER_BYTES as u64);
        let text_left = Rc::new(Cell::new(limits.ingest_bytes_max));
        Self { text_left, row_left: Rc::new(Cell::new(row_bytes_max)), row_bytes_max }
    }
    /// A row has ended: the next may be as long again.
    pub(crate) fn row_ended(&self) {
        self.row_left.set(self.row_bytes_max);
    }
}

/// Why reading stopped, inside an I/O error.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Stop {
    #[error("the input is too large")]
    InputTooLarge,
    #[error("the input grows suspiciously when unpacked")]
    Bomb,
    #[error("a row is too long")]
    RowTooLong,
}

impl TextFile {
    pub(crate) fn open(file: &Path, guard: &Guard) -> Result<Self, EngineError> {
        let packed = Rc::new(Cell::new(0));
        let opened = File::open(file).map_err(|error| cannot_open(file, &error))?;
        let counted = Counted { inner: BufReader::with_capacity(BUFFER_BYTES, opened), read: packed.clone() };
        let mut counted = BufReader::with_capacity(BUFFER_BYTES, counted);
        let gzip = io::BufRead::fill_buf(&mut counted).doing("reading the input")?.starts_with(&[0x1f, 0x8b]);
        let inner: Box<dyn Read> = if gzip {
            Box::new(Unpacked { inner: MultiGzDecoder::new(counted), packed, unpacked: 0 })
        } else {
            Box::new(counted)
        };
        let inner = BufReader::with_capacity(BUFFER_BYTES, inner);
        Ok(Self { inner, guard: guard.clone(), last_byte: 0 })
    }

    /// The last byte read so far that is no line break.
    pub(crate) fn last_byte(&self) -> u8 {
        self.last_byte
    }
}

impl Read for TextFile {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        let last = buffer[..read].iter().rev().find(|byte| !matches!(byte, b'\n' | b'\r'));
        self.last_byte = last.copied().unwrap_or(self.last_byte);
        let spend = |left: &Cell<u64>, stop| match left.get().checked_sub(read as u64) {
            Some(rest) => {
                left.set(rest);
                Ok(())
            }
            None => Err(io::Error::other(stop)),
        };
        spend(&self.guard.text_left, Stop::InputTooLarge)?;
        spend(&self.guard.row_left, Stop::RowTooLong)?;
        Ok(read)
    }
}

struct Counted<R> {
    inner: R,
    read: Rc<Cell<u64>>,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        self.read.set(self.read.get() + read as u64);
        Ok(read)
    }
}

struct Unpacked<R> {
    inner: R,
    packed: Rc<Cell<u64>>,
    unpacked: u64,
}

impl<R: Read> Read for Unpacked<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        self.unpacked += read as u64;
        let limit = self.packed.get().saturating_mul(RATIO_MAX).max(RATIO_FREE_BYTES);
        if self.unpacked > limit { Err(io::Error::other(Stop::Bomb)) } else { Ok(read) }
    }
}

/// What an I/O error while reading `file` says to its owner.
pub(crate) fn read_error(file: &Path, error: &io::Error, limits: &EngineLimits) -> EngineError {
    let file = name(file);
    let stop = error.get_ref().and_then(|inner| inner.downcast_ref::<Stop>());
    let refusal = match (stop, error.kind()) {
        (Some(Stop::InputTooLarge), _) => {
            let reason = format!("The input is larger than {} MiB of text.", limits.ingest_bytes_max >> 20);
            too_large("input-too-large", reason).remedy("Publish it in parts, or raise the node's limit.")
        }
        (Some(Stop::Bomb), _) => {
            let reason = format!("`{file}` grows more than {RATIO_MAX} times when unpacked.");
            too_large("compression-bomb", reason)
                .remedy("Unpack it yourself and publish the text if it is genuine.")
        }
        (Some(Stop::RowTooLong), _) => row_too_long(&file, None, limits),
        (None, io::ErrorKind::UnexpectedEof) => {
            Refusal::invalid("truncated", format!("`{file}` ends in the middle of its compressed data."))
                .remedy("Copy or compress it again.")
        }
        (None, io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData) => {
            Refusal::invalid("corrupt", format!("The compressed data of `{file}` is damaged."))
                .remedy("Copy or compress it again.")
        }
        _ => return crate::Fault::new("reading the input", error.to_string()).into(),
    };
    refusal.into()
}

pub(crate) fn row_too_long(file: &str, line: Option<u64>, limits: &EngineLimits) -> Refusal {
    let place = line.map_or_else(String::new, |line| format!(", line {line}"));
    let reason = format!("`{file}`{place}: a row is longer than {} KiB.", limits.row_bytes_max >> 10);
    too_large("row-too-long", reason)
        .remedy("Look for a quotation mark that is never closed, or leave the long texts out.")
}
