//! Parquet files as tables.

use std::path::Path;
use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use datafusion::common::{Column, Result};
use datafusion::datasource::file_format::parquet::ParquetFormat;
use datafusion::datasource::listing::{ListingOptions, ListingTable, ListingTableConfig, ListingTableUrl};
use datafusion::datasource::provider_as_source;
use datafusion::execution::SessionState;
use datafusion::logical_expr::{Expr, LogicalPlanBuilder, SortExpr};
use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions};
use parquet::file::metadata::{ParquetMetaData, RowGroupMetaData};
use url::Url;

use crate::EngineError;
use crate::catalogue::{ORDERED_BY_KEY, ROW_TEXT_BYTES_KEY, UNIQUE_COLUMNS_KEY};
use crate::compute::ORDER;
use crate::error::Doing;

/// The name of a scanned product inside plans; nobody outside sees it.
const TABLE: &str = "product";

/// A plan that reads a product's file, whose rows are in the order of `order` if that is said.
pub(crate) fn scan(file: &Path, schema: SchemaRef, order: Option<&str>) -> Result<LogicalPlanBuilder> {
    LogicalPlanBuilder::scan(TABLE, provider_as_source(Arc::new(table(file, schema, order)?)), None)
}

fn table(file: &Path, schema: SchemaRef, order: Option<&str>) -> Result<ListingTable> {
    let order = order.map(|column| vec![in_order_of(column)]).into_iter().collect();
    let options = ListingOptions::new(Arc::new(ParquetFormat::default()))
        .with_file_extension_opt(None::<&str>)
        .with_file_sort_order(order);
    ListingTable::try_new(
        ListingTableConfig::new(place(file)?).with_listing_options(options).with_schema(schema),
    )
}

/// The order of a column as files are kept in it.
pub(crate) fn in_order_of(column: &str) -> SortExpr {
    let column = Expr::Column(Column::new_unqualified(column));
    column.sort(!ORDER.descending, ORDER.nulls_first)
}

/// A Parquet file, or a folder of them, with the schema found there.
pub(crate) async fn table_of(path: &Path, session: &SessionState) -> Result<ListingTable> {
    let ending = if path.is_dir() { Some(".parquet") } else { None };
    let options = ListingOptions::new(Arc::new(ParquetFormat::default())).with_file_extension_opt(ending);
    let config = ListingTableConfig::new(place(path)?).with_listing_options(options);
    ListingTable::try_new(config.infer_schema(session).await?)
}

/// As a URL, so that no character of a path has a meaning.
fn place(path: &Path) -> Result<ListingTableUrl> {
    let path = std::path::absolute(path)?;
    let url = if path.is_dir() { Url::from_directory_path(&path) } else { Url::from_file_path(&path) };
    let url = url.map_err(|()| datafusion::common::plan_datafusion_err!("{} is no path", path.display()))?;
    ListingTableUrl::try_new(url, None)
}

/// What `ingest` wrote about a file into it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct About {
    /// Of all row groups, as the file's footer counts them.
    pub(crate) rows: u64,
    unique_columns: Vec<String>,
    /// Columns of which the footer says that they hold no nulls.
    full_columns: Vec<String>,
    row_text_bytes_max: u64,
    /// The column in whose order the rows are.
    ordered_by: Option<String>,
}

/// The texts of one batch should not take more than this, however long they are.
const BATCH_TEXT_BYTES: u64 = 16 << 20;
const BATCH_ROWS_MAX: u64 = 8192;

impl About {
    /// Whether `column` is a key of the file: no value stands in two rows.
    pub(crate) fn is_unique(&self, column: &str) -> bool {
        self.unique_columns.iter().any(|unique| unique == column)
    }

    /// Whether every row has a value in `column`.
    pub(crate) fn is_full(&self, column: &str) -> bool {
        self.full_columns.iter().any(|full| full == column)
    }

    /// The column in whose order the rows are.
    pub(crate) fn order(&self) -> Option<&str> {
        self.ordered_by.as_deref()
    }

    pub(crate) fn is_in_order_of(&self, column: &str) -> bool {
        self.order() == Some(column)
    }

    /// How many rows may be read at once.
    pub(crate) fn batch_rows(&self) -> usize {
        (BATCH_TEXT_BYTES / self.row_text_bytes_max.max(1)).clamp(1, BATCH_ROWS_MAX) as usize
    }
}

/// What is known of a file that `ingest` wrote; of any other, what is safe to think.
///
/// On a thread of its own: a disk may be slow.
pub(crate) async fn about(file: &Path) -> std::result::Result<About, EngineError> {
    let file = file.to_owned();
    tokio::task::spawn_blocking(move || read_about(&file)).await.doing("reading the product's file")?
}

pub(crate) fn footer(file: &Path) -> std::result::Result<ArrowReaderMetadata, EngineError> {
    let opened = std::fs::File::open(file).doing("opening the product's file")?;
    ArrowReaderMetadata::load(&opened, ArrowReaderOptions::new()).doing("reading the product's file")
}

fn read_about(file: &Path) -> std::result::Result<About, EngineError> {
    let metadata = footer(file)?;
    let pairs = metadata.metadata().file_metadata().key_value_metadata();
    let value = |key: &str| pairs.into_iter().flatten().find(|pair| pair.key == key)?.value.as_deref();
    let unique = value(UNIQUE_COLUMNS_KEY).unwrap_or("[]");
    let widest = value(ROW_TEXT_BYTES_KEY).and_then(|bytes| bytes.parse().ok());
    let rows = metadata.metadata().file_metadata().num_rows();
    Ok(About {
        rows: rows.try_into().doing("counting the rows of the product's file")?,
        full_columns: full_columns(metadata.metadata()),
        unique_columns: serde_json::from_str(unique).doing("reading the product's file")?,
        row_text_bytes_max: widest.unwrap_or(BATCH_TEXT_BYTES / 16),
        ordered_by: value(ORDERED_BY_KEY).map(str::to_owned),
    })
}

fn full_columns(metadata: &ParquetMetaData) -> Vec<String> {
    let columns = metadata.file_metadata().schema_descr().columns().iter().enumerate();
    let without_nulls = |place: usize| {
        let nulls = |group: &RowGroupMetaData| group.column(place).statistics()?.null_count_opt();
        metadata.row_groups().iter().all(|group| nulls(group) == Some(0))
    };
    columns.filter(|(place, _)| without_nulls(*place)).map(|(_, column)| column.name().to_owned()).collect()
}

/// How many rows of a file, or of a folder of files, may be read at once.
pub(crate) async fn batch_rows(path: &Path) -> std::result::Result<usize, EngineError> {
    if !path.is_dir() {
        return Ok(about(path).await?.batch_rows());
    }
    let mut fewest = BATCH_ROWS_MAX as usize;
    for entry in std::fs::read_dir(path).doing("listing a product's folder")? {
        let file = entry.doing("listing a product's folder")?.path();
        if file.extension().is_some_and(|ending| ending == "parquet") {
            fewest = fewest.min(about(&file).await?.batch_rows());
        }
    }
    Ok(fewest)
}

/// Lets everything that `session` runs work on at most `rows` at once.
pub(crate) fn read_at_once(session: &mut SessionState, rows: usize) {
    *session.config_mut() = session.config().clone().with_batch_size(rows);
}

/// Lets no step of a plan deal out rows in turn: that spreads work, and ends the order in which they come.
pub(crate) fn keep_order(session: &mut SessionState) {
    session.config_mut().options_mut().optimizer.enable_round_robin_repartition = false;
}
