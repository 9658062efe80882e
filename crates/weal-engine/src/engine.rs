//! The engine: one memory budget, one place to spill, shared by everything that runs.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use datafusion::execution::disk_manager::{DiskManagerBuilder, DiskManagerMode};
use datafusion::execution::memory_pool::FairSpillPool;
use datafusion::execution::runtime_env::{RuntimeEnv, RuntimeEnvBuilder};
use weal_domain::Refusal;
use weal_domain::catalogue::{Product, ProductRef};
use weal_domain::compute::{Answer, Loss, Preview};
use weal_domain::exchange::{Extract, Permit, Statistics};
use weal_domain::identity::MemberName;

use crate::catalogue::{Format, Ingested};
use crate::error::Doing;
use crate::exchange::RowStream;
use crate::{EngineError, EngineLimits, Fault};

/// The Parquet file that a node keeps of one version of a product.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    pub file: PathBuf,
}

/// Runs questions and extracts within [`EngineLimits`]. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Engine {
    limits: Arc<EngineLimits>,
    runtime: Arc<RuntimeEnv>,
}

impl Engine {
    pub fn new(limits: EngineLimits) -> Result<Engine, EngineError> {
        std::fs::create_dir_all(&limits.spill_dir).doing("making the spill folder")?;
        let memory = usize::try_from(limits.memory_bytes_max).unwrap_or(usize::MAX);
        let spill = DiskManagerBuilder::default()
            .with_mode(DiskManagerMode::Directories(vec![limits.spill_dir.clone()]))
            .with_max_temp_directory_size(limits.spill_bytes_max);
        let runtime = RuntimeEnvBuilder::new()
            .with_memory_pool(Arc::new(FairSpillPool::new(memory)))
            .with_disk_manager_builder(spill)
            .build_arc()
            .doing("starting the query engine")?;
        Ok(Engine { limits: Arc::new(limits), runtime })
    }

    /// Takes a file or a folder of files in as one canonical Parquet file at `out`, and profiles it.
    /// `progress` hears the number of rows written so far.
    pub async fn ingest(
        &self,
        input: &Path,
        out: &Path,
        format: Option<Format>,
        progress: &(dyn Fn(u64) + Sync),
    ) -> Result<Ingested, EngineError> {
        let _ = (input, out, format, progress);
        Err(unfinished())
    }

    /// The rows of a product that a permit allows, as a stream in bounded memory.
    pub async fn rows(
        &self,
        permit: &Permit<Extract>,
        product: &Product,
        source: &Source,
    ) -> Result<RowStream, EngineError> {
        let _ = (permit, product, source);
        Err(unfinished())
    }

    /// What a private question will cost and how exact its answer will be. Reads no data.
    pub fn preview(
        &self,
        sql: &str,
        product: &Product,
        member: &MemberName,
        columns: Option<&[String]>,
        loss: Option<Loss>,
    ) -> Result<Preview, Refusal> {
        let _ = (sql, product, member, columns, loss);
        Err(Refusal::invalid("unfinished", "The engine is not finished."))
    }

    /// The private answer. It costs exactly the loss that [`Engine::preview`] gives for the same `loss`.
    pub async fn answer(
        &self,
        permit: &Permit<Statistics>,
        sql: &str,
        product: &Product,
        member: &MemberName,
        source: &Source,
        loss: Loss,
    ) -> Result<Answer, EngineError> {
        let _ = (permit, sql, product, member, source, loss);
        Err(unfinished())
    }

    /// Ordinary SQL over Parquet files, or folders of them, that are already ours to read.
    pub async fn query(&self, sql: &str, tables: &[(ProductRef, PathBuf)]) -> Result<RowStream, EngineError> {
        let _ = (sql, tables, &self.limits, &self.runtime);
        Err(unfinished())
    }
}

fn unfinished() -> EngineError {
    Fault::new("answering", "the engine is not finished").into()
}
