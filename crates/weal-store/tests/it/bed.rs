//! An empty database for one test, of either kind.

use std::sync::atomic::{AtomicU32, Ordering};

use sqlx::{AnyConnection, Connection, Executor};
use tempfile::TempDir;
use weal_store::{OpenOptions, Store, sqlite_url};

/// Where one test's data is. Gone when the test is over.
#[derive(Debug)]
pub(crate) struct Bed {
    pub(crate) url: String,
    schema: Option<(String, String)>,
    pub(crate) folder: TempDir,
}

impl Bed {
    pub(crate) fn sqlite() -> Bed {
        let folder = tempfile::tempdir().unwrap();
        Bed { url: sqlite_url(&folder.path().join("node.db")), schema: None, folder }
    }

    /// A schema of its own on the server that the environment names.
    pub(crate) async fn postgres() -> Option<Bed> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let Ok(server) = std::env::var("WEAL_TEST_POSTGRES_URL") else {
            eprintln!("skipped: WEAL_TEST_POSTGRES_URL is not set (run it under `.ci/postgres`)");
            return None;
        };
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let nanos = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap().subsec_nanos();
        let schema = format!("bed_{}_{count}_{nanos}", std::process::id());
        run(&server, format!("CREATE SCHEMA {schema}")).await;
        let joint = if server.contains('?') { '&' } else { '?' };
        let url = format!("{server}{joint}options=-csearch_path%3D{schema}");
        Some(Bed { url, schema: Some((server, schema)), folder: tempfile::tempdir().unwrap() })
    }

    pub(crate) async fn open(&self) -> Store {
        self.open_with(OpenOptions::default()).await
    }

    pub(crate) async fn open_with(&self, options: OpenOptions) -> Store {
        Store::open(&self.url, options).await.unwrap()
    }

    /// SQL behind the store's back.
    pub(crate) async fn meddle(&self, sql: &str) {
        run(&self.url, sql.to_owned()).await;
    }

    /// A number, counted behind the store's back.
    pub(crate) async fn count(&self, sql: &str) -> i64 {
        sqlx::any::install_default_drivers();
        let mut connection = AnyConnection::connect(&self.url).await.unwrap();
        let query = sqlx::query_scalar(sqlx::AssertSqlSafe(sql.to_owned()));
        let count = query.fetch_one(&mut connection).await.unwrap();
        connection.close().await.unwrap();
        count
    }

    /// Takes back what the ninth migration did, and all after it.
    pub(crate) async fn as_before_the_budgets(&self) {
        for statement in [
            "DROP TABLE shown_text",
            "DROP INDEX entry_said",
            "ALTER TABLE entry DROP COLUMN said",
            "DROP INDEX budget_product",
            "DELETE FROM budget WHERE account LIKE 'member:%' OR account LIKE 'analyst:%'",
            "ALTER TABLE budget DROP COLUMN product",
            "ALTER TABLE budget DROP COLUMN renewed_rho",
            "ALTER TABLE budget DROP COLUMN renewed_delta",
            "ALTER TABLE budget DROP COLUMN renewed_ms",
            "DROP TABLE budget_event",
            "DROP TABLE kept_answer",
            "UPDATE schema_version SET version = 8",
        ] {
            self.meddle(statement).await;
        }
    }

    /// Takes back what the seventh migration did, and all after it.
    pub(crate) async fn as_before_the_bounds(&self) {
        self.as_before_the_budgets().await;
        for statement in [
            "DROP INDEX shown_reader",
            "DROP TABLE shown_version",
            "CREATE TABLE shown_version (audience TEXT NOT NULL PRIMARY KEY, name TEXT NOT NULL)",
            "INSERT INTO shown_version (audience, name) VALUES ('*', 'a digest')",
            "ALTER TABLE shown DROP COLUMN class",
            "ALTER TABLE entry_index DROP COLUMN made_up_to",
            "ALTER TABLE foreign_source DROP COLUMN bytes",
            "UPDATE schema_version SET version = 6",
        ] {
            self.meddle(statement).await;
        }
    }

    /// Takes back what the fifth migration did, and all after it.
    pub(crate) async fn as_before_the_catalogue(&self) {
        self.as_before_the_budgets().await;
        for table in ["shown", "shown_version", "entry", "entry_stale", "entry_index", "posting", "word"] {
            self.meddle(&format!("DROP TABLE {table}")).await;
        }
        for statement in [
            "DROP INDEX product_bytewise",
            "DROP INDEX product_identifier",
            "DROP INDEX product_updated",
            "ALTER TABLE product DROP COLUMN identifier",
            "ALTER TABLE product DROP COLUMN updated_ms",
            "ALTER TABLE foreign_source DROP COLUMN bytes",
            "CREATE TABLE peer_entry (peer TEXT NOT NULL)",
            "ALTER TABLE foreign_source DROP COLUMN whence",
            "ALTER TABLE foreign_source DROP COLUMN content_sha256",
            "ALTER TABLE status_place DROP COLUMN kinds",
            "ALTER TABLE status_place DROP COLUMN until_ms",
            "UPDATE schema_version SET version = 4",
        ] {
            self.meddle(statement).await;
        }
    }

    pub(crate) async fn clear(self) {
        if let Some((server, schema)) = &self.schema {
            run(server, format!("DROP SCHEMA {schema} CASCADE")).await;
        }
    }
}

async fn run(url: &str, sql: String) {
    try_run(url, &sql).await.unwrap();
}

/// SQL that the database may refuse.
pub(crate) async fn try_run(url: &str, sql: &str) -> Result<(), sqlx::Error> {
    sqlx::any::install_default_drivers();
    let mut connection = AnyConnection::connect(url).await?;
    let done = connection.execute(sqlx::raw_sql(sqlx::AssertSqlSafe(sql.to_owned()))).await;
    connection.close().await?;
    done.map(drop)
}

/// Makes of each `async fn name(bed: &Bed)` a test on SQLite and one on PostgreSQL.
macro_rules! on_both {
    ($($name:ident),* $(,)?) => {
        mod on_sqlite {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $name() {
                    let bed = $crate::bed::Bed::sqlite();
                    super::$name(&bed).await;
                    bed.clear().await;
                }
            )*
        }
        mod on_postgres {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $name() {
                    let Some(bed) = $crate::bed::Bed::postgres().await else { return };
                    super::$name(&bed).await;
                    bed.clear().await;
                }
            )*
        }
    };
}
pub(crate) use on_both;
