//! A copy of the whole database while it is in use.

use std::path::{Path, PathBuf};

use sqlx::{Connection, Executor};

use crate::open::{Place, make_private_file};
use crate::{Store, StoreError};

impl Store {
    /// Writes a compact, consistent copy of a SQLite database to `path`, which must not exist yet. It is on
    /// the disk when this returns.
    ///
    /// PostgreSQL has its own tools, which also know how to restore: there it is a [`StoreError::Setting`].
    pub async fn backup_to(&self, path: &Path) -> Result<(), StoreError> {
        if self.place == Place::Postgres {
            let reason = "the database is PostgreSQL: back it up with `pg_dump --format=custom`";
            return Err(StoreError::Setting { reason: reason.into() });
        }
        let unusable = |reason: String| StoreError::Setting { reason };
        let target = path.to_str().ok_or_else(|| unusable("the path of a backup must be UTF-8".into()))?;
        if path.exists() {
            return Err(unusable(format!("`{target}` exists already; a backup never overwrites")));
        }
        make_private_file(path)?;
        let copied = self.copy_into(target.to_owned()).await;
        if copied.is_err() {
            // The part of a copy that a full disk leaves behind.
            std::fs::remove_file(path).ok();
        }
        copied
    }

    /// Into an empty file: `VACUUM INTO` reads one snapshot, so writers go on meanwhile.
    async fn copy_into(&self, target: String) -> Result<(), StoreError> {
        // To the connection it is a write, which readers are not allowed: this one does not come back.
        let mut connection = self.readers.acquire().await?.detach();
        connection.execute("PRAGMA query_only = OFF").await?;
        connection.execute(sqlx::query("VACUUM INTO $1").bind(target.clone())).await?;
        connection.close().await?;
        let flushed = tokio::task::spawn_blocking(move || flush(&PathBuf::from(target))).await;
        flushed.map_err(StoreError::fault)?.map_err(|error| sqlx::Error::Io(error).into())
    }
}

/// SQLite does not wait for the disk here. The folder too, or the file's name may be lost.
fn flush(path: &Path) -> std::io::Result<()> {
    std::fs::File::open(path)?.sync_all()?;
    #[cfg(unix)]
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        std::fs::File::open(folder)?.sync_all()?;
    }
    Ok(())
}
