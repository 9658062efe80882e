//! From what an owner has to what a node keeps.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::mpsc;
use weal_domain::Refusal;
use weal_domain::catalogue::Column;
use weal_domain::words::list;

use super::files::Input;
use super::propose::propose;
use super::survey::no_rows;
use super::write::{Output, Sink, Written};
use super::{Format, Ingested, csv_in, ndjson_in, parquet_in};
use crate::{EngineError, EngineLimits, Fault};

/// Columns that a refusal lists.
const NAMES_SHOWN: usize = 40;

/// Does the work on a thread of its own and passes its progress on. A caller who goes away ends it.
pub(crate) async fn ingest(
    limits: Arc<EngineLimits>,
    input: &Path,
    out: &Path,
    format: Option<Format>,
    subject: Option<&str>,
    progress: &(dyn Fn(u64) + Sync),
) -> Result<Ingested, EngineError> {
    let (sender, mut receiver) = mpsc::unbounded_channel();
    let wanted = Wanted::default();
    let still_wanted = wanted.flag();
    let (input, out, subject) = (input.to_owned(), out.to_owned(), subject.map(str::to_owned));
    let mut work = tokio::task::spawn_blocking(move || {
        let heard = move |rows| {
            // Nobody listening any more shows in the flag.
            let _ = sender.send(rows);
            still_wanted.load(Ordering::Relaxed)
        };
        run(&limits, &input, &out, format, subject.as_deref(), &heard)
    });
    let result = loop {
        tokio::select! {
            Some(rows) = receiver.recv() => progress(rows),
            result = &mut work => break result,
        }
    };
    while let Ok(rows) = receiver.try_recv() {
        progress(rows);
    }
    result.unwrap_or_else(|died| Err(Fault::new("publishing", died).into()))
}

/// Says on its way out that the result is no longer wanted.
pub(super) struct Wanted(Arc<AtomicBool>);

impl Default for Wanted {
    fn default() -> Self {
        Self(Arc::new(AtomicBool::new(true)))
    }
}

impl Wanted {
    pub(super) fn flag(&self) -> Arc<AtomicBool> {
        self.0.clone()
    }
}

impl Drop for Wanted {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Relaxed);
    }
}

fn run(
    limits: &EngineLimits,
    path: &Path,
    out: &Path,
    format: Option<Format>,
    subject: Option<&str>,
    heard: &(dyn Fn(u64) -> bool + Sync),
) -> Result<Ingested, EngineError> {
    let input = Input::find(path, format, limits)?;
    let content_sha256 = input.sha256()?;
    let (columns, written) = match input.format {
        Format::Parquet => read_parquet(&input, limits, out, subject, heard)?,
        Format::Csv => {
            let survey = csv_in::survey(&input, limits)?;
            let columns = survey.columns();
            check_subject(&columns, subject)?;
            let mut sink = Sink::new(Output::create(out, &columns, heard)?, &columns);
            csv_in::load(&input, &survey, limits, &mut sink)?;
            (columns, finish(&input, survey.rows, sink)?)
        }
        Format::NdJson => {
            let survey = ndjson_in::survey(&input, limits)?;
            let columns = survey.columns();
            check_subject(&columns, subject)?;
            let mut sink = Sink::new(Output::create(out, &columns, heard)?, &columns);
            ndjson_in::load(&input, &survey, limits, &mut sink)?;
            (columns, finish(&input, survey.rows, sink)?)
        }
    };
    Ok(describe(columns, &written, subject, content_sha256, out.to_owned()))
}

/// The owner may know whose data it is; then no other column is looked for.
fn check_subject(columns: &[Column], subject: Option<&str>) -> Result<(), Refusal> {
    match subject.filter(|subject| !columns.iter().any(|column| column.name == *subject)) {
        None => Ok(()),
        Some(unknown) => {
            let names: Vec<&str> =
                columns.iter().take(NAMES_SHOWN).map(|column| column.name.as_str()).collect();
            Err(Refusal::invalid(
                "column-unknown",
                format!("There is no column `{unknown}` to be the subject."),
            )
            .remedy(format!("Name one of its columns: {}.", list(&names, "or"))))
        }
    }
}

fn finish(input: &Input, rows: u64, sink: Sink<'_>) -> Result<Written, EngineError> {
    if rows == 0 {
        return Err(no_rows().into());
    }
    input.refuse_changed()?;
    sink.finish()
}

/// Reading hostile Parquet may trip over itself inside the library; that is the file's fault, not ours.
fn read_parquet(
    input: &Input,
    limits: &EngineLimits,
    out: &Path,
    subject: Option<&str>,
    heard: &(dyn Fn(u64) -> bool + Sync),
) -> Result<(Vec<Column>, Written), EngineError> {
    let read = || {
        let columns = parquet_in::survey(input, limits)?;
        check_subject(&columns, subject)?;
        let mut output = Output::create(out, &columns, heard)?;
        parquet_in::load(input, &columns, limits, &mut output)?;
        input.refuse_changed()?;
        if output.rows() == 0 {
            return Err(no_rows().into());
        }
        Ok((columns, output.finish()?))
    };
    std::panic::catch_unwind(std::panic::AssertUnwindSafe(read))
        .unwrap_or_else(|_| Err(parquet_in::damaged(&input.files[0]).into()))
}

fn describe(
    mut columns: Vec<Column>,
    written: &Written,
    subject: Option<&str>,
    content_sha256: String,
    file: PathBuf,
) -> Ingested {
    for (column, profile) in columns.iter_mut().zip(&written.profiler.columns) {
        column.nullable = profile.nulls > 0;
    }
    let proposal = propose(&mut columns, &written.profiler, subject);
    Ingested {
        columns,
        profile: written.profiler.profile(),
        rows: written.rows,
        size_bytes: written.size_bytes,
        content_sha256,
        file,
        proposal,
    }
}
