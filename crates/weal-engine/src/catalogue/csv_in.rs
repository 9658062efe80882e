//! CSV: RFC 4180, with a header, in UTF-8; the separator may be a comma, semicolon, tab or bar.

use std::io::Read;
use std::path::Path;

use csv::{ByteRecord, Reader, ReaderBuilder};
use weal_domain::Refusal;

use super::files::{Guard, Input, TextFile, changed, name, read_error, row_too_long};
use super::survey::{Survey, check_names, check_rows};
use super::values::Guess;
use super::write::Sink;
use crate::{EngineError, EngineLimits};

const SEPARATORS: [u8; 4] = [b',', b';', b'\t', b'|'];
/// How much of a file the search for its separator looks at.
const HEADER_BYTES_MAX: u64 = 64 << 10;

/// First pass: the header, and the kind of every column over all rows.
pub(crate) fn survey(input: &Input, limits: &EngineLimits) -> Result<Survey, EngineError> {
    let mut survey: Option<Survey> = None;
    let guard = Guard::new(limits);
    for file in &input.files {
        let mut records = Records::open(file, &guard, limits)?;
        let header = records.header(limits)?;
        let survey = survey.get_or_insert_with(|| Survey::of(header.clone()));
        if survey.names != header {
            return Err(different_columns(&input.files[0], file).into());
        }
        while records.advance(header.len())? {
            survey.rows += 1;
            check_rows(survey.rows, limits)?;
            for (column, guess) in survey.guesses.iter_mut().enumerate() {
                let field = records.field(column, &header)?;
                if !field.is_empty() {
                    guess.see(field);
                }
            }
        }
    }
    survey.ok_or_else(|| Refusal::invalid("empty-input", "There is nothing to publish.").into())
}

/// Second pass: every row into the sink.
pub(crate) fn load(
    input: &Input,
    survey: &Survey,
    limits: &EngineLimits,
    sink: &mut Sink,
) -> Result<(), EngineError> {
    let guard = Guard::new(limits);
    for file in &input.files {
        let mut records = Records::open(file, &guard, limits)?;
        let header = records.header(limits)?;
        while records.advance(survey.names.len())? {
            for column in 0..survey.names.len() {
                let field = records.field(column, &header)?;
                if !sink.push_text(column, field) {
                    return Err(changed(file).into());
                }
            }
            sink.end_row()?;
        }
    }
    Ok(())
}

struct Records<'a> {
    file: &'a Path,
    reader: Reader<TextFile>,
    record: ByteRecord,
    /// Where the last row begins, if its last field holds a line break and was therefore quoted.
    quoted_from: Option<u64>,
    guard: Guard,
    limits: &'a EngineLimits,
}

impl<'a> Records<'a> {
    fn open(file: &'a Path, guard: &Guard, limits: &'a EngineLimits) -> Result<Self, EngineError> {
        guard.row_ended();
        let separator = find_separator(file, limits)?;
        let reader = ReaderBuilder::new()
            .has_headers(false)
            .flexible(true)
            .delimiter(separator)
            .buffer_capacity(128 << 10)
            .from_reader(TextFile::open(file, guard)?);
        Ok(Self { file, reader, record: ByteRecord::new(), quoted_from: None, guard: guard.clone(), limits })
    }

    fn read(&mut self) -> Result<bool, EngineError> {
        let more =
            self.reader.read_byte_record(&mut self.record).map_err(|error| match error.into_kind() {
                csv::ErrorKind::Io(error) => read_error(self.file, &error, self.limits),
                other => crate::Fault::new("reading CSV", format!("{other:?}")).into(),
            })?;
        self.guard.row_ended();
        Ok(more)
    }

    /// Where the record begins. The reader only says where it began to look, blank lines included.
    fn line(&self) -> u64 {
        let looked_from = self.record.position().map_or(0, csv::Position::line);
        let inside = self.record.as_slice().iter().filter(|&&byte| byte == b'\n').count() as u64;
        looked_from.max(self.reader.position().line().saturating_sub(1 + inside))
    }

    fn header(&mut self, limits: &EngineLimits) -> Result<Vec<String>, EngineError> {
        if !self.read()? {
            let reason = format!("`{}` is empty.", name(self.file));
            return Err(Refusal::invalid("empty-input", reason)
                .remedy("Publish a file with a header and rows.")
                .into());
        }
        if self
            .record
            .get(0)
            .is_some_and(|field| field.starts_with(&[0xff, 0xfe]) || field.starts_with(&[0xfe, 0xff]))
        {
            return Err(not_utf8(self.file, 1, None, "UTF-16").into());
        }
        let mut names = Vec::with_capacity(self.record.len());
        for (column, field) in self.record.iter().enumerate() {
            let text = std::str::from_utf8(field)
                .map_err(|_| not_utf8(self.file, 1, Some((column, "")), "LATIN1"))?;
            names.push(text.trim_start_matches('\u{feff}').trim().to_owned());
        }
        check_names(&name(self.file), &names, limits)?;
        Ok(names)
    }

    /// Moves to the next row, which must have `columns` fields.
    fn advance(&mut self, columns: usize) -> Result<bool, EngineError> {
        if !self.read()? {
            // A quote that nobody closed takes the rest of the file for one field.
            return match self.quoted_from {
                Some(line) if self.reader.get_ref().last_byte() != b'"' => {
                    Err(quote_open(self.file, line).into())
                }
                _ => Ok(false),
            };
        }
        let last = self.record.get(self.record.len().saturating_sub(1)).unwrap_or_default();
        self.quoted_from = (last.contains(&b'\n') || last.contains(&b'\r')).then(|| self.line());
        if self.record.len() != columns {
            let (line, found) = (self.line(), self.record.len());
            let reason = format!(
                "`{}`, line {line}: the number of fields is {found}, and the header has {columns}.",
                name(self.file)
            );
            return Err(Refusal::invalid("ragged-row", reason)
                .remedy("Quote fields that hold the separator, and give every row all fields.")
                .into());
        }
        if self.record.as_slice().len() as u64 > self.limits.row_bytes_max {
            return Err(row_too_long(&name(self.file), Some(self.line()), self.limits).into());
        }
        Ok(true)
    }

    fn field(&self, column: usize, header: &[String]) -> Result<&str, EngineError> {
        std::str::from_utf8(&self.record[column])
            .map_err(|_| not_utf8(self.file, self.line(), Some((column, &header[column])), "LATIN1").into())
    }
}

fn quote_open(file: &Path, line: u64) -> Refusal {
    let reason = format!("`{}`, line {line}: a quotation mark opens a field and none closes it.", name(file));
    Refusal::invalid("quote-open", reason)
        .remedy("Close the quoted field, or double the mark if it is meant.")
}

fn not_utf8(file: &Path, line: u64, column: Option<(usize, &str)>, likely: &str) -> Refusal {
    let place = column.map_or_else(String::new, |(i, name)| {
        if name.is_empty() { format!(", column {}", i + 1) } else { format!(", column {} `{name}`", i + 1) }
    });
    let file = name(file);
    Refusal::invalid("not-utf8", format!("`{file}`, line {line}{place}: the text is not UTF-8."))
        .remedy(format!("Convert it first, for example with `iconv -f {likely} -t UTF-8 {file}`."))
}

fn different_columns(first: &Path, other: &Path) -> Refusal {
    let reason = format!("`{}` has other columns than `{}`.", name(other), name(first));
    Refusal::invalid("different-columns", reason)
        .remedy("All files of a folder need the same header; publish the others as a product of their own.")
}

/// The separator that cuts the header into the most fields.
fn find_separator(file: &Path, limits: &EngineLimits) -> Result<u8, EngineError> {
    let mut start = Vec::new();
    TextFile::open(file, &Guard::new(limits))?
        .take(HEADER_BYTES_MAX)
        .read_to_end(&mut start)
        .map_err(|error| read_error(file, &error, limits))?;
    let mut counts = [0_usize; SEPARATORS.len()];
    let mut quoted = false;
    for &byte in start.iter().take_while(|&&byte| byte != b'\n') {
        quoted ^= byte == b'"';
        if let (false, Some(i)) = (quoted, SEPARATORS.iter().position(|&separator| separator == byte)) {
            counts[i] += 1;
        }
    }
    let best = (0..SEPARATORS.len()).rev().max_by_key(|&i| counts[i]).unwrap_or(0);
    Ok(SEPARATORS[best])
}

impl Survey {
    fn of(names: Vec<String>) -> Self {
        let columns = names.len();
        Survey { names, guesses: vec![Guess::default(); columns], rows: 0 }
    }
}
