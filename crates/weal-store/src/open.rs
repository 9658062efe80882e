//! The store: where it is, how it is opened, how a transaction begins.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use sqlx::any::AnyPoolOptions;
use sqlx::{AnyConnection, AnyPool, Connection, Executor};

use crate::flush::Flush;
use crate::{StoreError, Tx, migrate, tx};

/// How a store is opened.
#[derive(Debug, Clone)]
pub struct OpenOptions {
    /// Connections for readers. One more writes.
    pub connections_max: u32,
    /// How long a writer waits for its turn, or anyone for a connection, before [`StoreError::Busy`].
    pub wait_ms_max: u64,
    /// SQLite only: the largest size of the file in pages of 4096 bytes; beyond it [`StoreError::Full`].
    pub pages_max: Option<u32>,
    /// Whether a SQLite file that is not there is made.
    pub create: bool,
}

impl Default for OpenOptions {
    fn default() -> Self {
        Self { connections_max: 8, wait_ms_max: 10_000, pages_max: None, create: true }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    Sqlite,
    Postgres,
}

/// An open database. Cheap to clone; all clones share the connections.
#[derive(Debug, Clone)]
pub struct Store {
    pub(crate) readers: AnyPool,
    /// The one connection that writes: writers queue here in order of arrival, instead of failing on
    /// SQLite's file lock or of keeping PostgreSQL's connections from the readers.
    pub(crate) writer: AnyPool,
    pub(crate) place: Place,
    /// What makes a commit durable, where the database leaves that to us.
    flush: Option<Arc<Flush>>,
}

impl Store {
    /// Opens the database at `url` and brings its schema up to this program's version.
    ///
    /// `url` is `sqlite:///folder/node.db` (see [`sqlite_url`]) or `postgres://user@host/database`.
    pub async fn open(url: &str, options: OpenOptions) -> Result<Self, StoreError> {
        sqlx::any::install_default_drivers();
        let store = match url.split_once("://").map(|(scheme, _)| scheme) {
            Some("sqlite") => open_sqlite(url, &options).await?,
            Some("postgres" | "postgresql") => open_postgres(url, &options).await?,
            _ => {
                let reason = "the database URL must begin with `sqlite:///` or `postgres://`";
                return Err(StoreError::Setting { reason: reason.into() });
            }
        };
        migrate::bring_up(&store).await?;
        Ok(store)
    }

    /// A transaction that only reads, and sees the database as it was when it began to read.
    ///
    /// `label` names the act in logs, for example `http.catalogue`.
    pub async fn read(&self, label: &'static str) -> Result<Tx, StoreError> {
        let statement = match self.place {
            Place::Sqlite => "BEGIN",
            Place::Postgres => "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
        };
        Tx::begin(&self.readers, label, statement, None).await
    }

    /// A transaction that may write. It waits until no other is writing, in this process or another.
    pub async fn write(&self, label: &'static str) -> Result<Tx, StoreError> {
        match self.place {
            Place::Sqlite => Tx::begin(&self.writer, label, "BEGIN IMMEDIATE", self.flush.clone()).await,
            Place::Postgres => {
                let mut tx = Tx::begin(&self.writer, label, "BEGIN", None).await?;
                // Each statement of a READ COMMITTED transaction sees what was committed before it, so
                // everything after this line sees the last writer's work. One lock per schema.
                let lock = "SELECT pg_advisory_xact_lock(2003133804, hashtext(current_schema()))";
                tx.run(tx::sql(lock)).await?;
                Ok(tx)
            }
        }
    }

    /// `SQLite` or `PostgreSQL`, for people.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self.place {
            Place::Sqlite => "SQLite",
            Place::Postgres => "PostgreSQL",
        }
    }

    /// Waits for the running transactions and closes every connection.
    pub async fn close(&self) {
        self.readers.close().await;
        // Last, so that SQLite can fold its write-ahead log into the file.
        self.writer.close().await;
    }
}

/// The URL of a SQLite file, with the characters escaped that mean something in a URL.
#[must_use]
pub fn sqlite_url(path: &Path) -> String {
    let mut url = String::from("sqlite://");
    for character in path.to_string_lossy().chars() {
        match character {
            '%' | '?' | '#' | ' ' => url.push_str(&format!("%{:02X}", character as u32)),
            plain => url.push(plain),
        }
    }
    url
}

async fn open_sqlite(url: &str, options: &OpenOptions) -> Result<Store, StoreError> {
    let path = sqlite_path(url)?;
    if options.create {
        make_private_file(&path)?;
    } else if !path.is_file() {
        let reason = format!("there is no database at `{}`", path.display());
        return Err(StoreError::Setting { reason });
    }
    let file = format!("{}?mode=rw", sqlite_url(&path));
    let wait_ms = options.wait_ms_max;
    let setup = format!(
        "PRAGMA busy_timeout = {wait_ms}; PRAGMA synchronous = NORMAL; PRAGMA foreign_keys = ON; \
         PRAGMA trusted_schema = OFF;"
    );
    let page_limit = options.pages_max.map_or(String::new(), |max| format!("PRAGMA max_page_count = {max};"));
    let writing = format!("{setup} {page_limit}");
    // The file remembers that it keeps a write-ahead log. Of two that turn it on at once, SQLite sends one
    // away without waiting.
    let turn_on = format!("{writing} PRAGMA journal_mode = WAL;");
    let patience = Instant::now() + Duration::from_millis(wait_ms);
    while let Err(error) = try_out(&file, &turn_on).await {
        if !matches!(error, StoreError::Busy) || Instant::now() > patience {
            return Err(error);
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let reading = format!("{setup} PRAGMA query_only = ON;");
    let readers = pool(options, reading).max_connections(options.connections_max).connect_lazy(&file)?;
    let writer = pool(options, writing).max_connections(1).connect_lazy(&file)?;
    Ok(Store { readers, writer, place: Place::Sqlite, flush: Some(Arc::new(Flush::of(&path))) })
}

async fn open_postgres(url: &str, options: &OpenOptions) -> Result<Store, StoreError> {
    let wait_ms = options.wait_ms_max;
    // A node that hangs inside a transaction must not keep all others from writing.
    let setup = format!("SET lock_timeout = {wait_ms}; SET idle_in_transaction_session_timeout = 60000;");
    try_out(url, &setup).await?;
    let readers = pool(options, setup.clone()).max_connections(options.connections_max).connect_lazy(url)?;
    let writer = pool(options, setup).max_connections(1).connect_lazy(url)?;
    Ok(Store { readers, writer, place: Place::Postgres, flush: None })
}

/// Connects once outside the pools: they try again until their time is up and then only say that they
/// were busy, where a wrong password or a damaged file should be named at once.
async fn try_out(url: &str, setup: &str) -> Result<(), StoreError> {
    let mut connection = AnyConnection::connect(url).await?;
    connection.execute(sqlx::raw_sql(sqlx::AssertSqlSafe(setup.to_owned()))).await?;
    Ok(connection.close().await?)
}

fn pool(options: &OpenOptions, setup: String) -> AnyPoolOptions {
    AnyPoolOptions::new()
        .acquire_timeout(Duration::from_millis(options.wait_ms_max))
        .idle_timeout(None)
        .max_lifetime(None)
        // SQLite rolls back by itself on some errors (a full disk is one). The driver, which counts
        // transactions, then believes in one that is gone and would refuse every later one.
        .before_acquire(|connection: &mut AnyConnection, _| {
            let usable = !connection.is_in_transaction();
            Box::pin(async move { Ok(usable) })
        })
        .after_connect(move |connection: &mut AnyConnection, _| {
            let setup = setup.clone();
            Box::pin(async move {
                connection.execute(sqlx::raw_sql(sqlx::AssertSqlSafe(setup))).await.map(|_| ())
            })
        })
}

fn sqlite_path(url: &str) -> Result<PathBuf, StoreError> {
    let unusable = |reason: &str| StoreError::Setting { reason: reason.into() };
    let rest = url.strip_prefix("sqlite://").unwrap_or_default();
    if rest.is_empty() || rest.contains(":memory:") {
        return Err(unusable("a SQLite URL names a file: `sqlite:///folder/node.db`"));
    }
    if rest.contains(['?', '#']) {
        return Err(unusable("a SQLite URL has no parameters: write `sqlite:///folder/node.db`"));
    }
    let mut bytes = Vec::with_capacity(rest.len());
    let mut left = rest.bytes();
    while let Some(byte) = left.next() {
        if byte == b'%' {
            let digits = [left.next().unwrap_or(b'?'), left.next().unwrap_or(b'?')];
            let text = std::str::from_utf8(&digits).unwrap_or("?");
            bytes.push(
                u8::from_str_radix(text, 16).map_err(|_| unusable("the SQLite URL has a bad % escape"))?,
            );
        } else {
            bytes.push(byte);
        }
    }
    String::from_utf8(bytes).map(PathBuf::from).map_err(|_| unusable("the SQLite URL is not UTF-8"))
}

/// SQLite would make the file readable for everyone on the machine; it holds people's roles and digests
/// of credentials. The log beside it inherits the file's mode.
pub(crate) fn make_private_file(path: &Path) -> Result<(), StoreError> {
    let mut open = std::fs::OpenOptions::new();
    open.write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut open, 0o600);
    match open.open(path) {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == std::io::ErrorKind::StorageFull => Err(StoreError::Full),
        Err(error) => {
            Err(StoreError::Setting { reason: format!("cannot make `{}`: {error}", path.display()) })
        }
    }
}
