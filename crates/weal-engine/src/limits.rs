//! How much of the machine the engine may take.

use std::path::PathBuf;
use std::time::Duration;

const MIB: u64 = 1 << 20;
const GIB: u64 = 1 << 30;

/// Limits of one engine. The default suits a small server that also does other work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EngineLimits {
    /// Memory of all running questions and extracts together; beyond it they spill to disk.
    pub memory_bytes_max: u64,
    /// Where they spill: a folder of this engine's own, made when missing and emptied at the start.
    pub spill_dir: PathBuf,
    /// Disk that all spills together may take.
    pub spill_bytes_max: u64,
    /// The largest input of one publication, after decompression.
    pub ingest_bytes_max: u64,
    /// The longest row (a CSV record, a JSON line, the texts of a Parquet row).
    pub row_bytes_max: u64,
    /// The most columns of one product.
    pub columns_max: usize,
    /// The most rows of one product.
    pub rows_max: u64,
    /// The most files of a folder that is published as one product.
    pub files_max: usize,
    /// The most groups that one private answer may hold.
    pub groups_max: usize,
    /// The most groups that one private question may find, counted after the noise that decides which show.
    pub groups_found_max: usize,
    /// The most groups that all owners of one question together may send: each sends what it likes, up to what is
    /// read of a peer, and every group is gone through for every number and every owner.
    pub groups_heard_max: usize,
    /// Threads that one question may keep busy.
    pub threads: usize,
    /// Private questions that are computed, and previews that are worked on, at the same time.
    pub questions_at_once_max: usize,
    pub previews_at_once_max: usize,
    /// The longest that a question or a preview waits for its turn.
    pub turn_wait_max: Duration,
    /// The longest that the totals of a private question may take.
    pub question_time_max: Duration,
}

impl Default for EngineLimits {
    fn default() -> Self {
        Self {
            memory_bytes_max: 512 * MIB,
            spill_dir: std::env::temp_dir().join(format!("weal-spill-{}", std::process::id())),
            spill_bytes_max: 16 * GIB,
            ingest_bytes_max: 256 * GIB,
            row_bytes_max: MIB,
            columns_max: 2_000,
            rows_max: 1 << 32,
            files_max: 10_000,
            groups_max: 100_000,
            groups_found_max: 1 << 20,
            // Ten owners of as many groups as each may show.
            groups_heard_max: 1 << 20,
            questions_at_once_max: 4,
            previews_at_once_max: 4,
            turn_wait_max: Duration::from_secs(8),
            question_time_max: Duration::from_secs(80),
            threads: std::thread::available_parallelism().map_or(2, std::num::NonZero::get),
        }
    }
}
