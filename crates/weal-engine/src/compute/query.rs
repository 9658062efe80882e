//! Ordinary SQL over files that are ours to read: what was released to us, or what we own.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use datafusion::catalog::{CatalogProvider, MemoryCatalogProvider, MemorySchemaProvider, SchemaProvider};
use datafusion::datasource::TableProvider;
use datafusion::execution::SessionState;
use datafusion::physical_plan::execute_stream;
use datafusion::sql::parser::Statement;
use datafusion::sql::sqlparser::ast::Statement as SqlStatement;
use weal_domain::Refusal;
use weal_domain::catalogue::{Column, ColumnKind, Identifying, ProductRef};

use super::names::{Columns, name_columns, settle_names};
use super::question::look_at;
use super::refuse::planning;
use super::sql::parse_question;
use crate::error::Doing;
use crate::exchange::{RowStream, uncomputable};
use crate::scan::{batch_rows, read_at_once, table_of};
use crate::{Engine, EngineError};

const CATALOG: &str = "weal";

impl Engine {
    /// Ordinary SQL over Parquet files, or folders of them, that are already ours to read.
    pub async fn query(&self, sql: &str, tables: &[(ProductRef, PathBuf)]) -> Result<RowStream, EngineError> {
        let mut query = parse_question(sql)?;
        let named = look_at(&query)?.tables;
        let mut session = self.session();
        let mut columns = Columns::new();
        let mut schemas: BTreeMap<String, Arc<MemorySchemaProvider>> = BTreeMap::new();
        for product in &named {
            let Some((_, path)) = tables.iter().find(|(known, _)| known == product) else {
                return Err(not_here(product, tables).into());
            };
            let rows = batch_rows(path).await?.min(session.config().batch_size());
            read_at_once(&mut session, rows);
            let table = table_of(path, &session).await.doing("opening a product's file")?;
            let names = table.schema().fields().iter().map(|field| field.name().clone()).collect();
            columns.insert(product.clone(), names);
            let schema = schemas.entry(product.member.to_string()).or_default();
            schema.register_table(product.product.to_string(), Arc::new(table)).doing("naming a product")?;
        }
        let catalog = MemoryCatalogProvider::new();
        for (member, schema) in schemas {
            catalog.register_schema(&member, schema).doing("naming a product")?;
        }
        session.catalog_list().register_catalog(CATALOG.to_owned(), Arc::new(catalog));
        name_columns(&mut query);
        settle_names(&mut query, &columns);
        self.run(*query, &columns, &session).await
    }

    async fn run(
        &self,
        query: datafusion::sql::sqlparser::ast::Query,
        columns: &Columns,
        session: &SessionState,
    ) -> Result<RowStream, EngineError> {
        let statement = Statement::Statement(Box::new(SqlStatement::Query(Box::new(query))));
        let known: Vec<Column> = columns.values().flatten().map(|name| shown(name)).collect();
        let refused = |error| planning(&error, "the products asked about", &known, &known);
        let plan = session.statement_to_plan(statement).await.map_err(refused)?;
        let plan = session.optimize(&plan).map_err(refused)?;
        let physical =
            session.query_planner().create_physical_plan(&plan, session).await.doing("planning a query")?;
        let stream = execute_stream(physical, session.task_ctx()).doing("starting a query")?;
        Ok(RowStream::of(stream, "answering a query", uncomputable))
    }
}

/// A column of which only the name matters.
fn shown(name: &str) -> Column {
    Column {
        name: name.to_owned(),
        kind: ColumnKind::Text,
        nullable: true,
        identifying: Identifying::No,
        description: None,
    }
}

fn not_here(product: &ProductRef, tables: &[(ProductRef, PathBuf)]) -> Refusal {
    let names: Vec<_> = tables.iter().take(30).map(|(known, _)| format!("`{known}`")).collect();
    let names = if names.is_empty() { "nothing".to_owned() } else { names.join(", ") };
    Refusal::not_found("product-not-here", format!("There are no rows of `{product}` here."))
        .remedy(format!("Here are {names}. For others, request an agreement with `weal request`."))
}
