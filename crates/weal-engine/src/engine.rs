//! The engine: one memory budget, one place to spill, shared by everything that runs.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use datafusion::execution::disk_manager::{DiskManagerBuilder, DiskManagerMode};
use datafusion::execution::memory_pool::FairSpillPool;
use datafusion::execution::runtime_env::{RuntimeEnv, RuntimeEnvBuilder};
use datafusion::execution::{SessionState, SessionStateBuilder};
use datafusion::logical_expr::ScalarUDF;
use datafusion::prelude::SessionConfig;
use tokio::sync::Semaphore;
use weal_domain::catalogue::Column;

use crate::catalogue::{Format, Ingested};
use crate::compute::{Planner, Rounding};
use crate::error::Doing;
use crate::{EngineError, EngineLimits};

/// DataFusion's own figure, for memories that can spare it.
const SORT_MERGE_BYTES: usize = 10 << 20;

/// Files from this size on are read by several threads.
const PARALLEL_FILE_BYTES_MIN: usize = 256 << 10;

/// The Parquet file that a node keeps of one version of a product.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    pub file: PathBuf,
}

/// Runs questions and extracts within [`EngineLimits`]. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Engine {
    limits: Arc<EngineLimits>,
    session: Arc<SessionState>,
    sorting: Arc<Sorting>,
    pub(crate) questions: Arc<Semaphore>,
    pub(crate) previews: Arc<Semaphore>,
    /// Files that streams and questions are reading, and how many of them.
    read: Arc<Mutex<HashMap<PathBuf, usize>>>,
}

/// Files are put in order one at a time, in memory of their own: no question waits for it, or fails because of it.
#[derive(Debug)]
struct Sorting {
    runtime: Arc<RuntimeEnv>,
    turn: Semaphore,
}

/// Of the memory of questions, one part in so many is there for putting files in order besides.
const SORTING_PARTS: usize = 8;

/// A file that is being read; until this is dropped it is not discarded.
#[derive(Debug)]
pub(crate) struct BeingRead {
    file: PathBuf,
    read: Arc<Mutex<HashMap<PathBuf, usize>>>,
}

impl Drop for BeingRead {
    fn drop(&mut self) {
        let mut read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(readers) = read.get_mut(&self.file) {
            *readers -= 1;
            if *readers == 0 {
                read.remove(&self.file);
            }
        }
    }
}

/// How often [`Engine::discard`] looks whether a file is still read.
const DISCARD_LOOK: Duration = Duration::from_secs(1);

impl Engine {
    pub fn new(limits: EngineLimits) -> Result<Engine, EngineError> {
        clear(&limits.spill_dir).doing("making the spill folder")?;
        let memory = usize::try_from(limits.memory_bytes_max).unwrap_or(usize::MAX);
        let runtime = |memory: usize| {
            let spill = DiskManagerBuilder::default()
                .with_mode(DiskManagerMode::Directories(vec![limits.spill_dir.clone()]))
                .with_max_temp_directory_size(limits.spill_bytes_max);
            let pool = Arc::new(FairSpillPool::new(memory));
            let builder = RuntimeEnvBuilder::new().with_memory_pool(pool).with_disk_manager_builder(spill);
            builder.build_arc().doing("starting the query engine")
        };
        let sorting = Sorting { runtime: runtime(memory / SORTING_PARTS)?, turn: Semaphore::new(1) };
        let runtime = runtime(memory)?;
        let mut config = SessionConfig::new()
            .with_target_partitions(limits.threads)
            .with_default_catalog_and_schema("weal", "none")
            .with_create_default_catalog_and_schema(false)
            .with_information_schema(false);
        // What a sort keeps back for merging its spills must leave room for the sorts themselves.
        config.options_mut().execution.sort_spill_reservation_bytes = (memory / 32).min(SORT_MERGE_BYTES);
        // What has more than one part of rows is worth more than one reader.
        config.options_mut().optimizer.repartition_file_min_size = PARALLEL_FILE_BYTES_MIN;
        let parquet = &mut config.options_mut().execution.parquet;
        parquet.pushdown_filters = true;
        parquet.reorder_filters = true;
        parquet.schema_force_view_types = false;
        let ours = Rounding::ALL.into_iter().map(|rounding| Arc::new(ScalarUDF::from(rounding)));
        let mut builder = SessionStateBuilder::new()
            .with_config(config)
            .with_runtime_env(runtime)
            .with_default_features()
            .with_query_planner(Arc::new(Planner));
        builder.scalar_functions().get_or_insert_default().extend(ours);
        Ok(Engine {
            sorting: Arc::new(sorting),
            questions: Arc::new(Semaphore::new(limits.questions_at_once_max)),
            previews: Arc::new(Semaphore::new(limits.previews_at_once_max)),
            limits: Arc::new(limits),
            session: Arc::new(builder.build()),
            read: Arc::default(),
        })
    }

    /// Takes a file or a folder of files in as one canonical Parquet file at `out`, and profiles it.
    /// `progress` hears the number of rows written so far.
    ///
    /// Until it succeeds there is nothing at `out`, or what was there before.
    pub async fn ingest(
        &self,
        input: &Path,
        out: &Path,
        format: Option<Format>,
        progress: &(dyn Fn(u64) + Sync),
    ) -> Result<Ingested, EngineError> {
        self.ingest_about(input, out, format, None, progress).await
    }

    /// As [`Engine::ingest`], with the column that the owner says tells the subjects apart.
    pub async fn ingest_about(
        &self,
        input: &Path,
        out: &Path,
        format: Option<Format>,
        subject: Option<&str>,
        progress: &(dyn Fn(u64) + Sync),
    ) -> Result<Ingested, EngineError> {
        crate::catalogue::ingest(self.limits.clone(), input, out, format, subject, progress).await
    }

    /// Puts the rows of a file that was ingested, and that nothing reads yet, in the order of its subject `column`: what
    /// a person has is then found together, and a question need not gather it. Answers are the same. How many bytes
    /// the file has then; where it fails the file is as it was.
    pub async fn put_in_order(
        &self,
        file: &Path,
        columns: &[Column],
        column: &str,
    ) -> Result<u64, EngineError> {
        let _turn = self.sorting.turn.acquire().await.doing("waiting for a turn to sort")?;
        let mut session = SessionStateBuilder::new_from_existing(self.session())
            .with_runtime_env(self.sorting.runtime.clone())
            .build();
        let execution = &mut session.config_mut().options_mut().execution;
        execution.sort_spill_reservation_bytes /= SORTING_PARTS;
        crate::catalogue::put_in_order(session, file, columns, column).await
    }

    pub(crate) fn begin_reading(&self, file: &Path) -> BeingRead {
        let mut read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        *read.entry(file.to_owned()).or_default() += 1;
        BeingRead { file: file.to_owned(), read: self.read.clone() }
    }

    /// Removes a file of a former version once nothing of this engine reads it any more.
    pub async fn discard(&self, file: &Path) -> std::io::Result<()> {
        while !self.discarded(file)? {
            tokio::time::sleep(DISCARD_LOOK).await;
        }
        Ok(())
    }

    /// Whether the file is gone; the lock is held over the removal, so that no reader begins in between.
    fn discarded(&self, file: &Path) -> std::io::Result<bool> {
        let read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        if read.contains_key(file) {
            return Ok(false);
        }
        match std::fs::remove_file(file) {
            Err(cause) if cause.kind() != std::io::ErrorKind::NotFound => Err(cause),
            _ => Ok(true),
        }
    }

    #[must_use]
    pub fn limits(&self) -> &EngineLimits {
        &self.limits
    }

    /// A state of its own for one question; memory and spill space are shared.
    pub(crate) fn session(&self) -> SessionState {
        let fresh = SessionStateBuilder::new_from_existing((*self.session).clone());
        // Tables are named per question.
        fresh.with_catalog_list(Arc::new(datafusion::catalog::MemoryCatalogProviderList::new())).build()
    }
}

/// Makes the spill folder, and empties it: what lies there was left by a process that died.
fn clear(folder: &Path) -> std::io::Result<()> {
    std::fs::create_dir_all(folder)?;
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        // Only what DataFusion makes there, should somebody name a folder of other things.
        let ours = path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("datafusion-"));
        if ours && path.is_dir() {
            std::fs::remove_dir_all(path)?;
        }
    }
    Ok(())
}
