//! Parquet files as tables.

use std::path::Path;
use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use datafusion::common::Result;
use datafusion::datasource::file_format::parquet::ParquetFormat;
use datafusion::datasource::listing::{ListingOptions, ListingTable, ListingTableConfig, ListingTableUrl};
use datafusion::datasource::provider_as_source;
use datafusion::execution::SessionState;
use datafusion::logical_expr::LogicalPlanBuilder;
use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions};
use url::Url;

use crate::EngineError;
use crate::catalogue::UNIQUE_COLUMNS_KEY;
use crate::error::Doing;

/// The name of a scanned product inside plans; nobody outside sees it.
const TABLE: &str = "product";

/// A plan that reads a product's file.
pub(crate) fn scan(file: &Path, schema: SchemaRef) -> Result<LogicalPlanBuilder> {
    LogicalPlanBuilder::scan(TABLE, provider_as_source(Arc::new(table(file, schema)?)), None)
}

fn table(file: &Path, schema: SchemaRef) -> Result<ListingTable> {
    let options =
        ListingOptions::new(Arc::new(ParquetFormat::default())).with_file_extension_opt(None::<&str>);
    ListingTable::try_new(
        ListingTableConfig::new(place(file)?).with_listing_options(options).with_schema(schema),
    )
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

/// Whether `column` is a key of the file: no value stands in two rows. Known of files that `ingest` wrote.
pub(crate) fn is_unique(file: &Path, column: &str) -> std::result::Result<bool, EngineError> {
    let opened = std::fs::File::open(file).doing("opening the product's file")?;
    let metadata =
        ArrowReaderMetadata::load(&opened, ArrowReaderOptions::new()).doing("reading the product's file")?;
    let pairs = metadata.metadata().file_metadata().key_value_metadata();
    let list = pairs.into_iter().flatten().find(|pair| pair.key == UNIQUE_COLUMNS_KEY);
    let list = list.and_then(|pair| pair.value.as_deref()).unwrap_or("[]");
    let list: Vec<String> = serde_json::from_str(list).doing("reading the product's file")?;
    Ok(list.iter().any(|unique| unique == column))
}
